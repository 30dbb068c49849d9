"""The weights of samples, of training as of scores."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils import check_array


def as_sample_weight(sample_weight: Any, n_samples: int) -> np.ndarray:
    """Return one nonnegative weight for each row; a float is meant for every row, None is 1."""
    if sample_weight is None:
        return np.ones(n_samples)
    given = np.asarray(sample_weight)
    if given.ndim == 0:
        given = np.full(n_samples, given)
    weight: np.ndarray = check_array(
        given, ensure_2d=False, allow_nd=True, dtype=np.float64, input_name="sample_weight"
    )
    if weight.shape != (n_samples,):
        raise ValueError(
            f"sample_weight has shape {weight.shape}, but X has {n_samples} samples: give one "
            "weight for each of them."
        )
    if (weight < 0).any():
        raise ValueError(
            f"sample_weight has negative values (sample {int(np.argmax(weight < 0))}): a weight "
            "counts repetitions of a row, use 0 to leave one out."
        )
    if not weight.any():
        raise ValueError(
            "All values of sample_weight are zero: give at least one sample a positive weight."
        )
    return weight
