"""Search spaces as plain data."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hyperopt import hp
from hyperopt.pyll.base import as_apply, scope
from hyperopt.pyll.stochastic import sample

from n3hyper.errors import StoreError
from n3hyper.hyper_optimization.hyper_scan import HyperScanner
from n3hyper.hyper_optimization.sampling.space import (
    decode_space,
    encode_space,
    evaluate_space,
    runcard_parameters,
    space_fingerprint,
)
from n3hyper.hyper_optimization.sampling.suggest import Suggester
from tests.support.toy_trainer import HYPERSCAN, PARAMETERS


def space(**changes: Any) -> dict[str, Any]:
    return HyperScanner({**PARAMETERS, **changes}, HYPERSCAN).as_dict()


def test_a_space_survives_as_json() -> None:
    text = json.dumps(encode_space(space()), allow_nan=False)
    again = decode_space(json.loads(text))
    for seed in range(20):
        draws = [sample(each, np.random.default_rng(seed)) for each in (as_apply(space()), again)]
        assert draws[0] == draws[1]
    assert json.dumps(encode_space(again)) == text


def test_suggestions_of_a_decoded_space_are_the_same() -> None:
    from n3hyper.hyper_optimization.filetrials import FileTrials

    again = decode_space(encode_space(space()))
    points = [
        Suggester(each, 3).suggest(FileTrials(None, each), 5)[0]["misc"]["vals"]
        for each in (space(), again)
    ]
    assert points[0] == points[1]


def test_the_fingerprint_tells_spaces_apart() -> None:
    prints = {space_fingerprint(each) for each in (space(), space(layer_type="other"), space())}
    assert len(prints) == 2


def test_all_distributions_of_hyperopt_can_be_written() -> None:
    everything = {
        "normal": hp.normal("a", 0, 1),
        "lognormal": hp.lognormal("b", 0, 1),
        "qnormal": hp.qnormal("c", 0, 1, 0.5),
        "uniformint": hp.uniformint("d", 1, 5),
        "randint": hp.randint("e", 2, 7),
        "qloguniform": hp.qloguniform("f", 0, 2, 0.5),
        "nested": hp.choice("g", [hp.uniform("h", 0, 1), {"x": [1, (2, None)]}]),
    }
    again = decode_space(json.loads(json.dumps(encode_space(everything))))
    for seed in range(10):
        draws = [
            sample(each, np.random.default_rng(seed)) for each in (as_apply(everything), again)
        ]
        assert draws[0] == draws[1]


def test_operations_that_are_no_space_are_refused() -> None:
    with pytest.raises(StoreError, match="'call'"):
        encode_space({"x": scope.call(print)})


@pytest.mark.parametrize(
    "broken",
    [
        [],
        3,
        [3],
        [{"name": "call", "args": [], "named": [], "o_len": None, "pure": True}],
        [{"name": "switch", "args": [7], "named": [], "o_len": None, "pure": True}],
        [{"name": "switch"}],
    ],
)
def test_what_is_no_space_is_refused(broken: Any) -> None:
    with pytest.raises(StoreError):
        decode_space(broken)


def test_points_are_evaluated_from_values_or_documents() -> None:
    setup = {"optimizer": 1, "RMSprop_learning_rate": 0.5, "stopping_patience": 0.42}
    parameters = HyperScanner(
        PARAMETERS, {"optimizer": HYPERSCAN["optimizer"], "stopping": {"max_patience": 0.4}}
    ).as_dict()
    as_lists = {label: [value] for label, value in setup.items()}
    inactive = {**as_lists, "Adadelta_learning_rate": [], "Adadelta_clipnorm": []}
    values = evaluate_space(parameters, setup)
    assert values == evaluate_space(parameters, inactive)
    assert values["stopping_patience"] == 0.4
    assert isinstance(values["nodes_per_layer"], list)


def test_runcard_parameters_leave_lists_alone() -> None:
    assert runcard_parameters(PARAMETERS) == PARAMETERS
    assert runcard_parameters({"activation_per_layer": "tanh"}) == {"activation_per_layer": "tanh"}
