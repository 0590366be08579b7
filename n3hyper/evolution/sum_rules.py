"""Sum rules that evolution conserves: momentum of all partons, numbers of valence quarks."""

from __future__ import annotations

from typing import Final

import numpy as np
from scipy.interpolate import CubicSpline

from n3hyper.evolution.steps import FLAVOUR_PIDS
from n3hyper.physics.arrays import Array

EXPECTED: Final = {"momentum": 1.0, "u valence": 2.0, "d valence": 1.0, "s valence": 0.0}
"""The sum rules of a proton."""
_LEAST_POWER: Final = 0.1
"""Of x, with which x f is still taken to vanish below the lowest node."""
_QUARKS: Final = {"u valence": 2, "d valence": 1, "s valence": 3}


def sum_rules(xgrid: Array, values: Array) -> dict[str, Array]:
    """Return the integrals of `EXPECTED`.

    Below the lowest node x f is continued with the power of x that it has in the decade above it,
    if that is at least `_LEAST_POWER`; else the rest is left out.

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
    """Return the integral over log x from 0 to 1."""
    u = np.log(xgrid)
    above = CubicSpline(u, integrand, axis=-1).integrate(u[0], u[-1])
    decade = min(int(np.searchsorted(u, u[0] + np.log(10.0))), len(u) - 1)
    first, further = integrand[..., 0], integrand[..., decade]
    ratio = np.divide(further, first, out=np.ones_like(first), where=first * further > 0)
    power = np.log(ratio) / (u[decade] - u[0])
    # near an extremum the power is nearly zero, and says nothing of smaller x
    rising = power > _LEAST_POWER
    return np.asarray(above + np.divide(first, power, out=np.zeros_like(first), where=rising))
