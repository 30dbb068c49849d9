"""Networks of attention."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from skntk._validation import (
    check_boolean,
    check_choice,
    check_integer,
)
from skntk.architecture.activations.names import as_activation
from skntk.architecture.combinators.branches import Residual
from skntk.architecture.combinators.serial import Serial
from skntk.architecture.core.input_shapes import check_spatial_input
from skntk.architecture.core.layer import Layer
from skntk.architecture.layers.attention import SelfAttention
from skntk.architecture.layers.dense import Dense
from skntk.architecture.layers.normalization import LayerNorm
from skntk.architecture.layers.position_embedding import PositionEmbedding
from skntk.architecture.layers.reductions import Flatten, GlobalAvgPool
from skntk.architecture.presets.base import ActivationLike
from skntk.architecture.presets.spatial import DEFAULT_WEIGHT_STD, SpatialPreset

__all__ = ["AttentionNet"]


class AttentionNet(SpatialPreset):
    """A network of attention for sequences: a transformer without a causal mask.

    A `Dense` at every position, ``depth`` blocks, `LayerNorm`, a pool, and a last `Dense`. A block
    is `SelfAttention` and then (`Dense`, activation, `Dense`) at every position, each after a
    `LayerNorm` and with a shortcut around both [1]_. On images every pixel is a position.

    Parameters
    ----------
    depth : int, default=2
        Number of blocks, at least 1.
    activation : str, activation or callable, default="relu"
        As for `FullyConnected`.
    attention : SelfAttention or None, default=None
        The attention of every block, whose hyperparameters are reached as ``attention__key_std``.
        None is ``SelfAttention(key_std=2.0, query_std=2.0,
        position_embedding=PositionEmbedding(decay_rate=0.1), position_in_values=True)``, whose
        values know their positions. Otherwise a global pool would forget the order of a series.
    pooling : {"global", "none"}, default="global"
        "global" ends the sequence with `GlobalAvgPool`, "none" with `Flatten`, which compares each
        position with the same one of the other sequence. That suits a series whose windows are
        aligned, and neither sets nor motifs that stand anywhere.
    residual : bool, default=True
        Whether there are shortcuts around attention and around the layers after it.
    layer_norm : bool, default=True
        Whether there is a `LayerNorm` before each of these and before the pool.
    weight_std : float, default=1.5
        Standard deviation of the weights of all `Dense` layers.
    bias_std : float or None, default=1.0
        Standard deviation of their biases; None is 0. Small ones leave little more of a position
        behind `LayerNorm` than its direction: of one channel, the sign.
    last_layer : Dense or None, default=None
        The layer after the pool; None is one with the same ``weight_std`` and ``bias_std`` as the
        others.
    input_shape : tuple of int, default=None
        Shape of one sample, (length, channels) or (height, width, channels), for ``X`` whose rows
        are flattened samples. None takes samples in their own shape.

    See Also
    --------
    SelfAttention : The layer, its formulas and its hyperparameters.
    ConvNet : Positions that read their neighbors.

    References
    ----------
    .. [1] Xiong et al., "On layer normalization in the transformer architecture", ICML 2020.

    Examples
    --------
    >>> from skntk.architecture import AttentionNet
    >>> network = AttentionNet(depth=1)
    >>> [type(layer).__name__ for layer in network.build().layers]
    ['Dense', 'Residual', 'Residual', 'LayerNorm', 'GlobalAvgPool', 'Dense']
    >>> network.output_shape((10, 4))
    (4,)
    """

    category: ClassVar[str | None] = "spatial_preset"
    static: ClassVar[tuple[str, ...]] = (
        "depth",
        "pooling",
        "residual",
        "layer_norm",
        "input_shape",
    )

    def __init__(
        self,
        depth: int = 2,
        activation: ActivationLike = "relu",
        attention: SelfAttention | None = None,
        pooling: str = "global",
        residual: bool = True,
        layer_norm: bool = True,
        weight_std: float = DEFAULT_WEIGHT_STD,
        bias_std: float | None = 1.0,
        last_layer: Dense | None = None,
        input_shape: Sequence[int] | None = None,
    ) -> None:
        super().__init__(activation, weight_std, bias_std, last_layer)
        self.depth = depth
        self.attention = attention
        self.pooling = pooling
        self.residual = residual
        self.layer_norm = layer_norm
        self.input_shape = input_shape

    @classmethod
    def examples(cls) -> list[Any]:
        return [cls(1)]

    def check_hyperparameters(self) -> None:
        check_integer(self, "depth", minimum=1)
        check_choice(self, "pooling", ("global", "none"))
        check_boolean(self, "residual")
        check_boolean(self, "layer_norm")
        if self.attention is not None and not isinstance(self.attention, SelfAttention):
            raise TypeError(
                f"AttentionNet(attention={self.attention!r}): attention must be a SelfAttention "
                "layer or None."
            )
        super().check_hyperparameters()

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        check_spatial_input(self, input_shape)
        return super().output_shape(input_shape)

    def build(self) -> Serial:
        top = GlobalAvgPool() if self.pooling == "global" else Flatten()
        attention, at_every_position = self._attention(), self._at_every_position()
        block = [self._wrapped([attention]), self._wrapped(at_every_position)]
        return Serial([self._dense(), *block * self.depth, *self._norm(), top, self._last_layer()])

    def _wrapped(self, layers: list[Layer]) -> Layer:
        inner = Serial([*self._norm(), *layers])
        return Residual(inner) if self.residual else inner

    def _norm(self) -> list[Layer]:
        return [LayerNorm()] if self.layer_norm else []

    def _at_every_position(self) -> list[Layer]:
        return [self._dense(), as_activation(self.activation), self._dense()]

    def _attention(self) -> SelfAttention:
        if self.attention is not None:
            return self.attention
        embedding = PositionEmbedding(decay_rate=0.1)
        return SelfAttention(
            key_std=2.0, query_std=2.0, position_embedding=embedding, position_in_values=True
        )
