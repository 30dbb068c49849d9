"""What passes from layer to layer: features of every sample, or of every pixel of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
from scipy import sparse

Features: TypeAlias = np.ndarray | sparse.csr_array
"""Of shape (n, *sizes, n_features), or sparse of shape (n, n_features)."""


class FeatureState(NamedTuple):
    """Features whose inner products estimate the kernels of a part of a network.

    Attributes
    ----------
    nngp : ndarray of shape (n, *sizes, n_features), or sparse array of shape (n, n_features)
        Those of the NNGP kernel, of every sample, at every pixel.
    ntk : tuple of the same, each with a number of features of its own
        Those of the NTK, which is the sum of the kernels of these parts. None where it is 0, before
        the first weights, or not asked for.
    """

    nngp: Features
    ntk: tuple[Features, ...] = ()

    def mapped(self, function: Callable[[Features], Features]) -> FeatureState:
        """Return the state after a linear map, which acts on all alike."""
        return FeatureState(function(self.nngp), tuple(map(function, self.ntk)))


def joined(parts: Sequence[Features], constant: float = 0.0) -> Features:
    """Return features side by side, and one more that is constant: kernels are added up.

    A constant of 0 is left out.
    """
    first = parts[0]
    if constant:
        column = np.full((*first.shape[:-1], 1), constant, first.dtype)
        parts = [*parts, column]
    if len(parts) == 1:
        return first
    if any(map(sparse.issparse, parts)):
        return sparse.csr_array(sparse.hstack(parts, "csr"))
    return np.concatenate(parts, axis=-1)
