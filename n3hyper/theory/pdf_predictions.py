"""Predictions of a fixed PDF set for the data, the t0 predictions among them.

In the covariance of a fit, multiplicative uncertainties scale with t0 predictions instead of the
measured values, since these would bias the fit towards low values (arXiv:0912.2276).
"""

from __future__ import annotations

from n3hyper.physics.arrays import Array, frozen
from n3hyper.theory.lhapdf import evolution_grid
from n3hyper.theory.stack import TheoryStack


def t0_predictions(
    stack: TheoryStack, q0: float, pdfset: str, ndata: int, purpose: str = "t0"
) -> Array:
    """Return the predictions of the central member of `pdfset` for the data.

    Parameters
    ----------
    stack
        Tables of the fit; its first observables are the data sets.
    q0
        Scale of the stack's tables in GeV.
    ndata
        Number of data points.
    purpose
        One of `n3hyper.theory.lhapdf.PURPOSES`, for the error message.

    Returns
    -------
    array (ndata,)

    Raises
    ------
    DataError
        when there is no such set, or it does not reach down to Q0.
    """
    return frozen(stack.predict(evolution_grid(pdfset, stack.xgrid, q0, purpose))[:ndata])
