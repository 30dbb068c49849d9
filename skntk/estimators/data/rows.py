"""Training rows of positive weight, with all that belongs to them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np

from skntk._sample_weight import as_sample_weight
from skntk.estimators.data.alpha_of_rows import as_training_alpha
from skntk.estimators.data.classes import ClassWeight, classes_and_labels, with_class_weight
from skntk.estimators.data.distinct_rows import DistinctRows
from skntk.estimators.data.validation import as_regression_targets


@dataclass(frozen=True, eq=False)
class TrainingRows:
    """The rows that a regressor is trained on, not shared with the caller's data."""

    X: np.ndarray
    # In the units of the user, shape (n,) or (n, n_outputs).
    targets: np.ndarray
    # Shape (n,); the weights are positive.
    alpha: np.ndarray
    sample_weight: np.ndarray
    # How many observations a row stands for, of which one is left out to find alpha, and for the
    # probabilities of a classifier.
    repetitions: np.ndarray

    @classmethod
    def regression(cls, X: np.ndarray, y: np.ndarray, alpha: Any, sample_weight: Any) -> Self:
        """Keep the rows of positive weight of checked data; check the weights and alpha."""
        targets = as_regression_targets(y)
        weight = as_sample_weight(sample_weight, len(X))
        alpha = as_training_alpha(alpha, len(X))
        kept = np.flatnonzero(weight)
        weight = weight[kept]
        return cls(X[kept], targets[kept], alpha[kept], weight, _repetitions(weight))

    def part(self, rows: np.ndarray) -> Self:
        """Return some of the rows, by their indices."""
        return replace(
            self,
            X=self.X[rows],
            targets=self.targets[rows],
            alpha=self.alpha[rows],
            sample_weight=self.sample_weight[rows],
            repetitions=self.repetitions[rows],
        )


def _repetitions(weight: np.ndarray) -> np.ndarray:
    """Return how many observations rows stand for.

    Whole numbers count repetitions. Others say how precise a row is beside others, in any unit: as
    repetitions of one value, those above 1 would be proof that there is no noise.
    """
    return weight if np.array_equal(weight, np.rint(weight)) else np.ones(len(weight))


@dataclass(frozen=True, eq=False)
class ClassifiedRows(TrainingRows):
    """The distinct rows that a classifier is trained on, with one-hot targets.

    Equal rows of one class are one row with the sum of their weights.
    """

    # Sorted.
    classes: np.ndarray
    # The index of the class of each row.
    labels: np.ndarray
    # For each sample of positive weight, which row stands for it.
    position_of_sample: np.ndarray

    @classmethod
    def classification(
        cls,
        estimator: Any,
        X: np.ndarray,
        y: np.ndarray,
        alpha: Any,
        sample_weight: Any,
        class_weight: ClassWeight,
        known: np.ndarray | None = None,
    ) -> Self:
        """Keep the distinct rows of positive weight of checked data.

        They are of two classes or more, or of some of those that are ``known``.
        """
        alpha = as_training_alpha(alpha, len(X))
        given = as_sample_weight(sample_weight, len(X))
        weight = with_class_weight(class_weight, y, given)
        kept = np.flatnonzero(weight)
        if known is None:
            classes, labels = classes_and_labels(estimator, y[kept])
        else:
            classes, labels = known, np.searchsorted(known, y[kept])
        distinct = DistinctRows.of(X[kept], labels, alpha[kept])
        rows, labels = kept[distinct.first], labels[distinct.first]
        return cls(
            X[rows],
            np.eye(len(classes))[labels],
            alpha[rows],
            distinct.total(weight[kept]),
            # The weight of a class makes no observations more.
            distinct.total(_repetitions(given[kept])),
            classes,
            labels,
            distinct.position,
        )

    def part(self, rows: np.ndarray) -> Self:
        """Return some of the rows, each as a sample of its own."""
        part = super().part(rows)
        return replace(part, labels=self.labels[rows], position_of_sample=np.arange(len(rows)))

    @classmethod
    def one_by_one(
        cls,
        X: np.ndarray,
        labels: np.ndarray,
        classes: np.ndarray,
        weight: np.ndarray,
        given: np.ndarray,
    ) -> Self:
        """Keep rows of positive weight as they are; ``given`` is without that of the classes."""
        one_hot, n_rows = np.eye(len(classes))[labels], len(X)
        repetitions, position = _repetitions(given), np.arange(n_rows)
        return cls(X, one_hot, np.ones(n_rows), weight, repetitions, classes, labels, position)

    @property
    def known_to_others(self) -> np.ndarray:
        """Whether rows are of a class that the model without one of their observations has seen.

        Others tell how a row of an unknown class is taken, which is wrong in any case: nothing
        about noise, nor about probabilities.
        """
        observations = np.bincount(self.labels, weights=self.repetitions)
        known: np.ndarray = observations[self.labels] > 1
        return known
