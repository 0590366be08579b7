"""A user's own hyperopt.fmin with the store in files: what hyperopt's Trials promise holds."""

from __future__ import annotations

import copy
import json
import math
import pickle
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hyperopt import STATUS_FAIL, STATUS_OK, Trials, anneal, fmin, hp, rand, space_eval, tpe
from hyperopt.base import JOB_STATE_DONE, JOB_STATE_ERROR, Ctrl, InvalidTrial, trials_from_docs
from hyperopt.exceptions import AllTrialsFailed, DuplicateLabel
from hyperopt.fmin import fmin_pass_expr_memo_ctrl

from n3hyper.errors import StoreError
from n3hyper.hyper_optimization.filetrials import FileTrials, space_eval_trial
from n3hyper.hyper_optimization.record import read_tries

X = hp.uniform("x", -5, 5)


def minimise(objective: Any, trials: Any, space: Any = X, n: int = 12, **options: Any) -> Any:
    return fmin(
        fn=objective,
        space=space,
        algo=options.pop("algo", rand.suggest),
        max_evals=n,
        trials=trials,
        rstate=np.random.default_rng(options.pop("seed", 1)),
        show_progressbar=False,
        **options,
    )


def parabola(x: float) -> float:
    return (x - 3) ** 2


def reopened(trials: FileTrials) -> FileTrials:
    trials.to_pkl()
    assert trials.pkl_file is not None
    return FileTrials.from_pkl(trials.pkl_file)


@pytest.mark.parametrize("algo", [rand.suggest, anneal.suggest, tpe.suggest])
def test_a_search_is_that_of_hyperopts_own_trials(tmp_path: Path, algo: Any) -> None:
    """The same points, losses and best point, also when the search goes on from a pickle."""
    theirs, ours = Trials(), FileTrials(tmp_path, parameters=X)
    assert minimise(parabola, ours, n=30, algo=algo) == minimise(parabola, theirs, n=30, algo=algo)
    assert ours.losses() == theirs.losses()
    assert ours.vals == theirs.vals
    assert ours.average_best_error() == theirs.average_best_error()
    again = reopened(ours)
    best = minimise(parabola, again, n=40, algo=algo, seed=2)
    assert best == minimise(parabola, theirs, n=40, algo=algo, seed=2)
    assert again.losses() == theirs.losses()


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf, np.float32("nan")])
def test_a_loss_that_is_no_number_stays_in_memory_and_is_null_in_json(
    tmp_path: Path, bad: Any
) -> None:
    """As with hyperopt's Trials: NaN is never the best, infinity may be."""

    def objective(x: float) -> dict[str, Any]:
        return {"status": STATUS_OK, "loss": bad if x < 0 else x, "loss_variance": bad}

    theirs, ours = Trials(), FileTrials(tmp_path)
    assert minimise(objective, ours) == minimise(objective, theirs)
    again = reopened(ours)
    for trials in (ours, again, copy.deepcopy(ours), pickle.loads(pickle.dumps(ours))):
        np.testing.assert_equal(trials.losses(), theirs.losses())
        assert trials.argmin == theirs.argmin
        assert trials.best_trial["tid"] == theirs.best_trial["tid"]
        assert str(trials.results[0]["loss_variance"]) == str(float(bad))
    assert minimise(objective, again, n=20) == minimise(objective, theirs, n=20)
    text = (tmp_path / "tries.json").read_text()
    records = json.loads(text, parse_constant=lambda name: pytest.fail(name))
    losses = [None if x < 0 else x for x in theirs.vals["x"]]
    assert [each["result"]["loss"] for each in records] == losses
    assert "Infinity" not in text


def test_a_store_of_nothing_but_nan_has_no_best_trial(tmp_path: Path) -> None:
    trials = FileTrials(tmp_path)
    with pytest.raises(AllTrialsFailed):
        minimise(lambda x: math.nan, trials)
    for store in (trials, reopened(trials)):
        with pytest.raises(AllTrialsFailed):
            store.argmin  # noqa: B018
        assert np.isnan(store.losses()).all()


