"""Convolutions whose weights are not shared."""

from __future__ import annotations

from functools import reduce
from math import prod
from operator import and_
from typing import ClassVar, Self

import jax
import jax.numpy as jnp
from jax import lax

from skntk.architecture.core.protocols import Parameters
from skntk.architecture.layers.convolution import Conv
from skntk.architecture.propagation.finite import pad_inputs
from skntk.architecture.propagation.pixel_covariance import (
    Grid,
    Offset,
    Offsets,
    PixelCovariance,
    value_of,
)
from skntk.architecture.propagation.state import Array, PairState, Statistics

__all__ = ["ConvLocal"]


class ConvLocal(Conv):
    """A convolution with weights and biases of its own at every output position.

    Outputs at different positions are independent: ``K'(p, p)`` and ``T'(p, p)`` are those of
    `Conv`, and ``K'(p, p') = T'(p, p') = 0`` for all other pairs of positions [1]_. Pooled outputs
    therefore know less of shifted images than those of `Conv`.

    Parameters
    ----------
    filter_shape : tuple of int
        Size of the filter along every spatial axis: (height, width), or (length,).
    strides : tuple of int, default=None
        Steps of the filter along every axis; None is 1.
    padding : {"SAME", "VALID", "CIRCULAR"}, default="SAME"
        As for `Conv`.
    weight_std : float, default=1.0
        Standard deviation of the weights, at least 0.
    bias_std : float or None, default=0.0
        Standard deviation of the biases, at least 0; None is 0.

    References
    ----------
    .. [1] Novak et al., "Bayesian deep convolutional networks with many channels are Gaussian
       processes", ICLR 2019.

    Examples
    --------
    >>> import numpy as np
    >>> from skntk import gram_matrix
    >>> from skntk.architecture import Conv, ConvLocal, GlobalAvgPool, Serial
    >>> X = np.ones((1, 2, 2, 1))
    >>> gram_matrix(Serial([Conv((1, 1)), GlobalAvgPool()]), X)
    array([[1.]])
    >>> gram_matrix(Serial([ConvLocal((1, 1)), GlobalAvgPool()]), X)
    array([[0.25]])
    """

    category: ClassVar[str | None] = "spatial"

    @classmethod
    def examples(cls) -> list[Self]:
        return [cls((2, 3), (2, 1), "SAME", 1.3, 0.2), cls((3,), (2,), "CIRCULAR", 1.1, 0.3)]

    def input_offsets(self, offsets: Offsets, grid: Grid, is_diagonal: bool) -> Offsets:
        return super().input_offsets(((0,),) * len(offsets), grid, is_diagonal)

    def propagate_sample_pixels(
        self, covariance: PixelCovariance, offsets: Offsets
    ) -> tuple[PixelCovariance, Statistics]:
        shared, statistics = super().propagate_sample_pixels(covariance, ((0,),) * len(offsets))
        return _without_other_pairs(shared), statistics

    def propagate_pair_pixels(
        self, covariance: PixelCovariance, offsets: Offsets, left: Statistics, right: Statistics
    ) -> PixelCovariance:
        shared = super().propagate_pair_pixels(covariance, ((0,),) * len(offsets), left, right)
        return _without_other_pairs(shared)

    def initialize(
        self, key: Array, input_shape: tuple[int, ...], width: int, outputs: int
    ) -> Parameters:
        weight_key, bias_key = jax.random.split(key)
        *sizes, _ = self.finite_output_shape(input_shape, outputs)
        fan_in = prod(self.filter_shape) * input_shape[-1]
        weights = jax.random.normal(weight_key, (*sizes, fan_in, outputs))
        return weights, jax.random.normal(bias_key, (*sizes, outputs))

    def apply(self, parameters: Parameters, inputs: Array, key: Array | None = None) -> Array:
        weights, biases = parameters
        windows = self._windows(inputs.ndim - 2)
        axes = "HW"[: len(windows)]
        sums = lax.conv_general_dilated_local(
            pad_inputs(inputs, windows),
            weights,
            tuple(window.stride for window in windows),
            "VALID",
            filter_shape=tuple(self.filter_shape),
            dimension_numbers=(f"N{axes}C", f"{axes}IO", f"N{axes}C"),
            precision="highest",
        )
        scale = self.weight_std / jnp.sqrt(weights.shape[-2])
        return scale * sums + self.canonical("bias_std") * biases[jnp.newaxis]


def _without_other_pairs(shared: PixelCovariance) -> PixelCovariance:
    """Return the covariance with 0 at the pairs of two different positions."""
    state = shared.at(shared.zero)

    def compute(offset: Offset) -> PairState:
        same = reduce(and_, (jnp.equal(value_of(at), 0) for at in offset))
        return PairState(*(jnp.where(same, values, 0) for values in state))

    return shared.mapped(compute, shared.grid)
