"""Empirical kernels of finite networks: of one's own functions, and of sampled architectures."""

import pickle
from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skntk import NTKRegressor, gram_diagonal, gram_matrix
from skntk.architecture import (
    Conv,
    Dense,
    Dropout,
    Flatten,
    FullyConnected,
    LinearizedNetwork,
    Relu,
    Serial,
)

rng = np.random.default_rng(0)
X, Z = rng.normal(size=(70, 3)), rng.normal(size=(9, 3))


def perceptron(parameters, X):
    """Apply a network in the style of flax, with a parameter that is no floating-point number."""
    for layer in parameters["layers"][:-1]:
        X = jnp.tanh(X @ layer["kernel"] + layer["bias"])
    last = parameters["layers"][-1]
    return parameters["sign"] * (X @ last["kernel"] + last["bias"])


def linear(parameters, X):
    return jnp.stack([X[:, 0], X[:, 1] * X[:, 2], jnp.sin(X[:, 1])], 1) @ parameters


def perceptron_parameters(*sizes, seed=0):
    random = np.random.default_rng(seed)
    layers = [
        {
            "kernel": (random.normal(size=(a, b)) / np.sqrt(a)).astype(np.float32),
            "bias": 0.1 * random.normal(size=b).astype(np.float32),
        }
        for a, b in pairwise(sizes)
    ]
    return {"layers": layers, "sign": np.int32(-1)}


def drawn_parameters(architecture, input_shape, width, seed):
    """Return parameters of a network with one output, as `initialize` draws them.

    With random numbers of NumPy: compiling those of JAX takes longer than all else here.
    """
    random = np.random.default_rng(seed)
    shapes = jax.eval_shape(
        lambda: architecture.initialize(jax.random.key(0), input_shape, width, 1)
    )
    return jax.tree.map(lambda leaf: random.normal(size=leaf.shape), shapes)


PARAMETERS = perceptron_parameters(3, 20, 2)
NETWORK = LinearizedNetwork(perceptron, PARAMETERS)


def kernels_of_jacobians(left, right):
    """Return the empirical kernels from the definition, one Jacobian for all samples."""
    with jax.enable_x64(True):
        layers = jax.tree.map(lambda leaf: leaf.astype(np.float64), PARAMETERS["layers"])

        def outputs(layers, inputs):
            return perceptron({"layers": layers, "sign": np.int32(-1)}, inputs)

        values = [np.asarray(outputs(layers, inputs)) for inputs in (left, right)]
        jacobians = [
            np.concatenate(
                [
                    np.asarray(leaf).reshape(len(inputs), 2, -1)
                    for leaf in jax.tree.leaves(jax.jacrev(outputs)(layers, inputs))
                ],
                axis=-1,
            )
            for inputs in (left, right)
        ]
    return values[0] @ values[1].T / 2, np.einsum("icp,jcp->ij", *jacobians) / 2


@pytest.mark.parametrize("right", [None, Z], ids=["symmetric", "cross"])
def test_kernels_are_products_of_jacobians(right):
    # 70 rows are two blocks, of which the second is ragged.
    expected = kernels_of_jacobians(X, X if right is None else right)
    kernels = gram_matrix(NETWORK, X, right, kind=("nngp", "ntk"))
    for kernel, of_definition in zip(kernels, expected, strict=True):
        np.testing.assert_allclose(kernel, of_definition, rtol=0, atol=1e-12)
    if right is None:
        assert all(np.array_equal(kernel, kernel.T) for kernel in kernels)
        diagonals = gram_diagonal(NETWORK, X, kind=("nngp", "ntk"))
        for kernel, diagonal in zip(kernels, diagonals, strict=True):
            np.testing.assert_allclose(diagonal, np.diagonal(kernel), rtol=1e-12)


def test_single_precision_and_little_memory_change_nothing_but_rounding():
    expected = gram_matrix(NETWORK, X)
    single = gram_matrix(NETWORK, X, dtype="float32")
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, expected, atol=1e-5 * expected.max())
    of_row = 3 * 122 * 8 / 2**20
    small = gram_matrix(NETWORK, X, n_jobs=1, working_memory=16.5 * of_row)
    np.testing.assert_allclose(small, expected, atol=1e-12)
    with pytest.raises(MemoryError, match=r"two samples by 122 parameters.*working_memory"):
        gram_matrix(NETWORK, X, n_jobs=1, working_memory=0.9 * of_row)


