"""Rounds of fitting a model and of re-scaling its inputs by its gradients."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
from sklearn.base import clone

from skntk.estimators.data.defaults import ALPHA_RANGE
from skntk.estimators.feature_learning.gradient_outer_product import (
    average_gradient_outer_product,
)
from skntk.estimators.feature_learning.rescaling import Rescaling

MatrixName = Literal["full", "diagonal"]


@dataclass(frozen=True, eq=False)
class WeightedRows:
    """Inputs, targets and weights of positive weight."""

    X: np.ndarray
    y: np.ndarray
    weight: np.ndarray

    def part(self, rows: np.ndarray, weight: np.ndarray) -> WeightedRows:
        """Return some rows with other weights."""
        return WeightedRows(self.X[rows], self.y[rows], weight)


@dataclass(frozen=True)
class Recipe:
    """How features are learned: what cross-fitting chooses beside the round.

    Attributes
    ----------
    matrix : {"full", "diagonal"}
    power : float
    alpha_factor : float
        What the ``alpha`` of round 0 is multiplied by in all rounds.
    """

    matrix: MatrixName
    power: float
    alpha_factor: float


class Round(NamedTuple):
    """A model of re-scaled inputs, and how they were."""

    rescaling: Rescaling
    model: Any


class FeatureLearning:
    """The rounds of recipes that start from one model, of one set of training rows.

    Parameters
    ----------
    estimator : estimator
        Of an infinitely wide network, not fitted.
    rows : WeightedRows
    """

    def __init__(self, estimator: Any, rows: WeightedRows) -> None:
        self._estimator = estimator
        self._rows = rows
        # As it was asked for, alpha found from the rows where it is "auto".
        self._start = self._fitted(Rescaling.identity(rows.X[0].size))

    def rounds(self, recipe: Recipe, n_rounds: int) -> Iterator[Round]:
        """Yield the models of round 0, the plain one, to ``n_rounds``."""
        alpha = self._alpha(recipe.alpha_factor)
        rescaling = Rescaling.identity(self._rows.X[0].size)
        model = self._start if recipe.alpha_factor == 1 else self._fitted(rescaling, alpha)
        yield Round(rescaling, model)
        for _ in range(n_rounds):
            rescaling = self._next(rescaling, model, recipe)
            model = self._fitted(rescaling, alpha)
            yield Round(rescaling, model)

    def _alpha(self, factor: float) -> float:
        found: dict[str, float] = getattr(self._start, "hyperparameters_", {})
        alpha = float(found.get("alpha", self._estimator.alpha))
        if self._estimator.alpha_scale != "relative":
            return alpha * factor
        # Less than is ever found, kernels of many rows do not bear.
        least, _ = ALPHA_RANGE[self._estimator.dtype]
        return max(alpha * factor, min(alpha, least))

    def _fitted(self, rescaling: Rescaling, alpha: float | None = None) -> Any:
        model = clone(self._estimator)
        if alpha is not None:
            # An optimizer would learn what is chosen here.
            model.set_params(alpha=alpha, alpha_bounds="fixed")
        return model.fit(rescaling(self._rows.X), self._rows.y, self._rows.weight)

    def _next(self, rescaling: Rescaling, model: Any, recipe: Recipe) -> Rescaling:
        rows = self._rows
        by_mapped = average_gradient_outer_product(
            model,
            rescaling(rows.X),
            sample_weight=rows.weight,
            diagonal=recipe.matrix == "diagonal",
        )
        by_inputs = rescaling.outer_product_by_inputs(by_mapped)
        return Rescaling.of(by_inputs, recipe.power, rows.X, rows.weight)
