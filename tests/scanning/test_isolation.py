"""Tests of fits in a separate process: the same results, and a scan that outlives them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from functools import partial
from multiprocessing import Pipe
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from n3hyper.errors import FitError
from n3hyper.hyper_optimization.hyper_scan import HyperScanner
from n3hyper.scanning.isolation import IsolatedTrainer, receive_large, send_large
from tests.support.loops import run_scan
from tests.support.toy_fits import broken, make
from tests.support.toy_scans import FINGERPRINT, outcome, toy_scan
from tests.support.toy_trainer import HYPERSCAN, PARAMETERS
from tests.support.waiting import until_ended


def scan(
    folder: Path, trials: int, make_fits: Any = None, growth: float = 1e9, **deeds: Any
) -> list[int]:
    """Run a scan; return the processes of its fits, in order."""
    processes: list[int] = []
    make_fits = make_fits or partial(make, deeds={int(k[1:]): v for k, v in deeds.items()})
    exists = (folder / "tries.pkl").exists()
    with IsolatedTrainer(processes.append, growth=growth) as trainer:
        trainer.prepare(make_fits)
        scanner = HyperScanner(PARAMETERS, HYPERSCAN)
        run_scan(folder, trainer, scanner, trials, restart=exists, fingerprint=FINGERPRINT)
    return processes


def failures(folder: Path) -> list[tuple[str, str]]:
    found = [record["result"].get("failure") for record in outcome(folder)]
    return [(failure["reason"], failure["text"]) for failure in found if failure]


def alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def test_results_are_those_of_fits_in_this_process(tmp_path: Path) -> None:
    processes = scan(tmp_path / "apart", 6)
    assert len(processes) == 6
    assert len(set(processes)) == 1
    assert os.getpid() not in processes
    assert not alive(processes[0])
    toy_scan(tmp_path / "here", 6)
    assert outcome(tmp_path / "apart") == outcome(tmp_path / "here")


def test_a_process_that_has_grown_is_replaced(tmp_path: Path) -> None:
    processes = scan(tmp_path / "apart", 6, growth=100.0, _0="eat")
    # the first fit is where growth is counted from
    assert [processes.count(pid) for pid in dict.fromkeys(processes)] == [4, 2]
    toy_scan(tmp_path / "here", 6)
    assert outcome(tmp_path / "apart") == outcome(tmp_path / "here")


@pytest.mark.parametrize(
    ("deed", "failure"),
    [
        (
            signal.SIGKILL,
            (
                "memory",
                "the process of the fit was killed, most likely out of memory; --memory bounds it",
            ),
        ),
        (signal.SIGSEGV, ("exception", "the process of the fit died: SIGSEGV")),
        ("exit", ("exception", "the process of the fit died: exit status 3")),
    ],
)
def test_a_process_that_dies_fails_its_trial_alone(
    tmp_path: Path, deed: Any, failure: tuple[str, str]
) -> None:
    """Trials with four layers are those whose process dies."""
    processes = scan(tmp_path / "apart", 5, _4=deed)
    toy_scan(tmp_path / "here", 5)
    here, apart = outcome(tmp_path / "here"), outcome(tmp_path / "apart")
    deep = [len(record["misc"]["space_vals"]["nodes_per_layer"]) == 4 for record in here]
    assert 0 < sum(deep) < 5
    assert len(set(processes)) == sum(deep) + (not deep[-1])
    for trial_here, trial_apart, died in zip(here, apart, deep, strict=True):
        if died:
            assert tuple(trial_apart["result"]["failure"].values()) == failure
        else:
            assert trial_here == trial_apart


def test_a_signal_that_ends_the_job_is_no_failure(tmp_path: Path) -> None:
    """Batch systems send a signal to all processes, and that of the fit may be the first to end."""
    with pytest.raises(KeyboardInterrupt, match="SIGTERM"):
        scan(tmp_path, 3, _0=signal.SIGTERM)
    assert not (tmp_path / "tries.pkl").exists()


def test_fits_that_cannot_be_made_say_why(tmp_path: Path) -> None:
    scan(tmp_path, 1, broken)
    (failure,) = failures(tmp_path)
    assert failure[1] == "FitError: fits cannot be run: ImportError: no such library"


def test_a_trainer_that_is_started_says_whether_it_can_fit() -> None:
    said: list[int] = []
    with IsolatedTrainer(said.append) as trainer:
        trainer.prepare(broken)
        with pytest.raises(FitError, match="no such library"):
            trainer.start()
        trainer.prepare(partial(make, deeds={}))
        trainer.start()
        assert said == []


def test_a_process_that_dies_between_two_fits_fails_no_trial() -> None:
    processes: list[int] = []
    setup = {**PARAMETERS, "optimizer": {**PARAMETERS["optimizer"], "learning_rate": 0.05}}
    with IsolatedTrainer(processes.append) as trainer:
        trainer.prepare(partial(make, deeds={}))
        first = trainer.hyperparametrizable(setup)
        os.kill(processes[0], signal.SIGKILL)
        os.waitid(os.P_PID, processes[0], os.WEXITED | os.WNOWAIT)
        assert trainer.hyperparametrizable(setup)["loss"] == first["loss"]
    assert len(set(processes)) == 2


def test_an_interrupt_ends_the_fit_at_once(tmp_path: Path) -> None:
    process = []

    def interrupt(number: int) -> None:
        process.append(number)
        threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT)).start()

    with IsolatedTrainer(interrupt) as trainer:
        trainer.prepare(partial(make, deeds={0: "wait"}))
        with pytest.raises(KeyboardInterrupt):
            run_scan(tmp_path, trainer, HyperScanner(PARAMETERS, HYPERSCAN), 1)
    assert not alive(process[0])


SCAN = """
import sys
from functools import partial
from pathlib import Path
from n3hyper.hyper_optimization.hyper_scan import HyperScanner
from n3hyper.scanning.isolation import IsolatedTrainer
from tests.support.loops import run_scan
from tests.support.toy_fits import make
from tests.support.toy_trainer import HYPERSCAN, PARAMETERS
with IsolatedTrainer(lambda number: print(number, flush=True)) as trainer:
    trainer.prepare(partial(make, deeds={0: "wait"}))
    run_scan(Path(sys.argv[1]), trainer, HyperScanner(PARAMETERS, HYPERSCAN), 1)
"""


def test_the_fit_ends_with_a_scan_that_is_killed(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", SCAN, str(tmp_path)],
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        fit = int(process.stdout.readline())
        assert alive(fit)
        process.kill()
        # closed by the last process that has it
        assert process.stdout.read() == ""
    until_ended(fit)


def test_large_messages_arrive_whole() -> None:
    arrays = {
        "rows": np.arange(200_000.0).reshape(400, 500),
        "columns": np.asfortranarray(np.arange(6).reshape(2, 3)),
        "nothing": np.zeros((0, 4)),
        "every other": np.arange(10)[::2],
    }
    sender, receiver = Pipe()
    thread = threading.Thread(target=send_large, args=(sender, ("make", arrays, None)))
    thread.start()
    kind, found, keys = receive_large(receiver)
    thread.join()
    assert (kind, keys) == ("make", None)
    assert found.keys() == arrays.keys()
    for name, array in arrays.items():
        np.testing.assert_array_equal(found[name], array, strict=True)
    found["rows"][0, 0] = 1.0
