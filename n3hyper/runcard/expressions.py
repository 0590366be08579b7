"""Expressions of cut rules, such as ``Q2 > q2min and w2 > w2min``: parsed, never run as code.

The language is that of NNPDF's filter rules: numbers, names, ``+ - * / // % **``, comparisons,
``and``, ``or``, ``not``, ``a if b else c``, ``in (..., ...)`` and the functions `FUNCTIONS`. What
the names stand for is the business of `n3hyper.data.filter_rules`, which computes them.
"""

from __future__ import annotations

import ast
import math
import warnings
from dataclasses import dataclass
from typing import Final

FUNCTIONS: Final = ("sqrt", "log", "fabs")
"""Functions of one argument."""

_LONGEST: Final = 1000  # characters; NNPDF's longest rule has 60
_DEEPEST: Final = 50
_NODES: Final = (
    *(ast.BoolOp, ast.And, ast.Or),
    *(ast.UnaryOp, ast.Not, ast.USub, ast.UAdd),
    *(ast.BinOp, ast.Add, ast.Sub, ast.Mult, ast.Div, ast.FloorDiv, ast.Mod, ast.Pow),
    *(ast.Compare, ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.Eq, ast.NotEq, ast.In, ast.NotIn),
    *(ast.IfExp, ast.Call, ast.Name, ast.Load, ast.Constant, ast.Tuple, ast.List, ast.Set),
)


@dataclass(frozen=True)
class Expression:
    """Text that is an expression of the language, with its tree and names."""

    text: str
    tree: ast.expr
    names: tuple[str, ...]
    """What it asks for, sorted; functions are not among them."""


def parse_expression(text: str) -> Expression:
    """Read an expression.

    Raises
    ------
    ValueError
        With the reason, where the text is none.

    >>> parse_expression("Q2 > 8 and sqrt(x) < xmax").names
    ('Q2', 'x', 'xmax')
    >>> parse_expression("open('file')")
    Traceback (most recent call last):
        ...
    ValueError: no function 'open'; there are sqrt, log, fabs
    """
    if len(text) > _LONGEST:
        raise ValueError(f"{len(text)} characters, more than {_LONGEST}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of "1or 2" and the like
            tree = ast.parse(text.strip(), mode="eval").body
    except SyntaxError as error:
        raise ValueError(f"not an expression ({error.msg})") from None
    except (ValueError, RecursionError, MemoryError):  # a null byte, thousands of brackets
        raise ValueError("not an expression") from None
    names: set[str] = set()
    _check(tree, names, 0)
    return Expression(text, tree, tuple(sorted(names)))


def _check(node: ast.AST, names: set[str], depth: int) -> None:
    if depth > _DEEPEST:
        raise ValueError("nested too deeply")
    if not isinstance(node, _NODES):
        raise ValueError(f"{_text(node)} is not part of the language of rules")
    if isinstance(node, ast.Constant):
        _check_number(node)
    if isinstance(node, (ast.Tuple, ast.List, ast.Set)):
        raise ValueError(f"{_text(node)} stands only behind 'in'")
    if isinstance(node, ast.Call):
        _check_call(node)
        _check(node.args[0], names, depth + 1)
    elif isinstance(node, ast.Compare):
        for operand in (node.left, *node.ops, *_members(node)):
            _check(operand, names, depth + 1)
    elif isinstance(node, ast.Name):
        if node.id in FUNCTIONS:
            raise ValueError(f"{node.id} is a function: write {node.id}(...)")
        names.add(node.id)
    else:
        for child in ast.iter_child_nodes(node):
            _check(child, names, depth + 1)


def _check_number(node: ast.Constant) -> None:
    try:
        is_number = isinstance(node.value, (int, float)) and math.isfinite(node.value)
    except OverflowError:
        is_number = False
    if not is_number:
        raise ValueError(f"{_text(node)} is not a number")


def _members(node: ast.Compare) -> list[ast.expr]:
    """Return the operands of a comparison, with the entries of lists behind ``in``."""
    found: list[ast.expr] = []
    for operator, right in zip(node.ops, node.comparators, strict=True):
        if not isinstance(operator, (ast.In, ast.NotIn)):
            found.append(right)
        elif isinstance(right, (ast.Tuple, ast.List, ast.Set)):
            found += right.elts
        else:
            raise ValueError("'in' asks for a list: write x in (1, 2)")
    return found


def _check_call(node: ast.Call) -> None:
    name = _text(node.func)
    if name not in FUNCTIONS:
        raise ValueError(f"no function {name!r}; there are {', '.join(FUNCTIONS)}")
    if len(node.args) != 1 or node.keywords:
        raise ValueError(f"{name} takes one argument")


def _text(node: ast.AST) -> str:
    """Return a node as it was written, shortened."""
    try:
        text = ast.unparse(node)
    except (RecursionError, ValueError):  # too deep; an integer of thousands of digits
        return type(node).__name__
    text = text or type(node).__name__
    return text if len(text) <= 40 else f"{text[:37]}..."
