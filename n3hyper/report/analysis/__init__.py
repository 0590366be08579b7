"""What the trials of a report say: importance, ranges, convergence, summaries."""
