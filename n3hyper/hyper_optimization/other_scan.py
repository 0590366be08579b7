"""What a runcard takes from another scan, put into the runcard before the scan begins.

``hyperscan_config.use_tries_from`` stands for a list of setups, those of the trials that succeeded,
the best first; ``trial_specs`` for those of a number of trials after the first ones, with the
runcard's own parameters for the rest; ``hyperscan_config.from_hyperscan`` for the ranges of the
other scan. All take the key's place in the runcard, so that what is kept with the trials, or sent
to workers, does not depend on the files of the other scan any more.
"""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from n3hyper.errors import N3HyperError, RuncardError
from n3hyper.hyper_optimization.record import STATUS_OK, is_finite, read_tries
from n3hyper.hyper_optimization.samplers import ActivationStr
from n3hyper.hyper_optimization.session import REPLICA_FOLDER, ScanRequest
from n3hyper.hyper_optimization.space import runcard_parameters
from n3hyper.runcard import Runcard, load_runcard
from n3hyper.runcard.hyperscan import OTHER_SCAN, OTHER_SPACE
from n3hyper.runcard.trial_specs import TAKEN, TRIAL_SPECS
from n3hyper.runcard.yaml_file import read_yaml, yaml_text

_log = logging.getLogger(__name__)

KEY: Final = f"hyperscan_config.{OTHER_SCAN}"
_RUNCARD: Final = "filter.yml"


@contextmanager
def tries_in_place(request: ScanRequest) -> Iterator[ScanRequest]:
    """The request with a runcard that holds what its own takes from another scan.

    A runcard that points to no other scan, and one that is restarted, stays as it is.

    Raises
    ------
    RuncardError
        The runcard is wrong, or what it points to holds no trial that succeeded, or no ranges.
    """
    card = None if request.restart else completed(load_runcard(request.runcard), request.runcard)
    if card is None:
        yield request
        return
    with TemporaryDirectory(prefix="n3hyper-") as folder:
        # under the same name, by which its mistakes are reported
        copy = Path(folder) / request.runcard.name
        copy.write_text(yaml_text(card), encoding="utf-8")
        yield dataclasses.replace(request, runcard=copy)


def completed(runcard: Runcard, path: Path) -> dict[str, Any] | None:
    """The runcard without reference to another scan; None where it has none."""
    search = runcard.hyperscan
    if OTHER_SCAN in search:
        return with_setups(runcard.raw, best_setups(search[OTHER_SCAN], path))
    if OTHER_SPACE in search:
        return _with_search(runcard.raw, _search_space(search[OTHER_SPACE], path))
    if TRIAL_SPECS in search:
        return _with_trials(runcard, search[TRIAL_SPECS], path)
    return None


def best_setups(
    named: str, runcard: Path, key: str = KEY, skip: int = 0, count: int | None = None
) -> list[dict[str, Any]]:
    """Setups of the trials that succeeded, by rising loss, each once.

    Parameters
    ----------
    named
        A scan's folder or its ``tries.json``; from the runcard's folder, or from the present one.
    runcard
        Where the path was written.
    key
        Under which key.
    skip
        So many first trials of the scan do not count.
    count
        How many setups at most; all by default.
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
        setup = runcard_parameters(record["misc"]["space_vals"])
        if setup not in setups:
            setups.append(setup)
    if not setups:
        after = f" after the first {skip}" if skip else ""
        raise RuncardError(
            f"no trial of that scan succeeded{after}", source=runcard, key=key, value=str(named)
        )
    if count is not None and len(setups) < count:
        _log.warning("%s: only %d of %d trials of %s succeeded", key, len(setups), count, named)
    return setups[:count]


def with_setups(raw: Mapping[str, Any], setups: list[dict[str, Any]]) -> dict[str, Any]:
    """The runcard `raw` with the setups in place of the search space."""
    return _with_search(raw, {"parameters": setups})


def _with_search(raw: Mapping[str, Any], space: Mapping[str, Any]) -> dict[str, Any]:
    """The runcard `raw` with another search space; folds that stand below it stay."""
    search = "hyperscan" if "hyperscan" in raw else "hyperscan_config"
    kept = {key: value for key, value in (raw.get(search) or {}).items() if key == "kfold"}
    return {**raw, search: {**kept, **space}}


def _with_trials(runcard: Runcard, specs: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """The runcard with the setups that ``trial_specs`` asks for, and the best as its parameters.

    As in n3fit the trials give what `TAKEN` names and the multipliers of positivity, and all else
    is the runcard's own.
    """
    key = f"{TRIAL_SPECS}.hyperscan"
    best = best_setups(
        specs["hyperscan"], path, key, specs["thermalization"], specs["number_of_trials"]
    )
    setups = [setup_of_trial(trial, runcard.parameters, specs["override"]) for trial in best]
    card = {name: value for name, value in runcard.raw.items() if name != TRIAL_SPECS}
    fitting = card.get("fitting")
    if "parameters" not in card and isinstance(fitting, Mapping):  # where old runcards have them
        card["fitting"] = {**fitting, "parameters": setups[0]}
    else:
        card["parameters"] = setups[0]
    return with_setups(card, setups)


def setup_of_trial(
    trial: Mapping[str, Any], parameters: Mapping[str, Any], override: Mapping[str, Any]
) -> dict[str, Any]:
    """The parameters of a trial within those of a runcard, with what replaces both."""
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


def _search_space(named: str, runcard: Path) -> Mapping[str, Any]:
    """The ranges in the runcard of another scan."""
    key = f"hyperscan_config.{OTHER_SPACE}"
    file = _find(named, runcard, key, lambda place: (place / _RUNCARD, place))
    card = read_yaml(file)
    space = None
    if isinstance(card, Mapping):
        space = card.get("hyperscan_config", card.get("hyperscan"))
    if not isinstance(space, Mapping):
        raise RuncardError(f"no ranges in {file}", source=runcard, key=key, value=named)
    return {name: value for name, value in space.items() if name != "kfold"}


def _tries_files(place: Path) -> tuple[Path, ...]:
    return (place / REPLICA_FOLDER / "tries.json", place / "tries.json", place)


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
        else f"name the folder of a scan, which holds {_RUNCARD}",
    )


def _loss(record: Mapping[str, Any]) -> float | None:
    """The loss of a trial that succeeded and says its setup."""
    result, misc = record.get("result"), record.get("misc")
    if not isinstance(result, dict) or not isinstance(misc, dict):
        return None
    if result.get("status") != STATUS_OK or not isinstance(misc.get("space_vals"), dict):
        return None
    return float(result["loss"]) if is_finite(result.get("loss")) else None
