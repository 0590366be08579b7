"""Trials of one or several scans, and their columns."""

from __future__ import annotations

import dataclasses
import functools
import math
import operator
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from n3hyper.physics.arrays import Array
from n3hyper.physics.objectives import STATISTICS
from n3hyper.report.errors import ReportError
from n3hyper.report.text import LARGEST, clean
from n3hyper.report.trials.columns import PARAMETERS, PART, SCORES
from n3hyper.report.trials.reading import Matrices, Tries, no_collection, read_records
from n3hyper.report.trials.sources import Source, find_sources, read_bytes, read_runcard
from n3hyper.report.trials.trial import Trial, entry, trial_of, without_spread

METRICS: Final = ("chi2", "phi2", "logp")
_MOST_COLUMNS: Final = 300
_MOST_NAMED: Final = 10
"""Trials that a note names."""


@dataclass(frozen=True, eq=False)
class Scan:
    """Scan that is reported on. Selections return new ones with fewer trials and change nothing
    else.
    """

    name: str
    trials: tuple[Trial, ...]
    runcard: Mapping[str, Any]
    """As it was run; empty when it is not known."""
    runcard_path: Path | None = None
    scans: tuple[str, ...] = ()
    """Names of the files, by `Trial.scan`."""
    notes: tuple[str, ...] = ()
    """What the reader of the report should know."""
    modified: float = math.nan
    """POSIX time of the newest file."""
    fold_statistic: str = "average"
    """How chi2, phi2 and logp of the folds become one number."""
    loss_name: str = "loss"
    """What the loss is, in words."""
    parts_of: Callable[[Trial], Mapping[str, float]] = operator.attrgetter("parts")
    """Returns the parts of a trial's loss, also where its record does not say."""

    def __len__(self) -> int:
        return len(self.trials)

    def with_trials(self, trials: Iterable[Trial], **changes: Any) -> Scan:
        """Return the same scan with other trials."""
        return dataclasses.replace(self, trials=tuple(trials), **changes)

    def with_notes(self, *notes: str) -> Scan:
        """Return the same scan with further notes."""
        return dataclasses.replace(self, notes=(*self.notes, *filter(None, notes)))

    @functools.cached_property
    def good(self) -> tuple[Trial, ...]:
        """Trials with a loss."""
        return tuple(trial for trial in self.trials if trial.ok)

    @functools.cached_property
    def best(self) -> Trial | None:
        """Trial with the lowest loss, the first of several."""
        return min(self.good, key=lambda trial: trial.loss, default=None)

    @functools.cached_property
    def failures(self) -> Counter[str]:
        """Number of failed trials by reason."""
        return Counter(trial.reason for trial in self.trials if not trial.ok)

    @functools.cached_property
    def parameters(self) -> tuple[str, ...]:
        """All hyperparameters that occur, those that are known first."""
        seen = dict.fromkeys(key for trial in self.trials for key in trial.values)
        known = [name for name in PARAMETERS if name in seen]
        return (*known, *[name for name in seen if name not in PARAMETERS][:_MOST_COLUMNS])

    @functools.cached_property
    def part_columns(self) -> tuple[str, ...]:
        """Columns of the parts of the losses, such as ``loss_chi2`` and ``loss_saturation``."""
        names = dict.fromkeys(name for trial in self.good for name in trial.parts)
        if not names and self.best is not None:
            names = dict.fromkeys(self.parts_of(self.best))
        return tuple(f"{PART}{name}" for name in names)

    @functools.cached_property
    def scanned(self) -> tuple[str, ...]:
        """Hyperparameters that differ between trials, without derived ones that add nothing new."""
        found = [name for name in self.parameters if self._varies(name)]
        return tuple(name for name in found if name not in ("stopping_epochs",))

    def _varies(self, name: str) -> bool:
        values = [trial.values.get(name) for trial in self.trials]
        return values.count(values[0]) < len(values) or len(set(map(type, values))) > 1

    @functools.cached_property
    def factors(self) -> tuple[str, ...]:
        """Scanned hyperparameters that are one number or one name: for figures and importance.

        Lists are represented by what is derived from them.
        """
        lists = {"nodes_per_layer", "activation_per_layer"}
        found = []
        for name in self.scanned:
            if name not in lists and list not in {type(t.values.get(name)) for t in self.trials}:
                found.append(name)
        return tuple(found)

    def column(self, name: str) -> list[Any]:
        """Return a column by its name, one value a trial, None if there is none."""
        if name in SCORES:
            return self._score(name)
        if name in self.part_columns:
            part = name.removeprefix(PART)
            return [self.parts_of(t).get(part, 0.0) if t.ok else None for t in self.trials]
        return [trial.values.get(name) for trial in self.trials]

    def numbers(self, name: str) -> Array:
        """Return a column as floats (trials,), NaN for what is no number."""
        if name.startswith("hyper_loss_"):
            return self.reduced(f"hyper_losses_{name.removeprefix('hyper_loss_')}")
        if name == "trvl_loss_chi2exp":
            return self.reduced("trvl_losses_chi2exp", "average")
        return np.array(
            [
                float(value)
                if isinstance(value, (int, float)) and not isinstance(value, bool)
                else math.nan
                for value in self.column(name)
            ],
            dtype=np.float64,
        )

    def _score(self, name: str) -> list[Any]:
        if name == "good":
            return [trial.ok for trial in self.trials]
        if name == "scan":
            return [self.scans[t.scan] if t.scan < len(self.scans) else "" for t in self.trials]
        if name == "reason":
            return [trial.reason or None for trial in self.trials]
        if name == "loss":
            return [_or_none(t.loss if t.ok else t.stored_loss) for t in self.trials]
        if name in ("iteration", "tid"):
            return [getattr(trial, name) for trial in self.trials]
        if name.startswith(("hyper_loss_", "trvl_loss_")):
            return [_or_none(value) for value in self.numbers(name).tolist()]
        return [_or_none(getattr(trial, name)) for trial in self.trials]

    @functools.cached_property
    def _folds(self) -> dict[str, list[Array | None]]:
        return {}

    def folds(self, name: str) -> list[Array | None]:
        """Return for each trial a number for each fold (k,), None if there is none."""
        if name not in self._folds:
            self._folds[name] = _fold_numbers(self.trials, name)
        return self._folds[name]

    def reduced(self, name: str, statistic: str | None = None) -> Array:
        """Return for each trial the folds of `name` as one number (trials,)."""
        reduce = STATISTICS.get(statistic or self.fold_statistic, STATISTICS["average"])
        rows = self.folds(name)
        found = np.full(len(rows), math.nan)
        by_length: dict[int, list[int]] = {}
        for place, row in enumerate(rows):
            if row is not None:
                by_length.setdefault(row.size, []).append(place)
        for places in by_length.values():
            with np.errstate(over="ignore", invalid="ignore"):
                found[places] = reduce(np.array([rows[place] for place in places]), axis=-1)
        found[~np.isfinite(found)] = math.nan
        return found

    @property
    def fold_count(self) -> int:
        """Number of folds of most trials."""
        sizes = Counter(row.size for row in self.folds("hyper_losses_chi2") if row is not None)
        return sizes.most_common(1)[0][0] if sizes else 0

    @functools.cached_property
    def fold_names(self) -> tuple[str, ...]:
        """Data sets that each fold leaves out, if the runcard is there."""
        return tuple(
            ", ".join(clean(str(name)) for name in partition.get("datasets", ()) or ())
            for partition in partitions(self.runcard)
        )


