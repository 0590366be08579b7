"""Trials of another scan, n3hyper's or n3fit's, as history of a new one: ``scan --history``."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from n3hyper.errors import N3HyperError, StoreInputError

if TYPE_CHECKING:
    from n3hyper.report.trials.scan import Scan
    from n3hyper.runcard import Runcard
    from n3hyper.scanning.request import History, ScanRequest

_NOT_OF_THE_FIT: Final = {
    *("source", "raw", "description", "moved", "notes", "parallel_models"),
    *("hyperscan", "parameters", "kfold"),
}
"""Attributes of a runcard that two scans need not share: setups are compared one by one, and their
losses are made again."""
_MOST_NAMED: Final = 4


def read_history(folder: Path, request: ScanRequest, note: Callable[[str], None]) -> History:
    """Return what a scan can learn from the trials of another one.

    Their losses are made again from what is stored, by the loss of the new scan; trials whose
    setups are no points of its search space are left out.

    Parameters
    ----------
    folder
        Of the other scan, or its ``tries.json`` or ``tries.pkl``.
    request
        The new scan.
    note
        Is told what was taken, what was not, and what could not be checked.

    Raises
    ------
    ReportError
        There are no trials, or they do not hold what the loss is made of.
    StoreInputError
        None of them is a point of the search space.
    """
    from n3hyper.hyper_optimization.sampling.history import points_of
    from n3hyper.hyper_optimization.search_space import HyperScanner
    from n3hyper.report.trials.scan import load_scan
    from n3hyper.scanning.request import History

    runcard = request.load()
    other = load_scan([folder])
    scan = _scored(other, runcard)
    space = HyperScanner(runcard.parameters, runcard.hyperscan).as_dict()
    setups = [
        (trial.parameters, trial.loss if trial.ok and math.isfinite(trial.loss) else None)
        for trial in scan.trials
    ]
    taken = points_of(space, setups)
    names = ", ".join(list(taken.left_out)[:_MOST_NAMED])
    if not taken.points:
        raise StoreInputError(
            f"{folder}: none of {len(setups)} trials is a point of the search space of "
            f"{request.runcard}: outside of it, or fixed to something else, are {names}"
        )
    failed = sum(point["loss"] is None for point in taken.points)
    note(
        f"history: {len(taken.points)} trials of {scan.name}"
        + (f", {failed} of them failed" if failed else "")
        + (
            f"; {taken.number_left_out} are no points of the search space ({names})"
            if taken.number_left_out
            else ""
        )
    )
    unchecked = _unchecked(other, runcard)
    note(f"history: {unchecked}")
    return History(taken.points, f"{len(taken.points)} trials of {scan.name}; {unchecked}")


def _scored(scan: Scan, runcard: Runcard) -> Scan:
    """Return the scan with the losses that the new scan would have given its trials."""
    from n3hyper.physics.objectives import WHOLE_FITS
    from n3hyper.report.trials.rescoring import Settings, rescore
    from n3hyper.runcard import require_scan

    kfold = require_scan(runcard)
    if kfold.fold_statistic in WHOLE_FITS:
        raise StoreInputError(
            f"{kfold.fold_statistic} cannot be made again of stored trials: such a scan takes no "
            "--history"
        )
    settings = Settings(
        loss_type=kfold.loss_type,
        replica_statistic=kfold.replica_statistic,
        fold_statistic=kfold.fold_statistic,
        penalties_in_loss=kfold.penalties_in_loss,
        reduce_proportion=kfold.reduce_proportion,
        threshold=kfold.threshold,
        weights=tuple(fold.weight for fold in kfold.partitions),
    )
    return rescore(scan, settings)


def _unchecked(scan: Scan, runcard: Runcard) -> str:
    """Return in words what two runcards have in common, and what nobody can compare."""
    stored = "not checked: the tables and values behind them" + (
        "" if scan.trials[0].ours else ", and n3fit's own fit (other networks, stopping, splits)"
    )
    if scan.runcard_path is None:
        return f"{stored}; data, theory and folds, of which no runcard beside its trials says more"
    from n3hyper.runcard import load_runcard

    try:
        other = load_runcard(scan.runcard_path)
    except N3HyperError as err:
        return f"{stored}; its runcard cannot be compared ({err})"
    differ = [
        field.name.replace("_", " ")
        for field in dataclasses.fields(runcard)
        if field.name not in _NOT_OF_THE_FIT
        and getattr(other, field.name) != getattr(runcard, field.name)
    ]
    if _folds(other) != _folds(runcard):
        differ.append("folds")
    same = "its runcard has the same data, theory and folds"
    return f"{same}; {stored}" if not differ else f"differs: {', '.join(differ)}; {stored}"


def _folds(runcard: Runcard) -> Any:
    return None if runcard.kfold is None else runcard.kfold.partitions
