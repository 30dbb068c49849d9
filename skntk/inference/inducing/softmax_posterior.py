"""Classification with a softmax likelihood through inducing points, in Laplace's approximation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NoReturn, Self

import numpy as np
import numpy.typing as npt

from skntk.inference.inducing.row_features import RowFeatures
from skntk.inference.inducing.softmax_curvature import Curvature
from skntk.inference.inducing.softmax_mode import SoftmaxRows
from skntk.inference.inducing.whitening import AnyFloat, Whitening
from skntk.inference.linalg.arrays import FloatArray, as_kernel
from skntk.inference.posteriors.laplace import refuse_leave_one_out, refuse_training
from skntk.inference.posteriors.laplace_mode import log_determinants_of_noise
from skntk.inference.posteriors.softmax_average import average_softmax

__all__ = ["SparseSoftmaxPosterior"]


@dataclass(frozen=True, eq=False)
class SparseSoftmaxPosterior:
    r"""Logits that m inducing points span, given observed classes of n rows.

    The posterior of `SoftmaxLaplacePosterior` with the kernel's projection on the inducing points,
    :math:`Q_* = \phi_*^T \Phi`: the mode of the coefficients :math:`\Theta` of the features, and
    the curvature H there (`softmax_curvature`). Test rows have

    .. math::

        \text{mean} = \mu + \Theta^T \phi_*, \qquad
        \text{cov} = (K_{**} - Q_{**}) I + (\phi_* \otimes I)^T H^{-1} (\phi_* \otimes I),

    with the variance that the points do not explain in every class. With all rows as inducing
    points it is the exact posterior, where H is.

    Attributes
    ----------
    whitening : Whitening
    curvature : Curvature
    dual_coef : ndarray of shape (m, classes)
        Coefficients of the kernels with the inducing points in the means.
    prior_mean : ndarray of shape (classes,)
    log_marginal_likelihood : float
        Laplace's approximation of the log probability of the observed classes under the projected
        kernel, in nats.
    n_iter : int
        Newton steps that were made.
    """

    whitening: Whitening
    curvature: Curvature
    dual_coef: FloatArray
    prior_mean: FloatArray
    log_marginal_likelihood: float
    n_iter: int

    @classmethod
    def condition(
        cls,
        whitening: Whitening,
        features: RowFeatures,
        counts: FloatArray,
        noise: FloatArray,
        prior_mean: FloatArray | None,
        repetitions: FloatArray,
        *,
        max_iter: int = 100,
        tolerance: float = 1e-9,
        report: Callable[[], None] | None = None,
    ) -> Self:
        """Find the mode by Newton's method, and the curvature there.

        Parameters
        ----------
        whitening : Whitening
            Makes the features.
        features : RowFeatures
            Those of n rows.
        counts, noise, repetitions
            As for `SoftmaxLaplacePosterior.condition`.
        prior_mean : ndarray of shape (classes,) or None
            Constant means of the logits. None is 0.
        max_iter, tolerance
            Of Newton's method.
        report : callable or None
            Called after every step of it.
        """
        center = np.zeros(counts.shape[1]) if prior_mean is None else prior_mean
        mode = SoftmaxRows(features, counts, noise, center).find_mode(max_iter, tolerance, report)
        logits = mode.logits
        noise_terms = log_determinants_of_noise(noise * counts.sum(axis=1), logits.probabilities)
        log_determinant = mode.curvature.log_determinant + float(repetitions @ noise_terms)
        return cls(
            whitening,
            mode.curvature,
            whitening.to_kernel_coefficients(logits.coefficients),
            center,
            logits.log_posterior - 0.5 * log_determinant,
            mode.n_iter,
        )

    def mean(self, cross: npt.ArrayLike) -> FloatArray:
        """Return the means of the logits from kernels with the inducing points, (t, m)."""
        return self.prior_mean + as_kernel(cross) @ self.dual_coef

    def variance(self, cross: AnyFloat, diagonal: npt.ArrayLike) -> FloatArray:
        """Return the diagonals of :meth:`covariance`, shape (t, classes)."""
        return np.einsum("tcc->tc", self.covariance(cross, diagonal))

    def covariance(self, cross: AnyFloat, diagonal: npt.ArrayLike) -> FloatArray:
        """Return the covariance between the logits of each test row, (t, classes, classes)."""
        features = self.whitening.features(cross).astype(np.float64)
        explained = np.einsum("ij,ij->j", features, features)
        remaining = np.maximum(as_kernel(diagonal) - explained, 0.0)
        covariance = self.curvature.covariance(features)
        np.einsum("tcc->tc", covariance)[...] += remaining[:, np.newaxis]
        return covariance

    def probabilities(self, cross: AnyFloat, diagonal: npt.ArrayLike) -> FloatArray:
        """Return the mean of the softmax over the posterior of the logits, shape (t, classes)."""
        return average_softmax(self.mean(cross), self.covariance(cross, diagonal))

    def leave_one_out(self) -> NoReturn:
        """Refuse: there is no closed form."""
        refuse_leave_one_out()

    def training_run(self) -> NoReturn:
        """Refuse: no gradient descent leads to the posterior."""
        refuse_training()
