"""Estimators as displays see them."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np

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
