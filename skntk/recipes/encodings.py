"""How rows of numbers and categories become the inputs of a network."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sklearn.preprocessing import OneHotEncoder, QuantileTransformer, StandardScaler

from skntk.recipes.columns import Table

__all__ = ["RANK_RANGE", "AxesEncoding", "NormalEncoding", "StepEncoding"]

# Ranks are spread over this length, as kernels of a feature have length scales of the order of 1.
RANK_RANGE = 3.0
_MOST_QUANTILES = 1000
# Beyond so many standard deviations, values count as this far: one outlier would rule a network.
_FARTHEST = 5.0
_MOST_LEVELS = 30


@dataclass(frozen=True)
class AxesEncoding:
    """Ranks of numbers, and codes of categories behind them, for networks that read one column.

    A missing number has the middle rank, and a category of its own says that it was missing.
    """

    ranks: QuantileTransformer | None
    varied: np.ndarray
    missing: np.ndarray
    n_numbers: int
    n_codes: int

    @classmethod
    def fit(cls, table: Table) -> AxesEncoding:
        """Learn the quantiles of the columns."""
        varied = _varied(table.numbers)
        numbers = table.numbers[:, varied]
        ranks = None
        if numbers.size:
            n_quantiles = min(_MOST_QUANTILES, len(numbers))
            ranks = QuantileTransformer(n_quantiles=n_quantiles, subsample=None).fit(numbers)
        missing = np.flatnonzero(_sometimes(np.isnan(table.numbers)))
        n_codes = table.codes.shape[1]
        # A network reads one column at least: a constant, where there is no other.
        n_numbers = len(varied) or int(not (len(missing) or n_codes))
        return cls(ranks, varied, missing, n_numbers, n_codes)

    @property
    def n_columns(self) -> int:
        """The number of encoded columns."""
        return self.n_numbers + len(self.missing) + self.n_codes

    def transform(self, table: Table) -> np.ndarray:
        """Return ranks from 0 to 3 and, behind them, codes."""
        numbers = table.numbers[:, self.varied]
        if self.ranks is not None:
            numbers = np.nan_to_num(RANK_RANGE * self.ranks.transform(numbers), nan=RANK_RANGE / 2)
        elif self.n_numbers:
            numbers = np.zeros((len(table), 1))
        return np.hstack([numbers, np.isnan(table.numbers[:, self.missing]), table.codes])


@dataclass(frozen=True)
class StepEncoding:
    """Ranks of numbers, and an indicator for every category, for units that read one of them.

    Attributes
    ----------
    columns : ndarray of int, shape (n_inputs,)
        Which column of the `AxesEncoding` an input is made from.
    """

    n_numbers: int
    indicators: OneHotEncoder | None
    columns: np.ndarray

    @classmethod
    def fit(cls, axes: AxesEncoding, encoded: np.ndarray) -> StepEncoding:
        """Learn the categories, given rows as the other encoding has them."""
        columns = np.arange(axes.n_numbers)
        if axes.n_columns == axes.n_numbers:
            return cls(axes.n_numbers, None, columns)
        indicators = _indicators().fit(encoded[:, axes.n_numbers :])
        # The name of an indicator is x, the number of its category, _ and the level.
        names = indicators.get_feature_names_out()
        categories = [axes.n_numbers + int(name[1:].partition("_")[0]) for name in names]
        return cls(axes.n_numbers, indicators, np.concatenate([columns, categories]))

    def transform(self, encoded: np.ndarray) -> np.ndarray:
        """Return numbers from 0 to 3, given rows as the other encoding has them."""
        numbers = encoded[:, : self.n_numbers]
        if self.indicators is None:
            return numbers
        indicators = self.indicators.transform(encoded[:, self.n_numbers :])
        return np.hstack([numbers, RANK_RANGE * indicators])


@dataclass(frozen=True)
class NormalEncoding:
    """Standardized numbers and indicators of the categories, for networks that read all columns.

    A missing number is the mean, and an indicator says that it was missing. Levels beyond the
    thirty most frequent of a column share an indicator.
    """

    scaler: StandardScaler | None
    indicators: OneHotEncoder | None
    varied: np.ndarray
    missing: np.ndarray

    @classmethod
    def fit(cls, table: Table) -> NormalEncoding:
        """Learn means, standard deviations and levels."""
        varied = _varied(table.numbers)
        numbers = table.numbers[:, varied]
        scaler = StandardScaler().fit(numbers) if numbers.size else None
        indicators = None
        if table.codes.size:
            indicators = _indicators().fit(table.codes)
        missing = np.flatnonzero(_sometimes(np.isnan(table.numbers)))
        return cls(scaler, indicators, varied, missing)

    def transform(self, table: Table) -> np.ndarray:
        """Return numbers, indicators, and a constant, which stands for the bias."""
        parts = [np.isnan(table.numbers[:, self.missing]).astype(float), np.ones((len(table), 1))]
        if self.scaler is not None:
            scaled = self.scaler.transform(table.numbers[:, self.varied])
            parts.append(np.nan_to_num(np.clip(scaled, -_FARTHEST, _FARTHEST)))
        if self.indicators is not None:
            parts.append(self.indicators.transform(table.codes))
        return np.hstack(parts)


def _indicators() -> OneHotEncoder:
    return OneHotEncoder(
        max_categories=_MOST_LEVELS, handle_unknown="infrequent_if_exist", sparse_output=False
    )


def _varied(numbers: np.ndarray) -> np.ndarray:
    """Return the columns that have two values at least."""
    low = np.min(numbers, axis=0, where=~np.isnan(numbers), initial=np.inf)
    high = np.max(numbers, axis=0, where=~np.isnan(numbers), initial=-np.inf)
    return np.flatnonzero(high > low)


def _sometimes(truth: np.ndarray) -> np.ndarray:
    return np.asarray(truth.any(axis=0) & ~truth.all(axis=0))
