"""The words that every other part speaks: masks, groups, scores, tasks, metrics."""
