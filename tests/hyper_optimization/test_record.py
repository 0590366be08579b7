"""Records of trials: always JSON, nothing lost but NaN."""

from __future__ import annotations

import datetime
import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from n3hyper.errors import StoreError
from n3hyper.hyper_optimization.hyper_scan import ActivationStr
from n3hyper.hyper_optimization.record import (
    FOLD_SCORES,
    REASONS,
    as_array,
    failed_result,
    finished_result,
    finished_state,
    from_json,
    plain,
    read_tries,
    to_json,
)

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(),
    st.floats(width=64).map(np.float64),
    st.floats(width=32).map(np.float32),
    st.integers(-(2**63), 2**63 - 1).map(np.int64),
    st.booleans().map(np.bool_),
)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.lists(inner, max_size=3).map(tuple),
        st.dictionaries(st.text(max_size=4), inner, max_size=3),
    ),
    max_leaves=10,
)
ACTUAL = {
    "tid": 3,
    "state": 2,
    "misc": {"tid": 3, "vals": {"a": [1.5]}, "idxs": {"a": [3]}},
    "result": {"status": "ok", "loss": 1.25},
    "book_time": datetime.datetime(2024, 5, 1, 12, 30, 15, 123000),
    "refresh_time": datetime.datetime(2024, 5, 1, 12, 31),
}


@given(value=values)
def test_plain_is_always_json_and_stays_itself(value: Any) -> None:
    once = plain(value)
    assert plain(once) == once
    assert json.loads(json.dumps(once, allow_nan=False)) == once


@given(number=st.floats())
def test_floats_survive_json_bit_by_bit(number: float) -> None:
    back = json.loads(to_json({"x": number}))["x"]
    if math.isfinite(number):
        assert (back, math.copysign(1, back)) == (number, math.copysign(1, number))
    else:
        assert back is None


def test_arrays_are_lists_and_unknown_things_their_text() -> None:
    record = {"m": np.array([[1.0, np.nan], [np.inf, 2.0]]), "a": ActivationStr("tanh")}
    assert plain(record) == {"m": [[1.0, None], [None, 2.0]], "a": "tanh"}
    assert len(plain(np.zeros(2000))) == 2000


def test_a_record_survives_json_with_its_times() -> None:
    assert from_json(to_json(ACTUAL)) == ACTUAL


@pytest.mark.parametrize(
    "broken",
    [
        "{",
        "[]",
        "3",
        "{}",
        json.dumps({**ACTUAL, "book_time": "yesterday", "refresh_time": None}),
        json.dumps({"tid": 3, "state": 2, "misc": {"tid": 4}, "result": {}}),
        json.dumps({"tid": 3, "state": 2, "misc": {"tid": 3}, "result": {}}),
        "[" * 100_000,
    ],
)
def test_what_is_no_record_is_refused_in_one_line(broken: str) -> None:
    with pytest.raises(StoreError) as caught:
        from_json(broken)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("reason", REASONS)
def test_failures_have_a_reason_and_no_loss(reason: str) -> None:
    result = failed_result(reason, "two\nlines", loss=3.0, validation_loss=1.5)
    assert result["status"] == "fail"
    assert result["loss"] is None
    assert result["validation_loss"] == 1.5
    assert result["failure"] == {"reason": reason, "text": "two lines"}


def test_unknown_reasons_are_mistakes() -> None:
    with pytest.raises(ValueError, match="unknown reason"):
        failed_result("because", "")


@pytest.mark.parametrize("loss", [float("nan"), float("inf"), None, "1.0", True])
def test_a_loss_that_is_no_number_is_a_failure(loss: Any) -> None:
    result = finished_result({"status": "ok", "loss": loss})
    assert (result["status"], result["loss"]) == ("fail", None)
    assert result["failure"]["reason"] == "nan"


def test_numbers_are_losses() -> None:
    assert finished_result(1.5)["loss"] == 1.5
    assert finished_result(np.float64("nan"))["failure"]["reason"] == "nan"
    assert finished_result(None)["failure"]["reason"] == "exception"


def test_failures_of_an_objective_keep_their_scores_but_not_their_loss() -> None:
    made_up = {"status": "fail", "loss": 12.0, "experimental_loss": 3.0}
    result = finished_result(made_up)
    assert (result["loss"], result["experimental_loss"]) == (None, 3.0)
    known = finished_result({**made_up, "failure": {"reason": "threshold", "text": "x"}})
    assert known["failure"]["reason"] == "threshold"


def test_the_state_tells_whether_each_fold_has_a_score() -> None:
    scores = {"kfold_meta": {name: [1.0, 2.0] for name in FOLD_SCORES}}
    assert finished_state(failed_result("threshold", "", **scores)) == 2
    scores["kfold_meta"]["hyper_losses_phi2"] = [1.0, np.nan]
    assert finished_state(failed_result("nan", "", **scores)) == 3


@given(
    matrix=st.lists(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=2), min_size=1, max_size=3)
)
def test_arrays_of_old_folders_are_read(matrix: list[list[float]]) -> None:
    with np.printoptions(precision=17):
        text = str(np.array(matrix))
    np.testing.assert_allclose(as_array(text), matrix, rtol=1e-12)
    np.testing.assert_allclose(as_array(plain(matrix)), matrix)


@pytest.mark.parametrize("content", [b"", b"{}", b"[1]", b"\xff\xfe", b"[{}, 2]"])
def test_files_that_are_no_trials_are_refused(tmp_path, content: bytes) -> None:
    path = tmp_path / "tries.json"
    path.write_bytes(content)
    with pytest.raises(StoreError, match=r"tries\.json"):
        read_tries(path)
