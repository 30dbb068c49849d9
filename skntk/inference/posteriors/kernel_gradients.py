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
from skntk.inference.posteriors.leave_one_out import left_out_factor
from skntk.inference.posteriors.normal_density import normal_density

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
    output_scale : ndarray of shape (outputs,)
        What kernels and noise are multiplied by for every output.
    by_kernels : tuple of ndarray of shape (n, n)
        The symmetric matrix G of every kernel K: the score changes by ``sum_ij G_ij dK_ij``.
    by_noise : ndarray of shape (n,)
        The derivative by the noise of each sample.
    """

    score: float
    output_scale: FloatArray
    by_kernels: tuple[FloatArray, ...]
    by_noise: FloatArray


def marginal_likelihood(
    kernel: npt.ArrayLike,
    noise: npt.ArrayLike,
    targets: npt.ArrayLike,
    sample_weight: npt.ArrayLike | None = None,
    *,
    best_scale: bool = False,
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
    best_scale : bool, default=False
        Whether kernels and noise are multiplied by the most likely factor for every output, and not
        by 1. At its maximum the factor moves no derivative.

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
    misfit = np.einsum("ij,ij->j", y, coefficients)
    scale = misfit / weight.sum() if best_scale else np.ones(n_outputs)
    normalization = system.log_determinant() + n_samples * np.log(2 * np.pi)
    score = -0.5 * float(np.sum(misfit / scale) + n_outputs * normalization)
    score -= 0.5 * float(weight.sum() * np.log(scale).sum())
    coefficients = coefficients / np.sqrt(scale)
    gradient = 0.5 * (coefficients @ coefficients.T - n_outputs * system.inverse())
    by_noise = np.diagonal(gradient).copy()
    repeated = weight != 1
    if repeated.any():
        log_density, slope = _repetition_density(diagonal[repeated], weight[repeated])
        score += n_outputs * log_density
        by_noise[repeated] += n_outputs * slope
    return KernelGradient(score, scale, (gradient,), by_noise)


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
    *,
    best_scale: bool = False,
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
        How many observations of one value each sample stands for. One of them is left out, or all
        where they are less than one; the density of each is counted. None is one.
    best_scale : bool, default=False
        As for `marginal_likelihood`.

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
    factor = left_out_factor(weight, diagonal, precision)
    residuals = factor[:, np.newaxis] * coefficients
    # The variance of one of w observations; of the noise of their mean, that of one is w times as
    # much.
    repeated = weight > 1
    variance = np.where(repeated, weight * factor, factor + diagonal * (weight - 1))
    density = normal_density(residuals, variance, weight, best_scale=best_scale)
    by_factor = np.maximum(weight, 1) * density.by_variance
    gradient, by_noise = _propagated(
        inverted, coefficients, weight, diagonal, density.by_residuals, by_factor
    )
    by_noise += np.where(repeated, 0, weight - 1) * density.by_variance
    return KernelGradient(density.score, density.scale, (gradient,), by_noise)


def ensemble_leave_one_out_density(
    ntk: npt.ArrayLike,
    nngp: npt.ArrayLike,
    noise: npt.ArrayLike,
    targets: npt.ArrayLike,
    sample_weight: npt.ArrayLike | None = None,
    *,
    best_scale: bool = False,
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
    best_scale : bool, default=False
        As for `marginal_likelihood`.

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
    # Backward differentiation. Forward, with B = (T + A)^-1, alpha = B y, p = diag B and f the
    # factor by which residuals are f_i alpha_i, s = diag(B K B) gives the variance f_i^2 s_i + w_i
    # a_i. So the score depends on T through B alone, in three places: alpha, p and s. `by_x` is
    # its derivative by x, found from the score back to B. As dB = -B dT B, a derivative H by B is
    # -B H B by T. K enters through s alone: its derivative is B diag(by_s) B.
    matrix, prior = as_training_kernels(ntk, nngp)
    system, diagonal, y, weight = _factorized(matrix, noise, targets, sample_weight)
    inverted = system.inverse()
    coefficients, precision = system.solve(y), np.diagonal(inverted)
    factor = left_out_factor(weight, diagonal, precision)
    residuals = factor[:, np.newaxis] * coefficients
    smoothed_prior = inverted @ prior  # B K
    spread = np.einsum("ij,ij->i", smoothed_prior, inverted)
    variance = factor**2 * spread + diagonal * weight
    density = normal_density(residuals, variance, weight, best_scale=best_scale)
    by_ntk, by_noise = _propagated(
        inverted,
        coefficients,
        weight,
        diagonal,
        density.by_residuals,
        2 * factor * spread * density.by_variance,
    )
    by_nngp = (inverted * (factor**2 * density.by_variance)) @ inverted
    # The spread is read through B on both sides of K.
    both_sides = by_nngp @ smoothed_prior.T
    both_sides += both_sides.T.copy()
    by_ntk -= both_sides
    by_noise += weight * density.by_variance - np.diagonal(both_sides)
    return KernelGradient(density.score, density.scale, (by_ntk, by_nngp), by_noise)


def _propagated(
    inverted: FloatArray,
    coefficients: FloatArray,
    weight: FloatArray,
    noise: FloatArray,
    by_residuals: FloatArray,
    by_factor: FloatArray,
) -> tuple[FloatArray, FloatArray]:
    """Return the derivatives by the kernel and by the noise, through residuals and their factor.

    ``by_factor`` is the derivative by the factor that does not come from the residuals.
    """
    factor = left_out_factor(weight, noise, np.diagonal(inverted))
    by_coefficients = factor[:, np.newaxis] * by_residuals
    by_factor = by_factor + np.sum(by_residuals * coefficients, axis=1)
    by_precision = -by_factor * factor**2 / np.maximum(weight, 1)
    smoothed = inverted @ by_coefficients
    product = smoothed @ coefficients.T
    by_kernel = -0.5 * (product + product.T) - (inverted * by_precision) @ inverted
    # From the formula of the factor at a fixed precision.
    positive = np.where(weight > 1, noise, 1)
    slope = np.where(weight > 1, (weight - 1) * factor**2 / (weight * positive**2), 0)
    return by_kernel, np.diagonal(by_kernel) + by_factor * slope
