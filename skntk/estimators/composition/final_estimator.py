"""Methods of the estimator at the end of pipelines and searches."""

from __future__ import annotations

from typing import Any

from skntk._final_estimator import FinalEstimator

__all__ = ["call_final_estimator"]


def call_final_estimator(estimator: Any, method: str, /, *args: Any, **params: Any) -> Any:
    """Call any method of the final estimator of a pipeline or a search.

    A `sklearn.pipeline.Pipeline` passes ``predict`` and a few others on to its last step, and a
    `sklearn.model_selection.GridSearchCV` not even their parameters. This function calls every
    method through both, in any nesting. It is
    ``pipeline[-1].predict_observation(pipeline[:-1].transform(X))`` for a pipeline, and the same
    of ``search.best_estimator_`` for a search.

    Parameters
    ----------
    estimator : estimator
        A fitted pipeline or search, nested or not, or any other estimator, whose own method is
        called.
    method : str
        Name of the method, such as "predict", "predict_observation", "predict_quantiles",
        "sample_y", "staged_predict", "training_history" or "loo_predict".
    *args, **params
        What the method takes. Its argument ``X``, or ``X_test``, is as the whole pipeline takes it:
        the ``transform`` of all steps before the last is applied to it. A method without it, such
        as "loo_predict", gets what is given.

    Returns
    -------
    object
        What the method returns.

    Raises
    ------
    NotFittedError
        If a search or a transformer has not been fitted.
    AttributeError
        If the final estimator has no such method, or a search has fitted none (``refit=False``).
    TypeError
        If the method takes other arguments.

    See Also
    --------
    skntk.ClosedFormSearchCV : Has all methods of the best estimator itself.
    skntk.WarpedTargetRegressor : Keeps distributions when targets are transformed.

    Notes
    -----
    Estimators that transform targets are not seen through, because predictions within them have
    other units. `WarpedTargetRegressor` has methods of its own.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.model_selection import GridSearchCV
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skntk import NNGPRegressor, call_final_estimator
    >>> X, y = load_diabetes(return_X_y=True)
    >>> pipeline = make_pipeline(StandardScaler(), NNGPRegressor())
    >>> search = GridSearchCV(pipeline, {"nngpregressor__alpha": [0.1, 1.0]}).fit(X[::4], y[::4])
    >>> mean, std = call_final_estimator(search, "predict_observation", X[1:4])
    >>> std.shape
    (3,)
    >>> call_final_estimator(search, "loo_predict").shape
    (111,)
    """
    return FinalEstimator(estimator).call(method, *args, **params)
