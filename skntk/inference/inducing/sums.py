"""Sums over training rows: all that a posterior through inducing points knows of them."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Self

import numpy as np
import numpy.typing as npt
from scipy.linalg import blas
from scipy.special import xlogy

from skntk.inference.linalg.arrays import FloatArray

__all__ = ["RowSums"]

AnyFloat = npt.NDArray[np.floating]


@dataclass(eq=False)
class RowSums:
    r"""Sums of products over rows with features :math:`\phi_i`, targets y_i and weights w_i.

    They grow by blocks of rows, and add up with those of other rows: memory does not depend on the
    number of rows. Products are made in the precision of the features and summed in float64.

    Attributes
    ----------
    gram : ndarray of shape (m, m)
        :math:`\sum_i w_i \phi_i \phi_i^T`, the lower triangle.
    by_target : ndarray of shape (m, outputs)
        :math:`\sum_i w_i \phi_i y_i`.
    by_one : ndarray of shape (m,)
        :math:`\sum_i w_i \phi_i`.
    squares, targets : ndarray of shape (outputs,)
        :math:`\sum_i w_i y_i^2` and :math:`\sum_i w_i y_i`.
    weight, log_weight : float
        The sums of the weights, and of their logarithms.
    variance : float
        The sum of the weighted prior variances of the rows.
    n_rows, n_observations, repetition : float
        The number of rows, of the observations r_i that they stand for, and
        :math:`\sum_i (r_i - 1) \log(r_i / w_i) + \log r_i`, which their density takes.
    """

    gram: FloatArray
    by_target: FloatArray
    by_one: FloatArray
    squares: FloatArray
    targets: FloatArray
    weight: float = 0.0
    log_weight: float = 0.0
    variance: float = 0.0
    n_rows: float = 0.0
    n_observations: float = 0.0
    repetition: float = 0.0

    @classmethod
    def zero(cls, n_points: int, n_outputs: int) -> Self:
        """Return the sums over no rows."""
        return cls(
            np.zeros((n_points, n_points), order="F"),
            np.zeros((n_points, n_outputs)),
            np.zeros(n_points),
            np.zeros(n_outputs),
            np.zeros(n_outputs),
        )

    def add(
        self,
        features: AnyFloat,
        targets: FloatArray,
        weight: FloatArray,
        repetitions: FloatArray,
        variance: FloatArray,
    ) -> None:
        """Add b rows.

        Parameters
        ----------
        features : ndarray of shape (m, b)
            Overwritten.
        targets : ndarray of shape (b, outputs)
        weight, repetitions, variance : ndarray of shape (b,)
            Positive weights, numbers of observations, and prior variances.
        """
        root = np.sqrt(weight)
        features *= root.astype(features.dtype)
        weighted = np.column_stack([targets, np.ones(len(targets))]) * root[:, np.newaxis]
        by_column = features @ weighted.astype(features.dtype)
        self.by_target += by_column[:, :-1]
        self.by_one += by_column[:, -1]
        self._add_products(features)
        self.count(targets, weight, repetitions, variance)

    def count(
        self,
        targets: FloatArray,
        weight: FloatArray,
        repetitions: FloatArray,
        variance: FloatArray,
    ) -> None:
        """Add b rows to the sums that take no features, as `add` does."""
        self.squares += weight @ np.square(targets)
        self.targets += weight @ targets
        self.weight += float(weight.sum())
        self.log_weight += float(np.log(weight).sum())
        self.variance += float(weight @ variance)
        self.n_rows += len(targets)
        self.n_observations += float(repetitions.sum())
        terms = xlogy(repetitions - 1, repetitions / weight) + np.log(repetitions)
        self.repetition += float(terms.sum())

    def _add_products(self, features: AnyFloat) -> None:
        if features.dtype == self.gram.dtype:
            self.gram = blas.dsyrk(1.0, features, beta=1.0, c=self.gram, lower=1, overwrite_c=1)
        else:
            self.gram += blas.ssyrk(1.0, features, lower=1)

    def of_outputs(self, chosen: npt.NDArray[np.bool_]) -> RowSums:
        """Return the sums of some outputs; they share what all have in common."""
        return replace(
            self,
            by_target=self.by_target[:, chosen],
            squares=self.squares[chosen],
            targets=self.targets[chosen],
        )

    def merge(self, other: RowSums) -> None:
        """Add the sums over other rows."""
        for field in fields(self):
            setattr(self, field.name, getattr(self, field.name) + getattr(other, field.name))

    def with_those(self, others: RowSums) -> RowSums:
        """Return the sums over these rows and over others."""
        return self._combined(others, 1.0)

    def without(self, others: RowSums) -> RowSums:
        """Return the sums without those over some of the rows."""
        return self._combined(others, -1.0)

    def _combined(self, others: RowSums, factor: float) -> RowSums:
        parts = {
            field.name: getattr(self, field.name) + factor * getattr(others, field.name)
            for field in fields(self)
        }
        return replace(self, **parts)

    def centered(self, center: FloatArray, scale: FloatArray) -> RowSums:
        """Return the sums of the targets (y - center) / scale; they share what does not change."""
        moved = self.by_target - np.multiply.outer(self.by_one, center)
        squares = self.squares - 2 * center * self.targets + self.weight * np.square(center)
        return replace(
            self,
            by_target=moved / scale,
            squares=np.maximum(squares, 0.0) / np.square(scale),
            targets=(self.targets - self.weight * center) / scale,
        )
