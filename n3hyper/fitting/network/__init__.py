"""Networks as PDFs: their weights, their inputs, and what they give."""
