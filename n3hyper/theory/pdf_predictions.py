"""t0 predictions: what a fixed PDF set predicts for the data.

In the covariance of a fit, multiplicative uncertainties scale with them instead of with the
measured values, or else the fit would be pulled low (arXiv:0912.2276).
"""

from __future__ import annotations

from n3hyper.physics.arrays import Array, frozen
from n3hyper.theory.lhapdf import evolution_grid
from n3hyper.theory.stack import TheoryStack


def t0_predictions(
    stack: TheoryStack, q0: float, pdfset: str, ndata: int, purpose: str = "t0"
) -> Array:
    """Predictions of the central member of `pdfset` for the data.

    Parameters
    ----------
    stack
        Its first observables are the data sets.
    q0
        Scale of the stack's tables in GeV.
    ndata
        Number of data points.
    purpose
        What for, one of `n3hyper.theory.lhapdf.PURPOSES`.

    Returns
    -------
    array (ndata,)

    Raises
    ------
    DataError
        when there is no such set, or it does not reach down to Q0.
    """
    return frozen(stack.predict(evolution_grid(pdfset, stack.xgrid, q0, purpose))[:ndata])
