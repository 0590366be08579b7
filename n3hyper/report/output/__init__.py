"""Output of a report: terminal, page, figures, tables for other programs, runcards."""
