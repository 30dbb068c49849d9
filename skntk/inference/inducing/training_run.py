r"""Training for a finite time through inducing points.

The sums :math:`F = \Phi W \Phi^T` and :math:`\Phi W y` are those of m rows too. With the
eigenvalues :math:`\Lambda` and eigenvectors U of F, the orthonormal combinations of the rows
:math:`V = W^{1/2} \Phi^T U \Lambda^{-1/2}` have the kernel :math:`\Lambda`, the targets
:math:`V^T W^{1/2} y` and equal noise, and what is orthogonal to them is never learned. Any kernel
with them is that with the inducing points times :math:`\Lambda^{1/2} U^T L^{-1}`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from scipy.linalg import eigh

from skntk.inference.inducing.left_out_rows import LeftOutRows
from skntk.inference.inducing.projected_system import ProjectedSystem
from skntk.inference.linalg.arrays import FloatArray, as_kernel
from skntk.inference.training.gradient_flow import GradientFlowPosterior
from skntk.inference.training.loss_history import ErrorMoments
from skntk.inference.training.readout_flow import ReadoutFlowPosterior
from skntk.inference.training.training_errors import errors_at_training_points
from skntk.inference.training.training_methods import TrainingMethod

__all__ = ["SparseRun", "SparseTrajectory"]


@dataclass(frozen=True, eq=False)
class CombinedRows:
    """m orthonormal combinations of the training rows.

    Attributes
    ----------
    to_rows : ndarray of shape (m, m)
        What kernels with the inducing points are multiplied by.
    kernel : ndarray of shape (m,)
        The eigenvalues of F, the diagonal of their kernel.
    targets : ndarray of shape (m, outputs)
    """

    to_rows: FloatArray
    kernel: FloatArray
    targets: FloatArray

    @classmethod
    def of(cls, system: ProjectedSystem) -> Self:
        """Return those of the rows that sums have been made of."""
        eigenvalues, vectors = eigh(system.sums.gram, lower=True)
        kernel = np.maximum(eigenvalues, 0.0)
        root = np.sqrt(kernel)
        to_rows = system.whitening.to_kernel_coefficients(vectors * root)
        by_target = vectors.T @ system.sums.by_target
        targets = np.zeros_like(by_target)
        # Where F is 0 to rounding, so are the sums of the targets.
        known = kernel > len(kernel) * np.finfo(np.float64).eps * kernel[-1]
        targets[known] = by_target[known] / root[known, np.newaxis]
        return cls(to_rows, kernel, targets)


@dataclass(frozen=True, eq=False)
class SparseRun:
    """A posterior at one time of its training, through inducing points.

    Attributes
    ----------
    rows : CombinedRows
    run : GradientFlowPosterior or ReadoutFlowPosterior
        Of the combined rows.
    dual_coef : ndarray of shape (m,) or (m, outputs)
        Coefficients of the kernels with the inducing points in the mean.
    unlearned : tuple of ndarray of shape (outputs,) and float
        The squares of the targets, and the prior variance, that are orthogonal to the rows.
    """

    rows: CombinedRows
    run: Any
    dual_coef: FloatArray
    unlearned: tuple[FloatArray, float]

    @classmethod
    def of(
        cls,
        system: ProjectedSystem,
        method: TrainingMethod,
        outputs: tuple[int, ...],
        nngp: FloatArray | None = None,
        prior_variance: float | None = None,
    ) -> Self:
        """Return the beginning of the training.

        Parameters
        ----------
        system : ProjectedSystem
        method : TrainingMethod
        outputs : tuple of int
            Shape of the targets of one row.
        nngp : ndarray of shape (m, m) or None
            The NNGP kernel between the inducing points, of an ensemble; of networks whose last
            layer is trained, None.
        prior_variance : float or None
            The sum of the weighted NNGP variances of all rows, where they are not those of the
            system's kernel.
        """
        rows = CombinedRows.of(system)
        sums = system.sums
        # The loss is a mean over the weight of all rows, that of the run one over m.
        m = len(rows.kernel)
        paced = replace(method, learning_rate=method.learning_rate * m / sums.weight)
        targets = rows.targets.reshape(m, *outputs)
        matrix, noise = np.diag(rows.kernel), np.full(m, system.noise)
        options: dict[str, Any] = {"training_time": 0.0}
        prior = rows.kernel.sum()
        if nngp is None:
            run: Any = ReadoutFlowPosterior.condition(matrix, noise, targets, **options)
        else:
            own = rows.to_rows.T @ nngp @ rows.to_rows
            prior = np.trace(own)
            run = GradientFlowPosterior.condition(matrix, own, noise, targets, **options)
        variance = sums.variance if prior_variance is None else prior_variance
        unlearned = (
            np.maximum(sums.squares - np.square(rows.targets).sum(axis=0), 0.0),
            max(variance - float(prior), 0.0),
        )
        run = replace(run, training_method=paced)
        return cls(rows, run, np.zeros((m, *outputs)), unlearned)

    @property
    def training_time(self) -> float:
        """Units of time from the initial function on."""
        time: float = self.run.training_time
        return time

    def at(self, training_time: float) -> Self:
        """Return the same run at another time."""
        run = self.run.at(training_time)
        return replace(self, run=run, dual_coef=self.rows.to_rows @ run.dual_coef)

    def stages(self, training_times: npt.ArrayLike) -> Iterator[Self]:
        """Yield the run at one time after the other."""
        for time in np.asarray(training_times, dtype=np.float64):
            yield self.at(float(time))

    def over(self, training_times: npt.ArrayLike) -> SparseTrajectory:
        """Return the predictions at many times."""
        return SparseTrajectory(self, self.run.over(training_times))

    def mean(self, cross: npt.ArrayLike) -> FloatArray:
        """Return the mean at test points."""
        return as_kernel(cross) @ self.dual_coef

    def variance(self, *kernels: npt.ArrayLike) -> FloatArray:
        """Return the variance from ``(*crosses, diagonal)``."""
        *crosses, diagonal = kernels
        variance: FloatArray = self.run.variance(*self.with_rows(crosses), diagonal)
        return variance

    def covariance(self, *kernels: npt.ArrayLike) -> FloatArray:
        """Return the covariance from ``(*crosses, test_kernel)``."""
        *crosses, test_kernel = kernels
        covariance: FloatArray = self.run.covariance(*self.with_rows(crosses), test_kernel)
        return covariance

    def with_rows(self, crosses: Sequence[npt.ArrayLike]) -> list[FloatArray]:
        """Return the kernels with the combined rows, given those with the inducing points."""
        return [as_kernel(cross) @ self.rows.to_rows for cross in crosses]

    def training_run(
        self, system: ProjectedSystem, method: TrainingMethod, outputs: tuple[int, ...]
    ) -> Self:
        """Return the run itself, whatever the arguments are."""
        return self

    def left_out_variance(self, left_out: LeftOutRows, *kernels: Any) -> FloatArray:
        """Refuse, as `require_convergence`."""
        self.require_convergence()
        raise NotImplementedError

    def require_convergence(self) -> None:
        """Refuse: leave-one-out predictions have no closed form after a finite time."""
        self.run.leave_one_out(self.rows.targets)


@dataclass(frozen=True, eq=False)
class SparseTrajectory:
    """The predictions at many times of one training run through inducing points."""

    run: SparseRun
    trajectory: Any

    @property
    def training_times(self) -> FloatArray:
        """Ascending."""
        times: FloatArray = self.trajectory.training_times
        return times

    def mean(self, cross: npt.ArrayLike) -> FloatArray:
        """Return the means at test points, shape (n_times, t) or (n_times, t, outputs)."""
        mean: FloatArray = self.trajectory.mean(*self.run.with_rows([cross]))
        return mean

    def variance(self, *kernels: npt.ArrayLike) -> FloatArray:
        """Return the variances from ``(*crosses, diagonal)``, shape (n_times, t)."""
        *crosses, diagonal = kernels
        variance: FloatArray = self.trajectory.variance(*self.run.with_rows(crosses), diagonal)
        return variance

    def covariances(self, *kernels: npt.ArrayLike) -> Iterator[FloatArray]:
        """Yield the covariances from ``(*crosses, test_kernel)``, time by time."""
        *crosses, test_kernel = kernels
        covariances: Iterator[FloatArray] = self.trajectory.covariances(
            *self.run.with_rows(crosses), test_kernel
        )
        return covariances

    def training_errors(self, *, ensemble: bool) -> ErrorMoments:
        """Return the moments of the errors at all training rows, times the roots of the weights."""
        moments = errors_at_training_points(self.trajectory, ensemble=ensemble)
        squares, variance = self.run.unlearned
        trace = moments.trace + variance if ensemble else moments.trace
        return replace(moments, misfit=moments.misfit + squares, trace=trace)
