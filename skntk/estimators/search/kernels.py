"""The kernel matrices that the folds and the values of `alpha` of a search share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from threading import RLock
from typing import Any

import joblib
import numpy as np
from sklearn.base import clone, is_classifier

from skntk._memory import require_memory
from skntk._sample_weight import as_sample_weight
from skntk.architecture.core.layer import Layer
from skntk.estimators.data.alpha_of_rows import as_alpha_per_sample
from skntk.estimators.data.classes import with_class_weight
from skntk.estimators.data.distinct_rows import DistinctRows
from skntk.estimators.data.target_scaling import TargetScaling
from skntk.estimators.data.validation import validate_inputs
from skntk.estimators.kernel_machines.kernels import NetworkKernels
from skntk.estimators.kernel_machines.machine import KernelMachine
from skntk.estimators.kernel_machines.solver_choice import inducing_points
from skntk.estimators.search.sums_of_folds import SumsOfFolds
from skntk.gram import gram_matrix
from skntk.gram.engine.fingerprint import architecture_digest
from skntk.gram.kernel_function import dtypes_of_inputs
from skntk.inference import NoiseSpectrum, PrecomputedKernel
from skntk.solvers.inducing_points import InducingPoints

# Seconds for matrices of n x n numbers in units of those of a Cholesky factorization, as measured
# on one core at n = 1000: of an eigendecomposition, and of the product of a part of its vectors
# with itself, for each of the part's numbers of rows squared and of columns.
_EIGENDECOMPOSITION = 20.0
_PRODUCT = 2.0
# The matrix, its eigenvectors and the workspace of the decomposition.
_MATRICES_OF_DECOMPOSITION = 4


@dataclass(frozen=True, eq=False)
class KernelOfSamples:
    """The kernel matrices of all samples for one architecture and precision."""

    architecture: Layer
    shared: PrecomputedKernel
    # By the pattern of the noise.
    spectra: dict[bytes, NoiseSpectrum] = field(default_factory=dict)


class SamplesOfSearch:
    """The samples of one search, and the kernels between them."""

    def __init__(self, X: Any, y: np.ndarray, sample_weight: Any) -> None:
        self.X, self.y = X, y
        self.weight = as_sample_weight(sample_weight, len(y))
        self.decomposes = False
        self._inputs: dict[str, np.ndarray] = {}
        self._first: dict[str, np.ndarray] = {}
        self._kernels: dict[tuple[str, str], KernelOfSamples] = {}
        self._scalings: dict[bytes, list[TargetScaling]] = {}
        # What each fold trains on.
        self.training: list[np.ndarray] = []
        self._sums: dict[tuple[str, ...], SumsOfFolds] = {}
        self._lock = RLock()

    def rows_of(self, estimator: KernelMachine, samples: np.ndarray) -> np.ndarray:
        """Return the row that stands for each of some samples in the kernels of an estimator.

        Classifiers merge samples that are equal in X and y: the first of them stands for all.
        """
        if not is_classifier(estimator):
            return samples
        with self._lock:
            if estimator.dtype not in self._first:
                distinct = DistinctRows.of(self.inputs_of(estimator), self._labels())
                self._first[estimator.dtype] = distinct.first[distinct.position]
        return self._first[estimator.dtype][samples]

    def kernel_of(self, estimator: Any) -> KernelOfSamples:
        """Return the kernels of an estimator's architecture between all samples."""
        key = digest(estimator.architecture), estimator.dtype
        with self._lock:
            if key not in self._kernels:
                # One at a time: a search finishes with one before it goes on to the next.
                self._kernels.clear()
                self._kernels[key] = self._computed(estimator)
            return self._kernels[key]

    def sums_of_folds(self, estimator: Any, solver: InducingPoints) -> SumsOfFolds:
        """Return the sums over what each fold trains on, for an estimator with inducing points."""
        key = kernel_digest(estimator.get_params(deep=False))
        with self._lock:
            if key not in self._sums:
                self._sums.clear()
                X = self.inputs_of(estimator)
                self._sums[key] = SumsOfFolds(
                    estimator, solver, X, self.y, self.weight, self.training
                )
            return self._sums[key]

    def spectrum(
        self, estimator: KernelMachine, kernel: KernelOfSamples, alpha: Any
    ) -> NoiseSpectrum | None:
        """Return the decomposition of an estimator's kernel, where it is worth it.

        ``alpha`` for all samples, one number or one for each, has the pattern of the noise.
        """
        if not self.decomposes:
            return None
        rows, pattern = self._pattern(estimator, alpha)
        if not pattern.all():
            return None
        key = rows.tobytes() + pattern.tobytes()
        with self._lock:
            if key not in kernel.spectra:
                # One at a time: a decomposition is as large as the kernel.
                kernel.spectra.clear()
                kernel.spectra[key] = kernel.shared.decompose(rows, pattern)
            return kernel.spectra[key]

    def scalings_of_others(self, targets: np.ndarray, weight: np.ndarray) -> list[TargetScaling]:
        """Return for each sample the standardization of the targets of all others.

        Targets are in the units of the user, and weights positive.
        """
        key = targets.tobytes() + weight.tobytes()
        with self._lock:
            if key not in self._scalings:
                self._scalings[key] = [
                    TargetScaling.standardizing(np.delete(targets, i, 0), np.delete(weight, i))
                    for i in range(len(targets))
                ]
            return self._scalings[key]

    def _pattern(self, estimator: Any, alpha: Any) -> tuple[np.ndarray, np.ndarray]:
        """Return rows of positive weight, and their noise in units of the mean alpha."""
        weight = self.weight
        if is_classifier(estimator):
            weight = with_class_weight(estimator.class_weight, self.y, weight)
        rows = self.rows_of(estimator, np.arange(len(weight)))
        total = np.bincount(rows, weights=weight, minlength=len(weight))
        present = np.flatnonzero(total)
        per_sample = np.ones(len(weight)) if np.ndim(alpha) == 0 else alpha / np.mean(alpha)
        return present, as_alpha_per_sample(per_sample, len(weight))[present] / total[present]

    def _labels(self) -> np.ndarray:
        return np.unique(self.y, return_inverse=True)[1]

    def inputs_of(self, estimator: KernelMachine) -> np.ndarray:
        """Return the inputs of all samples, checked, as its kernels take them."""
        if estimator.dtype not in self._inputs:
            unfitted = clone(estimator)
            dtypes = dtypes_of_inputs(estimator.dtype)
            self._inputs[estimator.dtype] = validate_inputs(unfitted, self.X, dtype=dtypes)
        return self._inputs[estimator.dtype]

    def _computed(self, estimator: Any) -> KernelOfSamples:
        X = self.inputs_of(estimator)
        architecture = NetworkKernels.prepare(estimator, estimator.kinds, X).architecture
        require_memory(
            (len(estimator.kinds) + _MATRICES_OF_DECOMPOSITION) * len(X) ** 2 * 8,
            f"ClosedFormSearchCV.fit on {len(X)} samples",
            "Search on fewer rows: the memory grows with their square.",
        )
        kernel, *prior = (
            partial(
                gram_matrix,
                architecture,
                X,
                kind=kind,
                dtype=estimator.dtype,
                n_jobs=estimator.n_jobs,
            )
            for kind in estimator.kinds
        )
        return KernelOfSamples(architecture, PrecomputedKernel.of(kernel(), *prior))


