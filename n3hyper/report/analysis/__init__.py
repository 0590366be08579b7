"""What trials say of hyperparameters: importance, ranges, summaries."""
