"""Scan as a study of Optuna, for optuna-dashboard and for Optuna's own functions."""

from __future__ import annotations

import datetime
import logging
import math
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from n3hyper.errors import StoreError
from n3hyper.report.analysis.importance import is_log
from n3hyper.report.analysis.ranges import groups_of, values_of
from n3hyper.report.analysis.view import TABLE_SCORES, View
from n3hyper.report.errors import ReportError
from n3hyper.report.text import show
from n3hyper.report.trials.scan import Scan
from n3hyper.report.trials.trial import Trial
from n3hyper.system.own_files import write_output

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial


def write_study(view: View, path: Path) -> str:
    """Write all trials as a journal storage of Optuna with one study, and return the study's name.

    The hyperparameters are those of the report's figures, the objective is the loss, and scores,
    parts of the loss, failures and lists (nodes per layer) are the user attributes of a trial.

    Raises
    ------
    ReportError
        Optuna is not installed, or the file is there or cannot be written.
    """
    try:
        import optuna
        from optuna.storages import JournalStorage
        from optuna.storages.journal import JournalFileBackend
    except ImportError:
        raise ReportError(
            "--export-optuna needs Optuna: pip install 'n3hyper[optuna]' (or 'optuna>=4')"
        ) from None
    if path.exists() or path.is_symlink():
        raise ReportError(f"{path}: is there already; choose another name or remove it")
    scan = view.scan
    distributions = _distributions(scan)
    logging.getLogger("optuna").setLevel(logging.WARNING)
    with tempfile.TemporaryDirectory() as folder:
        journal = Path(folder) / "journal.log"
        storage = JournalStorage(JournalFileBackend(str(journal)))
        study = optuna.create_study(storage=storage, study_name=scan.name, direction="minimize")
        study.set_user_attr("loss", view.loss_words)
        study.add_trials(
            [_frozen(scan, place, trial, distributions) for place, trial in enumerate(scan.trials)]
        )
        content = journal.read_bytes()
    try:
        write_output(path, content)
    except StoreError as err:
        raise ReportError(str(err)) from err
    return scan.name


def _distributions(scan: Scan) -> dict[str, BaseDistribution]:
    """Return the range of each hyperparameter, or its names, as they occur in the trials."""
    from optuna.distributions import (
        CategoricalDistribution,
        FloatDistribution,
        IntDistribution,
    )

    found: dict[str, BaseDistribution] = {}
    for name in scan.factors:
        values = [value for value in scan.column(name) if value is not None]
        kinds = {type(value) for value in values}
        if kinds == {int}:
            found[name] = IntDistribution(min(values), max(values))
        elif kinds <= {int, float}:
            groups = groups_of(scan, name)
            log = any(is_log(scan, name, g, values_of(scan.trials, name, g)) for g in groups)
            low, high = float(min(values)), float(max(values))
            found[name] = FloatDistribution(low, high, log=log and low > 0)
        elif kinds <= {str, bool}:
            found[name] = CategoricalDistribution(sorted(set(values), key=str))
    return found


def _frozen(
    scan: Scan, place: int, trial: Trial, distributions: dict[str, BaseDistribution]
) -> FrozenTrial:
    from optuna.trial import FrozenTrial, TrialState

    params: dict[str, Any] = {
        name: float(value) if isinstance(value, float) else value
        for name in distributions
        if (value := trial.values.get(name)) is not None
    }
    began = trial.began if math.isfinite(trial.began) else _some_time(scan)
    ended = trial.ended if trial.ended >= began else began
    return FrozenTrial(
        number=place,
        trial_id=place,
        state=TrialState.COMPLETE if trial.ok else TrialState.FAIL,
        value=trial.loss if trial.ok else None,
        datetime_start=datetime.datetime.fromtimestamp(began),
        datetime_complete=datetime.datetime.fromtimestamp(ended),
        params=params,
        distributions={name: distributions[name] for name in params},
        user_attrs=_attributes(scan, place, trial),
        system_attrs={},
        intermediate_values={},
    )


def _some_time(scan: Scan) -> float:
    """Return a time for trials whose own is not known, since Optuna wants one."""
    return scan.modified if math.isfinite(scan.modified) else 0.0


def _attributes(scan: Scan, place: int, trial: Trial) -> dict[str, Any]:
    found: dict[str, Any] = {"tid": trial.tid}
    if len(scan.scans) > 1:
        found["scan"] = scan.column("scan")[place]
    part = scan.with_trials([trial])
    for name in TABLE_SCORES[1:]:
        value = part.column(name)[0]
        if value is not None:
            found[name] = float(value)
    found.update({f"loss_{name}": float(value) for name, value in scan.parts_of(trial).items()})
    for name, value in trial.values.items():
        if isinstance(value, list):
            found[name] = show(value, 12)
    if not trial.ok:
        found |= {"failure": trial.reason, "failure_text": trial.failure}
    return found
