"""What `FiniteWidthRegressor` and `FiniteWidthClassifier` share: networks and their training."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from numbers import Integral, Real
from typing import Any, ClassVar

import jax
import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import Bunch, check_random_state
from sklearn.utils.validation import check_is_fitted

from skntk._memory import require_memory
from skntk._sklearn import CheckedParameters, Interval
from skntk.architecture.core.layer import Layer
from skntk.architecture.core.protocols import Parameters
from skntk.estimators.data import own_network
from skntk.estimators.data.target_scaling import TargetScaling
from skntk.estimators.data.validation import CONSTRAINTS, validate_inputs_like
from skntk.finite import Ensemble, Rates, check_finite_width, network_losses
from skntk.finite.programs import TrainingState
from skntk.gram.engine.working_memory import working_memory_in_bytes
from skntk.inference.losses.losses import LossName


class FiniteWidthEnsemble(CheckedParameters):
    """Networks of finite width on training rows, in normalized targets.

    Subclasses say which loss is minimized (``_loss``) and how targets are scaled.
    """

    _constraints: ClassVar[dict[str, list[Any]]] = CONSTRAINTS | {
        "width": [Interval(Integral, 1, None, closed="left")],
        "n_networks": [Interval(Integral, 1, None, closed="left")],
        "alpha": [Interval(Real, 0, None, closed="left")],
        "learning_rate": [Interval(Real, 0, None, closed="neither"), None],
        "training_time": [Interval(Real, 0, None, closed="left")],
    }

    architecture: Layer | None
    width: int
    n_networks: int
    alpha: float
    learning_rate: float | None
    training_time: int
    momentum: float
    dtype: str
    random_state: int | np.random.RandomState | None

    architecture_: Layer
    X_train_: np.ndarray
    y_train_: np.ndarray
    parameters_: Parameters
    max_learning_rate_: float
    learning_rate_: float
    _sample_weight: np.ndarray
    _scaling: TargetScaling
    _seed: int

    set_params = own_network.set_params

    @property
    def _loss(self) -> LossName:
        """What is minimized."""
        return "squared_error"

    # Training --------------------------------------------------------------------------------

    def _train(self, X: np.ndarray, targets: np.ndarray, sample_weight: np.ndarray) -> None:
        """Set all fitted attributes, given rows that the caller does not share.

        Targets are in the units in which networks are trained, and weights positive.
        """
        n_steps = as_number_of_steps(self.training_time, "training_time")
        self.architecture_ = _with_finite_width(
            own_network.copy_of_architecture(self.architecture), X
        )
        self.X_train_, self.y_train_, self._sample_weight = X, targets, sample_weight
        self._seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        training = self._begin()
        self.max_learning_rate_ = training.max_learning_rate()
        self.learning_rate_ = self._checked_learning_rate()
        training.advance(n_steps)
        self.parameters_ = training.parameters()

    def _begin(self) -> EnsembleTraining:
        """Return the training of the ensemble before its first step."""
        ensemble = self._ensemble()
        require_memory(
            ensemble.n_bytes,
            f"Training {self.n_networks} networks of {ensemble.n_parameters} parameters",
            "Use fewer networks, a smaller width, or dtype='float32' for half of it.",
        )
        return EnsembleTraining(self, ensemble)

    def _ensemble(self) -> Ensemble:
        return Ensemble(
            self.architecture_,
            seed=self._seed,
            n_networks=self.n_networks,
            width=self.width,
            n_outputs=1 if self.y_train_.ndim == 1 else self.y_train_.shape[1],
            dtype=self.dtype,
            input_shape=self.architecture_.reshape_inputs(self.X_train_[:1]).shape[1:],
        )

    def _checked_learning_rate(self) -> float:
        if self.learning_rate is None:
            return self.max_learning_rate_ / (2 * (1 + self.momentum))
        if self.learning_rate > self.max_learning_rate_:
            raise ValueError(
                f"learning_rate={self.learning_rate:g} is past the stability limit: gradient "
                f"descent with momentum={self.momentum:g} diverges on these samples above "
                f"{self.max_learning_rate_:.4g}. Use a smaller rate, or learning_rate=None for one "
                "that is stable."
            )
        return float(self.learning_rate)

    # Prediction ------------------------------------------------------------------------------

    def _validated_inputs(self, X: Any) -> np.ndarray:
        check_is_fitted(self, "parameters_")
        return validate_inputs_like(self, X, self.X_train_.shape[1:], dtype=np.dtype(self.dtype))

    def _outputs(self, X: np.ndarray) -> np.ndarray:
        """Return the normalized outputs of all networks, shape (n_networks, n, n_outputs)."""
        inputs = self.architecture_.reshape_inputs(X)
        return self._ensemble().outputs(self.parameters_, inputs, working_memory_in_bytes(None))

    def _staged_outputs(
        self, training_times: ArrayLike, *inputs: np.ndarray
    ) -> Iterator[tuple[np.ndarray, ...]]:
        """Yield the outputs on several inputs at all times of one training."""
        # Checked here and now, not when the first result is asked for.
        times = as_steps(training_times)
        training = self._begin()

        def continued() -> Iterator[tuple[np.ndarray, ...]]:
            finished = 0
            for time in times:
                training.advance(time - finished)
                finished = time
                yield tuple(training.outputs(X) for X in inputs)

        return continued()

    def _losses(
        self, X: np.ndarray, targets: np.ndarray, training_times: ArrayLike, scale: np.ndarray
    ) -> Bunch:
        """Return the losses on training rows and on others over time, with outputs in a unit."""
        weight = np.ones(len(X))
        train_losses, test_losses = [], []
        train_targets = self.y_train_.reshape(len(self.y_train_), -1)
        for train_outputs, outputs in self._staged_outputs(training_times, self.X_train_, X):
            train_losses.append(
                network_losses(
                    scale * train_outputs, scale * train_targets, self._sample_weight, self._loss
                )
            )
            test_losses.append(network_losses(scale * outputs, scale * targets, weight, self._loss))
        return Bunch(
            training_times=np.asarray(training_times, dtype=np.float64),
            train_loss=np.mean(train_losses, 1),
            train_loss_std=std_over_networks(np.transpose(train_losses)),
            test_loss=np.mean(test_losses, 1),
            test_loss_std=std_over_networks(np.transpose(test_losses)),
        )


class EnsembleTraining:
    """The training of an estimator's networks on its data, step by step and batch by batch."""

    def __init__(self, estimator: FiniteWidthEnsemble, ensemble: Ensemble) -> None:
        self._estimator = estimator
        self._ensemble = ensemble
        self._n_bytes = working_memory_in_bytes(None)
        X = estimator.architecture_.reshape_inputs(estimator.X_train_)
        targets = estimator.y_train_.reshape(len(X), -1)
        self._data = ensemble.data(X, targets, estimator._sample_weight)
        self._batches: list[TrainingState] = [
            ensemble.draw(numbers) for numbers in ensemble.batches(len(X), self._n_bytes)
        ]
        self._n_steps = 0

    def max_learning_rate(self) -> float:
        """Return the largest rate at which no network diverges in its first steps."""
        estimator = self._estimator
        curvature = max(
            self._ensemble.largest_curvature(networks, self._data, estimator._loss)
            for networks in self._batches
        )
        curvature += self._penalty()
        if not np.isfinite(curvature):
            raise ValueError(
                "The outputs of the networks before training are not finite on these samples: "
                "scale the features, for example with StandardScaler, or reduce the weight_std of "
                "the architecture."
            )
        return 2 * (1 + estimator.momentum) / curvature if curvature else float("inf")

    def advance(self, n_steps: int) -> None:
        """Train all networks for so many more steps."""
        estimator = self._estimator
        rates = Rates(estimator.learning_rate_, estimator.momentum, self._penalty())
        self._n_steps += n_steps
        for position, networks in enumerate(self._batches):
            self._batches[position] = self._ensemble.train(
                networks, self._data, loss=estimator._loss, rates=rates, n_steps=n_steps
            )
            self._require_finite(self._batches[position].parameters)

    def parameters(self) -> Parameters:
        """Return the parameters of all networks, NumPy arrays with a leading axis for them."""
        return _joined([networks.parameters for networks in self._batches])

    def outputs(self, X: np.ndarray) -> np.ndarray:
        """Return the normalized outputs of all networks, shape (n_networks, n, n_outputs)."""
        inputs = self._estimator.architecture_.reshape_inputs(X)
        return self._ensemble.outputs(self.parameters(), inputs, self._n_bytes)

    def _penalty(self) -> float:
        return float(self._estimator.alpha / self._estimator._sample_weight.sum())

    def _require_finite(self, parameters: Parameters) -> None:
        if all(np.isfinite(np.asarray(leaf)).all() for leaf in jax.tree.leaves(parameters)):
            return
        raise ValueError(
            f"The training diverged within {self._n_steps} steps: the parameters are not finite. "
            f"learning_rate={self._estimator.learning_rate_:.4g} is below the stability limit of "
            f"the networks before training ({self._estimator.max_learning_rate_:.4g}), but not of "
            "those that training leads to. Use a smaller learning_rate or a larger width."
        )


