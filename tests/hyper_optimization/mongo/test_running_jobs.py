"""TPE hears of the jobs of a database that have not finished."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from n3hyper.hyper_optimization.mongofiletrials import MongoFileTrials
from n3hyper.hyper_optimization.sampling.samplers import hp_uniform
from n3hyper.hyper_optimization.sampling.suggest import Suggester

SPACE = {"x": hp_uniform("x", 0.0, 1.0)}
HISTORY = [
    {"vals": {"x": x}, "loss": (x - 0.3) ** 2}
    for x in np.random.default_rng(2).uniform(size=60).tolist()
]


def test_jobs_that_wait_or_run_drive_tpe_away(mongo_uri: str, tmp_path: Path) -> None:
    store = MongoFileTrials(tmp_path, uri=mongo_uri, parameters=SPACE)
    suggester = Suggester(SPACE, 1, history=HISTORY)

    def near() -> int:
        points = [suggester.suggest(store, tid)[0]["misc"]["vals"]["x"][0] for tid in range(8, 68)]
        return sum(abs(x - 0.3) < 0.05 for x in points)

    def job(tid: int) -> dict[str, Any]:
        (document,) = suggester.suggest(store, tid)
        document["misc"]["vals"]["x"] = [0.28 + 0.005 * tid]
        return document

    before = near()
    for tid in range(8):
        store.insert(job(tid))
    store.refresh()
    assert len(store.headers) == 8
    assert near() < 0.8 * before
    store.handle.close()
