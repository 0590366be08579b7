"""The search space: n3fit's labels and distributions, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hyperopt.pyll.base import as_apply, dfs
from hyperopt.pyll.stochastic import sample
from hypothesis import given
from hypothesis import strategies as st

from n3hyper.errors import RuncardError
from n3hyper.hyper_optimization.hyper_scan import (
    ActivationStr,
    HyperScanner,
    hp_choice,
    hp_loguniform,
    hp_quniform,
    hp_uniform,
    optimizer_arg_wrapper,
)
from n3hyper.runcard import parse_runcard
from n3hyper.runcard.names import INITIALIZERS
from tests.support.runcard_samples import good_card
from tests.support.toy_trainer import HYPERSCAN, PARAMETERS

# Printed for PARAMETERS and HYPERSCAN by n3fit 4.1.5 (label, distribution, arguments); for a
# choice, the number of options.
N3FIT_SPACE = {
    "Adadelta_clipnorm": ["uniform", 0.1, 2.0],
    "Adadelta_learning_rate": ["uniform", 0.008, 0.07],
    "RMSprop_learning_rate": ["loguniform", -4.605170185988091, 0.4054651081081644],
    "activation_per_layer": ["randint", 2],
    "dropout": ["quniform", 0.0, 0.15, 0.03],
    "epochs": ["quniform", 20.0, 50.0, 1],
    "initial": ["loguniform", 0.0, 1.6094379124341003],
    "initializer": ["randint", 2],
    "multiplier": ["uniform", 1.01, 1.1],
    "nl2:-0/2": ["quniform", 10, 50, 1],
    "nl2:-1/2": ["quniform", 10, 50, 1],
    "nl3:-0/3": ["quniform", 10, 50, 1],
    "nl3:-1/3": ["quniform", 10, 50, 1],
    "nl3:-2/3": ["quniform", 10, 50, 1],
    "nodes_per_layer": ["randint", 2],
    "optimizer": ["randint", 2],
    "stopping_patience": ["quniform", 0.1, 0.4, 0.06000000000000001],
}


def distributions(space: Any) -> dict[str, list[Any]]:
    """label -> [distribution, arguments]"""
    found = {}
    for node in dfs(as_apply(space)):
        if node.name == "hyperopt_param":
            sampler = node.arg["obj"]
            arguments = [each.obj for each in sampler.pos_args if each.name == "literal"]
            found[node.arg["label"].obj] = [sampler.name, *arguments]
    return found


def draws(space: Any, number: int = 50) -> list[Any]:
    rng = np.random.default_rng(1)
    return [sample(as_apply(space), rng) for _ in range(number)]


def test_the_space_is_that_of_n3fit() -> None:
    scanner = HyperScanner(PARAMETERS, HYPERSCAN)
    assert distributions(scanner.as_dict()) == N3FIT_SPACE
    assert scanner.hyper_keys == scanner.hyperkeys
    assert scanner.hyper_keys == set(PARAMETERS) - {"layer_type"}


def test_samples_are_whole_setups_within_their_ranges() -> None:
    for setup in draws(HyperScanner(PARAMETERS, HYPERSCAN).as_dict()):
        assert set(setup) == set(PARAMETERS)
        assert isinstance(setup["epochs"], int)
        assert 20 <= setup["epochs"] <= 50
        assert 0.1 <= setup["stopping_patience"] <= 0.4
        assert setup["positivity"]["threshold"] == PARAMETERS["positivity"]["threshold"]
        assert 1.0 <= setup["positivity"]["initial"] <= 5.0
        nodes = setup["nodes_per_layer"]
        assert len(nodes) in (3, 4)
        assert nodes[-1] == 8
        assert all(isinstance(each, int) and 10 <= each <= 50 for each in nodes[:-1])
        activations = setup["activation_per_layer"](len(nodes))
        assert activations[-1] == "linear"
        assert set(activations[:-1]) < {"sigmoid", "tanh"}
        assert ("clipnorm" in setup["optimizer"]) == (
            setup["optimizer"]["optimizer_name"] == "Adadelta"
        )


def test_nothing_that_is_given_is_changed() -> None:
    before = repr((PARAMETERS, HYPERSCAN))
    HyperScanner(PARAMETERS, HYPERSCAN).as_dict()["positivity"]["multiplier"] = None
    assert repr((PARAMETERS, HYPERSCAN)) == before


def test_space_eval_completes_the_original_parameters() -> None:
    scanner = HyperScanner(PARAMETERS, {"optimizer": HYPERSCAN["optimizer"]})
    best = scanner.space_eval({"optimizer": 1, "RMSprop_learning_rate": 0.5})
    assert best == {
        **PARAMETERS,
        "optimizer": {"optimizer_name": "RMSprop", "learning_rate": 0.5},
    }
    document = {"misc": {"vals": {"optimizer": [1], "RMSprop_learning_rate": [0.5]}}}
    assert scanner.space_eval({**document["misc"]["vals"]}) == best
    assert scanner.space_eval(document) == best


def test_a_list_of_setups_is_one_choice() -> None:
    setups = [{"epochs": 5}, {"epochs": 6, "nodes_per_layer": [30, 8]}]
    scanner = HyperScanner(PARAMETERS, {"parameters": setups})
    assert distributions(scanner.as_dict()) == {"parameters": ["randint", 2]}
    assert scanner.hyper_keys == {"parameters"}
    assert scanner.space_eval({"parameters": 1}) == {**PARAMETERS, **setups[1]}


def test_integrability_has_labels_of_its_own() -> None:
    ranges = {"min_multiplier": 1.1, "max_multiplier": 1.5, "min_initial": 5, "max_initial": 20}
    parameters = {**PARAMETERS, "integrability": {"multiplier": 1.2, "initial": 10}}
    scanner = HyperScanner(parameters, {"integrability": ranges, "positivity": ranges})
    assert set(distributions(scanner.as_dict())) == {
        "multiplier",
        "initial",
        "integrability_multiplier",
        "integrability_initial",
    }


def test_all_initializers() -> None:
    scanner = HyperScanner(PARAMETERS, {"architecture": {"initializers": "ALL"}})
    found = {each["initializer"] for each in draws(scanner.as_dict())}
    assert found == set(INITIALIZERS)


@pytest.mark.parametrize("patience", [{"min_patience": 0.2}, {"max_patience": 0.7}])
def test_one_end_of_the_patience_is_enough(patience: dict[str, float]) -> None:
    scanner = HyperScanner(PARAMETERS, {"stopping": patience})
    lower, higher = patience.get("min_patience", 0.0), patience.get("max_patience", 1.0)
    for setup in draws(scanner.as_dict()):
        assert lower <= setup["stopping_patience"] <= higher


def test_missing_ends_and_empty_lists_give_no_sampler() -> None:
    assert hp_uniform("a", None, 1.0) is None
    assert hp_quniform("a", 1.0, None) is None
    assert hp_loguniform("a", None, None) is None
    assert hp_choice("a", []) is None


def test_a_range_of_one_value_is_the_value() -> None:
    assert hp_uniform("a", 2.0, 2.0) == 2.0
    assert hp_quniform("a", 0.0, 0.0, steps=5) == 0.0
    assert hp_quniform("a", 7.0, 7.0, step_size=1, make_int=True) == 7
    assert hp_loguniform("a", 1e-3, 1e-3) == 1e-3


@given(
    lower=st.floats(-100, 100),
    width=st.floats(1e-3, 100),
    steps=st.integers(1, 20),
    seed=st.integers(0, 2**31),
)
def test_steps_never_leave_the_range(lower: float, width: float, steps: int, seed: int) -> None:
    sampler = hp_quniform("a", lower, lower + width, steps=steps)
    value = sample(sampler, np.random.default_rng(seed))
    assert isinstance(value, float)
    assert lower <= value <= lower + width


def test_optimizer_arguments_may_be_numbers() -> None:
    assert optimizer_arg_wrapper("Adam_clipnorm", 1) == 1.0
    assert distributions(optimizer_arg_wrapper("x", {"min": 1.0, "max": 2.0, "sampling": "log"}))[
        "x"
    ] == ["loguniform", 0.0, np.log(2.0)]


def test_activation_str() -> None:
    tanh = ActivationStr("tanh")
    assert tanh(1) == ["linear"]
    assert tanh == ActivationStr("tanh") != ActivationStr("relu")
    assert len({tanh, ActivationStr("tanh")}) == 1
    assert f"{tanh}" == "tanh"


def optimizer(**changes: Any) -> dict[str, Any]:
    return {"optimizer": [{"optimizer_name": "Adam", **changes}]}


@pytest.mark.parametrize(
    ("hyperscan", "message"),
    [
        ({"stopping": {"min_epochs": 50, "max_epochs": 20}}, "above max_epochs .20."),
        ({"stopping": {"min_epochs": 50}}, "give both min_epochs and max_epochs"),
        ({"stopping": {"min_patience": 0.6, "max_patience": 0.5}}, "above max_patience .0.5."),
        ({"stopping": {"min_epoch": 5, "max_epochs": 7}}, "did you mean 'min_epochs'"),
        ({"positivity": {"min_multiplier": 1.5, "max_multiplier": 1.2}}, "above max_multiplier"),
        ({"positivity": {"max_initial": 1.2}}, "give both min_initial and max_initial"),
        ({"positivity": {"min_initial": 0.0, "max_initial": 1.0}}, "must be above 0"),
        ({"integrability": {"min_initial": 1.0, "max_initial": 2.0}}, "do not have"),
        (optimizer(optimizer_name="Adm"), "did you mean 'Adam'"),
        (optimizer(learning_rte=0.1), "did you mean 'learning_rate'"),
        (optimizer(learning_rate={"min": 2.0, "max": 1.0}), "above max .1."),
        (optimizer(learning_rate={"min": 2.0}), "both min and max"),
        (optimizer(clipnorm={"min": 1, "max": 2, "samplin": "log"}), "did you mean 'sampling'"),
        ({"stoping": {"min_epochs": 5, "max_epochs": 7}}, "hyperscan_config.stoping"),
        ({"parameters": [{"epochs": 5}], "stopping": {"max_patience": 0.5}}, "stopping"),
        (optimizer(clipnorm={"min": 1, "max": 2, "sampling": "lg"}), "did you mean 'log'"),
        ({"architecture": {"initializers": ["glorot"]}}, "did you mean 'glorot_normal'"),
        ({"architecture": {"n_layers": [2], "min_units": None}}, "needs min_units and max_units"),
        ({"architecture": {"max_drop": -0.1}}, "at least 0 and below 1"),
    ],
)
def test_what_cannot_be_sampled_is_refused_in_one_line(
    hyperscan: dict[str, Any], message: str
) -> None:
    with pytest.raises(RuncardError, match=message) as caught:
        HyperScanner(PARAMETERS, hyperscan)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("method", "options", "message"),
    [
        ("stopping", {"min_epochs": 0, "max_epochs": 20}, "min_epochs: out of range"),
        ("integrability", {"max_multiplier": 0.5}, "integrability.max_multiplier"),
        ("architecture", {"activations": ["tanhh"]}, "did you mean 'tanh'"),
        ("architecture", {"n_layers": [2, 2]}, "listed twice"),
        ("optimizer", {"optimizers": []}, "no optimizers"),
    ],
)
def test_methods_check_what_a_runcard_would_be_asked(
    method: str, options: dict[str, Any], message: str
) -> None:
    scanner = HyperScanner({**PARAMETERS, "integrability": {}}, {})
    with pytest.raises(RuncardError, match=message):
        getattr(scanner, method)(**options)


@pytest.mark.parametrize(
    ("hyperscan", "key"),
    [
        (
            {"stopping": {"min_epochs": 50, "max_epochs": 20}},
            "hyperscan_config.stopping.min_epochs",
        ),
        (optimizer(learning_rate={"min": 2.0}), "hyperscan_config.optimizer[0].learning_rate.max"),
        ({"architecture": {"layer_types": ["dens"]}}, "hyperscan_config.architecture.layer_types"),
        ({"positivty": {}}, "hyperscan_config.positivty"),
    ],
)
def test_a_runcard_and_a_dictionary_are_refused_in_the_same_words(
    hyperscan: dict[str, Any], key: str
) -> None:
    card = {**good_card(), "hyperscan_config": hyperscan}
    with pytest.raises(RuncardError) as by_runcard:
        parse_runcard(card)
    with pytest.raises(RuncardError) as by_dictionary:
        HyperScanner(parse_runcard(good_card()).parameters, hyperscan)
    assert str(by_runcard.value) == str(by_dictionary.value)
    assert key in str(by_runcard.value)


def test_scanning_what_parameters_do_not_have_is_refused() -> None:
    parameters = {key: value for key, value in PARAMETERS.items() if key != "dropout"}
    with pytest.raises(RuncardError, match=r"parameters\.dropout"):
        HyperScanner(parameters, HYPERSCAN)
