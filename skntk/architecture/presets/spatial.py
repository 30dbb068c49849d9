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
from skntk.architecture.layers.pooling import AvgPool
from skntk.architecture.layers.reductions import Flatten, GlobalAvgPool
from skntk.architecture.presets.base import ActivationLike, Preset
from skntk.architecture.propagation.windows import PADDINGS

DEFAULT_WEIGHT_STD = 1.5
DEFAULT_BIAS_STD = 0.1


class SpatialPreset(Preset):
    """A network of convolutions; subclasses say which, and what the pixels behind them become."""

    static: ClassVar[tuple[str, ...]] = (
        "filter_shape",
        "pooling",
        "padding",
        "input_shape",
        "horizontal_flip",
    )
    poolings: ClassVar[tuple[str, ...]] = ("none", "global")
    paddings: ClassVar[tuple[str, ...]] = PADDINGS

    filter_shape: Sequence[int]
    activation: ActivationLike
    pooling: str
    padding: str
    input_shape: Sequence[int] | None
    horizontal_flip: bool

    def arrange(self, X: np.ndarray) -> np.ndarray:
        if self.input_shape is None:
            return X
        shape = check_sizes(self, "input_shape", len(check_sizes(self, "filter_shape")) + 1)
        return as_samples_of(self, shape, X)

    @property
    def n_views(self) -> int:
        return 2 if self.horizontal_flip else 1

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        check_choice(self, "pooling", self.poolings)
        check_choice(self, "padding", self.paddings)
        check_boolean(self, "horizontal_flip")
        n_axes = len(check_sizes(self, "filter_shape"))
        self._check_axes(input_shape, n_axes)
        self._check_pixels(input_shape)
        return super().output_shape(input_shape)

    def _check_axes(self, input_shape: tuple[int, ...], n_axes: int) -> None:
        """Raise a ValueError unless the samples have as many spatial axes as the filter."""
        check_spatial_input(
            self,
            input_shape,
            " Set input_shape to the shape of one sample, such as (height, width, channels), to "
            "pass flat rows.",
        )
        if len(input_shape) != n_axes + 1:
            kind = {1: "sequences", 2: "images"}.get(n_axes, f"samples of {n_axes} spatial axes")
            raise ValueError(
                f"{type(self).__name__}(filter_shape={tuple(self.filter_shape)}) takes {kind}, but "
                f"one sample has shape {tuple(input_shape)}: give filter_shape one entry for every "
                "axis but the last, that of the channels."
            )

    def _check_pixels(self, input_shape: tuple[int, ...]) -> None:
        """Raise a ValueError if an image gets too small for a filter, or a pool does not fit."""
        for layer in self._spatial_layers():
            sizes = input_shape[:-1]
            if isinstance(layer, Conv) and layer.padding == "VALID":
                self._check_filter_fits(layer, sizes)
            if isinstance(layer, AvgPool):
                self._check_pool_divides(layer, sizes)
            input_shape = layer.output_shape(input_shape)

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

    def build(self) -> Layer:
        top = GlobalAvgPool() if self.pooling == "global" else Flatten()
        network = Serial([*self._spatial_layers(), top, self._last_layer()])
        return FlipAverage(network) if self.horizontal_flip else network

    def _conv(self, strides: Sequence[int] | None = None) -> Conv:
        return Conv(self.filter_shape, strides, self.padding, self.weight_std, self.bias_std)

    def _pool_shape(self, pool_shape: Sequence[int] | None) -> Sequence[int]:
        return (2,) * len(self.filter_shape) if pool_shape is None else pool_shape

    def _check_one_for_each_axis(self, name: str) -> None:
        """Check sizes that are None or as many as those of the filter."""
        if getattr(self, name) is not None:
            check_sizes(self, name, len(self.filter_shape))


def as_samples_of(owner: Layer, shape: tuple[int, ...], X: np.ndarray) -> np.ndarray:
    """Return X, whose samples have this shape or are flat rows of it, as samples of this shape."""
    if X.shape[1:] not in (shape, (prod(shape),)):
        raise ValueError(
            f"{type(owner).__name__}(input_shape={shape}) takes samples of this shape, or flat "
            f"rows of {prod(shape)} features, but one sample has shape {X.shape[1:]}."
        )
    return X.reshape(-1, *shape)
