"""Metrics of observations that are predicted by normal distributions."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtr, ndtri
from sklearn.utils import check_array

from skntk._sample_weight import as_sample_weight


def negative_log_predictive_density(
    y_true: ArrayLike,
    y_mean: ArrayLike,
    y_std: ArrayLike,
    *,
    sample_weight: ArrayLike | None = None,
) -> float:
    r"""Return the mean of -log p(y) of observations under their predicted normal distributions.

    .. math::

        \tfrac12 \log (2 \pi s^2) + \frac{(y - m)^2}{2 s^2}

    averaged over samples and outputs, in nats [1]_. Less is better.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,) or (n_samples, n_outputs)
        Observations.
    y_mean : array-like of the shape of `y_true`
        Predicted means.
    y_std : array-like of the shape of `y_true`
        Predicted standard deviations of the observations, their noise included; greater than 0.
    sample_weight : array-like of shape (n_samples,), default=None
        Weights in the mean over samples. None is 1 for every sample.

    Returns
    -------
    float
        Of any sign: a density may be greater than 1.

    Raises
    ------
    ValueError
        If shapes differ, a value is not finite, a standard deviation is not positive, or the
        weights are not finite, negative or all 0.

    References
    ----------
    .. [1] Gneiting and Raftery, "Strictly proper scoring rules, prediction, and estimation",
       JASA 2007, section 4.1.

    Examples
    --------
    >>> from skntk.metrics import negative_log_predictive_density
    >>> round(negative_log_predictive_density([1.0], [0.0], [1.0]), 6)
    1.418939
    """
    error, std = _errors(y_true, y_mean, y_std)
    density = 0.5 * np.log(2 * np.pi) + np.log(std) + 0.5 * np.square(error / std)
    return average(density, sample_weight)


def continuous_ranked_probability_score(
    y_true: ArrayLike,
    y_mean: ArrayLike,
    y_std: ArrayLike,
    *,
    sample_weight: ArrayLike | None = None,
) -> float:
    r"""Return the mean CRPS of observations under their predicted normal distributions.

    The integral of the squared difference between the predicted distribution function and the
    step at the observation. With z = (y - m) / s it is [1]_

    .. math::

        s \left( z (2 \Phi(z) - 1) + 2 \varphi(z) - \pi^{-1/2} \right),

    in the units of the observations: the absolute error, for a distribution that is as sure as a
    point. It punishes outliers less than the log density does. Less is better.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,) or (n_samples, n_outputs)
        Observations.
    y_mean : array-like of the shape of `y_true`
        Predicted means.
    y_std : array-like of the shape of `y_true`
        Predicted standard deviations of the observations, their noise included; greater than 0.
    sample_weight : array-like of shape (n_samples,), default=None
        Weights in the mean over samples. None is 1 for every sample.

    Returns
    -------
    float
        At least 0.

    Raises
    ------
    ValueError
        If shapes differ, a value is not finite, a standard deviation is not positive, or the
        weights are not finite, negative or all 0.

    References
    ----------
    .. [1] Gneiting and Raftery, "Strictly proper scoring rules, prediction, and estimation",
       JASA 2007, equation 21.

    Examples
    --------
    >>> from skntk.metrics import continuous_ranked_probability_score
    >>> round(continuous_ranked_probability_score([1.0], [0.0], [1e-9]), 6)
    1.0
    """
    error, std = _errors(y_true, y_mean, y_std)
    z = error / std
    density = np.exp(-0.5 * np.square(z)) / np.sqrt(2 * np.pi)
    score = std * (z * (2 * ndtr(z) - 1) + 2 * density - 1 / np.sqrt(np.pi))
    return average(score, sample_weight)


def interval_coverage(
    y_true: ArrayLike,
    y_mean: ArrayLike,
    y_std: ArrayLike,
    *,
    level: float = 0.95,
    sample_weight: ArrayLike | None = None,
) -> float:
    """Return the share of observations within their central prediction intervals.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,) or (n_samples, n_outputs)
        Observations.
    y_mean : array-like of the shape of `y_true`
        Predicted means.
    y_std : array-like of the shape of `y_true`
        Predicted standard deviations of the observations, their noise included; greater than 0.
    level : float, default=0.95
        Probability of the intervals, between 0 and 1: what the coverage should be.
    sample_weight : array-like of shape (n_samples,), default=None
        Weights in the mean over samples. None is 1 for every sample.

    Returns
    -------
    float
        Between 0 and 1.

    Raises
    ------
    ValueError
        If shapes differ, a value is not finite, a standard deviation is not positive, the level
        is not between 0 and 1, or the weights are not finite, negative or all 0.

    Examples
    --------
    >>> from skntk.metrics import interval_coverage
    >>> interval_coverage([0.0, 1.9, 2.1, -9.0], [0.0] * 4, [1.0] * 4)
    0.5
    """
    check_level(level)
    error, std = _errors(y_true, y_mean, y_std)
    return average(np.abs(error) <= ndtri(0.5 + level / 2) * std, sample_weight)


def check_level(level: float) -> None:
    """Raise a ValueError unless the level of an interval is between 0 and 1."""
    if not 0 < level < 1:
        raise ValueError(f"level must be a probability between 0 and 1, got {level!r}.")


def _errors(y_true: ArrayLike, y_mean: ArrayLike, y_std: ArrayLike) -> tuple[np.ndarray, ...]:
    names = {"y_true": y_true, "y_mean": y_mean, "y_std": y_std}
    observed, mean, std = (
        check_array(values, ensure_2d=False, dtype=np.float64, input_name=name)
        for name, values in names.items()
    )
    if not observed.shape == mean.shape == std.shape:
        raise ValueError(
            "y_true, y_mean and y_std must have one shape, got "
            f"{observed.shape}, {mean.shape} and {std.shape}."
        )
    if (std <= 0).any():
        raise ValueError(
            f"y_std must be positive, its smallest value is {std.min():g}: add the noise of the "
            "observations to the variance of the function."
        )
    return observed - mean, std


def average(values: np.ndarray, sample_weight: ArrayLike | None) -> float:
    """Return the mean over outputs, and over samples with their weights."""
    sample_means = values.reshape(len(values), -1).mean(axis=1)
    weights = as_sample_weight(sample_weight, len(sample_means))
    return float(np.average(sample_means, weights=weights))
