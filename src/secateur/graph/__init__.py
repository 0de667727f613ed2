"""What does the network look like: its weights, and its ONNX graph."""
