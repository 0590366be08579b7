"""Files of trials of every age and state."""

from __future__ import annotations

import json
import math
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from n3hyper.report.errors import ReportError
from n3hyper.report.trials.reading import Matrices, _without_matrices, array_of_text, read_records
from n3hyper.report.trials.scan import load_scan
from n3hyper.report.trials.sources import find_sources
from n3hyper.report.trials.trial import flat_values
from tests.support.make_trials import make_records, write_scan, write_tries

REFERENCE = Path(__file__).parents[1] / "reference"


def test_n3fit_with_arrays_as_text() -> None:
    scan = load_scan([REFERENCE / "n3fit.json"])
    trial = scan.trials[0]
    matrix = trial.matrix("hyper_losses")
    assert matrix is not None
    assert matrix.shape == (4, 10)
    assert matrix[0, 0] == 1.83191928
    assert trial.loss == 1.7648581266403198
    assert trial.validation_loss == 2.4351041  # n3fit writes this number as text
    assert not trial.ours
    assert trial.values["optimizer"] == "Nadam"
    assert scan.numbers("hyper_loss_chi2")[0] == pytest.approx(1.22393, abs=1e-5)
    assert set(trial.penalties) == {"saturation", "patience", "integrability"}


def old_record(**result: Any) -> dict[str, Any]:
    values = {
        "optimizer": "Adam",
        "learning_rate": 0.01,
        "epochs": 40,
        "nodes_per_layer": [10, 8],
        "activation_per_layer": "tanh",
    }
    return {
        "tid": 0,
        "state": 2,
        "misc": {"tid": 0, "space_vals": values},
        "result": {"status": "ok", "loss": 2.0, **result},
    }


def test_old_n3fit(tmp_path: Path) -> None:
    """NaN tokens, shortened arrays, missing metrics, `hyperscan`, an optimizer that is a name."""
    meta = {
        "validation_losses": "[[1. 2. ... 3.]\n [1. 2. ... 3.]]",
        "hyper_losses": "[1.5 2.5]",
        "hyper_losses_chi2": [1.0, math.nan],
    }
    folder = tmp_path / "old"
    file = folder / "nnfit" / "replica_1" / "tries.json"
    file.parent.mkdir(parents=True)
    records = [old_record(kfold_meta=meta), old_record(loss=math.nan), old_record()]
    file.write_text(json.dumps(records))
    assert "NaN" in file.read_text()
    card = "hyperscan: {stopping: {}}\nkfold: {target: best_worst, partitions: [{datasets: [A]}]}\n"
    (folder / "filter.yml").write_text(card)
    scan = load_scan([folder])
    assert [trial.ok for trial in scan.trials] == [True, False, True]
    assert scan.failures == {"nan": 1}
    assert scan.fold_statistic == "best_worst"
    assert scan.fold_names == ("A",)
    first = scan.trials[0]
    assert first.matrix("validation_losses") is None
    assert np.array_equal(first.matrix("hyper_losses"), [[1.5], [2.5]])
    assert first.values["optimizer"] == "Adam"
    assert first.values["learning_rate"] == 0.01
    assert math.isnan(scan.numbers("hyper_loss_chi2")[0])
    assert math.isnan(scan.numbers("hyper_loss_phi2")[0])


@pytest.mark.parametrize("indent", [None, 2])
def test_cut_out_matrices_are_read_again(indent: int | None) -> None:
    record = make_records(1)[0]
    data = json.dumps([record], default=float, indent=indent).encode()
    tries = read_records(data, "x")
    meta = record["result"]["kfold_meta"]
    found = tries.records[0]["result"]["kfold_meta"]
    assert isinstance(found["hyper_losses"], list if indent else str)
    for name in ("hyper_losses", "validation_losses", "replicas_used", "best_epochs"):
        np.testing.assert_array_equal(tries.matrices.get(found[name]), meta[name])


ROWS = st.lists(st.lists(st.floats(-1e9, 1e9) | st.integers(-9, 9), max_size=3), max_size=3)
TREES = st.recursive(
    st.none() | st.integers(-99, 99) | st.text(alphabet='ab"\\[]{}:, @1', max_size=8) | ROWS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(alphabet='ab"\\[:', max_size=3), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(TREES)
def test_nothing_but_matrices_is_cut_out(tree: Any) -> None:
    data = json.dumps(tree).encode()
    matrices = Matrices(data, "0123456789abcdef")

    def restored(value: Any, original: Any) -> Any:
        if isinstance(value, str) and isinstance(original, list):
            start, stop = map(int, value.split(":")[1:])
            return json.loads(matrices.data[start:stop])
        if isinstance(value, list):
            return [restored(*pair) for pair in zip(value, original, strict=True)]
        if isinstance(value, dict):
            return {key: restored(value[key], original[key]) for key in value}
        return value

    assert restored(json.loads(_without_matrices(matrices)), tree) == tree


@given(st.lists(st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=2), min_size=1, max_size=4))
def test_arrays_as_text(rows: list[list[float]]) -> None:
    array = np.array(rows)
    found = array_of_text(np.array2string(array, floatmode="unique"))
    assert found is not None
    np.testing.assert_array_equal(found, array)


