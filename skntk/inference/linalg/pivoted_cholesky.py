r"""Partial Cholesky factorizations with random pivots: few columns that stand for a kernel matrix.

The k-th pivot is drawn in proportion to the diagonal of the residual :math:`K - F F^T` that the
pivots before it leave (Y. Chen, E. N. Epperly, J. A. Tropp and R. J. Webber, Randomly pivoted
Cholesky, 2022, arXiv 2207.06503). Columns are computed in blocks: a block of pivots is proposed
from one diagonal, and each is accepted with the probability that makes the result distributed as
that of single steps (E. N. Epperly, J. A. Tropp and R. J. Webber, Embrace rejection, 2024,
arXiv 2410.03969). Of n rows only the diagonal and the columns of the pivots are ever asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.linalg import blas

from skntk.inference.linalg.arrays import FloatArray

__all__ = ["PartialCholesky", "pivoted_cholesky"]

Columns = Callable[[np.ndarray], np.ndarray]

_SMALLEST_BLOCK, _LARGEST_BLOCK = 8, 256


@dataclass(frozen=True, eq=False)
class PartialCholesky:
    """K is about F F^T, and exactly so in the rows and columns of the pivots.

    Attributes
    ----------
    pivots : ndarray of shape (rank,)
        Different rows, in the order in which they were chosen.
    factor : ndarray of shape (n, rank)
        F, in Fortran order. In the rows of the pivots it is lower triangular.
    residual_diagonal : ndarray of shape (n,)
        That of K - F F^T, at least 0, and 0 where rounding leaves no digit of it.
    relative_residual : float
        The trace of K - F F^T over that of K.
    """

    pivots: np.ndarray
    factor: FloatArray
    residual_diagonal: FloatArray
    relative_residual: float

    @property
    def rank(self) -> int:
        """The number of pivots, less than was asked for where the residual vanishes before."""
        return len(self.pivots)


def pivoted_cholesky(
    diagonal: np.ndarray,
    columns: Columns,
    rank: int,
    random: np.random.Generator,
    *,
    tolerance: float = 0.0,
    precision: np.dtype | type = np.float64,
) -> PartialCholesky:
    r"""Return a randomly pivoted partial Cholesky factorization :math:`K \approx F F^T`.

    It takes about :math:`2 n k^2` operations for rank k, memory for F, and the columns of pivots
    that are proposed: k of them and those that are rejected.

    Parameters
    ----------
    diagonal : ndarray of shape (n,)
        That of K, at least 0.
    columns : callable
        Takes the indices of b rows, and returns these columns of K, shape (n, b).
    rank : int
        The most pivots, at least 1; more than n are n.
    random : Generator
        All that is random.
    tolerance : float, default=0.0
        The relative trace of the residual at which the factorization ends before.
    precision : dtype, default=float64
        That of the entries of K, which says where a residual is nothing but rounding.

    Returns
    -------
    PartialCholesky
        Of a rank below `rank` if the residual vanishes, or falls below the tolerance.

    Examples
    --------
    >>> import numpy as np
    >>> from skntk.inference.linalg.pivoted_cholesky import pivoted_cholesky
    >>> root = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 2.0]])
    >>> kernel = root @ root.T
    >>> partial = pivoted_cholesky(
    ...     np.diagonal(kernel), lambda rows: kernel[:, rows], 3, np.random.default_rng(0)
    ... )
    >>> partial.rank, np.allclose(partial.factor @ partial.factor.T, kernel)
    (2, True)
    """
    return _Factorization(diagonal, columns, rank, random, precision).run(tolerance)


class _Factorization:
    """The state between two blocks of pivots."""

    def __init__(
        self,
        diagonal: np.ndarray,
        columns: Columns,
        rank: int,
        random: np.random.Generator,
        precision: np.dtype | type,
    ) -> None:
        self._diagonal = np.asarray(diagonal, dtype=np.float64)
        self._columns = columns
        self._random = random
        n_rows = len(self._diagonal)
        rank = min(rank, n_rows)
        # What a sum of so many rounded products leaves of an entry that is 0.
        self._nothing = max(rank, 16) * float(np.finfo(precision).eps) * self._diagonal
        self._residual = np.where(self._diagonal > 0, self._diagonal, 0.0)
        self._factor = np.empty((n_rows, rank), order="F")
        self._pivots = np.empty(rank, dtype=np.intp)
        self._n_pivots = 0

    def run(self, tolerance: float) -> PartialCholesky:
        trace = float(self._residual.sum())
        n_proposed = max(_SMALLEST_BLOCK, min(_LARGEST_BLOCK, len(self._pivots) // 8))
        while self._n_pivots < len(self._pivots):
            left = float(self._residual.sum())
            if left <= tolerance * trace:
                break
            n_asked = min(n_proposed, len(self._pivots) - self._n_pivots)
            n_accepted = self._propose(n_asked, left)
            # Columns of rejected pivots were computed for nothing; small blocks have few of them.
            if 2 * n_accepted < n_asked:
                n_proposed = max(_SMALLEST_BLOCK, n_proposed // 2)
            elif 4 * n_accepted > 3 * n_asked:
                n_proposed = min(_LARGEST_BLOCK, 2 * n_proposed)
        rank = self._n_pivots
        left = float(self._residual.sum())
        return PartialCholesky(
            self._pivots[:rank],
            self._factor[:, :rank],
            self._residual,
            left / trace if trace > 0 else 0.0,
        )

    def _propose(self, n_proposed: int, trace: float) -> int:
        """Draw a block of pivots, add those that are accepted, and return their number."""
        proposed = self._random.choice(len(self._residual), n_proposed, p=self._residual / trace)
        candidates = np.unique(proposed)
        known = self._factor[:, : self._n_pivots]
        block = np.array(self._columns(candidates), dtype=np.float64, order="F")
        if self._n_pivots:
            block = blas.dgemm(-1.0, known, known[candidates], 1.0, block, 0, 1, overwrite_c=1)
        positions = np.searchsorted(candidates, proposed)
        accepted, triangle = self._accepted(block[candidates], positions, proposed)
        if len(accepted):
            self._add(candidates[accepted], block[:, accepted], triangle)
        elif n_proposed:
            # A first proposal is rejected where rounding alone is left of its residual.
            self._residual[proposed[0]] = 0.0
        return len(accepted)

    def _accepted(
        self, residual: FloatArray, positions: np.ndarray, proposed: np.ndarray
    ) -> tuple[np.ndarray, FloatArray]:
        """Return which candidates are accepted, and the Cholesky factor of their residual.

        The i-th is accepted with the probability that what is left of its diagonal entry has of
        what it was proposed with.
        """
        chances = self._random.random(len(proposed)) * self._residual[proposed]
        left = residual.copy()
        accepted: list[int] = []
        rows: list[FloatArray] = []
        for position, chance, nothing in zip(
            positions, chances, self._nothing[proposed], strict=True
        ):
            pivot = left[position, position]
            if pivot <= max(chance, nothing):
                continue
            row = left[position] / np.sqrt(pivot)
            left -= np.outer(row, row)
            left[position, position] = 0.0
            accepted.append(int(position))
            rows.append(row)
        if not accepted:
            return np.empty(0, dtype=np.intp), np.empty((0, 0))
        order = np.array(accepted)
        return order, np.tril(np.array(rows)[:, order].T)

    def _add(self, pivots: np.ndarray, block: FloatArray, triangle: FloatArray) -> None:
        new = slice(self._n_pivots, self._n_pivots + len(pivots))
        whitened = blas.dtrsm(1.0, triangle, block, side=1, lower=1, trans_a=1, overwrite_b=1)
        self._factor[:, new] = whitened
        self._pivots[new] = pivots
        self._n_pivots = new.stop
        self._residual -= np.einsum("ij,ij->i", whitened, whitened)
        self._residual[self._residual <= self._nothing] = 0.0
        self._residual[pivots] = 0.0
