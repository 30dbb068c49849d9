"""Features of training rows that are computed anew in every pass, block by block."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.linalg import lapack
from sklearn.utils import gen_batches

from skntk.estimators.kernel_machines.rows_at_points import InducingKernels
from skntk.inference.inducing.row_features import (
    HeldFeatures,
    Respond,
    RowFeatures,
    add_products,
)

# Rows whose features are yielded at a time.
_ROWS_AT_A_TIME = 4096


@dataclass(frozen=True, eq=False)
class StreamedFeatures:
    """Features of rows, from their kernels with inducing points in every pass.

    Attributes
    ----------
    inducing : InducingKernels
    X : ndarray of shape (n, ...)
    """

    inducing: InducingKernels
    X: np.ndarray

    @property
    def n_points(self) -> int:
        """The number of features."""
        return len(self.inducing.points)

    def products(self, coefficients: np.ndarray, respond: Respond) -> np.ndarray:
        """Return the features times what responds to their products with coefficients.

        The triangular factor of the features is applied to the coefficients, and to the result: a
        pass takes products of the kernels alone.
        """
        whitening, kinds = self.inducing.whitening, self.inducing.kernels.kinds[:1]
        kernel_coefficients = whitening.to_kernel_coefficients(coefficients)
        total = np.zeros(coefficients.shape)
        for rows in self.inducing.blocks(len(self.X)):
            (cross,) = self.inducing.with_rows(self.X[rows], kinds)
            add_products(total, cross.T, kernel_coefficients, respond, rows.start)
        found: np.ndarray = lapack.dtrtrs(whitening.factor, total, lower=1)[0]
        return found

    def blocks(self) -> Iterator[tuple[slice, np.ndarray]]:
        """Yield slices of rows and their features."""
        for block in self.inducing.blocks(len(self.X)):
            features = self.inducing.features(self.X[block])
            for part in gen_batches(features.shape[1], _ROWS_AT_A_TIME):
                yield slice(block.start + part.start, block.start + part.stop), features[:, part]


def row_features(inducing: InducingKernels, X: np.ndarray) -> RowFeatures:
    """Return the features of rows, which are held if they are no more than a block."""
    if len(list(inducing.blocks(len(X)))) == 1:
        return HeldFeatures(inducing.features(X))
    return StreamedFeatures(inducing, X)