def digest(architecture: Layer | None) -> str:
    """Return what tells the kernels of an estimator's ``architecture`` from those of others."""
    return "" if architecture is None else architecture_digest(architecture)


def kernel_digest(parameters: Mapping[str, Any]) -> tuple[str, ...]:
    """Return what tells the kernels that estimators with some parameters take from others."""
    key = digest(parameters["architecture"]), str(parameters["dtype"])
    points = inducing_points(parameters["solver"])
    if points is None:
        return key
    chosen = points.n_points, points.selection, points.random_state, parameters.get("random_state")
    return *key, joblib.hash(chosen)


def decomposition_pays(
    n_samples: int, n_train: Sequence[int], n_levels: int, *, with_leave_one_out: bool
) -> bool:
    """Return whether one eigendecomposition is faster than factorizing the kernel of every fold.

    It serves ``n_levels`` strengths of the noise, and folds of ``n_train`` samples each, which may
    need leave-one-out predictions of these as well.
    """
    n, train = float(n_samples), np.asarray(n_train, dtype=float)
    held_out = n - train
    factorizing, products = train**3, _PRODUCT * n * held_out**2
    if with_leave_one_out:
        factorizing *= 3
        products += _PRODUCT * n * train * held_out
    together = _EIGENDECOMPOSITION * n**3 + n_levels * products.sum()
    return bool(together < n_levels * factorizing.sum())
