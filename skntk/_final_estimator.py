"""The estimator at the end of pipelines and searches."""

from __future__ import annotations

from typing import Any

from sklearn.pipeline import Pipeline


class FinalEstimator:
    """The estimator within pipelines and searches, and rows as they reach it.

    A pipeline passes to its last step what `predict` takes, but has none of its other methods. A
    search has the estimator that it found. ``name`` is that of the class.
    """

    def __init__(self, estimator: Any) -> None:
        self._steps: list[Pipeline] = []
        while isinstance(estimator, Pipeline) or hasattr(estimator, "best_estimator_"):
            if isinstance(estimator, Pipeline):
                if len(estimator) > 1:
                    self._steps.append(estimator[:-1])
                estimator = estimator[-1]
            else:
                estimator = estimator.best_estimator_
        self.estimator = estimator
        self.name = type(estimator).__name__

    def inputs(self, X: Any) -> Any:
        """Return rows as the steps before the estimator pass them on."""
        for steps in self._steps:
            X = steps.transform(X)
        return X
