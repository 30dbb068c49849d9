"""Kernel matrices against the layers' own maps, applied to all pairs at once without the engine."""

import jax
import numpy as np
import pandas as pd
import polars as pl
import pytest

from skntk import gram_diagonal, gram_matrix
from skntk.architecture.propagation.state import as_left, as_right, input_pairs, input_samples
from skntk.gram.engine.sizes import BLOCK_SIZES, block_size, layout_of
from tests.gram.networks import BOTH, NETWORK, samples


@jax.jit
def all_pairs(X, Y):
    of_x, x_statistics = NETWORK.propagate_samples(input_samples(X))
    _, y_statistics = NETWORK.propagate_samples(input_samples(Y))
    pairs = input_pairs(X, Y)
    return of_x, NETWORK.propagate_pairs(pairs, as_left(x_statistics), as_right(y_statistics))


def direct(X, Y):
    """Return the kernels of the samples of X with themselves, and with those of Y."""
    with jax.enable_x64(True):
        return jax.tree.map(np.asarray, all_pairs(X, Y))


@pytest.mark.parametrize("n_samples", [1, 2, 56, 57, 130, 300])
def test_symmetric_matrix(n_samples):
    X = samples(n_samples)
    with_themselves, pairs = direct(X, X)
    for kind, matrix in zip(BOTH, gram_matrix(NETWORK, X, kind=BOTH), strict=True):
        expected = getattr(pairs, kind).copy()
        np.fill_diagonal(expected, getattr(with_themselves, kind))
        np.testing.assert_allclose(matrix, expected, rtol=1e-12, atol=1e-14)
        np.testing.assert_array_equal(matrix, matrix.T)


@pytest.mark.parametrize("shape", [(1, 1), (57, 3), (3, 57), (130, 70)])
def test_cross_matrix(shape):
    X, Y = samples(shape[0]), samples(shape[1], seed=1)
    for kind, matrix in zip(BOTH, gram_matrix(NETWORK, X, Y, kind=BOTH), strict=True):
        expected = getattr(direct(X, Y)[1], kind)
        np.testing.assert_allclose(matrix, expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("n_samples", [1, 57, 300])
def test_diagonal(n_samples):
    X = samples(n_samples)
    for kind, diagonal in zip(BOTH, gram_diagonal(NETWORK, X, kind=BOTH), strict=True):
        np.testing.assert_allclose(diagonal, getattr(direct(X, X)[0], kind), rtol=1e-13)


def test_every_block_size_gives_the_same_matrix():
    numbers = (40, 100, 200, 480, 3000)
    X = samples(numbers[-1])
    assert {block_size(number, layout_of("cpu")) for number in numbers} == set(BLOCK_SIZES)
    expected = gram_matrix(NETWORK, X)
    for number in numbers[:-1]:
        matrix = gram_matrix(NETWORK, X[:number])
        np.testing.assert_allclose(matrix, expected[:number, :number], rtol=1e-12, atol=1e-14)


def test_block_sizes_pad_little():
    for n_samples in (1, 56, 100, 500, 1000, 4000, 20000):
        size = block_size(n_samples, layout_of("cpu"))
        assert size in BLOCK_SIZES
        assert -(-n_samples // size) * size <= max(BLOCK_SIZES[0], 1.25 * n_samples)


@pytest.mark.parametrize("Y", [None, samples(5, seed=1)], ids=["symmetric", "cross"])
def test_order_and_type_of_the_results(Y):
    X = samples(4)
    nngp, ntk = (gram_matrix(NETWORK, X, Y, kind=kind) for kind in BOTH)
    assert isinstance(ntk, np.ndarray)
    np.testing.assert_array_equal(gram_matrix(NETWORK, X, Y), ntk)
    assert not np.allclose(nngp, ntk)
    for kind, expected in {("nngp", "ntk"): (nngp, ntk), ("ntk", "nngp"): (ntk, nngp)}.items():
        results = gram_matrix(NETWORK, X, Y, kind=kind)
        assert isinstance(results, tuple)
        for result, matrix in zip(results, expected, strict=True):
            np.testing.assert_allclose(result, matrix, rtol=1e-14)
    (alone,) = gram_matrix(NETWORK, X, Y, kind=["nngp"])
    np.testing.assert_array_equal(alone, nngp)


def test_order_of_the_diagonals():
    X = samples(4)
    nngp, ntk = (gram_diagonal(NETWORK, X, kind=kind) for kind in BOTH)
    for kind in (["ntk", "nngp"], ("ntk", "nngp")):
        results = gram_diagonal(NETWORK, X, kind=kind)
        assert isinstance(results, tuple)
        np.testing.assert_array_equal(results, (ntk, nngp))


@pytest.mark.parametrize("dtype", ["float32", "float64", np.float32, np.dtype("float64")])
def test_dtype_of_the_results(dtype):
    for result in (
        gram_matrix(NETWORK, samples(3), dtype=dtype),
        gram_matrix(NETWORK, samples(3), samples(2), dtype=dtype),
        gram_diagonal(NETWORK, samples(3), dtype=dtype),
    ):
        assert type(result) is np.ndarray
        assert result.dtype == dtype
        assert result.flags.c_contiguous
        assert result.flags.writeable


@pytest.mark.parametrize(
    "container",
    [
        np.asfortranarray,
        np.ndarray.tolist,
        lambda X: X.astype(np.float32),
        lambda X: X.astype(int),
        lambda X: pd.DataFrame(X, columns=list("abcd")),
        lambda X: pl.DataFrame(X, schema=list("abcd")),
        lambda X: np.repeat(X, 2, axis=1)[:, ::2],
    ],
    ids=["fortran", "list", "float32", "int", "pandas", "polars", "strided"],
)
def test_containers_of_inputs(container):
    X = np.round(4 * samples(5))
    expected = gram_matrix(NETWORK, X)
    np.testing.assert_array_equal(gram_matrix(NETWORK, container(X)), expected)
    np.testing.assert_array_equal(gram_diagonal(NETWORK, container(X)), np.diagonal(expected))


def test_inputs_stay_as_they_are():
    X = samples(5)
    X.setflags(write=False)
    before = X.copy()
    gram_matrix(NETWORK, X, X)
    gram_diagonal(NETWORK, X)
    np.testing.assert_array_equal(X, before)


def test_same_samples_as_two_arguments_are_different_samples():
    """Dropout draws a mask for each sample; only Y=None says that the samples are the same."""
    X = samples(3)
    themselves, copies = gram_matrix(NETWORK, X), gram_matrix(NETWORK, X, X)
    off_diagonal = ~np.eye(3, dtype=bool)
    np.testing.assert_allclose(themselves[off_diagonal], copies[off_diagonal], rtol=1e-13)
    assert np.all(np.diagonal(themselves) > 1.01 * np.diagonal(copies))
