"""Self-attention."""

from __future__ import annotations

from collections.abc import Callable
from math import isqrt
from typing import ClassVar

import jax
import jax.numpy as jnp

from skntk._validation import check_boolean, check_choice, check_real
from skntk.architecture.core.input_shapes import check_spatial_input
from skntk.architecture.core.layer import Layer
from skntk.architecture.core.protocols import Parameters
from skntk.architecture.core.pytree import CanonicalForms, zero_if_none
from skntk.architecture.layers.position_embedding import PositionEmbedding
from skntk.architecture.propagation.dense_covariance import (
    all_offsets,
    crop_positions,
    from_dense,
    pad_positions,
    to_dense,
)
from skntk.architecture.propagation.finite import as_channels
from skntk.architecture.propagation.pixel_covariance import Grid, Offsets, PixelCovariance
from skntk.architecture.propagation.state import Array, PairState, Statistics

__all__ = ["SelfAttention"]

STDS = ("key_std", "query_std", "value_std", "out_std")


def _softmax(scores: Array, axis: int) -> Array:
    return jax.nn.softmax(scores, axis=axis)


def _elementwise(function: Callable[[Array], Array]) -> Callable[[Array, int], Array]:
    return lambda scores, axis: function(scores)


MECHANISMS: dict[str, Callable[[Array, int], Array]] = {
    "softmax": _softmax,
    "identity": _elementwise(lambda scores: scores),
    "relu": _elementwise(jax.nn.relu),
    "abs": _elementwise(jnp.abs),
}
"""What makes weights of scores, and the axis of the positions that are read."""


