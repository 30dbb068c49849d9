"""Hyperparameters that are learned from the training data, by gradients of a score."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from sklearn.utils import check_random_state

from skntk._memory import require_memory
from skntk.architecture.core.layer import Layer
from skntk.estimators.data.defaults import AlphaScale
from skntk.estimators.regression.hyperparameter_search import Optimizer, maximize
from skntk.estimators.regression.initial_function import InitializedNetwork
from skntk.gram import gram_matrix
from skntk.gram.gradient import contracted_gradient
from skntk.gram.matrix import Kind
from skntk.inference import KernelGradient
from skntk.kernels.hyperparameters import (
    ArchitectureHyperparameters,
    Bounds,
    LearnedNumbers,
    checked_bounds,
)

Score = Callable[..., KernelGradient]

# Kernels, their cotangents and what the scores need besides, at most.
_MATRICES_IN_SEARCH = 8


@dataclass(frozen=True)
class Noise:
    """The diagonal that is added to a training kernel, as a function of ``alpha``.

    Attributes
    ----------
    alpha : LearnedNumbers
        One number for all samples, or one for each.
    scale : {"absolute", "relative"}
    sample_weight : ndarray of shape (n,)
    """

    alpha: LearnedNumbers
    scale: AlphaScale
    sample_weight: np.ndarray

    @property
    def is_learned(self) -> bool:
        """Whether the search has an entry for it."""
        return self.alpha.bounds is not None

    def at(self, alpha: np.ndarray, kernel: np.ndarray) -> np.ndarray:
        """Return the diagonal, shape (n,), for a training kernel."""
        return alpha * self._unit(kernel) / self.sample_weight

    def _unit(self, kernel: np.ndarray) -> float:
        if self.scale == "absolute":
            return 1.0
        return float(np.average(np.diagonal(kernel), weights=self.sample_weight))

    def pull_back(
        self, alpha: np.ndarray, kernel: np.ndarray, by_noise: np.ndarray, by_kernel: np.ndarray
    ) -> float:
        """Return the derivative by a single alpha, and add that by the unit to ``by_kernel``."""
        by_alpha = float(by_noise @ (self._unit(kernel) / self.sample_weight))
        if self.scale == "relative":
            by_unit = float(by_noise @ (alpha / self.sample_weight))
            diagonal = np.einsum("ii->i", by_kernel)
            diagonal += by_unit * self.sample_weight / self.sample_weight.sum()
        return by_alpha


@dataclass(frozen=True)
class ScoreOfHyperparameters:
    """The score of training data as a function of theta: the network's numbers, then alpha.

    Attributes
    ----------
    architecture : layer
    bounds : pair of float, "fixed" or mapping
        Of the numbers of the network.
    noise : Noise
    X : ndarray of shape (n, ...)
        Training rows, float64.
    targets : ndarray of shape (n,) or (n, n_outputs)
    kinds : sequence of {"ntk", "nngp"}
        The kernels that the score takes.
    score : callable
        A function of `skntk.inference` that returns a `KernelGradient`.
    n_jobs : int or None
    """

    architecture: Layer
    bounds: Bounds
    noise: Noise
    X: np.ndarray
    targets: np.ndarray
    kinds: Sequence[Kind]
    score: Score
    n_jobs: int | None

    @property
    def _of_network(self) -> ArchitectureHyperparameters:
        return ArchitectureHyperparameters(self.architecture, self.bounds)

    @property
    def _learned(self) -> list[LearnedNumbers]:
        return self._of_network.learned + [self.noise.alpha] * self.noise.is_learned

    @property
    def theta(self) -> np.ndarray:
        """The values to start from, shape (n_dims,)."""
        return np.concatenate(
            [np.empty(0), *(each.to_search(each.values) for each in self._learned)]
        )

    @property
    def theta_bounds(self) -> np.ndarray:
        """Lower and upper bounds of theta, shape (n_dims, 2)."""
        return np.concatenate([np.empty((0, 2)), *(each.search_bounds() for each in self._learned)])

    @property
    def names(self) -> list[str]:
        """Names of the entries of theta."""
        of_network = self._of_network.learned
        names = [f"architecture__{each.name}" for each in of_network for _ in each.values]
        return names + ["alpha"] * self.noise.is_learned

    def split(self, theta: np.ndarray) -> tuple[Layer, np.ndarray]:
        """Return the network and the alpha of theta.

        Raises
        ------
        ValueError
            If theta has another number of entries.
        """
        theta = np.asarray(theta, float)
        if theta.shape != (len(self.names),):
            raise ValueError(
                f"theta must have an entry for each of {self.names}, got shape {theta.shape}. "
                "Fixed hyperparameters have none."
            )
        if not self.noise.is_learned:
            return self._of_network.architecture_at(theta), self.noise.alpha.values
        return (
            self._of_network.architecture_at(theta[:-1]),
            self.noise.alpha.from_search(theta[-1:]),
        )

    def __call__(self, theta: np.ndarray) -> tuple[float, np.ndarray]:
        """Return the score at theta and its gradient.

        Raises
        ------
        ValueError
            If the score is not finite, or the kernel is singular or overflows.
        """
        architecture, alpha = self.split(theta)
        kernels = gram_matrix(architecture, self.X, kind=tuple(self.kinds), n_jobs=self.n_jobs)
        noise = self.noise.at(alpha, kernels[0])
        result = self.score(*kernels, noise, self.targets, self.noise.sample_weight)
        by_alpha = self.noise.pull_back(alpha, kernels[0], result.by_noise, result.by_kernels[0])
        del kernels
        directions = ArchitectureHyperparameters(architecture, self.bounds).directions()
        gradient = contracted_gradient(
            architecture,
            self.X,
            result.by_kernels,
            kinds=self.kinds,
            directions=directions,
            n_jobs=self.n_jobs,
        )
        if self.noise.is_learned:
            at = LearnedNumbers("alpha", alpha, self.noise.alpha.bounds)
            gradient = np.append(gradient, by_alpha * at.slopes())
        return result.score, gradient

    def by_name(self, theta: np.ndarray) -> dict[str, Any]:
        """Return the values of the learned hyperparameters, as ``set_params`` takes them."""
        architecture, alpha = self.split(theta)
        params = architecture.get_params(deep=True)
        values = {f"architecture__{name}": params[name] for name in self._names_of_network()}
        return values | ({"alpha": float(alpha[0])} if self.noise.is_learned else {})

    def _names_of_network(self) -> list[str]:
        return [each.name for each in self._of_network.learned]


class LearnedNetwork(InitializedNetwork):
    """A network whose numbers, and ``alpha``, are learned before it is trained.

    Subclasses say which score is to be large (``_score``).
    """

    _learned_params: ClassVar[tuple[str, ...]] = ("hyperparameters_", "theta_")

    optimizer: Optimizer | None
    n_restarts_optimizer: int
    architecture_bounds: Bounds
    alpha_bounds: Any
    random_state: int | np.random.RandomState | None

    hyperparameters_: dict[str, Any]
    theta_: np.ndarray
    _alpha_of_rows: np.ndarray

    def _score(self) -> Score:
        raise NotImplementedError

    def _learn_hyperparameters(self, alpha: np.ndarray) -> np.ndarray:
        for name in self._learned_params:
            self.__dict__.pop(name, None)
        self._alpha_of_rows = alpha
        if self.optimizer is None:
            return alpha
        self._check_that_learning_applies()
        n = len(self.X_train_)
        require_memory(
            _MATRICES_IN_SEARCH * n**2 * 8,
            f"{type(self).__name__}.fit with an optimizer on {n} samples",
            "Learn the hyperparameters on fewer rows, and train with optimizer=None.",
        )
        objective = self._score_of_hyperparameters(self._score())
        self.theta_ = maximize(
            objective,
            objective.theta,
            objective.theta_bounds,
            objective.names,
            optimizer=self.optimizer,
            n_restarts=self.n_restarts_optimizer,
            random=check_random_state(self.random_state),
        )
        self.architecture_, learned = objective.split(self.theta_)
        self.hyperparameters_ = objective.by_name(self.theta_)
        return np.broadcast_to(learned, (n,)).copy()

    def _score_of_hyperparameters(self, score: Score) -> ScoreOfHyperparameters:
        """Return the score of the training data, from the current network and alpha on."""
        single = np.ndim(self.alpha) == 0
        bounds = checked_bounds("alpha", self.alpha_bounds, 1) if single else None
        alpha = self._alpha_of_rows
        return ScoreOfHyperparameters(
            self.architecture_,
            self.architecture_bounds,
            Noise(
                LearnedNumbers("alpha", alpha[:1] if single else alpha, bounds),
                self.alpha_scale,
                self._sample_weight,
            ),
            np.asarray(self.X_train_, np.float64),
            self.y_train_,
            self._kinds,
            score,
            self.n_jobs,
        )

    def _check_that_learning_applies(self) -> None:
        label = f"{type(self).__name__}(optimizer={self.optimizer!r})"
        if self.training_time is not None:
            raise ValueError(
                f"{label}: hyperparameters are learned for training to convergence, whose score "
                f"has a closed form. Set training_time=None instead of {self.training_time!r}, or "
                "optimizer=None."
            )
        if self.initial_function is not None:
            raise ValueError(
                f"{label}: hyperparameters are learned from the density of the targets, which a "
                "single network has none of. Set initial_function=None or optimizer=None."
            )
