"""Convolutions that grow an image."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any, ClassVar, Self

import jax.numpy as jnp
import numpy as np
from jax import lax

from skntk.architecture.core.protocols import Parameters
from skntk.architecture.layers.convolution import Conv
from skntk.architecture.propagation.finite import as_channels
from skntk.architecture.propagation.gather import gather_sum, gathered_offsets
from skntk.architecture.propagation.pixel_covariance import Grid, Offset, Offsets, PixelCovariance
from skntk.architecture.propagation.state import Array, PairState, Statistics

__all__ = ["ConvTranspose"]


@dataclass(frozen=True)
class SpreadWindow:
    """A window on one axis whose pixels stand ``stride`` positions apart, with zeros in between.

    Attributes
    ----------
    size, stride : int
    padding : {"SAME", "VALID", "CIRCULAR"}
    """

    size: int
    stride: int
    padding: str

    def output_size(self, n: int) -> int:
        """Return the number of output positions."""
        beyond = max(self.size - self.stride, 0) if self.padding == "VALID" else 0
        return n * self.stride + beyond

    @property
    def before(self) -> int:
        """How many positions of the first window are before the first pixel."""
        if self.padding == "VALID" or self.stride >= self.size:
            return self.size - 1
        return -(-(self.size + self.stride - 2) // 2)

    def indices(self, n: int, period: int) -> np.ndarray:
        """Return the pixel by place of the window and output position, -1 where there is none."""
        position = np.arange(period)
        at = position + np.arange(self.size)[:, None] - self.before
        if self.padding == "CIRCULAR":
            at %= n * self.stride
        is_pixel = (at >= 0) & (at < n * self.stride) & (at % self.stride == 0)
        return np.where(is_pixel & (position < self.output_size(n)), at // self.stride, -1)


class ConvTranspose(Conv):
    """A transposed convolution: the pixels spread out by the strides, and a convolution over them.

    With F positions in the filter, and zeros between the spread pixels of K, ``K'(p, p') =
    weight_std^2 / F * sum_d K(p + d, p' + d) + bias_std^2``, and ``T'`` is ``K'`` and the same sum
    of T without the bias [1]_. Layers below are computed on as many positions as the grown
    image has.

    Parameters
    ----------
    filter_shape : tuple of int
        Size of the filter along every spatial axis: (height, width), or (length,).
    strides : tuple of int, default=None
        How many times larger the image becomes along every axis; None is 1.
    padding : {"SAME", "VALID", "CIRCULAR"}, default="SAME"
        With SAME the size is multiplied by the stride; with VALID all outputs that read a pixel
        are kept; CIRCULAR repeats the spread image.
    weight_std : float, default=1.0
        Standard deviation of the weights, at least 0.
    bias_std : float or None, default=0.0
        Standard deviation of the biases, at least 0; None is 0.

    References
    ----------
    .. [1] Novak et al., "Neural Tangents: Fast and easy infinite neural networks in Python", ICLR
       2020.

    Examples
    --------
    >>> from skntk.architecture import ConvTranspose
    >>> ConvTranspose((3, 3), (2, 2)).output_shape((8, 8, 3))
    (16, 16, 3)
    """

    category: ClassVar[str | None] = "spatial"

    @classmethod
    def examples(cls) -> list[Self]:
        return [cls((3, 2), (2, 1), "SAME", 1.3, 0.2), cls((3,), (2,), "VALID", 1.1, 0.3)]

    def _windows(self, n_axes: int) -> tuple[Any, ...]:
        strides = (1,) * n_axes if self.strides is None else self.strides
        return tuple(
            SpreadWindow(size, stride, self.padding)
            for size, stride in zip(self.filter_shape, strides, strict=True)
        )

    def smallest_period(
        self, sizes: tuple[int, ...]
    ) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
        windows = self._windows(len(sizes))
        outputs = tuple(window.output_size(n) for window, n in zip(windows, sizes, strict=True))
        return outputs, (1,) * len(sizes), outputs

    def output_grid(self, grid: Grid) -> Grid:
        return Grid(self.smallest_period(grid.sizes)[0], grid.period)

    def _indices(self, grid: Grid) -> list[np.ndarray]:
        windows = self._windows(len(grid.sizes))
        return [window.indices(*sizes) for window, *sizes in zip(windows, *grid, strict=True)]

    def input_offsets(self, offsets: Offsets, grid: Grid, is_diagonal: bool) -> Offsets:
        return gathered_offsets(offsets, grid.period, self._indices(grid))

    def propagate_sample_pixels(
        self, covariance: PixelCovariance, offsets: Offsets
    ) -> tuple[PixelCovariance, Statistics]:
        return self._spread(covariance, offsets), ()

    def propagate_pair_pixels(
        self, covariance: PixelCovariance, offsets: Offsets, left: Statistics, right: Statistics
    ) -> PixelCovariance:
        return self._spread(covariance, offsets)

    def _spread(self, covariance: PixelCovariance, offsets: Offsets) -> PixelCovariance:
        grid = self.output_grid(covariance.grid)
        sums = gather_sum(covariance, offsets, grid, self._indices(covariance.grid))
        weight_variance = self.weight_std * self.weight_std / prod(self.filter_shape)
        bias_std = self.canonical("bias_std")

        def compute(offset: Offset) -> PairState:
            nngp, ntk = sums.at(offset)
            outputs = weight_variance * nngp + bias_std * bias_std
            return PairState(outputs, outputs + weight_variance * ntk)

        return sums.mapped(compute)

    def apply(self, parameters: Parameters, inputs: Array, key: Array | None = None) -> Array:
        weights, biases = parameters
        windows = self._windows(inputs.ndim - 2)
        for axis, window in enumerate(windows, start=1):
            inputs = _spread(inputs, window, axis)
        axes = "HW"[: len(windows)]
        sums = lax.conv_general_dilated(
            inputs,
            weights,
            (1,) * len(windows),
            "VALID",
            dimension_numbers=(f"N{axes}C", f"{axes}IO", f"N{axes}C"),
            precision="highest",
        )
        scale = self.weight_std / jnp.sqrt(prod(weights.shape[:-1]))
        return scale * sums + self.canonical("bias_std") * as_channels(biases, sums)


def _spread(inputs: Array, window: SpreadWindow, axis: int) -> Array:
    """Return activations with zeros between the pixels of an axis, and all that windows read."""
    n = inputs.shape[axis]
    spread = n * window.stride
    after = window.output_size(n) + window.size - 1 - window.before - spread
    pads = [(0, 0, 0)] * inputs.ndim
    pads[axis] = (0, window.stride - 1, window.stride - 1)
    inputs = lax.pad(inputs, jnp.zeros((), inputs.dtype), pads)
    if window.padding == "CIRCULAR":
        return jnp.take(inputs, jnp.arange(-window.before, spread + after) % spread, axis=axis)
    ends = [(0, 0)] * inputs.ndim
    ends[axis] = (window.before, after)
    return jnp.pad(inputs, ends)
