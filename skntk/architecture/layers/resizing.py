"""Images of another size."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import jax
import jax.numpy as jnp
from jax import lax

from skntk._validation import check_boolean, check_sizes_of_axes
from skntk.architecture.core.protocols import Parameters
from skntk.architecture.core.pytree import CanonicalForms
from skntk.architecture.layers.position_matrices import PositionMatrixLayer
from skntk.architecture.propagation.state import Array

__all__ = ["ImageResize"]

METHODS = ("nearest", "bilinear", "bicubic")


class ImageResize(PositionMatrixLayer):
    """The image scaled to another size, as by `jax.image.resize`.

    Every output pixel is a weighted mean of input pixels: ``K' = R K R^T`` and ``T'`` alike, R the
    matrix of the weights. The kernels of all pairs of positions are held in memory at once, and the
    layers below are computed on at least as many positions as the new image has.

    Parameters
    ----------
    shape : tuple of int
        The new size along every spatial axis: (height, width), or (length,).
    method : {"nearest", "bilinear", "bicubic"}, default="bilinear"
        How pixels are interpolated; a sequence linearly by "bilinear".
    antialias : bool, default=True
        Whether every pixel of a smaller image is a mean over what it stands for, where it is
        interpolated; "nearest" takes one pixel in any case.

    Examples
    --------
    >>> from skntk.architecture import ImageResize
    >>> ImageResize((4, 6)).output_shape((8, 8, 3))
    (4, 6, 3)
    """

    category: ClassVar[str | None] = "spatial"
    static: ClassVar[tuple[str, ...]] = ("shape", "method", "antialias")
    canonical_forms: ClassVar[CanonicalForms] = {"shape": tuple}

    def __init__(
        self, shape: Sequence[int], method: str = "bilinear", antialias: bool = True
    ) -> None:
        self.shape = shape
        self.method = method
        self.antialias = antialias

    @classmethod
    def examples(cls) -> list[ImageResize]:
        return [cls((3, 5))]

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        shape = check_sizes_of_axes(self, "shape", len(input_shape) - 1)
        if self.method not in METHODS:
            raise ValueError(
                f"ImageResize(method={self.method!r}): method must be one of {METHODS}."
            )
        check_boolean(self, "antialias")
        return (*shape, input_shape[-1])

    def output_sizes(self, sizes: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(self.shape)

    def matrices(self, sizes: tuple[int, ...], dtype: jnp.dtype) -> list[Array]:
        return [
            self._resized(jnp.eye(n, dtype=dtype), (m, n))
            for n, m in zip(sizes, self.shape, strict=True)
        ]

    def _resized(self, values: Array, shape: tuple[int, ...]) -> Array:
        return jax.image.resize(
            values, shape, self.method, self.antialias, precision=lax.Precision.HIGHEST
        )

    def apply(self, parameters: Parameters, inputs: Array, key: Array | None = None) -> Array:
        return self._resized(inputs, (len(inputs), *self.shape, inputs.shape[-1]))

    def finite_output_shape(self, input_shape: tuple[int, ...], outputs: int) -> tuple[int, ...]:
        return (*self.shape, input_shape[-1])
