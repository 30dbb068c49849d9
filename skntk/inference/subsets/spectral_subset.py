"""Models on all rows of one eigendecomposition but some, for any strength of their noise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol, Self

import numpy as np
import numpy.typing as npt
from scipy.linalg import blas

from skntk.inference.linalg.arrays import FloatArray, as_targets
from skntk.inference.linalg.cholesky import CholeskySolver, CholeskySystem
from skntk.inference.linalg.solver import DenseOperator
from skntk.inference.posteriors.leave_one_out import left_out_factor
from skntk.inference.subsets.noise_spectrum import NoiseSpectrum

RowIndices = npt.NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class SpectralRows:
    """Training rows of a decomposition with their targets: all that does not depend on the noise.

    In what follows T are the training rows and J the others.
    """

    # The decomposition of n rows.
    spectrum: NoiseSpectrum
    # Positions of T in it, shape (m,), and their targets, shape (m,) or (m, outputs).
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


class SubsetPosterior(Protocol):
    """A model trained on rows of a kernel matrix."""

    def mean(self, rows: RowIndices) -> FloatArray:
        """Return its mean at rows, shape (m,) or (m, outputs)."""

    def variance(self, rows: RowIndices) -> FloatArray:
        """Return its variance at rows, shape (m,)."""

    def leave_one_out_mean(
        self, targets: npt.ArrayLike, repetitions: npt.ArrayLike | None = None
    ) -> FloatArray:
        """Return the means of the models that leave out one training row each."""

    def leave_one_out(self, targets: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
        """Return the means and the variances of the models that leave out one training row each."""

    @property
    def dual_coef(self) -> FloatArray:
        """Coefficients of the training rows in the mean, shape (n,) or (n, outputs)."""


@dataclass(frozen=True, eq=False)
class SpectralPosterior:
    """A model on training rows of a decomposition, with noise of one level that it resolves."""

    rows: SpectralRows
    level: float
    # That of the training rows, shape (m,).
    noise: FloatArray
    # Returns the prior of a `PrecomputedKernel`.
    find_prior: Callable[[], FloatArray | None]
    # Returns the model that predicts rows outside J: training rows, and those that are in no model.
    refit: Callable[[], SubsetPosterior]

    def mean(self, rows: RowIndices) -> FloatArray:
        """Return the mean at rows, shape (k,) or (k, outputs)."""
        places = self.rows.places(rows)
        return self.refit().mean(rows) if places is None else self._mean[places]

    def variance(self, rows: RowIndices) -> FloatArray:
        """Return the variance at rows, shape (k,)."""
        places = self.rows.places(rows)
        return self.refit().variance(rows) if places is None else self._variance[places]

    @cached_property
    def _mean(self) -> FloatArray:
        """The mean at J."""
        weighted = self._weights[:, np.newaxis] * self.rows.coordinates
        known = self.rows.left_out_vectors @ weighted
        return -self._system.solve(known).reshape(-1, *self.rows.targets.shape[1:])

    @cached_property
    def _variance(self) -> FloatArray:
        """The variance at J."""
        spectrum, prior = self.rows.spectrum, self.find_prior()
        if prior is None:
            noise = self.level * spectrum.pattern[self.rows.left_out]
            return np.maximum(np.diagonal(self._system.inverse()) - noise, 0.0)
        map_of_prior = self._system.solve(self.rows.left_out_vectors * self._weights)
        spread = map_of_prior @ spectrum.in_basis(prior)
        return np.maximum(np.einsum("ij,ij->i", spread, map_of_prior), 0.0)

    def leave_one_out_mean(
        self, targets: npt.ArrayLike, repetitions: npt.ArrayLike | None = None
    ) -> FloatArray:
        """Return y_i - [B_T^-1 y]_i / [B_T^-1]_ii for the training rows T."""
        y = as_targets(targets, len(self.rows.positions))
        factor = 1 / self._precision
        if repetitions is not None:
            number = np.asarray(repetitions, dtype=float)
            factor = left_out_factor(number, self.noise, self._precision)
        return y - (self._solve(y).T * factor).T

    def leave_one_out(self, targets: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
        """Return these means with their variances."""
        mean, prior = self.leave_one_out_mean(targets), self.find_prior()
        if prior is None:
            return mean, np.maximum(1.0 / self._precision - self.noise, 0.0)
        half = self._system.whiten(self.rows.left_out_vectors * self._weights)
        rows = self.rows.vectors * self._weights
        rows -= self._explained.T @ half
        # Divided first: squares of a kernel of unit 1e-200 or 1e200 are no numbers.
        rows /= self._precision[:, np.newaxis]
        spread = np.einsum("ij,ij->i", rows @ self.rows.spectrum.in_basis(prior), rows)
        return mean, np.maximum(spread, 0.0)

    @property
    def dual_coef(self) -> FloatArray:
        """B_T^-1 y, shape (m,) or (m, outputs)."""
        return self._solve(self.rows.targets)

    def _solve(self, y: FloatArray) -> FloatArray:
        r"""Return B_T^-1 y, where :math:`B_T^{-1} = M_{TT} - M_{TJ} (M_{JJ})^{-1} M_{JT}`."""
        coordinates = self.rows.vectors.T @ y.reshape(len(y), -1)
        weighted = self._weights[:, np.newaxis] * coordinates
        outside = self._system.whiten(self.rows.left_out_vectors @ weighted)
        inside = self.rows.vectors @ weighted
        return (inside - self._explained.T @ outside).reshape(y.shape)

    @cached_property
    def _explained(self) -> FloatArray:
        """L^-1 M_JT, with L the factor of M_JJ."""
        weighted = self.rows.left_out_vectors * self._weights
        return self._system.whiten(weighted @ self.rows.vectors.T)

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
    def _system(self) -> CholeskySystem:
        """M_JJ."""
        half = self.rows.left_out_vectors * np.sqrt(self._weights)
        # Half the work of a product: the factorization reads the lower triangle alone.
        triangle: FloatArray = blas.dsyrk(1.0, half.T, trans=1, lower=1)
        noise = np.zeros(len(half))
        return CholeskySolver().factorize(DenseOperator(triangle), noise, overwrite=True)
