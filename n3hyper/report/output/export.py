"""Runcards made from trials, to fit the best one or a selection, or to scan around them."""

from __future__ import annotations

import io
import math
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from n3hyper.report.analysis import narrowing
from n3hyper.report.analysis.view import View
from n3hyper.report.errors import ReportError
from n3hyper.report.output.writing import write_text
from n3hyper.report.text import clean, show_number
from n3hyper.report.trials.scan import Scan
from n3hyper.report.trials.trial import Trial, runcard_setup

_MERGED: Final = ("positivity", "integrability")
"""Keys of a setup that n3fit records without what was not scanned."""
_OLD_SEARCH: Final = ("hyperscan", "hyperscan_config", "trial_specs", "use_tries_from")
_TAKEN: Final = (
    "nodes_per_layer",
    "activation_per_layer",
    "initializer",
    "layer_type",
    "dropout",
    "epochs",
    "stopping_patience",
    "optimizer",
)
"""Parameters that the trials of ``trial_specs`` give; n3fit refuses them beside it."""
_MOST_VALUES: Final = 200_000


def export(
    view: View,
    path: Path | None,
    trial: str = "best",
    select: int | None = None,
    chi2_window: float | None = None,
    form: str = "parameters",
) -> str:
    """Return a runcard, which is written to `path`, or without a path the part of it that the
    selection makes.

    Parameters
    ----------
    path
        A file that does not exist. None gives the part alone.
    trial
        Number of the trial in its scan, or ``best``; for no selection.
    select
        How many trials.
    chi2_window
        Select by phi2, as `selection` says.
    form
        ``parameters``, ``trial_specs`` or ``ranges``.

    Returns
    -------
    str
        The text, YAML.

    Raises
    ------
    ReportError
        There is no such trial, no runcard, or the file is there.
    """
    scan = view.scan
    if path is not None and path.exists():
        raise ReportError(f"{path}: is there already; choose another name or remove it")
    if path is not None and not scan.runcard:
        raise ReportError(
            f"{scan.name}: no runcard (filter.yml) beside the trials, of which to make one"
        )
    if select is None:
        chosen: tuple[Trial, ...] = (find_trial(scan, trial),)
        part: dict[str, Any] = {"hyperscan_config": _list_of(scan, chosen)}
    else:
        chosen = selection(scan, select, chi2_window)
        part = _part(view, chosen, form, chi2_window)
    if path is None:
        return _header(view, chosen, None, form) + to_yaml(part)
    card = _plain_copy(scan.runcard)
    for key in _OLD_SEARCH:
        card.pop(key, None)
    setup = _completed(scan, chosen[0])
    if form == "trial_specs" and select is not None:
        setup = {key: value for key, value in setup.items() if key not in _TAKEN}
    _set_parameters(card, setup)
    card.update(part)
    text = _header(view, chosen, path, form) + to_yaml(card)
    write_text(path, text)
    return text


def find_trial(scan: Scan, trial: str) -> Trial:
    """Return the trial of a number; ``best`` is the one with the lowest loss.

    Raises
    ------
    ReportError
        There is none, or there are several.
    """
    if trial == "best":
        if scan.best is None:
            raise ReportError(f"{scan.name}: no trial has a loss")
        return scan.best
    found = [candidate for candidate in scan.trials if str(candidate.tid) == str(int(trial))]
    if not found:
        tids = [candidate.tid for candidate in scan.trials]
        raise ReportError(
            f"--trial {trial}: no such trial; the numbers go from {min(tids)} to {max(tids)}"
        )
    if len(found) > 1:
        raise ReportError(
            f"--trial {trial}: {len(found)} trials have this number; name one scan alone"
        )
    return found[0]


def selection(scan: Scan, count: int, chi2_window: float | None = None) -> tuple[Trial, ...]:
    """Return the best trials.

    Parameters
    ----------
    count
        How many, at most.
    chi2_window
        None: those of the lowest loss. Else, of the trials whose chi2 on the data left out is at
        most so much above the lowest, those of the largest phi2 (arXiv:2410.16248): they describe
        unseen data about equally well, and leave most free what data do not fix.
    """
    good = scan.good
    if not good:
        raise ReportError(f"{scan.name}: no trial has a loss")
    if chi2_window is None:
        return tuple(sorted(good, key=lambda trial: trial.loss)[:count])
    part = scan.with_trials(good)
    chi2, phi2 = part.numbers("hyper_loss_chi2"), part.numbers("hyper_loss_phi2")
    known = np.isfinite(chi2) & np.isfinite(phi2)
    if not known.any():
        raise ReportError("--chi2-window: no trial has both chi2 and phi2")
    inside = np.flatnonzero(known & (chi2 <= chi2[known].min() + chi2_window))
    order = inside[np.argsort(-phi2[inside], kind="stable")]
    return tuple(good[place] for place in order[:count])


