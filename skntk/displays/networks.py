"""Estimators as displays see them."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
from scipy.special import ndtr

from skntk._final_estimator import FinalEstimator


class DisplayedEstimator(FinalEstimator):
    """A network within pipelines and searches, with the functions that displays draw."""

    def require(self, method: str, parameter: str | None, caller: str, examples: str) -> None:
        """Raise a TypeError unless the network has a method, and the method a parameter, if any."""
        function = getattr(self.estimator, method, None)
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
        if not hasattr(self.estimator, "predict_networks"):
            self.require("sample_y", None, caller, examples)

    def band(
        self, rows: Any, n_std: float, observation_noise: bool
    ) -> tuple[np.ndarray, np.ndarray | None, np.ndarray | None]:
        """Return predictions with standard deviations or, where these say less, an interval.

        The interval, of shape (2, n_points) or (2, n_points, n_outputs), has the probability of so
        many standard deviations of a normal distribution. ``rows`` are as they reach the network.
        """
        noise = {"observation_noise": True} if observation_noise else {}
        if not hasattr(self.estimator, "predict_quantiles"):
            mean, std = self.estimator.predict(rows, return_std=True, **noise)
            return mean, std, None
        bounds = self.estimator.predict_quantiles(rows, ndtr([-n_std, n_std]), **noise)
        return self.estimator.predict(rows, **noise), None, np.moveaxis(bounds, -1, 0)

    def functions(self, rows: Any, n_functions: int, random_state: Any) -> np.ndarray:
        """Return functions of the distribution, or the first members of an ensemble that has some.

        The shape is (n_points, n_functions) or (n_points, n_outputs, n_functions). ``rows`` are as
        they reach the network, ``random_state`` is for functions that are drawn.
        """
        if not hasattr(self.estimator, "predict_networks"):
            drawn: np.ndarray = self.estimator.sample_y(rows, n_functions, random_state)
            return drawn
        members = self.estimator.predict_networks(rows)
        if n_functions > len(members):
            raise ValueError(
                f"n_samples={n_functions} is more than the {len(members)} networks of the ensemble."
            )
        return np.moveaxis(members[:n_functions], 0, -1)
