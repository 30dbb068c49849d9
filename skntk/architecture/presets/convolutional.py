"""Plain convolutional networks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from skntk._validation import check_integer
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

__all__ = ["ConvNet"]


class ConvNet(ConvolutionalPreset):
    """A convolutional network: ``depth`` times (`Conv`, activation), a pool, and a last `Dense`.

    Without a pool the last layer reads every pixel for itself [1]_; a global mean makes the network
    blind to shifts [2]_; means of small blocks between the layers lie in between [3]_.

    Parameters
    ----------
    depth : int, default=3
        Number of hidden layers, at least 1.
    filter_shape : tuple of int, default=(3, 3)
        Size of the filters along every spatial axis: (height, width) for images, (length,) for
        sequences.
    activation : str, activation or callable, default="relu"
        As for `FullyConnected`.
    pooling : {"none", "global", "blockwise"}, default="none"
        "none" ends the convolutions with `Flatten`, "global" with `GlobalAvgPool`. "blockwise" puts
        an `AvgPool` after every ``block_depth`` hidden layers, and `Flatten` at the end.
        "none" is the default because it is the cheapest by far and takes images of any size.
        Where objects may be shifted and images are small, "global" predicts better.
    strides : tuple of int, default=None
        Steps of the filters of all convolutions along every axis; None is 1.
    padding : {"SAME", "VALID", "CIRCULAR"}, default="SAME"
        As for `Conv`.
    block_depth : int, default=1
        Number of hidden layers before each pool, at least 1, for ``pooling="blockwise"``.
    pool_shape : tuple of int, default=None
        Size and steps of these pools, which have to divide the image; None is 2 along every axis.
    weight_std : float, default=1.5
        Standard deviation of the weights.
    bias_std : float or None, default=0.1
        Standard deviation of the biases; None is 0.
    last_layer : Dense or None, default=None
        The layer after the pool; None is one with the same ``weight_std`` and ``bias_std`` as the
        others.
    input_shape : tuple of int, default=None
        Shape of one sample, (height, width, channels) or (length, channels), for ``X`` whose rows
        are flattened samples. None takes samples in their own shape.
    horizontal_flip : bool, default=False
        Whether the network is the mean of itself over each sample and its mirror image along the
        last spatial axis, see `FlipAverage`.

    See Also
    --------
    Myrtle : Deeper, with pools between groups of layers.
    WideResNet : With shortcuts.

    References
    ----------
    .. [1] Novak et al., "Bayesian deep convolutional networks with many channels are Gaussian
       processes", ICLR 2019.
    .. [2] Arora, Du, Hu, Li, Salakhutdinov, Wang, "On exact computation with an infinitely wide
       neural net", NeurIPS 2019.
    .. [3] Li, Wang, Yu, Du, Hu, Salakhutdinov, Arora, "Enhanced convolutional neural tangent
       kernels", 2019.

    Examples
    --------
    >>> from skntk.architecture import ConvNet
    >>> network = ConvNet(depth=1, pooling="global")
    >>> [type(layer).__name__ for layer in network.build().layers]
    ['Conv', 'Relu', 'GlobalAvgPool', 'Dense']
    >>> network.output_shape((8, 8, 3))
    (3,)
    """

    category: ClassVar[str | None] = "spatial_preset"
    static: ClassVar[tuple[str, ...]] = (
        *ConvolutionalPreset.static,
        "depth",
        "strides",
        "block_depth",
        "pool_shape",
    )
    poolings: ClassVar[tuple[str, ...]] = ("none", "global", "blockwise")

    def __init__(
        self,
        depth: int = 3,
        filter_shape: Sequence[int] = (3, 3),
        activation: ActivationLike = "relu",
        pooling: str = "none",
        strides: Sequence[int] | None = None,
        padding: str = "SAME",
        block_depth: int = 1,
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
        self.strides = strides
        self.block_depth = block_depth
        self.pool_shape = pool_shape

    @classmethod
    def examples(cls) -> list[Any]:
        return [
            cls(1, (3, 2)),
            cls(1, (3,), "erf", "global", (2,), "CIRCULAR", bias_std=None),
            cls(1, pooling="blockwise", last_layer=Dense(0.8, 0.1)),
        ]

    def check_hyperparameters(self) -> None:
        check_integer(self, "depth", minimum=1)
        check_integer(self, "block_depth", minimum=1)
        super().check_hyperparameters()
        self._check_one_for_each_axis("strides")
        self._check_one_for_each_axis("pool_shape")

    def _spatial_layers(self) -> list[Layer]:
        activation, conv = as_activation(self.activation), self._conv(self.strides)
        shape = self._pool_shape(self.pool_shape)
        layers: list[Layer] = []
        for number in range(1, self.depth + 1):
            layers += [conv, activation]
            if self.pooling == "blockwise" and number % self.block_depth == 0:
                layers.append(AvgPool(shape, shape))
        return layers
