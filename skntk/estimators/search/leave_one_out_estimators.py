"""Estimators whose predictions are those of the models that leave out one sample each."""

from __future__ import annotations

from functools import cached_property
from typing import Any, ClassVar, Self

import numpy as np
from scipy.special import softmax

from skntk.estimators.classification.classification import NetworkClassifier
from skntk.estimators.data.target_scaling import TargetScaling
from skntk.estimators.kernel_machines.base import InfiniteNetwork
from skntk.estimators.regression.observation_noise import EstimatedNoise
from skntk.estimators.regression.regression import NetworkRegressor
from skntk.estimators.search.kernels import SamplesOfSearch
from skntk.estimators.search.precomputed_estimators import OnSharedKernel, on_shared_kernel
from skntk.inference import NoiseSpectrum


class ScalingOfEach:
    """One scaling of the targets for each prediction.

    Attributes
    ----------
    center, scale : ndarray of shape (m,) or (m, n_outputs)
        Origin and unit of the targets.
    """

    def __init__(self, scalings: list[TargetScaling]) -> None:
        self.center = np.array([scaling.center for scaling in scalings])
        self.scale = np.array([scaling.scale for scaling in scalings])

    def restore(self, normalized: np.ndarray) -> np.ndarray:
        """Return normalized means in the units of the targets."""
        restored: np.ndarray = self.center + self.scale * normalized
        return restored

    def restore_std(self, std: np.ndarray) -> np.ndarray:
        """Return one standard deviation for all outputs, shape (m,), as (m,) or (m, n_outputs)."""
        restored: np.ndarray = (std * self.scale.T).T
        return restored


