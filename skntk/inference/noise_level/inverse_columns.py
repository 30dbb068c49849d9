r"""Columns of B^-1, and what follows from them at the logarithms of levels close by.

By t, the logarithm of the level, the noise A of B = K + A has the derivative A. To first order

.. math::

    B^{-1} \to B^{-1} - B^{-1} A B^{-1} \, \mathrm{d}t,

so that one factorization tells the slope of a criterion too.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from skntk.inference.linalg.arrays import FloatArray
from skntk.inference.linalg.solver import LinearSystem
from skntk.inference.noise_level.problem import NoiseProblem, Rows

__all__ = ["AROUND", "InverseColumns", "slope_around"]

_HERE = np.zeros(1)
AROUND = np.array([-1e-3, 1e-3])
"""Logarithms of levels relative to that of the factorization: for central differences."""


def slope_around(scores: FloatArray) -> float:
    """Return the slope of scores at `AROUND`."""
    return float((scores[1] - scores[0]) / (AROUND[1] - AROUND[0]))


@dataclass(frozen=True, eq=False)
class InverseColumns:
    """Some columns of B^-1.

    Attributes
    ----------
    system : LinearSystem
        B.
    noise : ndarray of shape (n,)
        A.
    rows : ndarray of shape (m,)
        Which columns.
    columns : ndarray of shape (n, m)
    level : float
        Of the system.
    steps : ndarray of shape (n_levels,)
        Logarithms of the levels that are asked for, relative to it.
    """

    system: LinearSystem
    noise: FloatArray
    rows: Rows
    columns: FloatArray
    level: float
    steps: FloatArray

    @classmethod
    def of(
        cls,
        problem: NoiseProblem,
        system: LinearSystem,
        level: float,
        rows: Rows,
        steps: FloatArray = _HERE,
    ) -> InverseColumns:
        """Solve for the columns of some rows."""
        n = len(problem.kernel)
        if len(rows) == n:
            columns = system.inverse()
        else:
            unit_vectors = np.zeros((n, len(rows)))
            unit_vectors[rows, np.arange(len(rows))] = 1
            columns = system.solve(unit_vectors)
        return cls(system, level * problem.pattern, rows, columns, level, steps)

    @property
    def levels(self) -> FloatArray:
        """The levels that are asked for."""
        return self.level * np.exp(self.steps)

    def diagonal(self) -> FloatArray:
        """Return the entries of the diagonal of B^-1, shape (m, n_levels)."""
        here = self.columns[self.rows, np.arange(len(self.rows))]
        return self._at_levels(here, lambda: -np.einsum("ij,ij->j", self._damped(), self.columns))

    def solution(self, right: FloatArray) -> FloatArray:
        """Return B^-1 times columns of shape (n, k), shape (n, k, n_levels)."""
        here = self.system.solve(right)
        return self._at_levels(here, lambda: -self.system.solve(self.noise[:, np.newaxis] * here))

    def quadratic_form(self, matrix: FloatArray) -> FloatArray:
        """Return the diagonal of B^-1 M B^-1 for these rows, shape (m, n_levels)."""
        product = matrix @ self.columns
        here = np.einsum("ij,ij->j", self.columns, product)
        return self._at_levels(
            here, lambda: -2 * np.einsum("ij,ij->j", self._damped(), self.system.solve(product))
        )

    def _damped(self) -> FloatArray:
        """Return A B^-1, some columns of it."""
        return self.noise[:, np.newaxis] * self.columns

    def _at_levels(self, here: FloatArray, slope: Callable[[], FloatArray]) -> FloatArray:
        """Return values at all levels, given those of the system; the slope is asked for if needed.

        The levels are a last axis.
        """
        values = here[..., np.newaxis]
        return values + slope()[..., np.newaxis] * self.steps if self.steps.any() else values
