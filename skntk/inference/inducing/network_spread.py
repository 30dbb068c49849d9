"""The spread over initial functions of networks that were trained through inducing points."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from skntk.inference.inducing.projected_system import ProjectedSystem
from skntk.inference.inducing.whitening import AnyFloat
from skntk.inference.linalg.arrays import FloatArray

__all__ = ["NetworkSpread"]

# Kernels of equal rows that are computed in different tiles differ by so many roundings.
_ROUNDINGS = 64


@dataclass(frozen=True, eq=False)
class NetworkSpread:
    r"""The variance :math:`K_{xx} - 2 p^T k_Z(x) + p^T K_{ZZ} p` at rows x.

    The prediction of a network is :math:`f_0(x) - p^T f_0(Z)` plus the mean, with

    .. math::

        p = L^{-T} \left(I - s (F + s I)^{-1}\right) \phi,

    as in `SparseEnsemble`. With little noise networks agree at an inducing point z_j, where p is
    nearly the unit vector e_j: the difference of numbers of order 1 would have no digit left. There
    :math:`g = e_j - p = s L^{-T} (F + s I)^{-1} \phi` is known, and the variance is
    :math:`g^T K_{ZZ} g`.

    Attributes
    ----------
    change : ndarray of shape (m, b)
        Half of the derivative of the variance by p, :math:`K_{ZZ} p - k_Z(x)`.
    variance : ndarray of shape (b,)
    is_point : ndarray of bool of shape (b,)
        Which rows are inducing points.
    weights : ndarray of shape (m, b)
        p, or where a row is a point g: their products are the derivative by K_ZZ.
    """

    change: FloatArray
    variance: FloatArray
    is_point: np.ndarray
    weights: FloatArray

    @classmethod
    def of(
        cls,
        system: ProjectedSystem,
        nngp: FloatArray,
        features: FloatArray,
        nngp_cross: FloatArray,
        nngp_diagonal: FloatArray,
    ) -> Self:
        """Return the spread at b rows.

        Parameters
        ----------
        system : ProjectedSystem
        nngp : ndarray of shape (m, m)
            The NNGP kernel between the inducing points.
        features : ndarray of shape (m, b)
            Of the NTK.
        nngp_cross : ndarray of shape (b, m)
        nngp_diagonal : ndarray of shape (b,)
        """
        forgotten = system.noise * system.solve(features)
        weights = system.whitening.to_kernel_coefficients(features - forgotten)
        change = nngp @ weights - nngp_cross.T
        variance = nngp_diagonal + np.einsum("ij,ij->j", weights, change - nngp_cross.T)
        points = rows_that_are_points(nngp, nngp_cross, nngp_diagonal)
        if points.any():
            weights[:, points] = system.whitening.to_kernel_coefficients(forgotten[:, points])
            change[:, points] = -(nngp @ weights[:, points])
            variance[points] = -np.einsum("ij,ij->j", weights[:, points], change[:, points])
        return cls(change, np.maximum(variance, 0.0), points, weights)


def rows_that_are_points(
    nngp: FloatArray, nngp_cross: AnyFloat, nngp_diagonal: FloatArray
) -> np.ndarray:
    """Return which rows are inducing points, by their kernels with these."""
    diagonal = np.diagonal(nngp)
    rounding = _ROUNDINGS * np.finfo(np.float64).eps * float(diagonal.max())
    nearest = np.argmax(nngp_cross - 0.5 * diagonal, axis=1)
    are_points = np.abs(nngp_diagonal - diagonal[nearest]) <= rounding
    close = np.flatnonzero(are_points)
    between = nngp_cross[close, nearest[close]]
    close = close[np.abs(between - diagonal[nearest[close]]) <= rounding]
    equal = np.abs(nngp_cross[close] - nngp[nearest[close]]).max(axis=1, initial=0.0) <= rounding
    are_points[:] = False
    are_points[close[equal]] = True
    return are_points
