"""Loops over the features of the inputs, for kernels that are made feature by feature."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from skntk.architecture.propagation.correlation import Split
from skntk.architecture.propagation.state import Array

Values = Array | Split
"""Numbers of samples: in double precision, or split into two in single precision."""

# So many features are added up in one pass over the pairs of a tile.
_FEATURES_AT_ONCE = 8


def over_features(step: Callable[..., Any], start: Any, *features: Any) -> Any:
    """Return what a function makes of one feature after the other.

    No array of all pairs and all features is made. Several features share one pass over the pairs,
    which is compiled once for any number of them.

    Parameters
    ----------
    step : callable
        Maps what was made of the features before, and what is known of one feature, to the next.
    start : pytree of arrays
    *features : pytrees of arrays of shape (n_features, ...)

    Returns
    -------
    pytree of arrays
        Of the shapes of ``start``.
    """
    n_features = len(jax.tree.leaves(features)[0])
    if n_features == 0:
        return start

    def one_feature(carry: Any, of_feature: tuple[Any, ...]) -> tuple[Any, None]:
        return step(carry, *of_feature), None

    return lax.scan(one_feature, start, features, unroll=min(n_features, _FEATURES_AT_ONCE))[0]


def distance(left: Values, right: Values) -> Array:
    """Return the absolute differences of numbers, to full relative precision.

    Equal numbers have the distance 0, and 0 as its derivative.
    """
    if isinstance(left, Split) and isinstance(right, Split):
        return jnp.abs(left.minus(right))
    assert not isinstance(left, Split)
    assert not isinstance(right, Split)
    return jnp.abs(left - right)


def leading(values: Values) -> Array:
    """Return numbers in the precision of the pairs."""
    return values.high if isinstance(values, Split) else values


def n_numbers(values: Values) -> int:
    """Return how many numbers are known of each sample."""
    return len(leading(values))


def zeros_of_pairs(left: Values, right: Values) -> Array:
    """Return a zero for each pair, given arrays (n_features, n_left, 1) and (.., 1, n_right)."""
    some, other = leading(left), leading(right)
    return jnp.zeros(jnp.broadcast_shapes(some.shape[1:], other.shape[1:]), some.dtype)
