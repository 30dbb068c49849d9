"""The mode of a posterior with softmax likelihood by Newton's method, and the curvature there.

C. E. Rasmussen and C. K. I. Williams, Gaussian Processes for Machine Learning, 2006, section 3.5.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from skntk.inference.linalg.arrays import FloatArray, diagonal_view
from skntk.inference.linalg.cholesky import CholeskySolver, CholeskySystem
from skntk.inference.linalg.solver import DenseOperator

_SMALLEST_STEP = 2.0**-40


class Curvature(NamedTuple):
    """The inverse of K + W^-1, in the parts of Rasmussen and Williams, equation 3.47."""

    precisions: FloatArray
    over_classes: CholeskySystem
    # Of I + K W.
    log_determinant: float


@dataclass(frozen=True, eq=False)
class LatentModel:
    """Observed counts of classes, whose latent functions have one kernel and constant means."""

    # Symmetric, with the noise of the latent values, shape (n, n).
    kernel: FloatArray
    # Shape (n, classes).
    counts: FloatArray
    # Shape (classes,).
    prior_mean: FloatArray

    def at(self, coefficients: FloatArray) -> LatentValues:
        """Return the latent values prior_mean + K a."""
        return self._at(coefficients, self.kernel @ coefficients)

    def find_mode(
        self, start: FloatArray, max_iter: int, tolerance: float
    ) -> tuple[LatentValues, int]:
        """Return the mode, and the number of Newton steps from some coefficients.

        The last step would have gained so many nats at most. Newton's method converges
        quadratically: this step makes the error far smaller still.
        """
        values = self.at(start)
        for n_iter in range(1, max_iter + 1):
            step = self._newton_target(values) - values.coefficients
            change = self.kernel @ step
            gradient = self.counts - self._expected_counts(values) - values.coefficients
            gain = float(np.vdot(gradient, change))
            if gain / 2 <= tolerance:
                return values.moved(self, step, change, 1.0), n_iter
            values = self._line_search(values, step, change, gain)
        raise RuntimeError(
            f"The mode of the posterior was not found in {max_iter} Newton steps (the next would "
            f"gain {gain / 2:.1e} nats). The kernel is probably very large (mean variance "
            f"{np.diagonal(self.kernel).mean():.3g}): reduce `weight_std`, or rescale the inputs."
        )

    def curvature(self, values: LatentValues) -> Curvature:
        """Return E_c for each class, their sum, and log |I + K W|.

        With the totals w of the counts, W = D - D R diag(w)^-1 R^T D with R the identity of
        the samples stacked over the classes, and |I + K W| = |I + K D| |R^T E R| / prod(w).
        """
        expected = self._expected_counts(values)
        precisions = np.empty((expected.shape[1], *self.kernel.shape))
        log_determinants = -float(np.log(self.counts.sum(axis=1)).sum())
        for precision, root in zip(precisions, np.sqrt(expected).T, strict=True):
            roots = np.multiply.outer(root, root)
            scaled = self.kernel * roots
            diagonal_view(scaled)[...] += 1
            system = _factorized(scaled)
            log_determinants += system.log_determinant()
            np.multiply(system.inverse(), roots, out=precision)
        over_classes = _factorized(precisions.sum(axis=0))
        log_determinants += over_classes.log_determinant()
        return Curvature(precisions, over_classes, log_determinants)

    def _newton_target(self, values: LatentValues) -> FloatArray:
        """Return the coefficients after a full Newton step (algorithm 3.3)."""
        probabilities, centered = values.probabilities, values.centered
        expected = self._expected_counts(values)
        curvature = self.curvature(values)
        class_mean = np.sum(probabilities * centered, axis=1, keepdims=True)
        linear = expected * (centered - class_mean) + self.counts - expected
        explained = _column_products(curvature.precisions, self.kernel @ linear)
        shared = curvature.over_classes.solve(explained.sum(axis=1))
        across = (curvature.precisions @ shared).T
        return linear - explained + across

    def _line_search(
        self, values: LatentValues, step: FloatArray, change: FloatArray, gain: float
    ) -> LatentValues:
        """Backtrack to the first step length that satisfies the Armijo condition (1/4)."""
        # Close to the mode the gain is lost in the rounding of the sums that it is a difference of.
        rounding = 1e-13 * (abs(values.log_posterior) + self.counts.sum())
        length = 1.0
        while length >= _SMALLEST_STEP:
            moved = values.moved(self, step, change, length)
            if moved.log_posterior >= values.log_posterior + 0.25 * length * gain - rounding:
                return moved
            length /= 2
        raise RuntimeError(
            "No step of Newton's method increases the log posterior: the kernel matrix is not "
            "positive semidefinite to working precision. Compute it in float64, or increase "
            "`alpha`."
        )

    def _expected_counts(self, values: LatentValues) -> FloatArray:
        expected: FloatArray = self.counts.sum(axis=1, keepdims=True) * values.probabilities
        return expected

    def _at(self, coefficients: FloatArray, centered: FloatArray) -> LatentValues:
        found = softmax_likelihood(self.prior_mean + centered, self.counts)
        exponent = 0.5 * float(np.vdot(coefficients, centered))
        return LatentValues(
            coefficients, centered, found.probabilities, found.log_likelihood - exponent
        )


class LatentValues(NamedTuple):
    """Latent values, and what the posterior says about them."""

    # a with latent values prior_mean + K a.
    coefficients: FloatArray
    # K a.
    centered: FloatArray
    # The softmax.
    probabilities: FloatArray
    # The log likelihood and the exponent of the prior.
    log_posterior: float

    def moved(
        self, model: LatentModel, step: FloatArray, change: FloatArray, length: float
    ) -> LatentValues:
        """Return the values after a part of a step of the coefficients, which changes K a."""
        return model._at(self.coefficients + length * step, self.centered + length * change)


class SoftmaxLikelihood(NamedTuple):
    """The softmax of latent values, and the log likelihood of observed counts."""

    probabilities: FloatArray
    log_likelihood: float


def softmax_likelihood(latent: FloatArray, counts: FloatArray) -> SoftmaxLikelihood:
    """Return what latent values say about observed counts, both of shape (n, classes)."""
    relative = latent - latent.max(axis=1, keepdims=True)
    exponentials = np.exp(relative)
    total = exponentials.sum(axis=1, keepdims=True)
    log_likelihood = float(np.vdot(counts, relative - np.log(total)))
    return SoftmaxLikelihood(exponentials / total, log_likelihood)


def log_determinants_of_noise(noise: FloatArray, probabilities: FloatArray) -> FloatArray:
    r"""Return log |I + a W| of single observations, with noise a and W = diag(p) - p p^T.

    By the matrix determinant lemma it is
    :math:`\sum_c \log(1 + a p_c) + \log \sum_c p_c / (1 + a p_c)`, as probabilities sum to 1.

    The mode of k observations of one class at one sample is the same for all, and that of a single
    latent value with noise a / k. So is the curvature in the direction of their mean. In the
    k - 1 directions between them the prior is the noise alone, and each adds this.
    """
    scaled = 1 + noise[:, np.newaxis] * probabilities
    determinants: FloatArray = np.log(scaled).sum(axis=1)
    determinants += np.log(np.sum(probabilities / scaled, axis=1))
    return determinants


def _column_products(precisions: FloatArray, columns: FloatArray) -> FloatArray:
    return np.column_stack([e @ column for e, column in zip(precisions, columns.T, strict=True)])


def _factorized(matrix: FloatArray) -> CholeskySystem:
    return CholeskySolver().factorize(DenseOperator(matrix), np.zeros(len(matrix)), overwrite=True)
