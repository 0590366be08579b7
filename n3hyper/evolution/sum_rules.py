"""Sum rules that evolution conserves: momentum of all partons, numbers of valence quarks."""

from __future__ import annotations

from typing import Final

import numpy as np
from scipy.interpolate import CubicSpline

from n3hyper.evolution.steps import FLAVOUR_PIDS
from n3hyper.physics.arrays import Array

EXPECTED: Final = {"momentum": 1.0, "u valence": 2.0, "d valence": 1.0, "s valence": 0.0}
"""The sum rules of a proton."""
_QUARKS: Final = {"u valence": 2, "d valence": 1, "s valence": 3}


def sum_rules(xgrid: Array, values: Array) -> dict[str, Array]:
    """Return the integrals of `EXPECTED`.

    Below the lowest node x f is continued with the power of x that it has there.

    Parameters
    ----------
    xgrid
        (n,)
    values
        x f, (..., 14 flavours, n), flavours as in `steps.FLAVOUR_PIDS`.

    Returns
    -------
    dict
        Of each rule, (...,).
    """
    partons = [i for i, pid in enumerate(FLAVOUR_PIDS) if pid != 22]
    found = {"momentum": _integral(xgrid, values[..., partons, :].sum(axis=-2) * xgrid)}
    for name, pid in _QUARKS.items():
        quark, antiquark = (values[..., FLAVOUR_PIDS.index(number), :] for number in (pid, -pid))
        found[name] = _integral(xgrid, quark - antiquark)
    return found


def _integral(xgrid: Array, integrand: Array) -> Array:
    """The integral over log x from 0 to 1."""
    u = np.log(xgrid)
    above = CubicSpline(u, integrand, axis=-1).integrate(u[0], u[-1])
    first, second = integrand[..., 0], integrand[..., 1]
    rising = (first * second > 0) & (np.abs(second) > np.abs(first))
    ratio = np.divide(second, first, out=np.full_like(first, np.e), where=rising)
    power = np.log(ratio) / (u[1] - u[0])
    return np.asarray(above + np.where(rising, first / power, 0.0))
