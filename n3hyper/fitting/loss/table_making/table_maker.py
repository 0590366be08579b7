"""Maker of the few matrices of `n3hyper.fitting.loss.tables`, from FK tables and operations.

Each prediction becomes one or two sums of table rows. Predictions of one form whose rows have one
shape make a segment; the rows of linear ones, and the factors of quadratic forms, are put together
in up to three matrices each, by the node of the x-grid from which on they need PDFs.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import groupby
from typing import Final

import numpy as np

from n3hyper.fitting.loss.table_making.bilinear import Family
from n3hyper.fitting.loss.table_making.builders import (
    CompressedBuilder,
    FormsBuilder,
    RowsBuilder,
)
from n3hyper.fitting.loss.table_making.compression import TINY, Precision, compressed
from n3hyper.fitting.loss.table_making.table_rows import (
    Prediction,
    RowMaker,
    Rows,
    predictions_of,
)
from n3hyper.fitting.loss.tables import (
    FACTORS,
    LESS_MAGNITUDE,
    LINEAR,
    MINUS_MAGNITUDE,
    PLAIN,
    QUOTIENT,
    Segment,
    Tables,
    flavour_basis,
)
from n3hyper.physics.arrays import Array
from n3hyper.physics.sum_rules import SumRules
from n3hyper.theory.stack import TheoryStack

NEAR_A_POLE: Final = 0.3
"""Numerators and denominators must be better than other predictions by so much: with some PDFs a
denominator is far smaller than it mostly is."""
OF_CONSTRAINTS: Final = 1e-2
"""The uncertainty of a constraint, as a part of its typical magnitude."""

_Builders = list[RowsBuilder | FormsBuilder]


def _builders(
    predictions: list[Prediction], maker: RowMaker, precision: Precision | None
) -> _Builders:
    """Return builders that share all predictions among them."""
    linear = [maker.linear(each) for each in predictions if maker.is_linear(each)]
    bilinear = [each for each in predictions if not maker.is_linear(each)]
    if precision is not None:
        # all that reads PDFs is one matrix: to begin with another costs more than it saves
        first = RowsBuilder(linear, maker.nx, LINEAR, 0, starts=(0,))
        return [first, *_compressed_builders(bilinear, maker, precision, first)]
    first = RowsBuilder(linear, maker.nx, LINEAR, 0)
    return [first, *_exact_builders(bilinear, maker, len(first.starts))]


def _compressed_builders(
    bilinear: list[Prediction], maker: RowMaker, precision: Precision, linear: RowsBuilder
) -> _Builders:
    """Return those of groups of data sets, and of groups of constraints."""
    ndata = len(precision.uncertainties)
    builders: _Builders = []
    for is_data in (True, False):
        chosen = [each for each in bilinear if (each.place < ndata) == is_data]
        sets = [list(members) for _, members in groupby(chosen, lambda each: each.observable)]
        if not sets:
            continue
        sums = [[part for each in members for part in each.operands] for members in sets]
        for group in compressed(maker.hadronic, sums, _units(chosen, precision), precision):
            members = [each for one in group.sets for each in sets[one]]
            builders.append(CompressedBuilder(members, group, linear, 1 + len(builders)))
    return builders


def _units(predictions: list[Prediction], precision: Precision) -> Callable[[Array], Array]:
    """Return what the operands of predictions may be wrong by, from their typical magnitudes."""
    uncertainties = precision.uncertainties

    def of(each: Prediction, sizes: list[float]) -> list[float]:
        if each.form != QUOTIENT:
            known = each.place < len(uncertainties)
            unit = uncertainties[each.place] if known else OF_CONSTRAINTS * max(sizes)
            return [unit] * len(sizes)
        one, other = np.maximum(sizes, TINY).tolist()
        known = each.place < len(uncertainties)
        unit = uncertainties[each.place] if known else OF_CONSTRAINTS * one / other
        unit *= NEAR_A_POLE * other
        return [unit, unit * min(other / one, 1 / NEAR_A_POLE)]

    def units(typical: Array) -> Array:
        found: list[float] = []
        for each in predictions:
            sizes = typical[len(found) : len(found) + len(each.operands)].tolist()
            found.extend(of(each, sizes))
        return np.array(found)

    return units


def _exact_builders(bilinear: list[Prediction], maker: RowMaker, number: int) -> _Builders:
    """Return builders of forms and factors of all rows without loss."""
    factors: list[Rows] = []
    as_forms: list[tuple[Family, list[Prediction]]] = []
    for _, group in groupby(bilinear, lambda each: each.observable):
        its = list(group)
        parts = [part for each in its for part in each.operands]
        family = maker.bilinear.family(parts)
        if maker.bilinear.forms_are_smaller(family, parts):
            as_forms.append((family, its))
        else:
            factors.extend(maker.quadratic(each, family) for each in its)
    first = RowsBuilder(factors, maker.nx, FACTORS, number)
    builders: _Builders = [first]
    for place, (family, its) in enumerate(as_forms, number + len(first.starts)):
        builders.append(FormsBuilder(its, maker.bilinear, family, place))
    return builders


def make_tables(
    theory: TheoryStack,
    ndata: int,
    rotation: Array,
    rules: SumRules | None,
    precision: Precision | None = None,
) -> Tables:
    """Return the tables of a fit.

    Parameters
    ----------
    theory
        All tables; the first `ndata` predictions are data, the others constraints.
    rotation
        (nfit, 14), see `n3hyper.physics.bases.fitbasis_to_evolution`.
    rules
        The sum rules of the fit.
    precision
        What hadronic tables are compressed to; None for tables without loss.
    """
    basis = flavour_basis(rotation, rules)
    builders = _builders(list(predictions_of(theory)), RowMaker(theory, basis), precision)
    segments: list[Segment] = []
    order: list[int] = []
    data_segments = 0
    for is_data in (True, False):
        for form in (PLAIN, QUOTIENT, LESS_MAGNITUDE, MINUS_MAGNITUDE):

            def chosen(made: Prediction, form: str = form, is_data: bool = is_data) -> bool:
                return made.form == form and (made.place < ndata) == is_data

            for builder in builders:
                for segment, places in builder.segments(chosen):
                    segments.append(segment)
                    order.extend(places)
        data_segments = len(segments) if is_data else data_segments
    products = tuple(product for builder in builders for product in builder.products())
    return Tables(basis, products, tuple(segments), data_segments, np.array(order, np.int64))
