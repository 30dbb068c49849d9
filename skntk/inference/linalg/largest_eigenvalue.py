"""The largest eigenvalue of a training kernel, without its other eigenvalues."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.sparse.linalg import LinearOperator, eigsh

from skntk.inference.linalg.arrays import FloatArray, per_sample
from skntk.inference.linalg.solver import LinearSystem

__all__ = ["largest_eigenvalue"]

# Below this size all eigenvalues cost nothing.
_SMALL = 64


def largest_eigenvalue(system: LinearSystem, sample_weight: npt.ArrayLike | None = None) -> float:
    """Return the largest eigenvalue of W^1/2 A W^1/2.

    By the Lanczos method, some tens of products of A and a vector, from a fixed start.

    Parameters
    ----------
    system : LinearSystem
        A.
    sample_weight : float or array-like of shape (n,), default=None
        The diagonal of W, nonnegative. None means 1 for every sample.

    Returns
    -------
    float
        To working precision.

    Examples
    --------
    >>> import numpy as np
    >>> from skntk.inference import GaussianProcessPosterior, largest_eigenvalue
    >>> posterior = GaussianProcessPosterior.condition(np.diag([1.0, 3.0]), 1.0, [0.0, 0.0])
    >>> round(largest_eigenvalue(posterior.system), 9)
    4.0
    """
    n_samples = system.shape[0]
    root_weight = np.sqrt(per_sample(sample_weight, n_samples, "sample_weight", default=1.0))
    if n_samples <= _SMALL:
        matrix = system.matmul(np.eye(system.shape[0])) * np.multiply.outer(
            root_weight, root_weight
        )
        return float(np.linalg.eigvalsh(matrix)[-1])

    def product(vector: FloatArray) -> FloatArray:
        return root_weight * system.matmul(root_weight * vector.ravel())

    operator = LinearOperator((n_samples, n_samples), matvec=product, dtype=np.float64)
    start = np.random.default_rng(0).standard_normal(n_samples)
    (largest,) = eigsh(operator, k=1, v0=start, return_eigenvectors=False)
    return float(largest)


def largest_curvature(system: LinearSystem, sample_weight: npt.ArrayLike | None = None) -> float:
    """Return the largest eigenvalue of W^1/2 A W^1/2 / N, N the sum of the weights."""
    weight = per_sample(sample_weight, system.shape[0], "sample_weight", default=1.0)
    return largest_eigenvalue(system, weight) / float(weight.sum())
