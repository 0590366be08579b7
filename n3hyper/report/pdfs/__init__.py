"""Report of a fit: its PDFs, how they describe the data, and the history of the ensemble."""
