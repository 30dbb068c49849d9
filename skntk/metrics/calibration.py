"""Whether events of predicted probability p happen in a share p of all cases."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import check_array, check_consistent_length, column_or_1d

from skntk._sample_weight import as_sample_weight


def expected_calibration_error(
    y_true: ArrayLike,
    y_proba: ArrayLike,
    *,
    labels: ArrayLike | None = None,
    n_bins: int = 15,
    sample_weight: ArrayLike | None = None,
) -> float:
    r"""Return how far the confidence of predictions is from their accuracy, on average.

    The confidence of a prediction is the largest probability of its row. Samples are sorted into
    bins of equal width by their confidence [1]_:

    .. math::

        \text{ECE} = \sum_b \frac{|B_b|}{n} \,
            \left| \text{accuracy}(B_b) - \text{confidence}(B_b) \right|.

    0 is best. It is no proper score, one number for all inputs is perfectly calibrated: read it
    beside the log-loss. On few samples chance alone keeps it from 0.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        Classes.
    y_proba : array-like of shape (n_samples, n_classes) or (n_samples,)
        Predicted probabilities, as of ``predict_proba``; of two classes also those of the second.
    labels : array-like of shape (n_classes,), default=None
        The sorted classes of the columns. None is the classes that occur in `y_true`.
    n_bins : int, default=15
        Number of bins between 0 and 1, at least 1.
    sample_weight : array-like of shape (n_samples,), default=None
        Weights of the samples. None is 1 for every sample.

    Returns
    -------
    float
        Between 0 and 1.

    Raises
    ------
    ValueError
        If the columns are not those of the classes, a class is unknown, a probability is not
        between 0 and 1, ``n_bins`` is less than 1, or the weights are not finite, negative or
        all 0.

    References
    ----------
    .. [1] Guo, Pleiss, Sun, Weinberger, "On calibration of modern neural networks", ICML 2017,
       equation 3.

    Examples
    --------
    >>> from skntk.metrics import expected_calibration_error
    >>> y_proba = [[0.8, 0.2], [0.8, 0.2], [0.8, 0.2], [0.8, 0.2]]
    >>> round(expected_calibration_error([0, 0, 0, 1], y_proba), 6)  # right in 3/4, sure of 4/5
    0.05
    """
    if n_bins < 1:
        raise ValueError(f"n_bins must be at least 1, got {n_bins!r}.")
    observed = column_or_1d(y_true)
    classes = np.unique(observed) if labels is None else np.asarray(labels)
    probabilities = _as_columns(y_proba, len(classes))
    check_consistent_length(observed, probabilities)
    weight = as_sample_weight(sample_weight, len(observed))
    unknown = np.setdiff1d(observed, classes)
    if unknown.size:
        raise ValueError(f"y_true contains classes that labels does not: {unknown.tolist()}.")
    confidence = probabilities.max(axis=1)
    right = classes[probabilities.argmax(axis=1)] == observed
    # A confidence on the edge of two bins, as 1 is, belongs to the lower: (a, b].
    bins = np.ceil(confidence * n_bins).astype(int)
    excess = np.bincount(bins, weights=weight * (right - confidence))
    return float(np.abs(excess).sum() / weight.sum())


def _as_columns(y_proba: ArrayLike, n_classes: int) -> np.ndarray:
    given: np.ndarray = check_array(
        y_proba, ensure_2d=False, dtype=np.float64, input_name="y_proba"
    )
    columns = np.column_stack([1 - given, given]) if given.ndim == 1 else given
    if columns.shape[1] != n_classes:
        raise ValueError(
            f"y_proba has the columns of {columns.shape[1]} classes, but there are {n_classes}: "
            "give the classes of the columns as labels."
        )
    if (columns < 0).any() or (columns > 1 + 1e-9).any():
        raise ValueError(
            f"y_proba must be probabilities between 0 and 1, its values range from "
            f"{columns.min():g} to {columns.max():g}."
        )
    return np.minimum(columns, 1.0)
