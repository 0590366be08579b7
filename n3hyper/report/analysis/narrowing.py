"""Search space narrowed to the region of chosen trials."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from n3hyper.report.errors import ReportError
from n3hyper.report.text import number
from n3hyper.report.trials.trial import Trial


def narrowed(runcard: Mapping[str, Any], chosen: Sequence[Trial]) -> dict[str, Any]:
    """Return ``hyperscan_config`` of a runcard with each range, and each list of names, cut to the
    values that occur among the trials.

    Raises
    ------
    ReportError
        The runcard has no ranges.
    """
    config = runcard.get("hyperscan_config", runcard.get("hyperscan"))
    if not isinstance(config, Mapping) or "parameters" in config:
        raise ReportError("--as ranges: the runcard of the scan has no ranges to be narrowed")
    found: dict[str, Any] = {}
    for key, value in config.items():
        reader = _PARTS.get(key)
        if reader is not None and value:
            found[key] = reader(value, chosen)
    if not found:
        raise ReportError("--as ranges: the runcard of the scan has no ranges to be narrowed")
    return found


def _ends(chosen: Sequence[Trial], name: str, optimizer: str | None = None) -> list[float]:
    """Return the smallest and the largest value; nothing if there is none."""
    values = [
        number(trial.values.get(name))
        for trial in chosen
        if optimizer is None or trial.values.get("optimizer") == optimizer
    ]
    known = [value for value in values if math.isfinite(value)]
    return [min(known), max(known)] if known else []


def _cut(part: dict[str, Any], chosen: Sequence[Trial], name: str, label: str) -> None:
    """Replace ``min_name`` and ``max_name`` where they are given."""
    ends = _ends(chosen, label)
    for key, end in zip((f"min_{name}", f"max_{name}"), ends, strict=False):
        if key in part:
            part[key] = int(end) if name == "epochs" else end


def _stopping(value: Any, chosen: Sequence[Trial]) -> Any:
    part = dict(value) if isinstance(value, Mapping) else {}
    _cut(part, chosen, "epochs", "epochs")
    _cut(part, chosen, "patience", "stopping_patience")
    return part


def _lagrange(prefix: str) -> Callable[[Any, Sequence[Trial]], Any]:
    def read(value: Any, chosen: Sequence[Trial]) -> Any:
        part = dict(value) if isinstance(value, Mapping) else {}
        for name in ("initial", "multiplier"):
            _cut(part, chosen, name, f"{prefix}{name}")
        return part

    return read


def _optimizers(value: Any, chosen: Sequence[Trial]) -> Any:
    used = {trial.values.get("optimizer") for trial in chosen}
    found = []
    for entry in value if isinstance(value, list) else []:
        if not isinstance(entry, Mapping) or entry.get("optimizer_name") not in used:
            continue
        kept = dict(entry)
        for key in ("learning_rate", "clipnorm"):
            ends = _ends(chosen, key, str(entry["optimizer_name"]))
            if isinstance(kept.get(key), Mapping) and ends:
                kept[key] = {**kept[key], "min": ends[0], "max": ends[1]}
        found.append(kept)
    return found or value


def _architecture(value: Any, chosen: Sequence[Trial]) -> Any:
    part = dict(value) if isinstance(value, Mapping) else {}
    for key, name in (
        ("initializers", "initializer"),
        ("activations", "activation"),
        ("n_layers", "number_of_layers"),
        ("layer_types", "layer_type"),
    ):
        if part.get(key):
            given = part[key] if isinstance(part[key], list) else []
            used = dict.fromkeys(trial.values.get(name) for trial in chosen)
            names = [str(value) for value in used if value is not None]
            part[key] = [value for value in given if value in used] or sorted(names) or part[key]
    widths = [
        int(width)
        for trial in chosen
        for nodes in [trial.values.get("nodes_per_layer")]
        if isinstance(nodes, list)
        for width in nodes[:-1]
        if isinstance(width, (int, float))
    ]
    if widths and "min_units" in part and "max_units" in part:
        part["min_units"], part["max_units"] = min(widths), max(widths)
    dropout = _ends(chosen, "dropout")
    if "max_drop" in part and dropout:
        part["max_drop"] = dropout[1]
    return part


_PARTS: Mapping[str, Callable[[Any, Sequence[Trial]], Any]] = {
    "stopping": _stopping,
    "positivity": _lagrange(""),
    "integrability": _lagrange("integrability_"),
    "optimizer": _optimizers,
    "architecture": _architecture,
}
