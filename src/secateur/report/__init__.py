"""What does a run prove? Numbers collected, and their views: text, JSON, HTML."""
