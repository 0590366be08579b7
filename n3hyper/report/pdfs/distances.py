"""Distances between two sets of replicas (arXiv:1410.8849, appendix B).

They are differences in units of the uncertainty of the mean: about 1 for two sets of the same
population, and about the square root of the number of replicas where means are one sigma apart.
"""

from __future__ import annotations

import numpy as np

from n3hyper.physics.arrays import Array
from n3hyper.report.pdfs.pdfset import PDFs


def of_means(first: PDFs, second: PDFs) -> Array:
    """Return |<f>_1 - <f>_2| over its standard deviation, (combinations, len(X))."""
    variance = sum(pdf_set.sigma**2 / len(pdf_set.members) for pdf_set in (first, second))
    return _ratio(np.abs(first.central - second.central), np.sqrt(variance))


def of_sigmas(first: PDFs, second: PDFs) -> Array:
    """Return |sigma_1^2 - sigma_2^2| over its standard deviation, (combinations, len(X))."""
    variance = sum(_variance_of_variance(pdf_set.members) for pdf_set in (first, second))
    return _ratio(np.abs(first.sigma**2 - second.sigma**2), np.sqrt(variance))


def _variance_of_variance(members: Array) -> Array:
    count = len(members)
    deviations = members - members.mean(axis=0)
    fourth = (deviations**4).mean(axis=0)
    second = deviations.var(axis=0, ddof=1)
    return np.asarray((fourth - (count - 3) / (count - 1) * second**2) / count)


def _ratio(difference: Array, deviation: Array) -> Array:
    return np.divide(difference, deviation, out=np.zeros_like(difference), where=deviation > 0)
