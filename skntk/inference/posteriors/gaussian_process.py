"""The posterior of a Gaussian process, the infinite limit of a Bayesian network."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from skntk.inference.linalg.arrays import (
    FloatArray,
    as_kernel,
    as_targets,
    per_sample,
    with_nonnegative_variances,
)
from skntk.inference.linalg.cholesky import CholeskySolver
from skntk.inference.linalg.largest_eigenvalue import largest_curvature
from skntk.inference.linalg.solver import KernelOperator, LinearSolver, LinearSystem, as_operator
from skntk.inference.posteriors.leave_one_out import leave_one_out_residuals
from skntk.inference.training.readout_flow import ReadoutFlowPosterior
from skntk.inference.training.training_methods import TrainingMethod

__all__ = ["GaussianProcessPosterior"]


@dataclass(frozen=True, eq=False)
class GaussianProcessPosterior:
    r"""Gaussian process conditioned on noisy targets.

    With kernel K between training samples, :math:`K_*` between test and training samples,
    :math:`K_{**}` between test samples and noise variances A on the diagonal,

    .. math::

        \text{mean} = K_* (K + A)^{-1} y, \qquad
        \text{cov} = K_{**} - K_* (K + A)^{-1} K_*^T

    (C. E. Rasmussen and C. K. I. Williams, Gaussian Processes for Machine Learning, 2006,
    algorithm 2.1). All outputs are independent and share one covariance, that of the latent
    function: the noise of a new observation is not included. Make one with :meth:`condition`.

    Attributes
    ----------
    system : LinearSystem
        K + A, ready to be solved.
    noise : ndarray of shape (n,)
        The diagonal of A.
    dual_coef : ndarray of shape (n,) or (n, outputs)
        (K + A)^-1 y.

    Examples
    --------
    >>> import numpy as np
    >>> from skntk.inference import GaussianProcessPosterior
    >>> kernel = np.array([[2.0, 1.0], [1.0, 2.0]])
    >>> posterior = GaussianProcessPosterior.condition(kernel, 1.0, [4.0, 4.0])
    >>> posterior.mean(kernel)
    array([3., 3.])
    >>> posterior.variance(kernel, np.array([2.0, 2.0]))
    array([0.625, 0.625])
    """

    system: LinearSystem
    noise: FloatArray
    dual_coef: FloatArray

    @classmethod
    def condition(
        cls,
        kernel: npt.ArrayLike | KernelOperator,
        noise: npt.ArrayLike,
        targets: npt.ArrayLike,
        *,
        solver: LinearSolver | None = None,
        overwrite_kernel: bool = False,
    ) -> GaussianProcessPosterior:
        """Condition on the training samples: one factorization.

        Parameters
        ----------
        kernel : array-like of shape (n, n) or KernelOperator
            Symmetric kernel matrix of the training samples.
        noise : float or array-like of shape (n,)
            Nonnegative variances, added to the diagonal of the kernel.
        targets : array-like of shape (n,) or (n, outputs)
            The observations.
        solver : LinearSolver or None, default=None
            How linear systems with the kernel matrix are solved. None is `CholeskySolver`.
        overwrite_kernel : bool, default=False
            Whether the factor may take the memory of `kernel`, which then holds no kernel any
            more. Without it the kernel is copied.

        Returns
        -------
        GaussianProcessPosterior
            The posterior.

        Raises
        ------
        SingularKernelError
            If the kernel with its noise is singular to working precision.
        ValueError
            If shapes do not fit, an entry is not finite, or a noise is negative.
        """
        operator = as_operator(kernel)
        diagonal = per_sample(noise, operator.shape[0], "noise")
        y = as_targets(targets, operator.shape[0])
        system = (solver or CholeskySolver()).factorize(
            operator, diagonal, overwrite=overwrite_kernel
        )
        return cls(system=system, noise=diagonal, dual_coef=system.solve(y))

    def mean(self, cross: npt.ArrayLike) -> FloatArray:
        """Return the posterior mean at test points.

        Parameters
        ----------
        cross : array-like of shape (m, n)
            Kernel between test and training samples.

        Returns
        -------
        ndarray of shape (m,) or (m, outputs)
            K_* (K + A)^-1 y.

        Raises
        ------
        ValueError
            If an entry of `cross` is not finite.
        """
        return as_kernel(cross) @ self.dual_coef

    def variance(self, cross: npt.ArrayLike, diagonal: npt.ArrayLike) -> FloatArray:
        """Return the posterior variance at test points, without their covariances.

        Parameters
        ----------
        cross
            As for :meth:`mean`.
        diagonal : array-like of shape (m,)
            Prior variances of the test points.

        Returns
        -------
        ndarray of shape (m,)
            The diagonal of :meth:`covariance`. Negative values left by rounding become 0.

        Raises
        ------
        ValueError
            If an entry of `cross` or `diagonal` is not finite.
        """
        explained = self.system.quadratic_form(as_kernel(cross).T)
        return np.maximum(as_kernel(diagonal) - explained, 0.0)

    def covariance(self, cross: npt.ArrayLike, test_kernel: npt.ArrayLike) -> FloatArray:
        """Return the posterior covariance between test points.

        Parameters
        ----------
        cross
            As for :meth:`mean`.
        test_kernel : array-like of shape (m, m)
            Kernel between test samples.

        Returns
        -------
        ndarray of shape (m, m)
            K_** - K_* (K + A)^-1 K_*^T, symmetric. Negative variances left by rounding become 0.

        Raises
        ------
        ValueError
            If an entry of `cross` or `test_kernel` is not finite.
        """
        explained = self.system.reduction(as_kernel(cross).T)
        return with_nonnegative_variances(as_kernel(test_kernel) - explained)

    def log_marginal_likelihood(self, targets: npt.ArrayLike) -> float:
        r"""Return the log density of targets under the prior with its noise.

        .. math::

            \log p(y) = -\tfrac12 y^T (K + A)^{-1} y - \tfrac12 \log |K + A|
                        - \tfrac n2 \log 2\pi

        (Rasmussen and Williams, algorithm 2.1, line 7), summed over outputs.

        Parameters
        ----------
        targets : array-like of shape (n,) or (n, outputs)
            Observations at the training samples.

        Returns
        -------
        float
            In nats.

        Raises
        ------
        ValueError
            If the number of targets is not n, or an entry is not finite.

        Examples
        --------
        >>> import numpy as np
        >>> from skntk.inference import GaussianProcessPosterior
        >>> posterior = GaussianProcessPosterior.condition([[0.5]], 0.5, [0.0])
        >>> round(posterior.log_marginal_likelihood([1.0]), 6)  # a standard normal at 1
        -1.418939
        """
        n_samples = self.system.shape[0]
        columns = as_targets(targets, n_samples).reshape(n_samples, -1)
        misfit = float(self.system.quadratic_form(columns).sum())
        normalization = self.system.log_determinant() + n_samples * np.log(2 * np.pi)
        return -0.5 * (misfit + columns.shape[1] * float(normalization))

    def leave_one_out(self, targets: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
        """Return the predictions of the n models that leave out one sample each.

        Rasmussen and Williams, equation 5.12, with the noise of the left-out sample taken off
        the variance. Needs memory for one more n x n matrix while it runs.

        Parameters
        ----------
        targets : array-like of shape (n,) or (n, outputs)
            Observations at the training samples.

        Returns
        -------
        mean : ndarray of the shape of `targets`
            Prediction for each sample from all others.
        variance : ndarray of shape (n,)
            Variance of the latent function at each sample given all others.

        Raises
        ------
        ValueError
            If the number of targets is not n, or an entry is not finite.

        Examples
        --------
        >>> import numpy as np
        >>> from skntk.inference import GaussianProcessPosterior
        >>> kernel = np.array([[2.0, 1.0], [1.0, 2.0]])
        >>> posterior = GaussianProcessPosterior.condition(kernel, 0.0, [4.0, 2.0])
        >>> mean, variance = posterior.leave_one_out([4.0, 2.0])
        >>> mean, variance
        (array([1., 2.]), array([1.5, 1.5]))
        """
        y = as_targets(targets, self.system.shape[0])
        precision = self.system.inverse_diagonal()
        mean = y - leave_one_out_residuals(self.system, precision, y)
        return mean, np.maximum(1.0 / precision - self.noise, 0.0)

    def leave_one_out_mean(
        self, targets: npt.ArrayLike, repetitions: npt.ArrayLike | None = None
    ) -> FloatArray:
        """Return the first result of :meth:`leave_one_out`, or leave out one observation.

        Parameters
        ----------
        targets : array-like of shape (n,) or (n, outputs)
            As for :meth:`leave_one_out`.
        repetitions : array-like of shape (n,), default=None
            How many observations of one value every sample stands for, of which one is left out.
            None leaves out all of them.

        Returns
        -------
        ndarray of the shape of `targets`
            Prediction for what is left out.
        """
        y = as_targets(targets, self.system.shape[0])
        precision = self.system.inverse_diagonal()
        return y - leave_one_out_residuals(self.system, precision, y, self.noise, repetitions)

    def largest_curvature(self, sample_weight: npt.ArrayLike | None = None) -> float:
        """Return the largest eigenvalue of W^1/2 (K + A) W^1/2, divided by the sum of the weights.

        It is that of the Hessian of the loss that training converges on. Weights are positive, the
        noise has been divided by them, and None means 1 for every sample.
        """
        return largest_curvature(self.system, sample_weight)

    def training_run(
        self,
        targets: npt.ArrayLike,
        method: TrainingMethod,
        sample_weight: npt.ArrayLike | None = None,
    ) -> ReadoutFlowPosterior:
        """Return `ReadoutFlowPosterior.leading_to` this posterior."""
        return ReadoutFlowPosterior.leading_to(self, targets, method, sample_weight=sample_weight)