class LeavingOneOut(OnSharedKernel):
    """Fitted on all samples, predicts each by the model that is fitted on all others.

    Where every sample is a row of its own and the decomposition of the kernel resolves the noise,
    all means and variances come from a few products of matrices; elsewhere from one model for each
    sample.
    """

    _of_model: ClassVar[type[OnSharedKernel]]

    _spectrum: NoiseSpectrum | None

    def fit(self, X: np.ndarray, y: np.ndarray, sample_weight: Any = None) -> Self:
        """Prepare for all samples, given by number, shape (n, 1)."""
        self._data = X, np.asarray(y), sample_weight
        return super().fit(X, y, sample_weight)

    def with_alpha(self, alpha: float) -> Self:
        """Return an estimator that is fitted on the same samples with another ``alpha``."""
        model = type(self)(**self.get_params(deep=False) | {"alpha": alpha})
        model.fit(*self._data)
        model.expect(self._test_inputs, self._test_samples)
        return model

    def _train(self, kernels: tuple[np.ndarray, ...]) -> None:
        self._scaling_of_all = self._scaling
        self._alpha_unit: Any = self._scale_of_alpha(kernels)
        self._levels = np.mean(self._alpha_of_all) * self._alpha_unit
        self._spectrum = self._applicable_spectrum()
        if self._spectrum is None:
            scalings = [model._scaling for model in self.models]
            self._alpha_unit = np.array([model._alpha_unit for model in self.models])
        else:
            scalings = self._scalings()
        self._scaling: Any = ScalingOfEach(scalings)

    @cached_property
    def models(self) -> list[OnSharedKernel]:
        """The models that leave out one sample each, and expect that sample as number."""
        X, y, sample_weight = self._data
        parameters = self.get_params(deep=False) | {"alpha": self._alpha_of_all}
        models = []
        for left_out in range(len(X)):
            others = np.delete(np.arange(len(X)), left_out)
            weights = None if sample_weight is None else np.asarray(sample_weight)[others]
            model = self._of_model(**parameters).fit(X[others], y[others], weights)
            model.expect(left_out, X[[left_out], 0])
            models.append(model)
        return models

    def _is_fitted(self) -> bool:
        return hasattr(self, "_spectrum")

    def _scale_of_alpha(self, kernels: tuple[np.ndarray, ...]) -> np.ndarray:
        """Return what alpha is multiplied by when each training row is left out."""
        if self.alpha_scale == "absolute":
            return np.ones(len(self.X_train_))
        return _mean_of_others(self._prior_scale(kernels), self._sample_weight)

    def _applicable_spectrum(self) -> NoiseSpectrum | None:
        n_samples = len(self._data[0])
        spectrum = self._samples.spectrum(self, self._kernel, self._alpha_of_all)
        applies = (
            spectrum is not None
            and np.array_equal(spectrum.rows, np.arange(n_samples))
            and np.array_equal(self._training_rows(), np.arange(n_samples))
            and spectrum.resolves(self._levels.min())
        )
        return spectrum if applies else None

    def _scalings(self) -> list[TargetScaling]:
        targets = self._scaling.restore(self.y_train_)
        if not self.normalize_y:
            return [TargetScaling.identity(targets)] * len(targets)
        return self._samples.scalings_of_others(targets, self._sample_weight)

    def _validated_inputs(self, X: Any) -> np.ndarray:
        super()._validated_inputs(X)
        return self._test_samples

    def _mean(self, X: np.ndarray) -> np.ndarray:
        return self._means[X]

    def _mean_and_variance(self, X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return self._means[X], self._variances[X]

    @cached_property
    def _means(self) -> np.ndarray:
        if self._spectrum is None:
            return np.concatenate([model.mean_of_expected() for model in self.models])
        y = self.y_train_.reshape(len(self.y_train_), -1)
        columns = np.column_stack([y, np.ones(len(y))])
        left_out = self._spectrum.leave_one_out(self._levels, columns)
        # Predictions are linear in the targets: those of ones tell what another center changes.
        center = self._scaling_of_all.center
        shift = ((self._scaling.center - center).T * (1.0 - left_out[:, -1])).T
        means = self._scaling_of_all.restore(left_out[:, :-1].reshape(self.y_train_.shape)) + shift
        normalized: np.ndarray = (means - self._scaling.center) / self._scaling.scale
        return normalized

    @cached_property
    def _variances(self) -> np.ndarray:
        if self._spectrum is None:
            pairs = [model.mean_and_variance_of_expected() for model in self.models]
            return np.concatenate([variance for _, variance in pairs])
        prior = self._kernel.shared.prior
        return self._spectrum.leave_one_out_variance(self._levels, prior)


class RegressorLeavingOneOut(LeavingOneOut, NetworkRegressor):
    """The noise of each observation is what its own model takes it to be."""

    def _noise_of(self, mean: np.ndarray) -> np.ndarray:
        if isinstance(self, EstimatedNoise):
            return np.array([model._noise_of(mean) for model in self.models])  # type: ignore[attr-defined]
        return super()._noise_of(mean)  # type: ignore[misc]


class ClassifierLeavingOneOut(LeavingOneOut, NetworkClassifier):
    """The probabilities of each sample are by the temperature of its own model."""

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return the probability of each class."""
        temperature = np.array([model.temperature_ for model in self.models])  # type: ignore[attr-defined]
        probabilities: np.ndarray = softmax(self._scores(X) / temperature[:, np.newaxis], axis=1)
        return probabilities

    def _applicable_spectrum(self) -> NoiseSpectrum | None:
        # Balanced, the models have other weights than the model of all samples.
        return None if self.class_weight == "balanced" else super()._applicable_spectrum()

    def _train_and_hold_out(
        self, kernels: tuple[np.ndarray, ...], labels: np.ndarray
    ) -> np.ndarray:
        self._train(kernels)
        scores = self._scaling.restore(self._means)
        # Of equal samples the first.
        return scores[np.unique(self._position_of_sample, return_index=True)[1]]


def _mean_of_others(values: np.ndarray, weight: np.ndarray) -> np.ndarray:
    weighted = values * weight
    mean: np.ndarray = (weighted.sum() - weighted) / (weight.sum() - weight)
    return mean


def leaving_one_out(estimator: InfiniteNetwork, samples: SamplesOfSearch) -> LeavingOneOut:
    """Return an estimator that predicts every sample of a search by the others."""
    cls = type(estimator)
    is_classifier = isinstance(estimator, NetworkClassifier)
    base = ClassifierLeavingOneOut if is_classifier else RegressorLeavingOneOut
    of_model = type(on_shared_kernel(estimator, samples))
    bound = type(cls.__name__, (base, cls), {"_samples": samples, "_of_model": of_model})
    return bound(**estimator.get_params(deep=False))
