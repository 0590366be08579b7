"""Networks: NumPy against n3fit and Keras, TensorFlow against NumPy."""

import json
from pathlib import Path

import numpy as np
import pytest

from n3hyper.fitting.backend import tensorflow
from n3hyper.fitting.model_gen import generate_pdf_model, pdfNN_layer_generator
from n3hyper.fitting.network import forward
from n3hyper.fitting.network.activations import NUMPY_ACTIVATIONS
from n3hyper.fitting.network.initial import fold_seeds
from n3hyper.fitting.network.scaling import feature_scaling
from n3hyper.runcard import names
from tests.support.fitting_samples import BASIS, make_trial, small_problem

tf = tensorflow()
REFERENCE = json.loads((Path(__file__).parent / "reference" / "initial_networks.json").read_text())


@pytest.mark.parametrize("name", names.ACTIVATIONS)
def test_activations_agree(name):
    values = np.linspace(-6.0, 6.0, 121).reshape(11, 11)
    theirs = np.asarray(forward.activation(name)(tf.constant(values)))
    np.testing.assert_allclose(NUMPY_ACTIVATIONS[name](values), theirs, rtol=1e-6, atol=1e-12)


def test_every_activation_is_known_to_numpy():
    assert set(NUMPY_ACTIVATIONS) == set(names.ACTIVATIONS)


@pytest.mark.parametrize("case", REFERENCE["cases"], ids=lambda case: case["layer_type"])
def test_initial_networks_are_those_of_n3fit(case):
    model = generate_pdf_model(
        case["nodes"],
        case["activations"],
        case["seeds"],
        flav_info=REFERENCE["basis"],
        initializer=case["initializer"],
        layer_type=case["layer_type"],
        impose_sumrule=case["sum_rules"],
    )
    expected = np.array(case["pdf"])
    found = model.evaluate(np.array(REFERENCE["x"]))
    # n3fit computes in float32, and integrates the sum rules with 2,000 trapezoids
    np.testing.assert_allclose(found, expected, rtol=2e-4, atol=1e-6)


NETWORKS = json.loads((Path(__file__).parent / "reference" / "networks.json").read_text())


@pytest.mark.parametrize(
    "case",
    NETWORKS["cases"],
    ids=lambda case: "-".join(str(value) for value in list(case.values())[:5]),
)
def test_initial_networks_in_all_bases_are_those_of_n3fit(case):
    nodes = np.concatenate(NETWORKS["grids"])
    points = case["feature_scaling_points"]
    model = generate_pdf_model(
        case["nodes"],
        NETWORKS["activations"],
        NETWORKS["seeds"],
        flav_info=case["basis"],
        fitbasis=case["fitbasis"],
        initializer=case["initializer"],
        layer_type=case["layer_type"],
        impose_sumrule=case["sum_rules"],
        scaling=feature_scaling(nodes, points) if points else None,
    )
    expected = np.array(case["pdf"])
    found = model.evaluate(np.array(NETWORKS["x"]))
    size = np.abs(expected).max(axis=(1, 2), keepdims=True)
    # float32, and 2,000 trapezoids
    assert (np.abs(found - expected) < 1e-3 * np.abs(expected) + 1e-6 * size).all()


def test_sum_rules_of_a_model():
    model = generate_pdf_model(
        [5, 8], ["tanh", "linear"], [1, 2], flav_info=BASIS, fitbasis="NN31IC"
    )
    nodes, weights = model.quadrature.nodes, model.quadrature.weights
    pdf = model.evaluate(nodes)
    momentum = np.einsum("rxf,x->rf", pdf, weights)
    number = np.einsum("rxf,x->rf", pdf, weights / nodes)
    np.testing.assert_allclose(momentum[:, 1] + momentum[:, 2], 1.0)
    np.testing.assert_allclose(number[:, [3, 4, 5, 6]], [[3, 1, 3, 3]] * 2)


def test_one_replica_has_no_axis():
    arguments = {"nodes": [8], "activations": ["linear"], "flav_info": BASIS}
    x = np.geomspace(1e-5, 0.9, 7).reshape(1, -1, 1)
    ensemble = generate_pdf_model(**arguments, seed=4, num_replicas=2)
    assert ensemble(x).shape == (1, 7, 14, 2)
    np.testing.assert_array_equal(
        pdfNN_layer_generator(**arguments, seed=5)(x), ensemble(x)[..., 1]
    )
    np.testing.assert_array_equal(ensemble.split_replicas()[1](x), ensemble(x)[..., 1])


def test_fold_seeds():
    first = int(np.random.default_rng(11).integers(1, 2**30))
    assert fold_seeds([11], 0) == [11]
    assert fold_seeds([11], 3) == [3 * first]


CASES = [
    {},
    {"layer_type": "dense_per_flavour"},
    {"nodes_per_layer": [20, 17, 5, 8], "activation_per_layer": ["sigmoid"] * 3 + ["linear"]},
    {"nodes_per_layer": [8], "activation_per_layer": ["square_singlet"]},
    {"feature_scaling_points": 12},
    {"feature_scaling_points": 9, "layer_type": "dense_per_flavour"},
]


@pytest.mark.parametrize("changes", CASES, ids=str)
def test_forward_pass_in_tensorflow_is_that_in_numpy(changes):
    """The padded batch in TensorFlow against `PDFModel`, in float64."""
    trial = make_trial(small_problem(), **changes)
    weights = trial.initial_weights() + 0.1 * np.sin(np.arange(trial.layout.architecture.size))
    # units and weights that the trial does not have stay at zero
    weights = trial.layout.flatten(*trial.layout.unflatten(weights))
    arrays = tf.nest.map_structure(tf.constant, trial.arrays().network)
    found = forward.pdf(trial.layout.architecture, arrays, tf.constant(weights)).numpy()
    model = trial.pdf_model(weights, slice(0, 4))
    expected = model.evaluate(trial.inputs.problem.theory.xgrid)
    np.testing.assert_allclose(
        found, expected[..., trial.inputs.tables.basis.flavours], rtol=1e-9, atol=1e-12
    )


def test_feature_scaled_pdfs_vanish_at_one():
    trial = make_trial(small_problem(), feature_scaling_points=12)
    model = trial.pdf_model(trial.initial_weights(), slice(0, 4))
    assert not model.beta.any()
    np.testing.assert_array_equal(model.evaluate(np.ones(1)), 0.0)
    scaled = trial.scaling(trial.inputs.problem.theory.xgrid)
    assert scaled.min() >= -1.0
    assert scaled.max() <= 1.0
