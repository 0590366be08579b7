"""The runcard of a fit: that of n3fit, with its ensemble of setups in place.

What belongs to scans alone, folds and ranges, is left aside with a note, so that one runcard serves
both. The setups are those of ``hyperscan_config.parameters`` (a list), of the trials that
``trial_specs`` or ``use_tries_from`` name, of trials that were chosen on the command line, or the
one of ``parameters``.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from n3hyper.errors import RuncardError
from n3hyper.hyper_optimization.paths import NNFIT
from n3hyper.replicas.files.weights_file import weights_name
from n3hyper.replicas.start import OF_A_FIT, ONE_FILE, SavedWeights
from n3hyper.runcard import Runcard, parse_runcard
from n3hyper.runcard.sections.hyperscan import OTHER_SCAN
from n3hyper.runcard.sections.trial_specs import TRIAL_SPECS
from n3hyper.runcard.yaml_file import parse_yaml, read_text, yaml_text
from n3hyper.scanning.other_scans import completed, setup_of_trial, with_setups

_SEARCHES: Final = ("hyperscan_config", "hyperscan")
_LISTS: Final = ("parameters", OTHER_SCAN)
"""Keys below them that name setups; all others are ranges."""
_WEIGHTS: Final = ("save", ONE_FILE, OF_A_FIT)
_NOTHING: Final = (None, False, "", "off", "no")


@dataclass(frozen=True)
class FitCard:
    """Fit that a runcard asks for."""

    runcard: Runcard
    """Without folds and ranges."""
    setups: tuple[dict[str, Any], ...]
    """The ensemble: parameters in n3fit's keys."""
    text: str
    """The runcard as it is run, which names no other scan any more."""
    weights: str
    """Name of the files of weights."""
    start: SavedWeights | None = None
    """None where weights are drawn."""
    notes: tuple[str, ...] = ()

    @property
    def subtracts(self) -> bool:
        """Return whether features are scaled."""
        return self.setups[0].get("feature_scaling_points") is not None

    def from_runcard(self) -> bool:
        """Return whether the only setup is that of ``parameters``."""
        return len(self.setups) == 1 and self.setups[0] == self.runcard.parameters


NO_NOISE: Final = (
    "genrep: false: all replicas are fitted to the same data, so that their spread is not the "
    "uncertainty of the data (genrep: true makes Monte Carlo replicas)"
)
"""Note on a fit without pseudodata."""


def load_fit_card(
    path: Path, trials: Sequence[Mapping[str, Any]] = (), origin: str = ""
) -> FitCard:
    """Read the runcard of a fit; see `parse_fit_card`."""
    return parse_fit_card(read_text(path), path, trials, origin)


def parse_fit_card(
    text: str, path: Path, trials: Sequence[Mapping[str, Any]] = (), origin: str = ""
) -> FitCard:
    """Check the text of the runcard of a fit.

    Parameters
    ----------
    path
        The file that errors name, and beside which other files are looked for.
    trials
        Parameters of trials that make up the ensemble; none to do as the runcard says.
    origin
        Where they come from, for a comment in the runcard as it is run.

    Raises
    ------
    RuncardError
        One line that says what is wrong, where, and what would be right.
    """
    document = parse_yaml(text, path)
    if not isinstance(document, Mapping):
        parse_runcard(document, path)
    card = copy.deepcopy(dict(document))
    notes = list(_without_folds(card))
    files = _weights_keys(card)
    asked = parse_runcard(card, path)
    if trials:
        card = _of_trials(asked, trials, path)
    else:
        found = completed(asked, path)
        _check_count(asked, found, path)
        card = card if found is None else found
    same = card == asked.raw
    runcard = asked if same else parse_runcard(card, path)
    if not runcard.seeds.genrep:
        notes.append(NO_NOISE)
    setups = tuple(runcard.hyperscan.get("parameters") or [runcard.parameters])
    start = _start(files, runcard, setups, path)
    if start is not None:
        start.check(setups)
    if not same or (start is not None and str(start.path) != files[start.key]):
        saved = {key: value for key, value in files.items() if value not in _NOTHING}
        if start is not None:
            saved[start.key] = str(start.path)
        text = (f"# {origin}\n" if origin else "") + yaml_text({**card, **saved})
    return FitCard(
        runcard=replace(runcard, notes=()),
        setups=setups,
        text=text,
        weights=weights_name(files["save"] if isinstance(files["save"], str) else None),
        start=start,
        notes=(*notes, *asked.notes),
    )


