"""Shapes of the activations of finite networks."""

from __future__ import annotations

from collections.abc import Sequence

import jax.numpy as jnp

from skntk.architecture.propagation.state import Array
from skntk.architecture.propagation.windows import Window


def pad_inputs(inputs: Array, windows: Sequence[Window]) -> Array:
    """Return activations (n, *sizes, channels) with all that windows read, so that VALID fits."""
    for axis, window in enumerate(windows, start=1):
        n = inputs.shape[axis]
        before = window.before(n)
        reach = window.stride * (window.output_size(n) - 1) + window.size
        if window.padding == "CIRCULAR":
            inputs = jnp.take(inputs, jnp.arange(-before, reach - before) % n, axis=axis)
            continue
        pads = [(0, 0)] * inputs.ndim
        pads[axis] = (before, max(reach - before - n, 0))
        inputs = jnp.pad(inputs, pads)
    return inputs


def as_channels(values: Array, activations: Array) -> Array:
    """Return one number for each channel, aligned with activations (n, ..., channels)."""
    return values.reshape(*(1,) * (activations.ndim - 1), -1)
