"""Fusion barriers: loops that XLA fuses with no others and gives one thread.

On CPU, XLA would fuse whatever an elementwise result needs into one loop over its entries, computed
anew for every neighbor that a sum reads. And it would spread loops of much arithmetic over its own
threads, which takes longer than the loop itself: whole tiles are computed by our threads.

An example: behind `Relu`, a pool of nine pixels reads the state of one offset nine times. Fused
into the loop of the pool, the arcsine of every pixel pair would be computed nine times. `isolated`
puts it into the branch of a condition that always holds, which nothing is fused across.

Such a branch of much arithmetic would be run by many threads, as XLA knows how large its result is.
`isolated_in_place` writes the result into a piece of an array that was there before, whose length
XLA does not know. That array, a buffer, must not be allocated anew in every iteration of a loop, so
it is carried around the loop. How many buffers of which shape the body of a loop needs is found by
tracing it once without computing anything, a dry run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from skntk.architecture.propagation.state import Array, PairState


class FusionBarriers:
    """How the loops of one program are kept apart, while it is traced.

    Parameters
    ----------
    nonnegative : array of shape (..., pairs)
        Any array without negative numbers, which the compiler does not see: what it must not know
        is made from it.
    with_ntk : bool, default=True
        Whether the NTK is computed; without it states are kept as real arrays, in half of the
        time.
    """

    def __init__(self, nonnegative: Array, with_ntk: bool = True) -> None:
        self.with_ntk = with_ntk
        negative = jnp.ravel(nonnegative)[0] < 0
        self.holds = jnp.logical_not(negative)
        self._zero = negative.astype(jnp.int32)
        self._pairs = nonnegative.shape[-1]
        self._dtype = nonnegative.dtype
        self._buffers: list[_Buffers] = []

    def empty(self, period: Sequence[int], *, with_ntk: bool) -> Array:
        """Return zeros of the shape of a packed state with padding."""
        dtype = np.result_type(self._dtype, np.complex64) if with_ntk else self._dtype
        return jnp.zeros((*period, self._pairs), dtype)

    def packed(self, state: PairState | Array) -> Array:
        """Return a state as one complex array, and the NNGP kernel alone as it is."""
        if not isinstance(state, PairState):
            return state
        return lax.complex(*state) if self.with_ntk else state.nngp

    def overwritten(self, total: Array, compute: Callable[[], PairState]) -> Array:
        """Return an array with new rows, all but the last, as by `isolated_in_place`."""
        if self.is_dry_run:
            return total
        return _with_rows(total, self.packed(compute()), self._zero)

    def isolated(
        self,
        compute: Callable[[], PairState | Array],
        shape: jax.ShapeDtypeStruct | None = None,
    ) -> Array:
        """Return a state computed by one loop that is fused with no other.

        XLA would give each of the two kernels a loop, with others for what they share. As the parts
        of one complex array both come from one loop, and nothing is fused across the branch of a
        condition.

        Parameters
        ----------
        compute : callable
            Returns the state, or the NNGP kernel alone where the NTK is 0.
        shape : jax.ShapeDtypeStruct, default=None
            That of the result; None traces ``compute`` once more to find it.

        Returns
        -------
        complex array
            The NNGP kernel as the real part, the NTK as the imaginary part; a real array without
            NTK.
        """
        if self.is_dry_run and shape is not None:
            return jnp.zeros(shape.shape, shape.dtype)

        def compute_packed() -> Array:
            return self.packed(compute())

        shape = jax.eval_shape(compute_packed) if shape is None else shape
        result: Array = lax.cond(
            self.holds, compute_packed, lambda: jnp.full(shape.shape, jnp.nan, shape.dtype)
        )
        return result

    @property
    def is_dry_run(self) -> bool:
        """Whether the buffers of a loop are being counted, and values do not matter."""
        return bool(self._buffers) and isinstance(self._buffers[-1], _DryRun)

    def isolated_in_place(self, compute: Callable[[], PairState], period: Sequence[int]) -> Array:
        """Return the same as `isolated`, from a loop of any amount of arithmetic on one thread.

        XLA would spread such a loop over threads of its own, which takes longer than the loop: it
        does not where it cannot know how much is written, which is so for a piece of an array that
        was there before. In a loop over offsets or rounds this array stays the same.

        Parameters
        ----------
        compute : callable
            Returns the state.
        period : sequence of int
            Of the state, at least one axis.

        Returns
        -------
        array
            May have one more row of zeros than the state.
        """
        if not self._buffers:
            return self.isolated(compute)
        if self.is_dry_run:
            return self._buffers[-1].written(self.empty(period, with_ntk=self.with_ntk), self._zero)
        return self._buffers[-1].written(self.packed(compute()), self._zero)

    @contextmanager
    def without_buffers(self) -> Iterator[None]:
        """Leave the memory of the loop around alone: for the bodies of further loops within."""
        buffers, self._buffers = self._buffers, []
        try:
            yield
        finally:
            self._buffers = buffers

    def with_buffers(
        self, iteration: Callable[..., Any], first: tuple[Any, ...]
    ) -> tuple[tuple[Array, ...], Callable[..., tuple[Any, tuple[Array, ...]]]]:
        """Return the body of a loop together with the memory that its iterations share.

        Parameters
        ----------
        iteration : callable
            What one iteration returns, for ``first`` and for the arguments of any other iteration.
        first : tuple of pytrees of arrays
            Arguments of an iteration, of which the shapes count.

        Returns
        -------
        memory : tuple of arrays
            To begin with.
        body : callable
            Called with the memory and the arguments of an iteration, returns what the iteration
            returns and the memory.
        """
        counted = _DryRun()
        self._buffers.append(counted)
        jax.eval_shape(iteration, *first)
        self._buffers.pop()

        def body(memory: tuple[Array, ...], *arguments: Any) -> tuple[Any, tuple[Array, ...]]:
            written = _Buffers(memory)
            self._buffers.append(written)
            result = iteration(*arguments)
            self._buffers.pop()
            return result, tuple(written.arrays)

        return tuple(jnp.zeros(shape, dtype) for shape, dtype in counted.shapes), body

    def over_offsets(
        self, iteration: Callable[[Array, Any], Array], total: Array, steps: Any
    ) -> Array:
        """Return a total to which every step of a loop over offsets adds.

        Each iteration is inside of a condition, where one loop follows the other: XLA would spread
        the small independent parts of a long loop body over threads, which then mostly wait.

        Parameters
        ----------
        iteration : callable
            Maps the total and one step to the new total.
        total : array
        steps : pytree of arrays
            Their first axis is that of the steps.
        """
        if self.is_dry_run:
            return total  # this loop has buffers of its own
        with self.without_buffers():
            memory, body = self.with_buffers(
                iteration, (total, jax.tree.map(lambda leaf: leaf[0], steps))
            )

            def one(carry: tuple[Array, Any], step: Any) -> tuple[Any, None]:
                def inside(total: Array, memory: Any, step: Any) -> tuple[Array, Any]:
                    return body(memory, total, step)

                return lax.cond(self.holds, inside, lambda *carry: carry[:2], *carry, step), None

            return lax.scan(one, (total, memory), steps)[0][0]


class _Buffers:
    """The arrays that one iteration writes into, in the order in which it is traced."""

    def __init__(self, arrays: Sequence[Array]) -> None:
        self.arrays = list(arrays)
        self._next = 0

    def written(self, values: Array, zero: Array) -> Array:
        """Return the next array, one row larger than the values, with the values in it."""
        array = _with_rows(self.arrays[self._next], values, zero)
        self.arrays[self._next] = array
        self._next += 1
        return array


class _DryRun(_Buffers):
    """The shapes of these arrays, found by tracing an iteration once."""

    def __init__(self) -> None:
        super().__init__(())
        self.shapes: list[tuple[tuple[int, ...], Any]] = []

    def written(self, values: Array, zero: Array) -> Array:
        self.shapes.append(((len(values) + 1, *values.shape[1:]), values.dtype))
        return values


def _with_rows(array: Array, values: Array, zero: Array) -> Array:
    start = (zero,) * values.ndim
    return lax.dynamic_update_slice(array, values, start, allow_negative_indices=False)


def unpacked(values: Array) -> PairState:
    """Return the state that `FusionBarriers.packed` packed."""
    if not jnp.iscomplexobj(values):
        return PairState(values, jnp.zeros_like(values))
    return PairState(jnp.real(values), jnp.imag(values))


def mapped_parts(function: Callable[[Array], Array], *packed: Array) -> PairState | Array:
    """Return a function of both kernels, or of the NNGP kernel if there is no NTK."""
    if not jnp.iscomplexobj(packed[0]):
        return function(*packed)
    return PairState(*map(function, *map(unpacked, packed)))
