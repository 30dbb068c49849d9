"""Memory that tiles leave to other tiles."""

import pickle

import jax
import jax.numpy as jnp
import numpy as np

from skntk import gram_matrix
from skntk.architecture import FullyConnected
from skntk.gram.engine.results import ArrayPool, TileResults


def test_pool_hands_out_what_fits():
    pool = ArrayPool(largest_total=10**6)
    wide, high = jnp.zeros((2, 3)), jnp.zeros((3, 2))
    pool.give([wide, high])
    assert pool.take((3, 2), np.float32, high.device) is high
    fresh = pool.take((3, 2), np.float32, high.device)
    assert fresh is not high and fresh.shape == (3, 2)
    assert pool.take((2, 3), np.float32, wide.device) is wide


def test_pool_keeps_the_latest_within_its_bound():
    pool = ArrayPool(largest_total=2 * 4 * 6)
    first, second, third = (jnp.zeros((2, 3)) for _ in range(3))
    pool.give([first, second])
    pool.give([third])
    assert [pool.take((2, 3), np.float32, first.device) for _ in range(2)] == [second, third]


def test_results_survive_matrices_that_follow():
    # Tiles are written into memory of earlier ones, which no result may share.
    X = np.random.default_rng(0).normal(size=(100, 3))
    network = FullyConnected(1)
    first = gram_matrix(network, X)
    expected = first.copy()
    gram_matrix(network, 2 * X)
    np.testing.assert_array_equal(first, expected)


def test_precision_survives_pickling():
    with jax.enable_x64(True):
        results = TileResults([jnp.full((3, 2), 1 / 3)])
    (entries,) = pickle.loads(pickle.dumps(results)).arrays
    np.testing.assert_array_equal(entries, np.full((3, 2), 1 / 3))
