r"""The equations of ridge regression in the features of the inducing points."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
import numpy.typing as npt
from scipy.linalg import blas, eigvalsh, lapack

from skntk.inference.inducing.gram_spectrum import GramSpectrum
from skntk.inference.inducing.shifted_cholesky import shifted_cholesky
from skntk.inference.inducing.sums import RowSums
from skntk.inference.inducing.whitening import Whitening
from skntk.inference.linalg.arrays import FloatArray

__all__ = ["ProjectedSystem"]

AnyFloat = npt.NDArray[np.floating]


@dataclass(frozen=True, eq=False)
class ProjectedSystem:
    r"""F + s I, with F the sum of the products of features, weighted, and s the noise.

    With features :math:`\Phi` of n rows, weights W and :math:`F = \Phi W \Phi^T`, the matrix
    :math:`B = \Phi^T \Phi + s W^{-1}` of all rows has

    .. math::

        B^{-1} = \frac1s \left(W - W \Phi^T (F + s I)^{-1} \Phi W\right), \qquad
        \log |B| = \log |F + s I| + (n - m) \log s - \log |W|

    (the identity of Woodbury and the determinant lemma), so that all that is asked of it takes a
    matrix of the number of inducing points squared.

    Attributes
    ----------
    whitening : Whitening
    sums : RowSums
    noise : float
        s, of a row of weight 1, positive.
    spectrum : GramSpectrum or None
        The eigendecomposition of F, which serves every s; None factorizes F + s I.
    """

    whitening: Whitening
    sums: RowSums
    noise: float
    spectrum: GramSpectrum | None = None

    @classmethod
    def of(
        cls,
        whitening: Whitening,
        sums: RowSums,
        noise: float,
        spectrum: GramSpectrum | None = None,
    ) -> Self:
        """Factorize F + s I, unless its eigendecomposition is known."""
        if not noise > 0:
            raise ValueError(
                f"Inducing points need noise, got {noise:g}: set alpha to a positive number. "
                "1e-10 in relative units changes nothing that rounding does not."
            )
        system = cls(whitening, sums, noise, spectrum)
        if spectrum is None:
            # An error is one of the fit, and not of the first prediction.
            _ = system.factor
        return system

    @cached_property
    def factor(self) -> FloatArray:
        """The lower Cholesky factor of F + s I, with a larger s where rounding asks for it."""
        return shifted_cholesky(self.sums.gram, self.noise).factor

    def solve(self, b: FloatArray) -> FloatArray:
        """Return (F + s I)^-1 b for b of shape (m,) or (m, k)."""
        if self.spectrum is not None:
            return self.spectrum.solve(self.noise, b)
        solution, _ = lapack.dpotrs(self.factor, b.reshape(len(b), -1), lower=1)
        found: FloatArray = solution.reshape(b.shape)
        return found

    def log_determinant(self) -> float:
        """Return the logarithm of the determinant of B."""
        sums = self.sums
        if self.spectrum is not None:
            own = float(np.log(self.spectrum.values + self.noise).sum())
        else:
            own = 2.0 * float(np.log(np.diagonal(self.factor)).sum())
        return own + (sums.n_rows - len(sums.gram)) * np.log(self.noise) - sums.log_weight

    def misfit(self) -> FloatArray:
        """Return y^T B^-1 y of every output, shape (outputs,)."""
        sums = self.sums
        learned = np.einsum("ij,ij->j", sums.by_target, self.solve(sums.by_target))
        return np.maximum(sums.squares - learned, 0.0) / self.noise

    @cached_property
    def largest_curvature(self) -> float:
        """The largest eigenvalue of F + s I over the sum of the weights."""
        last = len(self.sums.gram) - 1
        largest = eigvalsh(self.sums.gram, lower=True, subset_by_index=(last, last))
        return float(largest[0] + self.noise) / self.sums.weight

    def residual_variance(self) -> float:
        """Return the sum of the weighted variances that the inducing points do not explain."""
        return max(self.sums.variance - float(np.trace(self.sums.gram)), 0.0)

    @cached_property
    def _factor_in_precision(self) -> AnyFloat:
        return np.asfortranarray(self.factor, dtype=self.whitening.dtype)

    def whiten(self, features: AnyFloat) -> AnyFloat:
        """Return R^-1 phi for features of shape (m, b), with R R^T = F + s I."""
        if self.spectrum is not None:
            return self.spectrum.whiten(self.noise, features)
        trsm = blas.get_blas_funcs("trsm", dtype=self.whitening.dtype)
        whitened: AnyFloat = trsm(1.0, self._factor_in_precision, features, lower=1)
        return whitened

    def uncertainty(self, features: AnyFloat) -> FloatArray:
        """Return s phi^T (F + s I)^-1 phi for features of shape (m, b)."""
        whitened = self.whiten(features)
        variance: FloatArray = self.noise * np.einsum(
            "ij,ij->j", whitened, whitened, dtype=np.float64
        )
        return variance
