"""What predictions are and how far they are from data: tables, chi2, Lagrange multipliers."""
