"""An order of rows that has nothing to do with what they mean, nor with where they stand."""

from __future__ import annotations

import numpy as np


def order_by_value(X: np.ndarray) -> np.ndarray:
    """Return the rows in an order that depends on their values alone, equal ones together.

    The order is that of a hash of their bytes (a sum of words times odd numbers, mixed as in
    splitmix64): it has nothing to do with what the values mean.
    """
    # Adding 0 turns -0.0 into 0.0: equal numbers then have equal bytes.
    values = np.ascontiguousarray(X.reshape(len(X), -1)) + 0.0
    words = values.view(np.uint32 if values.dtype == np.float32 else np.uint64).astype(np.uint64)
    factors = _mixed(np.arange(1, words.shape[1] + 1, dtype=np.uint64)) | np.uint64(1)
    return np.argsort(_mixed(_mixed(words) @ factors), kind="stable")


def _mixed(words: np.ndarray) -> np.ndarray:
    words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed: np.ndarray = words ^ (words >> np.uint64(31))
    return mixed
