"""Derivatives of kernels by their inputs, contracted with coefficients."""

import numpy as np
import pytest

from skntk import gram_diagonal, gram_matrix
from skntk.architecture import (
    Abs,
    AxisAlignedNet,
    Conv,
    Dense,
    Dropout,
    Erf,
    FeatureProduct,
    FeatureProductNet,
    Flatten,
    FlipAverage,
    FullyConnected,
    GlobalAvgPool,
    InputScale,
    LinearizedNetwork,
    OneFeatureDense,
    PNormExponential,
    Relu,
    SelfAttention,
    Serial,
    Sign,
    Sum,
)
from skntk.gram.input_gradient import contracted_input_gradient

STEP = 1e-5

VECTORS = Serial(
    [InputScale([0.8, 1.2, 0.3]), Dense(1.3, 0.4), Relu(), Dense(1.1, 0.2), Erf(), Dense()]
)
LAYERS = [InputScale([0.8, 1.2]), Conv((2, 2), weight_std=1.3, bias_std=0.3), Relu()]
FLAT = Serial([*LAYERS, Flatten(), Dense()])
PRODUCT = FeatureProduct([0.5, 1.0, 3.0], [1.0, 0.2, 3.0], categorical=[1])
SPLINES = OneFeatureDense("relu", -2.0, 1.0)
BRANCHES = Serial(
    [InputScale([0.8, 1.2, 0.3]), Sum([SPLINES, Dense(1.3, 0.4)]), Relu(), Dense(1.1, 0.2)]
)
NETWORKS = [
    pytest.param(VECTORS, (3,), "nngp", id="vectors"),
    pytest.param(VECTORS, (3,), "ntk", id="vectors, NTK"),
    pytest.param(Serial([Dropout(0.8), Abs(), Dense()]), (3,), "ntk", id="dropout"),
    pytest.param(FullyConnected(4), (3,), "ntk", id="repeated layers"),
    pytest.param(AxisAlignedNet(), (3,), "ntk", id="stumps"),
    pytest.param(OneFeatureDense(), (40,), "nngp", id="stumps of many features"),
    pytest.param(FeatureProductNet(), (3,), "ntk", id="products"),
    pytest.param(PRODUCT, (3,), "nngp", id="products with categories"),
    pytest.param(FeatureProduct(0.02), (3,), "nngp", id="products of distant features"),
    pytest.param(PNormExponential([1.0, 2.0, 4.0]), (3,), "nngp", id="exponential"),
    pytest.param(PNormExponential(2.0, 1.5, 0.8), (3,), "nngp", id="p-norm"),
    pytest.param(BRANCHES, (3,), "ntk", id="branches"),
    pytest.param(FLAT, (3, 2, 2), "nngp", id="flat"),
    pytest.param(Serial([*LAYERS, GlobalAvgPool()]), (3, 2, 2), "ntk", id="pooled"),
    pytest.param(FlipAverage(FLAT), (3, 2, 2), "nngp", id="flips that differ"),
    pytest.param(
        FlipAverage(Serial([Conv((3,)), Relu(), Flatten(), Dense()])), (3, 2), "ntk", id="flips"
    ),
    pytest.param(Serial([SelfAttention(), Flatten()]), (3, 2), "nngp", id="attention"),
]


def samples(n_samples, shape, seed=0):
    return np.random.default_rng(seed).normal(size=(n_samples, *shape))


def differences(value, X):
    """Return central differences of a function of rows by every feature, the last axis."""
    steps = STEP * np.eye(X[0].size).reshape(-1, *X.shape[1:])
    return np.stack([(value(X + step) - value(X - step)) / (2 * STEP) for step in steps], axis=-1)


@pytest.mark.usefixtures("quick_compilation")
@pytest.mark.parametrize(("network", "shape", "kind"), NETWORKS)
def test_is_the_limit_of_differences(network, shape, kind):
    X, Z = samples(3, shape), samples(4, shape, seed=1)
    coefficients = samples(len(Z), (2,), seed=2)
    gradient = contracted_input_gradient(network, X, Z, coefficients, kind=kind)
    expected = differences(lambda rows: gram_matrix(network, rows, Z, kind=kind) @ coefficients, X)
    np.testing.assert_allclose(gradient, expected, atol=1e-8 * abs(expected).max())


@pytest.mark.usefixtures("quick_compilation")
@pytest.mark.parametrize(
    ("network", "kind"),
    [
        pytest.param(FullyConnected(2), "ntk", id="relu, NTK"),
        pytest.param(FullyConnected(2), "nngp", id="relu, NNGP kernel"),
        pytest.param(FullyConnected(1, Sign()), "nngp", id="sign"),
        pytest.param(VECTORS, "ntk", id="scaled, NTK"),
        pytest.param(AxisAlignedNet(), "ntk", id="stumps, NTK"),
        pytest.param(FeatureProduct(), "nngp", id="products"),
        pytest.param(PNormExponential(p=0.7), "nngp", id="p-norm"),
        pytest.param(BRANCHES, "ntk", id="branches"),
    ],
)
def test_at_equal_rows_it_is_the_mean_of_both_sides(network, kind):
    # A kernel is symmetric: the mean derivative is half of that of k(x, x).
    X = samples(2, (3,))
    gradients = [
        contracted_input_gradient(network, row, row, np.ones((1, 1)), kind=kind)[0, 0]
        for row in X[:, np.newaxis]
    ]
    expected = differences(lambda rows: gram_diagonal(network, rows, kind=kind) / 2, X)
    np.testing.assert_allclose(gradients, expected, atol=1e-8 * max(abs(expected).max(), 0.1))


@pytest.mark.usefixtures("quick_compilation")
@pytest.mark.parametrize("network", [VECTORS, AxisAlignedNet()], ids=["vectors", "stumps"])
def test_many_rows_are_cut_into_tiles(network):
    X, Z = samples(600, (3,)), samples(520, (3,), seed=1)
    coefficients = samples(len(Z), (1,), seed=2)
    gradients = [
        contracted_input_gradient(network, X, Z, coefficients, kind="ntk", n_jobs=n_jobs)
        for n_jobs in (1, 2)
    ]
    np.testing.assert_array_equal(*gradients)
    few = contracted_input_gradient(network, X[590:], Z, coefficients, kind="ntk")
    np.testing.assert_allclose(few, gradients[0][590:], rtol=1e-10)


def test_equal_rows_are_known_as_such_among_others():
    """With all optimizations: what is computed of a row must be equal on both sides."""
    X = samples(20, (3,))
    network = Serial([InputScale([0.8, 1.2, 0.3]), OneFeatureDense(), Dense(), Relu()])
    gradients = contracted_input_gradient(network, X[7:], X, np.eye(len(X)), kind="ntk")
    by_equal = gradients[np.arange(13), np.arange(7, 20)]
    np.testing.assert_array_equal(by_equal, np.zeros_like(by_equal))


@pytest.mark.usefixtures("quick_compilation")
def test_opposite_and_zero_rows_have_finite_derivatives():
    x = samples(1, (3,))
    X = np.concatenate([x, -x, 0 * x])
    network = FullyConnected(2, bias_std=0.0)
    assert np.isfinite(contracted_input_gradient(network, X, X, np.ones((3, 1)), kind="ntk")).all()


def test_a_network_of_finite_width_is_refused():
    linearized = LinearizedNetwork(FullyConnected(1), None)
    X = samples(2, (3,))
    with pytest.raises(TypeError, match="infinite width"):
        contracted_input_gradient(linearized, X, X, np.ones((2, 1)), kind="ntk")
