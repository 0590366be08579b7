"""Parts that a runcard takes from another scan, put into the runcard before the scan begins.

``hyperscan_config.use_tries_from`` stands for a list of setups, those of the trials that succeeded,
the best first; ``trial_specs`` for those of a number of trials after the first ones, completed by
the runcard's own parameters; ``hyperscan_config.from_hyperscan`` for the ranges of the other scan.
All take the key's place in the runcard, so that the runcard kept with the trials, or sent to
workers, no longer depends on the files of the other scan.
"""

from __future__ import annotations

import dataclasses
import logging
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from n3hyper.errors import N3HyperError, RuncardError
from n3hyper.hyper_optimization.paths import JSON, RUNCARD_COPY, replica_folder
from n3hyper.hyper_optimization.record import STATUS_OK, is_finite, read_tries, todays_setup
from n3hyper.hyper_optimization.sampling.samplers import ActivationStr
from n3hyper.hyper_optimization.sampling.space import runcard_parameters
from n3hyper.runcard import Runcard, parse_runcard
from n3hyper.runcard.sections.hyperscan import OTHER_SCAN, OTHER_SPACE
from n3hyper.runcard.sections.trial_specs import TAKEN, TRIAL_SPECS
from n3hyper.runcard.yaml_file import read_yaml, yaml_text
from n3hyper.scanning.request import ScanRequest

_log = logging.getLogger(__name__)

KEY: Final = f"hyperscan_config.{OTHER_SCAN}"
_SPACE_KEY: Final = f"hyperscan_config.{OTHER_SPACE}"
_SPECS_KEY: Final = f"{TRIAL_SPECS}.hyperscan"


def with_tries(request: ScanRequest) -> ScanRequest:
    """Return the request with a runcard that contains what it takes from another scan.

    A runcard that refers to no other scan, or is restarted, stays as it is.

    Raises
    ------
    RuncardError
        when the runcard is wrong, or the other scan has no successful trial, or no ranges.
    """
    if request.restart:
        return request
    card = completed(request.load(), request.runcard)
    if card is None:
        return request
    return dataclasses.replace(request, runcard_text=yaml_text(card))


def completed(runcard: Runcard, path: Path) -> dict[str, Any] | None:
    """Return the runcard without reference to another scan; None where it has none.

    Parameters
    ----------
    path
        File of the runcard.

    Raises
    ------
    RuncardError
        See `with_tries`.
    """
    reference = _reference(runcard)
    if reference is None:
        return None
    key, complete = reference
    file, card = complete(runcard, path)
    try:
        parse_runcard(card, path)
    except RuncardError as error:
        raise _blamed(error, runcard, key, file) from None
    return card


_Completion = Callable[[Runcard, Path], tuple[Path, dict[str, Any]]]
"""Function from a runcard and its file to the file read of the other scan, and to the data of the
runcard without the reference to it."""


def _reference(runcard: Runcard) -> tuple[str, _Completion] | None:
    """Return the key by which the runcard refers to another scan, and the function for it."""
    search = runcard.hyperscan
    if OTHER_SCAN in search:
        return KEY, _with_all_trials
    if OTHER_SPACE in search:
        return _SPACE_KEY, _with_ranges
    if TRIAL_SPECS in search:
        return _SPECS_KEY, _with_trials
    return None


def _blamed(error: RuncardError, runcard: Runcard, key: str, file: Path) -> RuncardError:
    """Return the error of a completed runcard, located where the user wrote something.

    That is either the place itself, or an override, or the name of the scan that has the value.
    """
    overrides = (runcard.hyperscan.get(TRIAL_SPECS) or {}).get("override", {})
    for part in re.findall(r"\w+", error.key):
        if part in overrides:
            return error.at(f"{TRIAL_SPECS}.override.{part}")
    if _stands_in(error.key, runcard.raw):
        return error
    inner = re.sub(r"^hyperscan(_config)?\.", "", error.key)
    return RuncardError(
        f"{inner} of {file}: {error.problem}",
        source=error.source,
        key=runcard.place(key),
        value=error.value,
        hint=error.hint,
    )


