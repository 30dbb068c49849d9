"""Normal distributions of transformed targets, in the units of the targets."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtri, roots_hermitenorm

from skntk.estimators.composition.target_transformation import TargetTransformation

# Nodes reach 7.6 standard deviations. The mean and the variance of exp(z) have relative errors
# below 1e-6 for standard deviations of z up to 2.
_NODES, _WEIGHTS = roots_hermitenorm(20)
_WEIGHTS = _WEIGHTS / _WEIGHTS.sum()

# What may be lost where the inverse is not finite: of the probability, and of the variance.
_LOST_PROBABILITY = 1e-3
_LOST_VARIANCE = 1e-2


@dataclass(frozen=True, eq=False)
class TransformedNormal:
    """Targets whose transformed values are normal, each by itself.

    Mean and standard deviation are those of the transformed values, of shape (m,) or
    (m, n_outputs).
    """

    transformation: TargetTransformation
    mean: np.ndarray
    std: np.ndarray

    def median(self) -> np.ndarray:
        """Return the medians, of the shape of the means."""
        return self.transformation.inverse(self.mean)

    def moments(self) -> tuple[np.ndarray, np.ndarray]:
        """Return means and standard deviations, by Gauss-Hermite quadrature."""
        nodes = self.mean[..., np.newaxis] + self.std[..., np.newaxis] * _NODES
        values = self.transformation.unchecked_inverse(nodes)
        finite = np.isfinite(values)
        values = np.where(finite, values, 0.0)
        # In the unit of the targets, of which the square may be too small or too large.
        unit = np.ldexp(0.5, np.frexp(np.abs(values).max(axis=-1))[1])
        values = values / unit[..., np.newaxis]
        weights = np.where(finite, _WEIGHTS, 0.0)
        probability = weights.sum(axis=-1)
        weights /= np.maximum(probability, _WEIGHTS.min())[..., np.newaxis]
        mean = (weights * values).sum(axis=-1)
        terms = weights * np.square(values - mean[..., np.newaxis])
        variance = terms.sum(axis=-1)
        at_the_bound = (terms * _next_to_others(finite)).sum(axis=-1)
        self._require(
            (probability >= 1 - _LOST_PROBABILITY) & (at_the_bound <= _LOST_VARIANCE * variance)
        )
        return unit * mean, unit * np.sqrt(variance)

    def _require(self, exist: np.ndarray) -> None:
        if exist.all():
            return
        row = int(np.argwhere(~exist)[0, 0])
        raise ValueError(
            f"The distribution of sample {row} has no mean and standard deviation, because the "
            "inverse of the transformation is not finite, or very large, for a part of it that "
            "matters: the transformed prediction has the mean "
            f"{self.mean[~exist][0]:g} and the standard deviation {self.std[~exist][0]:g}. Take "
            "medians and quantiles, or another transformation, such as func=np.log."
        )

    def quantiles(self, levels: np.ndarray) -> np.ndarray:
        """Return quantiles of shape (m, n_levels) or (m, n_outputs, n_levels)."""
        sign = np.where(self.transformation.is_increasing, 1.0, -1.0) * np.ones_like(self.std)
        z = self.mean[..., np.newaxis] + (sign * self.std)[..., np.newaxis] * ndtri(levels)
        return self.transformation.inverse(z)

    def log_density(self, y: np.ndarray) -> np.ndarray:
        """Return the log density of targets, of the shape of the means."""
        if (self.std <= 0).any():
            raise ValueError(
                "The density of observations needs positive standard deviations, and a predicted "
                "one is 0: the regressor takes its data to have no noise. Give it a positive alpha."
            )
        z = self.transformation.transform(y)
        density = -0.5 * np.square((z - self.mean) / self.std) - np.log(self.std)
        log_density: np.ndarray = (
            density - 0.5 * np.log(2 * np.pi) + self.transformation.log_slope(y, z)
        )
        return log_density


def _next_to_others(finite: np.ndarray) -> np.ndarray:
    """Return which of the finite nodes, along the last axis, have a neighbor that is not."""
    padded = np.pad(finite, [(0, 0)] * (finite.ndim - 1) + [(1, 1)], constant_values=True)
    beside: np.ndarray = finite & ~(padded[..., :-2] & padded[..., 2:])
    return beside


def as_levels(quantiles: ArrayLike) -> np.ndarray:
    """Return probabilities of shape () or (n_quantiles,), or raise a ValueError."""
    levels = np.asarray(quantiles, dtype=np.float64)
    if levels.ndim > 1 or levels.size == 0 or not ((levels > 0) & (levels < 1)).all():
        raise ValueError(
            "quantiles must be probabilities greater than 0 and less than 1, one or a list of "
            f"them, got {quantiles!r}."
        )
    return levels
