"""Convolutions."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import ClassVar, Self

import jax
import jax.numpy as jnp
from jax import lax

from skntk._validation import check_real
from skntk.architecture.core.protocols import Parameters
from skntk.architecture.core.pytree import CanonicalForms, tuple_or_none, zero_if_none
from skntk.architecture.layers.window_layer import WindowLayer
from skntk.architecture.propagation.finite import as_channels, pad_inputs
from skntk.architecture.propagation.pixel_covariance import Offset, Offsets, PixelCovariance
from skntk.architecture.propagation.state import Array, PairState
from skntk.architecture.propagation.window_sums import window_sums
from skntk.architecture.propagation.windows import Window

__all__ = ["Conv"]


class Conv(WindowLayer):
    """A convolution over one or two spatial axes in the NTK parameterization.

    With a filter of F entries and positions p, p': ``K'(p, p') = weight_std^2 / F * sum_d K(s p +
    d, s p' + d) + bias_std^2``, where pixels outside of the image count as 0, and ``T'`` is ``K'``
    and the same sum of T without the bias [1]_ [2]_.

    Parameters
    ----------
    filter_shape : tuple of int
        Size of the filter along every spatial axis: (height, width), or (length,).
    strides : tuple of int, default=None
        Steps of the filter along every axis; None is 1.
    padding : {"SAME", "VALID", "CIRCULAR"}, default="SAME"
        Zeros around the image, so that with stride 1 the output has its size; none; or the image
        repeated.
    weight_std : float, default=1.0
        Standard deviation of the weights, at least 0.
    bias_std : float or None, default=0.0
        Standard deviation of the biases, at least 0; None is 0.

    References
    ----------
    .. [1] Novak et al., "Bayesian deep convolutional networks with many channels are Gaussian
       processes", ICLR 2019.
    .. [2] Arora, Du, Hu, Li, Salakhutdinov, Wang, "On exact computation with an infinitely wide
       neural net", NeurIPS 2019.

    Examples
    --------
    >>> import numpy as np
    >>> from skntk import gram_matrix
    >>> from skntk.architecture import Conv, Flatten, Serial
    >>> network = Serial([Conv((3, 3), weight_std=3.0), Flatten()])
    >>> gram_matrix(network, np.ones((1, 4, 4, 1)), kind="nngp")
    array([[6.25]])
    """

    category: ClassVar[str | None] = "spatial"
    static: ClassVar[tuple[str, ...]] = ("filter_shape", "strides", "padding")
    canonical_forms: ClassVar[CanonicalForms] = {
        "filter_shape": tuple_or_none,
        "strides": tuple_or_none,
        "bias_std": zero_if_none,
    }

    def __init__(
        self,
        filter_shape: Sequence[int],
        strides: Sequence[int] | None = None,
        padding: str = "SAME",
        weight_std: float = 1.0,
        bias_std: float | None = 0.0,
    ) -> None:
        self.filter_shape = filter_shape
        self.strides = strides
        self.padding = padding
        self.weight_std = weight_std
        self.bias_std = bias_std

    @classmethod
    def examples(cls) -> list[Self]:
        return [
            cls((3, 3), weight_std=1.2, bias_std=0.3),
            cls((2, 3), (2, 2), "SAME", 1.3, 0.1),
            cls((3, 2), (1, 2), "VALID", 0.9, 0.2),
            cls((3, 3), None, "CIRCULAR", 1.1),
            cls((3,), (2,), "SAME", 1.2, 0.2),
        ]

    def _windows(self, n_axes: int) -> tuple[Window, ...]:
        strides = (1,) * n_axes if self.strides is None else self.strides
        return tuple(
            Window(size, stride, self.padding, paired=True)
            for size, stride in zip(self.filter_shape, strides, strict=True)
        )

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        check_real(self, "weight_std", minimum=0)
        if self.bias_std is not None:
            check_real(self, "bias_std", minimum=0)
        return (*self.check_windows(input_shape, "filter_shape"), input_shape[-1])

    def outputs_are_gaussian(self, inputs_are_gaussian: bool = False) -> bool:
        return True

    def _map(self, covariance: PixelCovariance, offsets: Offsets) -> PixelCovariance:
        windows = self._windows(len(covariance.grid.sizes))
        means = window_sums(covariance, windows, offsets, 1 / prod(self.filter_shape))
        weight_variance, bias_std = self.weight_std * self.weight_std, self.canonical("bias_std")

        def compute(offset: Offset) -> PairState:
            nngp, ntk = means.at(offset)
            outputs = weight_variance * nngp + bias_std * bias_std
            return PairState(outputs, outputs + weight_variance * ntk)

        return means.mapped(compute)

    def initialize(
        self, key: Array, input_shape: tuple[int, ...], width: int, outputs: int
    ) -> Parameters:
        weight_key, bias_key = jax.random.split(key)
        weights = jax.random.normal(weight_key, (*self.filter_shape, input_shape[-1], outputs))
        return weights, jax.random.normal(bias_key, (outputs,))

    def apply(self, parameters: Parameters, inputs: Array, key: Array | None = None) -> Array:
        weights, biases = parameters
        windows = self._windows(inputs.ndim - 2)
        axes = "HW"[: len(windows)]
        sums = lax.conv_general_dilated(
            pad_inputs(inputs, windows),
            weights,
            tuple(window.stride for window in windows),
            "VALID",
            dimension_numbers=(f"N{axes}C", f"{axes}IO", f"N{axes}C"),
            precision="highest",
        )
        scale = self.weight_std / jnp.sqrt(prod(weights.shape[:-1]))
        return scale * sums + self.canonical("bias_std") * as_channels(biases, sums)

    def finite_output_shape(self, input_shape: tuple[int, ...], outputs: int) -> tuple[int, ...]:
        windows = self._windows(len(input_shape) - 1)
        sizes = (w.output_size(n) for w, n in zip(windows, input_shape, strict=False))
        return (*sizes, outputs)
