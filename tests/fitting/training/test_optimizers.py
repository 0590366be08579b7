"""Optimizers and clipping against Keras."""

import numpy as np
import pytest

from n3hyper.fitting.backend import tensorflow
from n3hyper.fitting.training.optimizers import OPTIMIZERS, VariableArrays, clip_by_variable
from n3hyper.runcard import names

tf = tensorflow()
SIZES = (12, 4, 1)
VARIABLES = np.equal.outer(np.repeat(range(3), SIZES), range(3)).astype("float32")


def clip(gradient, clipnorm):
    """Clipped gradients (m, P)."""
    variables = VariableArrays(
        of_weights=tf.constant(VARIABLES), members=tf.constant(VARIABLES.T.copy())
    )
    return clip_by_variable(tf.constant(gradient), tf.constant(clipnorm), variables)


def keras_optimizer(name, rate, clipnorm):
    import keras

    if name == "Amsgrad":
        return keras.optimizers.Adam(rate, amsgrad=True, clipnorm=clipnorm)
    return getattr(keras.optimizers, name)(rate, clipnorm=clipnorm)


def gradients_of(weights, steps):
    """Gradients of very different sizes, some above and some below the clip norm."""
    rng = np.random.default_rng(1)
    return rng.normal(size=(steps, weights.size)) * 10.0 ** rng.uniform(-3, 1, size=(steps, 1))


def test_every_optimizer_of_runcards_has_an_update():
    assert set(OPTIMIZERS) == set(names.OPTIMIZERS)


@pytest.mark.parametrize("clipnorm", [1e-3, 1.0])
@pytest.mark.parametrize("name", sorted(OPTIMIZERS))
def test_steps_are_keras_steps(name, clipnorm):
    import keras

    rate = 0.02
    start = np.random.default_rng(0).normal(size=sum(SIZES)).astype("float32")
    gradients = gradients_of(start, 12).astype("float32")
    theirs = [keras.Variable(part, dtype="float32") for part in np.split(start, [12, 16])]
    optimizer = keras_optimizer(name, rate, clipnorm)
    weights = tf.constant(start[None])
    state = OPTIMIZERS[name].state(weights)
    for step, gradient in enumerate(gradients, start=1):
        parts = [tf.constant(part) for part in np.split(gradient, [12, 16])]
        optimizer.apply_gradients(zip(parts, theirs, strict=True))
        decrease, state = OPTIMIZERS[name].update(
            tf.constant(float(step)), clip(gradient[None], clipnorm), tf.constant(rate), state
        )
        weights = weights - decrease
    expected = np.concatenate([variable.numpy() for variable in theirs])
    # twelve steps of up to 0.02: a wrong constant shows in the third digit
    np.testing.assert_allclose(weights.numpy()[0], expected, rtol=1e-5, atol=3e-6)


def test_a_gradient_near_a_pole_is_clipped():
    gradient = np.ones((2, sum(SIZES)), dtype="float32")
    gradient[0] *= 1e30
    norms = np.sqrt(np.square(clip(gradient, 1.0).numpy()) @ VARIABLES)
    np.testing.assert_allclose(norms, 1.0, rtol=1e-5)


@pytest.mark.parametrize("others", [1, 3, 29])
def test_models_are_clipped_one_by_one(others):
    """To the bit from three models on, see `n3hyper.fitting.products`."""
    gradient = np.random.default_rng(2).normal(size=(3 + others, sum(SIZES))).astype("float32")
    alone = clip(gradient[:3], 0.5).numpy()
    gradient[3:] *= 1e6
    together = clip(gradient, 0.5).numpy()
    np.testing.assert_array_equal(together[:3], alone)


def test_the_norm_of_a_single_model_does_not_depend_on_others():
    gradient = np.random.default_rng(2).normal(size=(3, sum(SIZES))).astype("float32")
    alone = clip(gradient[:1], 0.5).numpy()
    gradient[1:] *= 1e6
    np.testing.assert_allclose(clip(gradient, 0.5).numpy()[:1], alone, rtol=1e-6)
