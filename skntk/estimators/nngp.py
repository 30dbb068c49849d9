"""Networks whose weights are all inferred: Gaussian processes with the NNGP kernel."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from scipy.special import xlogy

from skntk.estimators.base import InfiniteNetwork
from skntk.gram.matrix import Kind
from skntk.inference import GaussianProcessPosterior


class BayesianNetwork(InfiniteNetwork):
    """The exact posterior of an infinitely wide Bayesian network."""

    _kinds: ClassVar[tuple[Kind, ...]] = ("nngp",)
    _matrices_in_fit: ClassVar[int] = 2

    log_marginal_likelihood_value_: float
    _posterior: GaussianProcessPosterior

    def _condition(self, kernels: tuple[np.ndarray, ...]) -> GaussianProcessPosterior:
        posterior = GaussianProcessPosterior.condition(
            kernels[0], self.alpha_, self.y_train_, overwrite_kernel=True
        )
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