def test_a_json_alone_gives_trials_that_hyperopt_can_read(tmp_path: Path) -> None:
    trials = FileTrials(tmp_path)
    best = minimise(lambda x: math.nan if x < 0 else x, trials)
    rebuilt = FileTrials.from_records(None, read_tries(tmp_path / "tries.json"))
    assert rebuilt.argmin == best
    np.testing.assert_equal(rebuilt.losses(), trials.losses())


def attaching(x: float) -> dict[str, Any]:
    return {
        "status": STATUS_OK,
        "loss": x,
        "attachments": {"text": "é", "bytes": b"\x00", "array": np.eye(2), "made": {"a": (1, {2})}},
    }


def test_attachments_survive_the_pickle(tmp_path: Path) -> None:
    trials = FileTrials(tmp_path)
    minimise(attaching, trials, n=2)
    trials.attachments["of the search"] = [np.float64(0.5), None, True]
    again = reopened(reopened(trials))
    assert set(again.attachments) == set(trials.attachments)
    for trial in again.trials:
        kept = again.trial_attachments(trial)
        assert kept["text"] == "é"
        assert kept["bytes"] == b"\x00"
        assert kept["made"] == {"a": (1, {2})}
        assert kept["array"].tolist() == [[1.0, 0.0], [0.0, 1.0]]
    assert again.attachments["of the search"] == [0.5, None, True]
    assert copy.deepcopy(trials).attachments.keys() == trials.attachments.keys()


@pytest.mark.parametrize("value", [object(), parabola, np.array([None]), [{1: print}]])
def test_what_a_pickle_cannot_hold_is_refused_by_name_and_loses_nothing(
    tmp_path: Path, value: Any
) -> None:
    trials = FileTrials(tmp_path)
    minimise(parabola, trials, n=2)
    trials.to_pkl()
    before = (tmp_path / "tries.pkl").read_bytes()
    trials.attachments["model"] = value
    with pytest.raises(StoreError, match="'model' is a") as caught:
        trials.to_pkl()
    assert "\n" not in str(caught.value)
    assert (tmp_path / "tries.pkl").read_bytes() == before
    del trials.attachments["model"]
    trials.to_pkl()
    assert (tmp_path / "tries.pkl").read_bytes() == before


def test_pickles_without_attachments_do_not_mention_them(tmp_path: Path) -> None:
    trials = FileTrials(tmp_path)
    minimise(parabola, trials, n=2)
    trials.to_pkl()
    text = (tmp_path / "tries.pkl").read_bytes()
    assert b"attachments" not in text
    assert b"not_finite" not in text