def _without_folds(card: dict[str, Any]) -> list[str]:
    """Take folds and ranges out of a runcard; one line for each."""
    notes = []
    for key in _SEARCHES:
        search = card.get(key)
        if not isinstance(search, dict):
            continue
        if search.pop("kfold", None) is not None:
            notes.append(f"{key}.kfold: ignored (a fit leaves no data out)")
        if not any(search.get(name) is not None for name in _LISTS):
            del card[key]
            notes.append(f"{key}: ignored (a fit draws no hyperparameters)")
    if card.pop("kfold", None) is not None:
        notes.append("kfold: ignored (a fit leaves no data out)")
    return notes


def _weights_keys(card: dict[str, Any]) -> dict[str, Any]:
    """Take the keys of weights out of a runcard, also where they stand below ``fitting``."""
    fitting = card.get("fitting")
    inner: dict[str, Any] = fitting if isinstance(fitting, dict) else {}
    found = {}
    for key in _WEIGHTS:
        below = inner.pop(key, None)
        above = card.pop(key, None)
        found[key] = below if above is None else above
    for key in ("savefile", "loadfile"):
        inner.pop(key, None)
        card.pop(key, None)
    return found


def _of_trials(asked: Runcard, trials: Sequence[Mapping[str, Any]], path: Path) -> dict[str, Any]:
    """The runcard with an ensemble of trials, in place of what it names itself."""
    if TRIAL_SPECS in asked.hyperscan:
        raise RuncardError(
            "not beside --scan", source=path, key=TRIAL_SPECS, hint="remove one of the two"
        )
    setups = [setup_of_trial(trial, asked.parameters, {}) for trial in trials]
    card = {key: value for key, value in asked.raw.items() if key not in _SEARCHES}
    return with_setups(card, setups)


def _check_count(asked: Runcard, found: Mapping[str, Any] | None, path: Path) -> None:
    """RuncardError where ``trial_specs`` asks for more trials than there are."""
    specs = asked.hyperscan.get(TRIAL_SPECS)
    if specs is None or found is None:
        return
    search = next(found[key] for key in _SEARCHES if key in found)
    number = len(search["parameters"])
    if number < specs["number_of_trials"]:
        raise RuncardError(
            "more trials than have succeeded with different setups",
            source=path,
            key=f"{TRIAL_SPECS}.number_of_trials",
            value=specs["number_of_trials"],
            hint=f"there are {number}",
        )


def _start(
    files: Mapping[str, Any], runcard: Runcard, setups: Sequence[Mapping[str, Any]], path: Path
) -> SavedWeights | None:
    given = [key for key in (ONE_FILE, OF_A_FIT) if files[key] not in _NOTHING]
    if not given:
        return None
    if len(given) > 1:
        raise RuncardError(
            f"not beside {ONE_FILE}", source=path, key=OF_A_FIT, hint="remove one of the two"
        )
    key = given[0]
    named = files[key]
    what = "a file of weights" if key == ONE_FILE else "the folder of a fit"
    if not isinstance(named, str):
        raise RuncardError(f"not {what}", source=path, key=key, value=named)
    for base in (path.parent, Path()):
        place = (base / Path(named).expanduser()).resolve()
        if place.is_file() if key == ONE_FILE else (place / NNFIT).is_dir():
            break
    else:
        raise RuncardError("nothing there", source=path, key=key, value=named, hint=f"name {what}")
    flavours = len(runcard.fitting.basis)
    return SavedWeights(
        path=place,
        key=key,
        basis=runcard.fitting.basis,
        subtracts=setups[0].get("feature_scaling_points") is not None,
        blocks=tuple(
            flavours if setup.get("layer_type") == "dense_per_flavour" else 1 for setup in setups
        ),
    )
