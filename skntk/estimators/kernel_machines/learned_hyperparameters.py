"""Hyperparameters that are learned from the training data, by gradients of a score."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state

from skntk._warnings import warn
from skntk.architecture.core.layer import Layer
from skntk.estimators.kernel_machines.hyperparameter_search import Optimizer, maximize
from skntk.estimators.kernel_machines.score import Score
from skntk.inference.linalg.threads import small_problem_threads
from skntk.kernels.hyperparameters import (
    ArchitectureHyperparameters,
    Bounds,
    LearnedNumbers,
    checked_bounds,
)


class LearningParameters(Protocol):
    """The parameters of an estimator that say how its hyperparameters are learned."""

    optimizer: Optimizer | None
    n_restarts_optimizer: int
    architecture_bounds: Bounds
    alpha_bounds: Any
    random_state: int | np.random.RandomState | None
    training_time: float | None

    @property
    def _alpha_is_found(self) -> bool: ...


class AtBound(NamedTuple):
    """A number that was learned, the bound that it is at, and which of the two it is."""

    name: str
    value: float
    side: str
    bound: float


@dataclass(frozen=True)
class HyperparameterScore:
    """The score of training data as a function of theta: the network's numbers, then alpha.

    Attributes
    ----------
    architecture : layer
    bounds : pair of float, "fixed" or mapping
        Of the numbers of the network.
    alpha : LearnedNumbers
        One number for all samples, or one for each.
    score : Score
        What is made large.
    """

    architecture: Layer
    bounds: Bounds
    alpha: LearnedNumbers
    score: Score

    @property
    def _alpha_is_learned(self) -> bool:
        """Whether the search has an entry for alpha."""
        return self.alpha.bounds is not None

    @property
    def _network(self) -> ArchitectureHyperparameters:
        return ArchitectureHyperparameters(self.architecture, self.bounds)

    @property
    def _learned(self) -> list[LearnedNumbers]:
        return self._network.learned + [self.alpha] * self._alpha_is_learned

    @property
    def theta(self) -> np.ndarray:
        """The values to start from, shape (n_dims,)."""
        return np.concatenate(
            [np.empty(0), *(numbers.to_search(numbers.values) for numbers in self._learned)]
        )

    @property
    def theta_bounds(self) -> np.ndarray:
        """Lower and upper bounds of theta, shape (n_dims, 2)."""
        return np.concatenate(
            [np.empty((0, 2)), *(numbers.search_bounds() for numbers in self._learned)]
        )

    @property
    def names(self) -> list[str]:
        """Names of the entries of theta."""
        names = [
            f"architecture__{numbers.name}"
            for numbers in self._network.learned
            for _ in numbers.values
        ]
        return names + ["alpha"] * self._alpha_is_learned

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
        if not self._alpha_is_learned:
            return self._network.architecture_at(theta), self.alpha.values
        return (
            self._network.architecture_at(theta[:-1]),
            self.alpha.from_search(theta[-1:]),
        )

    def __call__(self, theta: np.ndarray) -> tuple[float, np.ndarray]:
        """Return the score at theta and its gradient.

        Raises
        ------
        ValueError
            If the score is not finite, or the kernel is singular or overflows.
        """
        architecture, alpha = self.split(theta)
        directions = ArchitectureHyperparameters(architecture, self.bounds).directions()
        result = self.score(architecture, alpha, directions)
        gradient = result.by_network
        if self._alpha_is_learned:
            at = LearnedNumbers("alpha", alpha, self.alpha.bounds)
            gradient = np.append(gradient, result.by_alpha * at.slopes())
        return result.score, gradient

    def by_name(self, theta: np.ndarray) -> dict[str, Any]:
        """Return the values of the learned hyperparameters, as ``set_params`` takes them."""
        architecture, alpha = self.split(theta)
        params = architecture.get_params(deep=True)
        values = {f"architecture__{name}": params[name] for name in self._names_of_network()}
        return values | ({"alpha": float(alpha[0])} if self._alpha_is_learned else {})

    def at_bounds(self, theta: np.ndarray) -> list[AtBound]:
        """Return the numbers of theta that are at a bound, of those that had a choice."""
        learned = self._learned
        if not learned:
            return []
        parts = np.split(theta, np.cumsum([numbers.values.size for numbers in learned])[:-1])
        values = [numbers.from_search(part) for numbers, part in zip(learned, parts, strict=True)]
        return _at_bounds(
            self.names,
            theta,
            self.theta_bounds,
            np.concatenate(values),
            np.concatenate([numbers.bounds for numbers in learned]),
        )

    def _names_of_network(self) -> list[str]:
        return [numbers.name for numbers in self._network.learned]


def hyperparameter_score(
    estimator: LearningParameters, architecture: Layer, alpha: np.ndarray, score: Score
) -> HyperparameterScore:
    """Return a score as a function of theta.

    The values to start from are those of the network and ``alpha``, one number or one a row.
    """
    bounds = checked_bounds("alpha", estimator.alpha_bounds, 1) if len(alpha) == 1 else None
    if estimator._alpha_is_found and bounds is not None:
        alpha = np.clip(alpha, *bounds[0])
    return HyperparameterScore(
        architecture,
        estimator.architecture_bounds,
        LearnedNumbers("alpha", alpha, bounds),
        score,
    )


def learn_hyperparameters(
    estimator: LearningParameters,
    objective: HyperparameterScore,
    evaluated: Callable[[], None],
) -> np.ndarray:
    """Return the theta that an estimator's optimizer finds; call ``evaluated`` on the way.

    Raises
    ------
    ValueError
        If the score has no closed form for the estimator, or the search cannot start.
    MemoryError
        If the matrices of the search do not fit the memory that is free.
    """
    assert estimator.optimizer is not None
    _require_closed_form(estimator)
    objective.score.require_memory(f"{type(estimator).__name__}.fit with an optimizer")

    def reported(theta: np.ndarray) -> tuple[float, np.ndarray]:
        result = objective(theta)
        evaluated()
        return result

    with small_problem_threads(objective.score.n_rows):
        return maximize(
            reported,
            objective.theta,
            objective.theta_bounds,
            objective.names,
            optimizer=estimator.optimizer,
            n_restarts=estimator.n_restarts_optimizer,
            random=check_random_state(estimator.random_state),
        )


def report_bounds(at_bounds: Sequence[AtBound]) -> None:
    """Warn of numbers that would have gone on beyond their bounds."""
    for name, value, side, bound in at_bounds:
        setting = "alpha_bounds" if name == "alpha" else "architecture_bounds"
        direction = "Decrease" if side == "lower" else "Increase"
        warn(
            f"The search for hyperparameters ends at a bound: {name} is {value:.4g}, and its "
            f"{side} bound is {bound:.4g}. {direction} the bound in {setting} and fit again, which "
            f"may find a better value; or fix it, if it is to stay there.",
            ConvergenceWarning,
        )


def _at_bounds(
    names: Sequence[str],
    theta: np.ndarray,
    theta_bounds: np.ndarray,
    values: np.ndarray,
    bounds: np.ndarray,
) -> list[AtBound]:
    """Return the entries of theta at a bound, with values and bounds in their own units."""
    has_choice = theta_bounds[:, 0] < theta_bounds[:, 1]
    is_at = np.isclose(theta[:, np.newaxis], theta_bounds, rtol=1e-5) & has_choice[:, np.newaxis]
    return [
        AtBound(names[entry], float(values[entry]), ("lower", "upper")[side], bounds[entry, side])
        for entry, side in np.argwhere(is_at)
    ]


def _require_closed_form(estimator: LearningParameters) -> None:
    label = f"{type(estimator).__name__}(optimizer={estimator.optimizer!r})"
    if estimator.training_time is not None:
        raise ValueError(
            f"{label}: hyperparameters are learned for training to convergence, whose score "
            f"has a closed form. Set training_time=None instead of {estimator.training_time!r}, or "
            "optimizer=None."
        )
