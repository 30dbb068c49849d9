"""The end of Mehler's series of functions with a kink at 0, beyond the terms that are summed.

At high degrees the Hermite coefficients of such a function are those of |x|, up to a factor: the
slope of |x| is the sign, and E[sign(u) sign(v)] = (2 / pi) arcsin(r) = sum_j d_j r^(2 j + 1). What
follows the last term decays like a power of the degree, so that correlations ever closer to 1 need
ever higher degrees. A few powers of x = r^2 stand for them all, whose exponents double or quadruple
from one to the next. Their weights are positive, so that the result is positive semi-definite.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import lax
from scipy.optimize import nnls

from skntk.architecture.activations.arcsine import equal_threshold
from skntk.architecture.activations.mehler import power_of, squarings
from skntk.architecture.propagation.state import Array

# Dense where the tail begins, and rare where little of it remains. Fitted, the shares are off by up
# to 3e-4, and so E[sign(u) sign(v)] by 2e-6.
_EXPONENTS = (2048, 3072, 4096, 6144, *(2**bit for bit in (*range(13, 18), *range(19, 32, 2))))
_DISTANCES = np.concatenate([[0.0], np.logspace(-14, -1.5, 400)])  # 1 - x at which to fit
_SUM = 1e3  # the weight of the equation that the weights sum to 1


class KinkTail(NamedTuple):
    """Positive weights of powers of x, which sum to 1.

    Attributes
    ----------
    exponents : tuple of int
    slope_weights, value_weights : ndarray of shape (n_exponents,)
        Of E[f'(u) f'(v)] / r and of E[f(u) f(v)] / r^2: the first is the derivative of the second
        with respect to the covariance.
    """

    exponents: tuple[int, ...]
    slope_weights: np.ndarray
    value_weights: np.ndarray

    def at(self, x: Array) -> tuple[Array, Array]:
        """Return the tails of E[f(u) f(v)] / r^2 and E[f'(u) f'(v)] / r at x = r^2, as shares."""
        squares = squarings(x, self.exponents[-1])
        value, slope = jnp.zeros_like(x), jnp.zeros_like(x)
        for i, exponent in enumerate(self.exponents):
            power = power_of(squares, exponent)
            value = value + float(self.value_weights[i]) * power
            slope = slope + float(self.slope_weights[i]) * power
        return value, slope


def one_within_rounding(x: Array) -> Array:
    """Return x, or 1 where rounding cannot tell x from 1, with the derivative of x.

    The tail of the slope falls like sqrt(1 - x), which magnifies rounding.
    """
    is_one = 1 - x < equal_threshold(x.dtype)
    return x + lax.stop_gradient(jnp.where(is_one, 1 - x, 0))


@cache
def kink_tail(last: int) -> KinkTail:
    """Return the tail of the series of |x| past its term x^last."""
    exponents = np.array(_EXPONENTS)
    powers = np.exp(np.log1p(-_DISTANCES)[:, None] * exponents)
    system = np.concatenate([powers, np.full((1, len(exponents)), _SUM)])
    weights, _ = nnls(system, np.append(_shares(last), _SUM), maxiter=1000)
    exponents, weights = exponents[weights > 0], weights[weights > 0]
    value_weights = weights / (exponents + 1)
    return KinkTail(
        tuple(exponents.tolist()), weights / weights.sum(), value_weights / value_weights.sum()
    )


def _shares(last: int) -> np.ndarray:
    """Return sum_(j > last) d_j x^j at the x of the fit, divided by its value at 1."""
    j = np.arange(last + 1.0)
    factors = np.concatenate([[1.0], (2 * j[1:] - 1) / (2 * j[1:])])
    terms = 2 / np.pi * np.cumprod(factors) / (2 * j + 1)
    summed = np.exp(np.log1p(-_DISTANCES)[:, None] * j) @ terms
    closed = 1 - 2 / np.pi * np.arcsin(np.sqrt(_DISTANCES))
    tails: np.ndarray = closed / np.sqrt(1 - _DISTANCES) - summed
    return tails / tails[0]
