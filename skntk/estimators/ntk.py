"""Networks trained by gradient descent: ensembles with the neural tangent kernel."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from skntk.estimators.base import InfiniteNetwork
from skntk.estimators.distinct_rows import stratified_folds
from skntk.gram.matrix import Kind
from skntk.inference import (
    EnsemblePosterior,
    GradientFlowPosterior,
    centered_held_out_gradient_flow,
    held_out_gradient_flow,
)

# The networks of a fold train on two thirds of the rows. More folds would need more memory beside
# the kernels.
N_FOLDS = 3


class TrainedEnsemble(InfiniteNetwork):
    """A deep ensemble of infinitely wide networks, trained for a finite time or to convergence."""

    _kinds: ClassVar[tuple[Kind, ...]] = ("ntk", "nngp")
    _matrices_in_fit: ClassVar[int] = 3

    training_time: float | None
    learning_rate: float

    _posterior: EnsemblePosterior | GradientFlowPosterior

    def _condition(
        self, kernels: tuple[np.ndarray, ...]
    ) -> EnsemblePosterior | GradientFlowPosterior:
        ntk, nngp = kernels
        if self.training_time is None:
            return EnsemblePosterior.condition(
                ntk, nngp, self.alpha_, self.y_train_, overwrite_ntk=True
            )
        return GradientFlowPosterior.condition(
            ntk,
            nngp,
            self._noise_in_flow(),
            self.y_train_,
            training_time=self.training_time,
            learning_rate=self.learning_rate,
            sample_weight=self._sample_weight,
            overwrite_ntk=True,
        )

    def _noise_in_flow(self) -> np.ndarray:
        """Return the noise of a single repetition: the flow takes the weights by themselves."""
        return self.alpha_ * self._sample_weight

    def _train_and_hold_out(
        self, kernels: tuple[np.ndarray, ...], labels: np.ndarray
    ) -> np.ndarray:
        if self.training_time is None:
            return super()._train_and_hold_out(kernels, labels)
        hold_out = centered_held_out_gradient_flow if self.normalize_y else held_out_gradient_flow
        held_out = hold_out(
            kernels[0],
            self._noise_in_flow(),
            self.y_train_,
            stratified_folds(self.X_train_, labels, N_FOLDS),
            training_time=self.training_time,
            learning_rate=self.learning_rate,
            sample_weight=self._sample_weight,
        )
        self._train(kernels)
        return self._scaling.restore(held_out)

    def _require_closed_form_leave_one_out(self) -> None:
        super()._require_closed_form_leave_one_out()
        if isinstance(self._posterior, GradientFlowPosterior):
            raise ValueError(
                "Leave-one-out predictions have a closed form only for training to convergence, "
                "and this model was trained until training_time="
                f"{self._posterior.training_time:g}: "
                "set training_time=None, or use cross_val_predict."
            )
