r"""The stiff part of gradient flow: backward differentiation with the structure of kernels.

A step of an implicit method solves linear systems in all n x k numbers of n samples and k outputs,
whose dense factorization would take time in proportion to (n k)^3. Those of gradient flow on a
loss with the Hessian D, block-diagonal over samples, have the form

.. math::

    (B + c D S) X = R

with B diagonal and S the training kernel: for the softmax they are those of Newton's method for
Gaussian process classification, where k + 1 Cholesky factorizations of n x n matrices suffice
(Rasmussen & Williams, Gaussian processes for machine learning, 2006, section 3.5).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from scipy.integrate import BDF
from scipy.linalg import cho_factor, cho_solve
from scipy.linalg.lapack import dpotrf, dpotri
from scipy.sparse import csc_matrix

from skntk.inference.linalg.arrays import FloatArray, diagonal_view

__all__ = ["KernelNewtonMatrix", "StructuredBDF"]


class Solvable(Protocol):
    """The matrix 1 - c J of Newton's iteration."""

    def solve(self, right: FloatArray) -> FloatArray:
        """Return the solution for one right-hand side."""


# The Jacobian J of the right-hand side at one state, as the map from c to 1 - c J.
NewtonMatrices = Callable[[float], Solvable]


class StructuredBDF(BDF):  # type: ignore[misc]  # SciPy ships no types
    """`scipy.integrate.BDF` for a Jacobian that knows how to solve with 1 - c J.

    SciPy's solver takes a dense or a sparse Jacobian. It calls its linear algebra through the
    attributes ``jac``, ``J``, ``I``, ``lu`` and ``solve_lu``, which are replaced here; the choice
    of steps and orders, Newton's iteration and the interpolation are SciPy's, and so are the
    arguments but one: ``linearize(y)`` returns the map from c to 1 - c J. A test compares with the
    dense Jacobian.
    """

    def __init__(
        self,
        fun: Any,
        t0: float,
        y0: FloatArray,
        t_bound: float,
        *,
        linearize: Callable[[FloatArray], NewtonMatrices],
        **options: Any,
    ) -> None:
        # An empty sparse Jacobian, so that SciPy allocates no matrix of len(y0) squared numbers.
        empty = csc_matrix((len(y0), len(y0)))
        super().__init__(fun, t0, y0, t_bound, jac=empty, **options)
        # The first steps subtract differences of orders not reached yet and then overwrite them.
        # SciPy leaves there what was in the memory, which may not be finite.
        self.D[2:] = 0.0

        def jac(t: float, y: FloatArray) -> _Jacobian:
            self.njev += 1
            return _Jacobian(linearize(y))

        def lu(jacobian: _Jacobian) -> Solvable:
            self.nlu += 1
            # The factors of the last step make room for those of the next.
            self.LU = None
            return jacobian.newton_matrices(jacobian.step)

        self.jac = jac
        self.J = jac(t0, y0)
        self.I = 1.0
        self.lu = lu
        self.solve_lu = lambda matrix, right: matrix.solve(right)


class _Jacobian:
    """The Jacobian, which SciPy multiplies by c, the step, and subtracts from the identity."""

    # NumPy's numbers leave the multiplication to this class.
    __array_ufunc__ = None

    def __init__(self, newton_matrices: NewtonMatrices, step: float = 1.0) -> None:
        self.newton_matrices = newton_matrices
        self.step = step

    def __rmul__(self, step: float) -> _Jacobian:
        return _Jacobian(self.newton_matrices, float(step))

    def __rsub__(self, identity: float) -> _Jacobian:
        return self


@dataclass(frozen=True, eq=False)
class KernelNewtonMatrix:
    r"""The matrix :math:`B + c D S`, factorized for its many right-hand sides.

    With :math:`E = B^{-1} c\, \mathrm{diag}(d)` the systems of the outputs are apart but for the
    rank-one part of D: for each output, with
    :math:`F = E^{1/2} (I + E^{1/2} S E^{1/2})^{-1} E^{1/2}`,

    .. math::

        (I + E S)^{-1} = I - F S,

    and the part that they share is found from the sum of the F.

    Examples
    --------
    >>> import numpy as np
    >>> from skntk.inference.losses.implicit import KernelNewtonMatrix
    >>> kernel, curvature = np.array([[2.0]]), np.array([[0.5, 0.5]])
    >>> matrix = KernelNewtonMatrix(kernel, np.ones(1), curvature, ignores_shifts=True)
    >>> matrix.solve(np.array([[3.0, 1.0]]))  # by [[3, -1], [-1, 3]] / 2
    array([[2.5, 1.5]])
    """

    # S, symmetric positive semidefinite.
    kernel: FloatArray
    # B, positive, shape (n,).
    diagonal: FloatArray
    # c d, nonnegative, shape (n, n_outputs).
    curvature: FloatArray
    # Whether D is diag(d) - d d^T / sum(d) instead of diag(d).
    ignores_shifts: bool

    @cached_property
    def _relative(self) -> FloatArray:
        return self.curvature / self.diagonal[:, np.newaxis]

    @cached_property
    def _damping(self) -> list[FloatArray]:
        return [self._output_damping(np.sqrt(column)) for column in self._relative.T]

    @cached_property
    def _shared(self) -> tuple[FloatArray, bool]:
        shared: tuple[FloatArray, bool] = cho_factor(sum(self._damping), check_finite=False)
        return shared

    def _output_damping(self, root: FloatArray) -> FloatArray:
        """Return F of one output."""
        matrix = self.kernel * root * root[:, np.newaxis]
        diagonal_view(matrix)[...] += 1.0
        # The eigenvalues are at least 1: the factorization cannot fail.
        factor, _ = dpotrf(matrix.T, lower=1, clean=1, overwrite_a=1)
        inverse, _ = dpotri(factor, lower=1, overwrite_c=1)
        inverse += np.tril(inverse, -1).T
        inverse *= root
        inverse *= root[:, np.newaxis]
        return np.asarray(inverse)

    def solve(self, right: FloatArray) -> FloatArray:
        """Return X, given R of shape (n, n_outputs)."""
        scaled = right / self.diagonal[:, np.newaxis]
        damped = self._damp(self.kernel @ scaled)
        solution = scaled - damped
        if self.ignores_shifts:
            common = cho_solve(self._shared, damped.sum(axis=1), check_finite=False)
            pulled = self._relative * common[:, np.newaxis]
            solution += pulled - self._damp(self.kernel @ pulled)
        return solution

    def _damp(self, values: FloatArray) -> FloatArray:
        columns = zip(self._damping, values.T, strict=True)
        return np.column_stack([damping @ column for damping, column in columns])
