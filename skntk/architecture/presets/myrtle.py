"""The Myrtle networks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from skntk.architecture.activations.names import as_activation
from skntk.architecture.core.layer import Layer
from skntk.architecture.layers.dense import Dense
from skntk.architecture.layers.pooling import AvgPool
from skntk.architecture.presets.base import ActivationLike
from skntk.architecture.presets.spatial import (
    DEFAULT_BIAS_STD,
    DEFAULT_WEIGHT_STD,
    ConvolutionalPreset,
)

__all__ = ["Myrtle"]

# Convolutions in each of the three groups, by the number of layers that have weights.
GROUPS = {5: (2, 1, 1), 7: (2, 2, 2), 10: (3, 3, 3)}


class Myrtle(ConvolutionalPreset):
    """The Myrtle network of 5, 7 or 10 layers [1]_: three groups of `Conv` layers with pools.

    Each group is some times (`Conv`, activation): 2, 1 and 1 times in Myrtle-5, 2 in each group of
    Myrtle-7, 3 in each of Myrtle-10. An `AvgPool` of 2 x 2 pixels stands after the first two
    groups. In the source, made for images of 32 x 32, three more such pools take the mean of the
    8 x 8 pixels that are left; here `GlobalAvgPool` does, for images of any size that the first two
    pools divide. A `Dense` layer is the last.

    Parameters
    ----------
    depth : {5, 7, 10}, default=5
        Number of layers with weights, the last one included.
    filter_shape : tuple of int, default=(3, 3)
        Size of the filters along every spatial axis: (height, width) for images, (length,) for
        sequences.
    activation : str, activation or callable, default="relu"
        As for `FullyConnected`.
    pooling : {"none", "global"}, default="global"
        Whether the convolutions end with `Flatten` or with `GlobalAvgPool`.
    padding : {"SAME", "VALID", "CIRCULAR"}, default="SAME"
        As for `Conv`.
    pool_shape : tuple of int, default=None
        Size and steps of the pools after the first two groups, which have to divide the image;
        None is 2 along every axis.
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
    ConvNet : Without groups.
    WideResNet : With shortcuts.

    References
    ----------
    .. [1] Shankar, Fang, Guo, Fridovich-Keil, Schmidt, Ragan-Kelley, Recht, "Neural kernels without
       tangents", ICML 2020.

    Examples
    --------
    >>> from skntk.architecture import Myrtle
    >>> len(Myrtle(depth=7).build().layers)
    16
    """

    category: ClassVar[str | None] = "spatial_preset"
    static: ClassVar[tuple[str, ...]] = (*ConvolutionalPreset.static, "depth", "pool_shape")

    def __init__(
        self,
        depth: int = 5,
        filter_shape: Sequence[int] = (3, 3),
        activation: ActivationLike = "relu",
        pooling: str = "global",
        padding: str = "SAME",
        pool_shape: Sequence[int] | None = None,
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
        self.depth = depth
        self.pool_shape = pool_shape

    @classmethod
    def examples(cls) -> list[Any]:
        return [cls(5, (3,), "erf"), cls(7, (2,), "erf", "none")]

    def check_hyperparameters(self) -> None:
        if self.depth not in GROUPS:
            raise ValueError(f"Myrtle(depth={self.depth!r}): depth must be 5, 7 or 10.")
        super().check_hyperparameters()
        self._check_one_for_each_axis("pool_shape")

    def _spatial_layers(self) -> list[Layer]:
        hidden = [self._conv(), as_activation(self.activation)]
        shape = self._pool_shape(self.pool_shape)
        pool = AvgPool(shape, shape)
        first, second, third = (hidden * number for number in GROUPS[self.depth])
        return [*first, pool, *second, pool, *third]
