"""The store in files: safe pickles, atomic files, a folder that may be moved."""

from __future__ import annotations

import copy
import json
import os
import pickle
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from n3hyper.errors import StoreError
from n3hyper.hyper_optimization.filetrials import FileTrials, space_eval_trial
from n3hyper.hyper_optimization.hyper_scan import HyperScanner
from n3hyper.hyper_optimization.record import read_tries
from n3hyper.hyper_optimization.sampling.space import space_fingerprint
from n3hyper.system import atomic_write
from tests.support.store_backends import FILES, add_trial, ok
from tests.support.toy_trainer import HYPERSCAN, PARAMETERS


@pytest.fixture
def space() -> dict[str, Any]:
    return HyperScanner(PARAMETERS, HYPERSCAN).as_dict()


@pytest.fixture
def stored(tmp_path: Path, space: Any) -> FileTrials:
    """Two trials, both files written."""
    trials = FileTrials(tmp_path, parameters=space)
    add_trial(FILES, trials, space, ok(1.0))
    add_trial(FILES, trials, space, ok(2.0))
    trials.rstate = np.random.default_rng(42)
    trials.to_pkl()
    return trials


def test_nothing_is_written_before_a_trial_has_finished(tmp_path: Path, space: Any) -> None:
    trials = FileTrials(tmp_path, parameters=space)
    trials.new_trial_ids(1)
    trials.refresh()
    assert list(tmp_path.iterdir()) == []


def test_numbers_that_a_parallel_scan_has_left_out_come_first(stored: FileTrials) -> None:
    records = [
        {**record, "tid": tid, "misc": {**record["misc"], "tid": tid}}
        for record, tid in zip(stored.finished, (1, 4), strict=True)
    ]
    trials = FileTrials.from_records(None, records, stored.parameters)
    assert trials.new_trial_ids(3) == [0, 2, 3]
    assert trials.new_trial_ids(1) == [5]


def test_unfinished_trials_are_in_no_file(stored: FileTrials, tmp_path: Path, space: Any) -> None:
    add_trial(FILES, stored, space, {"status": "new"}, state=1)
    stored.to_pkl()
    assert len(read_tries(tmp_path / "tries.json")) == 2
    assert len(FileTrials.from_pkl(tmp_path / "tries.pkl")) == 2
    stored.discard_unfinished()
    assert len(stored) == 2
    assert stored.new_trial_ids(1) == [2]


def test_the_folder_may_be_moved(stored: FileTrials, tmp_path: Path, space: Any) -> None:
    elsewhere = tmp_path / "moved" / "here"
    elsewhere.mkdir(parents=True)
    for name in ("tries.json", "tries.pkl"):
        shutil.move(tmp_path / name, elsewhere / name)
    again = FileTrials.from_pkl(elsewhere / "tries.pkl")
    add_trial(FILES, again, space, ok(3.0))
    assert len(read_tries(elsewhere / "tries.json")) == 3
    assert not (tmp_path / "tries.json").exists()
    assert str(tmp_path).encode() not in (elsewhere / "tries.pkl").read_bytes()


def test_the_space_comes_with_the_pickle(stored: FileTrials, tmp_path: Path, space: Any) -> None:
    again = FileTrials.from_pkl(tmp_path / "tries.pkl")
    assert space_fingerprint(again.parameters) == space_fingerprint(space)
    for trial in again.trials:
        assert space_eval_trial(again.parameters, trial) == trial["misc"]["space_vals"]


def test_copies_and_plain_pickles_stay_in_memory(stored: FileTrials, space: Any) -> None:
    for twin in (copy.deepcopy(stored), pickle.loads(pickle.dumps(stored))):
        assert twin.trials == stored.trials
        add_trial(FILES, twin, space, ok(9.0))
        with pytest.raises(StoreError, match="no folder"):
            twin.to_pkl()
    assert len(stored) == 2


def test_the_pickle_names_one_class_only(stored: FileTrials, tmp_path: Path) -> None:
    """Plain Python inside: readable whatever the versions of Python, NumPy and hyperopt."""
    named = set()

    class Names(pickle.Unpickler):
        def find_class(self, module: str, name: str) -> Any:
            named.add(f"{module}.{name}")
            return super().find_class(module, name)

    with open(tmp_path / "tries.pkl", "rb") as file:
        Names(file).load()
    assert named == {"n3hyper.hyper_optimization.filetrials.FileTrials"}


@pytest.mark.parametrize("name", ["PCG64", "MT19937", "Philox", "SFC64"])
def test_generators_of_all_kinds_are_restored(
    stored: FileTrials, tmp_path: Path, name: str
) -> None:
    stored.rstate = np.random.Generator(getattr(np.random, name)(7))
    stored.rstate.integers(10, size=3, dtype=np.int32)
    stored.to_pkl()
    again = FileTrials.from_pkl(tmp_path / "tries.pkl")
    expected = stored.rstate.integers(2**31, size=5).tolist()
    assert again.rstate is not None
    assert again.rstate.integers(2**31, size=5).tolist() == expected


class Malice:
    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> Any:
        return self.call


