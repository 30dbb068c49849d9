"""Predictions at many times of a training run, from one eigendecomposition."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from skntk.inference.linalg.arrays import FloatArray, as_kernel, diagonal_view, unit_of
from skntk.inference.training.initialization_noise import ensemble_covariance
from skntk.inference.training.loss_history import ErrorMoments
from skntk.inference.training.readout_spread import (
    explained_share,
    readout_covariance,
    readout_variance,
)
from skntk.inference.training.squared_error_run import SquaredErrorRun
from skntk.inference.training.time_basis import TimeBasis

__all__ = ["EnsembleTrajectory", "ReadoutTrajectory"]


class _Trajectory:
    """The means, which follow from the filter functions alone; subclasses add the spread.

    ``filter_values``, shape (n, n_times), has them for each eigenvector and time.
    """

    def __init__(self, posterior: SquaredErrorRun[Any], training_times: FloatArray) -> None:
        self.posterior = posterior
        self.training_times = training_times
        spectrum = posterior.spectrum
        self.filter_values = spectrum.filter_function(posterior.training_method, training_times)
        self._basis = TimeBasis.decompose(self.filter_values, spectrum.eigenvalues)

    @cached_property
    def _dual_coef(self) -> FloatArray:
        # For every column of the basis, shape (n, outputs * k).
        targets = self.posterior.rotated_targets.reshape(len(self.filter_values), -1, 1)
        components = targets * self._basis.columns[:, np.newaxis]
        return self.posterior.spectrum.unrotate(components.reshape(len(self.filter_values), -1))

    def mean(self, cross: npt.ArrayLike) -> FloatArray:
        """Return the means at test points, shape (n_times, m) or (n_times, m, outputs).

        ``cross`` is the kernel of the training between test and training samples.
        """
        outputs = self.posterior.rotated_targets.shape[1:]
        columns = as_kernel(cross) @ self._dual_coef
        n_columns = self._basis.columns.shape[1]
        means = self._basis.combine(columns.reshape(len(columns), -1, n_columns))
        return np.moveaxis(means, -1, 0).reshape(-1, len(columns), *outputs)

    def training_moments(
        self, mean_errors: FloatArray, scales: FloatArray, noise: float
    ) -> ErrorMoments:
        """Return the moments of W^1/2 (f - y) at the training points where the noise is equal.

        Given the means in the eigenvectors of S, shape (n_times, n, outputs), and what is left of
        an error along each of them, shape (n, n_times).
        """
        raise NotImplementedError

    def training_covariances(
        self, residuals: FloatArray, rotated_noise: FloatArray
    ) -> Iterator[FloatArray]:
        """Yield the covariances of W^1/2 (f - y) in the eigenvectors of S, for any noise.

        Given the residuals, shape (n, n_times), and A in the eigenvectors of S.
        """
        raise NotImplementedError


class EnsembleTrajectory(_Trajectory):
    """The predictions of a deep ensemble at many times of its training.

    Made by :meth:`GradientFlowPosterior.over`. Each result equals that of
    :meth:`GradientFlowPosterior.at` at the same time, up to rounding.

    Attributes
    ----------
    posterior : GradientFlowPosterior
        The training run.
    training_times : ndarray of shape (n_times,)
        Ascending.

    Examples
    --------
    >>> import numpy as np
    >>> from skntk.inference import GradientFlowPosterior
    >>> kernel = np.array([[2.0, 1.0], [1.0, 2.0]])
    >>> run = GradientFlowPosterior.condition(kernel, kernel, 0.0, [4.0, 2.0], training_time=0.0)
    >>> trajectory = run.over([0.0, 1.0, 100.0])
    >>> trajectory.mean(kernel).round(3)
    array([[0.   , 0.   ],
           [2.724, 1.937],
           [4.   , 2.   ]])
    >>> trajectory.variance(kernel, kernel, np.diagonal(kernel)).round(3)
    array([[2.   , 2.   ],
           [0.259, 0.259],
           [0.   , 0.   ]])
    """

    def __init__(
        self, posterior: SquaredErrorRun[Any], training_times: FloatArray, nngp: FloatArray
    ) -> None:
        super().__init__(posterior, training_times)
        self.nngp = nngp

    @cached_property
    def prior(self) -> FloatArray:
        """W^1/2 K W^1/2 in the eigenvectors of S, shape (n, n), kept from its first use on."""
        spectrum = self.posterior.spectrum
        return spectrum.rotate(spectrum.rotate(self.nngp).T)

    def variance(
        self, ntk_cross: npt.ArrayLike, nngp_cross: npt.ArrayLike, nngp_diagonal: npt.ArrayLike
    ) -> FloatArray:
        """Return the variances at test points, shape (n_times, m).

        Arguments are those of :meth:`GradientFlowPosterior.variance`. Takes as many products of an
        m x n with an n x n matrix as there are times, or fewer: for many times of gradient flow
        about 30.
        """
        learned, prior_cross = self._rotated(ntk_cross, nngp_cross)
        unit = unit_of(learned)
        learned, basis = learned / unit, self._basis.scaled(unit)
        change = basis.quadratic_form(learned, self.prior)
        change -= 2.0 * basis.combine((learned * prior_cross) @ basis.columns)
        return np.maximum(as_kernel(nngp_diagonal) + change.T, 0.0)

    def covariances(
        self, ntk_cross: npt.ArrayLike, nngp_cross: npt.ArrayLike, nngp_test: npt.ArrayLike
    ) -> Iterator[FloatArray]:
        """Yield what :meth:`GradientFlowPosterior.covariance` returns, time by time."""
        learned, prior_cross = self._rotated(ntk_cross, nngp_cross)
        test = as_kernel(nngp_test)
        for values in self.filter_values.T:
            yield ensemble_covariance(learned * values, self.prior, prior_cross, test)

    def training_moments(
        self, mean_errors: FloatArray, scales: FloatArray, noise: float
    ) -> ErrorMoments:
        return ErrorMoments.of_scaled(mean_errors, scales, self.prior)

    def training_covariances(
        self, residuals: FloatArray, rotated_noise: FloatArray
    ) -> Iterator[FloatArray]:
        for residual, values in zip(residuals.T, self.filter_values.T, strict=True):
            remaining = rotated_noise * values
            diagonal_view(remaining)[...] += residual
            yield remaining @ self.prior @ remaining.T

    def _rotated(
        self, ntk_cross: npt.ArrayLike, nngp_cross: npt.ArrayLike
    ) -> tuple[FloatArray, FloatArray]:
        rotate = self.posterior.spectrum.rotate
        return rotate(as_kernel(ntk_cross).T).T, rotate(as_kernel(nngp_cross).T).T


class ReadoutTrajectory(_Trajectory):
    """The predictions of networks at many times of the training of their last layer.

    Made by :meth:`ReadoutFlowPosterior.over`. Each result equals that of
    :meth:`ReadoutFlowPosterior.at` at the same time, up to rounding.

    Attributes
    ----------
    posterior : ReadoutFlowPosterior
        The training run.
    training_times : ndarray of shape (n_times,)
        Ascending.

    Examples
    --------
    >>> import numpy as np
    >>> from skntk.inference import ReadoutFlowPosterior
    >>> kernel = np.array([[2.0, 1.0], [1.0, 2.0]])
    >>> run = ReadoutFlowPosterior.condition(kernel, 0.0, [4.0, 2.0], training_time=0.0)
    >>> run.over([0.0, 1.0]).variance(kernel, np.diagonal(kernel)).round(3)
    array([[2.   , 2.   ],
           [0.259, 0.259]])
    """

    @cached_property
    def explained(self) -> FloatArray:
        """Reduction of the variance along each eigenvector, shape (n, n_times)."""
        posterior = self.posterior
        return explained_share(posterior.spectrum, posterior.training_method, self.training_times)

    def variance(self, cross: npt.ArrayLike, diagonal: npt.ArrayLike) -> FloatArray:
        """Return what :meth:`ReadoutFlowPosterior.variance` does, shape (n_times, m)."""
        rotated = self.posterior.spectrum.rotate(as_kernel(cross).T)
        return readout_variance(rotated, self.explained, as_kernel(diagonal))

    def covariances(self, cross: npt.ArrayLike, test_kernel: npt.ArrayLike) -> Iterator[FloatArray]:
        """Yield what :meth:`ReadoutFlowPosterior.covariance` returns, time by time."""
        rotated = self.posterior.spectrum.rotate(as_kernel(cross).T)
        test = as_kernel(test_kernel)
        for explained in self.explained.T:
            yield readout_covariance(rotated, explained, test)

    def training_moments(
        self, mean_errors: FloatArray, scales: FloatArray, noise: float
    ) -> ErrorMoments:
        kernel = np.maximum(self.posterior.spectrum.eigenvalues - noise, 0.0)[:, np.newaxis]
        # k - k^2 (1 - r^2) / s, without the cancellation of a well trained direction.
        residuals = scales - noise * self.filter_values
        variances = np.zeros_like(residuals)
        remaining = kernel * (noise + kernel * np.square(residuals))
        np.divide(remaining, noise + kernel, out=variances, where=kernel > 0)
        return ErrorMoments.of_diagonal(mean_errors, variances)

    def training_covariances(
        self, residuals: FloatArray, rotated_noise: FloatArray
    ) -> Iterator[FloatArray]:
        kernel = np.diag(self.posterior.spectrum.eigenvalues) - rotated_noise
        for explained in self.explained.T:
            yield readout_covariance(kernel, explained, kernel)
