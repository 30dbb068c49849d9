"""The eigendecomposition of the products of features, which serves every level of noise."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
import numpy.typing as npt
from scipy.linalg import eigh

from skntk.inference.inducing.whitening import AnyFloat
from skntk.inference.linalg.arrays import FloatArray

__all__ = ["GramSpectrum"]


@dataclass(frozen=True, eq=False)
class GramSpectrum:
    r"""The eigendecomposition :math:`F = V \Lambda V^T`.

    With it :math:`(F + s I)^{-1} = V (\Lambda + s I)^{-1} V^T` takes products for every s, and no
    factorization.

    Attributes
    ----------
    values : ndarray of shape (m,)
        The diagonal of Lambda, at least 0.
    vectors : ndarray of shape (m, m)
        V.
    """

    values: FloatArray
    vectors: FloatArray

    @classmethod
    def of(cls, gram: FloatArray) -> Self:
        """Decompose F, of which the lower triangle is read."""
        values, vectors = eigh(gram, driver="evd", check_finite=False)
        # Negative ones are rounding.
        return cls(np.maximum(values, 0.0), vectors)

    def solve(self, noise: float, b: FloatArray) -> FloatArray:
        """Return (F + s I)^-1 b for b of shape (m,) or (m, k)."""
        rotated = self.vectors.T @ b
        solution: FloatArray = self.vectors @ (rotated.T / (self.values + noise)).T
        return solution

    def rotate(self, features: AnyFloat) -> AnyFloat:
        """Return V^T phi for features of shape (m, b), in their precision."""
        rotated: AnyFloat = self._vectors_in(features.dtype).T @ features
        return rotated

    def whiten(self, noise: float, features: AnyFloat) -> AnyFloat:
        """Return (Lambda + s I)^-1/2 V^T phi for features of shape (m, b)."""
        rotated = self.rotate(features)
        rotated /= np.sqrt(self.values + noise).astype(rotated.dtype)[:, np.newaxis]
        return rotated

    def _vectors_in(self, dtype: npt.DTypeLike) -> AnyFloat:
        return self._single if np.dtype(dtype) == np.float32 else self.vectors

    @cached_property
    def _single(self) -> AnyFloat:
        return self.vectors.astype(np.float32)
