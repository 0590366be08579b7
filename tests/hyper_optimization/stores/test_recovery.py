"""Going on with a scan of which files are missing, behind, ahead or not its own."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from n3hyper.errors import StoreError
from n3hyper.hyper_optimization.filetrials import FileTrials
from n3hyper.hyper_optimization.hyper_scan import HyperScanner
from n3hyper.hyper_optimization.sampling.space import differing_keys
from n3hyper.hyper_optimization.stores.identity import check_identity, differences
from n3hyper.hyper_optimization.stores.safe_pickle import MissingStoreError
from n3hyper.hyper_optimization.stores.store_summary import summarise
from tests.support.loops import run_scan
from tests.support.toy_scans import FINGERPRINT, outcome, toy_scan
from tests.support.toy_trainer import HYPERSCAN, PARAMETERS


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six trials in one go, with seed and algorithm that are not the defaults."""
    folder = tmp_path_factory.mktemp("whole")
    toy_scan(folder, 6, seed=9, algo="anneal")
    return folder


@pytest.fixture
def four(tmp_path: Path) -> Path:
    """Four of them."""
    toy_scan(tmp_path, 4, seed=9, algo="anneal")
    return tmp_path


def go_on(folder: Path, trials: int = 6, **options: Any) -> list[str]:
    """What had to be put right."""
    said: list[str] = []
    toy_scan(folder, trials, on_open=lambda _, notes: said.extend(notes), **options)
    return said


def test_the_json_alone_is_enough(four: Path, whole: Path) -> None:
    pickle = FileTrials.from_pkl(four / "tries.pkl")
    (four / "tries.pkl").unlink()
    assert summarise(four).finished == 4
    assert summarise(four).replicas == 2
    assert go_on(four, 4) == ["tries.pkl is missing: rebuilt from the 4 trials of tries.json"]
    again = FileTrials.from_pkl(four / "tries.pkl")
    assert again.trials == pickle.trials
    assert again.scan == pickle.scan
    assert again.rstate.bit_generator.state == pickle.rstate.bit_generator.state
    assert go_on(four) == []
    assert outcome(four) == outcome(whole)


def test_the_pickle_alone_is_enough(four: Path, whole: Path) -> None:
    (four / "tries.json").unlink()
    assert go_on(four) == []
    assert outcome(four) == outcome(whole)


def test_a_json_that_is_ahead_loses_nothing(four: Path, whole: Path) -> None:
    """The pickle comes from a backup."""
    backup = (four / "tries.pkl").read_bytes()
    toy_scan(four, 6)
    (four / "tries.pkl").write_bytes(backup)
    assert go_on(four) == [
        "tries.json has 2 trials that tries.pkl lacks, taken up: 6 trials in all"
    ]
    assert outcome(four) == outcome(whole)
    assert len(FileTrials.from_pkl(four / "tries.pkl")) == 6


@pytest.mark.parametrize("text", ["", "[", "{}", "[3]"])
def test_a_json_that_cannot_be_read_is_written_again(four: Path, whole: Path, text: str) -> None:
    (four / "tries.json").write_text(text)
    toy_scan(four, 4)
    assert outcome(four) == outcome(whole)[:4]


def test_the_json_of_another_scan_is_not_overwritten(four: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    toy_scan(other, 2, seed=1)
    shutil.copy(other / "tries.json", four / "tries.json")
    before = (four / "tries.json").read_bytes()
    with pytest.raises(StoreError, match=r"trial 0 is not that of tries\.pkl"):
        toy_scan(four, 6)
    assert (four / "tries.json").read_bytes() == before


def test_a_torn_pickle_says_that_the_json_is_whole(four: Path, whole: Path) -> None:
    content = (four / "tries.pkl").read_bytes()
    (four / "tries.pkl").write_bytes(content[: len(content) // 2])
    with pytest.raises(StoreError, match=r"torn.*out of the way.*taken from tries\.json"):
        toy_scan(four, 6)
    (four / "tries.pkl").rename(four / "torn.pkl")
    toy_scan(four, 6)
    assert outcome(four) == outcome(whole)


def change(folder: Path, tid: int, **result: Any) -> None:
    """Alter the result of a trial of a ``tries.json`` that is alone."""
    path = folder / "tries.json"
    (folder / "tries.pkl").unlink()
    records = json.loads(path.read_text())
    records[tid]["result"].update(result)
    path.write_text(json.dumps(records))


@pytest.mark.parametrize(
    ("tid", "result", "said"),
    [
        (0, {"scan": None}, "trial 0 does not say how it was suggested"),
        (2, {"seed": 5}, "trial 2 belongs to another scan than the first"),
    ],
)
def test_a_json_that_is_not_of_one_scan_is_refused(
    four: Path, tid: int, result: dict[str, Any], said: str
) -> None:
    change(four, tid, **result)
    with pytest.raises(StoreError, match=said):
        toy_scan(four, 6)
    assert not (four / "tries.pkl").exists()


def test_a_json_alone_must_be_of_this_scan(four: Path) -> None:
    (four / "tries.pkl").unlink()
    fingerprint = {**FINGERPRINT, "data": "others"}
    scanner = HyperScanner(PARAMETERS, HYPERSCAN)
    with pytest.raises(StoreError, match=r"something of data, replicas, space, version differs"):
        run_scan(four, None, scanner, 6, restart=True, fingerprint=fingerprint)
    narrow = HyperScanner(PARAMETERS, {"stopping": HYPERSCAN["stopping"]})
    with pytest.raises(StoreError, match="trial 0 is not a point of the runcard's search space"):
        run_scan(four, None, narrow, 6, restart=True, fingerprint=FINGERPRINT)
    assert not (four / "tries.pkl").exists()


def test_no_files_at_all(tmp_path: Path) -> None:
    with pytest.raises(MissingStoreError, match=r"no such pickle.*nnfit/replica_1"):
        summarise(tmp_path)
    (tmp_path / "tries.json").write_text("[]")
    with pytest.raises(MissingStoreError, match="no trial has finished"):
        summarise(tmp_path)


def test_what_is_kept_with_the_trials(tmp_path: Path) -> None:
    toy_scan(tmp_path, 1, keep={"runcard": "theory: 1", "max_evals": 3})
    assert summarise(tmp_path).runcard == "theory: 1"
    toy_scan(tmp_path, 2, keep={"max_evals": 5})
    assert (summarise(tmp_path).runcard, summarise(tmp_path).max_evals) == ("theory: 1", 5)


def test_differences_are_named() -> None:
    one = {"theory": "a" * 64, "replicas": "1", "version": "0", "folds": "f" * 64}
    other = {**one, "theory": "b" * 64, "replicas": "4", "new": "part"}
    assert differences(one, other) == ["replicas (1 before, 4 now)", "theory"]
    assert differences(one, {**one, "new": "part"}) == []
    with pytest.raises(StoreError, match=r"replicas \(1 before, 4 now\), theory differ$"):
        check_identity(one, other)


def test_the_parameters_of_a_space_that_differ_are_named() -> None:
    one = HyperScanner(PARAMETERS, HYPERSCAN).as_dict()
    narrow = {**HYPERSCAN["stopping"], "max_epochs": 40.0}
    other = HyperScanner(PARAMETERS, {**HYPERSCAN, "stopping": narrow}).as_dict()
    assert differing_keys(one, one) == []
    assert differing_keys(one, other) == ["epochs"]
    spaces = (one, other)
    assert differences({"space": "a" * 64}, {"space": "b" * 64}, spaces) == ["space (epochs)"]
