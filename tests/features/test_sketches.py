"""Sketches: unbiased, exact where they can be, and the same for sparse and dense vectors."""

import numpy as np
import pytest
from scipy.sparse import csr_array, random_array

from skntk.features.directions import normal_directions
from skntk.features.sketches import CountSketch, TensorSketch
from tests.features.sampling import assert_unbiased

DTYPE = np.dtype(np.float64)


def drawn(sketch, *arguments, n_states=400):
    random = np.random.default_rng(0)
    return [sketch.draw(random, *arguments, DTYPE) for _ in range(n_states)]


@pytest.mark.parametrize("size", [1, 4, 7])
def test_count_sketches_are_unbiased(size):
    X = np.random.default_rng(1).normal(size=(3, 17))
    sketches = [sketch(X) for sketch in drawn(CountSketch, 17, size)]
    assert_unbiased(np.stack([z @ z.T - X @ X.T for z in sketches]))


@pytest.mark.parametrize("size", [17, 30])
def test_count_sketches_of_few_entries_are_exact(size):
    X = np.random.default_rng(1).normal(size=(3, 17))
    (sketch,) = drawn(CountSketch, 17, size, n_states=1)
    np.testing.assert_allclose(sketch(X) @ sketch(X).T, X @ X.T)


def test_tensor_sketches_are_unbiased():
    random = np.random.default_rng(1)
    left, right = random.normal(size=(3, 9)), random.normal(size=(3, 5))
    product = (left @ left.T) * (right @ right.T)
    sketches = [sketch(left, right) for sketch in drawn(TensorSketch, (9, 5), 8)]
    assert_unbiased(np.stack([z @ z.T - product for z in sketches]))


def test_a_tensor_sketch_is_the_count_sketch_of_the_outer_product():
    left, right = np.eye(9), np.eye(5)
    (sketch,) = drawn(TensorSketch, (9, 5), 4, n_states=1)
    for row in range(9):
        for column in range(5):
            entry = sketch(left[row], right[column])
            bucket = np.argmax(np.abs(sketch.left(left[row])))
            bucket += np.argmax(np.abs(sketch.right(right[column])))
            assert np.flatnonzero(np.abs(entry) > 0.5).tolist() == [bucket % 4]
            assert np.abs(entry).sum() == pytest.approx(1)


def test_sparse_vectors_have_the_sketches_of_dense_ones():
    X = random_array((6, 23), density=0.3, rng=np.random.default_rng(0), format="csr")
    (sketch,) = drawn(CountSketch, 23, 5, n_states=1)
    np.testing.assert_allclose(sketch(csr_array(X)), sketch(X.toarray()))


@pytest.mark.parametrize("shape", [(3, 8), (8, 3), (2, 50)], ids=["few", "many", "many more"])
def test_directions_are_orthogonal_and_standard_normal(shape):
    random = np.random.default_rng(0)
    draws = np.stack([normal_directions(random, *shape, DTYPE) for _ in range(500)])
    n_orthogonal = min(shape)
    products = draws[..., :n_orthogonal].mT @ draws[..., :n_orthogonal]
    off_diagonal = ~np.eye(n_orthogonal, dtype=bool)
    np.testing.assert_allclose(products[:, off_diagonal], 0, atol=1e-12)
    # Moments of single entries, and of two of one vector.
    first, second = draws[:, :1], draws[:, 1:2]
    for moment in (first, first**2 - 1, first**4 - 3, first * second, first**2 * second**2 - 1):
        assert_unbiased(moment)


def test_directions_of_very_many_features_are_independent():
    directions = normal_directions(np.random.default_rng(0), 100, 2, DTYPE)
    assert directions.shape == (100, 2)
    assert abs(directions[:, 0] @ directions[:, 1]) > 1e-3
