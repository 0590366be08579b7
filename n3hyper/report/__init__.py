"""What a scan found: reads trials, and nothing else; tables, figures, pages, runcards."""
