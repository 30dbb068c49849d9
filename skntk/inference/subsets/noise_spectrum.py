r"""One eigendecomposition of a training kernel, for every strength of its noise and every fold.

With kernel K over n samples and noise a P, P a positive diagonal matrix, the eigendecomposition
:math:`P^{-1/2} K P^{-1/2} = U \Lambda U^T` gives for every a > 0

.. math::

    (K + a P)^{-1} = V (\Lambda + a)^{-1} V^T, \qquad V = P^{-1/2} U.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from scipy.linalg import lapack

from skntk.inference.linalg.arrays import FloatArray, as_fortran

# Rounding moves eigenvalues by about eps times the largest. Noise has to be larger than that by a
# margin, for the inverse to be as accurate as by a Cholesky factorisation.
_LARGEST_CONDITION_NUMBER = 1e8
# Levels of noise that differ by rounding alone are one level.
_SAME_LEVEL = 16 * np.finfo(np.float64).eps


@dataclass(frozen=True, eq=False)
class NoiseSpectrum:
    """The eigendecomposition of a kernel matrix in units of its noise.

    Attributes
    ----------
    rows : ndarray of shape (n,)
        Which samples the decomposition is of, ascending.
    pattern : ndarray of shape (n,)
        Positive: the diagonal of P.
    eigenvalues : ndarray of shape (n,)
        Ascending.
    vectors : ndarray of shape (n, n)
        V, in columns.
    """

    rows: npt.NDArray[np.intp]
    pattern: FloatArray
    eigenvalues: FloatArray
    vectors: FloatArray
    _prior_in_basis: list[FloatArray] = field(default_factory=list)

    @classmethod
    def decompose(
        cls, kernel: FloatArray, rows: npt.NDArray[np.intp], pattern: FloatArray
    ) -> NoiseSpectrum:
        """Decompose the kernel matrix of some samples.

        Parameters
        ----------
        kernel : ndarray of shape (n_samples, n_samples)
            Symmetric kernel matrix of all samples.
        rows : ndarray of shape (n,)
            Samples to decompose the matrix of, ascending.
        pattern : ndarray of shape (n,)
            Positive: the noise of each of them at level 1.
        """
        root = np.sqrt(pattern)
        matrix = kernel[np.ix_(rows, rows)] / root
        matrix /= root[:, np.newaxis]
        eigenvalues, vectors, failure = lapack.dsyevd(
            as_fortran(matrix, overwrite=True), lower=1, overwrite_a=1
        )
        if failure:
            raise np.linalg.LinAlgError(
                "The eigendecomposition of the training kernel did not converge: rescale the "
                "inputs, or reduce `weight_std`."
            )
        # By rows in memory: folds take rows of it.
        return cls(rows, pattern, eigenvalues, np.ascontiguousarray(vectors / root[:, np.newaxis]))

    def level(self, positions: npt.NDArray[np.intp], noise: FloatArray) -> float | None:
        """Return a for which a P is the noise of some of the samples, None if there is none.

        There is none either where rounding of the eigenvalues would show beside a.

        Parameters
        ----------
        positions : ndarray of shape (m,)
            Positions in `rows`.
        noise : ndarray of shape (m,)
            Noise of these samples.
        """
        levels = noise / self.pattern[positions]
        level = float(levels[0])
        if np.abs(levels - level).max() > _SAME_LEVEL * level:
            return None
        return level if self.resolves(level) else None

    def leave_one_out(self, levels: FloatArray, targets: FloatArray) -> FloatArray:
        """Return the means of models that leave out one sample each, at a level of noise each.

        Parameters
        ----------
        levels : ndarray of shape (n,)
            a, for the model that leaves out this sample.
        targets : ndarray of shape (n, outputs)
            One row for each sample.

        Returns
        -------
        ndarray of shape (n, outputs)
        """
        weighted = self._rows_of_inverse(levels)
        precision = np.einsum("ij,ij->i", weighted, self.vectors)
        dual_coef = weighted @ (self.vectors.T @ targets)
        return targets - dual_coef / precision[:, np.newaxis]

    def leave_one_out_variance(self, levels: FloatArray, prior: FloatArray | None) -> FloatArray:
        """Return the variances of models that leave out one sample each.

        Parameters
        ----------
        levels : ndarray of shape (n,)
            As in `leave_one_out`.
        prior : ndarray of shape (n_samples, n_samples) or None
            NNGP kernel of all samples for ensembles of trained networks, None for Gaussian
            processes.

        Returns
        -------
        ndarray of shape (n,)
        """
        weighted = self._rows_of_inverse(levels)
        precision = np.einsum("ij,ij->i", weighted, self.vectors)
        if prior is None:
            return np.maximum(1.0 / precision - levels * self.pattern, 0.0)
        spread = np.einsum("ij,ij->i", weighted @ self.in_basis(prior), weighted)
        return np.maximum(spread / np.square(precision), 0.0)

    def resolves(self, level: float) -> bool:
        """Return whether a level of noise is large beside the rounding of the eigenvalues."""
        smallest, largest = self.eigenvalues[0] + level, self.eigenvalues[-1] + level
        return bool(smallest * _LARGEST_CONDITION_NUMBER > largest)

    def _rows_of_inverse(self, levels: FloatArray) -> FloatArray:
        """Return V_i (Lambda + a_i)^-1 for each sample i."""
        return self.vectors / (self.eigenvalues + levels[:, np.newaxis])

    def in_basis(self, prior: FloatArray) -> FloatArray:
        """Return V^T K V for another kernel matrix K of all samples; computed once.

        Parameters
        ----------
        prior : ndarray of shape (n_samples, n_samples)
            Always the same matrix.
        """
        if not self._prior_in_basis:
            within = prior[np.ix_(self.rows, self.rows)]
            half = self.vectors.T @ within
            self._prior_in_basis.append(half @ self.vectors)
        return self._prior_in_basis[0]