def as_steps(training_times: ArrayLike) -> list[int]:
    """Return ``training_times``, ascending, as numbers of steps."""
    times = np.asarray(training_times, dtype=object)
    if times.ndim != 1:
        raise ValueError(
            f"training_times must be a 1-D sequence of numbers, got {training_times!r}."
        )
    steps = [as_number_of_steps(time, "training_times") for time in times]
    if (np.diff(steps) < 0).any():
        raise ValueError(f"training_times must be in ascending order, got {training_times!r}.")
    return steps


def as_number_of_steps(training_time: Any, name: str) -> int:
    """Return one time as a number of steps; ``name`` is what errors call it."""
    if training_time is None:
        raise ValueError(
            f"{name} must be a number of steps, got None. Training to convergence is known of "
            "networks of infinite width alone: use NTKRegressor or NTKClassifier."
        )
    if not isinstance(training_time, Real) or not 0 <= float(training_time) < np.inf:
        raise ValueError(f"{name} must be finite and at least 0, got {training_time!r}.")
    if float(training_time) % 1:
        raise ValueError(
            f"{name} must be whole: networks of finite width are trained in steps, got "
            f"{training_time!r}. For times between the steps use NTKRegressor or NTKClassifier."
        )
    return int(float(training_time))


def std_over_networks(values: np.ndarray) -> np.ndarray:
    """Return the square root of the unbiased variance over the first axis."""
    _require_several(values)
    return np.std(values, axis=0, ddof=1)


