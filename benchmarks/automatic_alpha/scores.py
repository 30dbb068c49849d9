"""What predictions are judged by."""

from __future__ import annotations

import numpy as np
from scipy.stats import norm

# Of probabilities, in a log-loss.
SMALLEST_PROBABILITY = 1e-7


def coverage(mean: np.ndarray, std: np.ndarray, y: np.ndarray, level: float) -> float:
    """Return the share of observations within the central interval of a level."""
    half_width = norm.ppf(0.5 + level / 2) * std
    return float(np.mean(np.abs(y - mean) <= half_width))


def relative_half_width(std: np.ndarray, y: np.ndarray, level: float) -> float:
    """Return the mean half width of the intervals, in units of the targets' deviation."""
    return float(norm.ppf(0.5 + level / 2) * np.mean(std) / np.std(y))


def r2(mean: np.ndarray, y: np.ndarray) -> float:
    return float(1 - np.mean(np.square(y - mean)) / np.var(y))


def relative_rmse(mean: np.ndarray, y: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(y - mean))) / np.std(y))


def log_loss(probabilities: np.ndarray, classes: np.ndarray, y: np.ndarray) -> float:
    """Return the mean log-loss; a class that is not among those of the model has probability 0."""
    complete = np.zeros((len(y), max(classes.max(), y.max()) + 1))
    complete[:, classes] = probabilities
    clipped = np.clip(complete, SMALLEST_PROBABILITY, 1)
    clipped /= clipped.sum(axis=1, keepdims=True)
    return float(-np.log(clipped[np.arange(len(y)), y]).mean())


def geometric_mean(ratios: np.ndarray) -> float:
    return float(np.exp(np.mean(np.log(ratios))))
