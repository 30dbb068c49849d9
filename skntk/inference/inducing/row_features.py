"""Features of all rows, as passes over them see these."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
from scipy.linalg import blas

from skntk.inference.linalg.arrays import FloatArray

__all__ = ["HeldFeatures", "Respond", "RowFeatures", "add_products", "weighted_grams"]

AnyFloat = npt.NDArray[np.floating]
# Takes a slice of rows and their outputs, (b, k), and returns values of the same shape.
Respond = Callable[[slice, FloatArray], FloatArray]

# Rows whose features are copied at a time.
_ROWS_AT_A_TIME = 4096
# How far the ratios of weights that are in proportion may be apart.
_PROPORTIONAL = 1e-12


class RowFeatures(Protocol):
    r"""Features :math:`\Phi` of n rows, of shape (m, n), which may be found anew in every pass."""

    @property
    def n_points(self) -> int:
        """The number m of features."""

    def products(self, coefficients: FloatArray, respond: Respond) -> FloatArray:
        r"""Return :math:`\Phi R(\Phi^T c)` for coefficients of shape (m, k), in one pass."""

    def blocks(self) -> Iterator[tuple[slice, AnyFloat]]:
        """Yield slices of rows and their features, shape (m, b), in one pass."""


@dataclass(frozen=True, eq=False)
class HeldFeatures:
    """Features that are held in memory.

    Attributes
    ----------
    features : ndarray of shape (m, n)
        Fortran-ordered, in the precision of the kernels.
    """

    features: AnyFloat

    @property
    def n_points(self) -> int:
        """The number of features."""
        return len(self.features)

    def products(self, coefficients: FloatArray, respond: Respond) -> FloatArray:
        """Return the features times what responds to their products with coefficients."""
        total = np.zeros(coefficients.shape)
        add_products(total, self.features, coefficients, respond)
        return total

    def blocks(self) -> Iterator[tuple[slice, AnyFloat]]:
        """Yield slices of rows and their features."""
        for rows in _batches(self.features.shape[1]):
            yield rows, self.features[:, rows]


def add_products(
    total: FloatArray, columns: AnyFloat, coefficients: FloatArray, respond: Respond, first: int = 0
) -> None:
    """Add the products of columns of rows, of which the first row has a number.

    They are made in double precision, whatever that of the columns is: a search for the mode would
    not end otherwise.

    Parameters
    ----------
    total, coefficients : ndarray of shape (m, k)
    columns : ndarray of shape (m, b)
    respond : callable
    first : int
    """
    for rows in _batches(columns.shape[1]):
        block = np.asarray(columns[:, rows], dtype=np.float64)
        among_all = slice(first + rows.start, first + rows.stop)
        total += block @ respond(among_all, block.T @ coefficients)


def weighted_grams(features: RowFeatures, weights: FloatArray) -> list[FloatArray]:
    r"""Return :math:`\Phi\, \text{diag}(w_q)\, \Phi^T` for each column of weights, in one pass.

    Weights of either sign are allowed. Products are made in the precision of the features and
    summed in float64. Columns that are in proportion take one product for all of them.

    Parameters
    ----------
    features : RowFeatures
    weights : ndarray of shape (n, q)

    Returns
    -------
    list of ndarray of shape (m, m)
        The lower triangles, Fortran-ordered.
    """
    ratios = _ratios(weights)
    columns = weights if ratios is None else weights[:, :1]
    shape = (features.n_points, features.n_points)
    grams = [np.zeros(shape, order="F") for _ in columns.T]
    for rows, block in features.blocks():
        for position, weight in enumerate(columns[rows].T):
            grams[position] = _with_products(grams[position], block, weight)
    return grams if ratios is None else [ratio * grams[0] for ratio in ratios]


def _ratios(weights: FloatArray) -> FloatArray | None:
    """Return the ratios of columns to the first one, None if these differ from row to row."""
    with np.errstate(all="ignore"):
        ratios = weights / weights[:, :1]
        equal = np.ptp(ratios, axis=0) <= _PROPORTIONAL * np.abs(ratios[0])
    found: FloatArray = ratios[0]
    return found if equal.all() else None


def _with_products(gram: FloatArray, block: AnyFloat, weight: FloatArray) -> FloatArray:
    for sign in (1.0, -1.0):
        chosen = sign * weight > 0
        if not chosen.any():
            continue
        root = np.sqrt(sign * weight[chosen])
        part = np.asfortranarray(block[:, chosen] * root.astype(block.dtype))
        if part.dtype == np.float64:
            gram = blas.dsyrk(sign, part, beta=1.0, c=gram, lower=1, overwrite_c=1)
        else:
            gram += blas.ssyrk(sign, part, lower=1)
    return gram


def _batches(n_rows: int) -> Iterator[slice]:
    for start in range(0, n_rows, _ROWS_AT_A_TIME):
        yield slice(start, min(start + _ROWS_AT_A_TIME, n_rows))
