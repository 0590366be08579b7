"""Point prescriptions: how predictions of varied theories make a covariance of all data.

A prescription has a central theory and others, each of which shifts all predictions by a vector
d_v. The variations fall into groups. Within a process (DIS NC, JETS, ...) the covariance is the sum
over groups g and their variations v of c_g d_v d_v^T; between two processes only the sums of the
shifts of a group are correlated, as c_g / |g| (sum d_v) (sum d_v)^T (arXiv:1906.10698, section 4;
2401.10319). Factorisation scales, which evolve the same PDFs, are varied together; renormalisation
scales are varied in each process by itself.

As columns of S in C = S S^T: for each group sqrt(c_g / |g|) times the sum of its shifts, and for
each process the |g| - 1 combinations of its shifts that are orthogonal to that sum.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from n3hyper.physics.arrays import Array

Variation = tuple[float, ...] | str
"""Ratios of the factorisation and renormalisation scale to the central ones, another setting by
numbers (alpha_s, splitting functions), or a word for one."""


@dataclass(frozen=True)
class Group:
    """Variations whose sum is correlated between processes."""

    members: tuple[int, ...]
    factor: float
    """c_g"""


@dataclass(frozen=True)
class Prescription:
    """Point prescription."""

    central: Variation
    variations: tuple[Variation, ...]
    groups: tuple[Group, ...]
    """Of the numbers of the variations."""

    def columns(self, shifts: Array, processes: Sequence[str]) -> Array:
        """Return S.

        Parameters
        ----------
        shifts
            (variations, ndata): predictions of the varied theories less those of the central one.
        processes
            (ndata): the process of each point.

        Returns
        -------
        array (ndata, k)
        """
        found = []
        members = {name: np.array([p == name for p in processes]) for name in processes}
        for group in self.groups:
            sizes = np.sqrt(group.factor) * shifts[list(group.members)]
            found.append(sizes.sum(axis=0) / np.sqrt(len(sizes)))
            for inside in members.values():
                found += [row * inside for row in _contrasts(len(sizes)) @ sizes]
        columns = np.stack(found, axis=1)
        kept: Array = columns[:, columns.any(axis=0)]
        return kept


def _contrasts(n: int) -> Array:
    """Return n - 1 orthonormal rows that are orthogonal to (1, ..., 1).

    >>> _contrasts(3).round(3)
    array([[ 0.707, -0.707,  0.   ],
           [ 0.408,  0.408, -0.816]])
    """
    rows = np.zeros((n - 1, n))
    for k in range(1, n):
        rows[k - 1, :k] = 1.0
        rows[k - 1, k] = -k
        rows[k - 1] /= np.sqrt(k * (k + 1))
    return rows


def _groups(factor: float, *members: tuple[int, ...]) -> tuple[Group, ...]:
    return tuple(Group(each, factor) for each in members)


def _splitting_functions(*functions: tuple[int, float]) -> Prescription:
    """Return the variations of splitting functions, which are the same in all processes.

    Parameters
    ----------
    functions
        Of each function how many variations it has, and the factor on each of them.
    """
    variations = [
        tuple(float(number) if place == function else 0.0 for place in range(len(functions)))
        for function, (count, _) in enumerate(functions)
        for number in range(1, count + 1)
    ]
    factors = [factor for count, factor in functions for _ in range(count)]
    groups = tuple(Group((number,), factor) for number, factor in enumerate(factors))
    return Prescription((0.0,) * len(functions), tuple(variations), groups)


_ONE: Final = (1.0, 1.0)
_F: Final = ((2.0, 1.0), (0.5, 1.0))
_R: Final = ((1.0, 2.0), (1.0, 0.5))
_BOTH: Final = ((2.0, 2.0), (0.5, 0.5))
_OPPOSITE: Final = ((2.0, 0.5), (0.5, 2.0))
_APART: Final = _groups(1 / 2, (0, 1))
_TOGETHER: Final = _groups(1 / 2, (0,), (1,))

PRESCRIPTIONS: Final[Mapping[str, Prescription]] = {
    "3 point": Prescription(_ONE, _BOTH, _APART),
    "3f point": Prescription(_ONE, _F, _TOGETHER),
    "3r point": Prescription(_ONE, _R, _APART),
    "5 point": Prescription(_ONE, (*_F, *_R), _groups(1 / 2, (0,), (1,), (2, 3))),
    "5bar point": Prescription(_ONE, (*_BOTH, *_OPPOSITE), _groups(1 / 2, (0, 2), (1, 3))),
    "7 point": Prescription(_ONE, (*_F, *_R, *_BOTH), _groups(1 / 3, (0,), (1,), (2, 3), (4, 5))),
    "9 point": Prescription(
        _ONE, (*_F, *_R, *_BOTH, *_OPPOSITE), _groups(1 / 4, (0, 4, 6), (1, 5, 7), (2, 3))
    ),
    "ad ihou": _splitting_functions(*((count, 1 / count) for count in (19, 21, 15, 6))),
    "fhmruvv ihou": _splitting_functions(*((2, 1 / 2) for _ in range(7))),
    "dis ihou": Prescription("central DIS", ("lower bound DIS", "upper bound DIS"), _APART),
    "3pt missing": Prescription(_ONE, ("(1, 0.5 missing)", "(1, 2 missing)"), _APART),
    "3pt hadronic": Prescription(_ONE, ("(1, 0.5 hadronic)", "(1, 2 hadronic)"), _APART),
    **{
        f"alphas {central:04d} {high:04d} {low:04d}": Prescription(
            (central / 1000,), ((high / 1000,), (low / 1000,)), _TOGETHER
        )
        for central, high, low in (
            *((117, 119, 115), (118, 120, 116), (119, 121, 117), (119, 122, 116)),
            *((119, 123, 115), (120, 122, 118), (121, 123, 119)),
        )
    },
}
"""Prescriptions by validphys' names; all but `names.POWER`."""
