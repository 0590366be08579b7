"""Cut rules of a runcard, and the points of a data set that fulfil them.

A rule is for a data set, by its present or an earlier name, or for all sets of a process type
(``DIS_ALL``: all of DIS). It may be limited to theories of an order, a scheme or a treatment of
charm. Its expression may use the set's kinematic variables, ``idat`` (the point's number, from 0),
``central_value``, the bounds q2min, w2min and maxTau, and its local variables. (The
keywords have NNPDF's meaning: https://docs.nnpdf.science/vp/filters.html.) Expressions are
evaluated from their syntax trees, for all points at once; what is not a number (a root of -1) is
on neither side of a bound.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import reduce
from typing import Any, Final

import numpy as np

from n3hyper.data.commondata import CommonData, known_names
from n3hyper.errors import RuncardError, nearest
from n3hyper.physics.arrays import Array, Mask
from n3hyper.runcard.expressions import Expression, parse_expression
from n3hyper.runcard.model import FilterRule, Runcard
from n3hyper.runcard.node import Node
from n3hyper.runcard.sections.filters import place_of
from n3hyper.theory.folders import TheoryCard

ALL_DIS: Final = "DIS_ALL"
"""Process type that stands for all those of DIS."""

OLD_PROCESSES: Final = (
    *("DYP", "SHP", "EWK_RAP", "EWK_RAP_ASY", "EWK_PT", "EWK_PTRAP", "EWK_MLL", "EWJ_RAP"),
    *("EWJ_PT", "EWJ_PTRAP", "EWJ_JRAP", "EWJ_JPT", "EWJ_MLL", "HQP_PTQQ", "HIG_RAP", "SIA"),
)
"""Process types that rules may name, though few or no data sets have them today."""

OF_EVERY_SET: Final = ("idat", "central_value", "q2min", "w2min", "maxTau")
"""Names that every expression may use."""

# A rule for a process may use eta even where a data set of the process has y instead.
_SYNONYMS: Final = (("eta", "y"), ("yQQ", "y_ttBar"), ("yQ", "y_t"))


def rules_of(runcard: Runcard) -> list[tuple[str, FilterRule]]:
    """Return the rules of a runcard, except dropped ones, each with its key path."""
    cuts = runcard.datacuts
    replacing = [
        (f"{place_of('filter_rules', runcard.raw)}[{number}]", rule)
        for number, rule in enumerate(cuts.filter_rules)
        if rule.dataset not in cuts.drop_internal_rules
    ]
    added = [
        (f"{place_of('added_filter_rules', runcard.raw)}[{number}]", rule)
        for number, rule in enumerate(cuts.added_filter_rules)
    ]
    return [*replacing, *added]


def check_rules(runcard: Runcard, loaded: Iterable[CommonData]) -> None:
    """Check that the data sets and process types that the rules name exist.

    Raises
    ------
    RuncardError
        when one does not.
    """
    sets = list(loaded)
    source = None if runcard.source is None else str(runcard.source)
    for path, rule in rules_of(runcard):
        if rule.process_type is not None:
            known = (ALL_DIS, *_processes(), *OLD_PROCESSES)
            Node(rule.process_type, f"{path}.process_type", source).text(known)
        if rule.dataset is not None and not any(_is_named(cd, rule.dataset) for cd in sets):
            _check_dataset(Node(rule.dataset, f"{path}.dataset", source))
    dropped = place_of("drop_internal_rules", runcard.raw)
    for number, name in enumerate(runcard.datacuts.drop_internal_rules):
        _check_dataset(Node(name, f"{dropped}[{number}]", source))


def _check_dataset(node: Node) -> None:
    """Check that nnpdf_data has a data set of that name."""
    # gathering the names of all sets reads many files, hence only for sets that are not in the fit
    node.text(known_names())


def passing(commondata: CommonData, runcard: Runcard, card: TheoryCard) -> Mask:
    """Return the mask (ndata,) of the points of a complete set that fulfil all rules of a runcard.

    Raises
    ------
    RuncardError
        when a rule uses a variable that the set does not have.
    """
    keep = np.ones(commondata.ndata, dtype=bool)
    for path, rule in rules_of(runcard):
        if _applies(rule, commondata, card):
            keep &= _fulfil(rule, path, commondata, runcard)
    return keep


# ---------------------------------------------------------------- which sets a rule applies to


def _is_named(commondata: CommonData, name: str) -> bool:
    return name == commondata.name or name in commondata.legacy_names


def _applies(rule: FilterRule, commondata: CommonData, card: TheoryCard) -> bool:
    named = rule.dataset is not None and _is_named(commondata, rule.dataset)
    if rule.process_type == ALL_DIS:
        concerned = commondata.process.startswith("DIS")
    else:
        concerned = named or rule.process_type == commondata.process
    return (
        concerned
        and (rule.orders is None or card.pto in rule.orders)
        and rule.fns in (None, card.fns)
        and rule.intrinsic_charm in (None, card.intrinsic_charm)
    )


def _processes() -> Mapping[str, object]:
    """Return nnpdf_data's process types, which name the variables they accept."""
    from nnpdf_data.process_options import PROCESSES

    processes: Mapping[str, object] = PROCESSES
    return processes


# ---------------------------------------------------------------- which points fulfil it


