"""Reader of cut rules: ``filter_rules``, ``added_filter_rules``, ``drop_internal_rules``.

A rule is {dataset or process_type, rule, reason, local_variables, PTO, FNS, IC}, as in NNPDF. The
keys stand under ``datacuts`` or at the top level. What can be seen without the data is checked
here: keys, values and the form of expressions. Names of data sets and of kinematic variables are
checked by `n3hyper.data.filter_rules`, which knows them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from n3hyper.runcard.expressions import FUNCTIONS, parse_expression
from n3hyper.runcard.model import FilterRule, OrderRange
from n3hyper.runcard.node import Node, Section

FILTER_KEYS = ("filter_rules", "added_filter_rules", "drop_internal_rules", "filter_defaults")
"""Keys that may stand under ``datacuts`` or at the top level."""

_RULE_KEYS = ("dataset", "process_type", "rule", "reason", "local_variables", "PTO", "FNS", "IC")
_SCHEMES = ("FONLL-A", "FONLL-B", "FONLL-C", "FONLL-D", "FONLL-E", "ZM-VFNS")
_ORDER = re.compile(r"(?:N(?P<number>\d)|(?P<letters>N{0,3}))LO(?P<operator>[+\-!]?)")


def find_key(key: str, top: Section, datacuts: Section | None) -> Node | None:
    """Return one of `FILTER_KEYS` from the place where it stands."""
    outside = top.get(key)
    inside = None if datacuts is None else datacuts.get(key)
    if outside is not None and inside is not None:
        outside.fail("given twice", f"it stands at {inside.path} as well: remove one")
    return outside if inside is None else inside


def place_of(key: str, raw: Mapping[str, Any]) -> str:
    """Return the path of one of `FILTER_KEYS` in a runcard that has it."""
    inside = raw.get("datacuts")
    return f"datacuts.{key}" if isinstance(inside, Mapping) and inside.get(key) else key


def read_rules(node: Node | None) -> tuple[FilterRule, ...]:
    """Read a list of rules, none of which may come twice."""
    rules: list[FilterRule] = []
    for entry in [] if node is None else node.items("rules"):
        rule = _read_rule(entry)
        if rule in rules:
            entry.fail("listed twice", "give each rule once")
        rules.append(rule)
    return tuple(rules)


def _read_rule(entry: Node) -> FilterRule:
    section = entry.section(_RULE_KEYS)
    text = section.need("rule", "the condition that points must fulfil to be kept")
    dataset, process = section.get("dataset"), section.get("process_type")
    if dataset is None and process is None:
        section.need("dataset", "name the data set or the process_type that it is for")
    reason, order, scheme, charm = (section.get(key) for key in ("reason", "PTO", "FNS", "IC"))
    if reason is not None:
        reason.text()
    return FilterRule(
        rule=_read_expression(text),
        dataset=None if dataset is None else dataset.text(),
        process_type=None if process is None else process.text(),
        local_variables=_read_local_variables(section.get("local_variables")),
        orders=None if order is None else _read_orders(order),
        fns=None if scheme is None else scheme.text(_SCHEMES),
        intrinsic_charm=None if charm is None else charm.flag(),
    )


def _read_expression(node: Node) -> str:
    text = node.text()
    try:
        parse_expression(text)
    except ValueError as error:
        node.fail("not a rule", str(error))
    return text


def _read_local_variables(node: Node | None) -> tuple[tuple[str, str], ...]:
    """Read names and the expressions they stand for; each may use those before it."""
    if node is None:
        return ()
    if not isinstance(node.value, dict):
        node.fail("expected a mapping", "write {name: expression}")
    found = []
    for name, value in node.value.items():
        below = Node(value, node.at(name), node.source)
        if not name.isidentifier() or name in FUNCTIONS:
            below.fail("not a name for a variable", "use letters, digits and _")
        if isinstance(value, str):
            found.append((name, _read_expression(below)))
        else:
            found.append((name, repr(below.number())))
    return tuple(found)


def _read_orders(node: Node) -> OrderRange:
    """Read the orders of a rule: ``NNLO``, ``N2LO``, ``NNLO+`` (and above), ``NNLO-`` (below),
    ``NNLO!`` (not).
    """
    match = _ORDER.fullmatch(node.text().upper())
    if match is None:
        node.fail("not a perturbative order", "write NLO or NNLO, NNLO+ (from), NNLO- (below)")
    number = match["number"]
    return OrderRange(
        order=len(match["letters"]) if number is None else int(number), operator=match["operator"]
    )
