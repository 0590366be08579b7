"""Tests of how ``n3hyper status`` sees a fit: its jobs, and its replicas."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

from n3hyper.cli.inquiries.status_text import status_text
from n3hyper.hyper_optimization.standing.folder import store_of
from n3hyper.replicas.standing import standing_of_fit
from tests.support.toy_replicas import ToyReplicas, toy_run
from tests.support.toy_scans import in_child


def test_a_complete_fit_counts_its_replicas(tmp_path: Path) -> None:
    outcome = toy_run(tmp_path / "fit", 10)
    assert store_of(tmp_path / "fit") == tmp_path / "fit" / "jobs"
    found = standing_of_fit(tmp_path / "fit")
    assert (found.alive, found.complete, found.go_on) == (False, True, "")
    assert found.tally.done == 4
    assert len(outcome.results.failures(outcome.vetoes)) == 8
    assert found.more == {
        "replicas fitted": 10,
        "replicas failed in training": 8,
        "replicas chosen": 10,
        "replicas wanted": 10,
    }


def test_a_fit_with_too_few_replicas_is_whole_when_all_were_tried(tmp_path: Path) -> None:
    outcome = toy_run(tmp_path / "fit", 10, at_most=12)
    assert not outcome.complete
    assert standing_of_fit(tmp_path / "fit").complete


def test_a_killed_fit_can_be_gone_on_with(tmp_path: Path) -> None:
    class Deadly(ToyReplicas):
        def hyperparametrizable(self, params: Any) -> Any:
            if len(self.jobs) == 2:
                os.kill(os.getpid(), signal.SIGKILL)
            return super().hyperparametrizable(params)

    fit = tmp_path / "fit"
    assert in_child(lambda: toy_run(fit, 10, trainer=Deadly(1)) and None) == -signal.SIGKILL
    found = standing_of_fit(fit)
    assert (found.alive, found.complete, found.tally.done) == (False, False, 2)
    assert found.go_on == f"n3hyper fit {fit}"
    text = status_text([found])
    assert "10 replicas wanted" in text
    assert "stopped before its end" in text
    toy_run(fit, 10)
    assert standing_of_fit(fit).complete
