"""Pure NumPy physics: bases, quadrature, sum rules, chi2 and its relatives."""
