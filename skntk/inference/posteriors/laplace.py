"""Classification by a Gaussian process with softmax likelihood, in Laplace's approximation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NoReturn

import numpy as np
import numpy.typing as npt

from skntk.inference.linalg.arrays import (
    FloatArray,
    as_finite,
    as_kernel,
    as_training_kernel,
    diagonal_view,
    per_sample,
)
from skntk.inference.linalg.cholesky import CholeskySystem
from skntk.inference.posteriors.laplace_mode import LatentModel, log_determinants_of_noise
from skntk.inference.posteriors.softmax_average import average_softmax
from skntk.inference.training.training_methods import TrainingMethod

__all__ = ["SoftmaxLaplacePosterior", "refuse_leave_one_out", "refuse_training"]


@dataclass(frozen=True, eq=False)
class SoftmaxLaplacePosterior:
    r"""Gaussian process with a latent function for each class, given observed classes.

    The latent functions :math:`f_c` of the classes are independent Gaussian processes with one
    kernel K and constant means :math:`\mu_c`; a sample belongs to class c with probability
    :math:`\pi_c = \text{softmax}(f)_c`. The posterior is approximated by a normal distribution
    around its mode :math:`\hat f`, with the curvature W of the likelihood there,

    .. math::

        \hat f = \mu + K (Y - \hat\pi), \qquad
        \text{cov} = (K^{-1} + W)^{-1}, \qquad W = \text{diag}(\pi) - \Pi \Pi^T

    (C. E. Rasmussen and C. K. I. Williams, Gaussian Processes for Machine Learning, 2006,
    section 3.5, algorithms 3.3 and 3.4). Make one with :meth:`condition`.

    Attributes
    ----------
    dual_coef : ndarray of shape (n, classes)
        :math:`Y - \hat\pi`, observed minus expected counts.
    prior_mean : ndarray of shape (classes,)
        :math:`\mu`.
    precisions : ndarray of shape (classes, n, n)
        :math:`E_c = D_c^{1/2} (I + D_c^{1/2} K D_c^{1/2})^{-1} D_c^{1/2}`, with :math:`D_c` the
        expected counts of class c.
    total_factor : ndarray of shape (n, n)
        Lower Cholesky factor of the sum of `precisions`.
    log_marginal_likelihood : float
        Laplace's approximation of the log probability of the observed classes, in nats.
    n_iter : int
        Newton steps that were made.

    Examples
    --------
    >>> import numpy as np
    >>> from skntk.inference import SoftmaxLaplacePosterior
    >>> kernel = 9 * np.array([[1.0, 0.5], [0.5, 1.0]])
    >>> posterior = SoftmaxLaplacePosterior.condition(kernel, np.eye(2))
    >>> posterior.probabilities(kernel, np.diagonal(kernel)).round(2)
    array([[0.71, 0.29],
           [0.29, 0.71]])
    """

    dual_coef: FloatArray
    prior_mean: FloatArray
    precisions: FloatArray
    total_factor: FloatArray
    log_marginal_likelihood: float
    n_iter: int

    @classmethod
    def condition(
        cls,
        kernel: npt.ArrayLike,
        counts: npt.ArrayLike,
        noise: npt.ArrayLike = 0.0,
        *,
        prior_mean: npt.ArrayLike | None = None,
        repetitions: npt.ArrayLike | None = None,
        start: npt.ArrayLike | None = None,
        max_iter: int = 100,
        tolerance: float = 1e-12,
    ) -> SoftmaxLaplacePosterior:
        r"""Find the mode by Newton's method, and the curvature there.

        The log posterior is concave. A step that does not increase it as far as it promised to
        is halved, so that the iteration converges from anywhere. It ends when a further step
        would gain less than `tolerance`. Takes C (n x n) matrices of memory for C classes, and C
        Cholesky factorizations and inverses a step.

        Parameters
        ----------
        kernel : array-like of shape (n, n)
            Symmetric kernel matrix of the training samples. It may be singular.
        counts : array-like of shape (n, classes)
            How often each class was observed at each sample, any nonnegative weights: a one-hot
            row is one observation, 3 times that three of the same, a row with several entries
            observations of different classes. No row is all zero.
        noise : float or array-like of shape (n,), default=0.0
            Nonnegative variances, added to the diagonal of the kernel: of independent noise of the
            latent values at each training sample.
        prior_mean : array-like of shape (classes,), default=None
            Constant means of the latent functions. None is 0.
        repetitions : float or array-like of shape (n,), default=None
            How many observations of one class each sample stands for, of which each has noise of
            its own: `noise` is that of their mean. Only the marginal likelihood depends on it.
            None is one.
        start : array-like of shape (n, classes), default=None
            Coefficients, as `dual_coef`, from which Newton's method starts. None is 0.
        max_iter : int, default=100
            Newton steps at most.
        tolerance : float, default=1e-12
            Nats that the last step gains at most.

        Returns
        -------
        SoftmaxLaplacePosterior
            The approximate posterior.

        Raises
        ------
        ValueError
            If shapes do not fit, an entry is not finite, or a count or a noise is negative.
        RuntimeError
            If the mode is not found in `max_iter` steps.
        """
        covariance = np.array(as_training_kernel(kernel))
        observed = _as_counts(counts, len(covariance))
        center = _as_prior_mean(prior_mean, observed.shape[1])
        variances = per_sample(noise, len(covariance), "noise")
        number = per_sample(repetitions, len(covariance), "repetitions", default=1.0)
        diagonal_view(covariance)[...] += variances
        model = LatentModel(covariance, observed, center)
        first = np.zeros_like(observed) if start is None else _as_start(start, observed)
        mode, n_iter = model.find_mode(first, max_iter, tolerance)
        curvature = model.curvature(mode)
        noise_terms = log_determinants_of_noise(
            variances * observed.sum(axis=1), mode.probabilities
        )
        log_determinant = curvature.log_determinant + float((number - 1) @ noise_terms)
        return cls(
            dual_coef=mode.coefficients,
            prior_mean=center,
            precisions=curvature.precisions,
            total_factor=curvature.over_classes.factor,
            log_marginal_likelihood=mode.log_posterior - 0.5 * log_determinant,
            n_iter=n_iter,
        )

    def mean(self, cross: npt.ArrayLike) -> FloatArray:
        r"""Return the means of the latent functions at test points.

        Parameters
        ----------
        cross : array-like of shape (m, n)
            Kernel between test and training samples.

        Returns
        -------
        ndarray of shape (m, classes)
            :math:`\mu + K_* (Y - \hat\pi)`.

        Raises
        ------
        ValueError
            If an entry of `cross` is not finite.
        """
        return self.prior_mean + as_kernel(cross) @ self.dual_coef

    def variance(self, cross: npt.ArrayLike, diagonal: npt.ArrayLike) -> FloatArray:
        """Return the diagonals of :meth:`covariance`, shape (m, classes).

        Negative values left by rounding become 0.
        """
        across = as_kernel(cross)
        prior = as_kernel(diagonal)
        over_classes, columns = CholeskySystem(self.total_factor), []
        for precision in self.precisions:
            explained = precision @ across.T
            own = prior - np.einsum("ij,ji->j", explained, across)
            columns.append(own + over_classes.quadratic_form(explained))
        return np.maximum(np.column_stack(columns), 0.0)

    def covariance(self, cross: npt.ArrayLike, diagonal: npt.ArrayLike) -> FloatArray:
        """Return the covariance between the latent functions at each test point.

        Parameters
        ----------
        cross : array-like of shape (m, n)
            Kernel between test and training samples.
        diagonal : array-like of shape (m,)
            Prior variances of the test points.

        Returns
        -------
        ndarray of shape (m, classes, classes)
            Symmetric: given the observed classes, the functions are no longer independent.

        Raises
        ------
        ValueError
            If an entry is not finite.
        """
        across = as_kernel(cross)
        n_classes = len(self.precisions)
        explained = np.stack([precision @ across.T for precision in self.precisions])
        own = as_kernel(diagonal) - np.einsum("cij,ji->cj", explained, across)
        # Whitening takes half as long as a solve, and leads to symmetric products.
        whiten = CholeskySystem(self.total_factor).whiten
        shared = np.stack([whiten(one) for one in explained])
        covariance = np.einsum("cij,dij->jcd", shared, shared, optimize=True)
        covariance[:, np.arange(n_classes), np.arange(n_classes)] += own.T
        return covariance

    def probabilities(self, cross: npt.ArrayLike, diagonal: npt.ArrayLike) -> FloatArray:
        """Return the probability of each class at test points.

        The softmax is averaged over the normal distribution of the latent values, see
        `average_softmax`: it is less certain than the softmax of their means.

        Parameters
        ----------
        cross, diagonal
            As for :meth:`covariance`.

        Returns
        -------
        ndarray of shape (m, classes)
            Rows sum to 1.

        Raises
        ------
        ValueError
            If an entry is not finite.
        """
        return average_softmax(self.mean(cross), self.covariance(cross, diagonal))

    # What only a Gaussian likelihood has ------------------------------------------------------

    def leave_one_out(self, targets: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
        """Refuse: there is no closed form."""
        refuse_leave_one_out()

    def leave_one_out_mean(
        self, targets: npt.ArrayLike, repetitions: npt.ArrayLike | None = None
    ) -> FloatArray:
        """Refuse: there is no closed form."""
        refuse_leave_one_out()

    def largest_curvature(self, sample_weight: npt.ArrayLike | None = None) -> float:
        """Refuse: no gradient descent leads to the posterior."""
        refuse_training()

    def training_run(
        self,
        targets: npt.ArrayLike,
        method: TrainingMethod,
        sample_weight: npt.ArrayLike | None = None,
    ) -> NoReturn:
        """Refuse: no gradient descent leads to the posterior."""
        refuse_training()


def refuse_leave_one_out() -> NoReturn:
    """Say that leave-one-out predictions have no closed form."""
    raise ValueError(
        'Leave-one-out predictions have a closed form only with likelihood="gaussian", '
        'and this model was fitted with likelihood="softmax": use cross_val_predict.'
    )


def refuse_training() -> NoReturn:
    """Say that there is no training whose times or rates could be asked for."""
    raise ValueError(
        'With likelihood="softmax" the model is inferred and not trained: it has neither times '
        'nor rates of training. Use likelihood="gaussian".'
    )


def _as_counts(counts: npt.ArrayLike, n_samples: int) -> FloatArray:
    observed = as_finite(counts, "The counts", "remove these samples")
    if observed.ndim != 2 or observed.shape[0] != n_samples or observed.shape[1] < 2:
        raise ValueError(
            f"The counts must have shape ({n_samples}, classes) with at least two classes for a "
            f"kernel matrix of {n_samples} samples, got {observed.shape}."
        )
    if (observed < 0).any() or not observed.any(axis=1).all():
        raise ValueError(
            "The counts must be nonnegative, with an observation at each sample: remove the "
            "samples without any."
        )
    return observed


def _as_prior_mean(prior_mean: npt.ArrayLike | None, n_classes: int) -> FloatArray:
    if prior_mean is None:
        return np.zeros(n_classes)
    center = as_finite(prior_mean, "The prior mean", "give every class a finite one")
    if center.shape != (n_classes,):
        raise ValueError(
            f"`prior_mean` must have shape ({n_classes},), one value for each class, got "
            f"{center.shape}."
        )
    return center


def _as_start(start: npt.ArrayLike, observed: FloatArray) -> FloatArray:
    first = as_finite(start, "The coefficients to start from", "start from those of a posterior")
    if first.shape != observed.shape:
        raise ValueError(
            f"`start` must have the shape of the counts, {observed.shape}, got {first.shape}."
        )
    return first
