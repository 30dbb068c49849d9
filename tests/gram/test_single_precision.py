"""Kernels of vectors in single precision, where nearly parallel samples are told apart."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skntk import gram_diagonal, gram_matrix
from skntk.architecture import (
    Abs,
    Concat,
    Dense,
    Dropout,
    Erf,
    FullyConnected,
    Layer,
    LayerNorm,
    LeakyRelu,
    Product,
    Rbf,
    Relu,
    Residual,
    Serial,
    SigmoidLike,
    Sign,
)

pytestmark = pytest.mark.usefixtures("quick_compilation")
BOTH = ("nngp", "ntk")
FAR = np.random.default_rng(0).uniform(10, 12, size=(20, 3))
DIRECTIONS = np.random.default_rng(1).normal(size=(20, 3))


def assert_accurate(network, X):
    """Compare with double precision: entries, and how far from positive semidefinite."""
    single = gram_matrix(network, X, kind=BOTH, dtype="float32")
    for ours, matrix in zip(single, gram_matrix(network, X, kind=BOTH), strict=True):
        assert ours.dtype == np.float32
        assert np.abs(ours - matrix).max() <= 2e-6 * np.abs(matrix).max()
        lowest = np.linalg.eigvalsh(ours.astype(float)).min()
        assert lowest >= -3e-6 * np.diagonal(matrix).mean()


NETWORKS = [
    Serial([Dense(1.3, 0.2), Relu(), Dense(1.1, 0.1), Erf(), Dense()]),
    Serial([Dense(1.3, 0.2), Erf(1.2, 3.0, 0.1), Dense(), LeakyRelu(0.3), Dense(1.1, 0.1)]),
    Serial([Dense(1.3, 0.2), Residual(Serial([Abs(), Dense(0.8, 0.3)])), Relu(), Dense()]),
    Serial([LayerNorm(), Dense(1.3, 0.2), Rbf(0.4), Dense(), SigmoidLike(), Dense()]),
    Serial([Concat([Serial([Dense(), Relu()]), Dense(0.7)]), Dropout(0.9), Dense(1.1, 0.1)]),
    Serial([Product([Dense(0.3, 0.2), Serial([Dense(), Erf()])]), Dense(0.5, 0.1)]),
    Serial([Dense(1.2, 0.3, "standard", 7), Relu(), Dense(0.9, None, "standard", 5)]),
]


@pytest.mark.parametrize("network", NETWORKS, ids=range(len(NETWORKS)))
@settings(max_examples=8, deadline=None, derandomize=True)
@given(data=st.data())
def test_random_networks(network, data):
    """The numbers of the network, the spread of the rows and their norms are drawn."""
    factors = {
        name: data.draw(st.floats(0.2, 2.0), label=name)
        for name, value in network.get_params().items()
        if name.endswith(("weight_std", "bias_std")) and value is not None
    }
    drawn = {name: factor * network.get_params()[name] for name, factor in factors.items()}
    spread = 10.0 ** data.draw(st.integers(-5, 1), label="spread")
    norm = 10.0 ** data.draw(st.integers(-2, 2), label="norm")
    X = norm * (DIRECTIONS[0] + spread * DIRECTIONS)
    changed = Serial(network.layers).set_params(**drawn)
    assert_accurate(changed, np.vstack([X, X[:2], -X[:2]]))


@pytest.mark.parametrize("start", [500, 10_000])
def test_gaussian_kernel_far_from_the_origin(start):
    assert_accurate(FullyConnected(1, Rbf(), 1.0, 1.0), start + np.linspace(0, 1, 30)[:, None])


@pytest.mark.parametrize("activation", ["relu", "erf", "abs"])
def test_norms_of_many_sizes(activation):
    norms = 10.0 ** np.linspace(-3, 3, len(DIRECTIONS))
    assert_accurate(FullyConnected(2, activation), norms[:, None] * DIRECTIONS)


def test_inputs_keep_the_digits_that_only_double_precision_has():
    X = 1000 + 1e-5 * np.arange(6.0)[:, None]
    assert len(np.unique(X.astype(np.float32))) < len(X)
    kernel = gram_matrix(FullyConnected(1, Rbf(1e8), 1.0, 0.0), X, kind="nngp", dtype="float32")
    assert len(np.unique(kernel[0])) == len(X)


def test_inputs_in_single_precision_are_the_same_in_double():
    X = FAR.astype(np.float32)
    kernels = (
        gram_matrix(FullyConnected(1), rows, dtype="float32") for rows in (X, X.astype(float))
    )
    np.testing.assert_array_equal(*kernels)


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_the_sign_of_equal_and_opposite_rows_is_exact(depth):
    network = Serial([*[Dense(), Sign()] * depth])
    X = np.vstack([FAR[:3], FAR[:3], -FAR[:3]])
    kernel = gram_matrix(network, X, kind="nngp", dtype="float32")
    signs = np.array([1.0, 1.0, -1.0])
    for row in range(3):
        np.testing.assert_array_equal(kernel[row, row::3], signs)
        np.testing.assert_array_equal(kernel[row + 6, row::3], -signs)


def test_the_diagonal_is_that_of_double_precision():
    network = FullyConnected(2, "erf")
    single = gram_diagonal(network, FAR, kind=BOTH, dtype="float32")
    for ours, diagonal in zip(single, gram_diagonal(network, FAR, kind=BOTH), strict=True):
        np.testing.assert_array_equal(ours, diagonal.astype(np.float32))


def test_a_layer_of_a_user_is_evaluated_in_double_precision():
    class PlainRelu(Relu):
        """A layer that knows covariances alone."""

        propagate_scales = Layer.propagate_scales
        propagate_correlations = Layer.propagate_correlations

    assert_accurate(Serial([Dense(1.0, 0.1), PlainRelu(), Dense()]), FAR)
