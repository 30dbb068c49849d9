"""Samples of functions at finitely many points, given their mean and covariance."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.linalg import eigh

from skntk._validation import is_integer
from skntk.inference.linalg.arrays import FloatArray, as_finite, as_fortran

__all__ = ["sample_gaussian"]


def sample_gaussian(
    mean: npt.ArrayLike,
    covariance: npt.ArrayLike,
    n_samples: int = 1,
    random_state: int | np.random.Generator | np.random.RandomState | None = None,
) -> FloatArray:
    """Draw from a normal distribution whose covariance may be singular.

    The covariance is factorized by its eigenvectors, which posteriors that know the function
    exactly at some points need. Eigenvalues made negative by rounding count as 0.

    Parameters
    ----------
    mean : array-like of shape (m,) or (m, outputs)
        Means at m points.
    covariance : array-like of shape (m, m)
        Symmetric covariance of the points, the same for all outputs. Outputs are independent.
    n_samples : int, default=1
        Number of draws.
    random_state : int, Generator, RandomState or None, default=None
        Source of randomness. An int gives the same draws on every call.

    Returns
    -------
    ndarray of shape (m, n_samples) or (m, outputs, n_samples)
        The draws, along the last axis.

    Raises
    ------
    ValueError
        If shapes do not fit, an entry is NaN or infinite, or ``n_samples`` is not a whole number of
        at least 0.

    Examples
    --------
    >>> import numpy as np
    >>> from skntk.inference import sample_gaussian
    >>> draws = sample_gaussian(np.zeros(2), np.ones((2, 2)), n_samples=3, random_state=0)
    >>> draws.shape, np.allclose(draws[0], draws[1])  # perfectly correlated points
    ((2, 3), True)
    """
    remedy = "rescale the inputs or reduce `weight_std`"
    center = as_finite(mean, "The mean", remedy)
    matrix = as_finite(covariance, "The covariance", remedy)
    if center.ndim not in (1, 2) or matrix.shape != (len(center), len(center)):
        raise ValueError(
            "The mean must have shape (m,) or (m, outputs) and the covariance (m, m), got "
            f"{center.shape} and {matrix.shape}."
        )
    if not is_integer(n_samples) or n_samples < 0:
        raise ValueError(f"n_samples must be a whole number >= 0, got {n_samples!r}.")
    root = _square_root(matrix)
    standard = _generator(random_state).standard_normal((*center.shape, n_samples))
    return center[..., np.newaxis] + np.tensordot(root, standard, axes=(1, 0))


def _square_root(covariance: FloatArray) -> FloatArray:
    eigenvalues, eigenvectors = eigh(
        as_fortran(covariance, overwrite=False), overwrite_a=True, check_finite=False
    )
    return eigenvectors * np.sqrt(np.maximum(eigenvalues, 0.0))


def _generator(
    random_state: int | np.random.Generator | np.random.RandomState | None,
) -> np.random.Generator | np.random.RandomState:
    if isinstance(random_state, (np.random.Generator, np.random.RandomState)):
        return random_state
    return np.random.default_rng(random_state)
