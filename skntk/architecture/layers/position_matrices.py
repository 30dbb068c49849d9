"""Layers that multiply the positions of an axis by a matrix."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import jax.numpy as jnp

from skntk.architecture.core.layer import Layer
from skntk.architecture.propagation.dense_covariance import (
    all_offsets,
    from_pixel_matrices,
    pixel_matrices,
)
from skntk.architecture.propagation.pixel_covariance import Field, Grid, Offsets
from skntk.architecture.propagation.state import Array, PairState, Statistics


class PositionMatrixLayer(Layer):
    """A layer without parameters that is linear in the positions: ``K' = M K M^T``, ``T'`` alike.

    M is the product of one matrix for each spatial axis, which subclasses define.
    """

    def sizes_behind(self, sizes: tuple[int, ...]) -> tuple[int, ...]:
        """Return the pixels behind the layer from those before it.

        Parameters
        ----------
        sizes : tuple of int
            Pixels along every spatial axis before the layer.

        Returns
        -------
        tuple of int
            As many.
        """
        raise NotImplementedError

    def matrices(self, sizes: tuple[int, ...], dtype: jnp.dtype) -> Sequence[Array]:
        """Return the matrix of each axis.

        Parameters
        ----------
        sizes : tuple of int
            Pixels along every spatial axis before the layer.
        dtype : dtype
            That of the kernels.

        Returns
        -------
        sequence of arrays of shape (pixels behind, pixels before)
            One for each axis.
        """
        raise NotImplementedError

    def outputs_are_gaussian(self, inputs_are_gaussian: bool = False) -> bool:
        return inputs_are_gaussian

    def smallest_canvas(
        self, sizes: tuple[int, ...]
    ) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
        behind = self.sizes_behind(sizes)
        # A smaller image is counted on a smaller canvas.
        strides = tuple(max(n // m, 1) for n, m in zip(sizes, behind, strict=True))
        smallest = tuple(
            max(n, stride * m) for n, m, stride in zip(sizes, behind, strides, strict=True)
        )
        return behind, strides, smallest

    def grid_behind(self, grid: Grid) -> Grid:
        behind, strides, _ = self.smallest_canvas(grid.sizes)
        canvas = (places // stride for places, stride in zip(grid.canvas, strides, strict=True))
        return Grid(behind, tuple(canvas))

    def offsets_below(self, offsets: Offsets, grid: Grid, of_samples: bool) -> Offsets:
        return all_offsets(grid)

    def field_of_samples(self, field: Field, offsets: Offsets) -> tuple[Field, Statistics]:
        return self._mapped(field), ()

    def field_of_pairs(
        self, field: Field, offsets: Offsets, left: Statistics, right: Statistics
    ) -> Field:
        return self._mapped(field)

    def _mapped(self, field: Field) -> Field:
        grid = self.grid_behind(field.grid)
        state = pixel_matrices(field)
        matrices = self.matrices(field.grid.sizes, state.nngp.dtype)

        def at_both_positions(values: Array) -> Array:
            n_pixels, n_pairs = prod(grid.sizes), values.shape[-1]
            values = values.reshape(*field.grid.sizes, *field.grid.sizes, n_pairs)
            for axis, matrix in enumerate((*matrices, *matrices)):
                sums = jnp.tensordot(matrix, values, (1, axis), precision="highest")
                values = jnp.moveaxis(sums, 0, axis)
            return values.reshape(n_pixels, n_pixels, n_pairs)

        return from_pixel_matrices(field, PairState(*map(at_both_positions, state)), grid)
