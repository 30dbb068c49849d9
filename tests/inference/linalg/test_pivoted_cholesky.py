import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skntk.inference.linalg.pivoted_cholesky import pivoted_cholesky

from ..problems import nngp_kernel


def random_rows(n, seed=0):
    return np.random.default_rng(seed).normal(size=(n, 3))


def factorize(kernel, rank, seed=0, **options):
    return pivoted_cholesky(
        np.diagonal(kernel), lambda i: kernel[:, i], rank, np.random.default_rng(seed), **options
    )


def test_the_rows_of_the_pivots_are_reproduced():
    X = random_rows(80)
    kernel = nngp_kernel(X, X)
    partial = factorize(kernel, 30)
    assert partial.rank == 30
    assert len(np.unique(partial.pivots)) == 30
    product = partial.factor @ partial.factor.T
    assert_allclose(product[partial.pivots], kernel[partial.pivots], atol=1e-9)
    assert_allclose(np.triu(partial.factor[partial.pivots], 1), 0, atol=1e-12)
    left = kernel - product
    assert_allclose(partial.residual_diagonal, np.diagonal(left), atol=1e-9)
    assert_allclose(partial.relative_residual, np.trace(left) / np.trace(kernel), rtol=1e-6)
    assert np.linalg.eigvalsh(left).min() > -1e-9


@pytest.mark.parametrize("rank", [50, 1000])
def test_a_full_rank_is_exact(rank):
    X = random_rows(50)
    kernel = nngp_kernel(X, X) + 0.01 * np.eye(50)
    partial = factorize(kernel, rank)
    assert partial.rank == 50
    assert_allclose(partial.factor @ partial.factor.T, kernel, atol=1e-10)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_equal_rows_are_chosen_once(dtype):
    X = np.repeat(random_rows(20), 5, axis=0)
    kernel = nngp_kernel(X, X).astype(dtype)
    partial = factorize(kernel, 100, precision=dtype)
    assert partial.rank == 20
    assert len(np.unique(X[partial.pivots], axis=0)) == 20
    assert partial.relative_residual == 0


def test_it_ends_where_the_residual_is_small():
    X = random_rows(200)
    kernel = nngp_kernel(X, X)
    partial = factorize(kernel, 200, tolerance=0.2)
    assert partial.relative_residual <= 0.2
    assert partial.rank < 100


def test_the_generator_decides_everything():
    X = random_rows(60)
    kernel = nngp_kernel(X, X)
    first, again, other = (factorize(kernel, 20, seed).pivots for seed in (1, 1, 2))
    assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_blocks_are_distributed_as_single_steps():
    # The second pivot, given the first, is drawn in proportion to the residual diagonal.
    root = np.array([[2.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
    kernel = root @ root.T
    diagonal = np.diagonal(kernel)
    expected = np.zeros((3, 3))
    for first in range(3):
        left = diagonal - kernel[first] ** 2 / diagonal[first]
        expected[first] = diagonal[first] / diagonal.sum() * left / left.sum()
    random, n_draws = np.random.default_rng(0), 500
    found = np.zeros((3, 3))
    for _ in range(n_draws):
        partial = pivoted_cholesky(diagonal, lambda i: kernel[:, i], 2, random)
        found[tuple(partial.pivots)] += 1 / n_draws
    # Five standard errors.
    assert (np.abs(found - expected) < 5 * np.sqrt(expected / n_draws) + 1e-12).all()


def test_a_kernel_of_zeros_has_no_pivots():
    partial = factorize(np.zeros((5, 5)), 3)
    assert partial.rank == 0
    assert partial.factor.shape == (5, 0)
    assert partial.relative_residual == 0
