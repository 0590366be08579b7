"""Evaluator of a user's objective in a worker."""

from __future__ import annotations

import numbers
from collections.abc import Mapping
from typing import Any

from n3hyper.errors import ObjectiveError, StoreError
from n3hyper.hyper_optimization.evaluation import failure_of
from n3hyper.hyper_optimization.mongo.objectives import Objective, ObjectiveDocument, decode_point
from n3hyper.hyper_optimization.record import Record, failed_result, finished_result


class ObjectiveEvaluator:
    """Evaluator of the jobs of one search.

    Parameters
    ----------
    scan
        The search's document, checked by `decode_document`.
    allowed
        Objectives that this worker may run, by name.

    Raises
    ------
    ObjectiveError
        when the search's objective is not among them.
    """

    def __init__(self, scan: ObjectiveDocument, allowed: Mapping[str, Objective]) -> None:
        if scan.objective not in allowed:
            raise ObjectiveError(
                f"a search asks for the objective {scan.objective!r}, which this worker "
                "was not told to allow (--allow-objective)"
            )
        self.scan, self.function = scan, allowed[scan.objective]

    def close(self) -> None:
        """Do nothing: there is nothing to release."""

    def __call__(self, misc: Any) -> Record:
        """Return the result of a job, which is not trusted, including attachments.

        KeyboardInterrupt passes through.
        """
        try:
            point = decode_point(misc.get("point") if isinstance(misc, Mapping) else None)
        except StoreError as err:
            return failed_result("exception", f"the job was refused: {err}")
        try:
            result = self.function(point)
        except (Exception, SystemExit) as err:  # noqa: BLE001  # the trial's, not the worker's
            return failure_of(err)
        if isinstance(result, numbers.Real):
            return finished_result(float(result))
        attachments = result.get("attachments") if isinstance(result, Mapping) else None
        if not attachments:
            return finished_result(result)
        other_entries = {key: value for key, value in result.items() if key != "attachments"}
        return {**finished_result(other_entries), "attachments": dict(attachments)}
