"""The tasks of two blocks of images cover every pair of samples."""

import numpy as np
import pytest

from skntk import gram_matrix
from skntk.architecture import AvgPool, Conv, Erf, Flatten, GlobalAvgPool, Serial
from skntk.gram.engine.sizes import (
    TileSizes,
    image_block_size,
    layout_of,
    pairs_at_once,
    shifts_per_step,
)
from skntk.gram.tiling.blocks import Block
from skntk.gram.tiling.shifted_pairs import shifted_pairs

NETWORK = Serial([Conv((3, 3), bias_std=0.5), Flatten()])
CPU = layout_of("cpu")


def block(start, n_rows, size):
    return Block(slice(start, start + n_rows), np.zeros((size, 4, 4, 1)), (), ())


def n_shifts(size):
    return shifts_per_step(size, pairs_at_once(16, np.dtype("float64"), CPU))


def stored(left, right, shape, *, symmetric):
    """Return what is stored where every kernel is 1, and how many pairs are computed."""
    matrix, n_computed = np.zeros(shape), 0
    sizes = TileSizes(len(left.X), len(right.X), n_shifts(len(left.X)), n_steps=2)
    for task in shifted_pairs(left, right, sizes):
        ones = np.ones((task.n_steps, task.shifts_per_step * len(left.X)))
        task.store([matrix], [ones], symmetric=symmetric)
        n_computed += ones.size
    return matrix, n_computed


@pytest.mark.parametrize("size", [4, 8, 16])
@pytest.mark.parametrize("n_rows", [1, 2, 3, 4])
def test_a_block_with_itself_takes_half_of_the_shifts(size, n_rows):
    one = block(0, n_rows, size)
    matrix, n_computed = stored(one, one, (n_rows, n_rows), symmetric=True)
    np.testing.assert_array_equal(matrix, 1 - np.eye(n_rows))
    assert n_computed <= size * (size // 2 + n_shifts(size) - 1)


@pytest.mark.parametrize("sizes", [(4, 4), (4, 16), (16, 4), (8, 16)])
def test_all_pairs_of_two_blocks(sizes):
    left, right = (block(0, size - 1, size) for size in sizes)
    matrix, _ = stored(left, right, (sizes[0] - 1, sizes[1] - 1), symmetric=False)
    assert (matrix == 1).all()


@pytest.mark.parametrize("n_samples", [(3, 40), (40, 3), (9, 9)])
def test_blocks_of_different_sizes(n_samples):
    rng = np.random.default_rng(0)
    X, Y = (rng.normal(size=(n, 4, 3, 1)) for n in n_samples)
    together = gram_matrix(NETWORK, np.concatenate([X, Y]))
    np.testing.assert_allclose(gram_matrix(NETWORK, X, Y), together[: len(X), len(X) :], rtol=1e-12)


def test_large_images_keep_whole_vectors():
    dtype = np.dtype("float32")
    assert pairs_at_once(32 * 32, dtype, CPU) == pairs_at_once(256 * 256, dtype, CPU) == 64
    assert image_block_size(64**2, 64, CPU) <= 64


@pytest.mark.parametrize("pixel_pairs", [16, 16**2, 64**2, 32**4])
def test_two_blocks_are_worth_their_dispatch_or_as_large_as_can_be(pixel_pairs):
    size = image_block_size(pixel_pairs, 64, CPU)
    smaller = [each for each in CPU.image_block_sizes if each < size]
    # In units of a vector's entry, of which a pair of pixels is at least one.
    assert all(each**2 * pixel_pairs < 5 * CPU.entries_per_dispatch for each in smaller)
    assert size == 64 or size**2 * pixel_pairs >= 5 * CPU.entries_per_dispatch


def test_pools_of_which_no_statistics_are_read():
    """Behind the last activation only pairs of samples meet; their means are means of one pool."""
    X = np.random.default_rng(0).normal(size=(3, 4, 6, 2))
    below = [Conv((3, 3), bias_std=0.5), Erf()]
    in_steps = Serial([*below, AvgPool((2, 3), (2, 3)), AvgPool((2, 1), (2, 1)), GlobalAvgPool()])
    at_once = Serial([*below, GlobalAvgPool()])
    np.testing.assert_allclose(gram_matrix(in_steps, X), gram_matrix(at_once, X), rtol=1e-12)
