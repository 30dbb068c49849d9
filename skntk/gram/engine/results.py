"""Results of tiles on their way to the matrix, and the memory they are computed into."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from operator import attrgetter
from typing import Any

import jax
import numpy as np

# What may stay allocated between two matrices: tiles for some cores.
_LARGEST_TOTAL = 64 * 2**20


class ArrayPool:
    """Arrays that nobody needs any more, for programs to write their results into.

    Memory fresh from the system is cleared page by page, which takes a good part of the time of a
    tile. Threads may share a pool.

    Parameters
    ----------
    largest_total : int
        Bytes that the arrays of the pool may take together; the oldest are freed.
    """

    def __init__(self, largest_total: int) -> None:
        self._largest_total = largest_total
        self._arrays: list[jax.Array] = []
        self._lock = threading.Lock()

    def take(self, shape: tuple[int, ...], dtype: np.dtype, device: jax.Device) -> jax.Array:
        """Return an array whose values do not matter; the precision of ``dtype`` is enabled."""
        with self._lock:
            for position, array in enumerate(self._arrays):
                if (array.shape, array.dtype, array.device) == (shape, dtype, device):
                    return self._arrays.pop(position)
        # What a program leaves out is read by the checks of `jax_debug_nans`.
        return jax.device_put(np.zeros(shape, dtype), device)

    def give(self, arrays: Iterable[Any]) -> None:
        """Add the arrays of JAX among some of which no views are left."""
        with self._lock:
            self._arrays.extend([array for array in arrays if isinstance(array, jax.Array)])
            while sum(map(attrgetter("nbytes"), self._arrays)) > self._largest_total:
                del self._arrays[0]


results_pool = ArrayPool(_LARGEST_TOTAL)


class TileResults:
    """The kernels of some pairs of the rows of two blocks, padding included.

    Parameters
    ----------
    arrays : sequence of arrays
        One for each kind; of JAX, or of NumPy if they come from another process.
    """

    def __init__(self, arrays: Sequence[jax.Array] | Sequence[np.ndarray]) -> None:
        self.arrays = arrays

    def __reduce__(self) -> tuple[Any, ...]:
        # JAX arrays of double precision would arrive in another process as single precision.
        return TileResults, ([np.asarray(array) for array in self.arrays],)
