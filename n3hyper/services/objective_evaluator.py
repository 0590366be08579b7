"""A user's objective, as a worker runs it."""

from __future__ import annotations

import numbers
from collections.abc import Mapping
from typing import Any

from n3hyper.errors import ObjectiveError, StoreError
from n3hyper.hyper_optimization.evaluation import failure_of
from n3hyper.hyper_optimization.objectives import Objective, ObjectiveDocument, decode_point
from n3hyper.hyper_optimization.record import Record, failed_result, finished_result


class ObjectiveEvaluator:
    """Evaluates jobs of one search.

    Parameters
    ----------
    scan
        As `decode_document` has checked it.
    allowed
        The objectives that this worker may run, by name.

    Raises
    ------
    ObjectiveError
        That of the search is not among them.
    """

    def __init__(self, scan: ObjectiveDocument, allowed: Mapping[str, Objective]) -> None:
        if scan.objective not in allowed:
            raise ObjectiveError(
                f"scan {scan.exp_key} asks for the objective {scan.objective!r}, which this worker "
                "was not told to allow (--allow-objective)"
            )
        self.scan, self.function = scan, allowed[scan.objective]

    def close(self) -> None:
        """Nothing is held."""

    def __call__(self, misc: Any) -> Record:
        """Return the result of a job that anybody may have written, attachments included.

        KeyboardInterrupt passes through.
        """
        try:
            point = decode_point(misc.get("point") if isinstance(misc, Mapping) else None)
        except StoreError as err:
            return failed_result("exception", f"the job was refused: {err}")
        try:
            result = self.function(point)
        except (Exception, SystemExit) as err:  # noqa: BLE001  # of a trial, not of the worker
            return failure_of(err)
        if isinstance(result, numbers.Real):
            return finished_result(float(result))
        attachments = result.get("attachments") if isinstance(result, Mapping) else None
        if not attachments:
            return finished_result(result)
        rest = {key: value for key, value in result.items() if key != "attachments"}
        return {**finished_result(rest), "attachments": dict(attachments)}
