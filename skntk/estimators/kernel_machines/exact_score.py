"""Scores that take the kernels between all training rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from skntk._memory import require_memory
from skntk.architecture.core.layer import Layer
from skntk.estimators.data.noise import Noise
from skntk.estimators.kernel_machines.score import ScoreGradient
from skntk.gram import gram_matrix
from skntk.gram.gradient import contracted_gradient
from skntk.gram.matrix import Kind
from skntk.inference import KernelGradient

KernelScore = Callable[..., KernelGradient]
"""A function of `skntk.inference` from kernels, noise, targets and repetitions."""

# Kernels, their cotangents and what the scores need besides, at most.
_MATRICES_IN_SEARCH = 8


@dataclass(frozen=True, eq=False)
class ExactScore:
    """A score of the kernels between all training rows.

    Attributes
    ----------
    noise : Noise
        What alpha adds to the training kernel.
    X : ndarray of shape (n, ...)
        Training rows, float64.
    targets : ndarray of shape (n,) or (n, n_outputs)
    repetitions : ndarray of shape (n,)
        How many observations a row stands for.
    kinds : sequence of {"ntk", "nngp"}
        The kernels that the score takes.
    score : callable
    best_scale : bool
        Whether the scale of the outputs is the best one, for every theta.
    n_jobs : int or None
    """

    noise: Noise
    X: np.ndarray
    targets: np.ndarray
    repetitions: np.ndarray
    kinds: Sequence[Kind]
    score: KernelScore
    best_scale: bool
    n_jobs: int | None

    @property
    def n_rows(self) -> int:
        """The number of rows."""
        return len(self.X)

    def require_memory(self, label: str) -> None:
        """Raise a MemoryError if matrices of n x n numbers do not fit."""
        require_memory(
            _MATRICES_IN_SEARCH * self.n_rows**2 * 8,
            f"{label} on {self.n_rows} samples",
            "Set solver='inducing_points', which learns from all rows in little memory, or learn "
            "the hyperparameters on fewer rows, and train with optimizer=None.",
        )

    def __call__(
        self, architecture: Layer, alpha: np.ndarray, directions: Sequence[Layer]
    ) -> ScoreGradient:
        """Return the score and its derivatives."""
        kernels = gram_matrix(architecture, self.X, kind=tuple(self.kinds), n_jobs=self.n_jobs)
        unit = self.noise.unit(np.diagonal(kernels[0]))
        noise = self.noise.variance(alpha, unit)
        result = self.score(
            *kernels, noise, self.targets, self.repetitions, best_scale=self.best_scale
        )
        by_alpha = self.noise.pull_back(alpha, kernels[0], result.by_noise, result.by_kernels[0])
        del kernels
        by_network = contracted_gradient(
            architecture,
            self.X,
            result.by_kernels,
            kinds=self.kinds,
            directions=directions,
            n_jobs=self.n_jobs,
        )
        return ScoreGradient(result.score, by_network, by_alpha)
