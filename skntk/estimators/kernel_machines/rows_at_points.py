"""Training rows as they are seen from inducing points, block by block."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from sklearn.utils import gen_batches

from skntk.estimators.kernel_machines.kernels import NetworkKernels
from skntk.gram.engine.progress import Report
from skntk.gram.engine.sizes import BLOCK_SIZES
from skntk.gram.matrix import Kind
from skntk.inference.inducing.left_out_rows import SampledRows, TrainingBlock
from skntk.inference.inducing.sums import RowSums
from skntk.inference.inducing.whitening import Whitening

# The kernels between a block of rows and the inducing points take about so much memory. Products
# of blocks are then far larger than what starting them costs.
_BYTES_IN_BLOCK = 192 * 2**20


@dataclass(frozen=True, eq=False)
class InducingKernels:
    """The kernels of a network with inducing points.

    Attributes
    ----------
    kernels : NetworkKernels
        The kernel that is inverted first.
    points : ndarray of shape (m, ...)
    """

    kernels: NetworkKernels
    points: np.ndarray

    @cached_property
    def between_points(self) -> tuple[np.ndarray, ...]:
        """The kernels of all kinds between the inducing points, in double precision."""
        double = self.kernels.in_double_precision()
        return double.matrices(np.asarray(self.points, dtype=np.float64))

    @cached_property
    def whitening(self) -> Whitening:
        """The factor of the kernel that is inverted."""
        return Whitening.of(self.between_points[0], self.kernels.function.dtype)

    def with_rows(
        self, X: np.ndarray, kinds: tuple[Kind, ...] | None = None
    ) -> tuple[np.ndarray, ...]:
        """Return kernels between rows and the inducing points, shape (b, m)."""
        return self.kernels.matrices(X, self.points, kinds=kinds)

    def features(self, X: np.ndarray) -> np.ndarray:
        """Return the features of rows, shape (m, b)."""
        (cross,) = self.with_rows(X, self.kernels.kinds[:1])
        return self.whitening.features(cross, overwrite=not self.kernels.cache)

    def blocks(self, n_rows: int) -> Iterator[slice]:
        """Return the slices of rows whose kernels are held at a time."""
        size = _BYTES_IN_BLOCK // (len(self.points) * self.whitening.dtype.itemsize)
        size = max(BLOCK_SIZES[-1], size - size % BLOCK_SIZES[-1])
        slices: Iterator[slice] = gen_batches(n_rows, size)
        return slices


@dataclass(frozen=True, eq=False)
class RowsAtPoints:
    """Training rows, their targets and weights, and the kernels with inducing points.

    Attributes
    ----------
    inducing : InducingKernels
    X : ndarray of shape (n, ...)
    targets : ndarray of shape (n, outputs)
    weight, repetitions, centering_weight : ndarray of shape (n,)
        As in `TrainingBlock`.
    """

    inducing: InducingKernels
    X: np.ndarray
    targets: np.ndarray
    weight: np.ndarray
    repetitions: np.ndarray
    centering_weight: np.ndarray

    def sums(self, variance: np.ndarray, progress: bool | Report = False) -> RowSums:
        """Return the sums over all rows, which have these prior variances."""
        n, m = len(self.X), len(self.inducing.points)
        sums = RowSums.zero(m, self.targets.shape[1])
        for rows in self.inducing.blocks(n):
            sums.add(
                self.inducing.features(self.X[rows]),
                self.targets[rows],
                self.weight[rows],
                self.repetitions[rows],
                variance[rows],
            )
            if callable(progress):
                progress(rows.stop * m, n * m)
        return sums

    def some(self, rows: np.ndarray) -> RowsAtPoints:
        """Return some of the rows."""
        return replace(
            self,
            X=self.X[rows],
            targets=self.targets[rows],
            weight=self.weight[rows],
            repetitions=self.repetitions[rows],
            centering_weight=self.centering_weight[rows],
        )

    def block(self, rows: slice | np.ndarray) -> TrainingBlock:
        """Return some rows with their features."""
        return TrainingBlock(
            self.inducing.features(self.X[rows]),
            self.targets[rows],
            self.weight[rows],
            self.repetitions[rows],
            self.centering_weight[rows],
        )

    def training_blocks(self) -> Iterator[tuple[slice, TrainingBlock]]:
        """Yield all rows, one block after the other."""
        for rows in self.inducing.blocks(len(self.X)):
            yield rows, self.block(rows)

    def sampled(self, rows: np.ndarray) -> SampledRows:
        """Return some rows with what the spread of their predictions takes."""
        kernels, X = self.inducing.kernels, self.X[rows]
        is_ensemble = len(kernels.kinds) > 1
        nngp_cross = self.inducing.with_rows(X, ("nngp",))[0] if is_ensemble else None
        return SampledRows(self.block(rows), nngp_cross, kernels.diagonal(X))
