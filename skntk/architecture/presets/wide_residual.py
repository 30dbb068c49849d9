"""Wide residual networks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from skntk._validation import check_integer
from skntk.architecture.activations.names import as_activation
from skntk.architecture.combinators.branches import Residual
from skntk.architecture.combinators.serial import Serial
from skntk.architecture.core.layer import Layer
from skntk.architecture.layers.dense import Dense
from skntk.architecture.presets.base import ActivationLike
from skntk.architecture.presets.spatial import (
    DEFAULT_BIAS_STD,
    DEFAULT_WEIGHT_STD,
    ConvolutionalPreset,
)

__all__ = ["WideResNet"]


class WideResNet(ConvolutionalPreset):
    """A wide residual network [1]_: a `Conv`, groups of residual blocks, a mean, a last `Dense`.

    A block is ``shortcut(x) + Conv(activation(Conv(activation(x))))``. In the first block of every
    group the shortcut is a `Conv` too, and in all groups but the first both branches of that block
    take steps, so that the next group sees a smaller image. In the other blocks the shortcut is the
    identity. This is the infinitely wide limit [2]_ of networks whose channels grow with every
    group.

    Parameters
    ----------
    blocks : int, default=1
        Number of residual blocks in each group, at least 1.
    filter_shape : tuple of int, default=(3, 3)
        Size of the filters along every spatial axis: (height, width) for images, (length,) for
        sequences.
    activation : str, activation or callable, default="relu"
        As for `FullyConnected`.
    pooling : {"none", "global"}, default="global"
        Whether the convolutions end with `Flatten` or with `GlobalAvgPool`.
    groups : int, default=3
        Number of groups, at least 1: 3 in the source, for images of 32 x 32. For images as small as
        8 x 8, 2 predict better, because more positions are left.
    strides : tuple of int, default=None
        Steps of the filters at the beginning of every group but the first; None is 2 along every
        axis.
    padding : {"SAME", "CIRCULAR"}, default="SAME"
        As for `Conv`. Without padding the branches would differ in size.
    weight_std : float, default=1.5
        As for `ConvNet`.
    bias_std : float or None, default=0.1
        As for `ConvNet`.
    last_layer : Dense or None, default=None
        As for `ConvNet`.
    input_shape : tuple of int, default=None
        As for `ConvNet`.
    horizontal_flip : bool, default=False
        As for `ConvNet`.

    See Also
    --------
    ConvNet : Without shortcuts.
    ResidualFullyConnected : Shortcuts in a network for vectors.

    References
    ----------
    .. [1] Zagoruyko, Komodakis, "Wide residual networks", BMVC 2016.
    .. [2] Novak, Xiao, Hron, Lee, Alemi, Sohl-Dickstein, Schoenholz, "Neural Tangents: Fast and
       easy infinite neural networks in Python", ICLR 2020.

    Examples
    --------
    >>> from skntk.architecture import WideResNet
    >>> [type(layer).__name__ for layer in WideResNet(blocks=1).build().layers]
    ['Conv', 'Residual', 'Residual', 'Residual', 'GlobalAvgPool', 'Dense']
    """

    category: ClassVar[str | None] = "spatial_preset"
    static: ClassVar[tuple[str, ...]] = (*ConvolutionalPreset.static, "blocks", "groups", "strides")
    paddings: ClassVar[tuple[str, ...]] = ("SAME", "CIRCULAR")

    def __init__(
        self,
        blocks: int = 1,
        filter_shape: Sequence[int] = (3, 3),
        activation: ActivationLike = "relu",
        pooling: str = "global",
        groups: int = 3,
        strides: Sequence[int] | None = None,
        padding: str = "SAME",
        weight_std: float = DEFAULT_WEIGHT_STD,
        bias_std: float | None = DEFAULT_BIAS_STD,
        last_layer: Dense | None = None,
        input_shape: Sequence[int] | None = None,
        horizontal_flip: bool = False,
    ) -> None:
        super().__init__(
            filter_shape,
            activation,
            pooling,
            padding,
            weight_std,
            bias_std,
            last_layer,
            input_shape,
            horizontal_flip,
        )
        self.blocks = blocks
        self.groups = groups
        self.strides = strides

    @classmethod
    def examples(cls) -> list[Any]:
        return [
            cls(filter_shape=(3,), groups=1),
            cls(2, (2,), "erf", "none", 1, padding="CIRCULAR"),
        ]

    def check_hyperparameters(self) -> None:
        check_integer(self, "blocks", minimum=1)
        check_integer(self, "groups", minimum=1)
        super().check_hyperparameters()
        self._check_one_for_each_axis("strides")

    def _spatial_layers(self) -> list[Layer]:
        strides = (2,) * len(self.filter_shape) if self.strides is None else self.strides
        layers: list[Layer] = [self._conv()]
        for group in range(self.groups):
            layers += self._group(strides if group else None)
        return layers

    def _group(self, strides: Sequence[int] | None) -> list[Layer]:
        first = Residual(self._branch(strides), self._conv(strides))
        return [first, *[Residual(self._branch())] * (self.blocks - 1)]

    def _branch(self, strides: Sequence[int] | None = None) -> Serial:
        activation = as_activation(self.activation)
        return Serial([activation, self._conv(strides), activation, self._conv()])
