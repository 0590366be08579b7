"""Hyperparameters as they come from runcards and scans."""

import numpy as np
import pytest

from n3hyper.errors import FitError
from n3hyper.fitting.settings import FitSettings, LagrangeSettings
from tests.support.fitting_samples import parameters


def test_numbers_of_numpy_and_of_scans():
    settings = FitSettings.from_params(
        parameters(
            nodes_per_layer=np.array([12.0, 8.0]),
            activation_per_layer=lambda layers: ["sigmoid"] * (layers - 1) + ["linear"],
            epochs=np.float64(300.0),
            stopping_patience=np.float32(0.25),
        )
    )
    assert settings.nodes == (12, 8)
    assert settings.activations == ("sigmoid", "linear")
    assert (settings.epochs, settings.patience) == (300, 75)


def test_defaults_are_n3fits():
    silent = parameters(optimizer={"optimizer_name": "Nadam"})
    del silent["threshold_chi2"]
    settings = FitSettings.from_params(silent)
    assert (settings.optimizer.learning_rate, settings.optimizer.clipnorm) == (0.001, 1.0)
    assert settings.threshold_chi2 == 10.0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"initializer": "glorot_norml"}, "glorot_normal"),
        ({"optimizer": {"optimizer_name": "Adma"}}, "Adam"),
        ({"activation_per_layer": ["tanh", "linear"]}, "3 layers need 3 names"),
        ({"epochs": None}, "epochs: missing"),
        ({"epochs": 0}, "at least one"),
        ({"dropout": 1.0}, "below 1"),
        ({"layer_type": "dens"}, "dense"),
        ({"regularizer": "l2"}, "l1_l2"),
    ],
)
def test_mistakes_are_named(change, message):
    with pytest.raises(FitError, match=message):
        FitSettings.from_params(parameters(**change))


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (LagrangeSettings(2.0, 1.5), (2.0, 1.5)),
        (LagrangeSettings(None, 2.0), (1e6 / 2.0**30, 2.0)),
        (LagrangeSettings(4.0, None), (4.0, (1e6 / 4.0) ** (1 / 30))),
        (LagrangeSettings(), (1.0, 1e6 ** (1 / 30))),
    ],
)
def test_multipliers_reach_their_maximum_at_the_end(given, expected):
    assert given.start_and_growth(1e6, 3000) == pytest.approx(expected)
