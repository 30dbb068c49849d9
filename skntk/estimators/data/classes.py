"""Classes and scores: what classifiers share whatever their networks are."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import column_or_1d
from sklearn.utils.class_weight import compute_class_weight

from skntk._sample_weight import as_sample_weight

ClassWeight = Literal["balanced"] | dict[Any, float] | None


def as_decision(scores: np.ndarray) -> np.ndarray:
    """Return scores as `decision_function` does, of two classes their difference."""
    return scores[:, 1] - scores[:, 0] if scores.shape[1] == 2 else scores


def classes_and_labels(estimator: Any, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the classes of rows of positive weight, two or more, and the index of each row's."""
    classes, labels = np.unique(y, return_inverse=True)
    if len(classes) < 2:
        raise ValueError(
            f"{type(estimator).__name__} needs samples of at least 2 classes with positive weight, "
            f"got one class: {classes.tolist()[0]!r}. Add samples of another class."
        )
    return classes, labels


def known_classes(given: ArrayLike | None, known: np.ndarray | None) -> np.ndarray:
    """Return the classes of rows that come in blocks, given in the first call, sorted."""
    if known is None:
        if given is None:
            raise ValueError("classes must be passed to the first call of partial_fit.")
        classes = np.unique(column_or_1d(given))
        if len(classes) < 2:
            raise ValueError(f"classes must have at least 2 classes, got {classes.tolist()}.")
        return classes
    if given is not None and not np.array_equal(np.unique(column_or_1d(given)), known):
        raise ValueError(
            f"classes={np.asarray(given).tolist()} is not that of the first call of partial_fit, "
            f"{known.tolist()}: leave it out."
        )
    return known


def one_hot_of_known(classes: np.ndarray, y_test: ArrayLike, n_samples: int) -> np.ndarray:
    """Return classes of test rows, among the sorted ones of training, one-hot in n_classes columns.

    A ValueError says which class is unknown, or that the lengths do not fit.
    """
    given = column_or_1d(y_test)
    if len(given) != n_samples:
        raise ValueError(
            f"y_test has {len(given)} classes for {n_samples} samples in X_test: pass one for each."
        )
    unknown = np.setdiff1d(given, classes)
    if unknown.size:
        raise ValueError(
            f"y_test has the class {unknown.tolist()[0]!r}, which the training data do not have: "
            "leave its samples out."
        )
    return np.eye(len(classes))[np.searchsorted(classes, given)]


def with_class_weight(
    class_weight: ClassWeight, y: np.ndarray, sample_weight: np.ndarray
) -> np.ndarray:
    """Return the weight of each row times that of its class, not all of them 0.

    "balanced" is inverse to the sum of the weights of a class.
    """
    if class_weight is None:
        return sample_weight
    present = sample_weight > 0
    classes, labels = np.unique(y[present], return_inverse=True)
    weight = sample_weight.copy()
    if class_weight == "balanced":
        total = np.bincount(labels, weights=sample_weight[present])
        weight[present] *= (total.sum() / (len(classes) * total))[labels]
        return weight
    factors = compute_class_weight(class_weight, classes=classes, y=y[present])
    if (factors < 0).any():
        raise ValueError(f"class_weight has negative values: {class_weight!r}; use weights >= 0.")
    weight[present] *= factors[labels]
    return as_sample_weight(weight, len(weight))
