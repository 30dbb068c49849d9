"""Estimates of kernels by features of many random states, beside the kernels themselves."""

import numpy as np

from skntk import gram_matrix
from skntk.features.drawing import Drawing
from skntk.features.network_features import NetworkFeatures

KINDS = ("nngp", "ntk")

# Of some thousand normal numbers the largest is 3.5 on average.
MOST_STANDARD_ERRORS = 5


def errors(network, X, kinds=KINDS, *, n_states, n_components, width):
    """Return what z(x) z(x') is off by for both kernels: shape (2, n_states, n, n).

    In units of the roots of the products of K(x, x).
    """
    exact = gram_matrix(network, X, kind=kinds)
    input_shape = network.reshape_inputs(X).shape[1:]
    differences = []
    for kind, kernel in zip(kinds, exact, strict=True):
        scale = np.sqrt(np.outer(np.diag(kernel), np.diag(kernel)))
        for state in range(n_states):
            random = np.random.default_rng(state)
            drawing = Drawing(random, width, kind == "ntk", np.dtype(np.float64))
            z = NetworkFeatures.draw(network, input_shape, n_components, drawing)(X)
            differences.append((z @ z.T - kernel) / scale)
    return np.reshape(differences, (len(kinds), n_states, len(X), len(X)))


def standard_errors(differences):
    """Return those of the means over states, the first axis but one for the kernels."""
    axis = differences.ndim - 3
    return differences.std(axis=axis, ddof=1) / np.sqrt(differences.shape[axis])


def assert_unbiased(differences, bias=0.0):
    """Their mean over states is 0, or at most a bias, to what it can be told by."""
    allowed = MOST_STANDARD_ERRORS * standard_errors(differences) + 1e-12 + bias
    np.testing.assert_array_less(np.abs(differences.mean(axis=differences.ndim - 3)), allowed)


def root_mean_squares(differences):
    """Return one number for every kernel."""
    return np.sqrt(np.mean(differences**2, axis=(-3, -2, -1)))
