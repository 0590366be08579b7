"""Whatever is done to a runcard, it loads, or is refused in one line; nothing else is raised."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from n3hyper.errors import RuncardError
from n3hyper.runcard import Runcard, load_runcard, parse_runcard
from tests.support.runcard_samples import delete_at, good_card, set_at

QUICKSTART = Path(__file__).parents[2] / "runcards" / "quickstart.yml"


def _paths(tree: Any, here: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """All places of a tree."""
    steps = tree.items() if isinstance(tree, dict) else enumerate(tree)
    for step, below in steps:
        yield (*here, step)
        if isinstance(below, (dict, list)):
            yield from _paths(below, (*here, step))


PATHS = list(_paths(good_card()))
OLD_KEYS = st.sampled_from(
    ["hyperscan", "experiments", "target", "poslambda", "sys", "pos_initial", "optimizer", "kfold"]
)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from([10**400, -1, 0, "NMC", "ALL", "on"])
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=8) | OLD_KEYS, inner, max_size=3)
    ),
    max_leaves=6,
)
COPIED = st.sampled_from(PATHS)
CHANGES = st.lists(
    st.one_of(
        st.tuples(st.just("set"), COPIED, VALUES),
        st.tuples(st.just("delete"), COPIED, st.none()),
        st.tuples(st.just("copy"), COPIED, COPIED),
        st.tuples(st.just("add"), COPIED, st.tuples(st.text(max_size=8) | OLD_KEYS, VALUES)),
    ),
    min_size=1,
    max_size=4,
)


def _at(card: Any, path: tuple[str | int, ...]) -> Any:
    for step in path:
        card = card[step]
    return card


def _change(card: dict[str, Any], kind: str, path: tuple[str | int, ...], what: Any) -> None:
    try:
        if kind == "set":
            set_at(card, path, what)
        elif kind == "delete":
            delete_at(card, path)
        elif kind == "copy":
            set_at(card, path, copy.deepcopy(_at(card, what)))
        else:
            set_at(card, (*path, what[0]), what[1])
    except (KeyError, IndexError, TypeError):
        pass  # an earlier change has taken the place away


def _outcome(read: Callable[..., Runcard], *arguments: Any) -> Runcard | None:
    """The runcard, or None where it is refused in one line."""
    try:
        return read(*arguments)
    except RuncardError as error:
        line, code = str(error), error.exit_code
    assert len(line.splitlines()) == 1
    assert code == 2
    return None


ODD: list[Any] = [
    *(None, True, 0, -1, 0.5, 10**400, float("nan"), float("inf"), "", "x\ny"),
    *([], [[]], [None], {}, {"a": []}, ["x", "x"]),
]


def test_each_place_takes_no_odd_value_badly() -> None:
    for path in PATHS:
        for value in ODD:
            card = good_card()
            set_at(card, path, value)
            _outcome(parse_runcard, card, "card.yml")


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(CHANGES)
def test_changed_runcards_load_or_are_refused(changes: list[tuple[str, Any, Any]]) -> None:
    card = good_card()
    for change in changes:
        _change(card, *change)
    runcard = _outcome(parse_runcard, card, "card.yml")
    if runcard is not None:
        assert parse_runcard(runcard.raw, "card.yml").parameters == runcard.parameters


@settings(max_examples=200, deadline=None)
@given(VALUES)
def test_any_document_loads_or_is_refused(document: Any) -> None:
    assert _outcome(parse_runcard, document) is None  # too small for a runcard


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_changed_files_load_or_are_refused(tmp_path: Path, data: st.DataObject) -> None:
    content = QUICKSTART.read_bytes()
    start = data.draw(st.integers(0, len(content)))
    stop = data.draw(st.integers(start, min(start + 40, len(content))))
    path = tmp_path / "card.yml"
    path.write_bytes(content[:start] + data.draw(st.binary(max_size=12)) + content[stop:])
    _outcome(load_runcard, path)