def _part(
    view: View, chosen: tuple[Trial, ...], form: str, chi2_window: float | None
) -> dict[str, Any]:
    scan = view.scan
    if form == "parameters":
        return {"hyperscan_config": _list_of(scan, chosen)}
    if form == "ranges":
        return {"hyperscan_config": narrowing.narrowed(scan.runcard, chosen)}
    if chi2_window is not None or view.rescored or len(scan.scans) > 1:
        raise ReportError(
            "trial_specs can only name the best trials of one scan by its own loss; "
            "use --as parameters"
        )
    return {
        "trial_specs": {
            "hyperscan": scan.name,
            "thermalization": view.thermalization,
            "number_of_trials": len(chosen),
        }
    }


def _list_of(scan: Scan, chosen: Sequence[Trial]) -> dict[str, Any]:
    return {"parameters": [_completed(scan, trial) for trial in chosen]}


def _completed(scan: Scan, trial: Trial) -> dict[str, Any]:
    """Return the setup of a trial, completed by what n3fit leaves out of its record."""
    setup = runcard_setup(trial)
    if not setup:
        raise ReportError(f"trial {trial.tid}: its hyperparameters are not in the record")
    base = _parameters(scan.runcard)
    for key in _MERGED:
        if isinstance(base.get(key), Mapping) and isinstance(setup.get(key), dict):
            setup[key] = {**_plain_copy(base[key]), **setup[key]}
    missing = {key: value for key, value in base.items() if key not in setup}
    return {**setup, **_plain_copy(missing)}


def _parameters(card: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return `parameters` of a runcard, which old ones have below `fitting`."""
    fitting = card.get("fitting")
    old = fitting.get("parameters") if isinstance(fitting, Mapping) else None
    found = card.get("parameters", old)
    return found if isinstance(found, Mapping) else {}


def _set_parameters(card: dict[str, Any], setup: dict[str, Any]) -> None:
    fitting = card.get("fitting")
    if isinstance(fitting, dict) and "parameters" in fitting and "parameters" not in card:
        fitting["parameters"] = setup
    else:
        card["parameters"] = setup


def _header(view: View, chosen: Sequence[Trial], path: Path | None, form: str) -> str:
    """Return comments that say where the setups come from, and how to fit them."""
    lines = []
    if len(chosen) == 1:
        trial = chosen[0]
        loss = show_number(trial.loss, 5) or "none"
        lines.append(f"Trial {trial.tid} of the scan {view.scan.name}, loss {loss}.")
    else:
        tids = ", ".join(str(trial.tid) for trial in chosen[:20])
        more = ", ..." if len(chosen) > 20 else ""
        lines.append(f"{len(chosen)} trials of the scan {view.scan.name}: {tids}{more}.")
    lines.append(f"Loss: {view.loss_words}.")
    if path is not None and form == "parameters":
        lines.append(f"To fit replicas: n3hyper fit {_word(path)}")
        lines.append(f"To run trials again: n3hyper scan {_word(path)} -n {len(chosen)}")
    elif path is not None:
        lines.append(f"To go on: n3hyper scan {_word(path)}")
    return "".join(f"# {clean(line)}\n" for line in lines)


def _word(path: Path) -> str:
    """Return the name of a file in this folder, quoted for a shell."""
    name = path.name
    return shlex.quote(f"./{name}" if name.startswith("-") else name)


def _plain_copy(value: Any) -> Any:
    """Return a copy without shared parts; raise ReportError for a runcard that contains itself."""
    left = [_MOST_VALUES]

    def copy(value: Any, depth: int) -> Any:
        left[0] -= 1
        if left[0] < 0 or depth > 60:
            raise ReportError("the runcard beside the trials is too large; do its aliases repeat?")
        if isinstance(value, Mapping):
            return {clean(str(key)): copy(item, depth + 1) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [copy(item, depth + 1) for item in value]
        if value is None or isinstance(value, (bool, int, float)):
            return value
        return str(value)

    return copy(value, 0)


def to_yaml(tree: Mapping[str, Any]) -> str:
    """Return plain data as YAML 1.2, keys in their order, innermost lists on one line.

    Raises
    ------
    ReportError
        It holds what YAML cannot.
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    writer = YAML(typ="safe", pure=True)
    writer.default_flow_style = None
    writer.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    writer.width = 4096  # a number may not be cut from its key
    writer.allow_unicode = True
    writer.representer.ignore_aliases = lambda *_: True
    text = io.StringIO()
    try:
        writer.dump(_finite(tree), text)
    except (YAMLError, ValueError, TypeError, RecursionError) as err:
        raise ReportError(f"no YAML: {' '.join(str(err).split())}") from None
    return text.getvalue()


def _finite(value: Any) -> Any:
    """Replace NaN and infinity by None, since a runcard has no use for them."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_finite(item) for item in value]
    return value
