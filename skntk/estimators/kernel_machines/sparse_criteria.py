"""What is made large by a search for hyperparameters through inducing points."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from skntk.estimators.kernel_machines.rows_at_points import RowsAtPoints
from skntk.inference.inducing.bound_gradient import bound_gradient
from skntk.inference.inducing.left_out_gradient import left_out_gradient
from skntk.inference.inducing.projected_system import ProjectedSystem
from skntk.inference.inducing.sparse_gradient import SparseGradient


class SparseCriterion(Protocol):
    """A score of sums over rows, and of some rows one by one."""

    @property
    def sample(self) -> np.ndarray | None:
        """Indices of the rows that are taken one by one; None takes none."""

    def __call__(self, rows: RowsAtPoints, system: ProjectedSystem) -> SparseGradient:
        """Return the score of rows and its derivatives by kernels and noise."""


@dataclass(frozen=True)
class Bound:
    """The collapsed bound on the likelihood of a Gaussian process.

    Attributes
    ----------
    best_scale : bool
        Whether the scale of the outputs is the best one, and not 1.
    """

    best_scale: bool
    sample: None = None

    def __call__(self, rows: RowsAtPoints, system: ProjectedSystem) -> SparseGradient:
        """Return the bound and its derivatives."""
        return bound_gradient(system, best_scale=self.best_scale)


@dataclass(frozen=True, eq=False)
class LeftOutDensity:
    """The density of left-out observations, of a Gaussian process or of an ensemble.

    Attributes
    ----------
    sample : ndarray of shape (b,)
        The rows that it is estimated from.
    best_scale : bool
        Whether the scale of the outputs is the best one, and not 1.
    """

    sample: np.ndarray
    best_scale: bool

    def __call__(self, rows: RowsAtPoints, system: ProjectedSystem) -> SparseGradient:
        """Return the density and its derivatives."""
        _, *priors = rows.inducing.between_points
        return left_out_gradient(
            system, rows.sampled(self.sample), *priors, best_scale=self.best_scale
        )