class SelfAttention(Layer):
    """Weighted sums over all positions, weighted by how alike the positions are.

    A head of width d makes queries, keys and values of all positions, and weighs the values of
    the positions q for the position p by ``h(scores[p, q])``, h the ``mechanism``. With ``S =
    query_std * key_std`` and ``V = (value_std * out_std)^2`` the kernels map as follows [1]_.

    * Scores ``query . key / d`` of tied queries and keys (``linear_scaling=True``) become certain:
      ``G_x = h(S K(x, x))``, a matrix of positions. With ``M(A) = G_x A G_z^T`` the kernels are
      ``K' = V M(K) + bias_std^2`` and ``T' = V M(T) + 2 V M(K) + bias_std^2``.
    * Scores ``query . key / sqrt(d)`` of independent queries and keys (``linear_scaling=False``)
      stay random, and the identity is the mechanism with a closed form. With ``<A, B>`` the sum of
      the products of all entries of two matrices of positions, ``K' = S^2 V <K, K> K + bias_std^2``
      and ``T' = S^2 V (<K, K> T + 2 <K, T> K + 4 <K, K> K) + bias_std^2``, for many heads.

    With a ``position_embedding``, queries and keys read inputs of the kernels ``E(K)`` and ``E(T)``
    that it makes of K and T; the values read these too if ``position_in_values``, or else K and T.
    Then ``G_x = h(S E(K)(x, x))``; and without linear scaling, A and B being the kernels that the
    values read, ``K' = S^2 V <E(K), A> E(K) + bias_std^2`` and ``T' = S^2 V (<E(K), A> E(T) +
    (<E(K), B> + <E(T), A>) E(K) + 4 <E(K), A> E(K)) + bias_std^2``.

    Parameters
    ----------
    linear_scaling : bool, default=True
        Whether the scores are divided by the width of the keys, which ties queries and keys, or by
        its square root.
    mechanism : {"softmax", "identity", "relu", "abs"}, default="softmax"
        What makes weights of the scores: the softmax over all positions, or an elementwise
        function. Without linear scaling "identity" alone.
    key_std, query_std, value_std, out_std : float, default=1.0
        Standard deviations of the weights of keys, queries, values and outputs, at least 0.
    bias_std : float or None, default=0.0
        Standard deviation of the biases, at least 0; None is 0.
    position_embedding : PositionEmbedding or None, default=None
        What tells the positions apart; None lets attention depend on what stands at the positions
        alone.
    position_in_values : bool, default=False
        Whether the values too are made of inputs with the embedding.

    References
    ----------
    .. [1] Hron, Bahri, Sohl-Dickstein, Novak, "Infinite attention: NNGP and NTK for deep attention
       networks", ICML 2020.

    See Also
    --------
    PositionEmbedding : Tells the positions apart.

    Examples
    --------
    >>> import numpy as np
    >>> from skntk import gram_matrix
    >>> from skntk.architecture import Flatten, SelfAttention, Serial
    >>> network = Serial([SelfAttention(value_std=2.0), Flatten()])
    >>> gram_matrix(network, np.ones((1, 4, 3)), kind="nngp")
    array([[4.]])
    """

    category: ClassVar[str | None] = "spatial"
    static: ClassVar[tuple[str, ...]] = ("linear_scaling", "mechanism", "position_in_values")
    canonical_forms: ClassVar[CanonicalForms] = {"bias_std": zero_if_none}

    def __init__(
        self,
        linear_scaling: bool = True,
        mechanism: str = "softmax",
        key_std: float = 1.0,
        query_std: float = 1.0,
        value_std: float = 1.0,
        out_std: float = 1.0,
        bias_std: float | None = 0.0,
        position_embedding: PositionEmbedding | None = None,
        position_in_values: bool = False,
    ) -> None:
        self.linear_scaling = linear_scaling
        self.mechanism = mechanism
        self.key_std = key_std
        self.query_std = query_std
        self.value_std = value_std
        self.out_std = out_std
        self.bias_std = bias_std
        self.position_embedding = position_embedding
        self.position_in_values = position_in_values

    @classmethod
    def examples(cls) -> list[SelfAttention]:
        return [
            cls(True, "softmax", 1.1, 0.9, 1.2, 1.1, 0.2, PositionEmbedding("sum", 0.6, 0.3), True),
            cls(False, "identity", 0.6, 0.7, 0.8, 0.9, 0.1, PositionEmbedding("concat", 0.9, 0.3)),
        ]

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        check_spatial_input(self, input_shape)
        self._check_words()
        for name in STDS:
            check_real(self, name, minimum=0)
        if self.bias_std is not None:
            check_real(self, "bias_std", minimum=0)
        if self.position_embedding is not None:
            if not isinstance(self.position_embedding, PositionEmbedding):
                raise TypeError(
                    f"SelfAttention(position_embedding={self.position_embedding!r}): "
                    "position_embedding must be a PositionEmbedding(...) or None."
                )
            self.position_embedding.output_shape(input_shape)
        return input_shape

    def _check_words(self) -> None:
        check_boolean(self, "linear_scaling")
        check_boolean(self, "position_in_values")
        check_choice(self, "mechanism", tuple(MECHANISMS))
        if not self.linear_scaling and self.mechanism != "identity":
            raise ValueError(
                f"SelfAttention(linear_scaling=False, mechanism={self.mechanism!r}) has no kernel "
                "in closed form: use mechanism='identity' or linear_scaling=True."
            )

    def outputs_are_gaussian(self, inputs_are_gaussian: bool = False) -> bool:
        return True

    # Infinite width --------------------------------------------------------------------------

    def input_offsets(self, offsets: Offsets, grid: Grid, is_diagonal: bool) -> Offsets:
        return all_offsets(grid)

    def propagate_sample_pixels(
        self, covariance: PixelCovariance, offsets: Offsets
    ) -> tuple[PixelCovariance, Statistics]:
        values, keys = self._read(covariance)
        if not self.linear_scaling:
            return self._random_scores(covariance, values, keys), ()
        # Axes: the position that is read, the position that reads, the sample.
        weights = self._weigh(self.query_std * self.key_std * keys.nngp, 0)
        outputs = self._certain_scores(covariance, values, weights, weights)
        return outputs, pad_positions(weights, covariance.grid)

    def propagate_pair_pixels(
        self, covariance: PixelCovariance, offsets: Offsets, left: Statistics, right: Statistics
    ) -> PixelCovariance:
        values, keys = self._read(covariance)
        if not self.linear_scaling:
            return self._random_scores(covariance, values, keys)
        weights = (crop_positions(statistics, covariance.grid) for statistics in (left, right))
        return self._certain_scores(covariance, values, *weights)

    def _read(self, covariance: PixelCovariance) -> tuple[PairState, PairState]:
        """Return the kernels of what values, and of what keys and queries are made of."""
        inputs = to_dense(covariance)
        if self.position_embedding is None:
            return inputs, inputs
        correlation = self.position_embedding.correlation(covariance.grid, inputs.nngp.dtype)
        embedded = self.position_embedding.embedded(inputs, correlation)
        return (embedded if self.position_in_values else inputs), embedded

    def _weigh(self, scores: Array, axis: int) -> Array:
        return MECHANISMS[self.mechanism](scores, axis)

    def _certain_scores(
        self, covariance: PixelCovariance, values: PairState, left: Array, right: Array
    ) -> PixelCovariance:
        """Return the kernels for weights of shape (read, reading, pairs)."""

        def summed(kernel: Array) -> Array:
            half = jnp.einsum("api,aci->pci", left, kernel, precision="highest")
            return jnp.einsum("pci,cqi->pqi", half, right, precision="highest")

        variance = self._output_variance()
        nngp, ntk = (variance * summed(kernel) for kernel in values)
        return self._biased(covariance, nngp, ntk + 2 * nngp)

    def _random_scores(
        self, covariance: PixelCovariance, values: PairState, keys: PairState
    ) -> PixelCovariance:
        def product(ours: Array, others: Array) -> Array:
            return jnp.sum(ours * others, axis=(0, 1), keepdims=True)

        score_std = self.query_std * self.key_std
        variance = score_std * score_std * self._output_variance()
        both = product(keys.nngp, values.nngp)
        either = product(keys.nngp, values.ntk) + product(keys.ntk, values.nngp)
        nngp = both * keys.nngp
        ntk = both * keys.ntk + either * keys.nngp + 4 * nngp
        return self._biased(covariance, variance * nngp, variance * ntk)

    def _output_variance(self) -> Array | float:
        std = self.value_std * self.out_std
        return std * std

    def _biased(self, covariance: PixelCovariance, nngp: Array, ntk: Array) -> PixelCovariance:
        bias_std = self.canonical("bias_std")
        biased = PairState(*(values + bias_std * bias_std for values in (nngp, ntk)))
        return from_dense(covariance, biased)

    # Finite width ----------------------------------------------------------------------------

    def initialize(
        self, key: Array, input_shape: tuple[int, ...], width: int, outputs: int
    ) -> Parameters:
        """Draw the parameters of one head of this width, or of many for random scores.

        Parameters
        ----------
        key : jax.Array
            A key of `jax.random`.
        input_shape : tuple of int
            Shape of one input sample.
        width : int
            Number of channels of hidden layers.
        outputs : int
            Number of output channels.

        Returns
        -------
        pytree of arrays
            Independent standard normal numbers.
        """
        embedding_key, *keys = jax.random.split(key, 6)
        embedding_parameters, embedded = (), input_shape[-1]
        if self.position_embedding is not None:
            embedding_parameters = self.position_embedding.initialize(
                embedding_key, input_shape, width, outputs
            )
            embedded = self.position_embedding.finite_output_shape(input_shape, outputs)[-1]
        heads, size = (1, width) if self.linear_scaling else (isqrt(width), isqrt(width))
        read = embedded if self.position_in_values else input_shape[-1]
        shapes = {
            "key": (embedded, heads, size),
            "query": (0,) if self.linear_scaling else (embedded, heads, size),
            "value": (read, heads, size),
            "out": (heads, size, outputs),
            "bias": (outputs,),
        }
        weights = {
            name: jax.random.normal(name_key, shape)
            for (name, shape), name_key in zip(shapes.items(), keys, strict=True)
        }
        return {"embedding": embedding_parameters, **weights}

    def apply(self, parameters: Parameters, inputs: Array, key: Array | None = None) -> Array:
        sizes = inputs.shape[1:-1]
        embedded = inputs
        if self.position_embedding is not None:
            embedded = self.position_embedding.apply(parameters["embedding"], inputs)
        read = embedded if self.position_in_values else inputs
        weights = self._weigh(self._scores(parameters, embedded), -1)
        values = self.value_std * _projected(read, parameters["value"])
        summed = jnp.einsum("nhpq,nqhd->nphd", weights, values, precision="highest")
        heads = summed.reshape(*summed.shape[:2], -1)
        out = parameters["out"].reshape(heads.shape[-1], -1)
        scale = self.out_std / jnp.sqrt(heads.shape[-1])
        outputs = scale * jnp.matmul(heads, out, precision="highest")
        outputs = outputs + self.canonical("bias_std") * as_channels(parameters["bias"], outputs)
        return outputs.reshape(len(inputs), *sizes, -1)

    def _scores(self, parameters: Parameters, embedded: Array) -> Array:
        """Return the scores of a finite network, shape (n, heads, reading, read)."""
        keys = _projected(embedded, parameters["key"])
        queries, power = keys, 1.0
        if not self.linear_scaling:
            queries, power = _projected(embedded, parameters["query"]), 0.5
        scores = jnp.einsum("nphd,nqhd->nhpq", queries, keys, precision="highest")
        return self.query_std * self.key_std / keys.shape[-1] ** power * scores

    def finite_output_shape(self, input_shape: tuple[int, ...], outputs: int) -> tuple[int, ...]:
        return (*input_shape[:-1], outputs)


def _projected(inputs: Array, weights: Array) -> Array:
    """Return activations (n, *sizes, channels) as heads: (n, positions, heads, size)."""
    positions = inputs.reshape(len(inputs), -1, inputs.shape[-1])
    scale = 1 / jnp.sqrt(inputs.shape[-1])
    return scale * jnp.einsum("npc,chd->nphd", positions, weights, precision="highest")
