"""Sums over rows that come block by block, and a sample of the rows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import numpy as np

from skntk.estimators.data.target_scaling import TargetScaling
from skntk.estimators.kernel_machines.inducing import SparseFit
from skntk.estimators.kernel_machines.rows_at_points import InducingKernels, RowsAtPoints
from skntk.estimators.kernel_machines.sums_by_workers import sums_of
from skntk.inference.inducing.sums import RowSums

# Rows that are kept to estimate means over all of them: the noise, and a temperature.
_N_KEPT = 10_000


class RowStream:
    """All that is known of the rows seen so far: their sums, and a random sample of them.

    Targets are held in the units of the first block, in which numbers of all blocks are neither
    large nor small: centering them by the mean of all then loses no digits.

    Parameters
    ----------
    inducing : InducingKernels
    origin : TargetScaling
        Between the units of the user and those of the first block.
    outputs : tuple of int
        Shape of the targets of one row.
    random_state : RandomState
        Draws the sample.
    """

    def __init__(
        self,
        inducing: InducingKernels,
        origin: TargetScaling,
        outputs: tuple[int, ...],
        random_state: np.random.RandomState,
    ) -> None:
        self._inducing, self._origin, self.outputs = inducing, origin, outputs
        self._random_state = random_state
        n_outputs = int(np.prod(outputs))
        self._sums = RowSums.zero(len(inducing.points), n_outputs)
        self._prior_variance = 0.0
        self._kept = RowsAtPoints(
            inducing, inducing.points[:0], np.zeros((0, n_outputs)), *(np.zeros(0),) * 3
        )
        self._keys = np.zeros(0)

    @property
    def n_points(self) -> int:
        """The number of inducing points."""
        return len(self._inducing.points)

    def add(
        self, X: np.ndarray, targets: np.ndarray, weight: np.ndarray, repetitions: np.ndarray
    ) -> None:
        """Add rows of positive weight, with targets in the units of the user."""
        normalized = self._origin.normalize(targets).reshape(len(X), -1)
        block = RowsAtPoints(self._inducing, X, normalized, weight, repetitions, weight)
        kernels = self._inducing.kernels
        variances = kernels.function.diagonals(X, kinds=kernels.kinds)
        # Nothing is held before all has been computed: a block that fails leaves no trace.
        sums = sums_of(block, variances[0])
        self._sums.merge(sums)
        self._prior_variance += float(weight @ variances[-1])
        self._keep(block)

    def _keep(self, block: RowsAtPoints) -> None:
        """Keep the rows with the smallest of random keys, which are a sample of all so far."""
        keys = np.concatenate([self._keys, self._random_state.uniform(size=len(block.X))])
        kept = np.sort(np.argsort(keys, kind="stable")[:_N_KEPT])
        old = self._kept
        self._kept = replace(
            old,
            X=np.concatenate([old.X, block.X])[kept],
            targets=np.concatenate([old.targets, block.targets])[kept],
            weight=np.concatenate([old.weight, block.weight])[kept],
            repetitions=np.concatenate([old.repetitions, block.repetitions])[kept],
            centering_weight=np.concatenate([old.centering_weight, block.centering_weight])[kept],
        )
        self._keys = keys[kept]

    def kept_rows(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Return a sample of the rows: inputs, targets in units of the user, weights, repetitions.

        The observations are all rows as long as these are few.
        """
        kept = self._kept
        targets = self._origin.restore(kept.targets.reshape(len(kept.X), *self.outputs))
        return kept.X, targets, kept.weight, kept.repetitions

    def scaling(self, *, normalize: bool) -> TargetScaling:
        """Return the scaling by mean and standard deviation of all targets, or none."""
        if not normalize:
            return self._origin
        sums, shape = self._sums, self.outputs
        mean = sums.targets / sums.weight
        variance = np.maximum(sums.squares / sums.weight - np.square(mean), 0.0)
        # What is left by rounding is no spread.
        rounding = 10 * np.finfo(np.float64).eps * (1.0 + np.square(mean))
        deviation = np.where(variance > rounding, np.sqrt(variance), 1.0)
        origin = self._origin
        return TargetScaling(
            origin.restore(mean.reshape(shape)), origin.scale * deviation.reshape(shape)
        )

    def fit(self, scaling: TargetScaling, alpha_scale: str) -> SparseFit:
        """Return the sums of normalized targets."""
        sums, origin = self._sums, self._origin
        center = np.atleast_1d((scaling.center - origin.center) / origin.scale)
        scale = np.atleast_1d(scaling.scale / origin.scale)
        kept = replace(self._kept, targets=(self._kept.targets - center) / scale)
        mean = sums.variance / sums.weight
        return SparseFit(
            kept,
            kept,
            sums.centered(center, scale),
            self._prior_variance,
            mean,
            mean if alpha_scale == "relative" else 1.0,
            self.outputs,
            self._random_state,
            sums.weight,
        )


@contextmanager
def naming_block(number: int) -> Iterator[None]:
    """Say in the note of an error at which block of rows it occurred."""
    try:
        yield
    except Exception as error:
        error.add_note(f"It occurred at block {number} of the rows, the first being block 0.")
        raise
