"""What travels through a network of infinite width: covariances instead of activations."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

Array = jax.Array

Statistics = Any
"""A pytree of arrays, one value per sample, made once per sample and read for every pair."""


class SampleState(NamedTuple):
    """The kernels of every sample with itself, before or after a layer.

    Attributes
    ----------
    nngp : array of shape (..., n)
        E[f(x)^2], the variance of one channel.
    ntk : array of shape (..., n)
        The NTK of x with itself.
    """

    nngp: Array
    ntk: Array


class InputSamples(SampleState):
    """The kernels of the inputs with themselves, together with the inputs.

    Behind any layer that changes them it is a `SampleState` like others.

    Attributes
    ----------
    features : array of shape (n_features, n) or None
        The inputs, which layers such as `OneFeatureDense` read; None where they are not known.
    """

    features: Array | None = None


class PairState(NamedTuple):
    """The kernels of every left sample with every right sample, before or after a layer.

    Attributes
    ----------
    nngp : array of shape (..., n_left, n_right)
        E[f(x) f(z)], the covariance of one channel.
    ntk : array of shape (..., n_left, n_right)
        The NTK of x and z.
    """

    nngp: Array
    ntk: Array


def input_samples(X: Array) -> InputSamples:
    """Return the state of inputs ``X (n, features)``: mean squares, and no NTK yet."""
    nngp = jnp.mean(X * X, axis=-1)
    state = InputSamples(nngp, jnp.zeros_like(nngp))
    state.features = X.T
    return state


def input_pairs(X: Array, Y: Array) -> PairState:
    """Return the state of ``X (n, features)`` against ``Y (m, features)``: mean products."""
    nngp = jnp.matmul(X, Y.T, precision="highest") / X.shape[-1]
    return PairState(nngp, jnp.zeros_like(nngp))


def as_left(statistics: Statistics) -> Statistics:
    """Align per-sample arrays ``(..., n)`` with the left axis of pairs: ``(..., n, 1)``."""
    return jax.tree.map(lambda values: values[..., :, None], statistics)


def as_right(statistics: Statistics) -> Statistics:
    """Align per-sample arrays ``(..., n)`` with the right axis of pairs: ``(..., 1, n)``."""
    return jax.tree.map(lambda values: values[..., None, :], statistics)
