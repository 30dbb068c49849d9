"""The estimator at the end of pipelines and searches."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import Pipeline

# How methods that predict are called, of our estimators and of scikit-learn's.
_PREDICTIONS = ("predict", "decision_", "sample_", "loo_", "log_", "staged_", "training_", "score")

# Arguments that go through the steps before the estimator.
_INPUTS = ("X", "X_test")


class FinalEstimator:
    """The estimator within pipelines and searches, and rows as they reach it.

    A pipeline passes to its last step what `predict` takes, but has none of its other methods. A
    search has the estimator that it found, and an error if it has found none. A frozen estimator is
    seen through. ``name`` is that of the class.
    """

    def __init__(self, estimator: Any) -> None:
        # `import skntk` loads of scikit-learn what its estimators need, and no more.
        from sklearn.frozen import FrozenEstimator

        self._steps: list[Pipeline] = []
        while True:
            if isinstance(estimator, FrozenEstimator):
                estimator = estimator.estimator
            elif isinstance(estimator, Pipeline):
                if len(estimator) > 1:
                    self._steps.append(estimator[:-1])
                estimator = estimator[-1]
            elif is_search(estimator):
                estimator = best_estimator(estimator)
            else:
                break
        self.estimator = estimator
        self.name = type(estimator).__name__

    def inputs(self, X: Any) -> Any:
        """Return rows as the steps before the estimator pass them on."""
        for steps in self._steps:
            X = steps.transform(X)
        return X

    def call(self, method: str, *args: Any, **params: Any) -> Any:
        """Call a method of the estimator, with inputs as they reach it, or say what is missing."""
        if not isinstance(method, str):
            raise TypeError(
                "Give the name of a method after the estimator, such as 'predict_observation', got "
                f"an object of type {type(method).__name__}."
            )
        try:
            function = getattr(self.estimator, method)
        except AttributeError as error:
            raise AttributeError(self._lacks(method)) from error
        try:
            call = inspect.signature(function).bind(*args, **params)
        except TypeError as error:
            parameters = ", ".join(inspect.signature(function).parameters)
            raise TypeError(
                f"{self.name}.{method}({parameters}) does not take these arguments: {error}."
            ) from None
        for name in _INPUTS:
            if name in call.arguments:
                call.arguments[name] = self.inputs(call.arguments[name])
        return function(*call.args, **call.kwargs)

    def mean_and_std(self, X: Any, observation_noise: bool, caller: str) -> tuple[Any, Any]:
        """Return means and standard deviations, or name to the caller what the estimator lacks."""
        options = {"return_std": True}
        # The regressor refuses what is neither True nor False.
        if not isinstance(observation_noise, bool | np.bool) or observation_noise:
            options["observation_noise"] = observation_noise
        parameters = inspect.signature(self.estimator.predict).parameters
        missing = [option for option in options if option not in parameters]
        if missing:
            raise TypeError(
                f"{caller} needs a regressor with predict(X, {missing[0]}=True) for this, such as "
                f"NNGPRegressor or NTKRegressor; {self.name} does not have it."
            )
        mean, std = self.call("predict", X, **options)
        return mean, std

    def _lacks(self, method: str) -> str:
        predictions = [
            name
            for name in dir(self.estimator)
            if name.startswith(_PREDICTIONS) and callable(getattr(self.estimator, name, None))
        ]
        message = f"{self.name} has no method {method!r}."
        if predictions:
            message += f" It has {', '.join(predictions)}."
        inner = getattr(self.estimator, "regressor_", None)
        if inner is not None and hasattr(FinalEstimator(inner).estimator, method):
            message += (
                f" The regressor within it has {method!r}, in the units of the transformed "
                "targets: pass its attribute regressor_ in its place."
            )
            if not hasattr(self.estimator, "log_predictive_density"):
                message += " For those of y itself use skntk.WarpedTargetRegressor."
        return message


def is_search(estimator: Any) -> bool:
    """Return whether an estimator is a search, as scikit-learn's are."""
    has_grid = hasattr(estimator, "param_grid") or hasattr(estimator, "param_distributions")
    return hasattr(estimator, "best_estimator_") or (has_grid and hasattr(estimator, "refit"))


def best_estimator(search: Any) -> Any:
    """Return the estimator that a search has fitted on all samples, or raise an error."""
    if not hasattr(search, "best_estimator_"):
        name = type(search).__name__
        if not search.refit:
            raise AttributeError(
                f"This {name} has no best estimator that could predict, because it was made with "
                "refit=False. Fit one: clone(search.estimator).set_params(**search.best_params_)."
                "fit(X, y), or search with refit=True."
            )
        raise NotFittedError(
            f"This {name} is not fitted yet. Call 'fit' with appropriate arguments before using "
            "this estimator."
        )
    return search.best_estimator_
