"""Stores that earlier versions wrote: they are read, and continued."""

from __future__ import annotations

import pickle
import shutil
from pathlib import Path

import pytest

from n3hyper.hyper_optimization.filetrials import FileTrials
from n3hyper.hyper_optimization.record import read_tries, to_json
from n3hyper.hyper_optimization.sampling.suggest import trial_generator
from tests.hyper_optimization.make_frozen import FROZEN, SEED, TRIALS
from tests.support.toy_scans import outcome, toy_scan

STORES = sorted(FROZEN.iterdir())


@pytest.fixture(params=STORES, ids=lambda path: path.name)
def frozen(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return Path(shutil.copytree(request.param, tmp_path / "frozen"))


def test_the_first_version_is_among_them() -> None:
    assert "1-0.1.0" in {path.name for path in STORES}


def test_it_holds_what_its_json_holds(frozen: Path) -> None:
    trials = FileTrials.from_pkl(frozen / "tries.pkl")
    assert (
        "[" + ",\n".join(map(to_json, trials.trials)) + "]\n" == (frozen / "tries.json").read_text()
    )
    assert len(trials) == TRIALS
    assert trials.scan["seed"] == SEED
    assert trials.rstate is not None
    assert trials.rstate.bit_generator.state == trial_generator(SEED, TRIALS).bit_generator.state
    statuses = {each["result"]["status"] for each in trials.trials}
    assert statuses == {"ok", "fail"}


def test_it_can_be_gone_on_with(frozen: Path) -> None:
    before = read_tries(frozen / "tries.json")
    toy_scan(frozen, TRIALS + 2)
    after = read_tries(frozen / "tries.json")
    assert after[:TRIALS] == before
    assert len(after) == TRIALS + 2


def test_it_goes_on_from_its_json_alone(frozen: Path) -> None:
    """The bits of a suggestion are those of this machine: compared with each other."""
    twin = Path(shutil.copytree(frozen, frozen.parent / "twin"))
    (frozen / "tries.pkl").unlink()
    for folder in (frozen, twin):
        toy_scan(folder, TRIALS + 1)
    assert outcome(frozen) == outcome(twin)


@pytest.mark.parametrize("store", STORES, ids=lambda path: path.name)
def test_its_pickle_names_one_class_only(store: Path) -> None:
    named = set()

    class Names(pickle.Unpickler):
        def find_class(self, module: str, name: str) -> type:
            named.add(f"{module}.{name}")
            return FileTrials

    with open(store / "tries.pkl", "rb") as file:
        Names(file).load()
    assert named == {"n3hyper.hyper_optimization.filetrials.FileTrials"}
