"""The predictions of a deep ensemble of infinitely wide networks, each trained to convergence."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from skntk.inference.linalg.arrays import (
    FloatArray,
    as_kernel,
    as_targets,
    as_training_nngp,
    per_sample,
)
from skntk.inference.linalg.cholesky import CholeskySolver
from skntk.inference.linalg.largest_eigenvalue import largest_curvature
from skntk.inference.linalg.solver import KernelOperator, LinearSolver, LinearSystem, as_operator
from skntk.inference.posteriors.leave_one_out import leave_one_out_residuals
from skntk.inference.training.ensemble_predictions import EnsemblePredictions
from skntk.inference.training.gradient_flow import GradientFlowPosterior
from skntk.inference.training.training_methods import TrainingMethod

__all__ = ["EnsemblePosterior"]

_ROWS_AT_A_TIME = 256


@dataclass(frozen=True, eq=False)
class EnsemblePosterior(EnsemblePredictions):
    r"""Distribution over random initializations of a network trained for infinitely long.

    With NTK T and NNGP kernel K between training samples, starred between test and training
    samples, noise A on the diagonal and :math:`P = T_* (T + A)^{-1}`,

    .. math::

        \text{mean} = P y, \qquad
        \text{cov} = K_{**} - P K_*^T - K_* P^T + P K P^T

    (J. Lee et al., Wide neural networks of any depth evolve as linear models under gradient
    descent, 2019, section 2.3). The mean is that of kernel ridge regression with T. The
    covariance tells how far networks with different initial weights disagree; it is not the
    posterior covariance of a Bayesian model. Make one with :meth:`condition`.

    Attributes
    ----------
    system : LinearSystem
        T + A, ready to be solved.
    given_nngp : ndarray of shape (n, n), KernelOperator or callable
        K as given to :meth:`condition`, which only variances and covariances depend on.
    noise : ndarray of shape (n,)
        The diagonal of A.
    dual_coef : ndarray of shape (n,) or (n, outputs)
        (T + A)^-1 y.

    Examples
    --------
    >>> import numpy as np
    >>> from skntk.inference import EnsemblePosterior
    >>> nngp = np.array([[1.0, 0.5], [0.5, 1.0]])
    >>> posterior = EnsemblePosterior.condition(2 * nngp, nngp, 1.0, [4.0, 4.0])
    >>> posterior.mean(2 * nngp)
    array([3., 3.])
    >>> posterior.variance(2 * nngp, nngp, np.ones(2))
    array([0.109375, 0.109375])
    """

    system: LinearSystem
    given_nngp: FloatArray | KernelOperator | Callable[[], npt.ArrayLike]
    noise: FloatArray
    dual_coef: FloatArray

    @cached_property
    def nngp(self) -> FloatArray:  # type: ignore[override]
        """K, the array given to :meth:`condition` and not a copy of it, or what is found there."""
        if isinstance(self.given_nngp, KernelOperator):
            return self.given_nngp.to_dense()
        if not callable(self.given_nngp):
            return self.given_nngp
        return as_training_nngp(self.given_nngp(), self.system.shape)

    def _nngp_of_products(self) -> FloatArray | KernelOperator:
        return self.given_nngp if isinstance(self.given_nngp, KernelOperator) else self.nngp

    @classmethod
    def condition(
        cls,
        ntk: npt.ArrayLike | KernelOperator,
        nngp: npt.ArrayLike | KernelOperator | Callable[[], npt.ArrayLike],
        noise: npt.ArrayLike,
        targets: npt.ArrayLike,
        *,
        solver: LinearSolver | None = None,
        overwrite_ntk: bool = False,
    ) -> EnsemblePosterior:
        """Train the ensemble: one factorization.

        Parameters
        ----------
        ntk : array-like of shape (n, n) or KernelOperator
            Symmetric NTK matrix of the training samples.
        nngp : array-like of shape (n, n), KernelOperator or callable
            Symmetric NNGP kernel matrix of the training samples. Kept without a copy. A function
            without arguments that returns it is called when a variance is asked for. Of an operator
            variances take one product with as many columns as there are test samples.
        noise : float or array-like of shape (n,)
            Nonnegative values added to the diagonal of `ntk`.
        targets : array-like of shape (n,) or (n, outputs)
            The observations.
        solver : LinearSolver or None, default=None
            How linear systems with the NTK are solved. None is `CholeskySolver`.
        overwrite_ntk : bool, default=False
            Whether the factor may take the memory of `ntk`, which then holds no kernel any
            more. Without it the NTK is copied.

        Returns
        -------
        EnsemblePosterior
            The trained ensemble.

        Raises
        ------
        SingularKernelError
            If the NTK with its noise is singular to working precision.
        ValueError
            If shapes do not fit, an entry is not finite, or a noise is negative.
        """
        operator = as_operator(ntk, "The training NTK")
        given: FloatArray | KernelOperator | Callable[[], npt.ArrayLike]
        if callable(nngp) or isinstance(nngp, KernelOperator):
            given = nngp
        else:
            given = as_training_nngp(nngp, operator.shape)
        diagonal = per_sample(noise, operator.shape[0], "noise")
        y = as_targets(targets, operator.shape[0])
        system = (solver or CholeskySolver()).factorize(operator, diagonal, overwrite=overwrite_ntk)
        return cls(system=system, given_nngp=given, noise=diagonal, dual_coef=system.solve(y))

    def leave_one_out(self, targets: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
        r"""Return the predictions of the n ensembles that leave out one sample each.

        With B = T + A, the mean is that of ridge regression,
        :math:`y_i - [B^{-1} y]_i / [B^{-1}]_{ii}`. Linear in the targets, it also says that the
        initial function's part in the prediction is :math:`[B^{-1} f_0]_i / [B^{-1}]_{ii}`, with
        variance :math:`[B^{-1} K B^{-1}]_{ii} / [B^{-1}]_{ii}^2`. Needs memory for one more
        n x n matrix while it runs.

        Parameters
        ----------
        targets : array-like of shape (n,) or (n, outputs)
            Observations at the training samples.

        Returns
        -------
        mean : ndarray of the shape of `targets`
            Prediction for each sample from all others.
        variance : ndarray of shape (n,)
            Variance over initializations of that prediction.

        Raises
        ------
        ValueError
            If the number of targets is not n, or an entry is not finite.

        Examples
        --------
        >>> import numpy as np
        >>> from skntk.inference import EnsemblePosterior
        >>> nngp = np.array([[1.0, 0.5], [0.5, 1.0]])
        >>> posterior = EnsemblePosterior.condition(2 * nngp, nngp, 0.0, [4.0, 2.0])
        >>> mean, variance = posterior.leave_one_out([4.0, 2.0])
        >>> mean, variance
        (array([1., 2.]), array([0.75, 0.75]))
        """
        y = as_targets(targets, self.system.shape[0])
        inverted = self.system.inverse()
        precision = np.diagonal(inverted).copy()
        mean = y - leave_one_out_residuals(self.system, precision, y)
        # Divided first: squares of a kernel of unit 1e-200 or 1e200 are no numbers.
        inverted /= precision[:, np.newaxis]
        return mean, _quadratic_diagonal(inverted, self.nngp)

    def leave_one_out_mean(
        self, targets: npt.ArrayLike, repetitions: npt.ArrayLike | None = None
    ) -> FloatArray:
        """Return the means of the n ensembles that leave out one sample each.

        Much cheaper than :meth:`leave_one_out`, which finds the variances as well.

        Parameters
        ----------
        targets : array-like of shape (n,) or (n, outputs)
            As for that method.
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
        """Return the largest eigenvalue of W^1/2 (T + A) W^1/2, divided by the sum of the weights.

        It is that of the Hessian of the loss that training converges on. Weights are positive, the
        noise has been divided by them, and None means 1 for every sample.
        """
        return largest_curvature(self.system, sample_weight)

    def training_run(
        self,
        targets: npt.ArrayLike,
        method: TrainingMethod,
        sample_weight: npt.ArrayLike | None = None,
    ) -> GradientFlowPosterior:
        """Return `GradientFlowPosterior.leading_to` this ensemble."""
        return GradientFlowPosterior.leading_to(self, targets, method, sample_weight=sample_weight)

    def _prediction(self, ntk_cross: npt.ArrayLike) -> FloatArray:
        return self.system.solve(as_kernel(ntk_cross).T).T


def _quadratic_diagonal(rows: FloatArray, matrix: FloatArray) -> FloatArray:
    # diag(R M R^T), by blocks of rows: the full product would be one more n x n matrix.
    diagonal = np.empty(len(rows))
    for start in range(0, len(rows), _ROWS_AT_A_TIME):
        block = rows[start : start + _ROWS_AT_A_TIME]
        diagonal[start : start + len(block)] = np.einsum("ij,ij->i", block @ matrix, block)
    return np.maximum(diagonal, 0.0)