SPACES: dict[str, Any] = {
    "single": hp.uniform("x", 0, 1),
    "expression": 1 + hp.lognormal("x", 0, 1),
    "list": [hp.uniform("x", 0, 1), (hp.normal("y", 0, 1), "z")],
    "arithmetic": {
        "a": 2 * hp.uniform("x", 0, 1) - 3,
        "b": -((hp.quniform("y", 1, 9, 2) // 2) ** 2),
        "c": 1 / (1 + hp.uniform("z", 0, 1)),
    },
    "chosen": hp.choice(
        "kind", [("one", 1 + hp.lognormal("c1", 0, 1)), ("two", hp.uniform("c2", -10, 10))]
    ),
    "unequal": hp.pchoice("p", [(0.1, 0), (0.9, hp.randint("n", 5))]),
    "integers": {1: hp.uniformint("x", 1, 5), 2: [hp.randint("y", 3, 9)]},
    "limits": {"top": hp.choice("top", [1.0, math.inf])},
    "own parameters": {"parameters": {"x": hp.uniform("x", 0, 1)}, "seed": 3},
}


@pytest.mark.parametrize("name", SPACES)
def test_all_spaces_of_hyperopt_are_readable_and_survive_the_pickle(
    tmp_path: Path, name: str
) -> None:
    space, seen = SPACES[name], []

    def objective(point: Any) -> float:
        seen.append(point)
        return float(len(seen))

    trials = FileTrials(tmp_path, parameters=space)
    minimise(objective, trials, space, n=6)
    again = reopened(trials)
    records = read_tries(tmp_path / "tries.json")
    assert len(records) == len(seen) == 6
    for record, trial, point in zip(records, again.trials, seen, strict=True):
        # tuples are lists in JSON, keys are text, and infinity is null
        readable = json.loads(json.dumps(point).replace("Infinity", "null"))
        assert record["misc"]["space_vals"] == readable
        assert space_eval_trial(again.parameters, trial) == readable
        assert space_eval(again.parameters, trial_values(trial)) == space_eval(
            space, trial_values(trial)
        )


def trial_values(trial: Any) -> dict[str, Any]:
    return {label: values[0] for label, values in trial["misc"]["vals"].items() if values}


def test_a_trial_that_raised_is_a_failed_trial_of_the_search(tmp_path: Path) -> None:
    def objective(x: float) -> float:
        if x < 0:
            raise ValueError("below zero")
        return x

    trials = FileTrials(tmp_path)
    best = minimise(objective, trials, n=10, catch_eval_exceptions=True)
    raised = [each for each in trials.trials if each["state"] == JOB_STATE_ERROR]
    assert len(trials) == 10
    assert 0 < len(raised) < 10
    assert best["x"] == min(x for x in trials.vals["x"] if x >= 0)
    for record in read_tries(tmp_path / "tries.json"):
        if record["state"] == JOB_STATE_ERROR:
            assert record["result"]["status"] == STATUS_FAIL
            assert record["result"]["failure"]["reason"] == "exception"
            assert "ValueError" in record["result"]["failure"]["text"]
            assert "below zero" in record["result"]["failure"]["text"]
    assert reopened(trials).trials == trials.trials


def test_an_exception_that_is_not_caught_ends_the_search_and_is_kept(tmp_path: Path) -> None:
    trials = FileTrials(tmp_path)
    with pytest.raises(ZeroDivisionError):
        minimise(lambda x: 1 / 0, trials)
    assert [each["state"] for each in read_tries(tmp_path / "tries.json")] == [JOB_STATE_ERROR]


def test_an_objective_may_say_that_it_failed(tmp_path: Path) -> None:
    trials = FileTrials(tmp_path)
    objective = lambda x: {"status": STATUS_FAIL} if x > 0 else {"status": STATUS_OK, "loss": -x}  # noqa: E731
    best = minimise(objective, trials, n=30, algo=tpe.suggest)
    assert best["x"] <= 0
    assert set(trials.statuses()) == {STATUS_OK, STATUS_FAIL}
    assert "loss" in trials.best_trial["result"]


def test_documents_are_checked_and_synced_as_hyperopt_does(tmp_path: Path) -> None:
    trials = FileTrials(tmp_path)
    misc = {"tid": 4, "idxs": {"z": [4]}, "vals": {"z": [1]}, "cmd": None}
    (document,) = trials.new_trial_docs([4], [None], [{"status": "new"}], [misc])
    assert trials.insert_trial_doc(document) == 4
    assert len(trials) == 0
    trials.refresh()
    assert len(trials) == len(trials.specs) == len(trials.results) == len(trials.miscs) == 1
    for key in ("tid", "spec", "result", "misc", "state", "owner", "book_time"):
        with pytest.raises(InvalidTrial):
            trials.insert_trial_doc({k: v for k, v in document.items() if k != key})
    with pytest.raises(DuplicateLabel):
        minimise(parabola, trials, [X, hp.uniform("x", 0, 1)])
    assert trials_from_docs(trials.trials).tids == [4]


def test_a_finished_trial_has_a_number(tmp_path: Path) -> None:
    trials = FileTrials(tmp_path)
    misc = {"tid": "a", "idxs": {}, "vals": {}, "cmd": None}
    (document,) = trials.new_trial_docs(["a"], [None], [{"status": STATUS_OK, "loss": 1.0}], [misc])
    trials.insert_trial_doc({**document, "state": JOB_STATE_DONE})
    with pytest.raises(StoreError, match="tid is 'a'"):
        trials.refresh()


def test_an_objective_can_add_trials_and_attach_by_its_control(tmp_path: Path) -> None:
    """`inject_results` and `attachments` of hyperopt's Ctrl."""

    @fmin_pass_expr_memo_ctrl
    def objective(expr: Any, memo: Any, ctrl: Ctrl) -> float:
        ctrl.attachments["seen"] = b"yes"
        tid = ctrl.trials.new_trial_ids(1)[0]
        misc = {"tid": tid, "idxs": {"x": [tid]}, "vals": {"x": [0.5]}, "cmd": None}
        result = {"status": STATUS_OK, "loss": -1.0}
        ctrl.inject_results([None], [result], [misc], new_tids=[tid])
        return 1.0

    trials = FileTrials(tmp_path)
    best = minimise(objective, trials, n=2)
    assert best == {"x": 0.5}
    assert len(read_tries(tmp_path / "tries.json")) == len(trials) == 4
    assert trials.trial_attachments(trials.trials[0])["seen"] == b"yes"


def test_a_search_stops_as_hyperopt_says(tmp_path: Path) -> None:
    trials = FileTrials(tmp_path)
    minimise(abs, trials, n=500, loss_threshold=1.0)
    assert trials.best_trial["result"]["loss"] <= 1.0
    assert len(trials) < 500
    stopped = FileTrials(None)
    stop = lambda trials, count=0: (count + 1 >= 7, [count + 1])  # noqa: E731
    minimise(parabola, stopped, n=500, early_stop_fn=stop)
    assert len(stopped) == 7


def test_unequal_choices_are_drawn_and_learned_from(tmp_path: Path) -> None:
    space = hp.pchoice("a", [(0.1, 0), (0.2, 1), (0.3, 2), (0.4, 3)])
    theirs, ours = Trials(), FileTrials(tmp_path, parameters=space)
    algo = partial(tpe.suggest, n_startup_jobs=10)
    for trials in (theirs, ours):
        minimise(lambda a: [1, 1, 1, 0][a], trials, space, n=60, algo=algo)
    assert ours.vals == theirs.vals
    drawn = [each["misc"]["space_vals"] for each in read_tries(tmp_path / "tries.json")]
    assert drawn == theirs.vals["a"]
    assert drawn.count(3) > 30


def test_all_can_be_deleted(tmp_path: Path) -> None:
    trials = FileTrials(tmp_path, parameters=X)
    minimise(attaching, trials, n=3)
    trials.delete_all()
    assert (len(trials), trials.number_finished, trials.attachments) == (0, 0, {})
    assert read_tries(tmp_path / "tries.json") == []
    assert len(reopened(trials)) == 0
    minimise(attaching, trials, n=2)
    assert [each["tid"] for each in read_tries(tmp_path / "tries.json")] == [0, 1]
    assert len(trials.attachments) == 8


def test_another_look_sees_the_same_trials_and_writes_nothing(tmp_path: Path) -> None:
    trials = FileTrials(tmp_path, parameters=X, exp_key="one")
    minimise(attaching, trials, n=2)
    before = (tmp_path / "tries.json").read_bytes()
    view = trials.view(exp_key="one")
    assert view.trials == trials.trials
    assert view.attachments is trials.attachments
    assert len(trials.view(exp_key="other")) == 0
    minimise(attaching, view, n=3)
    assert (tmp_path / "tries.json").read_bytes() == before


# hyperopt leaves it to the garbage collector to close that file
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_hyperopt_can_keep_the_store_in_its_own_file(tmp_path: Path) -> None:
    file = str(tmp_path / "search.pkl")
    trials = FileTrials(tmp_path, parameters=X)
    minimise(attaching, trials, n=3, trials_save_file=file)
    with open(file, "rb") as stored:
        assert pickle.load(stored).trials == trials.trials
