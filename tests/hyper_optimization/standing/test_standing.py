"""Tests of what other terminals see of a scan: its state file, its lock, its log."""

from __future__ import annotations

import json
import math
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from n3hyper.cli import main
from n3hyper.cli.inquiries.status_text import as_json_text, status_text
from n3hyper.errors import StoreError, StoreInputError
from n3hyper.fitting.result import Progress
from n3hyper.hyper_optimization.paths import LOG, LOG_LINES, RUNNING
from n3hyper.hyper_optimization.standing.folder import (
    newest_store,
    standing_of,
    store_of,
    stored_trials,
)
from n3hyper.hyper_optimization.standing.overview import Standing, Tally
from n3hyper.hyper_optimization.standing.state import RunningTrial
from n3hyper.hyper_optimization.standing.state_file import RunState, read_state_file, state_file
from n3hyper.hyper_optimization.standing.time_left import seconds_left
from n3hyper.hyper_optimization.stores.record_lines import without_lists
from n3hyper.hyper_optimization.stores.scan_lock import locked_scan
from n3hyper.scanning.run_recorder import RunRecorder
from n3hyper.system.folder_lock import holder_of
from tests.support.toy_scans import in_child, outcome, sometimes_fails, toy_scan
from tests.support.waiting import until

PROGRESS = Progress(600, 1000, 1.25, active=3, folds=(1.5, math.nan))


