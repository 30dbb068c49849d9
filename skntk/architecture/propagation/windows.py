"""What a window that slides over an axis reads, as weights for every pair of output positions.

Positions of an axis stand on a canvas, a circle of at least as many places as the axis has pixels.
The pair of position h on the left and h' on the right belongs to the offset (h' - h) mod canvas.
Two windows at output positions i and j read pairs of input positions: those of the offset
``stride * A + shift``, A the offset of (i, j), with few shifts. A convolution, whose two windows
are read at the same places, needs one; a pool needs one for every distance within a window.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

PADDINGS = ("SAME", "VALID", "CIRCULAR")


@dataclass(frozen=True)
class Window:
    """A window on one axis.

    Attributes
    ----------
    size, stride : int
    padding : {"SAME", "VALID", "CIRCULAR"}
    paired : bool
        Whether both samples are read at the same place of the window (a convolution with shared
        independent weights) or at all pairs of places (a pool).
    normalize_edges : bool
        Whether windows that reach past the edge are scaled up to count as whole ones.
    """

    size: int
    stride: int
    padding: str
    paired: bool
    normalize_edges: bool = False

    def output_size(self, n: int) -> int:
        """Return the number of output positions, at most 0 where no window fits."""
        if self.padding == "VALID":
            return (n - self.size) // self.stride + 1
        return -(-n // self.stride)

    def before(self, n: int) -> int:
        """Return how many places of the first window stand before the first pixel."""
        if self.padding == "VALID":
            return 0
        return max((self.output_size(n) - 1) * self.stride + self.size - n, 0) // 2

    def shifts(self, n: int, canvas: int) -> tuple[int, ...]:
        """Return the shifts, ascending."""
        return tuple(sorted(_weights(self, n, canvas)))

    def weights(self, n: int, canvas: int, shift: int) -> np.ndarray:
        """Return the weights of one shift.

        Parameters
        ----------
        n, canvas : int
            Pixels and places of the input axis; the output has ``canvas / stride`` places.
        shift : int

        Returns
        -------
        ndarray of shape (places, places, size)
            By output offset, left output position and place u of the window, for the input pair
            whose left position is ``stride * i + u - before`` (modulo n if circular). 0 where a
            position lies outside of the input or the output.
        """
        return _weights(self, n, canvas)[shift]

    def offsets_below(self, offsets: tuple[int, ...], n: int, canvas: int) -> tuple[int, ...]:
        """Return the input offsets that output offsets need, ascending."""
        shifts = self.shifts(n, canvas)
        return tuple(sorted({(self.stride * A + d) % canvas for A in offsets for d in shifts}))


@cache
def _weights(window: Window, n: int, canvas: int) -> dict[int, np.ndarray]:
    places = canvas // window.stride
    positions = np.arange(places)
    scale = _edge_scale(window, n, places)
    offset, i, u, v = np.meshgrid(
        positions, positions, np.arange(window.size), np.arange(window.size), indexing="ij"
    )
    j = (i + offset) % places
    inside = (i < window.output_size(n)) & (j < window.output_size(n))
    left, right = (window.stride * at + place - window.before(n) for at, place in ((i, u), (j, v)))
    if window.padding == "CIRCULAR":
        left, right = left % n, right % n
    else:
        inside &= (left >= 0) & (left < n) & (right >= 0) & (right < n)
    if window.paired:
        inside &= u == v
    shift = (right - left - window.stride * offset) % canvas
    result = {}
    for value in np.unique(shift[inside]):
        counted = np.where(inside & (shift == value), scale[i] * scale[j], 0.0)
        result[int(value)] = counted.sum(axis=-1)
    return result


def _edge_scale(window: Window, n: int, places: int) -> np.ndarray:
    if not window.normalize_edges or window.padding == "CIRCULAR":
        return np.ones(places)
    starts = window.stride * np.arange(places) - window.before(n)
    real = np.clip(starts + window.size, 0, n) - np.clip(starts, 0, n)
    return window.size / np.maximum(real, 1)
