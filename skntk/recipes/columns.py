"""The columns of a table: which are numbers, which are categories, and later tables alike."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np
from scipy.sparse import issparse
from sklearn.utils import check_array

__all__ = ["MISSING", "UNKNOWN", "Column", "Table", "TableColumns", "named_columns"]

NamedColumns = list[tuple[Any, np.ndarray]]

MISSING = -1
UNKNOWN = -2
_NUMBERS, _CATEGORIES, _DATES = "numbers", "categories", "dates"
_DAY = np.timedelta64(1, "D")


@dataclass(frozen=True)
class Table:
    """Rows as numbers, with NaN for what is missing, and as codes of categories.

    ``MISSING`` is the code of a missing category, ``UNKNOWN`` that of one that `fit` has not seen.
    """

    numbers: np.ndarray
    codes: np.ndarray

    def __len__(self) -> int:
        return len(self.numbers)

    def take(self, rows: np.ndarray | slice) -> Table:
        """Return some of the rows."""
        return Table(self.numbers[rows], self.codes[rows])


@dataclass(frozen=True)
class Column:
    """One column as `fit` has seen it: its name, what it holds, and the levels of a category."""

    name: Any
    kind: str
    levels: tuple[str, ...] = ()

    @classmethod
    def learn(cls, name: Any, values: np.ndarray) -> Column:
        """Find what a column holds; one without any value counts as numbers."""
        kind = _kind(values) or _NUMBERS
        if kind != _CATEGORIES:
            return cls(name, kind)
        seen = {_level(value) for value in values.tolist() if not _is_missing(value)}
        return cls(name, kind, tuple(sorted(seen)))

    @property
    def is_category(self) -> bool:
        """Whether the column holds categories."""
        return self.kind == _CATEGORIES

    def numbers(self, values: np.ndarray) -> np.ndarray:
        """Return the column as numbers, NaN where a value is missing; dates are days since 1970."""
        kind = _kind(values)
        if kind not in (self.kind, None):
            raise ValueError(
                f"Column {self.name!r} held {self.kind} in fit, and holds {kind} now. Convert it "
                f"to {self.kind}, or fit again."
            )
        numbers = _as_days(values) if self.kind == _DATES else _as_floats(values)
        if np.isinf(numbers).any():
            raise ValueError(
                f"Input X contains infinity in column {self.name!r}. Replace it by a finite "
                "number, or by NaN, which counts as missing."
            )
        return numbers

    def codes(self, values: np.ndarray) -> np.ndarray:
        """Return the positions of the values among the levels."""
        position = {level: code for code, level in enumerate(self.levels)}
        codes = [
            MISSING if _is_missing(value) else position.get(_level(value), UNKNOWN)
            for value in values.tolist()
        ]
        return np.array(codes, dtype=np.int64)


@dataclass(frozen=True)
class TableColumns:
    """The columns of the training table, by which later tables are read."""

    columns: tuple[Column, ...]

    @classmethod
    def learn(cls, columns: NamedColumns) -> TableColumns:
        """Find what columns hold."""
        return cls(tuple(Column.learn(*column) for column in columns))

    def read(self, columns: NamedColumns) -> Table:
        """Return the rows of a table that has as many columns as the one that was learned."""
        arrays = [values for _, values in columns]
        pairs = list(zip(self.columns, arrays, strict=True))
        numbers = [column.numbers(values) for column, values in pairs if not column.is_category]
        codes = [column.codes(values) for column, values in pairs if column.is_category]
        n_rows = len(arrays[0])
        return Table(
            _side_by_side(numbers, n_rows, np.float64), _side_by_side(codes, n_rows, np.int64)
        )

    @property
    def categories(self) -> list[Column]:
        """The columns of categories, in the order of the codes."""
        return [column for column in self.columns if column.is_category]


def named_columns(X: Any) -> NamedColumns:
    """Return the columns of a pandas or polars frame, or of an array, with their names."""
    if issparse(X):
        raise TypeError(
            "Sparse input is not supported by recipes for tables: pass X.toarray(), or a frame."
        )
    if hasattr(X, "columns") and hasattr(X, "dtypes"):
        if not X.shape[0]:
            raise ValueError(
                f"Found array with 0 sample(s) (shape={X.shape}) while a minimum of 1 is required."
            )
        return [(name, np.asarray(X[name])) for name in X.columns]
    array = check_array(X, dtype=None, ensure_all_finite=False, input_name="X")
    return list(enumerate(array.T))


def _side_by_side(columns: list[np.ndarray], n_rows: int, dtype: type) -> np.ndarray:
    return np.stack(columns, axis=1) if columns else np.zeros((n_rows, 0), dtype)


def _kind(values: np.ndarray) -> str | None:
    """Return what an array holds; None where all is missing."""
    if values.dtype.kind in "iuf":
        return None if values.dtype.kind == "f" and np.isnan(values).all() else _NUMBERS
    if values.dtype.kind in "bUS":
        return _CATEGORIES
    if values.dtype.kind == "M":
        return None if np.isnat(values).all() else _DATES
    seen = [value for value in values.tolist() if not _is_missing(value)]
    if not seen:
        return None
    if all(isinstance(value, Real) and not isinstance(value, bool | np.bool_) for value in seen):
        return _NUMBERS
    if all(isinstance(value, datetime.date | np.datetime64) for value in seen):
        return _DATES
    return _CATEGORIES


def _is_missing(value: Any) -> bool:
    """Whether a value is None, NaN, NaT or the NA of pandas, which equals nothing knowable."""
    if value is None:
        return True
    try:
        return bool(value != value)
    except TypeError:
        return True


def _level(value: Any) -> str:
    """Return the name of a category: 1, 1.0 and numpy's 1 are one."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value)


def _as_floats(values: np.ndarray) -> np.ndarray:
    if values.dtype.kind in "iuf":
        return values.astype(np.float64)
    return np.array([np.nan if _is_missing(v) else float(v) for v in values.tolist()])


def _as_days(values: np.ndarray) -> np.ndarray:
    if values.dtype.kind != "M":
        values = np.array(
            [np.datetime64("NaT") if _is_missing(v) else _in_utc(v) for v in values.tolist()],
            dtype="datetime64[us]",
        )
    days = values.astype("datetime64[us]").astype(np.float64) / (_DAY / np.timedelta64(1, "us"))
    days[np.isnat(values)] = np.nan
    return np.asarray(days)


def _in_utc(value: Any) -> np.datetime64:
    """Return a date or a time; one with a time zone in that of Greenwich."""
    if getattr(value, "tzinfo", None) is not None:
        value = value.astimezone(datetime.UTC).replace(tzinfo=None)
    return np.datetime64(value)
