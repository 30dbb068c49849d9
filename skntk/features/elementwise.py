"""Activations as functions of NumPy arrays."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from skntk._jax_settings import own_placement
from skntk._processes import require_threads_of_jax
from skntk.architecture.activations.base import Activation
from skntk.architecture.propagation.state import Array

# Numbers in one call of a program, which is compiled for these sizes alone: for a few samples, and
# for as many as fit into a cache.
CHUNKS = (2**10, 2**16)


def values(activation: Activation, inputs: np.ndarray) -> np.ndarray:
    """Return f of every number."""
    return _in_chunks(activation, inputs, with_slopes=False)[0]


def values_and_slopes(activation: Activation, inputs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return f and its derivative of every number."""
    function, slope = _in_chunks(activation, inputs, with_slopes=True)
    return function, slope


def _in_chunks(
    activation: Activation, inputs: np.ndarray, with_slopes: bool
) -> tuple[np.ndarray, ...]:
    require_threads_of_jax()
    numbers = inputs.reshape(-1)
    results = tuple(np.empty_like(numbers) for _ in range(1 + with_slopes))
    program = _values_and_slopes if with_slopes else _values
    with own_placement(), jax.enable_x64(True):
        # Numbers of all types are one type to the program.
        activation = jax.tree.map(lambda number: np.asarray(number, inputs.dtype), activation)
        size = CHUNKS[len(numbers) > CHUNKS[0]]
        for start in range(0, len(numbers), size):
            chunk = numbers[start : start + size]
            n = len(chunk)
            if n < size:
                chunk = np.pad(chunk, (0, size - n))
            for result, found in zip(results, program(activation, chunk), strict=True):
                result[start : start + n] = np.asarray(found)[:n]
    return tuple(result.reshape(inputs.shape) for result in results)


@jax.jit
def _values(activation: Activation, inputs: Array) -> tuple[Array]:
    return (_as(inputs, activation.function(inputs)),)


@jax.jit
def _values_and_slopes(activation: Activation, inputs: Array) -> tuple[Array, Array]:
    function, slope = jax.jvp(activation.function, (inputs,), (jnp.ones_like(inputs),))
    return _as(inputs, function), _as(inputs, slope)


def _as(inputs: Array, outputs: Array) -> Array:
    """Return outputs in the precision of the inputs; constants have no shape of their own."""
    return jnp.broadcast_to(outputs, inputs.shape).astype(inputs.dtype)
