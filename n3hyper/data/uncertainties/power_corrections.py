"""Power corrections: shifts of predictions by terms of order 1/Q2 or 1/pT that theory leaves out.

Predictions are multiplied with 1 + H(x)/Q2 for structure functions, 1 + H(y)/pT for jets and
1 + H(y* , yb)/m_jj for dijets. H is linear between nodes, zero beyond them, and its value at each
node is a parameter with a standard deviation; each parameter shifts all data of its kind by one
vector (validphys 4.1.5, `higher_twist_functions`). Of dijets with parameters in y* and in yb, H is
the product of two such functions, and each pair of their nodes gives one vector; data in y* alone
have its mean over yb, data in ymax its integral along y* + yb = ymax.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise, product
from typing import Final

import numpy as np

from n3hyper.data.commondata import CommonData, current_name
from n3hyper.errors import DataError
from n3hyper.physics.arrays import Array
from n3hyper.runcard.model import PowerCorrection, TheoryCovariance

_RATIO: Final = "NMC_NC_NOTFIXED_EM-F2"
"""The data set that is F2 of the deuteron over that of the proton."""
_DEUTERON: Final = ("SLAC_NC_NOTFIXED_D_EM-F2", "BCDMS_NC_NOTFIXED_D_EM-F2")
_PROTON: Final = (
    "SLAC_NC_NOTFIXED_P_EM-F2", "BCDMS_NC_NOTFIXED_P_EM-F2", "NMC_NC_NOTFIXED_P_EM-SIGMARED",
    "HERA_NC_318GEV_EM-SIGMARED", "HERA_NC_225GEV_EP-SIGMARED", "HERA_NC_251GEV_EP-SIGMARED",
    "HERA_NC_300GEV_EP-SIGMARED", "HERA_NC_318GEV_EP-SIGMARED",
    "HERA_NC_318GEV_EAVG_CHARM-SIGMARED", "HERA_NC_318GEV_EAVG_BOTTOM-SIGMARED",
)  # fmt: skip
_CHARGED: Final = ("CHORUS_CC", "NUTEV_CC", "HERA_CC")
_DIJETS: Final = {"ATLAS": "ystar", "CMS": "ymax"}
"""The rapidity that dijets of an experiment are binned in."""
_PAIR: Final = ("H2j_ystar", "H2j_yb")

Values = dict[str, Array]
"""Values of the parameters at the nodes of each kind."""


def power_shifts(
    asked: TheoryCovariance, datasets: Sequence[CommonData], predictions: Array
) -> Array:
    """Return the shifts of all data by one standard deviation of each parameter.

    Parameters
    ----------
    datasets
        After cuts, in the runcard's order.
    predictions
        (ndata,): predictions of the theory of the fit with the set of the uncertainties.

    Returns
    -------
    array (parameters, ndata)

    Raises
    ------
    DataError
        for data without power corrections that are not excluded.
    """
    settings = {each.kind: each for each in asked.power_corrections}
    excluded = {current_name(name)[0] for name in asked.power_excluded}
    parameters = list(_parameters(asked.power_corrections))
    shifts, start = np.zeros((len(parameters), len(predictions))), 0
    for data in datasets:
        where = slice(start, start := start + data.ndata)
        if data.nnpdf31_process not in asked.power_processes or data.name in excluded:
            continue
        relative = _correction(data, settings)
        for row, values in zip(shifts, parameters, strict=True):
            row[where] = relative(values) * predictions[where]
    return shifts


def _parameters(settings: Sequence[PowerCorrection]) -> Iterator[Values]:
    """Yield the values of all parameters with one of them, or a pair, off zero."""
    by_kind = {each.kind: each for each in settings}
    paired = _PAIR if set(_PAIR) <= set(by_kind) else ()
    zero = {kind: np.zeros(len(each.shifts)) for kind, each in by_kind.items()}
    for kind, each in by_kind.items():
        if kind not in paired:
            yield from ({**zero, kind: one} for one in np.diag(each.shifts))
    if paired:
        first, second = (np.diag(by_kind[kind].shifts) for kind in _PAIR)
        for one, other in product(first, second):
            yield {**zero, _PAIR[0]: one, _PAIR[1]: other}


def _correction(
    data: CommonData, settings: dict[str, PowerCorrection]
) -> Callable[[Values], Array]:
    """Return the relative shift of a data set as a function of the parameters."""

    def nodes(kind: str) -> Array:
        if kind not in settings:
            raise DataError(
                f"dataset {data.name}: its power corrections need pc_parameters.{kind}, or it must "
                "be one of pc_excluded_datasets"
            )
        return np.array(settings[kind].nodes)

    if data.process.startswith("DIS"):
        return _structure_functions(data, nodes)
    if data.process == "JET":
        return _one_variable("Hj", nodes("Hj"), data.kinematic("y"), data.kinematic("pT"))
    if data.process in ("DIJET", "DIJET_3D") and set(_PAIR) <= set(settings):
        return _dijets(data, nodes(_PAIR[0]), nodes(_PAIR[1]))
    if data.process == "DIJET" and data.experiment in _DIJETS:
        rapidity = _DIJETS[data.experiment]
        kind = f"H2j_{rapidity}"
        return _one_variable(kind, nodes(kind), data.kinematic(rapidity), data.kinematic("m_jj"))
    raise _unknown(data)


def _unknown(data: CommonData) -> DataError:
    return DataError(
        f"dataset {data.name}: no power corrections are known; add it to pc_excluded_datasets"
    )


def _one_variable(kind: str, nodes: Array, variable: Array, scale: Array) -> Callable[..., Array]:
    return lambda values: _linear(variable, nodes, values[kind]) / scale


def _structure_functions(
    data: CommonData, nodes: Callable[[str], Array]
) -> Callable[[Values], Array]:
    x, q2 = data.kinematic("x"), data.kinematic("Q2")
    if data.name == _RATIO:
        proton, deuteron = (_one_variable(kind, nodes(kind), x, q2) for kind in ("f2p", "f2d"))
        # (1 + d) / (1 + p) - 1
        return lambda values: (deuteron(values) - proton(values)) / (1 + proton(values))
    for kind, names in (("f2p", _PROTON), ("f2d", _DEUTERON)):
        if data.name in names:
            return _one_variable(kind, nodes(kind), x, q2)
    if data.name.startswith(_CHARGED):
        return _one_variable("dis_cc", nodes("dis_cc"), x, q2)
    raise _unknown(data)


def _dijets(data: CommonData, ystar: Array, yb: Array) -> Callable[[Values], Array]:
    """Return the relative shift where H is a function of y* and yb."""
    mass = data.kinematic("m_jj")
    if data.process == "DIJET_3D":
        star, boost = data.kinematic("ystar"), data.kinematic("yb")

        def of_both(values: Values) -> Array:
            first = _linear(star, ystar, values[_PAIR[0]])
            return first * _linear(boost, yb, values[_PAIR[1]]) / mass

        return of_both
    if data.experiment not in _DIJETS:
        raise _unknown(data)
    if _DIJETS[data.experiment] == "ystar":
        star = data.kinematic("ystar")

        def of_one(values: Values) -> Array:
            of_yb = values[_PAIR[1]]
            mean = np.diff(yb) @ (of_yb[1:] + of_yb[:-1]) / 2 / (yb[-1] - yb[0])
            shift: Array = mean * _linear(star, ystar, values[_PAIR[0]]) / mass
            return shift

        return of_one
    largest = data.kinematic("ymax")

    def of_sum(values: Values) -> Array:
        line = [_along(z, ystar, values[_PAIR[0]], yb, values[_PAIR[1]]) for z in largest]
        shift: Array = np.array(line) / mass
        return shift

    return of_sum


def _linear(variable: Array, nodes: Array, values: Array) -> Array:
    """Return the function that is linear between nodes and zero beyond them."""
    found: Array = np.interp(variable, nodes, values, left=0.0, right=0.0)
    return found


def _along(total: float, first: Array, f: Array, second: Array, g: Array) -> float:
    """Return the integral of f(x) g(total - x) over x, divided by the range of x.

    In each cell of the two grids the integrand is a square, of which Simpson's rule is exact.
    """
    edges = np.unique(np.concatenate([first, total - second]))
    integral = 0.0
    for a, b in pairwise(edges):
        middle = (a + b) / 2
        if not (first[0] < middle < first[-1] and second[0] < total - middle < second[-1]):
            continue
        x = np.array([a, middle, b])
        values = np.interp(x, first, f) * np.interp(total - x, second, g)
        integral += (b - a) / 6 * float(values @ (1.0, 4.0, 1.0))
    return integral / float(first[-1] - first[0])