def covariance_over_networks(outputs: np.ndarray) -> np.ndarray:
    """Return the unbiased covariance of samples, shape (n, n, n_outputs), over the first axis."""
    _require_several(outputs)
    deviation = outputs - outputs.mean(0)
    covariance: np.ndarray = np.einsum("mic,mjc->ijc", deviation, deviation, optimize=True)
    return covariance / (len(outputs) - 1)


def _require_several(values: np.ndarray) -> None:
    if len(values) < 2:
        raise ValueError(
            "The spread over networks is unknown with n_networks=1: use at least 2 networks."
        )


def _with_finite_width(architecture: Layer, X: np.ndarray) -> Layer:
    """Return the architecture, which fits X and has a finite width."""
    shape = architecture.reshape_inputs(X).shape[1:]
    if len(architecture.output_shape(shape)) != 1 or not architecture.outputs_are_gaussian():
        raise ValueError(
            f"The outputs of {architecture!r} are no vectors of a last Dense layer, whose number "
            "can be chosen. Append one, for example Serial([..., Dense()]), behind Flatten() or "
            "GlobalAvgPool() for images."
        )
    check_finite_width(architecture, shape)
    return architecture


def _joined(batches: Sequence[Parameters]) -> Parameters:
    return jax.tree.map(
        lambda *leaves: np.concatenate([np.asarray(leaf) for leaf in leaves]), *batches
    )
