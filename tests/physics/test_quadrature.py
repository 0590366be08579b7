"""The sum rules' nodes against 100,000 Gauss-Legendre points."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from n3hyper.physics.preprocessing import LOG_OF_ZERO, log_factors, prefactor
from n3hyper.physics.quadrature import Quadrature, sum_rule_quadrature

RULE = sum_rule_quadrature()


def reference() -> Quadrature:
    """50,000 points in log x below 0.1 and as many above it, denser to the end at x = 1."""
    nodes, weights = np.polynomial.legendre.leggauss(50)
    edges = np.linspace(0.0, 1.0, 1001)
    panel = 0.5 * np.diff(edges)[:, None]
    unit = (edges[:-1, None] + panel * (nodes + 1.0)).reshape(-1)
    unit_weights = np.broadcast_to(panel * weights, (1000, 50)).reshape(-1)
    length = np.log(0.1) - np.log(1e-9)
    low = np.exp(np.log(1e-9) + length * unit)
    high = 1.0 - 0.9 * unit**8
    return Quadrature(
        np.concatenate([low, high]),
        np.concatenate([low * length * unit_weights, 0.9 * 8 * unit**7 * unit_weights]),
    )


REFERENCE = reference()


def integrals(rule: Quadrature, network, alpha: float, beta: float, number: bool) -> np.ndarray:
    """Momentum, or number, of network(x) x^(1 - alpha) (1 - x)^beta."""
    x = rule.nodes
    factor = prefactor(x, np.array([alpha]), np.array([beta]))[:, 0]
    return rule.integrate(network(x) * factor / (x if number else 1.0))


def tanh_networks(seed: int, gain: float):
    """Three layers with the weights of an initial network, times `gain` in the first one."""
    rng = np.random.default_rng(seed)
    first = gain * rng.normal(size=(2, 25)) * np.sqrt(2 / 27)
    second = rng.normal(size=(25, 20)) * np.sqrt(2 / 45)
    last = rng.normal(size=(20, 8)) * np.sqrt(2 / 28)

    def network(x):
        inputs = np.stack([x, np.log(x)], axis=-1)
        return (np.tanh(np.tanh(inputs @ first) @ second) @ last).T

    return network


@pytest.mark.parametrize("alpha", [-0.5, 0.0, 0.5, 0.9, 1.0, 1.3, 1.6])
@pytest.mark.parametrize("beta", [0.0, 0.05, 0.5, 1.3, 3.0, 8.0])
@pytest.mark.parametrize("number", [False, True])
def test_integrals_of_pure_powers_are_exact(alpha, beta, number):
    constant = np.ones_like
    exact = integrals(REFERENCE, constant, alpha, beta, number)
    assert integrals(RULE, constant, alpha, beta, number) == pytest.approx(exact, rel=1e-9)


@settings(max_examples=20, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    alpha=st.floats(-0.5, 1.5),
    beta=st.floats(0.05, 7.0),
    number=st.booleans(),
)
def test_integrals_of_networks_agree_with_a_fine_grid(seed, alpha, beta, number):
    network = tanh_networks(seed, gain=1.0)
    expected = integrals(REFERENCE, network, alpha, beta, number)
    found = integrals(RULE, network, alpha, beta, number)
    size = integrals(REFERENCE, lambda x: np.abs(network(x)), alpha, beta, number)
    assert (np.abs(found - expected) < 1e-5 * size).all()


def test_fewer_nodes_would_do_worse():
    coarse = sum_rule_quadrature(logarithmic=8, linear=6)
    network = tanh_networks(1, gain=1.0)
    expected = integrals(REFERENCE, network, 0.7, 2.0, True)
    error = np.abs(integrals(coarse, network, 0.7, 2.0, True) / expected - 1.0)
    assert error.max() > 1e-5


def test_weights_integrate_one():
    assert RULE.weights.sum() == pytest.approx(1.0 - 1e-9, rel=1e-13)
    assert (np.diff(RULE.nodes) > 0).all()


def test_preprocessing_vanishes_at_one():
    assert log_factors(np.array([1.0]))[0].tolist() == [0.0, LOG_OF_ZERO]
    assert prefactor(np.array([1.0]), np.array([0.9]), np.array([0.1])) == 0.0
