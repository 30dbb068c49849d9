"""What the presets for images and sequences share."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import ClassVar

import numpy as np

from skntk._validation import check_boolean, check_choice, check_sizes
from skntk.architecture.combinators.flips import FlipAverage
from skntk.architecture.combinators.serial import Serial
from skntk.architecture.core.input_shapes import check_spatial_input
from skntk.architecture.core.layer import Layer
from skntk.architecture.layers.convolution import Conv
from skntk.architecture.layers.dense import Dense
from skntk.architecture.layers.pooling import AvgPool
from skntk.architecture.layers.reductions import Flatten, GlobalAvgPool
from skntk.architecture.presets.base import ActivationLike, Preset
from skntk.architecture.propagation.windows import PADDINGS

DEFAULT_WEIGHT_STD = 1.5
DEFAULT_BIAS_STD = 0.1


class SpatialPreset(Preset):
    """A network for images or sequences, which may come as flat rows."""

    input_shape: Sequence[int] | None

    def reshape_inputs(self, X: np.ndarray) -> np.ndarray:
        """Return samples of ``input_shape``, made of X as it is or of its flat rows."""
        if self.input_shape is None:
            return X
        n_axes = self._n_axes()
        shape = check_sizes(self, "input_shape", None if n_axes is None else n_axes + 1)
        if X.shape[1:] not in (shape, (prod(shape),)):
            raise ValueError(
                f"{type(self).__name__}(input_shape={shape}) takes samples of this shape, or flat "
                f"rows of {prod(shape)} features, but one sample has shape {X.shape[1:]}."
            )
        return X.reshape(-1, *shape)

    def _n_axes(self) -> int | None:
        """Return how many spatial axes the samples have, None for any number of them."""
        return None


class ConvolutionalPreset(SpatialPreset):
    """A network of convolutions; subclasses say which, and what the pixels after them become."""

    static: ClassVar[tuple[str, ...]] = (
        "filter_shape",
        "pooling",
        "padding",
        "input_shape",
        "horizontal_flip",
    )
    poolings: ClassVar[tuple[str, ...]] = ("none", "global")
    paddings: ClassVar[tuple[str, ...]] = PADDINGS

    def __init__(
        self,
        filter_shape: Sequence[int],
        activation: ActivationLike,
        pooling: str,
        padding: str,
        weight_std: float,
        bias_std: float | None,
        last_layer: Dense | None,
        input_shape: Sequence[int] | None,
        horizontal_flip: bool,
    ) -> None:
        super().__init__(activation, weight_std, bias_std, last_layer)
        self.filter_shape = filter_shape
        self.pooling = pooling
        self.padding = padding
        self.input_shape = input_shape
        self.horizontal_flip = horizontal_flip

    def _n_axes(self) -> int:
        return len(check_sizes(self, "filter_shape"))

    def check_hyperparameters(self) -> None:
        check_choice(self, "pooling", self.poolings)
        check_choice(self, "padding", self.paddings)
        check_boolean(self, "horizontal_flip")
        check_sizes(self, "filter_shape")
        super().check_hyperparameters()

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        self.check_hyperparameters()
        self._check_axes(input_shape)
        shape = input_shape
        for layer in self._layers():
            if isinstance(layer, Conv) and layer.padding == "VALID":
                self._check_filter_fits(layer, shape[:-1])
            if isinstance(layer, AvgPool):
                self._check_pool_divides(layer, shape[:-1])
            shape = layer.output_shape(shape)
        return shape

    def _check_axes(self, input_shape: tuple[int, ...]) -> None:
        """Raise a ValueError unless the samples have as many spatial axes as the filter."""
        check_spatial_input(
            self,
            input_shape,
            " Set input_shape to the shape of one sample, such as (height, width, channels), to "
            "pass flat rows.",
        )
        n_axes = len(self.filter_shape)
        if len(input_shape) != n_axes + 1:
            kind = {1: "sequences", 2: "images"}.get(n_axes, f"samples of {n_axes} spatial axes")
            raise ValueError(
                f"{type(self).__name__}(filter_shape={tuple(self.filter_shape)}) takes {kind}, but "
                f"one sample has shape {tuple(input_shape)}: give filter_shape one entry for every "
                "axis but the last, that of the channels."
            )

    def _check_filter_fits(self, layer: Conv, sizes: tuple[int, ...]) -> None:
        if any(n < size for n, size in zip(sizes, layer.filter_shape, strict=True)):
            raise ValueError(
                f"{type(self).__name__}(filter_shape={tuple(layer.filter_shape)}, "
                f"padding='VALID'): the images shrink from layer to layer, and {sizes} pixels are "
                "left for a filter that is larger. Use padding='SAME', fewer layers, a smaller "
                "filter_shape, or larger images."
            )

    def _check_pool_divides(self, layer: AvgPool, sizes: tuple[int, ...]) -> None:
        if any(n % size for n, size in zip(sizes, layer.window_shape, strict=True)):
            raise ValueError(
                f"{type(self).__name__}: {sizes} pixels stand before a pool of "
                f"pool_shape={tuple(layer.window_shape)}, which does not divide them. Use another "
                "pool_shape, fewer pools, or images of another size."
            )

    def _spatial_layers(self) -> list[Layer]:
        """Return the layers up to the last convolution, activation or pool between layers."""
        raise NotImplementedError

    def _layers(self) -> list[Layer]:
        """Return all layers in their order."""
        top = GlobalAvgPool() if self.pooling == "global" else Flatten()
        return [*self._spatial_layers(), top, self._last_layer()]

    def build(self) -> Layer:
        network = Serial(self._layers())
        return FlipAverage(network) if self.horizontal_flip else network

    def _conv(self, strides: Sequence[int] | None = None) -> Conv:
        return Conv(self.filter_shape, strides, self.padding, self.weight_std, self.bias_std)

    def _pool_shape(self, pool_shape: Sequence[int] | None) -> Sequence[int]:
        return (2,) * len(self.filter_shape) if pool_shape is None else pool_shape

    def _check_one_for_each_axis(self, name: str) -> None:
        """Check sizes that are None or as many as those of the filter."""
        if getattr(self, name) is not None:
            check_sizes(self, name, len(self.filter_shape))
