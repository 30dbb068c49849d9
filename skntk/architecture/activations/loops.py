"""How XLA is kept from fusing more into one loop than is good for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from skntk.architecture.propagation.correlation import CorrelationState
from skntk.architecture.propagation.state import Array

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

    result = apart(packed, nonnegative, *operands)
    return lax.real(result), lax.imag(result)


def apart(function: Callable[..., Array], nonnegative: Array, *operands: Any) -> Array:
    """Return the array that a function returns, as the branch of a condition: see `in_own_loop`."""
    shape = jax.eval_shape(function, *operands)
    always = jnp.logical_not(jnp.ravel(nonnegative)[0] < 0)
    return lax.cond(
        always, function, lambda *_: jnp.full(shape.shape, jnp.nan, shape.dtype), *operands
    )


def copyable(values: Array) -> Array:
    """Return a root or a quotient in single precision, so that XLA may use it several times.

    XLA fuses no root and no quotient that several others need, and computes what leads to them
    once for each of the loops that it makes instead. Of rounding, which here does nothing and
    becomes no instruction, it makes copies, which all end in one loop.
    """
    precision = jnp.finfo(values.dtype)
    return lax.reduce_precision(values, precision.nexp, precision.nmant)


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


class PackedState(NamedTuple):
    """A `CorrelationState` between two loops, in as few numbers as tell it.

    Attributes
    ----------
    gaps : complex array of shape (n_left, n_right)
        The signed gap of the NNGP kernel, and that of the NTK as the imaginary part: one array,
        which one loop writes and the next one reads.
    form : CorrelationState of shapes
        Which distances the state has.
    """

    gaps: Array
    form: CorrelationState

    @classmethod
    def of(cls, state: CorrelationState) -> PackedState:
        """Return a state, packed."""
        gaps = lax.complex(*(correlation.signed_gap() for correlation in state))
        return cls(gaps, jax.eval_shape(lambda: state))

    def unpacked(self) -> CorrelationState:
        """Return the state."""
        parts = zip(self.form, (lax.real(self.gaps), lax.imag(self.gaps)), strict=True)
        return CorrelationState(*(correlation.from_signed_gap(gap) for correlation, gap in parts))

    def after(self, propagate: Callable[[CorrelationState], CorrelationState]) -> PackedState:
        """Return what layers make of the state, computed by one loop as by `in_own_loop`.

        Fused with the layers above, what an activation computes of a pair would be computed several
        times: for either kernel, and for every root and quotient that the next layers take.
        """

        def packed(gaps: Array) -> PackedState:
            return PackedState.of(propagate(self._replace(gaps=gaps).unpacked()))

        form = jax.eval_shape(packed, self.gaps).form
        positive = 2 + lax.real(self.gaps[:1, :1])
        return PackedState(apart(lambda gaps: packed(gaps).gaps, positive, self.gaps), form)
