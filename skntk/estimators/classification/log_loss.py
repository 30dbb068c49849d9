"""Classifiers trained on the cross-entropy of their softmax instead of on squared error."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils.validation import check_is_fitted

from skntk._memory import require_memory
from skntk.estimators.classification.staged_classification import StagedClassifier
from skntk.estimators.kernel_machines.ntk import TrainedEnsemble
from skntk.inference import LossFlow, SoftmaxCrossEntropy

LossName = Literal["squared_error", "log_loss"]


class ClassifierWithLoss(StagedClassifier, TrainedEnsemble):
    """A classifier with a choice of the loss; for squared error that of its base classes.

    On the log-loss the network with the initial outputs 0 is trained, whose outputs are logits:
    their targets have no units, and the softmax needs no temperature.
    """

    loss: LossName

    @property
    def _outputs_are_logits(self) -> bool:
        return self.loss == "log_loss"

    # Training --------------------------------------------------------------------------------

    def _require_feasible_training(self, targets: np.ndarray) -> None:
        if self._outputs_are_logits:
            self._require_feasible_logits(*targets.shape)
        super()._require_feasible_training(targets)

    def _require_feasible_logits(self, n_samples: int, n_classes: int) -> None:
        if self.training_time is None:
            raise ValueError(
                'loss="log_loss" needs a finite training_time: the logits of classes that can be '
                "separated grow for ever. Set training_time, for example by a GridSearchCV over "
                'powers of ten, or use loss="squared_error", which can be trained to convergence.'
            )
        # In stiff phases of training a matrix for each class is held beside those of squared error.
        require_memory(
            (self._matrices_in_fit + n_classes + 4) * n_samples**2 * 8,
            f'{type(self).__name__}.fit on {n_samples} samples with loss="log_loss"',
            'Train on fewer rows, or use loss="squared_error", which needs less for many classes.',
        )

    def _condition(self, kernels: tuple[np.ndarray, ...]) -> Any:
        if not self._outputs_are_logits:
            return super()._condition(kernels)
        assert self.training_time is not None
        return LossFlow.condition(
            kernels[0],
            self._noise_in_flow(),
            SoftmaxCrossEntropy(self.y_train_),
            training_time=self.training_time,
            overwrite_kernel=True,
            **self._optimizer(),
        )

    def _largest_curvature(self, posterior: Any) -> float:
        if isinstance(posterior, LossFlow):
            return posterior.dynamics.largest_curvature
        return super()._largest_curvature(posterior)

    def _variance(self, X: np.ndarray) -> np.ndarray:
        if isinstance(self._posterior, LossFlow):
            raise ValueError(
                'Of an ensemble trained with loss="log_loss" the spread has no closed form: '
                "the gradient of this loss is not linear in the outputs. Use "
                'loss="squared_error", or train networks of finite width.'
            )
        return super()._variance(X)

    def _require_closed_form_leave_one_out(self) -> None:
        check_is_fitted(self, "dual_coef_")
        if isinstance(self._posterior, LossFlow):
            raise ValueError(
                "Leave-one-out predictions have a closed form only for squared error and training "
                'to convergence, and this model was trained with loss="log_loss": use '
                "cross_val_predict."
            )
        super()._require_closed_form_leave_one_out()

    # Many times ------------------------------------------------------------------------------

    def _run(self) -> Any:
        return self._posterior if isinstance(self._posterior, LossFlow) else super()._run()

    def _temperatures(self, training_times: ArrayLike) -> list[float]:
        if isinstance(self._posterior, LossFlow):
            return [1.0] * len(self._checked_times(training_times))
        return super()._temperatures(training_times)

    def _losses_over(
        self, X: np.ndarray, one_hot: np.ndarray, training_times: np.ndarray
    ) -> dict[str, np.ndarray]:
        run = self._posterior
        if not isinstance(run, LossFlow):
            return super()._losses_over(X, one_hot, training_times)
        trajectory = run.over(training_times)
        (cross,) = self._kernels(X, self.X_train_, kinds=self._kinds[:1])
        train, test = run.dynamics.loss, SoftmaxCrossEntropy(one_hot)
        on_training_rows = trajectory.mean(run.dynamics.spectrum.kernel())
        return {
            "train_loss": np.array(
                [np.average(train.value(f), weights=self._sample_weight) for f in on_training_rows]
            ),
            "test_loss": np.array([test.value(f).mean() for f in trajectory.mean(cross)]),
        }

    def _stages(self, training_times: ArrayLike) -> Iterator[Self]:
        run = self._posterior
        if not isinstance(run, LossFlow):
            yield from super()._stages(training_times)
            return
        trajectory = run.over(training_times)
        for time, dual_coef in zip(trajectory.training_times, trajectory.dual_coef, strict=True):
            yield self._copy_at(replace(run, training_time=float(time), dual_coef=dual_coef))