def _fulfil(rule: FilterRule, path: str, commondata: CommonData, runcard: Runcard) -> Mask:
    values = _columns(rule, commondata, runcard)
    for name, text in rule.local_variables:
        place = f"{path}.local_variables.{name}"
        values[name] = _value(text, place, values, commondata, runcard)
    result = _value(rule.rule, f"{path}.rule", values, commondata, runcard)
    return np.broadcast_to(result != 0, commondata.ndata)


def _columns(rule: FilterRule, commondata: CommonData, runcard: Runcard) -> dict[str, Array]:
    """Return the values that expressions may use, arrays (ndata,) or numbers."""
    cuts = runcard.datacuts
    values: dict[str, Array] = {
        "idat": commondata.points.astype(float),
        "central_value": commondata.central,
        "q2min": _number(cuts.q2min),
        "w2min": _number(cuts.w2min),
        "maxTau": _number(cuts.max_tau),
        **{name: commondata.kinematic(name) for name in commondata.kinematic_names},
    }
    if rule.process_type is not None:
        accepted = getattr(_processes().get(rule.process_type), "accepted_variables", ())
        for name, synonym in _SYNONYMS:
            if name in accepted and name not in values and synonym in values:
                values[name] = values[synonym]
    return values


def _value(
    text: str, path: str, values: Mapping[str, Array], commondata: CommonData, runcard: Runcard
) -> Array:
    expression = parse_expression(text)
    for name in expression.names:
        if name not in values:
            raise RuncardError(
                f"dataset {commondata.name} has no {name}",
                source=runcard.source,
                key=path,
                value=text,
                hint=nearest(name, values),
            )
    return evaluate(expression, values)


# ---------------------------------------------------------------- expressions


def evaluate(expression: Expression, values: Mapping[str, Array]) -> Array:
    """Return the value of an expression at each point.

    Parameters
    ----------
    values
        Values of its names: numbers, or arrays (ndata,).

    Returns
    -------
    array (ndata,), or a number
        In float64; a condition is 1 where it holds.

    >>> evaluate(parse_expression("1 < x <= 3 or x in (7, 8)"), {"x": np.array([1.0, 3, 4, 8])})
    array([0., 1., 0., 1.])
    """
    with np.errstate(all="ignore"):
        return _evaluate(expression.tree, values)


_OPERATORS: Final[dict[type[ast.AST], Callable[..., Any]]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: np.divide,
    ast.FloorDiv: np.floor_divide,
    ast.Mod: np.mod,
    ast.Pow: np.power,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.UAdd: operator.pos,
    ast.USub: operator.neg,
    ast.Not: lambda value: value == 0,
}
_FUNCTIONS: Final[dict[str, Callable[..., Any]]] = {
    "sqrt": np.sqrt,
    "log": np.log,
    "fabs": np.fabs,
}


def _evaluate(node: ast.expr, values: Mapping[str, Array]) -> Array:
    """Evaluate one node, of the kinds that `parse_expression` allows."""
    if isinstance(node, ast.Constant):
        return _number(node.value)
    if isinstance(node, ast.Name):
        return _number(values[node.id])
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        return _number(_FUNCTIONS[node.func.id](_evaluate(node.args[0], values)))
    if isinstance(node, ast.UnaryOp):
        return _number(_OPERATORS[type(node.op)](_evaluate(node.operand, values)))
    if isinstance(node, ast.BinOp):
        left, right = _evaluate(node.left, values), _evaluate(node.right, values)
        return _number(_OPERATORS[type(node.op)](left, right))
    if isinstance(node, ast.IfExp):
        test, body, otherwise = (_evaluate(n, values) for n in (node.test, node.body, node.orelse))
        return np.where(test != 0, body, otherwise)
    if isinstance(node, ast.BoolOp):
        parts = [_evaluate(operand, values) for operand in node.values]
        return reduce(_and if isinstance(node.op, ast.And) else _or, parts)
    assert isinstance(node, ast.Compare)
    return _comparisons(node, values)


def _number(value: Any) -> Array:
    array: Array = np.asarray(value, dtype=float)
    return array


def _and(left: Array, right: Array) -> Array:
    return np.where(left != 0, right, left)


def _or(left: Array, right: Array) -> Array:
    return np.where(left != 0, left, right)


def _comparisons(node: ast.Compare, values: Mapping[str, Array]) -> Array:
    """Evaluate a chain of comparisons: ``a < b <= c`` holds if both do."""
    left = _evaluate(node.left, values)
    results = []
    for comparison, comparator in zip(node.ops, node.comparators, strict=True):
        if isinstance(comparison, (ast.In, ast.NotIn)):
            assert isinstance(comparator, (ast.Tuple, ast.List, ast.Set))
            member = _is_one_of(left, comparator.elts, values)
            results.append(member == isinstance(comparison, ast.In))
        else:
            right = _evaluate(comparator, values)
            results.append(_OPERATORS[type(comparison)](left, right))
            left = right
    return _number(np.all(np.broadcast_arrays(*results), axis=0))


def _is_one_of(left: Array, members: Sequence[ast.expr], values: Mapping[str, Array]) -> Mask:
    equal = [left == _evaluate(member, values) for member in members]
    is_member: Mask = np.any(np.broadcast_arrays(np.zeros_like(left, dtype=bool), *equal), axis=0)
    return is_member
