r"""The curvature of a posterior of logits, in the space of features.

The logits of a row are :math:`\mu + \Theta^T \phi` and noise of variance a, with standard normal
coefficients :math:`\Theta` of shape (m, classes). With the expected counts e of the row at the
mode, the curvature of its likelihood with the noise integrated out is

.. math::

    \tilde W = (W^{-1} + a I)^{-1} = \text{diag}(d) - d d^T / \textstyle\sum_c d_c,
    \qquad d_c = e_c / (1 + a e_c),

and that of the log posterior is the matrix :math:`H = I + \sum_i \phi_i \phi_i^T \otimes
\tilde W_i` of m times classes rows. What is added to all logits of a row changes nothing: in this
direction H is the identity.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol, Self

import numpy as np
from scipy.linalg import blas, helmert

from skntk.inference.inducing.row_features import RowFeatures, weighted_grams
from skntk.inference.inducing.shifted_cholesky import shifted_cholesky
from skntk.inference.linalg.arrays import FloatArray
from skntk.inference.linalg.cholesky import CholeskySystem

__all__ = [
    "BlockCurvature",
    "Curvature",
    "FullCurvature",
    "bytes_of_curvature",
    "bytes_of_full_curvature",
    "curvature_at",
    "curvature_product",
    "curvature_weights",
    "is_exact",
]

# The exact curvature has so many rows at most, unless there are two classes.
_LARGEST = 4000
# Numbers that are whitened at a time.
_NUMBERS_IN_BLOCK = 2**23
# Matrices of the size of a curvature, at the peak of its making.
_MATRICES = 3


class Curvature(Protocol):
    """The matrix H, or an approximation of it."""

    def solve(self, values: FloatArray) -> FloatArray:
        """Return H^-1 times coefficients of shape (m, classes)."""

    def covariance(self, features: FloatArray) -> FloatArray:
        r"""Return the covariance of :math:`\Theta^T \phi`, shape (t, classes, classes).

        Features have the shape (m, t).
        """

    @property
    def log_determinant(self) -> float:
        """Return log |H|."""


def curvature_weights(expected: FloatArray, noise: FloatArray) -> FloatArray:
    """Return d, given expected counts of shape (n, classes) and noise of shape (n,)."""
    return expected / (1.0 + noise[:, np.newaxis] * expected)


def curvature_product(weights: FloatArray, values: FloatArray) -> FloatArray:
    r"""Return :math:`\tilde W v` of rows, given d and v of shape (b, classes)."""
    weighted = weights * values
    share = weighted.sum(axis=1, keepdims=True) / weights.sum(axis=1, keepdims=True)
    return weighted - weights * share


def is_exact(n_points: int, n_classes: int) -> bool:
    """Return whether `curvature_at` is exact, and no approximation of separate classes."""
    return n_classes == 2 or n_points * (n_classes - 1) <= _LARGEST


def bytes_of_curvature(n_points: int, n_classes: int) -> int:
    """Return the memory that `curvature_at` takes."""
    if is_exact(n_points, n_classes):
        return bytes_of_full_curvature(n_points, n_classes)
    return _MATRICES * (n_classes + 1) * n_points**2 * 8


def bytes_of_full_curvature(n_points: int, n_classes: int) -> int:
    """Return the memory that a `FullCurvature` takes."""
    return _MATRICES * (n_points * (n_classes - 1)) ** 2 * 8


def curvature_at(features: RowFeatures, weights: FloatArray) -> Curvature:
    """Return the curvature, given d of shape (n, classes): exact where that is not too large."""
    if is_exact(features.n_points, weights.shape[1]):
        return FullCurvature.of(features, weights)
    return BlockCurvature.of(features, weights)


@dataclass(frozen=True, eq=False)
class FullCurvature:
    """H between orthonormal contrasts of classes, factorized.

    Attributes
    ----------
    basis : ndarray of shape (classes, classes - 1)
        The contrasts.
    system : CholeskySystem
        Of m (classes - 1) rows, one contrast after the other.
    """

    basis: FloatArray
    system: CholeskySystem

    @classmethod
    def of(cls, features: RowFeatures, weights: FloatArray) -> Self:
        """Sum over rows and factorize."""
        m, n_classes = features.n_points, weights.shape[1]
        basis: FloatArray = helmert(n_classes).T
        pairs = [(i, j) for i in range(n_classes - 1) for j in range(i + 1)]
        grams = weighted_grams(features, _between_contrasts(weights, basis, pairs))
        matrix = np.zeros((m * (n_classes - 1),) * 2, order="F")
        for (i, j), gram in zip(pairs, grams, strict=True):
            matrix[i * m : (i + 1) * m, j * m : (j + 1) * m] = gram + np.tril(gram, -1).T
        return cls(basis, _factorized(matrix))

    def solve(self, values: FloatArray) -> FloatArray:
        """Return H^-1 times coefficients."""
        contrasts = values @ self.basis
        solution = self.system.solve(contrasts.T.ravel()).reshape(contrasts.T.shape)
        common: FloatArray = values.mean(axis=1, keepdims=True)
        return common + (self.basis @ solution).T

    def covariance(self, features: FloatArray) -> FloatArray:
        """Return the covariance of the products of features and coefficients."""
        parts = [self._covariance(features[:, rows]) for rows in self._blocks(features.shape[1])]
        return np.concatenate(parts)

    @property
    def log_determinant(self) -> float:
        """Return log |H|."""
        return self.system.log_determinant()

    def _blocks(self, n_rows: int) -> Iterator[slice]:
        size, n_contrasts = self.system.shape[0], self.basis.shape[1]
        step = max(1, _NUMBERS_IN_BLOCK // (size * n_contrasts))
        for start in range(0, max(n_rows, 1), step):
            yield slice(start, start + step)

    def _covariance(self, features: FloatArray) -> FloatArray:
        (m, n_rows), n_contrasts = features.shape, self.basis.shape[1]
        columns = np.zeros((m * n_contrasts, n_rows * n_contrasts), order="F")
        for k in range(n_contrasts):
            columns[k * m : (k + 1) * m, k * n_rows : (k + 1) * n_rows] = features
        whitened = blas.dtrsm(1.0, self.system.factor, columns, lower=1, overwrite_b=1)
        by_contrast = whitened.reshape(-1, n_contrasts, n_rows).transpose(2, 1, 0)
        within = by_contrast @ by_contrast.transpose(0, 2, 1)
        return self.basis @ within @ self.basis.T + _common_part(features, len(self.basis))


@dataclass(frozen=True, eq=False)
class BlockCurvature:
    r"""H of classes that are taken apart, each with its expected counts.

    Without the term :math:`d d^T / \sum_c d_c` the classes are independent, with
    :math:`A_c = I + \Phi\, \text{diag}(d_c)\, \Phi^T`. Of their covariance

    .. math::

        \phi^T A_c^{-1} \phi

    the part between contrasts of classes is taken; what is common to all classes has the covariance
    of the prior, which is exact. Where the probabilities of the classes are the same for all rows,
    this is right for rows that say little and for rows that say much: the inverse of
    :math:`\text{diag}(p) - p p^T` between contrasts is that of :math:`\text{diag}(p)`. The
    determinant is that of the :math:`A_c` less that of :math:`I + \Phi\, \text{diag}(\sum_c d_c)\,
    \Phi^T / C`, right in the same cases for C equally frequent classes, and for rows that say much.

    Attributes
    ----------
    systems : list of CholeskySystem
        Of m rows for each class.
    log_determinant : float
    """

    systems: list[CholeskySystem]
    log_determinant: float

    @classmethod
    def of(cls, features: RowFeatures, weights: FloatArray) -> Self:
        """Sum over rows and factorize."""
        columns = np.column_stack([weights, weights.mean(axis=1)])
        *systems, shared = map(_factorized, weighted_grams(features, columns))
        determinants = [system.log_determinant() for system in systems]
        return cls(systems, sum(determinants) - shared.log_determinant())

    def solve(self, values: FloatArray) -> FloatArray:
        """Return H^-1 times coefficients."""
        common: FloatArray = values.mean(axis=1, keepdims=True)
        columns = zip(self.systems, (values - common).T, strict=True)
        solution = np.column_stack([system.solve(column) for system, column in columns])
        return common + solution - solution.mean(axis=1, keepdims=True)

    def covariance(self, features: FloatArray) -> FloatArray:
        """Return the covariance of the products of features and coefficients."""
        n_classes = len(self.systems)
        variance = np.column_stack([system.quadratic_form(features) for system in self.systems])
        contrasts = np.eye(n_classes) - 1.0 / n_classes
        within = (contrasts * variance[:, np.newaxis]) @ contrasts
        return within + _common_part(features, n_classes)


def _between_contrasts(
    weights: FloatArray, basis: FloatArray, pairs: list[tuple[int, int]]
) -> FloatArray:
    """Return entries of W between pairs of contrasts, for all rows, shape (n, len(pairs))."""
    along = weights @ basis / np.sqrt(weights.sum(axis=1, keepdims=True))
    entries = np.empty((len(weights), len(pairs)))
    for column, (i, j) in zip(entries.T, pairs, strict=True):
        column[:] = weights @ (basis[:, i] * basis[:, j]) - along[:, i] * along[:, j]
        if i == j:
            np.maximum(column, 0.0, out=column)
    return entries


def _common_part(features: FloatArray, n_classes: int) -> FloatArray:
    """Return the covariance of what is added to all classes, which has that of the prior."""
    prior = np.einsum("ij,ij->j", features, features) / n_classes
    return prior[:, np.newaxis, np.newaxis]


def _factorized(matrix: FloatArray) -> CholeskySystem:
    """Return I + A, given the lower triangle of A."""
    return CholeskySystem(shifted_cholesky(matrix, 1.0).factor)
