"""Layers that multiply the positions of an axis by a matrix."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import jax.numpy as jnp

from skntk.architecture.core.layer import Layer
from skntk.architecture.propagation.dense_covariance import (
    all_offsets,
    from_dense,
    to_dense,
)
from skntk.architecture.propagation.pixel_covariance import Grid, Offsets, PixelCovariance
from skntk.architecture.propagation.state import Array, PairState, Statistics


class PositionMatrixLayer(Layer):
    """A layer without parameters that is linear in the positions: ``K' = M K M^T``, ``T'`` alike.

    M is the product of one matrix for each spatial axis, which subclasses define.
    """

    def output_sizes(self, sizes: tuple[int, ...]) -> tuple[int, ...]:
        """Return the pixels of the outputs from those of the inputs.

        Parameters
        ----------
        sizes : tuple of int
            Pixels of the inputs along every spatial axis.

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
            Pixels of the inputs along every spatial axis.
        dtype : dtype
            That of the kernels.

        Returns
        -------
        sequence of arrays of shape (output pixels, input pixels)
            One for each axis.
        """
        raise NotImplementedError

    def outputs_are_gaussian(self, inputs_are_gaussian: bool = False) -> bool:
        return inputs_are_gaussian

    def smallest_period(
        self, sizes: tuple[int, ...]
    ) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
        outputs = self.output_sizes(sizes)
        # A smaller image has a smaller period.
        strides = tuple(max(n // m, 1) for n, m in zip(sizes, outputs, strict=True))
        smallest = tuple(
            max(n, stride * m) for n, m, stride in zip(sizes, outputs, strides, strict=True)
        )
        return outputs, strides, smallest

    def output_grid(self, grid: Grid) -> Grid:
        outputs, strides, _ = self.smallest_period(grid.sizes)
        period = (period // stride for period, stride in zip(grid.period, strides, strict=True))
        return Grid(outputs, tuple(period))

    def input_offsets(self, offsets: Offsets, grid: Grid, is_diagonal: bool) -> Offsets:
        return all_offsets(grid)

    def propagate_sample_pixels(
        self, covariance: PixelCovariance, offsets: Offsets
    ) -> tuple[PixelCovariance, Statistics]:
        return self._mapped(covariance), ()

    def propagate_pair_pixels(
        self, covariance: PixelCovariance, offsets: Offsets, left: Statistics, right: Statistics
    ) -> PixelCovariance:
        return self._mapped(covariance)

    def _mapped(self, covariance: PixelCovariance) -> PixelCovariance:
        grid = self.output_grid(covariance.grid)
        state = to_dense(covariance)
        matrices = self.matrices(covariance.grid.sizes, state.nngp.dtype)

        def at_both_positions(values: Array) -> Array:
            n_pixels, n_pairs = prod(grid.sizes), values.shape[-1]
            values = values.reshape(*covariance.grid.sizes, *covariance.grid.sizes, n_pairs)
            for axis, matrix in enumerate((*matrices, *matrices)):
                sums = jnp.tensordot(matrix, values, (1, axis), precision="highest")
                values = jnp.moveaxis(sums, 0, axis)
            return values.reshape(n_pixels, n_pixels, n_pairs)

        return from_dense(covariance, PairState(*map(at_both_positions, state)), grid)