def _stands_in(path: str, card: Any) -> bool:
    """Return whether a runcard has a value at a key path.

    >>> _stands_in("a.b[0]", {"a": {"b": [1]}}), _stands_in("a.b[1]", {"a": {"b": [1]}})
    (True, False)
    """
    value = card
    for key, index in re.findall(r"([^.\[\]]+)(?![^\[]*\])|\[(\d+)\]", path):
        if index and isinstance(value, list) and int(index) < len(value):
            value = value[int(index)]
        elif key and isinstance(value, Mapping) and key in value:
            value = value[key]
        else:
            return False
    return True


def _with_all_trials(runcard: Runcard, path: Path) -> tuple[Path, dict[str, Any]]:
    """Resolve ``use_tries_from``: take the setups of all trials that succeeded."""
    file, setups = best_setups(runcard.hyperscan[OTHER_SCAN], path)
    return file, with_setups(runcard.raw, setups)


def _with_ranges(runcard: Runcard, path: Path) -> tuple[Path, dict[str, Any]]:
    """Resolve ``from_hyperscan``: take the other scan's ranges, except those given beside it."""
    file, space = _search_space(runcard.hyperscan[OTHER_SPACE], path)
    search = runcard.raw.get(_search_key(runcard.raw)) or {}
    beside = {key: value for key, value in search.items() if key not in (OTHER_SPACE, "kfold")}
    return file, _with_search(runcard.raw, {**space, **_merged(space, beside)})


def _merged(space: Mapping[str, Any], beside: Mapping[str, Any]) -> dict[str, Any]:
    """Merge the groups of ranges `beside` with those of `space`, key by key within a group."""
    merged = {}
    for group, ranges in beside.items():
        others = space.get(group)
        both = isinstance(others, Mapping) and isinstance(ranges, Mapping)
        merged[group] = {**others, **ranges} if both else ranges  # type: ignore[dict-item]
    return merged


def best_setups(
    named: str, runcard: Path, key: str = KEY, skip: int = 0, count: int | None = None
) -> tuple[Path, list[dict[str, Any]]]:
    """Return the file of the trials, and the setups of those that succeeded, the best first.

    Each setup occurs once.

    Parameters
    ----------
    named
        A scan's folder or its ``tries.json``, relative to the runcard's folder or the current one.
    runcard
        File of the runcard that names it.
    key
        Key of the runcard that names it.
    skip
        Number of first trials of the scan to leave out.
    count
        Largest number of setups; all by default.
    """
    file = _find(named, runcard, key, _tries_files)
    try:
        records = read_tries(file)[skip:]
    except N3HyperError as error:
        raise RuncardError(str(error), source=runcard, key=key) from error
    losses = [(_loss(record), record) for record in records]
    good = sorted(((loss, r) for loss, r in losses if loss is not None), key=lambda pair: pair[0])
    setups: list[dict[str, Any]] = []
    for _, record in good:
        setup = runcard_parameters(todays_setup(record["misc"]["space_vals"]))
        if setup not in setups:
            setups.append(setup)
    if not setups:
        after = f" after the first {skip}" if skip else ""
        raise RuncardError(
            f"no trial of that scan succeeded{after}", source=runcard, key=key, value=str(named)
        )
    if count is not None and len(setups) < count:
        _log.warning("%s: only %d of %d trials of %s succeeded", key, len(setups), count, named)
    return file, setups[:count]


