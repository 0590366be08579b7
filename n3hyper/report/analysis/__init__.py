"""Analysis of trials: importance, ranges, summaries, and the view that is shown."""
