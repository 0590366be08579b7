"""All theory of a fit as two matrices, made once: one product with each a step.

The tables are rewritten in two ways that change nothing but rounding:

- **Flavours.** Of the 14 evolution flavours only some are different from one another (without
  charm asymmetry V15 = V24 = V35 = V, T24 = T35 = Sigma): eight in NNPDF's bases. Table columns
  of flavours that are combinations of others are added to the others' columns.
- **Hadronic rows.** A row that is bilinear in the PDF v (all x and flavours, flattened) is a
  quadratic form v Q v with a symmetric Q of low rank, and with its eigenvectors w
  it is the sum over r of sign_r (w_r v)^2: linear in memory and time where the table is quadratic.

An observable is a row, or a quotient of two rows, or a row less the magnitude of another one;
sums of tables are done here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from n3hyper.data.problem import HadronicTable, Observable, TheoryStack
from n3hyper.errors import TheoryError
from n3hyper.physics.sum_rules import SumRules

Array = NDArray[np.float64]
Index = NDArray[np.int64]

PLAIN, QUOTIENT, LESS_MAGNITUDE = "plain", "quotient", "less magnitude"
RANK_STEP: Final = 32
"""Ranks of quadratic forms are padded to multiples of it, so that few shapes occur."""
RANK_TOLERANCE: Final = 1e-9
"""Eigenvalues below this part of the largest one are left out."""

_Combination = tuple[tuple[int, float], ...]
"""(operand, factor), ..."""
_HALF: Final = {"SMN": 2, "COM": 10}


def _sum_of(*operands: int) -> _Combination:
    return tuple((operand, 1.0) for operand in operands)


def _form(operation: str, operands: int) -> tuple[str, _Combination, _Combination]:
    """How an operation is made of two sums of operands."""
    everything = _sum_of(*range(operands))
    if operation in ("NULL", "ADD", "SMT"):
        return PLAIN, everything, ()
    if operation == "RATIO":
        return QUOTIENT, _sum_of(0), _sum_of(1)
    if operation == "ASY":
        return QUOTIENT, ((0, 1.0), (1, -1.0)), _sum_of(0, 1)
    if operation in _HALF:
        half = operands // 2
        return QUOTIENT, everything[:half], everything[half:]
    if operation in ("SUBTRACT_ABS", "SUBTRACT_ABSPAIR"):
        half = operands // 2
        return LESS_MAGNITUDE, everything[:half], everything[half:]
    raise TheoryError(f"operation {operation}: the fit has no form for it")


@dataclass(frozen=True, eq=False)
class FlavourBasis:
    """The evolution flavours of which all others are combinations."""

    flavours: Index
    """(nb,)"""
    expansion: Array
    """(14, nb): flavour = expansion @ (flavours of the basis)."""


def flavour_basis(rotation: Array, rules: SumRules | None) -> FlavourBasis:
    """The smallest set of evolution flavours of fits with such a rotation and sum rules.

    Flavours mix only if they are multiplied with the same normalisation.
    """
    chosen: list[int] = []
    groups: dict[object, list[int]] = {}
    expansion = np.zeros((rotation.shape[1], rotation.shape[1]))
    for flavour in range(rotation.shape[1]):
        group = groups.setdefault(_normalisation_key(flavour, rotation, rules), [])
        basis = rotation[:, group]
        column = rotation[:, flavour]
        coefficients = np.linalg.lstsq(basis, column, rcond=None)[0] if group else np.zeros(0)
        if np.abs(basis @ coefficients - column).max() > 1e-9:
            group.append(flavour)
            chosen.append(flavour)
            expansion[flavour, flavour] = 1.0
        else:
            expansion[flavour, group] = np.round(coefficients, 12)
    return FlavourBasis(np.array(chosen), expansion[:, chosen])


def _normalisation_key(flavour: int, rotation: Array, rules: SumRules | None) -> object:
    """Equal for flavours that are multiplied with the same factor in all fits."""
    if rules is None or flavour not in rules.components():
        return None
    rule = rules.rules[rules.components().index(flavour)]
    divisor = rules.divisors()[flavour]
    divided = divisor in rules.divided
    drawn = rules.constants([0])[0, flavour] != rules.constants([1])[0, flavour]
    own = flavour if drawn else None
    integral = (divided, rotation[:, divisor].tobytes())
    return integral, rule.constant, rule.other, rule.slope, own


@dataclass(frozen=True)
class Segment:
    """Consecutive predictions that are made in the same way."""

    form: str
    hadronic: bool
    first: tuple[int, int]
    """Start and stop: rows of the linear matrix, or of the factors of quadratic forms."""
    second: tuple[int, int] | None
    size: int
    """Number of predictions."""
    rank: int = 0
    """Factors of each quadratic form (padded)."""


@dataclass(frozen=True, eq=False)
class Tables:
    """The theory of a fit; `v` is the PDF at (x, flavour of the basis), flattened."""

    basis: FlavourBasis
    nx: int
    linear: Array
    """(rows, nx * nb)"""
    factors: Array
    """(factors, (nx - hadronic_start) * nb)"""
    signs: Array
    """One for each row of `factors`: 1 or -1, 0 for padding."""
    hadronic_start: int
    """The first node of the x-grid that hadronic rows need."""
    segments: tuple[Segment, ...]
    """Those of the data first."""
    data_segments: int
    order: Index
    """(npredictions,): the place in the problem's predictions of each prediction made here."""

    @property
    def ndata(self) -> int:
        """Number of predictions that are data; they come first."""
        return sum(segment.size for segment in self.segments[: self.data_segments])

    def predict(self, pdf: Array) -> Array:
        """Predictions in the problem's order.

        Parameters
        ----------
        pdf
            x f on the x-grid in the evolution basis, (..., nx, 14).

        Returns
        -------
        array (..., npredictions)
        """
        chosen = pdf[..., self.basis.flavours]
        rows = chosen.reshape(*pdf.shape[:-2], -1) @ self.linear.T
        nodes = chosen[..., self.hadronic_start :, :].reshape(*pdf.shape[:-2], -1)
        squares = self.signs * np.square(nodes @ self.factors.T)
        made = np.concatenate(
            [evaluate_segment(segment, rows, squares, sum_groups) for segment in self.segments],
            axis=-1,
        )
        predictions = np.empty_like(made)
        predictions[..., self.order] = made
        return predictions


