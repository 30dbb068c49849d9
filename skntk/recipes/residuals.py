"""How far new observations are from predictions: what residuals of held-out rows say."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import solve_triangular
from sklearn.utils import gen_batches

from skntk.recipes.columns import Table
from skntk.recipes.cross_fitting import FittedFeatures, held_out_scores
from skntk.recipes.encoded_table import EncodedTable, TableEncodings
from skntk.recipes.ridge import LinearModel, RidgePath
from skntk.recipes.selected_ensemble import HeldOut, SelectedEnsemble
from skntk.recipes.tasks import Folds, Regression

__all__ = ["ResidualSpread"]

# Residuals below this part of their root mean square count as that: a logarithm has no floor.
_LEAST_RESIDUAL = 1e-2
_BLOCK = 8192
_PENALTIES = np.logspace(4, 0, 9)
# Ridge regression has no use for sums of squares beside its own.
_NO_MOMENTS = np.empty(0)


@dataclass(frozen=True)
class ResidualSpread:
    r"""The standard deviation of new observations around predictions, as a function of the row.

    .. math:: s(x)^2 = c^2 \, e^{g(x)} \, (1 + h(x))

    h is the posterior variance of the Gaussian process with the features of one network, in units
    of its noise: it grows away from the training rows. g is a ridge regression of the logarithm of
    squared residuals of held-out rows on the same features: the noise may depend on the row. c
    makes residuals over standard deviations have a mean square of 1 where they were held out, and
    their quantiles are those of new observations.

    Attributes
    ----------
    quotients : ndarray of shape (n_rows,)
        Residuals over standard deviations, sorted.
    """

    features: FittedFeatures
    factor: np.ndarray
    penalty: float
    log_square: LinearModel
    scale: float
    quotients: np.ndarray

    @classmethod
    def fit(cls, ensemble: SelectedEnsemble, held_out: HeldOut[Regression]) -> ResidualSpread:
        """Learn from the residuals of held-out rows, with the features of the heaviest member."""
        task, folds = held_out.task, held_out.folds
        member = max(ensemble.members, key=lambda member: member.weights.sum())
        penalty = member.penalties[int(np.argmax(member.weights))]
        features = member.features
        values, rest = features.values_and_rest(held_out.table)
        residuals = task.y - held_out.predictions
        variances = np.empty(len(residuals))
        for path, (_, rows) in zip(task.fold_paths(values, _NO_MOMENTS, folds), folds, strict=True):
            factor = np.linalg.cholesky(path.precision(penalty))
            variances[rows] = _variance(factor, values[rows], rest[rows], penalty)
        level = np.sqrt(np.average(residuals**2, weights=task.weight))
        squares = np.maximum(residuals**2, (_LEAST_RESIDUAL * level) ** 2 + np.finfo(float).tiny)
        logarithms = np.log(squares / (1 + variances))
        fitted, model = _fit(Regression(logarithms, task.weight), values, folds)
        spread = np.sqrt(np.exp(fitted) * (1 + variances))
        quotients = residuals / spread
        scale = float(np.sqrt(np.average(quotients**2, weights=task.weight))) or 1.0
        factor = np.linalg.cholesky(_all_rows(task, values).precision(penalty))
        return cls(features, factor, penalty, model, scale, np.sort(quotients / scale))

    def std(self, encodings: TableEncodings, table: Table) -> np.ndarray:
        """Return the standard deviation of a new observation for every row."""
        blocks = gen_batches(len(table), _BLOCK)
        return np.concatenate(
            [self._block_std(encodings.transform(table.take(rows))) for rows in blocks]
        )

    def _block_std(self, table: EncodedTable) -> np.ndarray:
        values, rest = self.features.values_and_rest(table)
        variance = _variance(self.factor, values, rest, self.penalty)
        return np.asarray(self.scale * np.sqrt(np.exp(self.log_square(values)) * (1 + variance)))

    def quantiles(self, levels: np.ndarray) -> np.ndarray:
        """Return quantiles of residuals over standard deviations, conservative for few rows."""
        n_rows = len(self.quotients)
        # The new one of n + 1 exchangeable residuals is below the k-th with probability
        # k / (n + 1).
        positions = np.where(
            levels < 0.5, np.floor(levels * (n_rows + 1)), np.ceil(levels * (n_rows + 1))
        )
        return self.quotients[np.clip(positions.astype(int) - 1, 0, n_rows - 1)]


def _variance(
    factor: np.ndarray, values: np.ndarray, rest: np.ndarray, penalty: float
) -> np.ndarray:
    """Return the posterior variance in units of the noise."""
    whitened = solve_triangular(factor, values.T, lower=True)
    return np.asarray(np.sum(whitened**2, axis=0) + rest / penalty)


def _fit(task: Regression, values: np.ndarray, folds: Folds) -> tuple[np.ndarray, LinearModel]:
    """Return predictions of held-out rows with the best penalty, and its model of all rows."""
    paths = task.fold_paths(values, _NO_MOMENTS, folds)
    held_out = [values[rows] for _, rows in folds]
    fits = [held_out_scores(paths, held_out, folds, penalty) for penalty in _PENALTIES.tolist()]
    best = int(np.argmin([task.loss(fitted) for fitted in fits]))
    return fits[best], _all_rows(task, values).advance(_PENALTIES[best])


def _all_rows(task: Regression, values: np.ndarray) -> RidgePath:
    return task.path([(slice(None), values)], _NO_MOMENTS)