class Silent:
    """Listener that keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[Any] = []

    def stage(self, text: str) -> None:
        self.told.append(text)

    def trial_started(self, tid: int, params: dict[str, Any]) -> None:
        self.told.append(tid)

    def fit_progress(self, progress: Progress) -> None:
        self.told.append(progress)

    def trial_ended(self, trial: dict[str, Any]) -> None:
        self.told.append(trial["tid"])


def followed(
    store: Path,
    trials: int,
    look: Callable[[RunRecorder], None] | None = None,
    log: tuple[str, ...] = (),
) -> Silent:
    """Run a toy scan as `perform_scan` does; `look` is called in the middle of its third trial."""
    listener = Silent()
    recorder = RunRecorder(listener, "scan", trials, log)
    store.mkdir(parents=True, exist_ok=True)
    seen: list[Any] = []

    def in_trial(setup: dict[str, Any]) -> Any:
        seen.append(setup)
        if len(seen) == 3 and look is not None:
            recorder.fit_progress(PROGRESS)
            look(recorder)
        return sometimes_fails(setup)

    recorder.stage("reading data and theory")
    with locked_scan(store), recorder.recording(store):
        toy_scan(
            store,
            trials,
            in_trial,
            lock=False,
            keep={"max_evals": trials},
            on_start=recorder.trial_started,
            on_trial=recorder.trial_ended,
        )
    return listener


def store_in(folder: Path) -> Path:
    return folder / "scan" / "nnfit" / "replica_1"


def standing(folder: Path) -> Standing:
    return standing_of(store_in(folder), folder / "scan", "scan")


def until_running(folder: Path) -> Standing:
    """Wait until the state file says what the third trial has come to."""
    return until(
        lambda: found if (found := standing(folder)).running and found.running[0].progress else None
    )


# ------------------------------------------------------------ a scan in this process


def test_a_running_scan_is_seen_from_outside_and_a_finished_one_leaves_nothing(
    tmp_path: Path,
) -> None:
    seen: list[Standing] = []
    listener = followed(store_in(tmp_path), 5, lambda _: seen.append(until_running(tmp_path)))
    (during,) = seen
    assert during.alive
    assert during.process == f"process {os.getpid()} on {os.uname().nodename}"
    assert (during.tally.done, during.total, during.complete) == (2, 5, False)
    assert [trial.tid for trial in during.running] == [2]
    progress = during.running[0].progress
    assert progress is not None
    assert (progress.epoch, progress.epochs, progress.active) == (600, 1000, 3)
    assert progress.folds[0] == 1.5
    assert math.isnan(progress.folds[1])
    assert 0 <= during.seconds_left < 60
    text = status_text([during])
    assert "epoch 600/1000, median validation chi2 1.250 (by fold 1.500, -)" in text
    after = standing(tmp_path)
    assert not (store_in(tmp_path) / RUNNING).exists()
    assert (after.alive, after.complete, after.running, after.go_on) == (False, True, (), "")
    assert [told for told in listener.told if isinstance(told, int)] == [
        0,
        0,
        1,
        1,
        2,
        2,
        3,
        3,
        4,
        4,
    ]
    assert holder_of(store_in(tmp_path)) is None


def test_what_looks_on_changes_no_bit(tmp_path: Path) -> None:
    followed(store_in(tmp_path), 5, lambda _: None, ("text", "json"))
    toy_scan(tmp_path / "alone", 5)
    assert outcome(store_in(tmp_path)) == outcome(tmp_path / "alone")


def test_reasons_of_failures_are_counted(tmp_path: Path) -> None:
    followed(store_in(tmp_path), 12)
    tally = standing(tmp_path).tally
    records = outcome(store_in(tmp_path))
    failed = [record for record in records if record["result"]["status"] == "fail"]
    assert tally.failed == len(failed) > 0
    assert tally.failures[0].reason == "exception"
    assert "not to my liking" in tally.failures[0].text
    losses = [each["result"]["loss"] for each in records if each["result"].get("loss")]
    assert tally.best is not None
    assert tally.best[1] == min(losses)


def test_the_tally_needs_no_lists_of_numbers(tmp_path: Path) -> None:
    followed(store_in(tmp_path), 12)
    for file in ("tries.pkl", "tries.json"):
        (whole, short) = (
            Tally.of(stored_trials(store_in(tmp_path), lists)[1]) for lists in (True, False)
        )
        assert whole == short
        assert whole.best_parts
        if file == "tries.pkl":  # the JSON alone is read next
            (store_in(tmp_path) / file).unlink()


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
        ),
        max_leaves=15,
    )
)
def test_only_lists_of_numbers_are_left_out(value: Any) -> None:
    def emptied(part: Any, below_key: bool = False) -> Any:
        if isinstance(part, dict):
            return {key: emptied(inner, below_key=True) for key, inner in part.items()}
        if not isinstance(part, list):
            return part
        plain = json.dumps(part)
        matrix = not set('"{') & set(plain) and flat(part)
        return [] if below_key and matrix else [emptied(each) for each in part]

    def flat(part: list[Any]) -> bool:
        return not any(
            isinstance(inner, list) for row in part if isinstance(row, list) for inner in row
        )

    text = json.dumps({"record": value})
    expected = json.dumps(emptied({"record": value}))
    # a list whose key ends in a backslash may stay
    if '\\\\"' not in text:
        assert without_lists(text.encode()).decode() == expected


# ------------------------------------------------------------ a scan that is killed


def kill_in_third_trial(folder: Path) -> None:
    def die(_: RunRecorder) -> None:
        until_running(folder)
        os.kill(os.getpid(), signal.SIGKILL)

    followed(store_in(folder), 5, die)


def test_a_killed_scan_is_told_by_its_lock_and_can_be_gone_on_with(tmp_path: Path) -> None:
    assert in_child(lambda: kill_in_third_trial(tmp_path)) == -signal.SIGKILL
    left = standing(tmp_path)
    assert (left.alive, left.killed, left.complete) == (False, True, False)
    assert [trial.tid for trial in left.running] == [2]
    assert left.go_on == f"n3hyper restart --pkl {tmp_path / 'scan'} -n 5"
    assert math.isnan(left.seconds_left)
    text = status_text([left])
    assert "its process was killed" in text
    assert "left        trial 2" in text
    # another process holds the folder, and has said nothing yet: what is left there is not its own
    with locked_scan(store_in(tmp_path)):
        held = standing(tmp_path)
    assert (held.alive, held.killed, held.running) == (True, False, ())
    followed(store_in(tmp_path), 5)
    assert standing(tmp_path).complete
    toy_scan(tmp_path / "alone", 5)
    assert outcome(store_in(tmp_path)) == outcome(tmp_path / "alone")


# ------------------------------------------------------------ files of others


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["tid", "trials", "workers", "progress", "epoch", "name", "folds", "seconds"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(list(RunState.__dataclass_fields__)), json_values))
def test_a_state_file_of_others_is_read_or_left_aside(content: dict[str, Any]) -> None:
    state = RunState.decode({"format": 1, "total": 3, **content})
    assert state is None or RunState.decode(json.loads(state.encode())) is not None


def test_a_folder_without_trials_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreInputError, match="no scan and no fit here"):
        store_of(tmp_path)
    with pytest.raises(StoreInputError, match="no scan and no fit below"):
        newest_store(tmp_path)
    followed(store_in(tmp_path), 1)
    assert newest_store(tmp_path) == store_in(tmp_path)
    for named in (tmp_path / "scan", store_in(tmp_path), store_in(tmp_path) / "tries.pkl"):
        assert store_of(named) == store_in(tmp_path)


def test_json_has_no_nan(tmp_path: Path) -> None:
    followed(store_in(tmp_path), 1)

    def refuse(token: str) -> None:
        pytest.fail(f"not JSON: {token}")

    (found,) = json.loads(as_json_text([standing(tmp_path)]), parse_constant=refuse)
    assert (found["done"], found["complete"], found["workers"]) == (1, True, None)


# ------------------------------------------------------------ the file itself


def test_a_state_that_cannot_be_written_is_said_once_and_ends_nothing(tmp_path: Path) -> None:
    told: list[str] = []
    (tmp_path / RUNNING).mkdir()
    with state_file(tmp_path, lambda: RunState("scan", 1, 0.0), told.append):
        until(lambda: told)
    assert len(told) == 1
    assert "status will not see" in told[0]
    assert read_state_file(tmp_path) is None


def test_a_lock_that_was_looked_at_can_be_taken(tmp_path: Path) -> None:
    with locked_scan(tmp_path):
        assert holder_of(tmp_path) == f"process {os.getpid()} on {os.uname().nodename}"
        with pytest.raises(StoreError, match="another scan"), locked_scan(tmp_path):
            pass
    assert holder_of(tmp_path) is None
    with locked_scan(tmp_path):
        pass


# ------------------------------------------------------------ the log


def test_the_log_has_a_line_for_each_event_with_its_time(tmp_path: Path) -> None:
    followed(store_in(tmp_path), 3, log=("text", "json"))
    followed(store_in(tmp_path), 5, log=("text", "json"))
    lines = (store_in(tmp_path) / LOG).read_text().splitlines()
    events = [
        json.loads(line) for line in (store_in(tmp_path) / LOG_LINES).read_text().splitlines()
    ]
    assert len(lines) == len(events)
    assert all(
        line.startswith(f"{event['time']} ") for line, event in zip(lines, events, strict=True)
    )
    names = [event["event"] for event in events]
    first = ["stage", "begin", *["trial_started", "trial_ended"] * 3, "end"]
    assert names == [*first, "stage", "begin", *["trial_started", "trial_ended"] * 2, "end"]
    ended = [event for event in events if event["event"] == "trial_ended"]
    records = outcome(store_in(tmp_path))
    assert [(e["tid"], e["status"], e["loss"]) for e in ended] == [
        (r["tid"], r["result"]["status"], r["result"].get("loss")) for r in records
    ]
    assert "parameters" in events[2]


def test_an_error_ends_the_log(tmp_path: Path) -> None:
    def stop(_: RunRecorder) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        followed(store_in(tmp_path), 5, stop, ("text",))
    assert (store_in(tmp_path) / LOG).read_text().endswith(" ended by a signal\n")
    assert not (store_in(tmp_path) / RUNNING).exists()


# ------------------------------------------------------------ the time left


@given(st.integers(0, 30), st.integers(1, 6), st.floats(0.1, 50), st.floats(0, 60))
def test_a_lost_trial_takes_its_lease_and_its_time(
    missing: int, workers: int, mean: float, lease: float
) -> None:
    lost = RunningTrial(1, 99.0, lost=True, lease_left=lease)
    with_it = seconds_left(missing, [lost], workers, mean)
    assert with_it >= max(lease + mean, seconds_left(missing, [], workers, mean)) - 1e-9
    assert with_it >= seconds_left(missing, [lost], workers + 1, mean) - 1e-9
    rounds = math.ceil(missing / workers)
    assert seconds_left(missing, [], workers, mean) == pytest.approx(rounds * mean)


# ------------------------------------------------------------ the command


def test_the_exit_status_tells_a_stopped_scan_from_one_that_is_complete(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def status(*arguments: object) -> int:
        with pytest.raises(SystemExit) as ended:
            main(["status", *map(str, arguments)])
        assert isinstance(ended.value.code, int)
        return ended.value.code

    followed(store_in(tmp_path), 3)
    scan = tmp_path / "scan"
    assert status(scan) == 0
    assert f"scan scan ({scan}): complete\n" in capsys.readouterr().out
    toy_scan(store_in(tmp_path), 4, keep={"max_evals": 9})
    assert status(scan, "--json") == 1
    (found,) = json.loads(capsys.readouterr().out)
    assert (found["done"], found["total"], found["stopped"]) == (4, 9, True)
    # of trials of others it is not known how many there should be
    (store_in(tmp_path) / "tries.pkl").unlink()
    assert status(scan) == 0
    assert "not running" in capsys.readouterr().out
    assert status(tmp_path / "nothing") == 2
    assert "no scan and no fit here" in capsys.readouterr().err
