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
# margin, for the inverse to be as accurate as by a Cholesky factorization.
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
        """Return a for which a P is the noise of the samples at some positions in `rows`.

        None if there is none, or if rounding of the eigenvalues would show beside a.
        """
        levels = noise / self.pattern[positions]
        level = float(levels[0])
        if np.abs(levels - level).max() > _SAME_LEVEL * level:
            return None
        return level if self.resolves(level) else None

    def leave_one_out(self, levels: FloatArray, targets: FloatArray) -> FloatArray:
        """Return the means of models that leave out one sample each, shape (n, outputs).

        ``levels``, shape (n,), has the level a of the noise of every model.
        """
        weighted = self._inverse_rows(levels)
        precision = np.einsum("ij,ij->i", weighted, self.vectors)
        dual_coef = weighted @ (self.vectors.T @ targets)
        return targets - dual_coef / precision[:, np.newaxis]

    def leave_one_out_variance(self, levels: FloatArray, prior: FloatArray | None) -> FloatArray:
        """Return the variances of models that leave out one sample each, shape (n,).

        ``prior`` is the NNGP kernel of all samples for ensembles of trained networks, and None for
        Gaussian processes.
        """
        weighted = self._inverse_rows(levels)
        precision = np.einsum("ij,ij->i", weighted, self.vectors)
        if prior is None:
            return np.maximum(1.0 / precision - levels * self.pattern, 0.0)
        # Divided first: squares of a kernel of unit 1e-200 or 1e200 are no numbers.
        weighted /= precision[:, np.newaxis]
        spread = np.einsum("ij,ij->i", weighted @ self.in_basis(prior), weighted)
        return np.maximum(spread, 0.0)

    def resolves(self, level: float) -> bool:
        """Return whether a level of noise is large beside the rounding of the eigenvalues."""
        smallest, largest = self.eigenvalues[0] + level, self.eigenvalues[-1] + level
        return bool(smallest * _LARGEST_CONDITION_NUMBER > largest)

    def _inverse_rows(self, levels: FloatArray) -> FloatArray:
        """Return V_i (Lambda + a_i)^-1 for each sample i."""
        return self.vectors / (self.eigenvalues + levels[:, np.newaxis])

    def in_basis(self, prior: FloatArray) -> FloatArray:
        """Return V^T K V for another kernel matrix K of all samples, always the same one."""
        if not self._prior_in_basis:
            within = prior[np.ix_(self.rows, self.rows)]
            half = self.vectors.T @ within
            self._prior_in_basis.append(half @ self.vectors)
        return self._prior_in_basis[0]
