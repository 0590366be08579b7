"""Small made-up fit problem with everything that a real one has, in milliseconds and NumPy only.

The tables are smooth kernels with the quark charges of the processes they stand for, the data are
their predictions with `toy_pdf` plus fluctuations, so that a fit can describe them (chi2 near 1).

>>> problem = synthetic_problem(dis=(12, 8), hadronic=5, folds=2, replicas=3)
>>> problem.ndata, problem.replica_data.shape, len(problem.folds)
(30, (3, 30), 2)
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np

from n3hyper.data.problem import DatasetInfo, FitProblem, Fold, LagrangeInfo
from n3hyper.physics.arrays import Array, Index, frozen
from n3hyper.physics.chi2 import FactoredCovariance
from n3hyper.theory.stack import DISTable, HadronicTable, Observable, TheoryStack

# Sigma T3 T8 T15 of the plus (q + qbar), V V3 V8 V15 of the minus combinations of u d s c
_NONSINGLET = np.array([[1, 1, 1, 1], [1, -1, 0, 0], [1, 1, -2, 0], [1, 1, 1, -3]], dtype=float)
_PLUS = np.array([1, 9, 10, 11])
_MINUS = np.array([3, 4, 5, 6])
_FROM_EVOLUTION = np.linalg.inv(_NONSINGLET)


def toy_pdf(xgrid: Array) -> Array:
    """Return x f (nx, 14) of the Les Houches toy proton with some charm, in the evolution basis."""
    x, one_minus_x = xgrid, 1 - xgrid
    sea = 0.1939875 * x**-0.1 * one_minus_x**6
    up, down = 5.107200 * x**0.8 * one_minus_x**3, 3.064320 * x**0.8 * one_minus_x**4
    strange = 0.2 * (sea + sea * one_minus_x)
    minus = np.stack([up, down, 0 * x, 0 * x])
    plus = minus + 2 * np.stack([sea * one_minus_x, sea, strange, 0.2 * strange])
    pdf = np.zeros((x.size, 14))
    pdf[:, _PLUS] = (_NONSINGLET @ plus).T
    pdf[:, _MINUS] = (_NONSINGLET @ minus).T
    pdf[:, 2] = 1.7 * x**-0.1 * one_minus_x**5
    pdf[:, [7, 8]] = pdf[:, [3]]
    pdf[:, [12, 13]] = pdf[:, [1]]
    return pdf


def quark(flavour: int, sign: int) -> Array:
    """Return the quark (sign 1) or antiquark (-1) u d s c as a combination of the 14 flavours."""
    combination = np.zeros(14)
    combination[_PLUS] = 0.5 * _FROM_EVOLUTION[flavour]
    combination[_MINUS] = 0.5 * sign * _FROM_EVOLUTION[flavour]
    return combination


def make_xgrid(nx: int, xmin: float = 2e-5) -> Array:
    """Return nodes, half of them logarithmic below 0.1, half linear above; none at x = 1."""
    low = nx // 2
    return np.concatenate(
        [np.geomspace(xmin, 0.1, low, endpoint=False), np.linspace(0.1, 0.95, nx - low)]
    )


@dataclass
class _Stack:
    """Stack of tables and observables while they are added."""

    xgrid: Array
    dis: list[Array]
    hadronic: list[HadronicTable]
    kinds: list[tuple[str, str, list[tuple[int, Index]]]]

    def add_dis(self, name: str, operation: str, tables: list[Array]) -> None:
        operands = []
        for table in tables:
            start = sum(len(rows) for rows in self.dis)
            self.dis.append(table)
            operands.append((-1, start + np.arange(len(table))))
        self.kinds.append((name, operation, operands))

    def add_hadronic(self, name: str, operation: str, tables: list[HadronicTable], n: int) -> None:
        operands = []
        for table in tables:
            operands.append((len(self.hadronic), np.arange(n) % table.rows))
            self.hadronic.append(table)
        self.kinds.append((name, operation, operands))

    def build(self) -> TheoryStack:
        dense = np.concatenate(self.dis)
        flavours = np.flatnonzero(np.abs(dense).max(axis=(0, 1)) > 0)
        starts = len(dense) + np.cumsum([0, *(table.rows for table in self.hadronic)])
        observables, place = [], 0
        for name, operation, operands in self.kinds:
            rows = tuple(
                frozen(index + (0 if which < 0 else starts[which])) for which, index in operands
            )
            observables.append(
                Observable(name, operation, rows, slice(place, place + rows[0].size))
            )
            place += rows[0].size
        return TheoryStack(
            xgrid=frozen(self.xgrid),
            dis=DISTable(frozen(dense[..., flavours]), frozen(flavours)),
            hadronic=tuple(self.hadronic),
            observables=tuple(observables),
            npredictions=place,
        )


def _kernel(xgrid: Array, x0: Array, width: float = 0.4) -> Array:
    """Return weights (points, nx) around and above x0 in log x, normalised."""
    distance = np.log(xgrid / x0[:, None])
    weights = np.exp(-0.5 * (distance / width) ** 2) + 0.05 * (distance > 0) * xgrid**0.5
    return weights / weights.sum(axis=1, keepdims=True)


def _f2(xgrid: Array, x0: Array, charges: Array, gluon: float) -> Array:
    """Return (points, nx, 14): the sum of charge x (q + qbar), and some gluon at small x."""
    kernel = _kernel(xgrid, x0)
    combination = np.zeros(14)
    for flavour, charge in enumerate(charges):
        combination += charge * (quark(flavour, 1) + quark(flavour, -1))
    combination[2] = gluon
    return kernel[:, :, None] * combination


def _drell_yan(xgrid: Array, points: Array, pairs: list[tuple[Array, Array]]) -> HadronicTable:
    """Return q qbar -> boson around (x1, x2) = `points` (n, 2), symmetrised over the protons."""
    lumi = sum(np.outer(a, b) + np.outer(b, a) for a, b in pairs)
    channels = np.argwhere(np.abs(lumi) > 1e-14)
    shape = _kernel(xgrid, points[:, 0])[:, :, None] * _kernel(xgrid, points[:, 1])[:, None, :]
    shape = 0.5 * (shape + shape.transpose(0, 2, 1))
    x_index = np.flatnonzero(xgrid > 5e-4)
    table = shape[:, None] * lumi[tuple(channels.T)][None, :, None, None]
    table = table[:, :, x_index][..., x_index]
    return HadronicTable(frozen(table), frozen(channels), frozen(x_index))


def synthetic_theory(
    dis: tuple[int, ...] = (24, 18, 12),
    hadronic: int = 6,
    positivity: int = 6,
    integrability: int = 1,
    nx: int = 30,
) -> TheoryStack:
    """Return a theory of made-up tables.

    It has DIS sets (proton, deuteron, their ratio, ... in turn), an asymmetry ASY and a normalised
    distribution RATIO with `hadronic` points each (none when 0), one positivity and one
    integrability set."""
    xgrid = make_xgrid(nx)
    stack = _Stack(xgrid, [], [], [])
    proton, deuteron = np.array([4, 1, 1, 4]) / 9, np.array([2.5, 2.5, 1, 4]) / 9
    for number, points in enumerate(dis):
        x0 = np.geomspace(1e-4 * 5**number, 0.7, points)
        tables = [_f2(xgrid, x0, proton, 0.02), _f2(xgrid, x0, deuteron, 0.02)]
        if number % 3 == 2:
            stack.add_dis(f"DIS{number}", "RATIO", tables[::-1])
        else:
            stack.add_dis(f"DIS{number}", "NULL", [tables[number % 3]])
    if hadronic:
        rapidity = np.linspace(0.0, 2.0, hadronic)
        points = 0.05 * np.exp(np.outer(rapidity, [1, -1]))
        u, d, ubar, dbar = quark(0, 1), quark(1, 1), quark(0, -1), quark(1, -1)
        plus = _drell_yan(xgrid, points, [(u, dbar)])
        minus = _drell_yan(xgrid, points, [(d, ubar)])
        neutral = [(u, ubar), (d, dbar)]
        stack.add_hadronic("WASY", "ASY", [plus, minus], hadronic)
        total = _drell_yan(xgrid, points[:1], neutral)
        stack.add_hadronic("ZNORM", "RATIO", [_drell_yan(xgrid, points, neutral), total], hadronic)
    if positivity:
        x0 = np.geomspace(1e-4, 0.8, positivity)
        stack.add_dis("POS_F2U", "NULL", [_f2(xgrid, x0, np.array([4, 0, 0, 0]) / 9, 0.0)])
    if integrability:
        rows = np.zeros((integrability, nx, 14))
        rows[np.arange(integrability), np.arange(integrability), 10] = 1.0
        stack.add_dis("INTEG_XT8", "NULL", [rows])
    return stack.build()


def _covariance(
    central: Array, slices: list[slice], systematics: int, rng: np.random.Generator
) -> FactoredCovariance:
    """Return 2 % uncorrelated, `systematics` of about 1 % in each set, and one shared by all."""
    sys = np.zeros((central.size, systematics * len(slices) + 1))
    for number, where in enumerate(slices):
        columns = slice(number * systematics, (number + 1) * systematics)
        size = 0.01 * rng.normal(size=(central[where].size, systematics))
        sys[where, columns] = size * central[where, None]
    sys[:, -1] = 0.01 * central
    return FactoredCovariance(frozen((0.02 * central) ** 2 + 1e-12), frozen(sys))


def _masks(slices: list[slice], ndata: int, frac: float, rng: np.random.Generator) -> Array:
    mask = np.zeros(ndata, dtype=bool)
    for where in slices:
        chosen = np.arange(where.start, where.stop)
        rng.shuffle(chosen)
        mask[chosen[: max(1, int(frac * chosen.size))]] = True
    return mask


def synthetic_problem(
    dis: tuple[int, ...] = (24, 18, 12),
    hadronic: int = 6,
    positivity: int = 6,
    integrability: int = 1,
    folds: int = 2,
    replicas: int = 2,
    nx: int = 30,
    systematics: int = 3,
    frac: float = 0.75,
    seed: int = 0,
) -> FitProblem:
    """Return a fit problem of the given sizes; the same arguments give the same bits.

    Parameters
    ----------
    dis
        Points of each DIS data set.
    hadronic
        Points of the W asymmetry and of the Z distribution; 0 for none.
    positivity, integrability
        Points of these sets; 0 for none.
    folds
        Data set number i is left out in fold i modulo `folds`; 0 for no folds.
    systematics
        Correlated systematics of each data set.
    frac
        Fraction of training points in each data set (1 for all).
    """
    rng = np.random.default_rng(seed)
    theory = synthetic_theory(dis, hadronic, positivity, integrability, nx)
    truth = theory.predict(toy_pdf(theory.xgrid))
    ndatasets = len(dis) + (2 if hadronic else 0)
    slices = [observable.slice for observable in theory.observables[:ndatasets]]
    ndata = slices[-1].stop
    covariance = _covariance(truth[:ndata], slices, systematics, rng)
    lower = np.linalg.cholesky(np.diag(covariance.diag) + covariance.sys @ covariance.sys.T)
    central = truth[:ndata] + lower @ rng.normal(size=ndata)
    replica_data = central + rng.normal(size=(replicas, ndata)) @ lower.T
    training = np.stack([_masks(slices, ndata, frac, rng) for _ in range(replicas)])
    names = [observable.name for observable in theory.observables]
    split = []
    for fold in range(folds):
        mask = np.zeros(ndata, dtype=bool)
        left_out = [number for number in range(ndatasets) if number % folds == fold]
        for number in left_out:
            mask[slices[number]] = True
        split.append(Fold(tuple(names[number] for number in left_out), frozen(mask)))
    lagrange = {
        name: (LagrangeInfo(name, observable.slice, maxlambda),)
        for name, observable, maxlambda in zip(
            names[ndatasets:],
            theory.observables[ndatasets:],
            [1e6, 1e2] if positivity else [1e2],
            strict=False,
        )
    }
    arguments = (dis, hadronic, positivity, integrability, folds, replicas, nx, systematics, frac)
    return FitProblem(
        theory=theory,
        datasets=tuple(
            DatasetInfo(name, "HADRONIC" if name[0] in "WZ" else "DIS", where, frac=frac)
            for name, where in zip(names, slices, strict=False)
        ),
        ndata=ndata,
        central=frozen(central),
        fit_covariance=covariance,
        exp_covariance=covariance,
        replica_data=frozen(replica_data),
        training_masks=frozen(training),
        validation_masks=frozen(~training),
        nn_seeds=frozen(rng.integers(1, 2**31, size=replicas)),
        folds=tuple(split),
        positivity=lagrange.get("POS_F2U", ()),
        integrability=lagrange.get("INTEG_XT8", ()),
        fingerprint=hashlib.sha256(repr((arguments, seed)).encode()).hexdigest(),
    )
