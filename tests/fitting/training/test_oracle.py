"""One step of the batch against plain formulas, model by model, in float64.

The oracle predicts with `TheoryStack.predict`, inverts dense covariances, and differentiates by
finite differences; it shares no code with the batch but the networks' forward pass in NumPy.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from n3hyper.fitting.backend import tensorflow
from n3hyper.fitting.loss.covariance_blocks import split_covariance
from n3hyper.fitting.loss.table_making.compression import ACCURACY
from n3hyper.fitting.settings import RegularizerSettings
from n3hyper.fitting.training import engine
from n3hyper.physics.chi2 import FactoredCovariance
from tests.support.fitting_samples import (
    arrays_of_step,
    make_trial,
    problem_of_modes,
    small_problem,
)

tf = tensorflow()
EPOCH = 205


class Oracle:
    """The losses of a model of a trial."""

    def __init__(self, trial):
        self.trial, self.problem = trial, trial.inputs.problem

    def _fold_and_replica(self, model):
        return divmod(model, self.problem.replicas)

    def predictions(self, weights, model):
        everything = np.repeat(weights[None], self.trial.inputs.models, axis=0)
        pdf = self.trial.pdf_model(everything, slice(model, model + 1))
        return self.problem.theory.predict(pdf.evaluate(self.problem.theory.xgrid)[0])

    def chi2(self, predictions, model, masks):
        fold, replica = self._fold_and_replica(model)
        kept = ~self.problem.folds[fold].mask
        residuals = predictions[: self.problem.ndata] - self.problem.replica_data[replica]
        covariance = self.problem.fit_covariance.dense()
        if self.problem.mode_masks is not None:
            modes = masks[fold, replica, : kept.sum()]
            sigma = np.sqrt(np.diag(covariance)[kept])
            correlation = covariance[np.ix_(kept, kept)] / np.outer(sigma, sigma)
            values, vectors = np.linalg.eigh(correlation)
            amplitudes = vectors.T @ (residuals[kept] / sigma)
            return np.sum((amplitudes**2 / values)[modes])
        mask = masks[replica] & kept
        return residuals[mask] @ np.linalg.solve(covariance[np.ix_(mask, mask)], residuals[mask])

    @property
    def training_masks(self):
        if self.problem.mode_masks is not None:
            return self.problem.mode_masks[0]
        return self.problem.training_masks

    @property
    def validation_masks(self):
        if self.problem.mode_masks is not None:
            return self.problem.mode_masks[1]
        return self.problem.validation_masks

    def positivity(self, predictions, epoch):
        (pos,) = self.problem.positivity
        scaled = -2.0 * 1.3 ** (epoch // 100) * predictions[pos.slice]
        return np.where(scaled > 0, scaled, 1e-7 * np.expm1(np.minimum(scaled, 0))).sum()

    def training(self, weights, model):
        predictions = self.predictions(weights, model)
        (integrability,) = self.problem.integrability
        scaled = 3.0 * 1.1 ** (EPOCH // 100) * predictions[integrability.slice]
        return (
            self.chi2(predictions, model, self.training_masks)
            + self.positivity(predictions, EPOCH)
            + np.square(scaled).sum()
            + self.regularisation(weights)
        )

    def regularisation(self, weights):
        from keras.regularizers import L1L2

        settings = self.trial.settings.regularizer
        regularizer = L1L2(settings.l1, settings.l2)
        layers, _, _ = self.trial.layout.unflatten(weights[None])
        return sum(float(regularizer(tf.constant(layer.kernel))) for layer in layers)

    def validation(self, weights, model):
        predictions = self.predictions(weights, model)
        chi2 = self.chi2(predictions, model, self.validation_masks)
        return chi2, chi2 + self.positivity(predictions, EPOCH - 1)

    def derivative(self, weights, model, place):
        """Central differences of fourth order."""
        # short: some activations and observables have kinks
        step = 2e-5 * max(1.0, abs(weights[place]))
        values = []
        for number in (-2, -1, 1, 2):
            moved = weights.copy()
            moved[place] += number * step
            values.append(self.training(moved, model))
        return (values[0] - 8 * values[1] + 8 * values[2] - values[3]) / (12 * step)


def tensors(trial, dtype):
    def tensor(value):
        integers = isinstance(value, np.ndarray | np.generic) and value.dtype.kind in "iu"
        return tf.constant(value, None if integers else dtype)

    return tf.nest.map_structure(tensor, arrays_of_step(trial))


def batch_losses(trial, weights, dtype):
    program = trial.program()
    evaluate = tf.function(
        lambda arrays, weights: engine.evaluate(program, arrays, weights, tf.constant(EPOCH)),
        jit_compile=True,
        autograph=False,
    )
    return evaluate(tensors(trial, dtype), tf.constant(weights, dtype))


def weights_after_some_epochs(trial):
    """Initial networks may be anything; those of a fit are what float32 must be good for."""
    # weights that a strong regularizer has not driven to where |w| has no derivative
    trial = replace(trial, settings=unregularised(trial.settings))
    program = trial.program()
    start = engine.start(program, tf.constant(trial.initial_weights(), "float32"), 1000)
    end = engine.compiled(program).run(tensors(trial, "float32"), start, 300)
    return end.weights.numpy().astype(np.float64)


def unregularised(settings):
    return replace(settings, regularizer=RegularizerSettings())


CASES = {
    "dense": {},
    "per flavour, regularised": {
        "layer_type": "dense_per_flavour",
        "nodes_per_layer": [4, 3, 8],
        "regularizer": "l1_l2",
        "regularizer_args": {"l1": 30.0, "l2": 200.0},
    },
    "scaled input": {"feature_scaling_points": 12},
    "sigmoid": {"activation_per_layer": ["sigmoid", "modified_tanh", "linear"]},
}


EIGENMODES = {"eigenmodes": {}, "eigenmodes, features": {"dis": (160, 110, 20)}}


@pytest.mark.parametrize("case", [*CASES, *EIGENMODES])
def test_loss_and_gradient(case):
    split = case in EIGENMODES
    problem = problem_of_modes(**EIGENMODES[case]) if split else small_problem()
    trial = make_trial(problem, **CASES.get(case, {}))
    if split:
        assert bool(trial.inputs.likelihood.features.size) == ("features" in case)
    oracle = Oracle(trial)
    weights = weights_after_some_epochs(trial)
    double = batch_losses(trial, weights, "float64")
    single = batch_losses(trial, weights, "float32")
    models = range(trial.inputs.models)
    chi2, loss = np.array([oracle.validation(weights[model], model) for model in models]).T
    points = trial.inputs.model_arrays.validation.points
    np.testing.assert_allclose(double.judgement.loss, loss, rtol=1e-10)
    np.testing.assert_allclose(double.judgement.chi2, chi2 / points, rtol=1e-10)
    # a prediction rounded to 1e-6 is 5e-5 of its uncertainty here
    np.testing.assert_allclose(single.judgement.loss, loss, rtol=1e-4)
    exact = double.gradient.numpy()
    _check_by_differences(oracle, weights, exact)
    norms = np.linalg.norm(exact, axis=1)
    # at such weights the points themselves, without features, come to 2e-4
    assert (np.linalg.norm(single.gradient.numpy() - exact, axis=1) < 3e-4 * norms).all()


@pytest.mark.parametrize("begun", [False, True])
def test_compressed_tables_give_the_loss_and_its_gradient(begun):
    """The chi2 per point to 1e-5, the gradient to 1e-3 of its norm: at the start and later."""
    problem = small_problem(dis=(90, 60, 12), hadronic=12)
    exact, trial = make_trial(problem), make_trial(problem, accuracy=ACCURACY)
    weights = weights_after_some_epochs(exact) if begun else exact.initial_weights()
    expected, found = (batch_losses(each, weights, "float64") for each in (exact, trial))
    chi2 = expected.judgement.chi2.numpy()
    difference = np.abs(found.judgement.chi2.numpy() - chi2)
    assert (difference > 0).all()
    assert (difference < 1e-5 * np.maximum(chi2, 1.0)).all()
    norms = np.linalg.norm(expected.gradient, axis=1)
    assert (np.linalg.norm(found.gradient - expected.gradient, axis=1) < 1e-3 * norms).all()


def test_data_left_out_do_not_blur_the_rest():
    """Initial networks are far from all data; what is left out must not blur the rest."""
    trial = make_trial(small_problem())
    weights = trial.initial_weights()
    double, single = (batch_losses(trial, weights, kind) for kind in ("float64", "float32"))
    np.testing.assert_allclose(single.judgement.loss, double.judgement.loss, rtol=1e-4)


def _check_by_differences(oracle, weights, gradient):
    rng = np.random.default_rng(0)
    for model in (0, 3):
        # |w| has no derivative at zero
        real = np.flatnonzero(gradient[model] * (np.abs(weights[model]) > 1e-3))
        size = np.abs(gradient[model]).max()
        for place in rng.choice(real, 25, replace=False):
            expected = oracle.derivative(weights[model], model, place)
            assert gradient[model, place] == pytest.approx(expected, rel=1e-5, abs=1e-7 * size)


def test_regularised_trials_share_the_compiled_loop():
    problem = small_problem()
    other = make_trial(problem, regularizer="l1_l2", regularizer_args={"l1": 0.1})
    assert other.program() == make_trial(problem).program()


@pytest.mark.parametrize("case", EIGENMODES)
def test_training_and_validation_of_modes_add_up_to_the_chi2_of_a_fold(case):
    problem = problem_of_modes(**EIGENMODES[case])
    trial = make_trial(problem)
    oracle = Oracle(trial)
    weights = trial.initial_weights()
    predictions = np.stack([oracle.predictions(weights[model], model) for model in range(4)])
    training, validation = trial.inputs.exact_chi2(trial.models, predictions[:, : problem.ndata])
    for model in range(4):
        fold, replica = divmod(model, problem.replicas)
        kept = ~problem.folds[fold].mask
        covariance = problem.fit_covariance.masked(kept)
        shifts = (predictions[model, : problem.ndata] - problem.replica_data[replica])[kept]
        assert training[model] + validation[model] == pytest.approx(covariance.chi2(shifts))
        assert trial.inputs.masks.training[model].sum() == int(0.75 * kept.sum())


def test_padding_has_no_gradient():
    trial = make_trial(small_problem())
    gradient = batch_losses(trial, trial.initial_weights(), "float64").gradient.numpy()
    kept = trial.layout.flatten(*trial.layout.unflatten(gradient))
    np.testing.assert_array_equal(kept, gradient)


def test_covariance_blocks_are_the_covariance():
    rng = np.random.default_rng(4)
    systematics = np.zeros((900, 260))
    systematics[:500, :100] = rng.normal(size=(500, 100))
    systematics[500:520, 100:150] = rng.normal(size=(20, 50))  # more systematics than points
    systematics[520:880, 150:255] = rng.normal(size=(360, 105))
    systematics[700, 255] = 3.0  # of one point alone
    systematics[np.arange(881, 885), np.arange(256, 260)] = 1.0
    shuffle = rng.permutation(900)
    covariance = FactoredCovariance(rng.uniform(0.5, 2.0, size=900), systematics[shuffle])
    blocks = split_covariance(covariance, np.ones(900, dtype=bool)).chosen
    assert sorted(blocks.points.tolist()) == list(range(900))
    assert len(blocks.blocks) == 2  # the two small ones are merged
    whitened, start = np.eye(900), 0
    for block in blocks.blocks:
        where = slice(start, start := start + len(block.points))
        assert block.systematics.shape[1] <= len(block.points)
        whitened[where, where] += block.systematics @ block.systematics.T
    dense = whitened * np.outer(blocks.sigma, blocks.sigma)
    expected = covariance.dense()[np.ix_(blocks.points, blocks.points)]
    np.testing.assert_allclose(dense, expected, rtol=1e-7, atol=1e-9)
