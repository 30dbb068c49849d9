"""Sums over the samples of a search through inducing points, for every fold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from threading import RLock
from typing import Any

import numpy as np
from sklearn.base import is_classifier

from skntk._memory import require_memory
from skntk.estimators.data.alpha_of_rows import as_alpha_per_sample
from skntk.estimators.data.classes import with_class_weight
from skntk.estimators.data.target_scaling import TargetScaling
from skntk.estimators.data.validation import as_regression_targets
from skntk.estimators.kernel_machines.inducing import choose_points
from skntk.estimators.kernel_machines.kernels import NetworkKernels
from skntk.estimators.kernel_machines.memory import MATRICES_OF_POINTS
from skntk.estimators.kernel_machines.rows_at_points import InducingKernels, RowsAtPoints
from skntk.estimators.kernel_machines.sums_by_workers import sums_of
from skntk.inference.inducing.gram_spectrum import GramSpectrum
from skntk.inference.inducing.sums import RowSums
from skntk.solvers.inducing_points import InducingPoints


class SumsOfFolds:
    """The sums over what every fold trains on, for one network and its inducing points.

    Sums are linear in the weights: those of a fold are the sums over all samples without the sums
    over the samples that it leaves out. Where folds leave out every sample once, all of them take
    one pass over the samples.

    Parameters
    ----------
    estimator : KernelMachine
        With the parameters of the network and the solver.
    solver : InducingPoints
        What its parameter `solver` stands for; the points are chosen among all samples.
    X : ndarray of shape (n, ...)
    y : ndarray of shape (n,) or (n, n_outputs)
    sample_weight : ndarray of shape (n,)
    training : sequence of ndarray
        The samples that each fold trains on.
    """

    def __init__(
        self,
        estimator: Any,
        solver: InducingPoints,
        X: np.ndarray,
        y: np.ndarray,
        sample_weight: np.ndarray,
        training: Sequence[np.ndarray],
    ) -> None:
        kernels = NetworkKernels.prepare(estimator, estimator.kinds, X)
        points = choose_points(solver, kernels, X, solver.generator(estimator.random_state))
        require_memory(
            (MATRICES_OF_POINTS + 3 * len(training)) * len(points) ** 2 * 8,
            f"ClosedFormSearchCV.fit with {len(points)} inducing points in {len(training)} folds",
            "Choose fewer points or folds: the memory does not grow with the number of samples.",
        )
        self.inducing = InducingKernels(kernels, points)
        self._X, self._y, self._weight, self._training = X, y, sample_weight, training
        self._classes = np.unique(y) if is_classifier(estimator) else None
        self._origin, self._targets = self._normalized()
        self._of_patterns: dict[bytes, _SumsOfPattern] = {}
        self._lock = RLock()

    def _normalized(self) -> tuple[TargetScaling, np.ndarray]:
        """Return targets in a unit in which no digits are lost, shape (n, n_outputs)."""
        if self._classes is None:
            targets = as_regression_targets(self._y)
        else:
            targets = np.eye(len(self._classes))[np.searchsorted(self._classes, self._y)]
        origin = TargetScaling.standardizing(targets, self._weight)
        return origin, origin.normalize(targets).reshape(len(targets), -1)

    def of_fold(
        self, estimator: Any, alpha: Any, training: np.ndarray
    ) -> tuple[RowSums, GramSpectrum] | None:
        """Return the sums over a fold, and their decomposition.

        They are None where the weights of a fold are not those of all samples, with
        ``class_weight="balanced"``. ``alpha`` is one number, or one for each sample.
        """
        class_weight = getattr(estimator, "class_weight", None)
        if isinstance(class_weight, str):
            return None
        weight = with_class_weight(class_weight, self._y, self._weight)
        if np.ndim(alpha):
            weight = weight / as_alpha_per_sample(alpha, len(weight))
        with self._lock:
            pattern = self._of_patterns.setdefault(weight.tobytes(), _SumsOfPattern())
            if not pattern.folds:
                pattern.make(self._rows(weight), self._training)
        return pattern.of_fold(training)

    def normalized(self, sums: RowSums, estimator: Any) -> RowSums:
        """Return sums of the targets of an estimator, normalized as its own."""
        origin, scaling = self._origin, estimator._scaling
        center, scale = (np.atleast_1d(part) for part in (origin.center, origin.scale))
        if self._classes is not None:
            present = np.isin(self._classes, estimator.classes_)
            sums, center, scale = sums.of_outputs(present), center[present], scale[present]
        moved = (np.atleast_1d(scaling.center) - center) / scale
        return sums.centered(moved, np.atleast_1d(scaling.scale) / scale)

    def _rows(self, weight: np.ndarray) -> RowsAtPoints:
        ones = np.ones(len(weight))
        return RowsAtPoints(self.inducing, self._X, self._targets, weight, ones, ones)


class _SumsOfPattern:
    """The sums over folds for one weight of every sample."""

    def __init__(self) -> None:
        self.folds: dict[bytes, RowSums] = {}
        self._spectra: dict[bytes, GramSpectrum] = {}

    def make(self, rows: RowsAtPoints, training: Sequence[np.ndarray]) -> None:
        """Make the sums of all folds."""
        n_samples, positive = len(rows.X), rows.weight > 0
        times = [np.bincount(fold, minlength=n_samples) * positive for fold in training]
        left_out = [_sums_over(rows, positive & (number == 0)) for number in times if _few(number)]
        others = sum(positive.astype(int) - number for number in times)
        if len(left_out) == len(times) and np.array_equal(others, positive):
            total = left_out[0]
            for sums in left_out[1:]:
                total = total.with_those(sums)
        elif left_out:
            total = _sums_over(rows, positive)
        for fold, number in zip(training, times, strict=True):
            if _few(number):
                self.folds[fold.tobytes()] = total.without(left_out.pop(0))
            else:
                self.folds[fold.tobytes()] = _sums_over(rows, number > 0, number)

    def of_fold(self, training: np.ndarray) -> tuple[RowSums, GramSpectrum]:
        """Return the sums over a fold, and their decomposition."""
        key = training.tobytes()
        sums = self.folds[key]
        if key not in self._spectra:
            self._spectra[key] = GramSpectrum.of(sums.gram)
        return sums, self._spectra[key]


def _few(times: np.ndarray) -> bool:
    """Return whether a fold leaves out fewer samples than it takes, and takes none twice."""
    return bool(times.max() == 1 and 2 * np.count_nonzero(times) > len(times))


def _sums_over(rows: RowsAtPoints, chosen: np.ndarray, times: np.ndarray | None = None) -> RowSums:
    """Return the sums over some rows; those of means take no prior variances."""
    some = rows.some(np.flatnonzero(chosen))
    if times is not None:
        some = replace(some, weight=some.weight * times[chosen])
    return sums_of(some, np.zeros(len(some.X)))
