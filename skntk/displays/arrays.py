"""Arrays as displays take them: one input, one or several outputs."""

from __future__ import annotations

from typing import Any

import numpy as np


def one_feature(name: str, values: Any) -> np.ndarray:
    """Return the values of one input, of shape (n,), given in one or in two dimensions."""
    array = np.asarray(values)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1:
        raise ValueError(
            f"{name} must hold the values of one input, shape (n,) or (n, 1); got shape "
            f"{array.shape}."
        )
    return array


def one_or_several_outputs(name: str, values: Any, n_points: int) -> np.ndarray:
    """Return predictions at ``n_points`` values of x, of shape (n,) or (n, n_outputs)."""
    array = np.asarray(values)
    if array.ndim not in (1, 2) or len(array) != n_points:
        raise ValueError(
            f"{name} must be of shape ({n_points},) or ({n_points}, n_outputs), as x has "
            f"{n_points} values; got {array.shape}."
        )
    return array


def optional(name: str, values: Any, shape: tuple[int, ...]) -> np.ndarray | None:
    """Return an array of the given shape, or None; a single output may have an axis of its own."""
    if values is None:
        return None
    array = np.asarray(values)
    if array.shape == (*shape, 1):
        array = array[..., 0]
    if array.shape != shape:
        raise ValueError(f"{name} must be of shape {shape} like the rest, got {array.shape}.")
    return array


def number_of_outputs(predictions: np.ndarray) -> int:
    """Return the number of outputs of predictions of shape (n,) or (n, n_outputs)."""
    return 1 if predictions.ndim == 1 else predictions.shape[1]


def select_output(predictions: np.ndarray, output: int) -> np.ndarray:
    """Return one output of predictions of shape (n,) or (n, n_outputs)."""
    return predictions if predictions.ndim == 1 else predictions[:, output]
