"""Whole fits of a synthetic problem."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from n3hyper.errors import FitError
from n3hyper.fitting.backend import tensorflow
from n3hyper.fitting.model_trainer import ModelTrainer
from n3hyper.fitting.training import engine
from tests.support.fitting_samples import (
    BASIS,
    arrays_of_step,
    make_trial,
    parameters,
    runcard,
    small_problem,
)

tf = tensorflow()


@pytest.fixture(scope="module")
def problem():
    return small_problem()


@pytest.fixture(scope="module")
def trainer(problem):
    return ModelTrainer(problem, runcard())


@pytest.fixture(scope="module")
def fit(trainer):
    return trainer.fit(parameters(epochs=250))


def one_model(problem, fold, replica):
    """The problem of one fold and one replica."""
    chosen = slice(replica, replica + 1)
    return dataclasses.replace(
        problem,
        folds=problem.folds[fold : fold + 1],
        replica_data=problem.replica_data[chosen],
        training_masks=problem.training_masks[chosen],
        validation_masks=problem.validation_masks[chosen],
        nn_seeds=problem.nn_seeds[chosen],
    )


def test_precision_is_that_of_the_runcard(problem):
    assert ModelTrainer(problem, runcard()).dtype == "float32"
    assert ModelTrainer(problem, runcard(double_precision=True)).dtype == "float64"


def test_shapes_and_stages(problem, fit):
    assert fit.predictions.shape == (2, 2, problem.theory.npredictions)
    for name in ("training_chi2", "validation_chi2", "experimental_chi2", "validation_loss"):
        assert getattr(fit, name).shape == (2, 2)
        assert np.isfinite(getattr(fit, name)).all()
    assert set(fit.seconds) == {"setup", "compile", "train", "evaluate"}
    assert (fit.total_epochs, fit.stopping_patience) == (250, 125)
    assert fit.pdf_model(1)(np.full((1, 3, 1), 0.1)).shape == (1, 3, 14, 2)
    assert fit.stopping(0).e_best_chi2.shape == (2,)


def test_training_improves_the_fit(trainer, fit):
    early = trainer.fit(parameters(epochs=3))
    assert (fit.training_chi2 < 0.3 * early.training_chi2).all()


def test_predictions_are_those_of_the_networks(problem, fit):
    for fold in range(2):
        pdf = fit.pdf_grid(problem.theory.xgrid, fold)
        expected = problem.theory.predict(pdf)
        np.testing.assert_allclose(fit.predictions[fold], expected, rtol=1e-7, atol=1e-9)


def test_chi2_by_plain_formulas(problem, fit):
    covariance = problem.fit_covariance.dense()
    for fold, replica in np.ndindex(2, 2):
        left_out = problem.folds[fold].mask
        for masks, data, found in (
            (
                problem.training_masks[replica] & ~left_out,
                problem.replica_data[replica],
                fit.training_chi2,
            ),
            (
                problem.validation_masks[replica] & ~left_out,
                problem.replica_data[replica],
                fit.validation_chi2,
            ),
            (left_out, problem.central, fit.experimental_chi2),
        ):
            residuals = (fit.predictions[fold, replica, : problem.ndata] - data)[masks]
            inverse = np.linalg.inv(covariance[np.ix_(masks, masks)])
            expected = residuals @ inverse @ residuals / masks.sum()
            assert found[fold, replica] == pytest.approx(expected, rel=1e-7)


def test_best_loss_is_that_of_the_best_weights(problem, fit):
    points = problem.validation_masks[None] & ~np.stack([f.mask for f in problem.folds])[:, None]
    chi2 = fit.validation_chi2 * points.sum(axis=-1)
    assert fit.positivity_passed.any()
    # what is above the chi2 are positivity losses, below their threshold of 1e-6
    passed = fit.positivity_passed
    np.testing.assert_allclose(fit.validation_loss[passed], chi2[passed], rtol=2e-4)


def test_same_parameters_same_bits(trainer, fit):
    again = trainer.fit(parameters(epochs=250))
    np.testing.assert_array_equal(again.predictions, fit.predictions)
    np.testing.assert_array_equal(again.best_epoch, fit.best_epoch)


def test_chunks_do_not_matter(problem):
    """One call of so many epochs, or many calls: the same bits."""
    trial = make_trial(problem)
    trainer = ModelTrainer(problem, runcard())
    arrays = trainer.training.tensors(arrays_of_step(trial))
    loop = engine.compiled(trial.program())
    start = engine.start(
        loop.program, tf.constant(trial.initial_weights(), "float32"), trial.settings.epochs
    )
    at_once, pieces = loop.run(arrays, start, 121), start
    for steps in (1, 7, 50, 63):
        pieces = loop.run(arrays, pieces, steps)
    for expected, found in zip(tf.nest.flatten(at_once), tf.nest.flatten(pieces), strict=True):
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("layer_type", ["dense", "dense_per_flavour"])
def test_a_model_does_not_depend_on_its_batch(problem, layer_type):
    """Each model of the first fold alone: what remains is the rounding of other matrix shapes."""
    changes = parameters(epochs=6, layer_type=layer_type)
    together = ModelTrainer(problem, runcard(), dtype="float64").fit(changes)
    for replica in range(2):
        alone = ModelTrainer(one_model(problem, 0, replica), runcard(), dtype="float64")
        found = alone.fit(changes).predictions[0, 0]
        np.testing.assert_allclose(found, together.predictions[0, replica], rtol=1e-7)


def test_dropout_does_not_depend_on_the_batch(problem):
    changes = parameters(
        epochs=5,
        dropout=0.3,
        nodes_per_layer=[9, 7, 6, 8],
        activation_per_layer=["tanh"] * 3 + ["linear"],
    )
    together = ModelTrainer(problem, runcard(), dtype="float64").fit(changes)
    alone = ModelTrainer(one_model(problem, 0, 1), runcard(), dtype="float64").fit(changes)
    np.testing.assert_allclose(alone.predictions[0, 0], together.predictions[0, 1], rtol=1e-7)
    without = ModelTrainer(problem, runcard(), dtype="float64").fit({**changes, "dropout": 0.0})
    assert np.abs(without.predictions / together.predictions - 1).max() > 1e-3


def test_nan_in_one_model_stays_there(problem):
    data = problem.replica_data.copy()
    data[1, 5] = np.nan
    broken = dataclasses.replace(problem, replica_data=data)
    # the point is left out in fold 0, so that only one of the four models meets it
    assert problem.folds[0].mask[5]
    training = problem.training_masks.copy()
    training[1, 5] = True
    broken = dataclasses.replace(broken, training_masks=training)
    fine = dataclasses.replace(problem, training_masks=training)
    changes = parameters(epochs=20)
    found = ModelTrainer(broken, runcard()).fit(changes)
    expected = ModelTrainer(fine, runcard()).fit(changes)
    healthy = ~found.nan
    assert found.nan.tolist() == [[False, True], [False, True]]
    np.testing.assert_array_equal(found.predictions[healthy], expected.predictions[healthy])


def test_hopeless_batches_end_early(problem):
    broken = dataclasses.replace(problem, replica_data=np.full_like(problem.replica_data, np.nan))
    fit = ModelTrainer(broken, runcard()).fit(parameters(epochs=5000))
    assert fit.nan.all()
    assert fit.epochs_run < 10


def test_numbers_and_widths_do_not_recompile(trainer, fit):
    before = engine.compilations()
    trainer.fit(
        parameters(
            epochs=37,
            stopping_patience=0.1,
            nodes_per_layer=[14, 11, 8],
            optimizer={"optimizer_name": "Adam", "learning_rate": 1e-3, "clipnorm": 1e-4},
            positivity={"initial": 7.0, "multiplier": 1.01, "threshold": 1e-5},
            integrability={"multiplier": 2.0},
            threshold_chi2=3.0,
            stopping_delta=0.1,
        )
    )
    assert engine.compilations() == before


def test_dropout_rates_do_not_recompile(trainer):
    def changes(rate, *widths):
        return parameters(
            epochs=2,
            dropout=rate,
            nodes_per_layer=[*widths, 8],
            activation_per_layer=["tanh", "tanh", "linear"],
        )

    trainer.fit(changes(0.2, 9, 7))
    before = engine.compilations()
    trainer.fit(changes(0.05, 12, 5))
    assert engine.compilations() == before


def test_another_structure_compiles(trainer, fit):
    before = engine.compilations()
    trainer.fit(parameters(epochs=2, activation_per_layer=["sigmoid", "sigmoid", "linear"]))
    assert engine.compilations() == before + 1


@pytest.mark.parametrize("optimizer", ["SGD", "Nadam", "Amsgrad"])
def test_optimizers_train(trainer, optimizer):
    settings = {"optimizer_name": optimizer, "learning_rate": 1e-3, "clipnorm": 1e-2}
    fit = trainer.fit(parameters(epochs=4, optimizer=settings))
    assert np.isfinite(fit.training_chi2).all()


def test_stopped_models_freeze(trainer):
    """A fit that stops has the weights of its best epoch, whatever the others do."""
    settings = {"optimizer_name": "Adam", "learning_rate": 0.05, "clipnorm": 1.0}
    fit = trainer.fit(parameters(epochs=400, stopping_patience=0.02, optimizer=settings))
    stopped = fit.positivity_passed & (fit.stop_epoch < 399)
    assert stopped.any()
    waited = fit.stop_epoch - fit.best_epoch
    np.testing.assert_array_equal(waited[stopped], fit.stopping_patience + 1)


def test_exponents_stay_within_their_walls(fit):
    low = np.array([flavour["smallx"][0] for flavour in BASIS])
    high = np.array([flavour["smallx"][1] for flavour in BASIS])
    alpha = fit.pdf_model(0).alpha
    assert (alpha >= low - 1e-6).all()
    assert (alpha <= high + 1e-6).all()


def test_fixed_exponents_stay_where_they_are(problem):
    fixed = [{**flavour, "trainable": flavour["fl"] != "g"} for flavour in BASIS]
    card = runcard()
    card.fitting.basis = fixed
    trainer = ModelTrainer(problem, card)
    fit = trainer.fit(parameters(epochs=10))
    initial = trainer.inputs.exponents[0][:2].astype("float32")
    np.testing.assert_array_equal(fit.pdf_model(0).alpha[:, 1], initial[:, 1])
    assert (fit.pdf_model(0).alpha[:, 0] != initial[:, 0]).any()


def test_without_folds_and_without_validation():
    problem = small_problem(folds=0, replicas=1, frac=1.0, hadronic=0, positivity=0)
    fit = ModelTrainer(problem, runcard()).fit(parameters(epochs=60))
    assert fit.predictions.shape[:2] == (1, 1)
    # what trains validates
    np.testing.assert_array_equal(fit.validation_chi2, fit.training_chi2)
    assert fit.positivity_passed.all()


def test_progress_and_interruption(problem):
    seen = []

    def interrupt(progress):
        seen.append(progress)
        if progress.epoch > 150:
            raise KeyboardInterrupt

    trainer = ModelTrainer(problem, runcard(), on_progress=interrupt)
    with pytest.raises(KeyboardInterrupt):
        trainer.fit(parameters(epochs=1000, stopping_patience=1.0))
    assert [progress.stage for progress in seen] == ["compile", "train", "train"]
    assert [progress.epoch for progress in seen] == [0, 100, 200]
    assert seen[-1].active == 4


def test_scans_hand_nested_dictionaries(problem):
    trainer = ModelTrainer(problem, runcard(), score=lambda fit: {"epochs": fit.total_epochs})
    trainer.set_hyperopt(True, keys=["architecture", "stopping"])
    flat = parameters()
    nested = {
        **{key: flat[key] for key in flat if key not in ("epochs", "nodes_per_layer")},
        "stopping": {"epochs": 3},
        "architecture": {"nodes_per_layer": [5, 4, 8]},
    }
    assert trainer.hyperparametrizable(nested) == {"epochs": 3}
    assert trainer.hyperparametrizable({"parameters": parameters(epochs=2)}) == {"epochs": 2}
    assert "epochs" not in nested


def test_the_network_must_end_with_the_flavours(trainer):
    with pytest.raises(FitError, match="must be 8"):
        trainer.fit(parameters(nodes_per_layer=[9, 7, 7]))


@pytest.mark.slow
def test_same_bits_in_another_process(trainer, fit):
    program = (
        "import sys; sys.path[:0] = {path!r}\n"
        "from tests.support.fitting_samples import parameters, runcard, small_problem\n"
        "from n3hyper.fitting.model_trainer import ModelTrainer\n"
        "fit = ModelTrainer(small_problem(), runcard()).fit(parameters(epochs=250))\n"
        "print(fit.predictions.tobytes().hex()[:4000])\n"
    )
    code = program.format(path=[str(Path(__file__).parents[2])])
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=300, check=True
    )
    assert done.stdout.strip() == fit.predictions.tobytes().hex()[:4000]
    assert done.stderr == ""


@pytest.mark.slow
def test_memory_does_not_grow_with_trials(trainer):
    def resident() -> float:
        """Megabytes."""
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return pages * 4096 / 1e6

    for seed in range(12):
        trainer.fit(parameters(epochs=2, nodes_per_layer=[3 + seed % 9, 5, 8]))
    before = resident()
    for seed in range(60):
        trainer.fit(parameters(epochs=2, nodes_per_layer=[3 + seed % 9, 5, 8]))
    assert resident() - before < 60
