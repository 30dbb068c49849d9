"""Networks trained by gradient descent: ensembles with the neural tangent kernel."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar

import numpy as np

from skntk.estimators.kernel_machines.training import TrainedNetwork
from skntk.gram.cache.kernel_cache import KERNEL_CACHE
from skntk.gram.kernel_function import KernelFunction
from skntk.gram.matrix import Kind
from skntk.inference import EnsemblePosterior, GradientFlowPosterior


class TrainedEnsemble(TrainedNetwork):
    """A deep ensemble of infinitely wide networks, trained for a finite time or to convergence."""

    _kinds: ClassVar[tuple[Kind, ...]] = ("ntk", "nngp")
    _matrices_in_fit: ClassVar[int] = 3

    def _kinds_before_training(self) -> tuple[Kind, ...]:
        # The cache has the NNGP kernel for those who ask for a standard deviation.
        is_found_later = self.cache_size is not None and self.training_time is None
        return self._kinds[:1] if is_found_later else self._kinds

    def _find_nngp(self) -> Callable[[], np.ndarray]:
        # Without a reference to the estimator, which would keep each other alive.
        kernel_function = self._kernel_function(self.X_train_)
        return partial(
            _cached_nngp, kernel_function, self.X_train_, self._kinds, self._cache_options()
        )

    def _converged(self, kernels: tuple[np.ndarray, ...]) -> EnsemblePosterior:
        ntk, *nngp = kernels
        return EnsemblePosterior.condition(
            ntk,
            nngp[0] if nngp else self._find_nngp(),
            self.alpha_,
            self._targets_to_learn(),
            overwrite_ntk=True,
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
            converged, self._targets_to_learn(), self._solver(), sample_weight=self._sample_weight
        )


def _cached_nngp(
    kernel_function: KernelFunction,
    X: np.ndarray,
    kinds: tuple[Kind, ...],
    options: dict[str, Any],
) -> np.ndarray:
    matrices = KERNEL_CACHE.gram_matrix(kernel_function, X, kinds=kinds, **options)
    return matrices[kinds.index("nngp")]
