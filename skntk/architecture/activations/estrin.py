"""Polynomials by Estrin's scheme, which closed forms approximate functions by."""

from __future__ import annotations

from collections.abc import Sequence

import jax.numpy as jnp

from skntk.architecture.propagation.state import Array


def polynomial(coefficients: Sequence[float], x: Array) -> Array:
    """Return the polynomial at x, given its coefficients from that of degree 0.

    Pairs of neighbors are summed at once, where Horner's scheme would wait for every product before
    the next.
    """
    terms = [jnp.full_like(x, coefficient) for coefficient in coefficients]
    while len(terms) > 1:
        pairs = zip(terms[::2], terms[1::2], strict=False)
        terms = [even + x * odd for even, odd in pairs] + terms[len(terms) // 2 * 2 :]
        x = x * x
    return terms[0]
