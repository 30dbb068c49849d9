"""Mehler's series: expectations of pairs from the Hermite coefficients of each sample.

With g_k(a) = E[g(sqrt(a) z) He_k(z)] / sqrt(k!), z standard normal, the expectation over a pair of
variances a and c and correlation r is E[g(u) g(v)] = sum_k g_k(a) g_k(c) r^k. Where g has kinks, or
changes fast on the scale of the standard deviation, thousands of degrees count as r nears 1. But
among even degrees, and among odd ones, the terms vary slowly with the degree: the series is summed
from a few dozen of them, all of the first and then ever fewer, by a quadrature rule for sums. All
weights are positive, so that the result is positive semi-definite term by term.
"""

from __future__ import annotations

import math
from functools import cache
from itertools import product
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from scipy.optimize import lsq_linear

from skntk.architecture.propagation.state import Array

# The family of sums by which weights are chosen, see `summation_rule`.
_SHIFTS = (0.5, 1.0, 1.5, 2.5, 4.0)
_POWERS = (0.5, 0.75, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.5, 6.0, 8.0, 12.0)
_BASES = (0.2, 0.35, 0.5, 0.65, 0.8, 0.9)
_POWERS_WITH_BASE = (0.5, 1.5, 2.5, 3.5)
_ARGUMENTS = (
    0.01, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.94, 0.96, 0.98, 0.99, 0.995, 0.998,
    0.999, 0.9995,
)  # fmt: skip
_DRAW = 1e-9

# Terms are summed by Horner's scheme in chains of this length, which a processor can work on at the
# same time.
_CHAIN = 8


class SummationRule(NamedTuple):
    """Positions and weights for sums over j = 0, 1, ..., of terms that vary slowly in log(j + 1).

    Attributes
    ----------
    runs : tuple of int
        Lengths of runs of positions; the step doubles from each run to the next, from 1. One last
        position follows.
    positions : ndarray of int of shape (sum(runs) + 1,)
    weights : ndarray of shape (sum(runs) + 1,)
        The sum up to the last position is that of weights times terms.
    """

    runs: tuple[int, ...]
    positions: np.ndarray
    weights: np.ndarray

    @property
    def rest(self) -> int:
        """The position, a power of 2, at which all that follows the last one is counted."""
        return 2 ** (len(self.runs) + 2)


@cache
def summation_rule(runs: tuple[int, ...]) -> SummationRule:
    """Return the rule of given runs.

    The weights are those that serve a family of typical sums best, in the sense of least squares:
    of powers (j + a)^-d, the coefficients of functions with kinks, of b^j (j + 1)^-d, those of
    smooth ones, and of their products with x^j. With three positions to a doubling of j sums are
    off by some 1e-10, with two by some 1e-9, most of all where few of the first are counted.
    """
    steps = np.repeat(2 ** np.arange(len(runs)), runs)
    positions = np.concatenate([[0], np.cumsum(steps)])
    return SummationRule(runs, positions, _fitted_weights(positions))


def _fitted_weights(positions: np.ndarray) -> np.ndarray:
    every = np.arange(positions[-1] + 1.0)
    family = np.stack(
        [((every + a) / (1 + a)) ** -d for a, d in product(_SHIFTS, _POWERS)]
        + [b**every * (every + 1) ** -d for b, d in product(_BASES, _POWERS_WITH_BASE)]
    )
    family /= family.sum(axis=1, keepdims=True)
    damped = np.concatenate([family * x**every for x in _ARGUMENTS])
    # Weights are looked for in units of the distance of neighbors, and drawn toward it where
    # sums of the family do not tell them apart. They stay positive.
    widths = np.gradient(positions.astype(float))
    terms, sums = damped[:, positions] * widths, damped.sum(axis=1)
    system = np.concatenate([terms, _DRAW * np.eye(len(positions))])
    missing = np.concatenate([sums - terms.sum(axis=1), np.zeros(len(positions))])
    solution = lsq_linear(system, missing, bounds=(-0.8, 5), tol=1e-14, max_iter=500)
    weights: np.ndarray = widths * (1 + solution.x)
    return weights


def sum_series(
    left: Array, right: Array, x: Array, rule: SummationRule
) -> tuple[Array, Array, Array]:
    """Sum left_i right_i x^j over the positions j of a rule.

    Parameters
    ----------
    left, right : arrays of shape (n_terms, ...)
        Factors of the terms, which broadcast with x.
    x : array
        In [0, 1].
    rule : SummationRule

    Returns
    -------
    value, growth, rest : arrays of the shape of x
        The sum p, x dp/dx, and x to the power of ``rule.rest``.
    """
    powers = squarings(x, rule.rest)
    positions = rule.positions.tolist()
    chains = [slice(start, start + _CHAIN) for start in range(0, len(positions), _CHAIN)]
    value, growth = _horner(left[chains[-1]], right[chains[-1]], positions[chains[-1]], powers)
    for chain in reversed(chains[:-1]):
        chain_value, chain_growth = _horner(left[chain], right[chain], positions[chain], powers)
        span = positions[chain.stop] - positions[chain.start]
        power = power_of(powers, span)
        growth = chain_growth + power * (growth + float(span) * value)
        value = chain_value + power * value
    return value, growth, powers[-1]


def squarings(x: Array, last: int) -> list[Array]:
    """Return x to the powers 1, 2, 4, ... up to a power of 2."""
    powers = [x]
    while 2 ** (len(powers) - 1) < last:
        powers.append(powers[-1] * powers[-1])
    return powers


def power_of(squares: list[Array], exponent: int) -> Array:
    """Return x to a power from its `squarings`."""
    binary = [power for bit, power in enumerate(squares) if exponent >> bit & 1]
    return math.prod(binary[1:], start=binary[0])


def _horner(
    left: Array, right: Array, positions: list[int], powers: list[Array]
) -> tuple[Array, Array]:
    """Return p = sum_i left_i right_i x^(j_i - j_0) and x dp/dx."""
    value = left[-1] * right[-1]
    growth, step = jnp.zeros_like(value), 1
    for i in reversed(range(len(positions) - 1)):
        # Growth is counted in units of the step: multiplications fuse with additions, three
        # operations a term.
        previous, step = step, positions[i + 1] - positions[i]
        if previous != step:
            growth = growth * (previous / step)
        shifted = value * power_of(powers, step)
        growth = growth * power_of(powers, step) + shifted
        value = shifted + left[i] * right[i]
    return value, growth * float(step)
