"""Covariances as matrices of pixels, on periods that fit and on larger ones."""

from itertools import product

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from skntk.architecture.propagation.dense_covariance import (
    crop_positions,
    from_dense,
    pad_positions,
    to_dense,
)
from skntk.architecture.propagation.fusion import FusionBarriers
from skntk.architecture.propagation.pixel_covariance import Grid, input_covariance


@pytest.mark.parametrize(
    "grid",
    [Grid((5,), (7,)), Grid((3, 4), (3, 4)), Grid((3, 2), (4, 5))],
    ids=lambda grid: f"{grid.sizes} on {grid.period}",
)
def test_a_field_is_the_matrices_made_of_it(grid):
    pixels, n_pairs = int(np.prod(grid.sizes)), 3
    left, right = np.random.default_rng(0).normal(size=(2, 2, pixels, n_pairs))
    offsets = list(product(*map(range, grid.period)))

    @jax.jit
    def there_and_back(left, right):
        images = pad_positions(left, grid), pad_positions(right, grid)
        barriers = FusionBarriers(jnp.square(images[0]))
        field = input_covariance(*images, grid, barriers, is_diagonal=False)
        matrices = to_dense(field)
        restored = from_dense(field, matrices)
        pairs = [(restored.at(at), field.inside(at, field.at(at))) for at in offsets]
        return matrices, pairs

    with jax.enable_x64(True):
        matrices, pairs = there_and_back(jnp.asarray(left), jnp.asarray(right))
    expected = np.einsum("cpn,cqn->pqn", left, right) / 2
    np.testing.assert_allclose(matrices.nngp, expected, rtol=1e-12)
    assert not np.any(matrices.ntk)
    for restored, original in pairs:
        np.testing.assert_allclose(restored.nngp, original.nngp, rtol=1e-12)


def test_canvas_round_trip():
    grid = Grid((2, 3), (4, 3))
    values = jnp.arange(2 * 6 * 5.0).reshape(2, 6, 5)
    np.testing.assert_array_equal(crop_positions(pad_positions(values, grid), grid), values)
