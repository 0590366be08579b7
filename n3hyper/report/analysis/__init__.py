"""What the trials of a report say: importance, ranges, summaries, and the view that is shown."""
