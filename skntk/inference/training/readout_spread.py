"""Spread of the predictions of networks whose last layer alone is trained.

With S = W^1/2 K W^1/2 + A, eigenvalues s of S and the residual r of training, the covariance is

    K_** - K_* W^1/2 U diag((1 - r^2) / s) U^T W^1/2 K_*^T,

where the targets of every network carry noise of covariance A (J. Lee et al., Wide neural
networks of any depth evolve as linear models under gradient descent, 2019, section 2.3).
"""

from __future__ import annotations

import numpy as np

from skntk.inference.linalg.arrays import FloatArray, unit_of, with_nonnegative_variances
from skntk.inference.training.kernel_spectrum import KernelSpectrum
from skntk.inference.training.training_methods import TrainingMethod


def explained_share(
    spectrum: KernelSpectrum, training_method: TrainingMethod, times: FloatArray
) -> FloatArray:
    """Return (1 - r^2) / s for each eigenvalue and time, shape (n, n_times).

    Negative where steps with momentum overshoot: the networks then disagree more than untrained
    ones.
    """
    return spectrum.filter_function(training_method, times) * (
        1.0 + spectrum.residual_function(training_method, times)
    )


def readout_variance(
    rotated_cross: FloatArray, explained: FloatArray, diagonal: FloatArray
) -> FloatArray:
    """Return the variances at test points, shape (m,) or (n_times, m).

    From U^T W^1/2 K_*^T, `explained_share`, shape (n,) or (n, n_times), and the prior variances.
    Negative ones left by rounding become 0.
    """
    unit = unit_of(rotated_cross)
    reduction = (explained.T * unit) @ np.square(rotated_cross / unit) * unit
    return np.maximum(diagonal - reduction, 0.0)


def readout_covariance(
    rotated_cross: FloatArray, explained: FloatArray, test_kernel: FloatArray
) -> FloatArray:
    """Return the covariance from U^T W^1/2 K_*^T, one time's `explained_share` and K_**.

    Symmetric; negative variances left by rounding become 0.
    """
    half = 0.5 * (rotated_cross.T * explained) @ rotated_cross
    covariance = half + half.T
    np.subtract(test_kernel, covariance, out=covariance)
    return with_nonnegative_variances(covariance)
