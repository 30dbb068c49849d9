"""Networks of which the last layer is trained, or all weights are inferred: the NNGP kernel."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from scipy.special import xlogy

from skntk.estimators.kernel_machines.training import TrainedNetwork
from skntk.gram.matrix import Kind
from skntk.inference import GaussianProcessPosterior, ReadoutFlowPosterior


class BayesianNetwork(TrainedNetwork):
    """The exact posterior of an infinitely wide Bayesian network, and the training that ends there.

    Trained to convergence, each on targets with noise of its own, the last layers of random
    networks are samples of the posterior.
    """

    _posterior: GaussianProcessPosterior | ReadoutFlowPosterior
    _kinds: ClassVar[tuple[Kind, ...]] = ("nngp",)
    _matrices_in_fit: ClassVar[int] = 2

    log_marginal_likelihood_value_: float

    def _converged(self, kernels: tuple[np.ndarray, ...]) -> GaussianProcessPosterior:
        return GaussianProcessPosterior.condition(
            kernels[0], self.alpha_, self._targets_to_learn(), overwrite_kernel=True
        )

    def _stopped(
        self, kernels: tuple[np.ndarray, ...], training_time: float
    ) -> ReadoutFlowPosterior:
        return ReadoutFlowPosterior.condition(
            kernels[0],
            self._noise_in_flow(),
            self._targets_to_learn(),
            training_time=training_time,
            overwrite_kernel=True,
            **self._optimizer(),
        )

    def _leading_to(self, converged: Any) -> ReadoutFlowPosterior:
        return ReadoutFlowPosterior.leading_to(
            converged, self._targets_to_learn(), self._solver(), sample_weight=self._sample_weight
        )

    def _condition(self, kernels: tuple[np.ndarray, ...]) -> Any:
        posterior: Any = super()._condition(kernels)
        self.log_marginal_likelihood_value_ = (
            posterior.log_marginal_likelihood(self.y_train_) + self._density_of_repetitions()
        )
        return posterior

    def _density_of_repetitions(self) -> float:
        r"""Return what weights other than 1 add to the log marginal likelihood.

        With noise variance a, N(y | f, a)^w = N(y | f, a / w) (2 pi a)^((1 - w) / 2) w^(-1/2): the
        posterior only knows the first factor.
        """
        weight = self._sample_weight
        noise = self.alpha_ * weight
        log_density = -0.5 * (xlogy(weight - 1, 2 * np.pi * noise) + np.log(weight))
        n_outputs = self.y_train_.size // len(self.y_train_)
        return n_outputs * float(log_density.sum())
