"""Estimators whose predictions are those of the models that leave out one sample each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from sklearn.base import is_classifier

from skntk.estimators.classification.scores import OneHotScores
from skntk.estimators.data.target_scaling import TargetScaling
from skntk.estimators.regression.observation_noise import NoiseByModel, ObservationNoise
from skntk.estimators.search.subset_fit import (
    Expected,
    FitTask,
    HeldOutProcess,
    SampleFit,
    SubsetFit,
)
from skntk.inference import NoiseSpectrum


class ScalingForEach(TargetScaling):
    """One scaling of the targets for each prediction, of shape (m,) or (m, n_outputs)."""

    @classmethod
    def joining(cls, scalings: list[TargetScaling]) -> ScalingForEach:
        """Return scalings of single predictions as one."""
        parts = (
            (
                one.center,
                one.scale,
                np.broadcast_to(one.output_scale, one.scale.shape),
            )
            for one in scalings
        )
        return cls(*map(np.array, zip(*parts, strict=True)))

    def restore_std(self, std: np.ndarray) -> np.ndarray:
        restored: np.ndarray = (std * self.unit_of_std.T).T
        return restored


@dataclass(frozen=True, eq=False)
class LeftOutProcess(HeldOutProcess):
    """Every sample as the model predicts it that leaves it out."""

    # All samples.
    expected: Expected
    # Return normalized means of shape (n,) or (n, n_outputs), and variances of shape (n,).
    find_means: Callable[[], np.ndarray]
    find_variances: Callable[[], np.ndarray]

    @property
    def dual_coef(self) -> np.ndarray:
        self._refuse("dual coefficients")

    @property
    def total_weight(self) -> float:
        self._refuse("weights")

    def validated(self, estimator: Any, X: Any) -> np.ndarray:
        self.expected.require(X)
        return self.expected.samples

    def mean(self, X: np.ndarray) -> np.ndarray:
        return self._means[X]

    def mean_and_variance(self, X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return self._means[X], self._variances[X]

    def leave_one_out_mean(self) -> np.ndarray:
        return self._means

    def leave_one_out_variance(self) -> np.ndarray:
        return self._variances

    @cached_property
    def _means(self) -> np.ndarray:
        return self.find_means()

    @cached_property
    def _variances(self) -> np.ndarray:
        return self.find_variances()


class LeaveOneOutFit:
    """Fitted on all samples, predicts each by the model that is fitted on all others.

    Where every sample is a row of its own and the decomposition of the kernel resolves the noise,
    all means and variances come from a few products of matrices; elsewhere from one model for each
    sample.
    """

    def __init__(self, task: FitTask) -> None:
        self._task = task
        self._all = SampleFit(task)
        self.model = self._all.model

    def train(self) -> LeaveOneOutFit:
        """Find what the predictions depend on."""
        model, expected = self.model, self._task.expected
        self._scaling_of_all = model._scaling
        model._alpha_unit = self._unit_of_alpha()
        spectrum = self._applicable_spectrum()
        if spectrum is None:
            model._alpha_unit = np.array([other._alpha_unit for other in self.models])
            scalings = [other._scaling for other in self.models]
            process = LeftOutProcess(expected, self._means_by_models, self._vars_by_models)
        else:
            scalings = self._scalings()
            process = LeftOutProcess(
                expected,
                lambda: self._means_by_decomposition(spectrum),
                lambda: spectrum.leave_one_out_variance(
                    self._levels, self._all.kernel.shared.prior
                ),
            )
        model._scaling = ScalingForEach.joining(scalings)
        model._process = process
        if is_classifier(model):
            model._scores = OneHotScores(
                process, model._scaling, lambda _: self._temperatures(), model._rows
            )
        else:
            model._observation_noise = self._noise_model()
        return self

    def with_alpha(self, alpha: float) -> LeaveOneOutFit:
        """Return the fit of the same samples with another ``alpha``."""
        parameters = {**self._task.parameters, "alpha": alpha}
        return LeaveOneOutFit(self._task._replace(parameters=parameters)).train()

    @cached_property
    def models(self) -> list[Any]:
        """The models that leave out one sample each, and expect that sample as its number.

        Samples that are equal to a classifier, and of equal weight and alpha, have one model.
        """
        found: dict[tuple[float, ...], Any] = {}
        models = []
        for left_out, alike in enumerate(self._alike()):
            if alike not in found:
                found[alike] = self._model_without(left_out)
            models.append(found[alike])
        return models

    def _alike(self) -> list[tuple[float, ...]]:
        """Return for each sample what is the same of those that one model leaves out."""
        task, fit = self._task, self._all
        rows = np.arange(len(task.numbers))
        # To some networks a sample is not another because it equals it.
        if not fit.kernel.architecture.is_stochastic():
            rows = fit.samples.rows_of(self.model, task.numbers)
        weight = 1.0 if task.sample_weight is None else task.sample_weight
        alpha = self.model.alpha if np.ndim(self.model.alpha) else 1.0
        columns = np.column_stack(
            [np.broadcast_to(one, rows.shape) for one in (rows, weight, alpha)]
        )
        return list(map(tuple, columns.tolist()))

    def _model_without(self, left_out: int) -> Any:
        task, y = self._task, np.asarray(self._task.y)
        others = np.delete(np.arange(len(y)), left_out)
        weight = task.sample_weight
        without_one = task._replace(
            numbers=task.numbers[others],
            y=y[others],
            sample_weight=None if weight is None else np.asarray(weight)[others],
            expected=Expected(left_out, task.numbers[[left_out]]),
        )
        return SubsetFit(without_one).train().model

    def _unit_of_alpha(self) -> np.ndarray:
        """Return what alpha is multiplied by when each training row is left out."""
        if self.model.alpha_scale == "absolute":
            return np.ones(len(self._all.rows))
        return _mean_of_others(self._all.prior_diagonal(), self.model._noise.sample_weight)

    def _applicable_spectrum(self) -> NoiseSpectrum | None:
        model, fit = self.model, self._all
        # Balanced, the models have other weights than the model of all samples; and every model
        # finds an alpha of its own.
        if getattr(model, "class_weight", None) == "balanced" or model._alpha_is_found:
            return None
        self._levels = np.mean(model.alpha) * model._alpha_unit
        everything = np.arange(len(self._task.expected.samples))
        spectrum = fit.samples.spectrum(model, fit.kernel, model.alpha)
        applies = (
            spectrum is not None
            and np.array_equal(spectrum.rows, everything)
            and np.array_equal(fit.rows, everything)
            and spectrum.resolves(self._levels.min())
        )
        return spectrum if applies else None

    def _scalings(self) -> list[TargetScaling]:
        model = self.model
        targets = model._rows.targets
        if not model.normalize_y:
            return [TargetScaling.identity(targets)] * len(targets)
        restored = self._scaling_of_all.restore(model.y_train_)
        return self._all.samples.scalings_of_others(restored, model._noise.sample_weight)

    def _means_by_decomposition(self, spectrum: NoiseSpectrum) -> np.ndarray:
        y, scaling = self.model.y_train_, self.model._scaling
        columns = np.column_stack([y.reshape(len(y), -1), np.ones(len(y))])
        left_out = spectrum.leave_one_out(self._levels, columns)
        # Predictions are linear in the targets: those of ones tell what another center changes.
        shift = ((scaling.center - self._scaling_of_all.center).T * (1.0 - left_out[:, -1])).T
        means = self._scaling_of_all.restore(left_out[:, :-1].reshape(y.shape)) + shift
        normalized: np.ndarray = scaling.normalize(means)
        return normalized

    def _means_by_models(self) -> np.ndarray:
        return np.concatenate([m._process.mean(m._process.test_rows) for m in self.models])

    def _vars_by_models(self) -> np.ndarray:
        processes = [model._process for model in self.models]
        return np.concatenate([p.mean_and_variance(p.test_rows)[1] for p in processes])

    def _temperatures(self) -> np.ndarray:
        return np.array([[model.temperature_] for model in self.models])

    def _noise_model(self) -> ObservationNoise:
        if self.model._alpha_is_found:
            return NoiseByModel(self._noise_of_models)
        noise: ObservationNoise = self.model._noise_model().left_out(self._noise_of_models)
        return noise

    def _noise_of_models(self) -> list[ObservationNoise]:
        return [model._observation_noise for model in self.models]


def _mean_of_others(values: np.ndarray, weight: np.ndarray) -> np.ndarray:
    weighted = values * weight
    mean: np.ndarray = (weighted.sum() - weighted) / (weight.sum() - weight)
    return mean
