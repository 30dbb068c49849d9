"""Pools: sums and means of neighboring pixels."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import ClassVar

import jax.numpy as jnp
from jax import lax

from skntk._validation import check_boolean
from skntk.architecture.core.protocols import Parameters
from skntk.architecture.core.pytree import CanonicalForms, tuple_or_none
from skntk.architecture.layers.window_layer import WindowLayer
from skntk.architecture.propagation.finite import pad_inputs
from skntk.architecture.propagation.pixel_covariance import Offsets, PixelCovariance
from skntk.architecture.propagation.state import Array
from skntk.architecture.propagation.window_sums import window_sums
from skntk.architecture.propagation.windows import Window

__all__ = ["AvgPool", "SumPool"]


class _Pool(WindowLayer):
    """What pools share: ``K' = M K M^T`` and ``T' = M T M^T``, M the matrix of the windows."""

    static: ClassVar[tuple[str, ...]] = ("window_shape", "strides", "padding")
    canonical_forms: ClassVar[CanonicalForms] = {
        "window_shape": tuple_or_none,
        "strides": tuple_or_none,
    }
    window_shape: Sequence[int]

    def _scale(self) -> float:
        return 1.0

    def _edges(self) -> bool:
        return False

    def _windows(self, n_axes: int) -> tuple[Window, ...]:
        strides = (1,) * n_axes if self.strides is None else self.strides
        return tuple(
            Window(size, stride, self.padding, paired=False, normalize_edges=self._edges())
            for size, stride in zip(self.window_shape, strides, strict=True)
        )

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        return (*self.check_windows(input_shape, "window_shape"), input_shape[-1])

    def outputs_are_gaussian(self, inputs_are_gaussian: bool = False) -> bool:
        return inputs_are_gaussian

    def _map(self, covariance: PixelCovariance, offsets: Offsets) -> PixelCovariance:
        windows = self._windows(len(covariance.grid.sizes))
        return window_sums(covariance, windows, offsets, self._scale() ** 2)

    def apply(self, parameters: Parameters, inputs: Array, key: Array | None = None) -> Array:
        windows = self._windows(inputs.ndim - 2)
        strides = tuple(window.stride for window in windows)
        shape = tuple(window.size for window in windows)

        def sums(values: Array) -> Array:
            padded = pad_inputs(values, windows)
            return lax.reduce_window(
                padded, 0.0, lax.add, (1, *shape, 1), (1, *strides, 1), "VALID"
            )

        pooled = self._scale() * sums(inputs)
        if not self._edges():
            return pooled
        return pooled * prod(shape) / sums(jnp.ones_like(inputs[:1, ..., :1]))

    def finite_output_shape(self, input_shape: tuple[int, ...], outputs: int) -> tuple[int, ...]:
        windows = self._windows(len(input_shape) - 1)
        sizes = (w.output_size(n) for w, n in zip(windows, input_shape, strict=False))
        return (*sizes, input_shape[-1])


class AvgPool(_Pool):
    """The mean over windows.

    Parameters
    ----------
    window_shape : tuple of int
        Size of the window along every spatial axis.
    strides : tuple of int, default=None
        Steps of the window along every axis; None is 1.
    padding : {"SAME", "VALID", "CIRCULAR"}, default="VALID"
        As for `Conv`.
    normalize_edges : bool, default=False
        Whether windows that reach past the edge are means of the pixels inside, rather than
        counting zeros outside.

    Examples
    --------
    >>> import numpy as np
    >>> from skntk import gram_matrix
    >>> from skntk.architecture import AvgPool, Flatten, Serial
    >>> network = Serial([AvgPool((2, 2), (2, 2)), Flatten()])
    >>> gram_matrix(network, np.ones((1, 4, 4, 1)), kind="nngp")
    array([[1.]])
    """

    category: ClassVar[str | None] = "spatial"
    static: ClassVar[tuple[str, ...]] = ("window_shape", "strides", "padding", "normalize_edges")

    def __init__(
        self,
        window_shape: Sequence[int],
        strides: Sequence[int] | None = None,
        padding: str = "VALID",
        normalize_edges: bool = False,
    ) -> None:
        self.window_shape = window_shape
        self.strides = strides
        self.padding = padding
        self.normalize_edges = normalize_edges

    @classmethod
    def examples(cls) -> list[AvgPool]:
        return [
            cls((2, 2), (2, 2)),
            cls((3, 2), (2, 1), "SAME", normalize_edges=True),
            cls((2, 3), None, "CIRCULAR"),
            cls((3,), (2,), "SAME"),
        ]

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        check_boolean(self, "normalize_edges")
        return super().output_shape(input_shape)

    def _scale(self) -> float:
        return 1 / prod(self.window_shape)

    def _edges(self) -> bool:
        return self.normalize_edges


class SumPool(_Pool):
    """The sum over windows.

    Parameters
    ----------
    window_shape : tuple of int
        Size of the window along every spatial axis.
    strides : tuple of int, default=None
        Steps of the window along every axis; None is 1.
    padding : {"SAME", "VALID", "CIRCULAR"}, default="VALID"
        As for `Conv`.

    Examples
    --------
    >>> import numpy as np
    >>> from skntk import gram_matrix
    >>> from skntk.architecture import Flatten, Serial, SumPool
    >>> network = Serial([SumPool((2, 2), (2, 2)), Flatten()])
    >>> gram_matrix(network, np.ones((1, 4, 4, 1)), kind="nngp")
    array([[16.]])
    """

    category: ClassVar[str | None] = "spatial"

    def __init__(
        self,
        window_shape: Sequence[int],
        strides: Sequence[int] | None = None,
        padding: str = "VALID",
    ) -> None:
        self.window_shape = window_shape
        self.strides = strides
        self.padding = padding

    @classmethod
    def examples(cls) -> list[SumPool]:
        return [cls((2, 2), (2, 2)), cls((2, 3), (1, 2), "SAME")]