def sum_groups(values: Array, size: int, rank: int) -> Array:
    """(..., size * rank) -> (..., size)"""
    return np.asarray(values.reshape(*values.shape[:-1], size, rank).sum(axis=-1))


def evaluate_segment(segment: Segment, rows: Any, squares: Any, sum_groups: Any) -> Any:
    """The predictions of a segment, of NumPy arrays or of tensors.

    Parameters
    ----------
    rows
        (..., rows): the linear matrix times v.
    squares
        (..., factors): signs times the squares of the factors times v.
    sum_groups
        `sum_groups`, or the same for tensors.
    """

    def operand(where: tuple[int, int]) -> Any:
        if not segment.hadronic:
            return rows[..., slice(*where)]
        return sum_groups(squares[..., slice(*where)], segment.size, segment.rank)

    first = operand(segment.first)
    if segment.second is None:
        return first
    second = operand(segment.second)
    return first / second if segment.form == QUOTIENT else first - abs(second)


@dataclass(frozen=True)
class _Prediction:
    """One prediction as sums of raw rows."""

    place: int
    form: str
    first: _Combination
    second: _Combination

    @property
    def operands(self) -> tuple[_Combination, ...]:
        return (self.first, self.second) if self.second else (self.first,)


def _predictions(observables: tuple[Observable, ...]) -> Iterator[_Prediction]:
    """All predictions, with combinations of rows of the raw vector."""
    for observable in observables:
        form, first, second = _form(observable.operation, len(observable.operands))
        for point in range(observable.ndata):
            yield _Prediction(
                observable.slice.start + point,
                form,
                tuple((int(observable.operands[k][point]), factor) for k, factor in first),
                tuple((int(observable.operands[k][point]), factor) for k, factor in second),
            )


