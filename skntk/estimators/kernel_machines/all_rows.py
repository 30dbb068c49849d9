"""All rows that an estimator with the exact solver has seen, one call after the other."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from skntk.estimators.kernel_machines.kernels import NetworkKernels
from skntk.inference import EnsemblePosterior, GaussianProcessPosterior


@dataclass(frozen=True, eq=False)
class AllRows:
    """The rows of all calls of `partial_fit`, in their order.

    Attributes
    ----------
    kernels : NetworkKernels
        Of the network that the first call took.
    X : ndarray of shape (n, ...)
    y : ndarray of shape (n,) or (n, n_outputs)
        Targets in the units of the user, or classes.
    sample_weight : ndarray of shape (n,)
        As given, without that of classes; positive.
    outputs : tuple of int
        Shape of the targets of one row.
    posterior : GaussianProcessPosterior, EnsemblePosterior or None
        Of the last training, whose rows are the first of these.
    """

    kernels: NetworkKernels
    X: np.ndarray
    y: np.ndarray
    sample_weight: np.ndarray
    outputs: tuple[int, ...]
    posterior: GaussianProcessPosterior | EnsemblePosterior | None = None

    def and_those(self, X: np.ndarray, y: np.ndarray, sample_weight: np.ndarray) -> Self:
        """Return these rows and further ones."""
        return replace(
            self,
            X=np.concatenate([self.X, X]),
            y=np.concatenate([self.y, y]),
            sample_weight=np.concatenate([self.sample_weight, sample_weight]),
        )
