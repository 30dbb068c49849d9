"""Scorers of predictive distributions, in the signature of scikit-learn: greater is better."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from skntk._final_estimator import FinalEstimator
from skntk._metadata import takes_weights
from skntk.metrics.calibration import expected_calibration_error
from skntk.metrics.normal import (
    average,
    check_level,
    continuous_ranked_probability_score,
    interval_coverage,
    negative_log_predictive_density,
)
from skntk.metrics.quantiles import crps_of_quantiles, legendre_levels

# The quantiles that stand for a distribution that is not normal.
_LEVELS, _LEVEL_WEIGHTS = legendre_levels(200)


@takes_weights
def neg_log_predictive_density_scorer(
    estimator: Any, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None
) -> float:
    """Score a regressor by the mean log density of observations; ``scoring=`` takes this function.

    Parameters
    ----------
    estimator : estimator
        A fitted regressor with ``predict_observation``, as those of this package have it: the
        standard deviation is that of a new observation, its noise included. Of any other regressor
        the one of ``predict(X, return_std=True)`` is taken: scikit-learn's include the noise of
        a `sklearn.gaussian_process.kernels.WhiteKernel`, but not ``alpha``. Of a
        `skntk.WarpedTargetRegressor`, whose distribution is not normal, it is the density in the
        units of the targets. The regressor may end a `Pipeline` or be the best of a search.
    X : array-like of shape (n_samples, n_features)
        Inputs.
    y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        Observations.
    sample_weight : array-like of shape (n_samples,), default=None
        Weights in the mean over samples. None is 1 for every sample. With metadata routing,
        ``scorer.set_score_request(sample_weight=True)`` returns the scorer that asks for them.

    Returns
    -------
    float
        Minus the `negative_log_predictive_density`.

    Raises
    ------
    TypeError
        If the estimator predicts no standard deviation.
    ValueError
        If a standard deviation is 0, or as the estimator raises it.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.model_selection import cross_val_score
    >>> from skntk import NNGPRegressor
    >>> from skntk.metrics import neg_log_predictive_density_scorer
    >>> X, y = load_diabetes(return_X_y=True)
    >>> X *= len(X) ** 0.5
    >>> scores = cross_val_score(NNGPRegressor(), X, y, scoring=neg_log_predictive_density_scorer)
    >>> bool((scores > -6).all())
    True
    """
    model = FinalEstimator(estimator)
    if _has_quantiles(model):
        return average(model.call("log_predictive_density", X, y), sample_weight)
    distribution = _observation_distribution(model, X, y)
    return -negative_log_predictive_density(y, *distribution, sample_weight=sample_weight)


@takes_weights
def neg_continuous_ranked_probability_score_scorer(
    estimator: Any, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None
) -> float:
    """Score a regressor by minus the CRPS of observations; ``scoring=`` takes this function.

    Parameters
    ----------
    estimator, X, y, sample_weight
        As `neg_log_predictive_density_scorer` takes them. Of a `skntk.WarpedTargetRegressor` the
        CRPS is the mean pinball loss of 200 quantiles, within a thousandth.

    Returns
    -------
    float
        Minus the `continuous_ranked_probability_score`, in the units of the targets.

    Raises
    ------
    TypeError, ValueError
        As `neg_log_predictive_density_scorer`.
    """
    model = FinalEstimator(estimator)
    if _has_quantiles(model):
        quantiles = _observation_quantiles(model, X, y, _LEVELS)
        return -average(crps_of_quantiles(y, quantiles, _LEVELS, _LEVEL_WEIGHTS), sample_weight)
    distribution = _observation_distribution(model, X, y)
    return -continuous_ranked_probability_score(y, *distribution, sample_weight=sample_weight)


@takes_weights
def interval_coverage_scorer(
    estimator: Any,
    X: ArrayLike,
    y: ArrayLike,
    sample_weight: ArrayLike | None = None,
    *,
    level: float = 0.95,
) -> float:
    """Report the share of observations in a regressor's prediction intervals.

    A share above the level is no better than one below: report it beside others, for example in
    ``cross_validate(..., scoring={"coverage": interval_coverage_scorer})``, and choose models by
    `neg_interval_coverage_error_scorer` or a proper score. For another level use
    ``functools.partial(interval_coverage_scorer, level=0.8)``.

    Parameters
    ----------
    estimator, X, y, sample_weight
        As `neg_log_predictive_density_scorer` takes them.
    level : float, default=0.95
        Probability of the intervals.

    Returns
    -------
    float
        The `interval_coverage`.

    Raises
    ------
    TypeError, ValueError
        As `neg_log_predictive_density_scorer`.
    """
    model = FinalEstimator(estimator)
    if _has_quantiles(model):
        check_level(level)
        tails = np.array([0.5 - level / 2, 0.5 + level / 2])
        lower, upper = np.moveaxis(_observation_quantiles(model, X, y, tails), -1, 0)
        return average((lower <= y) & (y <= upper), sample_weight)
    distribution = _observation_distribution(model, X, y)
    return interval_coverage(y, *distribution, level=level, sample_weight=sample_weight)


@takes_weights
def neg_interval_coverage_error_scorer(
    estimator: Any,
    X: ArrayLike,
    y: ArrayLike,
    sample_weight: ArrayLike | None = None,
    *,
    level: float = 0.95,
) -> float:
    """Score a regressor by how far the coverage of its prediction intervals is from their level.

    Parameters
    ----------
    estimator, X, y, sample_weight
        As `neg_log_predictive_density_scorer` takes them.
    level : float, default=0.95
        Probability of the intervals.

    Returns
    -------
    float
        Minus the distance between `interval_coverage` and level, at most 0.

    Raises
    ------
    TypeError, ValueError
        As `neg_log_predictive_density_scorer`.
    """
    return -abs(interval_coverage_scorer(estimator, X, y, sample_weight, level=level) - level)


@takes_weights
def neg_expected_calibration_error_scorer(
    estimator: Any,
    X: ArrayLike,
    y: ArrayLike,
    sample_weight: ArrayLike | None = None,
    *,
    n_bins: int = 15,
) -> float:
    """Score a classifier by minus its expected calibration error.

    Parameters
    ----------
    estimator : estimator
        A fitted classifier with ``predict_proba``.
    X : array-like of shape (n_samples, n_features)
        Inputs.
    y : array-like of shape (n_samples,)
        Classes.
    sample_weight : array-like of shape (n_samples,), default=None
        Weights of the samples. None is 1 for every sample.
    n_bins : int, default=15
        Number of bins.

    Returns
    -------
    float
        Minus the `expected_calibration_error`, at most 0.

    Raises
    ------
    ValueError
        If y has classes that the classifier was not trained on.
    """
    probabilities = estimator.predict_proba(X)
    return -expected_calibration_error(
        y, probabilities, labels=estimator.classes_, n_bins=n_bins, sample_weight=sample_weight
    )


def _has_quantiles(model: FinalEstimator) -> bool:
    """Return whether a regressor predicts distributions that are not normal."""
    return hasattr(model.estimator, "log_predictive_density")


def _observation_quantiles(
    model: FinalEstimator, X: ArrayLike, y: ArrayLike, levels: np.ndarray
) -> np.ndarray:
    """Return quantiles of observations, in the shape of y with an axis for the levels."""
    quantiles = model.call("predict_quantiles", X, levels, observation_noise=True)
    return quantiles.reshape(*np.shape(y), len(levels))


def _observation_distribution(
    model: FinalEstimator, X: ArrayLike, y: ArrayLike
) -> tuple[np.ndarray, np.ndarray]:
    """Return the means and standard deviations of observations, in the shape of y."""
    inputs = model.inputs(X)
    if hasattr(model.estimator, "predict_observation"):
        mean, std = model.estimator.predict_observation(inputs)
    else:
        mean, std = _predict_with_std(model.estimator, inputs)
    shape = np.shape(y)
    return mean.reshape(shape), std.reshape(shape)


def _predict_with_std(model: Any, inputs: Any) -> tuple[np.ndarray, np.ndarray]:
    try:
        mean, std = model.predict(inputs, return_std=True)
    except (TypeError, AttributeError) as error:
        name = type(model).__name__
        raise TypeError(
            f"{name} predicts no standard deviation by predict(X, return_std=True), which this "
            "score needs. Score a regressor that does; in the place of a "
            "TransformedTargetRegressor use skntk.WarpedTargetRegressor or, where it only "
            "standardizes the targets, normalize_y=True."
        ) from error
    return mean, std
