"""What is computed of samples by themselves, and which of their kernels pairs compute."""

import jax
import numpy as np
import pytest

from skntk import gram_diagonal, gram_matrix
from skntk.architecture import (
    AvgPool,
    Conv,
    Dense,
    Dropout,
    Flatten,
    GlobalAvgPool,
    Identity,
    LayerNorm,
    Relu,
    Residual,
    Serial,
    Sign,
    Sum,
)
from skntk.gram.engine.prepared_network import NetworkArguments, PreparedNetwork
from skntk.gram.engine.programs import sample_program

SHAPE = (3, 6, 4, 2)
BELOW = [Conv((3, 3), bias_std=0.3), Relu()]
TOPS = {
    "pool": [GlobalAvgPool()],
    "pool, dense": [GlobalAvgPool(), Dense(1.2, 0.1)],
    "pools": [AvgPool((2, 2), (2, 2)), Conv((3, 3)), Relu(), GlobalAvgPool(), Dense()],
    "pools without an activation": [AvgPool((2, 2), (2, 2)), Conv((3, 3)), GlobalAvgPool()],
    "activation behind the pool": [GlobalAvgPool(), Dense(), Relu(), Dense()],
    "normalization behind the pool": [GlobalAvgPool(), LayerNorm(), Dense()],
    "branches behind the pool": [GlobalAvgPool(), Sum([Dense(), Serial([Dense(), Relu()])])],
    "skipped dense": [GlobalAvgPool(), Residual(Dense()), Dense()],
    "dense and nothing": [GlobalAvgPool(), Sum([Dense(), Identity()])],
    "flat": [Flatten(), Dense()],
}


@pytest.fixture(name="X")
def images():
    return np.random.default_rng(0).normal(size=SHAPE)


@pytest.mark.parametrize("top", TOPS.values(), ids=TOPS)
def test_a_sample_with_itself_is_a_pair_of_equal_ones(top, X):
    network = Serial([*BELOW, *top])
    for kind in ("nngp", "ntk"):
        with_itself = gram_matrix(network, X, kind=kind)
        np.testing.assert_allclose(with_itself, gram_matrix(network, X, X, kind=kind), rtol=1e-12)
        np.testing.assert_allclose(
            gram_diagonal(network, X, kind=kind), np.diagonal(with_itself), rtol=1e-12
        )


def test_dropout_tells_a_sample_from_an_equal_one(X):
    network = Serial([*BELOW[:1], Dropout(0.5), *BELOW[1:], GlobalAvgPool(), Dense()])
    assert network.is_stochastic()
    assert PreparedNetwork.of(network, SHAPE[1:], "float64").signature.with_kernels
    with_itself = gram_matrix(network, X)
    assert (np.diagonal(with_itself) > np.diagonal(gram_matrix(network, X, X))).all()
    np.testing.assert_allclose(gram_diagonal(network, X), np.diagonal(with_itself), rtol=1e-12)


class Watched(Relu):
    """An activation that records whether it is asked for pairs of positions."""

    category = None
    n_asked = 0

    def pair_moments(self, covariance, left, right):
        type(self).n_asked += 1
        return super().pair_moments(covariance, left, right)


def test_statistics_of_a_pooled_network_take_no_loop_over_offsets(X):
    network = Serial([Conv((3, 3)), Watched(), GlobalAvgPool(), Dense()])
    assert not PreparedNetwork.of(network, SHAPE[1:], "float64").signature.with_kernels
    arguments = NetworkArguments.of(network, X.dtype)
    asked = []
    for with_kernels in (False, True):
        Watched.n_asked = 0
        compute = sample_program.on(jax.devices()[0], arguments.structure)
        compute.lower(arguments, X, with_kernels=with_kernels)
        asked.append(Watched.n_asked > 0)
    assert asked == [False, True]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_the_sign_of_a_pooled_image_is_that_of_itself(dtype):
    """Rounding tells equal pixels apart, and the root of rounding is large."""
    layers = [Conv((3, 3)), Relu(), GlobalAvgPool(), Dense(), Sign(), Dense(), Sign()]
    X = np.random.default_rng(0).normal(size=(5, 6, 6, 3))
    np.testing.assert_array_equal(gram_diagonal(Serial(layers), X, kind="nngp", dtype=dtype), 1)
