"""The mode of a posterior with softmax likelihood by Newton's method, and the curvature there.

C. E. Rasmussen and C. K. I. Williams, Gaussian Processes for Machine Learning, 2006, section 3.5.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.special import log_softmax, softmax

from skntk.inference.linalg.arrays import FloatArray
from skntk.inference.linalg.cholesky import CholeskySolver, CholeskySystem
from skntk.inference.linalg.solver import DenseOperator

# Twice the log posterior that another Newton step would gain at most, in nats, when to stop. Newton
# converges quadratically: the step that finds this has made the error far smaller still.
_TOLERANCE = 1e-12
_SMALLEST_STEP = 2.0**-40


class Curvature(NamedTuple):
    """The inverse of K + W^-1, in the parts of Rasmussen and Williams, equation 3.47."""

    precisions: FloatArray
    over_classes: CholeskySystem
    # Of I + K W.
    log_determinant: float


def find_mode(
    kernel: FloatArray, counts: FloatArray, prior_mean: FloatArray, max_iter: int
) -> tuple[FloatArray, int]:
    """Return a with f = prior_mean + K a at the mode, and the number of Newton steps."""
    coefficients = np.zeros_like(counts)
    for n_iter in range(1, max_iter + 1):
        centered = kernel @ coefficients
        target = _newton_target(kernel, counts, prior_mean, centered)
        step = target - coefficients
        gradient = counts - _expected_counts(counts, prior_mean + centered) - coefficients
        gain = float(np.vdot(gradient, kernel @ step))
        if gain <= _TOLERANCE:
            return target, n_iter
        length = _step_length(kernel, counts, prior_mean, coefficients, step, gain)
        coefficients = coefficients + length * step
    raise RuntimeError(
        f"The mode of the posterior was not found in {max_iter} Newton steps (the next would gain "
        f"{gain / 2:.1e} nats). The kernel is probably very large (mean variance "
        f"{np.diagonal(kernel).mean():.3g}): reduce `weight_std`, or rescale the inputs."
    )


def _newton_target(
    kernel: FloatArray, counts: FloatArray, prior_mean: FloatArray, centered: FloatArray
) -> FloatArray:
    """Return the coefficients after a full Newton step (algorithm 3.3)."""
    total = counts.sum(axis=1)
    probabilities = softmax(prior_mean + centered, axis=1)
    expected = total[:, np.newaxis] * probabilities
    curvature = curvature_at(kernel, total, probabilities)
    class_mean = np.sum(probabilities * centered, axis=1, keepdims=True)
    linear = expected * (centered - class_mean) + counts - expected
    explained = _column_products(curvature.precisions, kernel @ linear)
    shared = curvature.over_classes.solve(explained.sum(axis=1))
    across = _column_products(curvature.precisions, np.tile(shared[:, np.newaxis], counts.shape[1]))
    return linear - explained + across


def _column_products(precisions: FloatArray, columns: FloatArray) -> FloatArray:
    return np.column_stack([e @ column for e, column in zip(precisions, columns.T, strict=True)])


def _step_length(
    kernel: FloatArray,
    counts: FloatArray,
    prior_mean: FloatArray,
    coefficients: FloatArray,
    step: FloatArray,
    gain: float,
) -> float:
    """Backtracking line search: the first step length that satisfies the Armijo condition (1/4)."""
    centered, change = kernel @ coefficients, kernel @ step

    def log_posterior(length: float) -> float:
        moved = centered + length * change
        return log_posterior_density(
            counts, prior_mean + moved, moved, coefficients + length * step
        )

    start = log_posterior(0.0)
    # Close to the mode the gain is lost in the rounding of the sums that it is a difference of.
    rounding = 1e-13 * (abs(start) + counts.sum())
    length = 1.0
    while log_posterior(length) < start + 0.25 * length * gain - rounding:
        length /= 2
        if length < _SMALLEST_STEP:
            raise RuntimeError(
                "No step of Newton's method increases the log posterior: the kernel matrix is not "
                "positive semidefinite to working precision. Compute it in float64, or increase "
                "`alpha`."
            )
    return length


def curvature_at(kernel: FloatArray, total: FloatArray, probabilities: FloatArray) -> Curvature:
    """Return E_c for each class, their sum, and log |I + K W|.

    With the totals w of the counts, W = D - D R diag(w)^-1 R^T D with R the identity of
    the samples stacked over the classes, and |I + K W| = |I + K D| |R^T E R| / prod(w).
    """
    n_classes = probabilities.shape[1]
    precisions = np.empty((n_classes, *kernel.shape))
    log_determinants = 0.0
    for precision, expected in zip(
        precisions, (total[:, np.newaxis] * probabilities).T, strict=True
    ):
        root = np.sqrt(expected)
        scaled = kernel * np.multiply.outer(root, root)
        system = _factorized(scaled, np.ones(len(root)))
        log_determinants += system.log_determinant()
        precision[...] = system.inverse()
        precision *= np.multiply.outer(root, root)
    over_classes = _factorized(precisions.sum(axis=0), np.zeros(len(total)))
    log_determinants += over_classes.log_determinant() - float(np.log(total).sum())
    return Curvature(precisions, over_classes, log_determinants)


def _factorized(matrix: FloatArray, noise: FloatArray) -> CholeskySystem:
    return CholeskySolver().factorize(DenseOperator(matrix), noise, overwrite=True)


def _expected_counts(counts: FloatArray, latent: FloatArray) -> FloatArray:
    expected: FloatArray = counts.sum(axis=1, keepdims=True) * softmax(latent, axis=1)
    return expected


def log_posterior_density(
    counts: FloatArray, latent: FloatArray, centered: FloatArray, coefficients: FloatArray
) -> float:
    """Return the log likelihood and the exponent of the prior."""
    log_likelihood = float(np.vdot(counts, log_softmax(latent, axis=1)))
    return log_likelihood - 0.5 * float(np.vdot(coefficients, centered))
