"""DIS coefficient functions from yadism, folded with the interpolation polynomials."""
