"""Layer normalization."""

from __future__ import annotations

from typing import ClassVar

import jax.numpy as jnp
from jax import lax

from skntk.architecture.layer import Layer, Parameters
from skntk.architecture.state import Array, PairState, SampleState, Statistics
from skntk.architecture.validation import check_real

__all__ = ["LayerNorm"]


class LayerNorm(Layer):
    """Division of each sample, at every position, by the root mean square of its channels [1]_.

    ``K' = K / sqrt((K(x, x) + eps)(K(z, z) + eps))`` and ``T' = T / sqrt((K(x, x) + eps)(K(z, z) +
    eps))``. In a network of many channels behind a `Dense` layer the mean over the channels
    vanishes, and so it is not subtracted.

    Parameters
    ----------
    axes : {"channels"}, default="channels"
        What the mean square is taken over.
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

    def __init__(self, axes: str = "channels", eps: float = 1e-12) -> None:
        self.axes = axes
        self.eps = eps

    @classmethod
    def examples(cls) -> list[LayerNorm]:
        return [cls(), cls(eps=0.1)]

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        if self.axes != "channels":
            raise ValueError(f"LayerNorm(axes={self.axes!r}): axes must be 'channels'.")
        check_real(self, "eps", minimum=0, exclusive=True)
        return input_shape

    def propagate_samples(self, state: SampleState) -> tuple[SampleState, Statistics]:
        variance = state.nngp + self.eps
        return SampleState(state.nngp / variance, state.ntk / variance), lax.rsqrt(variance)

    def propagate_pairs(self, state: PairState, left: Statistics, right: Statistics) -> PairState:
        factor = left * right
        return PairState(state.nngp * factor, state.ntk * factor)

    def apply(self, parameters: Parameters, inputs: Array, key: Array | None = None) -> Array:
        mean_square = jnp.mean(inputs * inputs, axis=-1, keepdims=True)
        return inputs * lax.rsqrt(mean_square + self.eps)
