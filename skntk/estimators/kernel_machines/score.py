"""What a search for hyperparameters makes large."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from skntk.architecture.core.layer import Layer


@dataclass(frozen=True, eq=False)
class ScoreGradient:
    """A score of training data, and its derivatives.

    Attributes
    ----------
    score : float
        In nats.
    by_network : ndarray of shape (n_directions,)
        The derivatives along directions of the numbers of the network.
    by_alpha : float
        The derivative by ``alpha``, where that is one number for all rows.
    """

    score: float
    by_network: np.ndarray
    by_alpha: float


class Score(Protocol):
    """A score of training data as a function of the network and of ``alpha``."""

    @property
    def n_rows(self) -> int:
        """The number of rows."""

    def require_memory(self, label: str) -> None:
        """Raise a MemoryError if its matrices do not fit the memory that is free."""

    def __call__(
        self, architecture: Layer, alpha: np.ndarray, directions: Sequence[Layer]
    ) -> ScoreGradient:
        """Return the score and its derivatives.

        Parameters
        ----------
        architecture : layer
        alpha : ndarray of shape (1,) or (n,)
        directions : sequence of layer
            Derivatives of the network by what is learned.

        Raises
        ------
        ValueError
            If the score is not finite, or a kernel is singular or overflows.
        """
