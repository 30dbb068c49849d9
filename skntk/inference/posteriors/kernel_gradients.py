"""Scores of training kernels by their own data, and how these change with the kernels.

A score and its derivative by every entry of the kernels is what a search over the hyperparameters
of a kernel needs: contracted with how the kernels change, it is the gradient of the score. Nothing
here holds more than a few n x n matrices.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from skntk.inference.linalg.arrays import (
    FloatArray,
    as_targets,
    as_training_kernel,
    as_training_kernels,
    per_sample,
)
from skntk.inference.linalg.cholesky import CholeskySolver
from skntk.inference.linalg.solver import DenseOperator, LinearSystem

__all__ = [
    "KernelGradient",
    "ensemble_leave_one_out_density",
    "leave_one_out_density",
    "marginal_likelihood",
]


@dataclass(frozen=True, eq=False)
class KernelGradient:
    """A score of kernels, and its derivatives.

    Attributes
    ----------
    score : float
        In nats, summed over samples and outputs.
    by_kernels : tuple of ndarray of shape (n, n)
        The symmetric matrix G of every kernel K: the score changes by ``sum_ij G_ij dK_ij``.
    by_noise : ndarray of shape (n,)
        The derivative by the noise of each sample.
    """

    score: float
    by_kernels: tuple[FloatArray, ...]
    by_noise: FloatArray


def marginal_likelihood(
    kernel: npt.ArrayLike,
    noise: npt.ArrayLike,
    targets: npt.ArrayLike,
    sample_weight: npt.ArrayLike | None = None,
) -> KernelGradient:
    r"""Return the log marginal likelihood of a Gaussian process, and its derivatives.

    With :math:`\alpha = (K + A)^{-1} y` the derivative by K is :math:`\tfrac12 (\alpha \alpha^T -
    (K + A)^{-1})`, summed over outputs (C. E. Rasmussen and C. K. I. Williams, Gaussian Processes
    for Machine Learning, 2006, equation 5.9).

    Parameters
    ----------
    kernel : array-like of shape (n, n)
        Symmetric kernel matrix K of the training samples.
    noise : float or array-like of shape (n,)
        Nonnegative variances on the diagonal of A.
    targets : array-like of shape (n,) or (n, outputs)
        y.
    sample_weight : float or array-like of shape (n,), default=None
        How many observations of one value each sample stands for; the noise is that of their mean.
        None is one.

    Returns
    -------
    KernelGradient
        With one kernel.

    Raises
    ------
    SingularKernelError
        If the kernel with its noise is singular to working precision.
    ValueError
        If shapes do not fit, an entry is not finite, a noise is negative, or the noise of a sample
        of weight other than 1 is 0.

    Examples
    --------
    >>> from skntk.inference import marginal_likelihood
    >>> result = marginal_likelihood([[0.5]], 0.5, [1.0])  # a standard normal at 1
    >>> round(result.score, 6), result.by_noise
    (-1.418939, array([0.]))
    """
    system, diagonal, y, weight = _factorized(
        as_training_kernel(kernel), noise, targets, sample_weight
    )
    coefficients = system.solve(y)
    n_samples, n_outputs = y.shape
    normalization = system.log_determinant() + n_samples * np.log(2 * np.pi)
    score = -0.5 * (float(np.vdot(y, coefficients)) + n_outputs * float(normalization))
    gradient = 0.5 * (coefficients @ coefficients.T - n_outputs * system.inverse())
    by_noise = np.diagonal(gradient).copy()
    repeated = weight != 1
    if repeated.any():
        log_density, slope = _repetition_density(diagonal[repeated], weight[repeated])
        score += n_outputs * log_density
        by_noise[repeated] += n_outputs * slope
    return KernelGradient(score, (gradient,), by_noise)


def _factorized(
    matrix: FloatArray,
    noise: npt.ArrayLike,
    targets: npt.ArrayLike,
    sample_weight: npt.ArrayLike | None,
) -> tuple[LinearSystem, FloatArray, FloatArray, FloatArray]:
    """Return the system K + A, the checked noise, targets in columns, and weights."""
    diagonal = per_sample(noise, len(matrix), "noise")
    y = as_targets(targets, len(matrix)).reshape(len(matrix), -1)
    weight = per_sample(sample_weight, len(matrix), "sample_weight", default=1.0)
    system = CholeskySolver().factorize(DenseOperator(matrix), diagonal)
    return system, diagonal, y, weight


def _repetition_density(noise: FloatArray, weight: FloatArray) -> tuple[float, FloatArray]:
    """Return the log density added by repeated observations, and its derivative by the noise.

    With noise variance a of one, N(y | f, a)^w = N(y | f, a / w) (2 pi a)^((1 - w) / 2) w^(-1/2).
    """
    if (noise <= 0).any():
        raise ValueError(
            "The likelihood of repeated observations without noise is not finite: increase `alpha`."
        )
    log_density = -0.5 * ((weight - 1) * np.log(2 * np.pi * noise * weight) + np.log(weight))
    return float(log_density.sum()), -0.5 * (weight - 1) / noise


def leave_one_out_density(
    kernel: npt.ArrayLike,
    noise: npt.ArrayLike,
    targets: npt.ArrayLike,
    sample_weight: npt.ArrayLike | None = None,
) -> KernelGradient:
    r"""Return the leave-one-out log predictive density of a Gaussian process, and its derivatives.

    With :math:`B = (K + A)^{-1}`, :math:`\alpha = B y` and :math:`p = \operatorname{diag} B` it is
    the sum of :math:`\log N(y_i \mid y_i - \alpha_i / p_i, 1 / p_i)` (Rasmussen and Williams,
    equations 5.10 to 5.12; the derivatives follow from :math:`dB = -B \, dK \, B`).

    Parameters
    ----------
    kernel, noise, targets
        As for `marginal_likelihood`.
    sample_weight : float or array-like of shape (n,), default=None
        How many observations of one value each sample stands for. All of them are left out
        together, and the density of each is counted. None is one.

    Returns
    -------
    KernelGradient
        With one kernel.

    Raises
    ------
    SingularKernelError, ValueError
        As `marginal_likelihood`.

    Examples
    --------
    >>> import numpy as np
    >>> from skntk.inference import leave_one_out_density
    >>> result = leave_one_out_density(np.eye(2), 0.0, [0.0, 0.0])  # twice a standard normal at 0
    >>> round(result.score, 6)
    -1.837877
    """
    system, diagonal, y, weight = _factorized(
        as_training_kernel(kernel), noise, targets, sample_weight
    )
    inverted = system.inverse()
    coefficients, precision = system.solve(y), np.diagonal(inverted)
    residuals = coefficients / precision[:, np.newaxis]
    # Of the noise of the mean of w observations, the noise of one is w times as much.
    variance = 1.0 / precision + diagonal * (weight - 1)
    score, by_residuals, by_variance = _normal_density(residuals, variance, weight)
    gradient = -_propagated(inverted, coefficients, by_residuals, -by_variance / precision**2)
    by_noise = np.diagonal(gradient) + (weight - 1) * by_variance
    return KernelGradient(score, (gradient,), by_noise)


def ensemble_leave_one_out_density(
    ntk: npt.ArrayLike,
    nngp: npt.ArrayLike,
    noise: npt.ArrayLike,
    targets: npt.ArrayLike,
    sample_weight: npt.ArrayLike | None = None,
) -> KernelGradient:
    r"""Return the leave-one-out log predictive density of an ensemble, and its derivatives.

    With :math:`B = (T + A)^{-1}`, :math:`\alpha = B y` and :math:`p = \operatorname{diag} B`, the
    networks that are trained without sample i predict :math:`y_i - \alpha_i / p_i` in the mean, and
    their predictions have the variance :math:`[B K B]_{ii} / p_i^2`. To this the noise of an
    observation is added. Derivatives follow from :math:`dB = -B \, dT \, B`.

    Parameters
    ----------
    ntk, nngp : array-like of shape (n, n)
        T and K, symmetric kernel matrices of the training samples.
    noise, targets
        As for `marginal_likelihood`.
    sample_weight : float or array-like of shape (n,), default=None
        As for `leave_one_out_density`.

    Returns
    -------
    KernelGradient
        With the derivatives by T and by K.

    Raises
    ------
    SingularKernelError, ValueError
        As `marginal_likelihood`.

    Examples
    --------
    >>> import numpy as np
    >>> from skntk.inference import ensemble_leave_one_out_density
    >>> result = ensemble_leave_one_out_density(np.eye(2), np.eye(2), 1.0, [0.0, 0.0])
    >>> round(result.score, 6), [gradient.shape for gradient in result.by_kernels]  # variance 1 + 1
    (-2.531024, [(2, 2), (2, 2)])
    """
    # Backward differentiation. Forward, with B = (T + A)^-1, alpha = B y and p = diag B give
    # the residuals r_i = alpha_i / p_i, and s = diag(B K B) the variance s_i / p_i^2 + w_i a_i. So
    # the score depends on T through B alone, in three places: alpha, p and s. `by_x` is its
    # derivative by x, found from the score back to B:
    #   by_s = by_variance / p^2,   by_alpha = by_r / p,
    #   by_p = -2 by_s s / p - (sum over outputs of by_r r) / p.
    # As dB = -B dT B, a derivative H by B is -B H B by T. K enters through s alone: its derivative
    # is B diag(by_s) B.
    matrix, prior = as_training_kernels(ntk, nngp)
    system, diagonal, y, weight = _factorized(matrix, noise, targets, sample_weight)
    inverted = system.inverse()
    coefficients, precision = system.solve(y), np.diagonal(inverted)
    residuals = coefficients / precision[:, np.newaxis]
    smoothed_prior = inverted @ prior  # B K
    spread = np.einsum("ij,ij->i", smoothed_prior, inverted)
    variance = spread / precision**2 + diagonal * weight
    score, by_residuals, by_variance = _normal_density(residuals, variance, weight)
    by_spread = by_variance / precision**2
    through_spread = -2 * by_spread * spread / precision
    by_nngp = (inverted * by_spread) @ inverted
    by_ntk = _propagated(inverted, coefficients, by_residuals, through_spread)
    # The spread is read through B on both sides of K.
    both_sides = by_nngp @ smoothed_prior.T
    by_ntk += both_sides + both_sides.T
    by_noise = weight * by_variance - np.diagonal(by_ntk)
    return KernelGradient(score, (-by_ntk, by_nngp), by_noise)


def _normal_density(
    residuals: FloatArray, variance: FloatArray, weight: FloatArray
) -> tuple[float, FloatArray, FloatArray]:
    """Return the weighted log density of residuals, and its derivatives by them and the variance.

    Residuals have the shape (n, outputs), variance and weight (n,).
    """
    squares, n_outputs = np.sum(residuals**2, axis=1), residuals.shape[1]
    log_density = -0.5 * (n_outputs * np.log(2 * np.pi * variance) + squares / variance)
    by_residuals = -(weight / variance)[:, np.newaxis] * residuals
    by_variance = 0.5 * weight * (squares / variance - n_outputs) / variance
    return float(weight @ log_density), by_residuals, by_variance


def _propagated(
    inverted: FloatArray,
    coefficients: FloatArray,
    by_residuals: FloatArray,
    by_precision: FloatArray,
) -> FloatArray:
    """Return B H B, where H is the symmetric derivative by B through residuals and diag B.

    ``by_precision`` is the derivative by diag B that does not come from the residuals.
    """
    precision = np.diagonal(inverted)
    by_coefficients = by_residuals / precision[:, np.newaxis]
    by_precision = by_precision - np.sum(by_coefficients * coefficients, axis=1) / precision
    smoothed = inverted @ by_coefficients
    product = smoothed @ coefficients.T
    return 0.5 * (product + product.T) + (inverted * by_precision) @ inverted
