"""Cross-validation over the time of training, at the cost of training once for each fold."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, clone, is_classifier
from sklearn.pipeline import Pipeline
from sklearn.utils import Bunch, indexable
from sklearn.utils.parallel import Parallel, delayed

from skntk._metadata import routed_to_folds
from skntk._processes import refuse_to_fork
from skntk._sklearn import metadata_of_rows, split_off
from skntk._validation import check_n_jobs
from skntk.estimators.kernel_machines.machine import KernelMachine

__all__ = ["training_time_curve"]


def training_time_curve(
    estimator: BaseEstimator,
    X: ArrayLike,
    y: ArrayLike,
    training_times: ArrayLike,
    *,
    groups: ArrayLike | None = None,
    cv: Any = None,
    scoring: str | Callable[..., float] | None = None,
    n_jobs: int | None = None,
    params: dict[str, Any] | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Return training and test scores of cross-validation at many training times.

    The same scores as those of `sklearn.model_selection.validation_curve` over ``training_time``,
    up to rounding, from one eigendecomposition per fold instead of one per fold and time. Of
    classifiers, whose temperatures come from held-out rows, it is one more for each of their inner
    folds.

    Parameters
    ----------
    estimator : estimator
        A regressor or classifier of this package, or a `sklearn.pipeline.Pipeline` that ends in
        one. It is cloned. Its own ``training_time`` does not matter.
    X : array-like of shape (n_samples, n_features)
        Inputs.
    y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        Targets or classes.
    training_times : array-like of shape (n_times,)
        Times of at least 0, finite, ascending; with
        ``training_method="gradient_descent"`` whole numbers of steps.
    groups : array-like of shape (n_samples,), default=None
        Which samples belong together, for splitters that ask for it. With metadata routing it is
        one of ``params``.
    cv : int, cross-validation generator or iterable, default=None
        How to split, as everywhere in scikit-learn. None is five folds.
    scoring : str, callable or None, default=None
        A name or a function ``scorer(estimator, X, y)``. None is the score of the estimator.
    n_jobs : int or None, default=None
        Number of folds that are worked on at the same time. None is one.
    params : dict of str to array-like of shape (n_samples,), default=None
        What ``fit`` takes, such as ``{"sample_weight": weight}``, of which each fold gets its
        part. With metadata routing, what the estimator, the scorer and the splitter request.

    Returns
    -------
    train_scores, test_scores : ndarray of shape (n_times, n_folds)
        Larger is better.

    Raises
    ------
    TypeError
        If the estimator is not of this package, or ``n_jobs`` is no integer.
    RuntimeError
        If joblib would fork this process into several workers.
    ValueError
        If the times are not as described, and as `fit` of the estimator. With metadata routing
        if ``groups`` are given, or metadata are passed that nothing is said about.

    See Also
    --------
    sklearn.model_selection.validation_curve : For any other parameter.

    Examples
    --------
    >>> import numpy as np
    >>> from skntk import NTKRegressor, training_time_curve
    >>> rng = np.random.default_rng(0)
    >>> X = rng.uniform(-2, 2, size=(40, 1))
    >>> y = np.sin(2 * X[:, 0]) + 0.3 * rng.normal(size=40)
    >>> times = np.logspace(-1, 5, 13)
    >>> train_scores, test_scores = training_time_curve(NTKRegressor(alpha=1e-6), X, y, times)
    >>> train_scores.shape
    (13, 5)
    >>> best = times[np.argmax(test_scores.mean(axis=1))]
    >>> bool(times[0] < best < times[-1])  # training neither too short nor too long
    True
    """
    refuse_to_fork(check_n_jobs(n_jobs))
    X, y = indexable(X, y)
    times = _final_step(estimator)._checked_times(training_times)
    # They take as long to import as half of this package.
    from sklearn.metrics import check_scoring
    from sklearn.model_selection import check_cv

    scorer = check_scoring(estimator, scoring)
    splitter = check_cv(cv, y, classifier=is_classifier(estimator))
    metadata = routed_to_folds(
        "training_time_curve", estimator, scorer, splitter, groups, params or {}
    )
    splits = list(splitter.split(X, y, **metadata.splitter.split))
    scores = Parallel(n_jobs=n_jobs)(
        delayed(_scores_of_fold)(clone(estimator), X, y, train, test, times, scorer, metadata)
        for train, test in splits
    )
    train_scores, test_scores = np.moveaxis(np.array(scores), 0, -1)
    return train_scores, test_scores


def _final_step(estimator: BaseEstimator) -> KernelMachine:
    network = estimator.steps[-1][1] if isinstance(estimator, Pipeline) else estimator
    if not isinstance(network, KernelMachine):
        raise TypeError(
            "training_time_curve needs a regressor or classifier of skntk, or a Pipeline that ends "
            f"in one, got {estimator!r}. For other estimators, use validation_curve."
        )
    return network


def _scores_of_fold(
    estimator: BaseEstimator,
    X: Any,
    y: Any,
    train: np.ndarray,
    test: np.ndarray,
    times: np.ndarray,
    scorer: Callable[..., float],
    metadata: Bunch,
) -> np.ndarray:
    """Return the scores of one fold, shape (2, n_times): of training rows, then of test rows."""
    X_train, y_train = split_off(estimator, X, y, train)
    X_test, y_test = split_off(estimator, X, y, test, train)
    network = _final_step(estimator)
    # A model of finite time keeps its eigendecomposition.
    network.set_params(training_time=float(times[-1]))
    estimator.fit(X_train, y_train, **metadata_of_rows(X, metadata.estimator.fit, train))
    sides = [
        (inputs, targets, metadata_of_rows(X, metadata.scorer.score, rows))
        for inputs, targets, rows in ((X_train, y_train, train), (X_test, y_test, test))
    ]
    stages = (_with_final_step(estimator, stage) for stage in _final_step(estimator)._stages(times))
    scores = [
        [scorer(stage, inputs, targets, **others) for inputs, targets, others in sides]
        for stage in stages
    ]
    return np.transpose(scores)


def _with_final_step(estimator: BaseEstimator, stage: KernelMachine) -> BaseEstimator:
    """Return the fitted estimator as it would be at another time, with the same preprocessing."""
    if not isinstance(estimator, Pipeline):
        return stage
    pipeline = copy.copy(estimator)
    pipeline.steps = [*estimator.steps[:-1], (estimator.steps[-1][0], stage)]
    return pipeline
