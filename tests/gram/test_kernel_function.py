"""The kernels of a network, prepared once for samples of one shape."""

import pickle

import numpy as np
import pytest

from skntk import gram_diagonal, gram_matrix
from skntk.architecture import (
    ConvNet,
    Dense,
    Flatten,
    FlipAverage,
    FullyConnected,
    LinearizedNetwork,
    Serial,
)
from skntk.gram.kernel_function import KernelFunction
from tests.gram.networks import BOTH, samples


def images(n_samples, seed=0):
    return np.random.default_rng(seed).normal(size=(n_samples, 4, 4, 1))


class CountedNetwork(FullyConnected):
    """A network that counts how often it is built."""

    category = None
    n_built = 0

    def build(self):
        type(self).n_built += 1
        return super().build()


NETWORKS = {
    "vectors": (FullyConnected(1), samples(5), samples(3, seed=1)),
    "images": (ConvNet(1), images(5), images(3, 1)),
    "flat rows": (
        ConvNet(1, input_shape=(4, 4, 1)),
        images(5).reshape(5, -1),
        images(3, 1).reshape(3, -1),
    ),
    "flipped": (FlipAverage(Serial([Flatten(), Dense()])), images(5), images(3, 1)),
    "finite width": (
        LinearizedNetwork(lambda parameters, X: X @ parameters, np.ones((4, 2))),
        samples(5),
        samples(3, seed=1),
    ),
}


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", NETWORKS)
def test_it_computes_what_the_public_functions_return(name, dtype):
    network, X, Y = NETWORKS[name]
    X, Y = X.astype(dtype), Y.astype(dtype)
    kernel_function = KernelFunction(network, X.shape[1:], dtype=dtype)
    for _ in range(2):
        for right in (None, Y):
            found = kernel_function.gram(X, right, kinds=BOTH)
            expected = gram_matrix(network, X, right, kind=BOTH, dtype=dtype)
            for ours, theirs in zip(found, expected, strict=True):
                np.testing.assert_array_equal(ours, theirs)
        for kind in BOTH:
            np.testing.assert_array_equal(
                kernel_function.diagonals(X, kinds=(kind,))[0],
                gram_diagonal(network, X, kind=kind, dtype=dtype),
            )


def test_the_network_is_built_for_the_first_matrix_alone():
    X = samples(5)
    kernel_function = KernelFunction(CountedNetwork(1), X.shape[1:])
    kernel_function.gram(X, kinds=BOTH)
    n_built = CountedNetwork.n_built
    for n_samples in (5, 4, 3):
        kernel_function.gram(X[:n_samples], kinds=BOTH)
        kernel_function.gram(X[:n_samples], X, kinds=BOTH)
        kernel_function.diagonals(X[:n_samples], kinds=("nngp",))
    assert CountedNetwork.n_built == n_built


def test_what_is_prepared_does_not_travel():
    X = samples(200)
    kernel_function = KernelFunction(FullyConnected(1), X.shape[1:], n_jobs=2)
    fresh = pickle.dumps(kernel_function)
    expected = kernel_function.gram(X, kinds=BOTH)
    assert pickle.dumps(kernel_function) == fresh
    found = pickle.loads(fresh).gram(X, kinds=BOTH)
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_it_is_checked_when_it_is_made():
    with pytest.raises(TypeError, match="depth must be an integer"):
        KernelFunction(FullyConnected(1.5), (3,))
    with pytest.raises(ValueError, match="takes vectors"):
        KernelFunction(FullyConnected(1), (3, 3, 1))
    with pytest.raises(ValueError, match="dtype must be 'float64' or 'float32'"):
        KernelFunction(FullyConnected(1), (3,), dtype="int32")
