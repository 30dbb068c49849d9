"""Derivatives of kernel matrices by the hyperparameters, whole and contracted."""

import jax
import numpy as np
import pytest

from skntk import gram_matrix
from skntk.architecture import (
    Conv,
    Dense,
    Dropout,
    Erf,
    Flatten,
    FlipAverage,
    FullyConnected,
    GlobalAvgPool,
    InputScale,
    Relu,
    Serial,
)
from skntk.gram.gradient import (
    contracted_cross_gradient,
    contracted_diagonal_gradient,
    contracted_gradient,
    gram_derivative,
    unit_directions,
)

KINDS = ("nngp", "ntk")
STEP = 1e-5

VECTORS = Serial(
    [InputScale([0.8, 1.2, 0.3]), Dense(1.3, 0.4), Relu(), Dense(1.1, 0.2), Erf(), Dense()]
)
LAYERS = [InputScale([0.8, 1.2]), Conv((2, 2), weight_std=1.3, bias_std=0.3), Relu()]
IMAGES = {
    "flat": Serial([*LAYERS, Flatten(), Dense()]),
    "pooled": Serial([*LAYERS, GlobalAvgPool(), Dense()]),
    "flips": FlipAverage(Serial([*LAYERS, Flatten(), Dense()])),
}


def inputs(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def moved(architecture, direction, step):
    return jax.tree.map(lambda leaf, d: np.asarray(leaf) + step * d, architecture, direction)


def difference(architecture, direction, X):
    """Return the central difference of both kernel matrices along a direction."""
    forward, backward = (
        gram_matrix(moved(architecture, direction, step), X, kind=KINDS) for step in (STEP, -STEP)
    )
    return [(a - b) / (2 * STEP) for a, b in zip(forward, backward, strict=True)]


def random_direction(architecture):
    random = np.random.default_rng(3)
    # A standard deviation of 0 stays 0, as it has no negative values.
    return jax.tree.map(lambda leaf: random.normal(size=np.shape(leaf)) * leaf, architecture)


networks = pytest.mark.parametrize(
    ("network", "X"),
    [
        pytest.param(VECTORS, inputs(130, 3), id="vectors in blocks"),
        pytest.param(Serial([Dense(1.2, 0.3), Dropout(0.8), Dense()]), inputs(5, 3), id="dropout"),
        *(pytest.param(each, inputs(5, 4, 3, 2), id=name) for name, each in IMAGES.items()),
    ],
)


@networks
def test_derivative_is_the_limit_of_differences(network, X):
    direction = random_direction(network)
    derivatives = gram_derivative(network, direction, X, kinds=KINDS)
    for derivative, expected in zip(derivatives, difference(network, direction, X), strict=True):
        np.testing.assert_allclose(derivative, expected, atol=1e-8 * abs(expected).max())


@networks
def test_contraction_is_that_of_the_derivatives(network, X):
    cotangents = [inputs(len(X), len(X), seed=seed) for seed in (1, 2)]
    direction = random_direction(network)
    contracted = contracted_gradient(network, X, cotangents, kinds=KINDS, directions=[direction])
    derivatives = gram_derivative(network, direction, X, kinds=KINDS)
    expected = sum(map(np.vdot, derivatives, cotangents))
    np.testing.assert_allclose(contracted, [expected], rtol=1e-10)


@networks
def test_contraction_of_a_block_and_of_a_diagonal(network, X):
    direction = random_direction(network)
    options = {"kinds": KINDS, "directions": [direction]}
    derivatives = gram_derivative(network, direction, X, kinds=KINDS)
    n_left = len(X) // 4
    left, right = X[:n_left], X[n_left:]
    cotangents = [inputs(len(left), len(right), seed=seed) for seed in (1, 2)]
    expected = sum(map(np.vdot, (matrix[:n_left, n_left:] for matrix in derivatives), cotangents))
    contracted = contracted_cross_gradient(network, left, right, cotangents, **options)
    np.testing.assert_allclose(contracted, [expected], rtol=1e-10)
    diagonals = inputs(2, len(X))
    expected = sum(map(np.vdot, map(np.diagonal, derivatives), diagonals))
    contracted = contracted_diagonal_gradient(network, X, diagonals, **options)
    np.testing.assert_allclose(contracted, [expected], rtol=1e-10)


def test_directions_are_those_of_single_numbers():
    X = inputs(4, 3)
    cotangent = [np.ones((4, 4))]
    options = {"kinds": ["ntk"]}
    single = contracted_gradient(
        VECTORS, X, cotangent, directions=unit_directions(VECTORS), **options
    )
    direction = random_direction(VECTORS)
    weights = np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(direction)])
    together = contracted_gradient(VECTORS, X, cotangent, directions=[direction], **options)
    np.testing.assert_allclose(together, weights @ single, rtol=1e-12)


@pytest.mark.parametrize("activation", ["relu", "erf"])
def test_finite_at_equal_opposite_and_zero_rows(activation):
    x, y = inputs(2, 3)
    X = np.stack([x, x, -x, 3 * x, y, 0 * x, 0 * x])
    network = FullyConnected(2, activation, bias_std=0.0)
    directions = unit_directions(network)
    gradient = contracted_gradient(
        network, X, [np.ones((7, 7))] * 2, kinds=KINDS, directions=directions
    )
    assert np.isfinite(gradient).all()
    for direction in directions:
        for derivative in gram_derivative(network, direction, X, kinds=KINDS):
            assert np.isfinite(derivative).all()
            np.testing.assert_array_equal(derivative, derivative.T)


def test_values_do_not_depend_on_the_number_of_workers():
    X, cotangents = inputs(130, 3), [inputs(130, 130)]
    options = {"kinds": ["nngp"], "directions": unit_directions(VECTORS)}
    one, two = (
        contracted_gradient(VECTORS, X, cotangents, n_jobs=n_jobs, **options) for n_jobs in (1, 2)
    )
    np.testing.assert_array_equal(one, two)
