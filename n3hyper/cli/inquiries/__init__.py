"""Commands for questions before a scan and while it runs: check, datasets, theories, status."""
