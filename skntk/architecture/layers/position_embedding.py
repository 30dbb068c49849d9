"""Embeddings of positions: what tells one position from another."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from skntk._validation import check_choice, check_real
from skntk.architecture.core.input_shapes import check_spatial_input
from skntk.architecture.core.layer import Layer
from skntk.architecture.core.protocols import Parameters
from skntk.architecture.propagation.dense_covariance import coordinates
from skntk.architecture.propagation.pixel_covariance import (
    Grid,
    Offset,
    Offsets,
    PixelCovariance,
    value_of,
)
from skntk.architecture.propagation.state import Array, PairState, Statistics

__all__ = ["PositionEmbedding"]

MODES = ("sum", "concat")


class PositionEmbedding(Layer):
    """Trained Gaussian vectors of the positions, added to the channels or put beside them.

    The vectors of positions p, p' have the correlation ``R(p, p') = exp(-decay_rate * sum_axes |p -
    p'|^p_norm)``, and every sample has the same. Added (``mode="sum"``), ``K' = K + std^2 R`` and
    ``T' = T + std^2 R``. Put beside the channels (``mode="concat"``), for each of which there are
    ``channel_ratio`` of the embedding, ``K' = (K + channel_ratio std^2 R) / (1 + channel_ratio)``
    and ``T'`` alike [1]_.

    In line with other layers it marks their inputs. As ``position_embedding`` of `SelfAttention` it
    marks what keys and queries are made of.

    Parameters
    ----------
    mode : {"sum", "concat"}, default="sum"
        Whether the embedding is added to the channels or put beside them.
    std : float, default=1.0
        Standard deviation of the embedding, at least 0.
    decay_rate : float or None, default=None
        How fast the correlation falls with the distance, at least 0; None means that different
        positions are independent.
    p_norm : float, default=2.0
        Power of the distance along each axis, greater than 0 and at most 2: for greater ones R is
        no correlation.
    channel_ratio : float, default=1.0
        How many channels the embedding has for each of the inputs, where it is put beside them: E
        / C for E beside C. At least 0.

    References
    ----------
    .. [1] Hron, Bahri, Sohl-Dickstein, Novak, "Infinite attention: NNGP and NTK for deep attention
       networks", ICML 2020.

    See Also
    --------
    SelfAttention : Attends to all positions.

    Examples
    --------
    >>> import numpy as np
    >>> from skntk import gram_matrix
    >>> from skntk.architecture import GlobalAvgPool, PositionEmbedding, Serial
    >>> network = Serial([PositionEmbedding(std=2.0), GlobalAvgPool()])
    >>> gram_matrix(network, np.zeros((1, 8, 3)), kind="nngp")
    array([[0.5]])
    """

    category: ClassVar[str | None] = "spatial"
    static: ClassVar[tuple[str, ...]] = ("mode",)
    fixed_by_default: ClassVar[tuple[str, ...]] = ("channel_ratio", "p_norm")

    def __init__(
        self,
        mode: str = "sum",
        std: float = 1.0,
        decay_rate: float | None = None,
        p_norm: float = 2.0,
        channel_ratio: float = 1.0,
    ) -> None:
        self.mode = mode
        self.std = std
        self.decay_rate = decay_rate
        self.p_norm = p_norm
        self.channel_ratio = channel_ratio

    @classmethod
    def examples(cls) -> list[PositionEmbedding]:
        return [cls("sum", 0.8, 0.4, 1.3), cls("concat", 1.2, channel_ratio=1.5)]

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        check_choice(self, "mode", MODES)
        check_real(self, "std", minimum=0)
        if self.decay_rate is not None:
            check_real(self, "decay_rate", minimum=0)
        if check_real(self, "p_norm", minimum=0, maximum=2) == 0:
            raise ValueError(f"PositionEmbedding(p_norm={self.p_norm!r}): p_norm must be > 0.")
        check_real(self, "channel_ratio", minimum=0)
        check_spatial_input(self, input_shape)
        return input_shape

    def outputs_are_gaussian(self, inputs_are_gaussian: bool = False) -> bool:
        return inputs_are_gaussian and self.mode == "sum"

    # Infinite width --------------------------------------------------------------------------

    def propagate_sample_pixels(
        self, covariance: PixelCovariance, offsets: Offsets
    ) -> tuple[PixelCovariance, Statistics]:
        return self._map(covariance), ()

    def propagate_pair_pixels(
        self, covariance: PixelCovariance, offsets: Offsets, left: Statistics, right: Statistics
    ) -> PixelCovariance:
        return self._map(covariance)

    def _map(self, covariance: PixelCovariance) -> PixelCovariance:
        steps = [_steps_on_circle(period) for period in covariance.grid.period]

        def compute(offset: Offset) -> PairState:
            state = covariance.at(offset)
            axis_steps = [
                jnp.asarray(by_offset)[value_of(at)]
                for by_offset, at in zip(steps, offset, strict=True)
            ]
            return self.embedded(state, self._correlation(jnp.ix_(*axis_steps), state.nngp.dtype))

        return covariance.mapped(compute)

    def correlation(self, grid: Grid, dtype: jnp.dtype) -> Array:
        """Return R of all pairs of pixels.

        Parameters
        ----------
        grid : Grid
            Pixels along every spatial axis.
        dtype : dtype
            That of the kernels.

        Returns
        -------
        array of shape (pixels, pixels)
            1 on its diagonal.
        """
        at = coordinates(grid)
        return self._correlation(np.abs(at[:, :, None] - at[:, None, :]), dtype)

    def embedded(self, state: PairState, correlation: Array) -> PairState:
        """Return kernels with the embedding of their positions.

        Parameters
        ----------
        state : PairState
            Arrays of shape ``(*positions, pairs)``.
        correlation : array of shape ``positions``
            R of each pair of positions.

        Returns
        -------
        PairState
            Of the same shape.
        """
        embedding = self.std * self.std * correlation[..., None]
        if self.mode == "sum":
            return PairState(*(values + embedding for values in state))
        beside, n_channels = self.channel_ratio * embedding, 1 + self.channel_ratio
        return PairState(*((values + beside) / n_channels for values in state))

    def _correlation(self, steps: Sequence[Array] | np.ndarray, dtype: jnp.dtype) -> Array:
        """Return R from the steps between two positions along every axis."""
        if self.decay_rate is None:
            return jnp.asarray(sum(steps) == 0, dtype)
        # No step stays none for any power, and has no derivative.
        powers = (
            jnp.where(distance > 0, jnp.maximum(distance, 1).astype(dtype) ** self.p_norm, 0)
            for distance in steps
        )
        return jnp.exp(-self.decay_rate * sum(powers))

    # Finite width ----------------------------------------------------------------------------

    def _channels(self, input_shape: tuple[int, ...]) -> int:
        if self.mode == "sum":
            return input_shape[-1]
        return round(input_shape[-1] * self.channel_ratio)

    def initialize(
        self, key: Array, input_shape: tuple[int, ...], width: int, outputs: int
    ) -> Parameters:
        return jax.random.normal(key, (prod(input_shape[:-1]), self._channels(input_shape)))

    def apply(self, parameters: Parameters, inputs: Array, key: Array | None = None) -> Array:
        sizes = inputs.shape[1:-1]
        values, vectors = jnp.linalg.eigh(self.correlation(Grid(sizes, sizes), inputs.dtype))
        root = vectors * jnp.sqrt(jnp.maximum(values, 0))[jnp.newaxis]
        embedding = self.std * jnp.matmul(root, parameters, precision="highest")
        embedding = embedding.reshape(1, *sizes, -1)
        if self.mode == "sum":
            return inputs + embedding
        beside = jnp.broadcast_to(embedding, (len(inputs), *embedding.shape[1:]))
        return jnp.concatenate([inputs, beside], axis=-1)

    def finite_output_shape(self, input_shape: tuple[int, ...], outputs: int) -> tuple[int, ...]:
        beside = self._channels(input_shape) if self.mode == "concat" else 0
        return (*input_shape[:-1], input_shape[-1] + beside)


def _steps_on_circle(period: int) -> np.ndarray:
    """Return distances on a line by offset and left position, shape (period, period)."""
    offset, left = np.indices((period, period))
    return np.abs((left + offset) % period - left)
