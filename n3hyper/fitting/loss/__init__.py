"""Predictions and their losses: tables, chi2, Lagrange multipliers."""
