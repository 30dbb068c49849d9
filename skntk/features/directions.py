"""Normal vectors that are orthogonal to each other, for the weights of random neurons."""

from __future__ import annotations

import numpy as np

# With so many times more features than neurons, independent vectors are nearly orthogonal.
NEARLY_ORTHOGONAL = 16


def normal_directions(
    random: np.random.Generator, n_features: int, n_vectors: int, dtype: np.dtype
) -> np.ndarray:
    """Draw standard normal vectors, as many of them as possible orthogonal to each other.

    Every vector for itself has independent standard normal entries, so that means over functions of
    single vectors are unbiased. As orthogonal ones repeat each other less, they have a lower
    variance [1]_.

    Parameters
    ----------
    random : numpy.random.Generator
    n_features, n_vectors : int
    dtype : numpy.dtype

    Returns
    -------
    ndarray of shape (n_features, n_vectors)

    References
    ----------
    .. [1] Yu, Suresh, Choromanski, Holtmann-Rice, Kumar, "Orthogonal random features", NeurIPS
       2016.
    """
    if n_features > NEARLY_ORTHOGONAL * n_vectors:
        return random.standard_normal((n_features, n_vectors), dtype)
    n_orthogonal = min(n_features, n_vectors)
    n_groups = -(-n_vectors // n_orthogonal)
    normal = random.standard_normal((n_groups, n_features, n_orthogonal))
    directions, triangle = np.linalg.qr(normal)
    # Without these signs the factorization would prefer some rotations to others.
    directions *= np.sign(np.diagonal(triangle, axis1=1, axis2=2))[:, None]
    directions *= np.sqrt(random.chisquare(n_features, (n_groups, 1, n_orthogonal)))
    vectors = np.moveaxis(directions, 0, 1).reshape(n_features, n_groups * n_orthogonal)
    return np.ascontiguousarray(vectors[:, :n_vectors], dtype)