def partitions(runcard: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the folds of a runcard, as they stand there."""
    kfold = runcard.get("kfold")
    found = kfold.get("partitions") if isinstance(kfold, Mapping) else None
    if not isinstance(found, list):
        return []
    folds = [fold for fold in found if isinstance(fold, Mapping)]
    return [fold for fold in folds if isinstance(fold.get("datasets", []), list)]


def _fold_numbers(trials: Sequence[Trial], name: str) -> list[Array | None]:
    """Return a number for each fold of each trial; quick if all are lists of plain numbers."""
    raw = [entry(trial.meta, name) for trial in trials]
    plain: dict[int, list[int]] = {}
    for place, value in enumerate(raw):
        if isinstance(value, list) and value:
            plain.setdefault(len(value), []).append(place)
    found: list[Array | None] = [None] * len(raw)
    done: set[int] = set()
    for places in plain.values():
        try:
            rows = np.array([raw[place] for place in places], dtype=np.float64)
        except (ValueError, TypeError, OverflowError):
            continue
        if rows.ndim == 2:
            rows[~(np.abs(rows) < LARGEST)] = math.nan
            rows = without_spread(name, rows)
            for place, row in zip(places, rows, strict=True):
                found[place] = row
            done.update(places)
    for place, trial in enumerate(trials):
        if place not in done and raw[place] is not None:
            found[place] = trial.fold(name)
    return found


def _or_none(value: float) -> float | None:
    return value if math.isfinite(value) else None


def load_scan(
    paths: Sequence[Path],
    combine: bool = False,
    databases: Iterable[tuple[str, Sequence[Mapping[str, Any]], Mapping[str, Any]]] = (),
) -> Scan:
    """Read scans.

    Parameters
    ----------
    paths
        As `find_sources` takes them.
    combine
        Take all replica folders of an output folder.
    databases
        What was read from elsewhere: name, records and runcard of each.

    Raises
    ------
    ReportError
        There is nothing to report on.
    """
    databases = list(databases)
    sources, notes = ([], []) if databases and not paths else find_sources(paths, combine)
    read: list[tuple[str, Tries]] = []
    for source in sources:
        tries = read_records(read_bytes(source), str(source.path))
        notes.append(tries.note)
        read.append((source.name, tries))
    for name, records, _ in databases:
        read.append((name, Tries(list(records), Matrices(b""))))
    with no_collection():
        trials = _trials_of(read, notes)
    card, card_path = _runcard(sources, notes)
    if not card and databases:
        card = dict(databases[0][2])
    if not trials:
        where = ", ".join(name for name, _ in read)
        raise ReportError(f"{where}: no trial has finished yet")
    return Scan(
        name=" + ".join(dict.fromkeys(clean(name) for name, _ in read)),
        trials=tuple(trials),
        runcard=card,
        runcard_path=card_path,
        scans=tuple(clean(name) for name, _ in read),
        notes=tuple(filter(None, notes)),
        modified=max((source.modified for source in sources), default=math.nan),
        fold_statistic=_fold_statistic(card),
    )


def _trials_of(read: Sequence[tuple[str, Tries]], notes: list[str]) -> list[Trial]:
    trials: list[Trial] = []
    for number, (name, tries) in enumerate(read):
        before, start = len(trials), len(trials)
        for place, record in enumerate(tries.records):
            try:
                trial = trial_of(record, start + place, number, tries.matrices)
            except RecursionError:
                trial = None
            if trial is not None:
                trials.append(trial)
        notes.append(_repeated(clean(name), trials[before:]))
        left = len(tries.records) - (len(trials) - before)
        if left:
            notes.append(f"{clean(name)}: {left} entries are not finished trials and are left out")
    return trials


def _repeated(name: str, trials: Sequence[Trial]) -> str:
    """Return a note on numbers shared by several trials of a file; empty if there are none."""
    twice = sorted(tid for tid, count in Counter(t.tid for t in trials).items() if count > 1)
    if not twice:
        return ""
    first = ", ".join(map(str, twice[:_MOST_NAMED]))
    more = f" and {len(twice) - _MOST_NAMED} others" if len(twice) > _MOST_NAMED else ""
    return f"{name}: more than one trial is numbered {first}{more}; all of them are shown"


def _runcard(sources: Sequence[Source], notes: list[str]) -> tuple[dict[str, Any], Path | None]:
    """Return the first runcard that can be read."""
    for source in sources:
        if source.runcard is not None:
            card, problem = read_runcard(source.runcard)
            if card is not None:
                return card, source.runcard
            notes.append(problem)
    return {}, None


def _fold_statistic(runcard: Mapping[str, Any]) -> str:
    kfold = runcard.get("kfold")
    if not isinstance(kfold, Mapping):
        return "average"
    statistic = kfold.get("fold_statistic", kfold.get("target", "average"))
    return statistic if isinstance(statistic, str) and statistic in STATISTICS else "average"
