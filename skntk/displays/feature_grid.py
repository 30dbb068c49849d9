"""Rows in which one feature varies along a line and all others stay where they are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from skntk._validation import is_integer

# How far a grid reaches beyond the data on either side, in ranges of the data.
_MARGIN = 0.25


class FeatureGrid:
    """A line through the inputs, along one feature, by its position or its name in a dataframe.

    ``rows`` are in the container of X. The other features have their median, or what is most
    frequent if they are not numbers. ``values`` are those of the feature along the grid, which is
    given, or has so many points over the range of X widened by a quarter on either side;
    ``sample_values`` are those in X.
    """

    def __init__(self, X: Any, feature: int | str, grid: int | ArrayLike) -> None:
        names = [str(name) for name in X.columns] if hasattr(X, "columns") else None
        columns = _columns(X)
        position = _position(feature, names, len(columns))
        self.sample_values = _as_numbers(columns[position], feature)
        self.values = _grid_values(self.sample_values, grid)
        along = [np.full(len(self.values), _typical(column)) for column in columns]
        along[position] = self.values
        if names is None:
            mixed = columns[0].dtype == object
            self.rows = np.stack(along, axis=1, dtype=object if mixed else np.float64)
            self.label = "input" if len(columns) == 1 else f"feature {position}"
        else:
            self.rows = type(X)(dict(zip(X.columns, along, strict=True)))
            self.label = names[position]


def values_of_samples(X: Any) -> tuple[np.ndarray, str]:
    """Return the only feature of samples, or their numbers, and its name."""
    if np.ndim(X) != 2 or np.shape(X)[1] != 1:
        return np.arange(len(X)), "sample"
    (column,) = _columns(X)
    return column, str(X.columns[0]) if hasattr(X, "columns") else "input"


def _columns(X: Any) -> list[np.ndarray]:
    if hasattr(X, "columns"):
        return [np.asarray(X[name]) for name in X.columns]
    samples = np.asarray(X)
    if samples.ndim != 2:
        raise ValueError(
            f"X must be a table of shape (n_samples, n_features) to vary one feature of, got shape "
            f"{samples.shape}. A single feature is X[:, np.newaxis]; for images and sequences, use "
            "from_predictions."
        )
    return list(samples.T)


def _position(feature: int | str, names: Sequence[str] | None, n_features: int) -> int:
    if is_integer(feature):
        if not 0 <= feature < n_features:
            raise ValueError(
                f"feature must be a position from 0 to {n_features - 1}, as X has {n_features} "
                f"features; got {feature}."
            )
        return int(feature)
    if names is None:
        raise ValueError(f"X has no names of features: give feature as a position, not {feature!r}")
    if feature not in names:
        raise ValueError(f"feature {feature!r} is not among those of X: {', '.join(names)}.")
    return names.index(str(feature))


def _as_numbers(column: np.ndarray, feature: int | str) -> np.ndarray:
    try:
        numbers = column.astype(np.float64)
    except (TypeError, ValueError):
        raise ValueError(
            f"feature {feature!r} cannot vary along a line, as its values are not numbers."
        ) from None
    if not np.isfinite(numbers).any():
        raise ValueError(f"feature {feature!r} has no finite value in X.")
    return numbers


def _typical(column: np.ndarray) -> Any:
    if np.issubdtype(column.dtype, np.number):
        return np.nanmedian(column)
    values, counts = np.unique(column, return_counts=True)
    return values[counts.argmax()]


def _grid_values(samples: np.ndarray, grid: int | ArrayLike) -> np.ndarray:
    if np.ndim(grid) == 0:
        if not is_integer(grid) or grid < 2:
            raise ValueError(
                f"grid must be a whole number of at least 2, or the values themselves; got "
                f"{grid!r}."
            )
        finite = samples[np.isfinite(samples)]
        low, high = finite.min(), finite.max()
        margin = _MARGIN * (high - low) if high > low else 1.0
        return np.linspace(low - margin, high + margin, int(grid))
    values = np.asarray(grid, dtype=np.float64)
    if values.ndim != 1 or len(values) < 2:
        raise ValueError(
            "grid must be at least 2 values in one dimension, or their number; got shape "
            f"{values.shape}."
        )
    return values
