"""The mean of a network over inputs and their mirror images."""

from __future__ import annotations

from typing import ClassVar

import jax.numpy as jnp
import numpy as np

from skntk._validation import is_integer
from skntk.architecture.activations.base import Activation
from skntk.architecture.activations.rectified import Relu
from skntk.architecture.combinators.branches import Identity, Product, Sum
from skntk.architecture.combinators.serial import Serial, check_layer, split_key
from skntk.architecture.core.delegation import DelegatingLayer
from skntk.architecture.core.layer import Layer
from skntk.architecture.core.protocols import Parameters
from skntk.architecture.layers.convolution import Conv
from skntk.architecture.layers.dense import Dense
from skntk.architecture.layers.dropout import Dropout
from skntk.architecture.layers.input_scale import InputScale
from skntk.architecture.layers.normalization import LayerNorm
from skntk.architecture.layers.reductions import Flatten, GlobalSumPool
from skntk.architecture.layers.window_layer import WindowLayer
from skntk.architecture.propagation.state import Array
from skntk.architecture.propagation.windows import Window

__all__ = ["FlipAverage"]

# Layers that treat all positions alike, and those whose outputs forget where positions were.
_BLIND_TO_ORDER = (Activation, Dense, Dropout, Flatten, GlobalSumPool, Identity, LayerNorm)


class FlipAverage(DelegatingLayer):
    """The mean of a network over each sample and its mirror image.

    With F the flip, ``g(x) = (f(x) + f(F x)) / 2`` has the kernels ``(K(x, z) + K(F x, z) +
    K(x, F z) + K(F x, F z)) / 4``, NNGP and NTK alike [1]_.

    Where the network treats left and right alike (convolutions of odd size with stride 1 do),
    ``K(F x, F z) = K(x, z)``. Half of the kernels then need not be computed, and predictions are
    those of f trained on all samples and all their mirror images with twice the ``alpha``, without
    the larger matrices that this would take.

    It stands around a whole network, not within one.

    Parameters
    ----------
    network : layer
        The network that is averaged, with outputs that are vectors.
    axis : int, default=-1
        Which spatial axis is reversed, from 0 for the first; -1, the last, is the width of an
        image.

    References
    ----------
    .. [1] Li, Wang, Yu, Du, Hu, Salakhutdinov, Arora, "Enhanced convolutional neural tangent
       kernels", 2019.

    Examples
    --------
    >>> import numpy as np
    >>> from skntk import gram_matrix
    >>> from skntk.architecture import Dense, FlipAverage, Flatten, Serial
    >>> network = FlipAverage(Serial([Flatten(), Dense()]))
    >>> left, right = np.eye(2).reshape(2, 1, 2, 1)
    >>> gram_matrix(network, [left], [right], kind="nngp")
    array([[0.25]])
    """

    category: ClassVar[str | None] = "spatial_preset"
    static: ClassVar[tuple[str, ...]] = ("axis",)

    def __init__(self, network: Layer, axis: int = -1) -> None:
        self.network = network
        self.axis = axis

    @classmethod
    def examples(cls) -> list[FlipAverage]:
        def layers(strides: tuple[int, int] | None) -> list[Layer]:
            return [Conv((3, 2), strides, weight_std=1.3, bias_std=0.2), Relu()]

        return [
            cls(Serial([*layers(None), Flatten(), Dense(1.1, 0.1)])),
            cls(Serial([*layers((2, 2)), Flatten(), Dense()]), axis=0),
        ]

    def delegate(self) -> Layer:
        return check_layer(self.network, self)

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        network = self.delegate()
        n_axes = len(input_shape) - 1
        label = f"FlipAverage(axis={self.axis!r})"
        if not is_integer(self.axis):
            raise TypeError(f"{label}: axis must be an integer, got {type(self.axis).__name__}.")
        if not -n_axes <= self.axis < n_axes:
            raise ValueError(
                f"{label}: axis must be one of the {n_axes} spatial axes of a sample of shape "
                f"{tuple(input_shape)}, from {-n_axes} to {n_axes - 1}."
            )
        shape = network.output_shape(input_shape)
        if len(shape) != 1:
            raise ValueError(
                f"FlipAverage takes a network whose outputs are vectors, not of shape {shape}: let "
                "it end in Flatten() or GlobalAvgPool(), or one of these and a Dense layer."
            )
        return shape

    @property
    def n_transforms(self) -> int:
        return 2 * self.delegate().n_transforms

    def transforms(self, X: np.ndarray) -> list[np.ndarray]:
        transformed = self.network.transforms(X)
        axis = self.axis % (X.ndim - 2) + 1
        return [*transformed, *(np.ascontiguousarray(np.flip(view, axis)) for view in transformed)]

    def transforms_are_equivalent(self, input_shape: tuple[int, ...]) -> bool:
        sizes = input_shape[:-1]
        commutes = _commutes(self.network, sizes, self.axis % len(sizes))
        return commutes and self.network.transforms_are_equivalent(input_shape)

    def apply(self, parameters: Parameters, inputs: Array, key: Array | None = None) -> Array:
        flipped = jnp.flip(inputs, self.axis % (inputs.ndim - 2) + 1)
        outputs = [
            self.network.apply(parameters, images, images_key)
            for images, images_key in zip((inputs, flipped), split_key(key, 2), strict=True)
        ]
        return (outputs[0] + outputs[1]) / 2


def _commutes(layer: Layer, sizes: tuple[int, ...], axis: int) -> bool:
    """Return whether it is sure that flips of both samples leave the kernel of a network as it is.

    Parameters
    ----------
    layer : layer
        A part of the network; its outputs are flipped if its inputs are, or do not change.
    sizes : tuple of int
        Pixels before the layer.
    axis : int
        The spatial axis that is flipped.
    """
    if not sizes:
        return True
    if isinstance(layer, Serial):
        for part in layer.layers:
            if isinstance(part, InputScale):
                continue  # all positions alike, but as many scales as channels
            if not _commutes(part, sizes, axis):
                return False
            sizes = part.output_shape((*sizes, 1))[:-1]
            if not sizes:
                break
        return True
    if isinstance(layer, Sum | Product):
        return all(_commutes(branch, sizes, axis) for branch in layer.branches)
    if isinstance(layer, DelegatingLayer):
        return _commutes(layer.delegate(), sizes, axis)
    if isinstance(layer, WindowLayer):
        return _is_symmetric(layer._windows(len(sizes))[axis], sizes[axis])
    return isinstance(layer, _BLIND_TO_ORDER)


def _is_symmetric(window: Window, n: int) -> bool:
    """Return whether the windows over n pixels, counted from the other end, are the same."""
    reach = window.stride * (window.output_size(n) - 1) + window.size
    overhang = reach - n - 2 * window.before(n)
    return (overhang % n if window.padding == "CIRCULAR" else overhang) == 0
