"""What the trials of a report say: importance, ranges, convergence, and the view that is shown."""
