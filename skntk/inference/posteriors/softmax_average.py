"""The mean of the softmax under a normal distribution: from latent values to probabilities."""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt
from scipy.special import expit, ndtr, softmax
from scipy.stats import norm, qmc

from skntk.inference.linalg.arrays import FloatArray, as_finite

__all__ = ["average_softmax"]

# The trapezoidal rule below is exact to rounding with these steps and ranges.
_NORMAL_GRID = np.arange(-45, 46) * 0.2
_LOGISTIC_GRID = np.arange(-95, 96) * 0.4
_WIDE = 2.0

_N_POINTS = 1024
# Values of softmax functions that are held at once.
_VALUES_IN_BLOCK = 2**22


def average_softmax(mean: npt.ArrayLike, covariance: npt.ArrayLike) -> FloatArray:
    r"""Return the mean of softmax(f) for normal f.

    .. math::

        p_c = \int \frac{e^{f_c}}{\sum_{c'} e^{f_{c'}}} \, N(f \mid \mu, \Sigma) \, df

    (C. E. Rasmussen and C. K. I. Williams, Gaussian Processes for Machine Learning, 2006,
    equation 3.55). Of two classes it depends on :math:`f_1 - f_0` alone and is integrated by
    the trapezoidal rule, exact to about 1e-14. More classes are averaged over 1024 points of a
    Sobol sequence, a fixed set, and their mirror images: equal arguments give equal results, with
    errors below 0.005 for up to ten classes and below 0.01 for fifty, at variances of up to 100.

    Parameters
    ----------
    mean : array-like of shape (m, classes)
        :math:`\mu` for each of m distributions; at least two classes.
    covariance : array-like of shape (m, classes, classes)
        :math:`\Sigma`, positive semidefinite.

    Returns
    -------
    ndarray of shape (m, classes)
        Positive unless they underflow; rows sum to 1.

    Raises
    ------
    ValueError
        If shapes do not fit or an entry is not finite.

    Examples
    --------
    >>> import numpy as np
    >>> from skntk.inference import average_softmax
    >>> average_softmax([[0.0, 2.0]], np.zeros((1, 2, 2))).round(3)  # certain: the softmax itself
    array([[0.119, 0.881]])
    >>> average_softmax([[0.0, 2.0]], 9 * np.eye(2)[np.newaxis]).round(3)  # uncertain: nearer 1/2
    array([[0.332, 0.668]])
    """
    center = as_finite(mean, "The means", "check what they were computed from")
    spread = as_finite(covariance, "The covariances", "check what they were computed from")
    if center.ndim != 2 or center.shape[1] < 2 or spread.shape != (*center.shape, center.shape[1]):
        raise ValueError(
            "`mean` must have shape (m, classes) with at least two classes and `covariance` "
            f"(m, classes, classes), got {center.shape} and {spread.shape}."
        )
    if center.shape[1] == 2:
        variance = spread[:, 0, 0] + spread[:, 1, 1] - 2 * spread[:, 0, 1]
        deviation = np.sqrt(np.maximum(variance, 0.0))
        difference = center[:, 1] - center[:, 0]
        # Each from its own integral: 1 minus the other would lose the digits of a small one.
        return np.column_stack(
            [average_logistic(-difference, deviation), average_logistic(difference, deviation)]
        )
    return _average_over_points(center, spread)


def average_logistic(mean: FloatArray, std: FloatArray) -> FloatArray:
    r"""Return the mean of the logistic function 1 / (1 + exp(-u)) for normal u.

    The trapezoidal rule converges exponentially on functions that are analytic in a strip
    around the real line, with the width of the strip in the rate (L. N. Trefethen and
    J. A. C. Weideman, The exponentially convergent trapezoidal rule, SIAM Review 2014). For small
    deviations s the normal density in units of s is the weight. For large ones the poles of the
    logistic function come near in these units, and integration by parts exchanges the roles:
    :math:`\int \sigma'(u) \, \Phi((\mu - u) / s) \, du`. Deviations may be 0.
    """
    average = np.empty(len(mean))
    narrow, wide = std <= _WIDE, std > _WIDE
    weight = norm.pdf(_NORMAL_GRID)
    points = mean[narrow, np.newaxis] + std[narrow, np.newaxis] * _NORMAL_GRID
    average[narrow] = expit(points) @ (weight / weight.sum())
    density = expit(_LOGISTIC_GRID) * expit(-_LOGISTIC_GRID)
    points = (mean[wide, np.newaxis] - _LOGISTIC_GRID) / std[wide, np.newaxis]
    average[wide] = ndtr(points) @ (density / density.sum())
    return average


def _average_over_points(mean: FloatArray, covariance: FloatArray) -> FloatArray:
    n_classes = mean.shape[1]
    points = _normal_points(n_classes)
    root = _square_roots(covariance)
    average = np.empty_like(mean)
    n_rows = max(1, _VALUES_IN_BLOCK // points.size)
    for start in range(0, len(mean), n_rows):
        rows = slice(start, start + n_rows)
        deviation = np.matmul(points, root[rows].transpose(0, 2, 1))
        center = mean[rows, np.newaxis]
        one_side = softmax(center + deviation, axis=2).mean(axis=1)
        average[rows] = (one_side + softmax(center - deviation, axis=2).mean(axis=1)) / 2
    return average


@cache
def _normal_points(n_dimensions: int) -> FloatArray:
    """Return points of shape (n_points, n_dimensions) that spread like a standard normal."""
    uniform = qmc.Sobol(n_dimensions, scramble=True, rng=0).random(_N_POINTS)
    points: FloatArray = norm.ppf(uniform)
    points.setflags(write=False)
    return points


def _square_roots(covariance: FloatArray) -> FloatArray:
    """Return matrices R with R R^T the covariances, which may be singular."""
    values, vectors = np.linalg.eigh(covariance)
    # The largest first: the first coordinates of a Sobol sequence are its best.
    scale = np.sqrt(np.maximum(values, 0.0))[:, np.newaxis, ::-1]
    root: FloatArray = vectors[:, :, ::-1] * scale
    return root