def test_progress_and_checkpoint(tmp_path):
    reports = []
    path = tmp_path / "kernel"
    first = gram_matrix(NETWORK, X, checkpoint=path, progress=lambda *n: reports.append(n))
    assert reports[-1] == (70 * 71 // 2, 70 * 71 // 2)
    assert np.array_equal(first, gram_matrix(NETWORK, X, checkpoint=path))
    other = LinearizedNetwork(perceptron, perceptron_parameters(3, 20, 2, seed=1))
    with pytest.raises(ValueError, match="checkpoint"):
        gram_matrix(other, X, checkpoint=path)


def test_the_network_is_its_own_initial_function():
    with jax.enable_x64(True):
        expected = np.asarray(perceptron(jax.tree.map(jnp.asarray, PARAMETERS), X))
    np.testing.assert_allclose(NETWORK(X), expected, rtol=1e-6, atol=1e-7)
    assert LinearizedNetwork(linear, np.ones(3))(X).shape == (70,)
    assert LinearizedNetwork(linear, np.ones((3, 1)))(X).shape == (70,)


def descend(function, parameters, y, learning_rate, n_steps):
    """Train by gradient descent on half of the mean squared error, in the plainest way."""
    with jax.enable_x64(True):
        parameters = jax.tree.map(lambda leaf: jnp.asarray(leaf, jnp.float64), parameters)

        def loss(parameters):
            return jnp.sum((function(parameters, X) - y) ** 2) / (2 * len(X))

        @jax.jit
        def step(_, parameters):
            slopes = jax.grad(loss)(parameters)
            return jax.tree.map(lambda p, slope: p - learning_rate * slope, parameters, slopes)

        trained = jax.lax.fori_loop(0, n_steps, step, parameters)
        return np.asarray(function(trained, Z))


def predicted(network, y, learning_rate, n_steps):
    """Return what the linearized network predicts, from its own outputs before training."""
    model = NTKRegressor(
        network,
        alpha=0.0,
        normalize_y=False,
        initial_function=network,
        training_method="gradient_descent",
        training_time=n_steps,
        learning_rate=learning_rate,
    )
    return model.fit(X, y).predict(Z)


def test_a_model_linear_in_its_parameters_is_trained_exactly():
    y = np.sin(X.sum(1))
    weights = np.array([0.3, -1.0, 2.0])
    exact = predicted(LinearizedNetwork(linear, weights), y, 0.1, 40)
    np.testing.assert_allclose(descend(linear, weights, y, 0.1, 40), exact, rtol=1e-9)


def test_training_approaches_that_of_the_linearized_network_as_the_width_grows():
    """The root mean square of the difference falls with 1 / sqrt(width): by 4 for 16 times.

    Of three networks it is known to about 30 %, the ratio of two to half of that again more.
    """
    y, architecture = np.sin(X.sum(1)), FullyConnected(1, "erf")

    def outputs(parameters, inputs):
        return architecture.apply(parameters, inputs)[:, 0]

    errors = {}
    for width in (32, 512):
        squares = []
        for seed in range(3):
            parameters = drawn_parameters(architecture, (3,), width, seed)
            network = LinearizedNetwork(architecture, parameters)
            linearized = predicted(network, y, 0.05, 30)
            trained = descend(outputs, parameters, y, 0.05, 30)
            squares.append(np.mean((trained - linearized) ** 2))
        errors[width] = np.sqrt(np.mean(squares))
    assert 2 < errors[32] / errors[512] < 8, errors


@pytest.mark.parametrize(
    ("architecture", "inputs"),
    [
        (FullyConnected(2, "erf", 1.4, 0.2), X[:4]),
        (
            Serial([Conv((3,)), Relu(), Conv((3,)), Relu(), Flatten(), Dense()]),
            rng.normal(size=(3, 4, 2)),
        ),
    ],
    ids=["vectors", "sequences"],
)
def test_kernels_of_sampled_networks_approach_the_infinite_ones(architecture, inputs):
    """The root mean square of the difference falls with 1 / sqrt(width): by 3 for 9 times."""
    infinite = gram_matrix(architecture, inputs)
    errors = {}
    for width, n_networks in ((16, 30), (144, 10)):
        squares = []
        for seed in range(n_networks):
            parameters = drawn_parameters(architecture, inputs.shape[1:], width, seed)
            empirical = gram_matrix(LinearizedNetwork(architecture, parameters), inputs)
            squares.append(np.mean((empirical - infinite) ** 2))
        errors[width] = np.sqrt(np.mean(squares))
    assert 2 < errors[16] / errors[144] < 4.5, errors


def test_it_is_a_parameter_like_any_other():
    cloned = clone(NETWORK)
    assert cloned == NETWORK and cloned.parameters is not NETWORK.parameters
    assert pickle.loads(pickle.dumps(NETWORK)) == NETWORK
    assert LinearizedNetwork(perceptron, perceptron_parameters(3, 20, 2, seed=1)) != NETWORK
    assert LinearizedNetwork(linear, PARAMETERS) != NETWORK
    model = make_pipeline(StandardScaler(), NTKRegressor(NETWORK))
    other = LinearizedNetwork(perceptron, perceptron_parameters(3, 8, 1))
    grid = {"ntkregressor__alpha": [0.1, 1.0], "ntkregressor__architecture": [NETWORK, other]}
    search = GridSearchCV(model, grid, cv=2, error_score="raise").fit(Z, np.sin(Z[:, 0]))
    assert search.best_estimator_.predict(Z).shape == (9,)


def test_double_precision_survives_a_pickle():
    with jax.enable_x64(True):
        network = LinearizedNetwork(linear, jnp.array([0.1, 0.2, 0.3]))
    assert pickle.loads(pickle.dumps(network)).parameters.dtype == np.float64


@pytest.mark.parametrize(
    ("network", "parameters", "error", "message"),
    [
        (linear, np.ones(2), ValueError, r"cannot be applied .* samples of shape \(3,\)"),
        (linear, np.ones(3, int), ValueError, "nothing to train"),
        (lambda w, X: w * X.sum(), np.ones(()), ValueError, "one row for each sample"),
        (FullyConnected, (), TypeError, "an architecture or a function"),
        ("linear", np.ones(3), TypeError, "an architecture or a function"),
        (Serial([Dropout(), Dense()]), [(), (np.ones((3, 1)), np.ones(1))], ValueError, "Dropout"),
    ],
)
def test_bad_networks(network, parameters, error, message):
    with pytest.raises(error, match=message):
        gram_matrix(LinearizedNetwork(network, parameters), X)


def test_it_is_no_part_of_another_network():
    with pytest.raises(ValueError, match="whole network"):
        gram_matrix(Serial([NETWORK, Dense()]), X)