def crafted(kind: str, marker: Path) -> bytes:
    """Bytes that are not a store."""
    if kind == "system":
        return pickle.dumps(Malice(os.system, f"touch {marker}"))
    if kind == "inside a store":
        state = {"format": 1, "trials": [Malice(os.system, f"touch {marker}")]}
        return pickle.dumps(state)
    if kind == "builtin":
        return pickle.dumps(Malice(exec, f"open({str(marker)!r}, 'w')"))
    if kind == "another package":
        return pickle.dumps(np.arange(3))
    if kind == "constructor":
        return pickle.dumps(Malice(FileTrials, str(marker)))
    if kind == "plain object":
        return pickle.dumps({"trials": b""})
    return b""


@pytest.mark.parametrize(
    ("kind", "named"),
    [
        ("system", "system"),
        ("inside a store", "system"),
        ("builtin", "exec"),
        ("another package", "numpy"),
        ("constructor", "not the pickle"),
        ("plain object", "not the pickle"),
        ("empty", "not the pickle"),
    ],
)
def test_crafted_pickles_are_refused_and_do_not_run(tmp_path: Path, kind: str, named: str) -> None:
    marker = tmp_path / "it_ran"
    path = tmp_path / "tries.pkl"
    path.write_bytes(crafted(kind, marker))
    with pytest.raises(StoreError, match=named) as caught:
        FileTrials.from_pkl(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not marker.exists()


@pytest.mark.parametrize(
    "state",
    [
        None,
        {},
        {"format": 2, "version": "9.0"},
        {"format": 1},
        {"format": 1, "exp_key": None, "space": None, "trials": 3, "scan": {}, "rstate": None},
        {"format": 1, "exp_key": None, "space": None, "trials": b"{}", "scan": {}, "rstate": None},
        {"format": 1, "exp_key": None, "space": "[3]", "trials": b"", "scan": {}, "rstate": None},
        {
            "format": 1,
            "exp_key": None,
            "space": '[{"name": "call", "args": [], "named": [], "o_len": null, "pure": true}]',
            "trials": b"",
            "scan": {},
            "rstate": None,
        },
        {
            "format": 1,
            "exp_key": None,
            "space": None,
            "trials": b"",
            "scan": {},
            "rstate": {"bit_generator": "seed"},
        },
    ],
)
def test_a_state_that_is_none_is_refused_in_one_line(tmp_path: Path, state: Any) -> None:
    path = tmp_path / "tries.pkl"

    path.write_bytes(_forge(state))
    with pytest.raises(StoreError) as caught:
        FileTrials.from_pkl(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def _forge(state: Any) -> bytes:
    """The pickle of a FileTrials with that state."""
    body = pickle.dumps(state, protocol=2)[2:-1]
    return b"\x80\x02cn3hyper.hyper_optimization.filetrials\nFileTrials\n)\x81" + body + b"b."


def test_torn_pickles_are_refused_at_every_length(stored: FileTrials, tmp_path: Path) -> None:
    path = tmp_path / "tries.pkl"
    whole = path.read_bytes()
    for length in [*range(0, 60), *range(60, len(whole), 997), len(whole) - 1]:
        path.write_bytes(whole[:length])
        with pytest.raises(StoreError, match=r"tries\.pkl"):
            FileTrials.from_pkl(path)
    path.write_bytes(whole + b"x")
    with pytest.raises(StoreError, match=r"tries\.pkl"):
        FileTrials.from_pkl(path)


def test_a_pickle_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"nowhere/tries\.pkl"):
        FileTrials.from_pkl(tmp_path / "nowhere" / "tries.pkl")


@pytest.mark.parametrize("step", ["write", "fsync", "rename"])
def test_a_write_that_fails_leaves_the_last_good_state(
    stored: FileTrials,
    tmp_path: Path,
    space: Any,
    monkeypatch: pytest.MonkeyPatch,
    step: str,
) -> None:
    before = {name: (tmp_path / name).read_bytes() for name in ("tries.json", "tries.pkl")}

    def full(*_arguments: Any, **_options: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        if step == "write":
            patch.setattr(atomic_write.tempfile, "mkstemp", full)
        else:
            patch.setattr(atomic_write.os, {"fsync": "fsync", "rename": "replace"}[step], full)
        with pytest.raises(StoreError, match="No space left"):
            add_trial(FILES, stored, space, ok(3.0))
        with pytest.raises(StoreError, match="No space left"):
            stored.to_pkl()
    assert {name: (tmp_path / name).read_bytes() for name in before} == before
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(before)
    stored.refresh()
    assert len(read_tries(tmp_path / "tries.json")) == 3


def test_files_have_the_permissions_of_files(stored: FileTrials, tmp_path: Path) -> None:
    mask = os.umask(0)
    os.umask(mask)
    assert (tmp_path / "tries.json").stat().st_mode & 0o777 == 0o666 & ~mask


def test_trials_can_be_taken_from_their_json(stored: FileTrials, tmp_path: Path) -> None:
    records = read_tries(tmp_path / "tries.json")
    rebuilt = FileTrials.from_records(tmp_path, records, stored.parameters)
    assert rebuilt.trials == stored.trials
    rebuilt.rstate = stored.rstate
    before = (tmp_path / "tries.pkl").read_bytes()
    rebuilt.to_pkl()
    assert (tmp_path / "tries.pkl").read_bytes() == before


def test_json_has_one_trial_a_line(stored: FileTrials, tmp_path: Path) -> None:
    lines = (tmp_path / "tries.json").read_text().splitlines()
    assert len(lines) == 2
    assert json.loads(lines[0].strip("[,"))["tid"] == 0
