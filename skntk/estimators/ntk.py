"""Networks trained by gradient descent: ensembles with the neural tangent kernel."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from skntk.estimators.training import TrainedNetwork
from skntk.gram.matrix import Kind
from skntk.inference import EnsemblePosterior, GradientFlowPosterior


class TrainedEnsemble(TrainedNetwork):
    """A deep ensemble of infinitely wide networks, trained for a finite time or to convergence."""

    _kinds: ClassVar[tuple[Kind, ...]] = ("ntk", "nngp")
    _matrices_in_fit: ClassVar[int] = 3

    def _converged(self, kernels: tuple[np.ndarray, ...]) -> EnsemblePosterior:
        ntk, nngp = kernels
        return EnsemblePosterior.condition(
            ntk, nngp, self.alpha_, self._targets_to_learn(), overwrite_ntk=True
        )

    def _stopped(
        self, kernels: tuple[np.ndarray, ...], training_time: float
    ) -> GradientFlowPosterior:
        ntk, nngp = kernels
        return GradientFlowPosterior.condition(
            ntk,
            nngp,
            self._noise_in_flow(),
            self._targets_to_learn(),
            training_time=training_time,
            overwrite_ntk=True,
            **self._optimizer(),
        )

    def _leading_to(self, converged: Any) -> GradientFlowPosterior:
        return GradientFlowPosterior.leading_to(
            converged, self._targets_to_learn(), **self._optimizer()
        )
