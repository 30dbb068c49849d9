"""What each training row brings: its share of the regularization."""

from __future__ import annotations

from typing import Any

import numpy as np


def as_training_alpha(alpha: Any, n_samples: int) -> np.ndarray:
    """Return the value of the parameter ``alpha`` for each row.

    "auto" is the same for every row, and is 1 until it is found.
    """
    if isinstance(alpha, str):
        return np.ones(n_samples)
    if np.ndim(alpha) == 1 and np.shape(alpha) != (n_samples,):
        raise ValueError(
            f"{_misfit(np.shape(alpha), n_samples)} Cross-validation divides what is passed to "
            "fit, and not the parameter: search.fit(X, y, alpha=alpha), or "
            "cross_validate(..., params={'alpha': alpha})."
        )
    return as_alpha_per_sample(alpha, n_samples)


def as_variance(alpha: Any) -> Any:
    """Return what is given as a variance, if it is not a word."""
    if isinstance(alpha, str):
        raise ValueError(
            f"alpha={alpha!r} is no variance: give one float, or one value for each sample."
        )
    return alpha


def as_alpha_per_sample(alpha: Any, n_samples: int) -> np.ndarray:
    """Return the nonnegative value of ``alpha`` for each row; a float is meant for every row."""
    given = _as_numbers(as_variance(alpha))
    if given.shape not in ((), (n_samples,)):
        raise ValueError(_misfit(given.shape, n_samples))
    if not np.isfinite(given).all():
        raise ValueError("alpha contains NaN or infinity: every value must be finite.")
    if (given < 0).any():
        raise ValueError(
            f"alpha has negative values (smallest {given.min():g}): they are added to the kernel's "
            "diagonal, every value must be >= 0."
        )
    return np.full(n_samples, given)


def _as_numbers(alpha: Any) -> np.ndarray:
    given = np.asarray(alpha)
    if given.dtype.kind not in "cSU":
        try:
            return given.astype(np.float64)
        except (TypeError, ValueError):
            pass
    raise ValueError(
        f"alpha must be real numbers, got {type(alpha).__name__} of {given.dtype}: give one float, "
        "or one value for each sample."
    )


def _misfit(shape: tuple[int, ...], n_samples: int) -> str:
    return (
        f"alpha has shape {shape}, but X has {n_samples} samples: give one float, or one value for "
        "each of them."
    )
