"""Trial as the report sees it: hyperparameters by the names that users know, and its scores."""

from __future__ import annotations

import datetime
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from n3hyper.hyper_optimization.record import (
    MOST_PARTS,
    STATE_DONE,
    STATE_ERROR,
    known_parts,
    todays_setup,
)
from n3hyper.physics.arrays import Array
from n3hyper.report.text import LARGEST, clean, clean_tree, number
from n3hyper.report.trials.columns import PARAMETERS
from n3hyper.report.trials.reading import Matrices

Value = float | int | str | bool | list[Any] | None

MOST_PARAMETERS: Final = 200
"""Hyperparameters of a trial that are looked at; no setup has so many."""
NAMELESS: Final = "(no name)"
"""What a hyperparameter of an empty name is called."""


@dataclass(frozen=True, eq=False)
class Trial:
    """Finished trial.

    The hyperparameters `values` are flat and go by vp-hyperoptplot's names: `optimizer`,
    `learning_rate`, `clipnorm`, `epochs`, `stopping_patience`, `stopping_epochs`, `initial` and
    `multiplier` (of positivity), `nodes_per_layer`, `number_of_layers`, `activation_per_layer`,
    `layer_type`, `initializer`, `dropout`; besides `activation` (of the first layer), `mean_width`
    (of the hidden layers), `integrability_initial`, `integrability_multiplier`, and whatever else
    was in the setup by its path.
    """

    iteration: int
    """Its place in the report."""
    tid: int
    scan: int
    """Which of the files it is from."""
    ok: bool
    reason: str
    """Why it failed, in a word; empty when it did not."""
    failure: str
    """Why it failed, in a sentence."""
    loss: float
    """What the scan minimises, NaN for a failed trial."""
    stored_loss: float
    """The number in the record, which n3fit's failed trials have as well."""
    validation_loss: float
    experimental_loss: float
    seconds: float
    """From its booking to its end."""
    began: float
    """POSIX time, NaN when it is not known."""
    ended: float
    parameters: Mapping[str, Any]
    """As in the record, nested."""
    values: Mapping[str, Value]
    meta: Mapping[str, Any]
    """``kfold_meta`` as it was read; use `fold` and `matrix`."""
    matrices: Matrices = field(repr=False)
    version: str = ""
    """Of n3hyper, which wrote it; empty for n3fit."""
    parts: Mapping[str, float] = field(default_factory=dict)
    """What the loss is the sum of, by name; empty where the record does not say."""
    quantity: str = ""
    """What decided that it failed, such as ``integrability`` or ``validation chi2``."""
    key: str = ""
    """Key of the runcard that sets the limit of the quantity."""

    @property
    def ours(self) -> bool:
        """Return whether n3hyper wrote it; n3fit's losses are composed differently."""
        return bool(self.version)

    def fold(self, name: str) -> Array | None:
        """Return a number for each fold, (k,); None if there is none."""
        found = self.matrices.get(entry(self.meta, name))
        if found is None:
            return None
        found = found if found.ndim == 1 else np.asarray(found.mean(axis=1))
        return without_spread(name, found)

    def group(self, name: str) -> dict[str, Array]:
        """Return numbers for each fold, (k,), by their names; those of `fold_parts`, say.

        Where a file has others than numbers there, or rows of several lengths, nothing is returned.
        """
        named = self.meta.get(name)
        if not isinstance(named, Mapping) or len(named) > MOST_PARTS:
            return {}
        found = {clean(str(key))[:40]: self.matrices.get(each) for key, each in named.items()}
        known = {key: values for key, values in found.items() if values is not None}
        shapes = {values.shape for values in known.values()}
        return known if len(shapes) == 1 and len(shapes.pop()) == 1 else {}

    @property
    def replicas(self) -> list[tuple[int, int]]:
        """Return the number of replicas that count in each fold, and of all; empty if not known."""
        used = self.matrix("replicas_used")
        return [] if used is None else [(int((row > 0).sum()), row.size) for row in used]

    def matrix(self, name: str) -> Array | None:
        """Return a number for each fold and replica, (k, R); None if there is none."""
        found = self.matrices.get(self.meta.get(name))
        return found if found is None or found.ndim == 2 else found[:, None]

    @property
    def penalties(self) -> dict[str, Array]:
        """Penalties by name, (k, R) each."""
        named = self.meta.get("penalties")
        if not isinstance(named, Mapping):
            return {}
        found = {name: self.matrices.get(value) for name, value in named.items()}
        return {
            clean(name): value if value.ndim == 2 else value[:, None]
            for name, value in found.items()
            if value is not None
        }


