"""What a report is given out as: terminal, tables, figures, pages, runcards."""
