"""Loops over the features of the inputs, for kernels that are made feature by feature."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from operator import itemgetter
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from skntk.architecture.propagation.correlation import Split
from skntk.architecture.propagation.state import Array

Values = Array | Split
"""Numbers of samples: in double precision, or split into two in single precision."""

# So many features are written out, and share one pass over the pairs of a tile. Of more, each has a
# pass of its own, which is slower by a half and compiled once for any number of them. LLVM
# vectorizes no pass over the features of one of several groups.
_MOST_WRITTEN_OUT = 32


@partial(jax.custom_jvp, nondiff_argnums=(0,))
def sum_over_features(term: Callable[..., Any], *features: Any) -> Any:
    """Return the sum of a function of pairs over all features.

    No array of all pairs and all features is made, nor to differentiate it.

    Parameters
    ----------
    term : callable
        Maps what is known of one feature to a pytree of arrays.
    *features : pytrees of arrays of shape (n_features, ...)
        At least of one feature.

    Returns
    -------
    pytree of arrays
    """

    def add(total: Any, *feature: Any) -> Any:
        return jax.tree.map(jnp.add, total, term(*feature))

    return over_features(add, _zeros(term, features), features)


@sum_over_features.defjvp
def _sum_over_features_jvp(
    term: Callable[..., Any], features: tuple[Any, ...], changes: tuple[Any, ...]
) -> tuple[Any, Any]:
    @jax.checkpoint
    def add(total: Any, feature: tuple[Any, ...]) -> tuple[Any, None]:
        return jax.tree.map(jnp.add, total, term(*feature)), None

    def in_loop(*features: Any) -> Any:
        return lax.scan(add, _zeros(term, features), features)[0]

    return sum_over_features(term, *features), jax.jvp(in_loop, features, changes)[1]


@partial(jax.custom_jvp, nondiff_argnums=(0, 1))
def one_minus_product(gap: Callable[..., Array], written_out: bool | None, *features: Any) -> Array:
    """Return 1 - prod_j (1 - q_j), to full relative precision.

    With D what it is of the features before, one more makes 1 - (1 - D)(1 - q) = D + q (1 - D): a
    sum of positive numbers.

    Parameters
    ----------
    gap : callable
        Maps what is known of one feature to q, numbers from 0 to less than 1.
    written_out : bool or None
        As for `over_features`.
    *features : pytrees of arrays of shape (n_features, ...)
        At least of one feature.

    Returns
    -------
    array
    """

    def multiply(rest: Array, *feature: Any) -> Array:
        return rest + gap(*feature) * (1 - rest)

    result: Array = over_features(multiply, _zeros(gap, features), features, written_out)
    return result


@one_minus_product.defjvp
def _one_minus_product_jvp(
    gap: Callable[..., Array],
    written_out: bool | None,
    features: tuple[Any, ...],
    changes: tuple[Any, ...],
) -> tuple[Array, Array]:
    result = one_minus_product(gap, written_out, *features)

    def logarithm(*feature: Any) -> Array:
        return -jnp.log1p(-gap(*feature))

    _, change = jax.jvp(partial(sum_over_features, logarithm), features, changes)
    return result, (1 - result) * change


def over_features(
    step: Callable[..., Any],
    start: Any,
    features: tuple[Any, ...],
    written_out: bool | None = None,
) -> Any:
    """Return what a function makes of one feature after the other.

    Parameters
    ----------
    step : callable
        Maps what was made of the features before, and what is known of one feature, to the next.
    start : pytree of arrays
    features : tuple of pytrees of arrays of shape (n_features, ...)
    written_out : bool or None, default=None
        Whether all features share one pass; None is if they are few.

    Returns
    -------
    pytree of arrays
        Of the shapes of ``start``.
    """
    n_features = len(jax.tree.leaves(features)[0])
    if not (n_features <= _MOST_WRITTEN_OUT if written_out is None else written_out):
        return lax.scan(lambda result, feature: (step(result, *feature), None), start, features)[0]
    result = start
    for number in range(n_features):
        feature = jax.tree.map(itemgetter(number), features)
        result = step(result, *feature)
    return result


def _zeros(term: Callable[..., Any], features: tuple[Any, ...]) -> Any:
    """Return zeros of the shapes of what a function makes of one feature."""
    shapes = jax.eval_shape(term, *jax.tree.map(itemgetter(0), features))
    return jax.tree.map(lambda shape: jnp.zeros(shape.shape, shape.dtype), shapes)


def distance(left: Values, right: Values) -> Array:
    """Return the absolute differences of numbers, to full relative precision.

    Equal numbers have the distance 0, and 0 as its derivative.
    """
    if isinstance(left, Split) and isinstance(right, Split):
        return _absolute(left.minus(right))
    assert not isinstance(left, Split)
    assert not isinstance(right, Split)
    return _absolute(left - right)


@jax.custom_jvp
def _absolute(values: Array) -> Array:
    return jnp.abs(values)


@_absolute.defjvp
def _absolute_jvp(values: tuple[Array], changes: tuple[Array]) -> tuple[Array, Array]:
    # JAX takes the derivative from above at 0, and not the mean of both.
    return _absolute(*values), jnp.sign(*values) * changes[0]


def leading(values: Values) -> Array:
    """Return numbers in the precision of the pairs."""
    return values.high if isinstance(values, Split) else values


def n_numbers(values: Values) -> int:
    """Return how many numbers are known of each sample."""
    return len(leading(values))