def entry(meta: Mapping[str, Any], name: str) -> Any:
    """Return an entry of ``kfold_meta``; phi2 of the folds that have one, where not all have."""
    found = meta.get(name)
    return meta.get("phi2_folds") if name == "hyper_losses_phi2" and not found else found


def without_spread(name: str, values: Array) -> Array:
    """Return numbers of folds without a phi2 that is exactly zero: it is that of one replica."""
    return np.where(values == 0, math.nan, values) if name.endswith("_phi2") else values


def trial_of(record: Any, iteration: int, scan: int, matrices: Matrices) -> Trial | None:
    """Return the trial of a record; None for what is not a finished trial."""
    if not isinstance(record, dict) or not isinstance(record.get("result"), dict):
        return None
    result = record["result"]
    misc = record.get("misc") if isinstance(record.get("misc"), dict) else {}
    assert isinstance(misc, dict)
    state = record.get("state", STATE_DONE)
    if state not in (STATE_DONE, STATE_ERROR) or not isinstance(state, int) or not result:
        return None
    tid = record.get("tid")
    parameters = misc.get("space_vals")
    parameters = todays_setup(parameters if isinstance(parameters, dict) else _raw_values(misc))
    meta = result.get("kfold_meta")
    loss = number(result.get("loss"))
    ok = result.get("status") == "ok" and state == STATE_DONE and math.isfinite(loss)
    reason, text = ("", "") if ok else _failure(result)
    began, ended = _time(record.get("book_time")), _time(record.get("refresh_time"))
    return Trial(
        iteration=iteration,
        tid=tid if isinstance(tid, int) and abs(tid) < 2**62 else iteration,
        scan=scan,
        ok=ok,
        reason=reason,
        failure=text,
        loss=loss if ok else math.nan,
        stored_loss=loss,
        validation_loss=number(result.get("validation_loss")),
        experimental_loss=number(result.get("experimental_loss")),
        seconds=_seconds(result, began, ended),
        began=began,
        ended=ended,
        parameters=parameters,
        values=flat_values(parameters),
        meta=meta if isinstance(meta, dict) else {},
        matrices=matrices,
        version=clean(str(result.get("version", "")))[:40],
        parts=known_parts(result.get("loss_parts")) if ok else {},
        **({} if ok else _decided(result.get("failure"))),
    )


def _raw_values(misc: Mapping[str, Any]) -> dict[str, Any]:
    """Return what hyperopt drew, for records without readable values (a choice by its number)."""
    vals = misc.get("vals")
    if not isinstance(vals, dict):
        return {}
    return {
        key: value[0] if isinstance(value, list) and value else value
        for key, value in vals.items()
        if value != []
    }


def _failure(result: Mapping[str, Any]) -> tuple[str, str]:
    failure = result.get("failure")
    if isinstance(failure, dict):
        reason, text = failure.get("reason"), failure.get("text")
        return clean(str(reason or "unknown"))[:40], clean(str(text or ""))
    if result.get("status") == "ok":
        return "nan", "the loss is not a number"
    return "unknown", ""  # n3fit does not say


def _decided(failure: Any) -> dict[str, str]:
    if not isinstance(failure, dict):
        return {}
    return {name: clean(str(failure.get(name) or ""))[:80] for name in ("quantity", "key")}


def _time(value: Any) -> float:
    if isinstance(value, datetime.datetime):
        return value.timestamp()
    if not isinstance(value, str):
        return math.nan
    try:
        return datetime.datetime.fromisoformat(value).timestamp()
    except (ValueError, OverflowError, OSError):
        return math.nan


def _seconds(result: Mapping[str, Any], began: float, ended: float) -> float:
    if ended >= began:
        return ended - began
    parts = result.get("seconds")
    if isinstance(parts, dict) and parts:
        return sum(number(part) for part in parts.values())
    return math.nan


