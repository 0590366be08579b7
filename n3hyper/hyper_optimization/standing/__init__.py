"""State of a scan or a fit while it runs, for other terminals."""