@pytest.mark.parametrize("value", ["", "[]", "[[]]", "text", "[1. x]", "[[1.] [2. 3.]]", [], [[]]])
def test_texts_that_are_no_arrays_are_none(value: Any) -> None:
    assert Matrices(b"").get(value) is None


def test_a_file_that_is_being_written(tmp_path: Path) -> None:
    path = write_tries(tmp_path / "tries.json", make_records(8))
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * 0.8)])
    scan = load_scan([path])
    assert 4 <= len(scan) < 8
    assert any("ends in the middle of a trial" in note for note in scan.notes)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "empty"),
        ("not json", "not JSON"),
        ("{}", "not a list of trials but a mapping"),
        ("3", "a number"),
        ("[]", "no trial has finished yet"),
        ("[1, 2]", "no trial has finished yet"),
        ("[" * 10_000, "nested too deeply"),
        ("[" * 100_000, "more than 20000 lists and mappings"),
        ('[{"a": ' + "9" * 5000 + "}]", "not JSON"),
    ],
)
def test_what_is_no_scan_is_one_line(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "tries.json"
    path.write_text(text)
    with pytest.raises(ReportError, match=message) as raised:
        load_scan([path])
    assert "\n" not in str(raised.value)
    assert (
        str(path) in str(raised.value)
        or "tries" in str(raised.value)
        or tmp_path.name in str(raised.value)
    )


def test_running_trials_are_left_out(tmp_path: Path) -> None:
    records = make_records(3)
    records[1]["state"] = 1
    scan = load_scan([write_tries(tmp_path / "tries.json", records)])
    assert [trial.tid for trial in scan.trials] == [0, 2]
    assert "1 entries are not finished trials" in scan.notes[0]


def test_paths_that_name_a_scan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = write_scan(tmp_path / "work" / "one", 2)
    new = write_scan(tmp_path / "work" / "two", 3, seed=2)
    file = new / "nnfit" / "replica_1" / "tries.json"
    os.utime(old / "nnfit" / "replica_1" / "tries.json", (time.time() - 99,) * 2)
    for path in (new, file, new / "nnfit", file.parent, file.with_suffix(".pkl")):
        if path.suffix == ".pkl":
            path.write_bytes(b"never read")
        assert len(load_scan([path])) == 3
        assert load_scan([path]).name == "two"
    monkeypatch.chdir(tmp_path)
    assert load_scan([]).name == "two"
    both = load_scan([old, new])
    assert [trial.scan for trial in both.trials] == [0, 0, 1, 1, 1]
    assert [trial.iteration for trial in both.trials] == [0, 1, 2, 3, 4]
    assert both.scans == ("one", "two")
    with pytest.raises(ReportError, match="2 scans below, name one or more"):
        load_scan([tmp_path / "work"])
    with pytest.raises(ReportError, match="did you mean 'one'"):
        load_scan([tmp_path / "work" / "onne"])
    empty = tmp_path / "empty"
    empty.mkdir()
    monkeypatch.chdir(empty)
    with pytest.raises(ReportError, match=r"no tries\.json below this folder"):
        load_scan([])


def test_replica_folders_are_combined_on_request(tmp_path: Path) -> None:
    for number in (1, 2, 10):
        write_tries(
            tmp_path / "nnfit" / f"replica_{number}" / "tries.json", make_records(2, seed=number)
        )
    sources, notes = find_sources([tmp_path])
    assert [source.path.parent.name for source in sources] == ["replica_1"]
    assert "--combine" in notes[0]
    sources, _ = find_sources([tmp_path], combine=True)
    names = [source.path.parent.name for source in sources]
    assert names == ["replica_1", "replica_2", "replica_10"]
    assert len(load_scan([tmp_path], combine=True)) == 6


def test_runcards_that_cannot_be_read_are_noted(tmp_path: Path) -> None:
    write_scan(tmp_path / "scan", 2)
    card = tmp_path / "scan" / "filter.yml"
    for text in ("a: [", "3", "kfold: {partitions: 3, loss_type: [1]}", "&a [*a]", "\x00"):
        card.write_text(text)
        scan = load_scan([tmp_path / "scan"])
        assert len(scan) == 2
        assert scan.fold_names == ()


def test_flat_values_of_nothing() -> None:
    odd = {"optimizer": None, "positivity": 3, "nodes_per_layer": "x", "epochs": [], "": {"": {}}}
    assert flat_values(odd)["nodes_per_layer"] == "x"
    assert flat_values({}) == {}
