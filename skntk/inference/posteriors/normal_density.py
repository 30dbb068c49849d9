"""The log density of normal residuals, and its derivatives."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from skntk.inference.linalg.arrays import FloatArray

__all__ = ["NormalDensity", "normal_density"]


@dataclass(frozen=True, eq=False)
class NormalDensity:
    """A weighted log density of residuals, and its derivatives.

    Attributes
    ----------
    score : float
        In nats, summed over samples and outputs.
    scale : ndarray of shape (outputs,)
        What the variances are multiplied by for every output.
    by_residuals : ndarray of shape (n, outputs)
    by_variance : ndarray of shape (n,)
    """

    score: float
    scale: FloatArray
    by_residuals: FloatArray
    by_variance: FloatArray


def normal_density(
    residuals: FloatArray, variance: FloatArray, weight: FloatArray, *, best_scale: bool
) -> NormalDensity:
    """Return the density of residuals of shape (n, outputs), with variance and weight (n,).

    With ``best_scale`` variances are multiplied by the best factor for every output, and not by 1.
    """
    n_outputs = residuals.shape[1]
    standard = residuals**2 / variance[:, np.newaxis]
    scale = np.average(standard, axis=0, weights=weight) if best_scale else np.ones(n_outputs)
    squares = np.sum(standard / scale, axis=1)
    log_density = -0.5 * (n_outputs * np.log(2 * np.pi * variance) + squares)
    log_density -= 0.5 * np.log(scale).sum()
    by_residuals = -(weight / variance)[:, np.newaxis] * residuals / scale
    by_variance = 0.5 * weight * (squares - n_outputs) / variance
    return NormalDensity(float(weight @ log_density), scale, by_residuals, by_variance)
