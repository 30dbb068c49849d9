"""Estimators as displays see them: a network, and what comes before it in a pipeline."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
from sklearn.pipeline import Pipeline


class NetworkWithInputs:
    """The network at the end of an estimator, and rows as they reach it.

    A pipeline passes to its last step what `predict` takes, but has none of its other methods. A
    search has the estimator that it found.

    Parameters
    ----------
    estimator : estimator
        A network, a pipeline that ends with one, or a search over one of these.
    """

    def __init__(self, estimator: Any) -> None:
        while hasattr(estimator, "best_estimator_"):
            estimator = estimator.best_estimator_
        self._before = None
        if isinstance(estimator, Pipeline):
            self._before = estimator[:-1] if len(estimator) > 1 else None
            estimator = estimator[-1]
        self.network = estimator
        self.name = type(estimator).__name__

    def inputs(self, X: Any) -> Any:
        """Return rows as the steps before the network pass them on."""
        return self._before.transform(X) if self._before is not None else X

    def require(self, method: str, parameter: str | None, caller: str, examples: str) -> None:
        """Raise a TypeError unless the network has a method, and the method a parameter.

        Parameters
        ----------
        method, parameter : str
            What is needed; None is no particular parameter.
        caller, examples : str
            Who needs it, and what has it.
        """
        function = getattr(self.network, method, None)
        needs = method if parameter is None else f"{method}(..., {parameter}=True)"
        if function is None or not (
            parameter is None or parameter in inspect.signature(function).parameters
        ):
            raise TypeError(
                f"{caller} needs an estimator with {needs}, such as {examples}; "
                f"{self.name} does not have it."
            )

    def require_functions(self, caller: str, examples: str) -> None:
        """Raise a TypeError unless `functions` has some to return; as `require`."""
        if not hasattr(self.network, "predict_networks"):
            self.require("sample_y", None, caller, examples)

    def functions(self, rows: Any, n_functions: int, random_state: Any) -> np.ndarray:
        """Return functions of the distribution, or the first members of an ensemble that has some.

        Parameters
        ----------
        rows : array-like or dataframe of shape (n_points, n_features)
            As they reach the network.
        n_functions : int
            How many.
        random_state : int, RandomState instance or None
            For functions that are drawn.

        Returns
        -------
        ndarray of shape (n_points, n_functions) or (n_points, n_outputs, n_functions)
        """
        if not hasattr(self.network, "predict_networks"):
            drawn: np.ndarray = self.network.sample_y(rows, n_functions, random_state)
            return drawn
        members = self.network.predict_networks(rows)
        if n_functions > len(members):
            raise ValueError(
                f"n_samples={n_functions} is more than the {len(members)} networks of the ensemble."
            )
        return np.moveaxis(members[:n_functions], 0, -1)
