"""Models on all rows of one eigendecomposition but some, for any strength of their noise."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
import numpy.typing as npt
from scipy.linalg import blas

from skntk.inference.linalg.arrays import FloatArray, as_targets
from skntk.inference.linalg.cholesky import cholesky_factor, inverse, solve, whiten
from skntk.inference.subsets.noise_spectrum import NoiseSpectrum

RowIndices = npt.NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class SpectralRows:
    """Training rows of a decomposition with their targets: all that does not depend on the noise.

    In what follows T are the training rows and J the others.

    Attributes
    ----------
    spectrum : NoiseSpectrum
        The decomposition of n rows.
    positions : ndarray of shape (m,)
        Positions of T in it.
    targets : ndarray of shape (m,) or (m, outputs)
    """

    spectrum: NoiseSpectrum
    positions: RowIndices
    targets: FloatArray

    @classmethod
    def of(cls, spectrum: NoiseSpectrum, rows: RowIndices, targets: FloatArray) -> Self | None:
        """Find rows in a decomposition; None if one is missing or repeated, or none left out."""
        if len(rows) >= len(spectrum.rows):
            return None
        positions = _positions(spectrum.rows, rows)
        if positions is None or np.bincount(positions).max() > 1:
            return None
        return cls(spectrum, positions, targets)

    def level(self, noise: FloatArray) -> float | None:
        """Return the level of a noise of T in the decomposition, None if it has none."""
        return self.spectrum.level(self.positions, noise)

    def places(self, rows: RowIndices) -> RowIndices | None:
        """Return the places of rows among J, None if one is not in J."""
        return _positions(self.spectrum.rows[self.left_out], rows)

    @cached_property
    def left_out(self) -> RowIndices:
        """Positions of J."""
        is_left_out = np.ones(len(self.spectrum.rows), dtype=bool)
        is_left_out[self.positions] = False
        return np.flatnonzero(is_left_out)

    @cached_property
    def left_out_vectors(self) -> FloatArray:
        """V_J."""
        return self.spectrum.vectors[self.left_out]

    @cached_property
    def vectors(self) -> FloatArray:
        """V_T."""
        return self.spectrum.vectors[self.positions]

    @cached_property
    def coordinates(self) -> FloatArray:
        """V_T^T y, shape (n, outputs)."""
        # The targets of J count as 0 here, so that nothing remains of them.
        padded = np.zeros((len(self.spectrum.rows), *self.targets.shape[1:]))
        padded[self.positions] = self.targets
        return self.spectrum.vectors.T @ padded.reshape(len(padded), -1)


def _positions(ascending: RowIndices, rows: RowIndices) -> RowIndices | None:
    """Return the positions of rows among ascending ones, None if one is missing."""
    positions = np.minimum(np.searchsorted(ascending, rows), len(ascending) - 1)
    return positions if np.array_equal(ascending[positions], rows) else None


@dataclass(frozen=True, eq=False)
class SpectralPosterior:
    """A model on training rows of a decomposition, with noise of one level.

    Attributes
    ----------
    rows : SpectralRows
    level : float
        Such that the decomposition resolves it.
    """

    rows: SpectralRows
    level: float

    @cached_property
    def mean(self) -> FloatArray:
        """The mean at J, shape (n - m,) or (n - m, outputs)."""
        weighted = self._weights[:, np.newaxis] * self.rows.coordinates
        known = self.rows.left_out_vectors @ weighted
        return -solve(self._factor, known).reshape(-1, *self.rows.targets.shape[1:])

    def variance(self, prior: FloatArray | None) -> FloatArray:
        """Return the variance at J, shape (n - m,), given the prior of a `PrecomputedKernel`."""
        spectrum = self.rows.spectrum
        if prior is None:
            noise = self.level * spectrum.pattern[self.rows.left_out]
            return np.maximum(np.diagonal(inverse(self._factor)) - noise, 0.0)
        map_of_prior = solve(self._factor, self.rows.left_out_vectors * self._weights)
        spread = map_of_prior @ spectrum.in_basis(prior)
        return np.maximum(np.einsum("ij,ij->i", spread, map_of_prior), 0.0)

    def leave_one_out_mean(self, targets: npt.ArrayLike) -> FloatArray:
        """Return y_i - [B_T^-1 y]_i / [B_T^-1]_ii for the training rows T."""
        y = as_targets(targets, len(self.rows.positions))
        return y - (self._solve(y).T / self._precision).T

    def leave_one_out(
        self, targets: npt.ArrayLike, noise: FloatArray, prior: FloatArray | None
    ) -> tuple[FloatArray, FloatArray]:
        """Return the means with their variances, given the noise of the training rows."""
        mean = self.leave_one_out_mean(targets)
        if prior is None:
            return mean, np.maximum(1.0 / self._precision - noise, 0.0)
        half = whiten(self._factor, self.rows.left_out_vectors * self._weights)
        rows = self.rows.vectors * self._weights
        rows -= self._explained.T @ half
        spread = np.einsum("ij,ij->i", rows @ self.rows.spectrum.in_basis(prior), rows)
        return mean, np.maximum(spread, 0.0) / np.square(self._precision)

    @property
    def dual_coef(self) -> FloatArray:
        """B_T^-1 y, shape (m,) or (m, outputs)."""
        return self._solve(self.rows.targets)

    def _solve(self, y: FloatArray) -> FloatArray:
        r"""Return B_T^-1 y, where :math:`B_T^{-1} = M_{TT} - M_{TJ} (M_{JJ})^{-1} M_{JT}`."""
        coordinates = self.rows.vectors.T @ y.reshape(len(y), -1)
        weighted = self._weights[:, np.newaxis] * coordinates
        outside = whiten(self._factor, self.rows.left_out_vectors @ weighted)
        inside = self.rows.vectors @ weighted
        return (inside - self._explained.T @ outside).reshape(y.shape)

    @cached_property
    def _explained(self) -> FloatArray:
        """L^-1 M_JT, with L the factor of M_JJ."""
        weighted = self.rows.left_out_vectors * self._weights
        return whiten(self._factor, weighted @ self.rows.vectors.T)

    @cached_property
    def _precision(self) -> FloatArray:
        """The diagonal of B_T^-1."""
        diagonal = np.square(self.rows.vectors) @ self._weights
        return diagonal - np.einsum("ij,ij->j", self._explained, self._explained)

    @cached_property
    def _weights(self) -> FloatArray:
        """The eigenvalues of M in the basis of the decomposition."""
        return 1.0 / (self.rows.spectrum.eigenvalues + self.level)

    @cached_property
    def _factor(self) -> FloatArray:
        """The Cholesky factor of M_JJ."""
        half = self.rows.left_out_vectors * np.sqrt(self._weights)
        # Half the work of a product: the factorization reads the lower triangle alone.
        triangle: FloatArray = blas.dsyrk(1.0, half.T, trans=1, lower=1)
        return cholesky_factor(triangle, np.zeros(len(half)), overwrite=True)
