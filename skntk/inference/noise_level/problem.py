"""Training data whose noise is known up to one number, the level."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, Self

import numpy as np
import numpy.typing as npt

from skntk.inference.linalg.arrays import FloatArray
from skntk.inference.linalg.solver import LinearSystem

Rows = npt.NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class NoiseProblem:
    """A training kernel and its targets; the noise of sample i is ``level * unit / w_i``.

    A sample stands for observations of one value, as many as its weight where observations do not
    weigh differently.

    Attributes
    ----------
    kernel : ndarray of shape (n, n)
        The kernel that is inverted.
    unit : float
        Positive: the noise of an observation of weight 1 at level 1.
    sample_weight, repetitions : ndarray of shape (n,)
        Positive: how much a sample counts, and how many observations it stands for.
    targets : ndarray of shape (n, outputs)
    is_centered : bool
        Whether the targets were centered by their weighted mean.
    """

    kernel: FloatArray
    unit: float
    sample_weight: FloatArray
    repetitions: FloatArray
    targets: FloatArray
    is_centered: bool

    @property
    def pattern(self) -> FloatArray:
        """The noise of every sample at level 1."""
        return self.unit / self.sample_weight

    @property
    def n_observations(self) -> float:
        """The number of observations that all samples stand for."""
        return float(self.repetitions.sum())

    def subset(self, rows: Rows) -> NoiseProblem:
        """Return the problem of some samples."""
        return NoiseProblem(
            self.kernel[np.ix_(rows, rows)],
            self.unit,
            self.sample_weight[rows],
            self.repetitions[rows],
            self.targets[rows],
            self.is_centered,
        )


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What a criterion says about one level.

    Attributes
    ----------
    score : float
        Greater is better.
    output_scale : ndarray of shape (outputs,)
        Factor on the prior covariance and on the noise of every output.
    """

    score: float
    output_scale: FloatArray


class LevelScores(Protocol):
    """The scores of any levels for one problem, from one decomposition of its kernel."""

    def __call__(self, levels: FloatArray) -> FloatArray:
        """Return a score for every level, -inf where the kernel with its noise is singular."""
        ...


class LevelCriterion(Protocol):
    """How well a level suits a problem."""

    @property
    def n_decomposed(self) -> int:
        """Of how many samples at most the kernel is decomposed."""
        ...

    def on(self, rows: Rows) -> Self:
        """Return the criterion for the problem of some samples."""
        ...

    def scores(self, problem: NoiseProblem) -> LevelScores:
        """Decompose the kernel, for the scores of any levels."""
        ...

    def evaluate(
        self, problem: NoiseProblem, system: LinearSystem, level: float, rows: Rows
    ) -> Evaluation:
        """Return the score of one level, given the kernel with its noise.

        A sum over samples may be estimated from those in ``rows``, a sample without repetition.
        """
        ...

    def slope(self, problem: NoiseProblem, system: LinearSystem, level: float, rows: Rows) -> float:
        """Return the derivative of the score of one level by its logarithm.

        A sum over samples may be estimated from those in ``rows``, a sample without repetition.
        """
        ...
