"""Trials of another scan as history of this one: TPE learns from them, and none is run again.

A trial of n3fit, or of another scan of n3hyper, is a setup with a loss. Where the setup is a point
of this scan's search space, the point is found from the setup itself: labels and order of choices
may be others there. What the space fixes has to be the same, as far as the setup says it.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from n3hyper.errors import StoreInputError, shown
from n3hyper.hyper_optimization.record import (
    STATE_DONE,
    STATUS_FAIL,
    STATUS_OK,
    Record,
    is_finite,
    plain,
)
from n3hyper.hyper_optimization.sampling.samplers import ActivationStr
from n3hyper.hyper_optimization.sampling.space import LIST_LABEL, evaluate_space

Point = dict[str, Any]
"""A trial of history in plain types: ``vals``, {label: value}, and ``loss``, None if it failed."""
Setup = tuple[Mapping[str, Any], float | None]
"""Parameters of a trial, and its loss; None if it failed."""

HISTORY: Final = "history"
"""Its place in what is kept with the trials of a scan, and its name among the parts of a scan."""
_MOST: Final = 100_000
_CLOSE: Final = 1e-9
_PASSED_ON: Final = ("float", "int", "minimum", "maximum")
"""Operations that leave a value of the space as it is."""
_LIMITS: Final[Mapping[str, Callable[[float], float]]] = {
    "uniform": float,
    "quniform": float,
    "loguniform": math.log,
}
"""Distributions of a scan, and the function of a value that lies between their two arguments."""


@dataclass(frozen=True)
class Taken:
    """Trials of another scan that are taken."""

    points: tuple[Point, ...]
    left_out: Mapping[str, int]
    """Of setups that are no points of the space, how many have that parameter outside of it."""
    number_left_out: int


def points_of(space: Any, setups: Iterable[Setup]) -> Taken:
    """Return the points of a space that setups are.

    Parameters
    ----------
    space
        As `HyperScanner.as_dict` gives it, or the expression of that.
    setups
        As ``misc.space_vals`` of a record has them, with their losses.

    Examples
    --------
    >>> from n3hyper.hyper_optimization.sampling.samplers import hp_choice, hp_uniform
    >>> space = {"initializer": hp_choice("initializer", ["a", "b"]), "epochs": 100,
    ...          "dropout": hp_uniform("dropout", 0.0, 0.5)}
    >>> setups = [({"initializer": "b", "dropout": 0.25}, 1.5), ({"initializer": "c"}, 1.0)]
    >>> taken = points_of(space, setups)
    >>> taken.points
    ({'vals': {'dropout': 0.25, 'initializer': 1}, 'loss': 1.5},)
    >>> taken.left_out
    {'dropout': 1, 'initializer': 1}
    """
    from hyperopt.pyll.base import as_apply

    nodes = dict(as_apply(space).named_args)
    points, outside, number = [], Counter[str](), 0
    for setup, loss in setups:
        vals: dict[str, Any] = {}
        whole = {LIST_LABEL: dict(setup)} if set(nodes) == {LIST_LABEL} else setup
        wrong = [name for name, node in nodes.items() if not _find(node, whole, name, vals)]
        outside.update(wrong)
        number += bool(wrong)
        if not wrong:
            points.append({"vals": vals, "loss": loss if is_finite(loss) else None})
    return Taken(tuple(points), dict(outside.most_common()), number)


def _find(node: Any, setup: Mapping[str, Any], name: str, vals: dict[str, Any]) -> bool:
    """Find the values of the labels of a parameter; whether there are any.

    A parameter that is fixed need not be in the setup: n3fit does not write down all of them.
    """
    if name not in setup:
        return not _is_sampled(node)
    return _invert(node, plain(setup[name]), vals)


def _is_sampled(node: Any) -> bool:
    from hyperopt.pyll.base import dfs

    return any(each.name == "hyperopt_param" for each in dfs(node))


def _invert(node: Any, value: Any, vals: dict[str, Any]) -> bool:
    """Find the values of the labels with which an expression has a value; whether there are any."""
    if node.name == "literal":
        return _same(node.obj, value)
    if node.name == "dict":
        return isinstance(value, dict) and all(
            _find(each, value, key, vals) for key, each in node.named_args
        )
    if node.name == "pos_args":
        return (
            isinstance(value, list)
            and len(value) == len(node.pos_args)
            and all(_invert(n, v, vals) for n, v in zip(node.pos_args, value, strict=True))
        )
    if node.name == "switch":
        return _choose(node, value, vals)
    if node.name in _PASSED_ON:
        sampled = [each for each in node.pos_args if _is_sampled(each)]
        return len(sampled) == 1 and _invert(sampled[0], value, vals)
    return node.name == "hyperopt_param" and _draw(node, value, vals)


def _choose(node: Any, value: Any, vals: dict[str, Any]) -> bool:
    """The first of the options of a choice that can have the value."""
    choice, *options = node.pos_args
    for place, option in enumerate(options):
        found: dict[str, Any] = {}
        if _invert(option, value, found):
            vals.update({choice.pos_args[0].obj: place, **found})
            return True
    return False


def _draw(node: Any, value: Any, vals: dict[str, Any]) -> bool:
    """A number that is drawn between two ends."""
    label, distribution = node.pos_args
    function = _LIMITS.get(distribution.name)
    if function is None or not is_finite(value) or isinstance(value, bool):
        return False
    if function is math.log and value <= 0:
        return False
    low, high = (float(end.obj) for end in distribution.pos_args[:2])
    margin = _CLOSE * max(abs(low), abs(high))
    if not low - margin <= function(value) <= high + margin:
        return False
    vals[label.obj] = float(value)
    return True


def _same(fixed: Any, value: Any) -> bool:
    """Return whether a fixed value of the space is that of a setup."""
    if isinstance(fixed, ActivationStr):
        wanted = fixed(len(value)) if isinstance(value, list) else str(fixed)
        return bool(wanted == value)
    if isinstance(fixed, (list, tuple)):
        return (
            isinstance(value, list) and len(value) == len(fixed) and all(map(_same, fixed, value))
        )
    if isinstance(fixed, Mapping):
        return isinstance(value, dict) and all(
            key not in value or _same(each, value[key]) for key, each in fixed.items()
        )
    if is_finite(fixed) and is_finite(value):
        return math.isclose(fixed, value, rel_tol=_CLOSE)
    return bool(fixed == value)


def check_points(points: Any) -> None:
    """Raise StoreInputError unless this is history as a store keeps it."""
    if not isinstance(points, list) or len(points) > _MOST:
        raise StoreInputError("not the state of trials: scan.history is no list of points")
    for point in points:
        vals = point.get("vals") if isinstance(point, dict) else None
        loss = point.get("loss") if isinstance(point, dict) else None
        if not isinstance(vals, dict) or not all(
            isinstance(label, str) and is_finite(value) for label, value in vals.items()
        ):
            raise StoreInputError(f"not the state of trials: scan.history has {shown(point)}")
        if loss is not None and not is_finite(loss):
            raise StoreInputError(f"not the state of trials: scan.history has a loss {shown(loss)}")


def documents_of(
    points: Sequence[Mapping[str, Any]], space: Any, labels: Iterable[str]
) -> list[Record]:
    """Return history as documents of finished trials, numbered -n to -1.

    Parameters
    ----------
    labels
        All of the space.

    Raises
    ------
    StoreInputError
        Something is no point of the space.
    """
    labels = list(labels)
    documents = []
    for tid, point in enumerate(points, start=-len(points)):
        vals, loss = point["vals"], point["loss"]
        try:
            if not set(vals) <= set(labels) or any(value < 0 for value in _indices(space, vals)):
                raise ValueError("labels of another space")
            evaluate_space(space, vals)
        except Exception as err:  # hyperopt has no error of its own for a wrong point
            raise StoreInputError(f"the history of the scan holds no point of it: {err}") from err
        result = (
            {"status": STATUS_OK, "loss": loss} if loss is not None else {"status": STATUS_FAIL}
        )
        documents.append(
            {
                "tid": tid,
                "state": STATE_DONE,
                "spec": None,
                "result": result,
                "misc": {
                    "tid": tid,
                    "cmd": None,
                    "workdir": None,
                    "idxs": {label: [tid] if label in vals else [] for label in labels},
                    "vals": {label: [vals[label]] if label in vals else [] for label in labels},
                },
                "exp_key": None,
                "owner": None,
                "version": 0,
                "book_time": None,
                "refresh_time": None,
            }
        )
    return documents


def _indices(space: Any, vals: Mapping[str, Any]) -> list[Any]:
    """Values that are the number of a choice."""
    from hyperopt.pyll.base import as_apply, dfs

    choices = {
        node.pos_args[0].pos_args[0].obj for node in dfs(as_apply(space)) if node.name == "switch"
    }
    return [value for label, value in vals.items() if label in choices]
