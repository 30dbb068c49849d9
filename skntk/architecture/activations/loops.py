"""How XLA is kept from fusing more into one loop than is good for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from skntk.architecture.propagation.correlation import CorrelationState
from skntk.architecture.propagation.state import Array, Statistics

# The values of a function at the nodes of a quadrature for so many samples fit the cache of a core.
_PART_SIZES = range(32, 105)


def in_own_loop(
    function: Callable[..., tuple[Array, Array]], nonnegative: Array, *operands: Any
) -> tuple[Array, Array]:
    """Return the two results of a function, computed by one loop that is fused with no other.

    On CPU, XLA fuses whatever an elementwise result needs into one loop over its entries, and
    computes for two results in two loops what they have in common. LLVM vectorizes no loop that
    reads several hundred arrays. The branches of a condition are compiled on their own, and a
    complex array makes two results one. The condition always holds, but only values tell.

    An example: the value and the slope of a `QuadratureActivation` are two sums over the same 30
    products of coefficients. Fused with the `Dense` layer around it, both sums become a loop of
    their own with all 60 coefficient arrays as inputs, neither of them vectorized. Here one
    loop computes both, and the layers around it read two arrays.

    Parameters
    ----------
    function : callable
        Maps the operands to two real arrays of one shape and dtype.
    nonnegative : array
        Any array that holds no negative numbers, at least one number.
    *operands : pytrees of arrays

    Returns
    -------
    array, array
    """

    def packed(*operands: Any) -> Array:
        return lax.complex(*function(*operands))

    shape = jax.eval_shape(packed, *operands)
    always = jnp.logical_not(jnp.ravel(nonnegative)[0] < 0)
    result = lax.cond(
        always, packed, lambda *_: jnp.full(shape.shape, jnp.nan, shape.dtype), *operands
    )
    return lax.real(result), lax.imag(result)


def copyable(nonnegative: Array) -> Array:
    """Return a root or a quotient, of no negative numbers, so that XLA may use it several times.

    XLA fuses no root and no quotient that several others need, and computes what leads to them
    once for each loop that it makes instead. Of the cheap maximum with 0 it makes copies, which
    all end in one loop.
    """
    return jnp.maximum(nonnegative, 0)


def in_parts(function: Callable[[Array], Any], values: Array) -> Any:
    """Return ``function(values)``, computed for one part of the last axis after the other.

    Parameters
    ----------
    function : callable
        Maps an array to a pytree of arrays with the same last axis, each entry from its own.
    values : array of shape (..., n)

    Returns
    -------
    pytree of arrays of shape (..., n)
    """
    n = values.shape[-1]
    divisors = [size for size in _PART_SIZES if n % size == 0]
    if n in divisors or not divisors:
        return function(values)
    size = max(divisors, key=lambda size: (size % 8 == 0, size))  # whole vectors
    parts = jnp.moveaxis(values.reshape(*values.shape[:-1], -1, size), -2, 0)
    return jax.tree.map(
        lambda leaf: jnp.moveaxis(leaf, 0, -2).reshape(*leaf.shape[1:-1], n),
        lax.map(function, parts),
    )


def computed_once(
    propagate: Callable[..., CorrelationState],
    nonnegative: Array,
    state: CorrelationState,
    left: Statistics,
    right: Statistics,
) -> CorrelationState:
    """Return ``propagate(state, left, right)``, computed by one loop as by `in_own_loop`.

    Fused with the layers above, what an activation computes of a pair would be computed several
    times: for either kernel, and for every root and quotient that the next layers take.
    """
    form = jax.eval_shape(propagate, state, left, right)
    structure = jax.tree.structure(left)

    def packed(gaps: Array, *sides: Array) -> tuple[Array, Array]:
        statistics = (jax.tree.unflatten(structure, list(side)) for side in sides)
        nngp, ntk = propagate(_unpacked(state, (lax.real(gaps), lax.imag(gaps))), *statistics)
        return nngp.signed_gap(), ntk.signed_gap()

    gaps = lax.complex(*(correlation.signed_gap() for correlation in state))
    # As one array, statistics are not copied one by one into the loop.
    sides = (jnp.stack(jax.tree.leaves(side)) for side in (left, right))
    return _unpacked(form, in_own_loop(packed, nonnegative, gaps, *sides))


def _unpacked(form: CorrelationState, gaps: tuple[Array, ...]) -> CorrelationState:
    """Return the state of signed gaps, which knows what one of the same form knows."""
    return CorrelationState(
        *(correlation.from_signed_gap(gap) for correlation, gap in zip(form, gaps, strict=True))
    )
