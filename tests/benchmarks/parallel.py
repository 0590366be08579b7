"""Cost of the machinery of a parallel scan, with fits that sleep.

    python -m tests.benchmarks.parallel [--workers 1 8] [--seconds 1.0] [--trials 10000]

1. Throughput: a scan with each number of workers, a fit taking --seconds. Starting does not count:
   the clock runs from when each worker may have finished a trial to the last trial.
2. What a trial costs a worker beside its fit: one worker's time from trial to trial, less the fit.
3. The scan's refresh with --trials finished trials: with nothing new, and with one more; writing
   the files is counted apart.
"""

from __future__ import annotations

import argparse
import datetime
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from n3hyper.hyper_optimization.mongo.jobs import job_id
from n3hyper.hyper_optimization.mongofiletrials import MongodRunner, MongoFileTrials
from n3hyper.hyper_optimization.record import plain, read_tries
from n3hyper.hyper_optimization.sampling.space import evaluate_space
from n3hyper.hyper_optimization.sampling.suggest import Suggester
from n3hyper.hyper_optimization.serial_loop import evaluate
from tests.support.toy_processes import SCAN, environment, toy

RUNCARD = Path(__file__).resolve().parents[2] / "runcards" / "quickstart.yml"


def throughput(workers: int, seconds: float, rounds: int = 15) -> float:
    """Return the trials per second of a scan with this many workers."""
    with (
        tempfile.TemporaryDirectory() as folder,
        MongodRunner(dbpath=Path(folder) / "db", db_port=0) as server,
    ):
        command = [*SCAN, str(RUNCARD), f"{folder}/out", "-n", str(workers * rounds)]
        command += ["--mongo-uri", str(server.uri_file), "--workers", str(workers)]
        subprocess.run(
            [*command, "--lease", "60"],
            env=environment(TOY_SECONDS=str(seconds)),
            check=True,
            stdout=subprocess.DEVNULL,
        )
        records = read_tries(Path(folder) / "out" / "nnfit" / "replica_1" / "tries.json")
    ends = sorted(datetime.datetime.fromisoformat(record["refresh_time"]) for record in records)
    owners = {record["owner"] for record in records}
    # until the last worker has come, and from when the first has nothing more to do
    begun = max(min(e["book_time"] for e in records if e["owner"] == owner) for owner in owners)
    steady = [end for end in ends if end >= datetime.datetime.fromisoformat(begun)]
    steady = steady[workers - 1 : len(steady) - workers + 1] if workers > 1 else steady
    return (len(steady) - 1) / (steady[-1] - steady[0]).total_seconds()


def finished_jobs(store: MongoFileTrials, number: int) -> list[dict[str, Any]]:
    """Return jobs with results of the toy trainer."""
    trainer, scanner, _ = toy()
    space = scanner.as_dict()
    document = plain(Suggester(space, 1, "random").suggest(store, 0)[0])
    result = evaluate(trainer, evaluate_space(space, document["misc"]["vals"]))
    return [
        {
            **document,
            "_id": job_id(store.exp_key, tid),
            "tid": tid,
            "misc": {**document["misc"], "tid": tid},
            "state": 2,
            "result": result,
        }
        for tid in range(number)
    ]


def milliseconds(task: Callable[[], None]) -> float:
    begin = time.perf_counter()
    task()
    return 1e3 * (time.perf_counter() - begin)


def refresh(trials: int, news: int = 30) -> None:
    """Print the cost of a refresh in a scan with this many finished trials."""
    with (
        tempfile.TemporaryDirectory() as folder,
        MongodRunner(dbpath=Path(folder) / "db", db_port=0) as server,
    ):
        space = toy()[1].as_dict()
        store = MongoFileTrials(Path(folder), uri=server.uri, parameters=space)
        jobs = finished_jobs(store, trials + news)
        for start in range(0, trials, 1000):
            store.handle.jobs.insert_many(jobs[start : min(start + 1000, trials)])
        store.handle.raise_number(store.exp_key, trials)
        begin = time.perf_counter()
        store.refresh()
        print(f"{trials} trials read for the first time: {time.perf_counter() - begin:.1f} s")
        look = partial(store.refresh_tids, None)
        quiet, busy, writes = [], [], []
        for job in jobs[trials:]:
            store.insert({key: value for key, value in job.items() if key != "_id"} | {"state": 0})
            claim = store.handle.claim(job["_id"], "benchmark")
            assert claim is not None
            quiet.append(milliseconds(look))
            store.handle.finish(claim, job["result"])
            busy.append(milliseconds(look))
            writes.append(milliseconds(store.write))
        named = {
            "refresh, nothing new": quiet,
            "refresh, one more finished": busy,
            "both files written (at most a tenth of the time)": writes,
        }
        for name, times in named.items():
            print(f"{name}: median {statistics.median(times):.1f} ms, max {max(times):.1f}")
        store.handle.close()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--workers", type=int, nargs="*", default=[1, 8])
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--trials", type=int, default=10_000)
    given = parser.parse_args()
    rates = []
    for workers in given.workers:
        rates.append(throughput(workers, given.seconds))
        times = rates[-1] / rates[0]
        print(f"{workers} workers: {rates[-1]:.3f} trials/s, {times:.2f} times the first")
        overhead = workers / rates[-1] - given.seconds
        print(f"  beside the fit a trial costs a worker {1e3 * overhead:.0f} ms")
    refresh(given.trials)


if __name__ == "__main__":
    main()
