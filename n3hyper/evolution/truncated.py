"""The truncated solution of the singlet's evolution equations, at any order.

With U(a) = 1 + a U_1 + a^2 U_2 + ..., the operator from the coupling a0 to a1 is
U(a1) L U(a0)^-1, L being the solution at LO, without the products of a higher order than that of
the evolution (hep-ph/0408244, eqs. 2.24 to 2.30). eko 0.15.7 takes for L, from NNLO on, an array
to which it has added terms of NLO before: the poles of single terms, where eigenvalues of the
anomalous dimensions differ by multiples of beta_0, do not cancel then, and what comes out at small
x depends on the path of the integral in the complex plane.
"""

from __future__ import annotations

import numpy as np

from n3hyper.evolution.mellin import Complex


def series(leading: Complex, u: Complex, a1: float, a0: float, order: int) -> Complex:
    """Return U(a1) L U(a0)^-1 without products of `order` couplings or more, (..., 2, 2).

    Parameters
    ----------
    leading
        L, (..., 2, 2).
    u
        U_k, of which the first is 1, (order, ..., 2, 2) at least.
    a1, a0
        alpha_s / 4 pi at the new and at the old scale.
    order
        1 is LO, 3 is NNLO.
    """
    inverse = [np.eye(2, dtype=complex)]
    for k in range(1, order):
        inverse.append(-sum(u[i] @ inverse[k - i] for i in range(1, k + 1)))
    result: Complex = sum(
        a1**i * a0**k * (u[i] @ leading @ inverse[k])
        for i in range(order)
        for k in range(order - i)
    )
    return result
