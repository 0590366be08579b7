"""How a report is shown: terminal, page, figures, tables for other programs, runcards."""
