"""The largest eigenvalue of a training kernel, without its other eigenvalues."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.sparse.linalg import LinearOperator, eigsh

from skntk.inference.linalg.arrays import FloatArray, per_sample

__all__ = ["largest_eigenvalue"]

# Below this size all eigenvalues cost nothing.
_SMALL = 64


def largest_eigenvalue(factor: FloatArray, sample_weight: npt.ArrayLike | None = None) -> float:
    """Return the largest eigenvalue of W^1/2 L L^T W^1/2.

    By the Lanczos method, some tens of products of a matrix and a vector, from a fixed start.

    Parameters
    ----------
    factor : ndarray of shape (n, n)
        L.
    sample_weight : float or array-like of shape (n,), default=None
        The diagonal of W, nonnegative. None means 1 for every sample.

    Returns
    -------
    float
        To working precision.

    Examples
    --------
    >>> import numpy as np
    >>> from skntk.inference import largest_eigenvalue
    >>> largest_eigenvalue(np.diag([1.0, 2.0]))
    4.0
    """
    n_samples = len(factor)
    root_weight = np.sqrt(per_sample(sample_weight, n_samples, "sample_weight", default=1.0))
    if n_samples <= _SMALL:
        return float(np.linalg.norm(factor * root_weight[:, np.newaxis], 2) ** 2)

    def product(vector: FloatArray) -> FloatArray:
        return root_weight * (factor @ (factor.T @ (root_weight * vector.ravel())))

    operator = LinearOperator((n_samples, n_samples), matvec=product, dtype=np.float64)
    start = np.random.default_rng(0).standard_normal(n_samples)
    (largest,) = eigsh(operator, k=1, v0=start, return_eigenvectors=False)
    return float(largest)
