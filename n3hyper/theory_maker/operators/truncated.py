"""Truncated solution of the singlet's evolution equations, which corrects eko's.

eko 0.15.7 adds the NLO terms to the array of the LO solution in place, and then makes the NNLO
terms from the changed array. The excess is beyond NNLO, but the poles of the single terms, at
moments where eigenvalues of the anomalous dimensions differ by multiples of beta_0, then do not
cancel: PDFs at small and at large x depend on the contour of the integral, by several per cent at
x < 1e-5. `mend` replaces eko's solution with this one where eko's is wrong.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from n3hyper.theory_maker.requirements import require

Solution = Callable[..., Any]


def solution(lo_exact: Solution, r_vec: Solution, u_vec: Solution) -> Solution:
    """Return the operator from coupling a0 to a1, up to NNLO (hep-ph/0408244, eqs. 2.24 to 2.30).

    Parameters
    ----------
    lo_exact, r_vec, u_vec
        eko's LO solution, and its coefficients R_k and U_k.

    Returns
    -------
    callable
        With eko's arguments: anomalous dimensions (orders, 2, 2), a1, a0, coefficients of the beta
        function, and the order, (1, 0) for LO to (3, 0) for NNLO; gives an array (2, 2).
    """

    def truncated(gamma: Any, a1: Any, a0: Any, beta: Any, order: Any) -> Any:
        u = u_vec(r_vec(gamma, beta, order, order, False), order)
        leading = np.ascontiguousarray(lo_exact(gamma, a1, a0, beta))
        result = leading.copy()
        if order[0] >= 2:
            u1 = np.ascontiguousarray(u[1])
            result = result + a1 * u1 @ leading - a0 * leading @ u1
        if order[0] >= 3:
            u1, u2 = np.ascontiguousarray(u[1]), np.ascontiguousarray(u[2])
            second = a1**2 * u2 @ leading - a1 * a0 * u1 @ leading @ u1
            result = result + second + a0**2 * leading @ (u1 @ u1 - u2)
        return result

    return truncated


def spoiled() -> bool:
    """Return whether eko's truncated solution differs from this one at NNLO."""
    singlet = require("eko.kernels.singlet")
    gamma = np.arange(1.0, 13.0).reshape(3, 2, 2) * np.array([1.0, 10.0, 100.0])[:, None, None]
    beta = np.array([8.3, 51.3, 406.4])
    arguments = (gamma.astype(complex), 0.02, 0.03, beta, (3, 0))
    theirs = getattr(singlet.eko_truncated, "py_func", singlet.eko_truncated)
    return not np.allclose(theirs(*arguments), _of(singlet)(*arguments), rtol=1e-10)


def mend() -> None:
    """Replace eko's solution with the one above, in this process, before its callers are compiled.

    Code compiled earlier, in this process or in the compiler's cache, stays as it was: see
    `requirements.own_compiler_cache`.
    """
    if spoiled():
        singlet = require("eko.kernels.singlet")
        singlet.eko_truncated = require("numba").njit(_of(singlet))


def _of(singlet: Any) -> Solution:
    return solution(singlet.lo_exact, singlet.r_vec, singlet.u_vec)
