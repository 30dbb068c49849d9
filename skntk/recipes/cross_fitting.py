"""Predictions for rows that were held out, of everything that a candidate learns from targets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from time import monotonic
from typing import NamedTuple

import numpy as np
from joblib import Parallel, delayed

from skntk.recipes.candidates import Candidate
from skntk.recipes.encoded_table import EncodedTable, TableEncodings
from skntk.recipes.features import NetworkFeatures
from skntk.recipes.product_evidence import ProductScales, learn_product
from skntk.recipes.tasks import Folds, LinearPath, Task

__all__ = ["CrossFit", "CrossFitter", "FittedFeatures", "held_out_scores"]

# Smaller penalties are not tried once the loss has risen by this factor above the least.
_RISE = 1.02


@dataclass(frozen=True)
class CrossFit:
    """The predictions of a candidate for held-out rows, one array for every penalty."""

    candidate: Candidate
    penalties: list[float]
    predictions: list[np.ndarray]
    losses: list[float]
    seconds: float


@dataclass(frozen=True)
class FittedFeatures:
    """The features of a candidate, for rows of an encoded table."""

    candidate: Candidate
    features: NetworkFeatures

    def __call__(self, table: EncodedTable) -> np.ndarray:
        """Return the features of rows."""
        return self.features(table.inputs[self.candidate.encoding])

    def values_and_rest(self, table: EncodedTable) -> tuple[np.ndarray, np.ndarray]:
        """Return the features of rows, and the part of their kernel that features do not span."""
        return self.features.values_and_rest(table.inputs[self.candidate.encoding])


class FeaturesOfRows(NamedTuple):
    """Features, their values for the rows that they were learned from, and sums of squares."""

    features: FittedFeatures
    values: np.ndarray
    moments: np.ndarray


def held_out_scores(
    paths: Sequence[LinearPath], held_out: Sequence[np.ndarray], folds: Folds, penalty: float
) -> np.ndarray:
    """Return the values of the next models of all folds for the rows that they hold out."""
    scores = [path.advance(penalty)(values) for path, values in zip(paths, held_out, strict=True)]
    order = np.argsort(np.concatenate([rows for _, rows in folds]))
    return np.asarray(np.concatenate(scores)[order])


class CrossFitter:
    """Fits candidates to training rows and to all folds of them.

    What is learned from the targets is learned again in every fold, without its rows: the scales of
    columns and the linear models. Encodings, inducing points and kernels without learned scales do
    not depend on targets, and all folds share them.
    """

    def __init__(
        self,
        encodings: TableEncodings,
        table: EncodedTable,
        task: Task,
        folds: Folds,
        points: np.ndarray,
        scale_rows: np.ndarray,
        n_jobs: int | None,
    ) -> None:
        self._encodings = encodings
        self.table = table
        self.task = task
        self.folds = folds
        self._points = points
        self._scale_rows = scale_rows
        self._n_jobs = n_jobs
        self._scales: dict[int | None, ProductScales] = {}

    def features(self, candidate: Candidate, fold: int | None = None) -> FeaturesOfRows:
        """Return the features learned from all rows, or from those outside of a fold."""
        rows, points = self._rows(fold), self._points
        if fold is not None:
            position = np.full(len(self.table), -1)
            position[rows] = np.arange(len(rows))
            points = position[points]
            points = points[points >= 0]
        X = self.table.inputs[candidate.encoding][rows]
        if candidate.points_per_input is not None:
            points = points[: candidate.points_per_input * X.shape[1]]
        columns = self._encodings.columns(candidate.encoding)
        network = candidate.network(self._column_scales(candidate.learned, fold), columns)
        fitted = NetworkFeatures.fit(network, candidate.kind, X, points, self._n_jobs)
        features, values, moments = self.task.prepare(*fitted)
        return FeaturesOfRows(FittedFeatures(candidate, features), values, moments)

    def cross_fit(self, candidate: Candidate) -> CrossFit:
        """Return what the candidate predicts for every row, with penalties in decreasing order."""
        start = monotonic()
        paths, held_out = self._paths(candidate)
        penalties, predictions, losses = [], [], []
        for penalty in self.task.penalties.tolist():
            scores = held_out_scores(paths, held_out, self.folds, penalty)
            penalties.append(penalty)
            predictions.append(self.task.predictions(scores))
            losses.append(self.task.loss(predictions[-1]))
            if losses[-1] > _RISE * min(losses):
                break
        return CrossFit(candidate, penalties, predictions, losses, monotonic() - start)

    def _paths(self, candidate: Candidate) -> tuple[Sequence[LinearPath], list[np.ndarray]]:
        """Return the linear models of all folds, and the features of the rows held out."""
        if not candidate.learned:
            shared = self.features(candidate)
            shared_paths = self.task.fold_paths(shared.values, shared.moments, self.folds)
            return shared_paths, [shared.values[rows] for _, rows in self.folds]
        paths: list[LinearPath] = []
        held_out = []
        self._learn_scales()
        for fold, (train, test) in enumerate(self.folds):
            fitted = self.features(candidate, fold)
            blocks = [(slice(None), fitted.values)]
            paths.append(self.task.take(train).path(blocks, fitted.moments))
            held_out.append(fitted.features(self.table.take(test)))
        return paths, held_out

    def _rows(self, fold: int | None) -> np.ndarray:
        return np.arange(len(self.table)) if fold is None else self.folds[fold][0]

    def _column_scales(self, learned: bool, fold: int | None) -> ProductScales:
        axes = self._encodings.axes
        if not learned:
            return ProductScales.default(axes.n_numbers, axes.n_columns - axes.n_numbers)
        self._learn_scales()
        return self._scales[fold]

    def _learn_scales(self) -> None:
        """Learn the scales of columns from all rows, and in every fold."""
        if self._scales:
            return
        folds = [None, *range(len(self.folds))]
        rows = [self._scale_rows[np.isin(self._scale_rows, self._rows(fold))] for fold in folds]
        X, outputs = self.table.inputs["axes"], self.task.outputs
        learned = Parallel(
            n_jobs=-1 if self._n_jobs is None else self._n_jobs, require="sharedmem"
        )(
            delayed(learn_product)(X[some], self._encodings.axes.n_numbers, outputs[some])
            for some in rows
        )
        self._scales = dict(zip(folds, learned, strict=True))
