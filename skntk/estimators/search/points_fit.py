"""Estimators fitted through inducing points on the sums that a search has made."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any, Self

import numpy as np
from sklearn.base import is_classifier

from skntk._sklearn import validate_parameters
from skntk.estimators.classification.scores import OneHotScores
from skntk.estimators.data.alpha_of_rows import as_alpha_per_sample
from skntk.estimators.kernel_machines.inducing import SparseFit
from skntk.estimators.kernel_machines.rows_at_points import InducingKernels
from skntk.estimators.kernel_machines.solver_choice import inducing_points
from skntk.estimators.kernel_machines.sparse_fit import level_of_noise, process_of_system
from skntk.estimators.kernel_machines.sparse_process import SparseProcess
from skntk.estimators.kernel_machines.sparse_rows import SparseRows
from skntk.estimators.search.subset_fit import Expected, FitTask, HeldOutProcess
from skntk.inference.inducing.gram_spectrum import GramSpectrum
from skntk.inference.inducing.protocol import SparsePosterior
from skntk.inference.inducing.sums import RowSums


class HeldOutPath:
    """What posteriors of one fold predict for the rows that it holds out, in one pass over them.

    Parameters
    ----------
    inducing : InducingKernels
    X : ndarray of shape (b, ...)
        These rows.
    posteriors : sequence of SparsePosterior
        One for each level of noise.
    """

    def __init__(
        self, inducing: InducingKernels, X: np.ndarray, posteriors: Sequence[SparsePosterior]
    ) -> None:
        self._inducing, self._X, self._posteriors = inducing, X, posteriors

    @cached_property
    def means(self) -> list[np.ndarray]:
        """The means by each posterior, shape (b,) or (b, n_outputs)."""
        first = self._inducing.kernels.kinds[:1]
        blocks = []
        for rows in self._inducing.blocks(len(self._X)):
            (cross,) = self._inducing.with_rows(self._X[rows], first)
            blocks.append([posterior.mean(cross) for posterior in self._posteriors])
        return [np.concatenate(parts) for parts in zip(*blocks, strict=True)]

    @cached_property
    def variances(self) -> list[np.ndarray]:
        """The variances by each posterior, shape (b,)."""
        diagonal = self._inducing.kernels.diagonal(self._X)
        blocks = []
        for rows in self._inducing.blocks(len(self._X)):
            crosses = self._inducing.with_rows(self._X[rows])
            blocks.append(
                [posterior.variance(*crosses, diagonal[rows]) for posterior in self._posteriors]
            )
        return [np.concatenate(parts) for parts in zip(*blocks, strict=True)]


@dataclass(frozen=True, eq=False)
class SparseProcessOfFold(HeldOutProcess, SparseProcess):
    """A posterior trained on the sums over a fold, at the rows that it holds out."""

    expected: Expected
    path: HeldOutPath
    position: int

    def validated(self, estimator: Any, X: Any) -> np.ndarray:
        """Return the expected samples, if X is what a scorer was given."""
        self.expected.require(X)
        return self.expected.samples

    def mean(self, X: np.ndarray) -> np.ndarray:
        """Return the means at the expected samples."""
        return self.path.means[self.position]

    def mean_and_variance(self, X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the means and the variances at the expected samples."""
        return self.path.means[self.position], self.path.variances[self.position]


class PointsFit:
    """An estimator that is fitted on the sums over a fold, for every ``alpha`` of its family."""

    _spectrum: GramSpectrum | None

    def __init__(self, task: FitTask) -> None:
        self._task = task
        self.model: Any = task.cls(**task.parameters)
        validate_parameters(self.model)

    def train(self) -> Self:
        """Train on the sums of the search."""
        task, model = self._task, self.model
        solver = inducing_points(model.solver)
        assert solver is not None
        sums_of_folds = task.samples.sums_of_folds(model, solver)
        inputs, alpha = task.samples.inputs_of(model), model.alpha
        if np.ndim(alpha):
            alpha = as_alpha_per_sample(alpha, len(inputs))[task.numbers]
        _, _, rows = model._checked_rows(inputs[task.numbers], task.y, alpha, task.sample_weight)
        model._normalize(rows, normalize_y=model.normalize_y)
        model.architecture_ = sums_of_folds.inducing.kernels.architecture
        sparse_rows = SparseRows.of(model, sums_of_folds.inducing)
        self._generator = lambda: solver.generator(model.random_state)
        found = sums_of_folds.of_fold(model, model.alpha, task.numbers)
        sums, self._spectrum = None, None
        if found is not None:
            sums, self._spectrum = found
            sums = _counting(sums_of_folds.normalized(sums, model), sparse_rows)
        self._fit = sparse_rows.sums(model, self._generator(), known=sums)
        levels = [level for level in task.alphas if level > 0] or [level_of_noise(model, self._fit)]
        processes = [self._process_at(level) for level in levels]
        posteriors = [process.posterior for process in processes]
        path = HeldOutPath(sums_of_folds.inducing, inputs[task.expected.samples], posteriors)
        self._processes = {
            level: _of_fold(process, task.expected, path, position)
            for position, (level, process) in enumerate(zip(levels, processes, strict=True))
        }
        self._hold(levels[0] if not task.alphas else model.alpha, self._fit)
        return self

    def _process_at(self, level: float) -> SparseProcess:
        model = self.model
        return process_of_system(
            model,
            self._fit,
            self._fit.system(level, self._spectrum),
            is_centered=model.normalize_y,
        )

    def with_alpha(self, alpha: float) -> PointsFit:
        """Return the fit of the same samples with another ``alpha``, one number for all."""
        fit, model = copy.copy(self), copy.copy(self.model)
        fit.model = model
        model.alpha = model._alpha = alpha
        model.alpha_ = model._noise.variance(np.full(len(model.X_train_), alpha), model._alpha_unit)
        fit._hold(alpha, replace(self._fit, random_state=self._generator()))
        return fit

    def _hold(self, level: float, fit: SparseFit) -> None:
        model = self.model
        # Without noise there is an error, that of `fit`.
        process = self._processes[level] if level > 0 else self._process_at(level)
        model._process = process
        if is_classifier(model):
            # The temperature is found where a score asks for probabilities.
            calibrate = model._sparse_calibration(fit)
            model._scores = OneHotScores(process, model._scaling, calibrate, model._rows)
        else:
            model._observation_noise = model._noise_model()


def _counting(products: RowSums, rows: SparseRows) -> RowSums:
    """Return sums of products of features, with all sums over rows that take none."""
    observed, kernels = rows.observed, rows.inducing.kernels
    (variance,) = kernels.function.diagonals(observed.X, kinds=kernels.kinds[:1])
    sums = RowSums.zero(len(products.by_one), len(products.squares))
    sums.count(observed.targets, observed.weight, observed.repetitions, variance)
    return replace(sums, gram=products.gram, by_target=products.by_target, by_one=products.by_one)


def _of_fold(
    process: SparseProcess, expected: Expected, path: HeldOutPath, position: int
) -> SparseProcessOfFold:
    attributes = {field.name: getattr(process, field.name) for field in fields(SparseProcess)}
    return SparseProcessOfFold(**attributes, expected=expected, path=path, position=position)