def with_setups(raw: Mapping[str, Any], setups: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the runcard `raw` with the setups in place of the search space."""
    return _with_search(raw, {"parameters": setups})


def _search_key(raw: Mapping[str, Any]) -> str:
    return "hyperscan" if "hyperscan" in raw else "hyperscan_config"


def _with_search(raw: Mapping[str, Any], space: Mapping[str, Any]) -> dict[str, Any]:
    """Return the runcard `raw` with another search space; its folds are kept."""
    search = _search_key(raw)
    kept = {key: value for key, value in (raw.get(search) or {}).items() if key == "kfold"}
    return {**raw, search: {**kept, **space}}


def _with_trials(runcard: Runcard, path: Path) -> tuple[Path, dict[str, Any]]:
    """Resolve ``trial_specs``: take its setups, and the best one as the runcard's parameters.

    As in n3fit, the trials provide the keys of `TAKEN` and the multipliers of positivity; all else
    is the runcard's own.
    """
    specs = runcard.hyperscan[TRIAL_SPECS]
    file, best = best_setups(
        specs["hyperscan"], path, _SPECS_KEY, specs["thermalization"], specs["number_of_trials"]
    )
    setups = [setup_of_trial(trial, runcard.parameters, specs["override"]) for trial in best]
    card = {name: value for name, value in runcard.raw.items() if name != TRIAL_SPECS}
    fitting = card.get("fitting")
    if "parameters" not in card and isinstance(fitting, Mapping):  # where old runcards have them
        card["fitting"] = {**fitting, "parameters": setups[0]}
    else:
        card["parameters"] = setups[0]
    return file, with_setups(card, setups)


def setup_of_trial(
    trial: Mapping[str, Any], parameters: Mapping[str, Any], override: Mapping[str, Any]
) -> dict[str, Any]:
    """Return a runcard's parameters replaced by those of a trial, and both by overrides."""
    taken = {key: trial[key] for key in TAKEN if trial.get(key) is not None}
    setup = {**parameters, **taken}
    setup["positivity"] = {
        **(parameters.get("positivity") or {}),
        **{k: v for k, v in (trial.get("positivity") or {}).items() if v is not None},
    }
    places = {"initial": "positivity", "learning_rate": "optimizer", "clipnorm": "optimizer"}
    for key, value in override.items():
        if key == "optimizer" and isinstance(value, str):
            setup["optimizer"] = {**setup.get("optimizer", {}), "optimizer_name": value}
        elif key in places:
            setup[places[key]] = {**setup.get(places[key], {}), key: value}
        elif key == "activation_per_layer" and isinstance(value, str):
            setup[key] = ActivationStr(value)(len(setup.get("nodes_per_layer", ())))
        else:
            setup[key] = value
    return setup


def _search_space(named: str, runcard: Path) -> tuple[Path, dict[str, Any]]:
    """Return the runcard of another scan, and the ranges in it."""
    key = _SPACE_KEY
    file = _find(named, runcard, key, lambda place: (place / RUNCARD_COPY, place))
    try:
        card = read_yaml(file)
    except RuncardError as error:
        raise RuncardError(str(error), source=runcard, key=key, value=named) from None
    space = None
    if isinstance(card, Mapping):
        space = card.get("hyperscan_config", card.get("hyperscan"))
    if not isinstance(space, Mapping):
        raise RuncardError(f"no ranges in {file}", source=runcard, key=key, value=named)
    for reference in (OTHER_SPACE, OTHER_SCAN):
        if reference in space:
            raise RuncardError(
                f"no ranges in {file}, which has {reference}: {space[reference]!r}",
                source=runcard,
                key=key,
                value=named,
                hint=f"write {reference} with the folder of that scan",
            )
    return file, {name: value for name, value in space.items() if name != "kfold"}


def _tries_files(place: Path) -> tuple[Path, ...]:
    return (replica_folder(place) / JSON, place / JSON, place)


def _find(
    named: str, runcard: Path, key: str, candidates: Callable[[Path], tuple[Path, ...]]
) -> Path:
    for base in (runcard.parent, Path()):
        for file in candidates(base / Path(named).expanduser()):
            if file.is_file():
                return file
    raise RuncardError(
        "no scan there",
        source=runcard,
        key=key,
        value=named,
        hint="name the folder of a scan, or its tries.json"
        if candidates is _tries_files
        else f"name the folder of a scan, which holds {RUNCARD_COPY}",
    )


def _loss(record: Mapping[str, Any]) -> float | None:
    """Return the loss of a trial that succeeded and records its setup, else None."""
    result, misc = record.get("result"), record.get("misc")
    if not isinstance(result, dict) or not isinstance(misc, dict):
        return None
    if result.get("status") != STATUS_OK or not isinstance(misc.get("space_vals"), dict):
        return None
    return float(result["loss"]) if is_finite(result.get("loss")) else None
