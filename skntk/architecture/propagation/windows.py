"""What a window that slides over an axis reads, as weights for every pair of output positions.

Positions of an axis are padded with zeros to a period, and counted modulo it: a circle of at least
as many positions as the axis has pixels. The pair of position h on the left and h' on the right
belongs to the offset (h' - h) mod period.
Two windows at output positions i and j read pairs of input positions: those of the offset
``stride * A + shift``, A the offset of (i, j), with few shifts. A convolution, whose two windows
are read at the same filter positions, needs one; a pool needs one for
every distance within a window.
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
        Whether both samples are read at the same position of the window (a convolution with shared
        independent weights) or at all pairs of positions (a pool).
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
        """Return how many positions of the first window are before the first pixel."""
        if self.padding == "VALID":
            return 0
        return max((self.output_size(n) - 1) * self.stride + self.size - n, 0) // 2

    def shifts(self, n: int, period: int) -> tuple[int, ...]:
        """Return the shifts, ascending."""
        return tuple(sorted(_weights(self, n, period)))

    def weights(self, n: int, period: int, shift: int) -> np.ndarray:
        """Return the weights of one shift.

        Parameters
        ----------
        n, period : int
            Pixels and padded positions of the input axis; the output has ``period / stride``.
        shift : int

        Returns
        -------
        ndarray of shape (outputs, outputs, size)
            By output offset, left output position and position u of the window, for the input pair
            whose left position is ``stride * i + u - before`` (modulo n if circular). 0 where a
            position lies outside of the input or the output.
        """
        return _weights(self, n, period)[shift]

    def input_offsets(self, offsets: tuple[int, ...], n: int, period: int) -> tuple[int, ...]:
        """Return the input offsets that output offsets need, ascending."""
        shifts = self.shifts(n, period)
        return tuple(sorted({(self.stride * A + d) % period for A in offsets for d in shifts}))


@cache
def _weights(window: Window, n: int, period: int) -> dict[int, np.ndarray]:
    outputs = period // window.stride
    positions = np.arange(outputs)
    scale = _edge_scale(window, n, outputs)
    offset, i, u, v = np.meshgrid(
        positions, positions, np.arange(window.size), np.arange(window.size), indexing="ij"
    )
    j = (i + offset) % outputs
    inside = (i < window.output_size(n)) & (j < window.output_size(n))
    left, right = (window.stride * at + place - window.before(n) for at, place in ((i, u), (j, v)))
    if window.padding == "CIRCULAR":
        left, right = left % n, right % n
    else:
        inside &= (left >= 0) & (left < n) & (right >= 0) & (right < n)
    if window.paired:
        inside &= u == v
    shift = (right - left - window.stride * offset) % period
    result = {}
    for value in np.unique(shift[inside]):
        counted = np.where(inside & (shift == value), scale[i] * scale[j], 0.0)
        result[int(value)] = counted.sum(axis=-1)
    return result


def _edge_scale(window: Window, n: int, outputs: int) -> np.ndarray:
    if not window.normalize_edges or window.padding == "CIRCULAR":
        return np.ones(outputs)
    starts = window.stride * np.arange(outputs) - window.before(n)
    real = np.clip(starts + window.size, 0, n) - np.clip(starts, 0, n)
    return window.size / np.maximum(real, 1)
