"""The report of a fit: its PDFs, how they describe the data, and what the ensemble does."""
