"""What differs between regression and classification, behind one protocol."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from typing import ClassVar, Protocol, Self

import numpy as np
from scipy.special import softmax

from skntk.inference.inducing.sums import RowSums
from skntk.recipes.features import NetworkFeatures
from skntk.recipes.folds import shuffled_folds, stratified_folds
from skntk.recipes.logistic import LogisticPath
from skntk.recipes.ridge import LinearModel, RidgePath, sums_over

__all__ = ["Classification", "LinearPath", "Regression", "Task"]

Blocks = Iterable[tuple[slice, np.ndarray]]
Folds = list[tuple[np.ndarray, np.ndarray]]
_LEAST_PROBABILITY = 1e-7
# Of features in single precision, over which a classifier passes again and again.
_MOST_BYTES = 2 * 2**30


class LinearPath(Protocol):
    """Linear models on features, one penalty after the other."""

    def advance(self, penalty: float) -> LinearModel:
        """Return the model with a penalty less than those before."""


class Task(Protocol):
    """Targets and weights of the training rows, and what is made of them."""

    penalties: ClassVar[np.ndarray]
    most_points: ClassVar[int]

    @property
    def y(self) -> np.ndarray:
        """The targets, or the numbers of the classes, of the rows."""

    @property
    def weight(self) -> np.ndarray:
        """The weights of the rows."""

    def take(self, rows: np.ndarray) -> Self:
        """Return the task on some of the rows."""

    def folds(self, random_state: np.random.RandomState) -> Folds:
        """Return the rows to train on and the rows that are held out, fold by fold."""

    def prepare(
        self, features: NetworkFeatures, values: np.ndarray
    ) -> tuple[NetworkFeatures, np.ndarray, np.ndarray]:
        """Return features as the models want them, their values, and sums of squares over rows."""

    def path(self, blocks: Blocks, moments: np.ndarray) -> LinearPath:
        """Return the models on features of all rows, which have about these sums of squares."""

    def fold_paths(
        self, values: np.ndarray, moments: np.ndarray, folds: Folds
    ) -> Sequence[LinearPath]:
        """Return the models of all folds, on features that they share."""

    @staticmethod
    def predictions(scores: np.ndarray) -> np.ndarray:
        """Return what a linear model predicts, given its values."""

    def loss(self, predictions: np.ndarray) -> float:
        """Return the mean loss of predictions for the rows."""

    @property
    def outputs(self) -> np.ndarray:
        """The targets as numbers, shape (n_samples, n_outputs)."""


@dataclass(frozen=True)
class Regression:
    """Squared error."""

    y: np.ndarray
    weight: np.ndarray
    penalties: ClassVar[np.ndarray] = np.logspace(2, -4, 9)
    most_points: ClassVar[int] = 2000

    def take(self, rows: np.ndarray) -> Self:
        return replace(self, y=self.y[rows], weight=self.weight[rows])

    def folds(self, random_state: np.random.RandomState) -> Folds:
        return shuffled_folds(len(self.y), random_state)

    def prepare(
        self, features: NetworkFeatures, values: np.ndarray
    ) -> tuple[NetworkFeatures, np.ndarray, np.ndarray]:
        return features, values, np.empty(0)

    def path(self, blocks: Blocks, moments: np.ndarray) -> RidgePath:
        sums = (self._sums(values, rows) for rows, values in blocks)
        return RidgePath(reduce(RowSums.with_those, sums))

    def fold_paths(self, values: np.ndarray, moments: np.ndarray, folds: Folds) -> list[RidgePath]:
        held_out = [self._sums(values[rows], rows) for _, rows in folds]
        total = reduce(RowSums.with_those, held_out)
        return [RidgePath(total.without(sums)) for sums in held_out]

    def _sums(self, values: np.ndarray, rows: slice | np.ndarray) -> RowSums:
        return sums_over(values, self.y[rows], self.weight[rows])

    @staticmethod
    def predictions(scores: np.ndarray) -> np.ndarray:
        return scores

    def loss(self, predictions: np.ndarray) -> float:
        return float(np.sqrt(np.average((predictions - self.y) ** 2, weights=self.weight)))

    @property
    def outputs(self) -> np.ndarray:
        return self.y[:, np.newaxis]


@dataclass(frozen=True)
class Classification:
    """Log-loss of classes that are numbered."""

    y: np.ndarray
    weight: np.ndarray
    n_classes: int
    penalties: ClassVar[np.ndarray] = np.logspace(2, -3, 11)
    most_points: ClassVar[int] = 1000

    def take(self, rows: np.ndarray) -> Self:
        return replace(self, y=self.y[rows], weight=self.weight[rows])

    def folds(self, random_state: np.random.RandomState) -> Folds:
        return stratified_folds(self.y, random_state)

    def prepare(
        self, features: NetworkFeatures, values: np.ndarray
    ) -> tuple[NetworkFeatures, np.ndarray, np.ndarray]:
        return features.uncorrelated(values)

    def fold_paths(
        self, values: np.ndarray, moments: np.ndarray, folds: Folds
    ) -> list[LogisticPath]:
        return [
            self.take(rows).path([(slice(None), values[rows])], moments * (len(rows) / len(values)))
            for rows, _ in folds
        ]

    def path(self, blocks: Blocks, moments: np.ndarray) -> LogisticPath:
        # Features come in the order of their moments: where memory ends, the least are left out.
        n_features = min(len(moments), _MOST_BYTES // (4 * len(self.y)))
        features = np.concatenate(
            [values[:, :n_features].astype(np.float32) for _, values in blocks]
        )
        return LogisticPath(features, self.y, self.n_classes, self.weight, moments)

    @staticmethod
    def predictions(scores: np.ndarray) -> np.ndarray:
        return np.asarray(softmax(scores, axis=1))

    def loss(self, predictions: np.ndarray) -> float:
        true = np.maximum(predictions[np.arange(len(self.y)), self.y], _LEAST_PROBABILITY)
        return -float(np.average(np.log(true), weights=self.weight))

    @property
    def outputs(self) -> np.ndarray:
        return np.eye(self.n_classes)[self.y]