def flat_values(parameters: Mapping[str, Any]) -> dict[str, Value]:
    """Return the hyperparameters of a setup by their flat names.

    Examples
    --------
    >>> flat_values({"optimizer": {"optimizer_name": "Adam", "learning_rate": 0.1}, "epochs": 200,
    ...              "stopping_patience": 0.1, "nodes_per_layer": [20, 10, 8]})
    ... # doctest: +NORMALIZE_WHITESPACE
    {'optimizer': 'Adam', 'learning_rate': 0.1, 'epochs': 200, 'stopping_patience': 0.1,
    'stopping_epochs': 20.0, 'nodes_per_layer': [20, 10, 8], 'number_of_layers': 2,
    'mean_width': 15.0}
    """
    found: dict[str, Value] = {}
    for key, value in parameters.items():
        reader = _READERS.get(key)
        if reader is not None:
            reader(found, value, parameters)
        elif key in PARAMETERS and not isinstance(value, (dict, list)):
            found[key] = _scalar(value)
        else:
            _other(found, clean(key).strip() or NAMELESS, value)
        if len(found) > MOST_PARAMETERS:
            break
    return found


def _scalar(value: Any) -> Value:
    if isinstance(value, float):
        return value if abs(value) < LARGEST else None
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, int):
        return value if abs(value) < 2**62 else None
    return None


def _other(found: dict[str, Value], name: str, value: Any, depth: int = 0) -> None:
    """Add an unknown value by its path; lists stay as they are."""
    if isinstance(value, dict):
        if depth < 4:
            for key, item in list(value.items())[:MOST_PARAMETERS]:
                _other(found, f"{name}.{clean(str(key))}", item, depth + 1)
    elif isinstance(value, list):
        found[name] = [_scalar(item) for item in value[:50]]
    else:
        found[name] = _scalar(value)


def _optimizer(found: dict[str, Value], value: Any, _all: Mapping[str, Any]) -> None:
    if not isinstance(value, dict):
        _other(found, "optimizer", value)
        return
    name = value.get("optimizer_name")
    found["optimizer"] = clean(name) if isinstance(name, str) else None
    for key, item in value.items():
        if key in ("learning_rate", "clipnorm"):
            found[key] = _scalar(item)
        elif key != "optimizer_name":
            _other(found, f"optimizer.{clean(key)}", item)


def _patience(found: dict[str, Value], value: Any, parameters: Mapping[str, Any]) -> None:
    found["stopping_patience"] = _scalar(value)
    product = number(value) * number(parameters.get("epochs"))
    if math.isfinite(product):
        found["stopping_epochs"] = product


def _positivity(found: dict[str, Value], value: Any, _all: Mapping[str, Any]) -> None:
    _lagrange(found, value, "positivity", "")


def _integrability(found: dict[str, Value], value: Any, _all: Mapping[str, Any]) -> None:
    _lagrange(found, value, "integrability", "integrability_")


def _lagrange(found: dict[str, Value], value: Any, name: str, prefix: str) -> None:
    if not isinstance(value, dict):
        _other(found, name, value)
        return
    for key, item in value.items():
        if key in ("initial", "multiplier"):
            found[f"{prefix}{key}"] = _scalar(item)
        else:
            _other(found, f"{name}.{clean(key)}", item)


def _nodes(found: dict[str, Value], value: Any, _all: Mapping[str, Any]) -> None:
    _other(found, "nodes_per_layer", value)
    nodes = found.get("nodes_per_layer")
    if isinstance(nodes, list) and nodes:
        found["number_of_layers"] = len(nodes) - 1
        hidden = [number(width) for width in nodes[:-1]]
        if hidden and all(map(math.isfinite, hidden)):
            found["mean_width"] = sum(hidden) / len(hidden)


def _activation(found: dict[str, Value], value: Any, _all: Mapping[str, Any]) -> None:
    _other(found, "activation_per_layer", value)
    first = value[0] if isinstance(value, list) and value else value
    found["activation"] = clean(first) if isinstance(first, str) else None


_READERS: Final = {
    "optimizer": _optimizer,
    "stopping_patience": _patience,
    "positivity": _positivity,
    "integrability": _integrability,
    "nodes_per_layer": _nodes,
    "activation_per_layer": _activation,
}


def runcard_setup(trial: Trial) -> dict[str, Any]:
    """Return the setup of a trial as a runcard has it: numbers of nodes are integers, and the
    activation is written out for each layer.
    """
    setup = dict(clean_tree(dict(trial.parameters)))
    activation, nodes = setup.get("activation_per_layer"), setup.get("nodes_per_layer")
    if isinstance(activation, str) and isinstance(nodes, list) and nodes:
        setup["activation_per_layer"] = [activation] * (len(nodes) - 1) + ["linear"]
    for key in ("reward", "old_reward"):
        setup.pop(key, None)
    return setup
