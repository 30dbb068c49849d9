"""How far networks disagree of which only the last layer is trained.

With S = W^1/2 K W^1/2 + A, eigenvalues s of S and the residual r of training, the covariance is

    K_** - K_* W^1/2 U diag((1 - r^2) / s) U^T W^1/2 K_*^T,

where the targets of every network carry noise of covariance A (J. Lee et al., Wide neural
networks of any depth evolve as linear models under gradient descent, 2019, section 2.3).
"""

from __future__ import annotations

import numpy as np

from skntk.inference.linalg.arrays import FloatArray, diagonal_view
from skntk.inference.training.kernel_spectrum import KernelSpectrum
from skntk.inference.training.training_methods import TrainingMethod


def explained_share(
    spectrum: KernelSpectrum, training_method: TrainingMethod, times: FloatArray
) -> FloatArray:
    """Return (1 - r^2) / s for each eigenvalue and time.

    Negative where steps with momentum overshoot: the networks then disagree more than untrained
    ones.

    Parameters
    ----------
    spectrum : KernelSpectrum
        The eigendecomposition of S.
    training_method : TrainingMethod
        The method of training.
    times : ndarray of shape (n_times,)
        Training times.

    Returns
    -------
    ndarray of shape (n, n_times)
        One column for each time.
    """
    return spectrum.filter_function(training_method, times) * (
        1.0 + spectrum.residual_function(training_method, times)
    )


def readout_covariance(
    rotated_cross: FloatArray, explained: FloatArray, test_kernel: FloatArray
) -> FloatArray:
    """Return the covariance between test points.

    Parameters
    ----------
    rotated_cross : ndarray of shape (n, m)
        NNGP kernel between training and test samples, in the eigenvectors of S.
    explained : ndarray of shape (n,)
        A column of :func:`explained_share`.
    test_kernel : ndarray of shape (m, m)
        NNGP kernel between test samples.

    Returns
    -------
    ndarray of shape (m, m)
        Symmetric. Negative variances left by rounding become 0.
    """
    half = 0.5 * (rotated_cross.T * explained) @ rotated_cross
    covariance = half + half.T
    np.subtract(test_kernel, covariance, out=covariance)
    variance = diagonal_view(covariance)
    np.maximum(variance, 0.0, out=variance)
    return covariance
