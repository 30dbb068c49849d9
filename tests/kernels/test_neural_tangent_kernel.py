"""The kernel of scikit-ntk, against its formulas written out here once more."""

import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.gaussian_process import GaussianProcessClassifier, GaussianProcessRegressor
from sklearn.gaussian_process.kernels import Kernel, WhiteKernel

from skntk import NeuralTangentKernel, NTKKernel
from skntk.architecture import Dense, Relu, Serial


def from_the_formulas(A, depth, bias):
    """Return kernel and derivative by log(bias) of all rows, layer by layer (He scaling, c = 2)."""
    n = len(A)
    sigma = A @ A.T
    theta, slope = sigma + bias**2, np.full((n, n), 2.0 * bias**2)
    for _ in range(depth):
        roots = np.sqrt(np.outer(np.diag(sigma), np.diag(sigma))).clip(1e-10)
        cosine = (sigma / roots).clip(-1, 1)
        angle = np.arccos(cosine)
        sigma = roots * (cosine * (np.pi - angle) + np.sin(angle)) / np.pi
        dot = (np.pi - angle) / np.pi
        theta, slope = theta * dot + sigma + bias**2, slope * dot + 2.0 * bias**2
    scale = 1.0 / ((depth + 1) * (bias**2 + 1))
    return scale * theta, scale * (slope - 2.0 * bias**2 / (bias**2 + 1) * theta)


def rows(n, seed=0):
    return np.random.default_rng(seed).normal(size=(n, 3))


X, Z = rows(8), rows(5, seed=1)
settings = pytest.mark.parametrize(("depth", "bias"), [(1, 0.1), (3, 0.7), (6, 2.5), (2, 0.0)])


@settings
def test_values(depth, bias):
    kernel = NeuralTangentKernel(depth, bias)
    expected, _ = from_the_formulas(np.concatenate([X, Z]), depth, bias)
    np.testing.assert_allclose(kernel(X), expected[:8, :8], rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(kernel(X, Z), expected[:8, 8:], rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(kernel.diag(X), np.diag(expected)[:8], rtol=1e-12)


@settings
def test_gradient(depth, bias):
    value, gradient = NeuralTangentKernel(depth, bias)(X, eval_gradient=True)
    expected_value, expected = from_the_formulas(X, depth, bias)
    np.testing.assert_allclose(value, expected_value, rtol=1e-12)
    np.testing.assert_allclose(gradient[:, :, 0], expected, rtol=1e-10, atol=1e-12)


def test_rows_that_are_zero_small_or_opposite():
    x = X[0]
    degenerate = np.stack([x, -x, 2 * x, 0 * x, 1e-7 * x])
    value, gradient = NeuralTangentKernel(3, 0.5)(degenerate, eval_gradient=True)
    expected_value, expected = from_the_formulas(degenerate, 3, 0.5)
    np.testing.assert_allclose(value, expected_value, atol=1e-7)
    np.testing.assert_allclose(gradient[:, :, 0], expected, atol=1e-7)


def test_without_bias_it_is_the_ntk_of_a_relu_network():
    first = Dense(np.sqrt(X.shape[1]))
    network = Serial([first, Relu(), Dense(np.sqrt(2)), Relu(), Dense(np.sqrt(2))])
    expected = NTKKernel(network)(X) / 3
    np.testing.assert_allclose(NeuralTangentKernel(2, 0.0)(X), expected, rtol=1e-10)


def test_contract_of_scikit_ntk():
    kernel = NeuralTangentKernel(depth=3, bias=0.01, bias_bounds=(1e-5, 1e3))
    assert isinstance(kernel, Kernel)
    assert repr(kernel) == "NeuralTangentKernel(depth=3, bias=0.010)"
    np.testing.assert_allclose(kernel.theta, [np.log(0.01)])
    np.testing.assert_allclose(kernel.bounds, np.log([[1e-5, 1e3]]))
    assert not kernel.is_stationary()
    assert NeuralTangentKernel(2).bias == 0.1
    for copy in (clone(kernel), pickle.loads(pickle.dumps(kernel))):
        assert copy == kernel
    fixed = NeuralTangentKernel(2, bias_bounds="fixed")
    assert fixed(X, eval_gradient=True)[1].shape == (8, 8, 0)


def test_both_gaussian_process_estimators():
    kernel = NeuralTangentKernel(depth=2, bias=0.5) + WhiteKernel(0.1)
    X, noise = rows(30), np.random.default_rng(2).normal(size=30)
    regressor = GaussianProcessRegressor(kernel).fit(X, X[:, 0] + noise)
    assert regressor.kernel_.k1.bias != 0.5
    classifier = GaussianProcessClassifier(NeuralTangentKernel(2, 0.5)).fit(X, X[:, 0] > 0)
    assert classifier.score(X, X[:, 0] > 0) == 1.0


@pytest.mark.parametrize(
    ("arguments", "message"), [((X, Z, True), "when Z is None"), ((X,), "depth must be at least 1")]
)
def test_errors(arguments, message):
    kernel = NeuralTangentKernel(0 if len(arguments) == 1 else 1)
    with pytest.raises(ValueError, match=message):
        kernel(*arguments)
