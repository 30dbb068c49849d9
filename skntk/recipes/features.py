"""The features of a kernel at inducing points, which linear models on top of them share."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.linalg import eigh
from scipy.linalg.lapack import dpotrf, dtrtri

from skntk.architecture.core.layer import Layer
from skntk.gram.kernel_function import KernelFunction, Kind

__all__ = ["NetworkFeatures"]

# Added to the diagonal of the points' kernel, whose mean is 1, because points may be equal. Beside
# the least penalty, 1e-4, it does not count.
_JITTER = 1e-8
# Directions in which all rows together vary by less than a tenth of it
# are suppressed to a tenth or less.
_LEAST_MOMENT = 1e-5


@dataclass(frozen=True)
class NetworkFeatures:
    r"""Features :math:`\phi(x)` with :math:`\phi(x)^T \phi(z) \approx K(x, z)`, by Nystroem.

    The kernel is divided by its mean diagonal over the points, so that penalties have one unit for
    all networks.
    """

    kernel: KernelFunction
    kind: Kind
    points: np.ndarray
    projection: np.ndarray
    offset: np.ndarray | float
    scale: float

    @classmethod
    def fit(
        cls, network: Layer, kind: Kind, X: np.ndarray, points: np.ndarray, n_jobs: int | None
    ) -> tuple[NetworkFeatures, np.ndarray]:
        """Return the features, and their values for the rows X, whose ``points`` are inducing."""
        kernel = KernelFunction(network, X.shape[1:], n_jobs=n_jobs)
        (K,) = kernel.gram(X, X[points], kinds=(kind,))
        scale = float(np.trace(K[points]) / len(points))
        factor, _ = dpotrf(K[points] / scale + _JITTER * np.eye(len(points)), lower=True)
        inverse, _ = dtrtri(factor, lower=True, overwrite_c=True)
        projection = np.tril(inverse).T / scale
        return cls(kernel, kind, X[points], projection, 0.0, scale), K @ projection

    def uncorrelated(self, values: np.ndarray) -> tuple[NetworkFeatures, np.ndarray, np.ndarray]:
        """Return features without mean and correlation over rows, given their values there.

        Their values come with them, and their sums of squares, which decrease. Directions in which
        the rows hardly vary are left out.
        """
        mean = values.mean(axis=0)
        moments, axes = eigh(values.T @ values - len(values) * np.outer(mean, mean))
        kept = np.flatnonzero(moments > _LEAST_MOMENT)[::-1]
        axes, offset = axes[:, kept], mean @ axes[:, kept]
        features = replace(self, projection=self.projection @ axes, offset=offset)
        return features, values @ axes - offset, moments[kept]

    def __call__(self, X: np.ndarray) -> np.ndarray:
        """Return the features of rows, shape (n_samples, n_features)."""
        (K,) = self.kernel.gram(np.ascontiguousarray(X), self.points, kinds=(self.kind,))
        return np.asarray(K @ self.projection - self.offset)

    def values_and_rest(self, X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the features of rows, and the part of K(x, x) that they do not span."""
        values = self(X)
        (diagonal,) = self.kernel.diagonals(np.ascontiguousarray(X), kinds=(self.kind,))
        spanned = np.sum((values + self.offset) ** 2, axis=1)
        return values, np.maximum(diagonal / self.scale - spanned, 0)
