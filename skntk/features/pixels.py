"""Windows that slide over the pixels of features."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from skntk.architecture.propagation.windows import Window


def windows_of(
    shape: Sequence[int],
    strides: Sequence[int] | None,
    padding: str,
    *,
    paired: bool,
    normalize_edges: bool = False,
) -> tuple[Window, ...]:
    """Return the windows of a layer, one for each spatial axis."""
    steps = (1,) * len(shape) if strides is None else strides
    return tuple(
        Window(size, step, padding, paired=paired, normalize_edges=normalize_edges)
        for size, step in zip(shape, steps, strict=True)
    )


def patches(pixels: np.ndarray, windows: Sequence[Window]) -> np.ndarray:
    """Return what a window reads at every position, as one vector: (n, *sizes, n_features)."""
    views = _views(pixels, windows)
    n_axes = len(windows)
    # The window's own axes come last: the features of one pixel stay together.
    in_order = np.moveaxis(views, n_axes + 1, -1)
    n_read = prod(in_order.shape[n_axes + 1 :])
    return in_order.reshape(*in_order.shape[: n_axes + 1], n_read)


def window_sums(pixels: np.ndarray, windows: Sequence[Window]) -> np.ndarray:
    """Return the sums of the pixels in windows: shape (n, *sizes, n_features)."""
    sums = pixels
    for axis, window in enumerate(windows, start=1):
        in_window = _views_along(sums, axis, window)
        sums = in_window.sum(axis=-1)
        if window.normalize_edges:
            ones = np.ones((1, *(1,) * (axis - 1), pixels.shape[axis], 1), pixels.dtype)
            inside = _views_along(ones, axis, window).sum(axis=-1)
            counts = inside.reshape(-1, *(1,) * (sums.ndim - axis - 1))
            sums = sums * (window.size / counts)
    return sums


def _views(pixels: np.ndarray, windows: Sequence[Window]) -> np.ndarray:
    """Return views of shape (n, *sizes, n_features, *window sizes)."""
    views = pixels
    for axis, window in enumerate(windows, start=1):
        views = _views_along(views, axis, window)
    return views


def _views_along(values: np.ndarray, axis: int, window: Window) -> np.ndarray:
    """Return what a window reads along one axis, in a new last axis."""
    n = values.shape[axis]
    before = window.before(n)
    reach = window.stride * (window.output_size(n) - 1) + window.size
    if window.padding == "CIRCULAR":
        padded = np.take(values, np.arange(-before, reach - before) % n, axis=axis)
    else:
        pads = [(0, 0)] * values.ndim
        pads[axis] = (before, max(reach - before - n, 0))
        padded = np.pad(values, pads) if any(pads[axis]) else values
    views = sliding_window_view(padded, window.size, axis=axis)
    every = [slice(None)] * values.ndim
    every[axis] = slice(0, reach - window.size + 1, window.stride)
    return views[tuple(every)]
