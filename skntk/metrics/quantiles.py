"""Scores of distributions that are given by their quantiles."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import roots_legendre


def legendre_levels(n_levels: int) -> tuple[np.ndarray, np.ndarray]:
    """Return probabilities between 0 and 1, and the weights of an integral over them."""
    nodes, weights = roots_legendre(n_levels)
    return (1 + nodes) / 2, weights / 2


def crps_of_quantiles(
    y_true: ArrayLike, y_quantiles: np.ndarray, levels: np.ndarray, weights: np.ndarray
) -> np.ndarray:
    """Return the CRPS of observations: twice the integral of the pinball loss over all levels.

    The levels are the last axis of the quantiles. See Gneiting and Ranjan, "Comparing density
    forecasts using threshold- and quantile-weighted scoring rules", JBES 2011.
    """
    error = np.asarray(y_true, dtype=np.float64)[..., np.newaxis] - y_quantiles
    pinball = np.maximum(levels * error, (levels - 1) * error)
    scores: np.ndarray = 2 * pinball @ weights
    return scores
