"""Angles between samples in single precision, from how far their correlation is from 1 or -1."""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp

from skntk.architecture.activations.estrin import polynomial
from skntk.architecture.propagation.correlation import Correlation
from skntk.architecture.propagation.state import Array

# With g = 1 - cos(phi) on [0, 1], phi / g^(1/2) and (sin(phi) - phi cos(phi)) / g^(3/2) as
# polynomials in g, by Chebyshev interpolation: the largest relative errors are 2e-8.
_ANGLE = (
    1.414213546408316, 0.11785316670024253, 0.026474482500421035, 0.008216730963683687,
    0.0014788598199468896, 0.0033384170160992727, -0.0019906429641025633, 0.0012117377709728319,
)  # fmt: skip
_BEND = (
    0.9428090524147311, 0.04713939470349971, 0.007592717259611508, 0.001658284705926264,
    0.0007422619744943543, -0.0001762003543238082, 0.00023447136629193183,
)  # fmt: skip


class Angle(NamedTuple):
    """The angle of a pair with the nearest of equal and opposite samples, in [0, pi / 2].

    Attributes
    ----------
    gap : array
        1 - cos(phi), which is 1 - abs(r) of the correlation r.
    is_negative : array or None
        Whether r is negative, so that the opposite sample is the nearest; None if it never is.
    root : array
        The square root of the gap.
    """

    gap: Array
    is_negative: Array | None
    root: Array

    @classmethod
    def of(cls, correlation: Correlation) -> Angle:
        """Return the angles of correlations."""
        gap, is_negative = correlation.nearest()
        return cls(gap, is_negative, jnp.sqrt(gap))

    @property
    def value(self) -> Array:
        """The angle phi, to full relative precision."""
        return self.root * polynomial(_ANGLE, self.gap)

    @property
    def bend(self) -> Array:
        """The difference sin(phi) - phi cos(phi), to full relative precision."""
        return self.root * self.gap * polynomial(_BEND, self.gap)

    def choose(self, positive: Array, negative: Array) -> Array:
        """Return the first where r is at least 0 and the second elsewhere."""
        return (
            positive
            if self.is_negative is None
            else jnp.where(self.is_negative, negative, positive)
        )
