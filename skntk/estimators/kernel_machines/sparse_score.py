"""Scores of all training rows through inducing points, from passes over blocks of rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np

from skntk._memory import require_memory
from skntk.architecture.core.layer import Layer
from skntk.estimators.data.noise import Noise
from skntk.estimators.kernel_machines.rows_at_points import InducingKernels, RowsAtPoints
from skntk.estimators.kernel_machines.score import ScoreGradient
from skntk.estimators.kernel_machines.sparse_criteria import SparseCriterion
from skntk.estimators.kernel_machines.sums_by_workers import sums_of
from skntk.gram.gradient import (
    contracted_cross_gradient,
    contracted_diagonal_gradient,
    contracted_gradient,
)
from skntk.inference.inducing.projected_system import ProjectedSystem
from skntk.inference.inducing.sparse_gradient import SampleGradient, SparseGradient
from skntk.inference.linalg.threads import small_problem_threads

# Matrices of m x m float64 numbers at the peak of an evaluation, and arrays of a number for each
# point and each row that is taken one by one.
_MATRICES_IN_SEARCH = 12
_ARRAYS_OF_SAMPLE = 14


@dataclass(frozen=True, eq=False)
class SparseScore:
    """A score through inducing points, which stay where they are.

    The first pass over the rows makes the sums. The second contracts the derivatives of the score
    by the kernels of every block with those of the kernels by the numbers of the network.

    Attributes
    ----------
    rows : RowsAtPoints
        Training rows at the inducing points, in double precision.
    noise : Noise
        Of these rows.
    criterion : SparseCriterion
    has_one_alpha : bool
        Whether all rows have the same alpha, and not one that is part of their weight.
    """

    rows: RowsAtPoints
    noise: Noise
    criterion: SparseCriterion
    has_one_alpha: bool

    @classmethod
    def of(
        cls, rows: RowsAtPoints, noise: Noise, criterion: SparseCriterion, *, has_one_alpha: bool
    ) -> Self:
        """Return the score of rows in double precision, with the kernels that it takes."""
        inducing = rows.inducing
        kernels = inducing.kernels.in_double_precision()
        kinds = kernels.kinds[:1] if criterion.sample is None else kernels.kinds
        # Every evaluation has another network, whose entries are not asked for again.
        kernels = replace(kernels, kinds=kinds, cache={})
        points = np.asarray(inducing.points, dtype=np.float64)
        in_double = replace(
            rows,
            inducing=replace(inducing, kernels=kernels, points=points),
            X=np.asarray(rows.X, dtype=np.float64),
        )
        return cls(in_double, noise, criterion, has_one_alpha)

    @property
    def n_rows(self) -> int:
        """The number of rows."""
        return len(self.rows.X)

    def require_memory(self, label: str) -> None:
        """Raise a MemoryError if matrices of the inducing points squared do not fit."""
        n_points, sample = len(self.rows.inducing.points), self.criterion.sample
        n_numbers = _MATRICES_IN_SEARCH * n_points
        if sample is not None:
            n_numbers += _ARRAYS_OF_SAMPLE * len(sample)
        require_memory(
            n_numbers * n_points * 8,
            f"{label} through {n_points} inducing points",
            "Choose fewer: the memory grows with their square, not with the number of rows.",
        )

    def __call__(
        self, architecture: Layer, alpha: np.ndarray, directions: Sequence[Layer]
    ) -> ScoreGradient:
        """Return the score and its derivatives."""
        rows = self._with_network(architecture)
        inducing, kernels = rows.inducing, rows.inducing.kernels
        (variance,) = kernels.function.diagonals(rows.X, kinds=kernels.kinds[:1])
        unit = self.noise.unit(variance)
        level = float(alpha[0]) if self.has_one_alpha else 1.0
        sums = sums_of(rows, variance)
        with small_problem_threads(len(inducing.points)):
            system = ProjectedSystem.of(inducing.whitening, sums, level * unit)
            result = self.criterion(rows, system)
        by_variance = result.by_variance * rows.weight
        by_variance += result.by_noise * level * self.noise.unit_slope()
        by_network = np.zeros(len(directions))
        if directions:
            for part in _contractions(rows, result, by_variance, directions):
                by_network += part
            if result.sample is not None:
                sampled = rows.X[self.criterion.sample]
                for part in _contractions_of_sample(inducing, sampled, result.sample, directions):
                    by_network += part
        return ScoreGradient(result.score, by_network, result.by_noise * unit)

    def _with_network(self, architecture: Layer) -> RowsAtPoints:
        inducing = self.rows.inducing
        kernels = inducing.kernels.with_network(architecture)
        return replace(self.rows, inducing=replace(inducing, kernels=kernels))


def _contractions(
    rows: RowsAtPoints,
    result: SparseGradient,
    by_variance: np.ndarray,
    directions: Sequence[Layer],
) -> Iterator[np.ndarray]:
    """Yield the parts of the gradient: of points and variances, then of one block after another."""
    inducing, kernels = rows.inducing, rows.inducing.kernels
    network, points, inverted = kernels.architecture, inducing.points, kernels.kinds[:1]
    options: dict[str, Any] = {"directions": directions, "n_jobs": kernels.function.n_jobs}
    yield contracted_gradient(network, points, [result.by_points], kinds=inverted, **options)
    yield contracted_diagonal_gradient(network, rows.X, [by_variance], kinds=inverted, **options)
    for block in inducing.blocks(len(rows.X)):
        by_cross = _by_cross(rows, block, result)
        yield contracted_cross_gradient(
            network, rows.X[block], points, [by_cross], kinds=inverted, **options
        )
        # The next block takes its memory.
        del by_cross


def _by_cross(rows: RowsAtPoints, block: slice, result: SparseGradient) -> np.ndarray:
    """Return the derivative by the kernels of a block of rows with the inducing points."""
    kinds = rows.inducing.kernels.kinds[:1]
    (cross,) = rows.inducing.with_rows(rows.X[block], kinds)
    return result.by_cross(cross, rows.targets[block], rows.weight[block])


def _contractions_of_sample(
    inducing: InducingKernels, X: np.ndarray, sample: SampleGradient, directions: Sequence[Layer]
) -> Iterator[np.ndarray]:
    """Yield the parts of the gradient by the kernels of rows that are taken one by one."""
    kernels, points = inducing.kernels, inducing.points
    network = kernels.architecture
    options: dict[str, Any] = {"directions": directions, "n_jobs": kernels.function.n_jobs}
    yield contracted_cross_gradient(
        network, X, points, sample.by_cross, kinds=kernels.kinds, **options
    )
    options["kinds"] = ("nngp",)
    yield contracted_diagonal_gradient(network, X, [sample.by_variance], **options)
    if sample.by_prior is not None:
        yield contracted_gradient(network, points, [sample.by_prior], **options)
