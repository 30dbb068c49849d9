"""Spread of the predictions of an ensemble over random initializations.

Trained by gradient descent, an infinitely wide network predicts f_0(x_*) + P (y - f_0(X)), with
f_0 its function at initialization and P a matrix that depends on the training alone. f_0 is a
Gaussian process with the NNGP kernel K, so that the predictions are Gaussian with covariance

    K_** - P K_*^T - K_* P^T + P K P^T

(J. Lee et al., Wide neural networks of any depth evolve as linear models under gradient
descent, 2019, section 2.3).
"""

from __future__ import annotations

import numpy as np

from skntk.inference.linalg.arrays import FloatArray, with_nonnegative_variances
from skntk.inference.linalg.products import symmetric_product
from skntk.inference.linalg.solver import KernelOperator


def ensemble_variance(
    prediction: FloatArray,
    nngp: FloatArray | KernelOperator,
    nngp_cross: FloatArray,
    nngp_diagonal: FloatArray,
) -> FloatArray:
    """Return the diagonal of `ensemble_covariance`, with K_** replaced by its diagonal."""
    change = _times_nngp(prediction, nngp)
    change -= 2.0 * nngp_cross
    return np.maximum(nngp_diagonal + np.einsum("ij,ij->i", prediction, change), 0.0)


def ensemble_covariance(
    prediction: FloatArray,
    nngp: FloatArray | KernelOperator,
    nngp_cross: FloatArray,
    nngp_test: FloatArray,
) -> FloatArray:
    """Return the covariance from P, K, K_* and K_**; negative variances of rounding become 0."""
    # Half of the quadratic term goes to each of the two cross terms: their sum is then
    # symmetric to the last bit.
    half = (0.5 * _times_nngp(prediction, nngp) - nngp_cross) @ prediction.T
    covariance = half + half.T
    covariance += nngp_test
    return with_nonnegative_variances(covariance)


def _times_nngp(prediction: FloatArray, nngp: FloatArray | KernelOperator) -> FloatArray:
    """Return P K, shape (m, n)."""
    if isinstance(nngp, np.ndarray):
        return symmetric_product(prediction, nngp)
    return nngp.matmul(np.ascontiguousarray(prediction.T)).T