class _Builder:
    """Collects the rows of `Tables`, segment by segment."""

    def __init__(self, theory: TheoryStack, basis: FlavourBasis) -> None:
        self.theory, self.basis = theory, basis
        self.dis_rows = theory.dis.rows if theory.dis else 0
        self.starts = self.dis_rows + np.cumsum([0, *(table.rows for table in theory.hadronic)])
        nodes = [int(table.x_index.min()) for table in theory.hadronic]
        self.hadronic_start = min(nodes, default=0)
        self.dis = self._reduced_dis()
        self.linear: list[Array] = []
        self.factors: list[Array] = []
        self.signs: list[Array] = []
        self.segments: list[Segment] = []
        self.order: list[int] = []

    def _reduced_dis(self) -> Array:
        """(rows, nx * nb)"""
        nb = self.basis.flavours.size
        if self.theory.dis is None:
            return np.zeros((0, self.theory.xgrid.size * nb))
        expansion = self.basis.expansion[self.theory.dis.flavours]
        return (self.theory.dis.table @ expansion).reshape(self.dis_rows, -1)

    def is_hadronic(self, prediction: _Prediction) -> bool:
        """Whether its rows are bilinear in the PDF."""
        kinds = {row >= self.dis_rows for part in prediction.operands for row, _ in part}
        if len(kinds) > 1:
            raise TheoryError("a data set mixes linear and bilinear FK tables; none may")
        return kinds.pop()

    def add(self, predictions: list[_Prediction]) -> None:
        """Segments of predictions of one role (data, or constraints)."""
        for form in (PLAIN, QUOTIENT, LESS_MAGNITUDE):
            alike = [each for each in predictions if each.form == form]
            self._add_linear(form, [each for each in alike if not self.is_hadronic(each)])
            self._add_hadronic(form, [each for each in alike if self.is_hadronic(each)])

    def _append(
        self, form: str, chosen: list[_Prediction], where: list[tuple[int, int]], rank: int
    ) -> None:
        second = where[1] if len(where) > 1 else None
        self.segments.append(Segment(form, rank > 0, where[0], second, len(chosen), rank))
        self.order.extend(each.place for each in chosen)

    def _add_linear(self, form: str, chosen: list[_Prediction]) -> None:
        if not chosen:
            return
        where = []
        for operands in zip(*(each.operands for each in chosen), strict=True):
            start = sum(len(part) for part in self.linear)
            self.linear.append(np.stack([self._row(operand) for operand in operands]))
            where.append((start, start + len(chosen)))
        self._append(form, chosen, where, rank=0)

    def _row(self, combination: _Combination) -> Array:
        rows = [row for row, _ in combination]
        return np.array([factor for _, factor in combination]) @ self.dis[rows]

    def _add_hadronic(self, form: str, chosen: list[_Prediction]) -> None:
        """One segment for each padded rank."""
        forms = [[self._eigen(operand) for operand in each.operands] for each in chosen]
        ranks = np.array([_padded(max(signs.size for _, signs in each)) for each in forms], int)
        for rank in np.unique(ranks):
            members = np.flatnonzero(ranks == rank)
            where = []
            for number in range(len(forms[members[0]])):
                start = sum(len(part) for part in self.factors)
                for member in members:
                    factors, signs = forms[member][number]
                    missing = rank - signs.size
                    self.factors.append(np.pad(factors, ((0, missing), (0, 0))))
                    self.signs.append(np.pad(signs, (0, missing)))
                where.append((start, start + members.size * int(rank)))
            self._append(form, [chosen[member] for member in members], where, int(rank))

    def _eigen(self, combination: _Combination) -> tuple[Array, Array]:
        """Factors (rank, nh * nb) and signs (rank,) of a sum of hadronic rows."""
        nb, nh = self.basis.flavours.size, self.theory.xgrid.size - self.hadronic_start
        located = [(*self._locate(row), factor) for row, factor in combination]
        nodes = np.unique(np.concatenate([table.x_index for table, _, _ in located]))
        form = np.zeros((nodes.size, nb, nodes.size, nb))
        for table, row, factor in located:
            place = np.searchsorted(nodes, table.x_index)
            form[place[:, None], :, place[None, :], :] += factor * self._quadratic(table, row)
        matrix = form.reshape(nodes.size * nb, -1)
        values, vectors = np.linalg.eigh(0.5 * (matrix + matrix.T))
        keep = np.abs(values) > RANK_TOLERANCE * np.abs(values).max(initial=0.0)
        factors = np.zeros((int(keep.sum()), nh, nb))
        scaled = np.sqrt(np.abs(values[keep]))[:, None] * vectors[:, keep].T
        factors[:, nodes - self.hadronic_start] = scaled.reshape(-1, nodes.size, nb)
        return factors.reshape(-1, nh * nb), np.sign(values[keep])

    def _locate(self, row: int) -> tuple[HadronicTable, int]:
        number = int(np.searchsorted(self.starts, row, side="right")) - 1
        return self.theory.hadronic[number], row - int(self.starts[number])

    def _quadratic(self, table: HadronicTable, row: int) -> Array:
        """(nxt, nxt, nb, nb): one row with the luminosities in the basis."""
        first = self.basis.expansion[table.luminosity[:, 0]]
        second = self.basis.expansion[table.luminosity[:, 1]]
        channels = np.einsum("lb,lc->lbc", first, second).reshape(len(first), -1)
        nxt, nb = table.x_index.size, first.shape[1]
        # x and y nodes of the two partons, b and c their flavours
        product: Array = table.table[row].reshape(len(first), -1).T @ channels
        return product.reshape(nxt, nxt, nb, nb)

    def tables(self, data_segments: int) -> Tables:
        """What was collected."""
        nb, nx = self.basis.flavours.size, self.theory.xgrid.size
        empty = np.zeros((0, (nx - self.hadronic_start) * nb))
        return Tables(
            basis=self.basis,
            nx=nx,
            linear=np.concatenate([np.zeros((0, nx * nb)), *self.linear]),
            factors=np.concatenate([empty, *self.factors]),
            signs=np.concatenate([np.zeros(0), *self.signs]),
            hadronic_start=self.hadronic_start,
            segments=tuple(self.segments),
            data_segments=data_segments,
            order=np.array(self.order, dtype=np.int64),
        )


def _padded(rank: int) -> int:
    return max(1, -(-rank // RANK_STEP)) * RANK_STEP


def make_tables(theory: TheoryStack, ndata: int, rotation: Array, rules: SumRules | None) -> Tables:
    """The tables of a fit.

    Parameters
    ----------
    theory
        All tables; the first `ndata` predictions are data, the others constraints.
    rotation
        (nfit, 14), see `n3hyper.physics.bases.fitbasis_to_evolution`.
    rules
        The sum rules of the fit.
    """
    builder = _Builder(theory, flavour_basis(rotation, rules))
    predictions = list(_predictions(theory.observables))
    builder.add([each for each in predictions if each.place < ndata])
    data_segments = len(builder.segments)
    builder.add([each for each in predictions if each.place >= ndata])
    return builder.tables(data_segments)
