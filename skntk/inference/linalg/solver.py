r"""The seam for linear algebra: what posteriors ask of a kernel matrix and of a linear solver.

A `KernelOperator` is the symmetric matrix K, which need not be held as a dense array. A
`LinearSolver` prepares A = K + diag(noise) for many right-hand sides and returns a `LinearSystem`,
from which all predictions, leave-one-out formulas and likelihoods follow. Another solver (conjugate
gradients, a preconditioner, another factorization) is one class of each of the last two.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from skntk.inference.linalg.arrays import FloatArray, as_training_kernel
from skntk.inference.linalg.products import product

__all__ = ["ColumnOperator", "DenseOperator", "KernelOperator", "LinearSolver", "LinearSystem"]


@runtime_checkable
class KernelOperator(Protocol):
    """A symmetric positive semidefinite kernel matrix K of n training samples."""

    @property
    def shape(self) -> tuple[int, int]:
        """(n, n)."""

    def diagonal(self) -> FloatArray:
        """Return the n prior variances."""

    def matmul(self, B: FloatArray) -> FloatArray:
        """Return K B for B of shape (n,) or (n, m)."""

    def to_dense(self) -> FloatArray:
        """Return K as an array."""


@runtime_checkable
class ColumnOperator(KernelOperator, Protocol):
    """A kernel matrix that knows single columns, which preconditioners are made from."""

    @property
    def dtype(self) -> np.dtype:
        """The precision of the entries."""

    def columns(self, indices: np.ndarray) -> np.ndarray:
        """Return the columns of b indices, shape (n, b)."""


class LinearSystem(Protocol):
    """The system A = K + diag(noise), ready for right-hand sides.

    A class that derives from this one has to define `shape`, `solve`, `matmul` and
    `log_determinant`; the other methods follow from them, and may be replaced by faster ones.
    """

    @property
    def shape(self) -> tuple[int, int]:
        """(n, n)."""

    def solve(self, b: FloatArray) -> FloatArray:
        """Return A^-1 b for b of shape (n,) or (n, m), in a new array."""

    def matmul(self, B: FloatArray) -> FloatArray:
        """Return A B for B of shape (n,) or (n, m)."""

    def log_determinant(self) -> float:
        """Return the logarithm of the determinant of A."""

    def quadratic_form(self, B: FloatArray) -> FloatArray:
        """Return the diagonal of B^T A^-1 B, shape (m,), for B of shape (n, m)."""
        return np.einsum("ij,ij->j", B, self.solve(B))

    def reduction(self, B: FloatArray) -> FloatArray:
        """Return B^T A^-1 B, symmetric, shape (m, m): by how much K explains a prior covariance."""
        product = B.T @ self.solve(B)
        return 0.5 * (product + product.T)

    def inverse(self) -> FloatArray:
        """Return A^-1, both triangles, in a new array."""
        return self.solve(np.eye(self.shape[0]))

    def inverse_diagonal(self) -> FloatArray:
        """Return the diagonal of A^-1."""
        return np.diagonal(self.inverse()).copy()

    def to_dense(self) -> FloatArray:
        """Return A in a new array."""
        return self.matmul(np.eye(self.shape[0]))


class LinearSolver(Protocol):
    """A way to solve linear systems with kernel matrices."""

    def factorize(
        self, operator: KernelOperator, noise: FloatArray, *, overwrite: bool = False
    ) -> LinearSystem:
        """Prepare the system K + diag(noise).

        Parameters
        ----------
        operator : KernelOperator
            K.
        noise : ndarray of shape (n,)
            Nonnegative values to add to the diagonal.
        overwrite : bool, default=False
            Whether the system may take the memory of a dense K.

        Returns
        -------
        LinearSystem
            The system.

        Raises
        ------
        SingularKernelError
            If K + diag(noise) is not positive definite to working precision.
        """


@dataclass(frozen=True, eq=False)
class DenseOperator:
    """A kernel matrix that is held as an array.

    Attributes
    ----------
    matrix : ndarray of shape (n, n)
        K, symmetric, in single or double precision, in memory or in a file (`numpy.memmap`). A
        product has double precision; of a matrix in single precision no copy is made.
    """

    matrix: np.ndarray

    @property
    def shape(self) -> tuple[int, int]:
        """(n, n)."""
        return self.matrix.shape[0], self.matrix.shape[1]

    def diagonal(self) -> FloatArray:
        """Return the diagonal of K."""
        return np.asarray(np.diagonal(self.matrix), dtype=np.float64)

    @property
    def dtype(self) -> np.dtype:
        """The precision of the entries."""
        return self.matrix.dtype

    def columns(self, indices: np.ndarray) -> np.ndarray:
        """Return columns of K, which are rows of it."""
        rows: np.ndarray = self.matrix[indices]
        return rows.T

    def matmul(self, B: FloatArray) -> FloatArray:
        """Return K B."""
        return product(self.matrix, B)

    def to_dense(self) -> FloatArray:
        """Return K in double precision: the array itself if it has that."""
        return np.asarray(self.matrix, dtype=np.float64)


def as_operator(
    kernel: npt.ArrayLike | KernelOperator, what: str = "The training kernel"
) -> KernelOperator:
    """Wrap a checked array; an operator is returned as it is."""
    if isinstance(kernel, KernelOperator):
        return kernel
    return DenseOperator(as_training_kernel(kernel, what))
