"""Layer normalization."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import ClassVar

import jax.numpy as jnp
from jax import lax

from skntk._validation import check_real, is_integer
from skntk.architecture.core.layer import Layer
from skntk.architecture.core.protocols import Parameters
from skntk.architecture.propagation.correlation import CorrelationState
from skntk.architecture.propagation.pixel_covariance import (
    Offset,
    Offsets,
    PixelCovariance,
    Shifted,
)
from skntk.architecture.propagation.state import Array, PairState, SampleState, Statistics

__all__ = ["LayerNorm"]


class LayerNorm(Layer):
    """Division of each sample by the root mean square of its channels [1]_.

    ``K' = K / sqrt((v(x) + eps)(v(z) + eps))`` and ``T' = T / sqrt((v(x) + eps)(v(z) + eps))`` with
    ``v(x) = K(x, x)``, or its mean over positions. In a network of many channels after a `Dense`
    layer the mean over the channels vanishes, and so it is not subtracted.

    Parameters
    ----------
    axes : {"channels", "all"} or sequence of int, default="channels"
        What the mean square is taken over: the channels, at every position of an image or sequence;
        or all positions too; or too those along some spatial axes, such as ``[0]`` for the first.
    eps : float, default=1e-12
        Added to the mean square, greater than 0: a sample of zeros stays zero.

    References
    ----------
    .. [1] Ba, Kiros, Hinton, "Layer normalization", 2016.

    Examples
    --------
    >>> from skntk import gram_matrix
    >>> from skntk.architecture import LayerNorm
    >>> gram_matrix(LayerNorm(), [[2.0], [-3.0]], kind="nngp")
    array([[ 1., -1.],
           [-1.,  1.]])
    """

    category: ClassVar[str | None] = "layer"
    static: ClassVar[tuple[str, ...]] = ("axes",)
    fixed_by_default: ClassVar[tuple[str, ...]] = ("eps",)

    def __init__(self, axes: str | Sequence[int] = "channels", eps: float = 1e-12) -> None:
        self.axes = axes
        self.eps = eps

    @classmethod
    def examples(cls) -> list[LayerNorm]:
        return [cls(), cls(eps=0.1)]

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        self._check_axes(len(input_shape) - 1)
        check_real(self, "eps", minimum=0, exclusive=True)
        return input_shape

    def _check_axes(self, n_axes: int) -> None:
        if isinstance(self.axes, str) and self.axes in ("channels", "all"):
            return
        label, numbers = f"LayerNorm(axes={self.axes!r})", self.axes
        if (
            not isinstance(numbers, list | tuple)
            or not numbers
            or not all(map(is_integer, numbers))
        ):
            raise ValueError(
                f"{label}: axes must be 'channels', 'all' or a list of spatial axes such as [0]."
            )
        if len(set(numbers)) < len(numbers):
            raise ValueError(f"{label}: axes names an axis twice.")
        if min(numbers) < 0 or max(numbers) >= n_axes:
            raise ValueError(
                f"{label}: the spatial axes of the input are {list(range(n_axes))}; 0 is the first."
            )

    def _averaged(self, n_axes: int) -> tuple[int, ...]:
        """Return the spatial axes over which the mean square is taken."""
        if self.axes == "channels":
            return ()
        return tuple(range(n_axes)) if isinstance(self.axes, str) else tuple(self.axes)

    def propagate_samples(self, state: SampleState) -> tuple[SampleState, Statistics]:
        variance = state.nngp + self.eps
        return SampleState(state.nngp / variance, state.ntk / variance), lax.rsqrt(variance)

    def propagate_pairs(self, state: PairState, left: Statistics, right: Statistics) -> PairState:
        factor = left * right
        return PairState(state.nngp * factor, state.ntk * factor)

    def propagate_scales(self, state: SampleState) -> tuple[SampleState, Statistics]:
        return self.propagate_samples(state)[0], ()

    def propagate_correlations(
        self, state: CorrelationState, left: Statistics, right: Statistics
    ) -> CorrelationState:
        return state

    def propagate_sample_pixels(
        self, covariance: PixelCovariance, offsets: Offsets
    ) -> tuple[PixelCovariance, Statistics]:
        sizes = covariance.grid.sizes
        averaged = self._averaged(len(sizes))
        if not averaged:
            return super().propagate_sample_pixels(covariance, offsets)
        squares = covariance.inside(covariance.zero, covariance.at(covariance.zero)).nngp
        n_averaged = prod(sizes[axis] for axis in averaged)
        means = jnp.sum(squares, averaged, keepdims=True) / n_averaged
        factors = jnp.broadcast_to(lax.rsqrt(means + self.eps), squares.shape)
        shifted = Shifted(factors, len(sizes))

        def compute(offset: Offset) -> PairState:
            return self.propagate_pairs(covariance.at(offset), factors, shifted.at(offset))

        return covariance.mapped(compute), factors

    def apply(self, parameters: Parameters, inputs: Array, key: Array | None = None) -> Array:
        averaged = (*(axis + 1 for axis in self._averaged(inputs.ndim - 2)), -1)
        mean_square = jnp.mean(inputs * inputs, axis=averaged, keepdims=True)
        return inputs * lax.rsqrt(mean_square + self.eps)
