"""Trials of another scan as history: found in the space, kept, learned from, refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from n3hyper.errors import StoreInputError
from n3hyper.hyper_optimization.filetrials import FileTrials
from n3hyper.hyper_optimization.hyper_scan import HyperScanner
from n3hyper.hyper_optimization.record import plain, read_tries
from n3hyper.hyper_optimization.sampling.history import (
    HISTORY,
    check_points,
    documents_of,
    points_of,
)
from n3hyper.hyper_optimization.sampling.samplers import hp_choice, hp_uniform
from n3hyper.hyper_optimization.sampling.space import evaluate_space
from n3hyper.hyper_optimization.sampling.suggest import Suggester, learned_from, suggester_of
from n3hyper.hyper_optimization.stores.identity import digest
from n3hyper.hyper_optimization.stores.recovery import reopen
from tests.support.toy_scans import outcome, toy_scan
from tests.support.toy_trainer import PARAMETERS

ALL = {
    "optimizer": [
        {
            "optimizer_name": "Nadam",
            "learning_rate": {"sampling": "log", "min": 1e-3, "max": 1e-2},
            "clipnorm": {"sampling": "log", "min": 1e-7, "max": 1e-3},
        },
        {"optimizer_name": "Adam", "learning_rate": {"min": 1e-3, "max": 1e-2}},
    ],
    "architecture": {
        "n_layers": [1, 2, 3],
        "min_units": 5,
        "max_units": 20,
        "activations": ["tanh", "sigmoid"],
        "initializers": "ALL",
        "max_drop": 0.2,
    },
    "stopping": {"min_epochs": 10, "max_epochs": 90, "min_patience": 0.1, "max_patience": 0.5},
    "positivity": {
        "min_multiplier": 1.04,
        "max_multiplier": 1.1,
        "min_initial": 1,
        "max_initial": 9,
    },
}


def drawn(space: Any, number: int) -> list[Any]:
    """Setups that a scan of the space begins with."""
    suggester = Suggester(space, 5, "random")
    documents = (suggester.suggest(FileTrials(None, space), tid)[0] for tid in range(number))
    return [plain(evaluate_space(space, each["misc"]["vals"])) for each in documents]


def test_setups_are_found_again_in_the_space_that_they_are_from() -> None:
    space = HyperScanner(PARAMETERS, ALL).as_dict()
    setups = drawn(space, 60)
    taken = points_of(space, [(setup, float(n)) for n, setup in enumerate(setups)])
    assert taken.number_left_out == 0
    for number, (point, setup) in enumerate(zip(taken.points, setups, strict=True)):
        assert plain(evaluate_space(space, point["vals"])) == setup
        assert point["loss"] == number


def test_labels_and_order_of_choices_may_be_others() -> None:
    there = HyperScanner(PARAMETERS, ALL)
    architecture = {
        **ALL["architecture"],
        "activations": ["sigmoid", "tanh"],
        "n_layers": [3, 2, 1],
    }
    turned = {**ALL, "optimizer": ALL["optimizer"][::-1], "architecture": architecture}
    here = HyperScanner(PARAMETERS, turned).as_dict()
    setups = drawn(there.as_dict(), 40)
    taken = points_of(here, [(setup, 1.0) for setup in setups])
    assert [plain(evaluate_space(here, each["vals"])) for each in taken.points] == setups


def test_activations_may_be_written_out_as_in_runcards() -> None:
    space = HyperScanner(PARAMETERS, ALL).as_dict()
    (setup,) = drawn(space, 1)
    layers = len(setup["nodes_per_layer"])
    listed = [setup["activation_per_layer"]] * (layers - 1) + ["linear"]
    taken = points_of(space, [({**setup, "activation_per_layer": listed}, 1.0)])
    assert plain(evaluate_space(space, taken.points[0]["vals"])) == setup


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({"epochs": 91}, ["epochs"]),
        ({"epochs": True}, ["epochs"]),
        ({"initializer": "he"}, ["initializer"]),
        ({"nodes_per_layer": [5, 5, 5, 5, 8]}, ["nodes_per_layer"]),
        ({"optimizer": {"optimizer_name": "SGD", "learning_rate": 0.005}}, ["optimizer"]),
        ({"layer_type": "dense_per_flavour"}, ["layer_type"]),
        ({"dropout": -0.1, "epochs": None}, ["dropout", "epochs"]),
    ],
    ids=str,
)
def test_what_is_no_point_of_the_space_is_left_out(changes: Any, names: list[str]) -> None:
    space = HyperScanner(PARAMETERS, ALL).as_dict()
    (setup,) = drawn(space, 1)
    taken = points_of(space, [({**setup, **changes}, 1.0)])
    assert (taken.points, taken.number_left_out) == ((), 1)
    assert sorted(taken.left_out) == names


def test_what_is_fixed_need_not_be_written_down_but_what_is_drawn() -> None:
    space = HyperScanner(PARAMETERS, ALL).as_dict()
    (setup,) = drawn(space, 1)
    fixed = {key: value for key, value in setup.items() if key != "layer_type"}
    assert len(points_of(space, [(fixed, 1.0)]).points) == 1
    without = {key: value for key, value in setup.items() if key != "epochs"}
    assert points_of(space, [(without, 1.0)]).left_out == {"epochs": 1}


def test_a_list_of_setups_is_a_space_as_well() -> None:
    setups = [{**PARAMETERS, "epochs": epochs} for epochs in (5, 6, 7)]
    space = HyperScanner(PARAMETERS, {"parameters": setups}).as_dict()
    taken = points_of(space, [(setups[1], 1.0), ({**PARAMETERS, "epochs": 8}, 1.0)])
    assert [each["vals"] for each in taken.points] == [{"parameters": 1}]


SPACE = {"x": hp_uniform("x", 0.0, 1.0), "kind": hp_choice("kind", ["a", "b"])}
POINTS = [
    {"vals": {"x": x, "kind": 0}, "loss": (x - 0.3) ** 2}
    for x in np.random.default_rng(2).uniform(size=60).tolist()
]


def test_tpe_goes_where_history_was_good_from_the_first_trial_on() -> None:
    trials = FileTrials(None, SPACE)

    def near(suggester: Suggester) -> int:
        drawn = [suggester.suggest(trials, t)[0]["misc"]["vals"]["x"][0] for t in range(40)]
        return sum(abs(x - 0.3) < 0.15 for x in drawn)

    scan = {"seed": 3, "algo": "tpe", HISTORY: POINTS}
    assert near(suggester_of(scan, SPACE)) >= 30
    assert near(Suggester(SPACE, 3)) < 25


def test_failures_of_history_are_among_the_others() -> None:
    failed = [{"vals": {"x": 0.9, "kind": 1}, "loss": None}] * 3
    documents = documents_of([*POINTS, *failed], SPACE, ("x", "kind"))
    shown = learned_from(documents, without_loss=True)
    assert [each["tid"] for each in shown] == list(range(-63, 0))
    assert [each["result"]["status"] for each in shown].count("fail") == 3


@pytest.mark.parametrize(
    "vals",
    [{"y": 0.5, "kind": 0}, {"x": 0.5, "kind": 2}, {"x": 0.5, "kind": -1}, {"x": 0.5}],
    ids=str,
)
def test_points_of_another_space_are_refused(vals: dict[str, Any]) -> None:
    with pytest.raises(StoreInputError, match="no point of it"):
        Suggester(SPACE, 1, history=[{"vals": vals, "loss": 1.0}])


@pytest.mark.parametrize(
    "points",
    [
        {},
        [1],
        [{"vals": 3}],
        [{"vals": {"x": "0"}}],
        [{"vals": {}, "loss": "low"}],
        [{"loss": 1.0}],
    ],
    ids=str,
)
def test_a_store_with_something_else_as_history_is_refused(points: Any) -> None:
    with pytest.raises(StoreInputError, match=r"scan\.history"):
        check_points(points)


def test_a_restart_learns_from_the_same_history(tmp_path: Path) -> None:
    """The same bits as without the break; and other trials than without history."""
    toy_scan(tmp_path / "first", 30)
    space = FileTrials.from_pkl(tmp_path / "first" / "tries.pkl").parameters
    records = read_tries(tmp_path / "first" / "tries.json")
    setups = [(each["misc"]["space_vals"], each["result"].get("loss")) for each in records]
    keep = {HISTORY: list(points_of(space, setups).points)}
    assert len(keep[HISTORY]) == 30
    toy_scan(tmp_path / "whole", 6, keep=keep)
    toy_scan(tmp_path / "parts", 3, keep=keep)
    toy_scan(tmp_path / "parts", 6)
    assert outcome(tmp_path / "whole") == outcome(tmp_path / "parts")
    toy_scan(tmp_path / "without", 6)
    (tmp_path / "parts" / "tries.pkl").unlink()
    scan = FileTrials.from_pkl(tmp_path / "whole" / "tries.pkl").scan
    _, notes = reopen(tmp_path / "parts", space, scan["fingerprint"])
    assert any("history" in note and "lost" in note for note in notes)
    whole, without = (
        [each["misc"]["space_vals"] for each in outcome(tmp_path / name)]
        for name in ("whole", "without")
    )
    assert whole != without


def test_the_digest_of_a_scan_does_not_depend_on_its_history() -> None:
    assert digest({"data": "1", HISTORY: "12 trials"}) == digest({"data": "1"})


def pending(tid: int, x: float) -> dict[str, Any]:
    """A trial that runs."""
    (document,) = documents_of([{"vals": {"x": x, "kind": 0}, "loss": None}], SPACE, ("x", "kind"))
    document["misc"] = {**document["misc"], "tid": tid, "idxs": {"x": [tid], "kind": [tid]}}
    return {**document, "tid": tid, "state": 1, "result": {"status": "new"}}


def test_running_trials_drive_tpe_away() -> None:
    """Eight workers are at the best place: the next draws lie there less often."""
    suggester, near = Suggester(SPACE, 1, history=POINTS), []
    for running in ([], [pending(tid, 0.3 + 0.002 * tid) for tid in range(8)]):
        trials = FileTrials(None, SPACE)
        trials._trials = running
        drawn = [suggester.suggest(trials, t)[0]["misc"]["vals"]["x"][0] for t in range(8, 68)]
        near.append(sum(abs(x - 0.307) < 0.05 for x in drawn))
    assert near[1] < 0.8 * near[0]


def test_running_trials_are_never_among_the_best() -> None:
    documents = [pending(tid, 0.5) for tid in range(40)]
    assert learned_from(documents, without_loss=True) == []
    shown = learned_from([*documents_of(POINTS[:1], SPACE, ("x", "kind")), *documents], True)
    assert [each["result"]["status"] for each in shown] == ["ok"] + ["fail"] * 15
    assert learned_from(documents, without_loss=False) == []
