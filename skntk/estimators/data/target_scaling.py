"""Between the units of the targets and those in which the network is trained."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Self

import numpy as np

# A spread below this share of the targets' size is rounding: the targets are constant.
_CONSTANT = 10 * np.finfo(np.float64).eps


@dataclass(frozen=True, eq=False)
class TargetScaling:
    """The affine map ``targets = center + scale * normalized``, for each output.

    Origin and unit are of shape () or (n_outputs,). ``output_scale``, of the same shape, is what
    variances of the normalized process are multiplied by before.
    """

    center: np.ndarray
    scale: np.ndarray
    output_scale: np.ndarray = field(default_factory=lambda: np.ones(()))

    @classmethod
    def of(cls, targets: np.ndarray, sample_weight: np.ndarray, *, normalize: bool) -> Self:
        """Return the scaling by mean and standard deviation, or the one that changes nothing."""
        return cls.standardizing(targets, sample_weight) if normalize else cls.identity(targets)

    @classmethod
    def identity(cls, targets: np.ndarray) -> Self:
        """Return the scaling that leaves the targets as they are."""
        shape = targets.shape[1:]
        return cls(np.zeros(shape), np.ones(shape))

    @classmethod
    def standardizing(cls, targets: np.ndarray, sample_weight: np.ndarray) -> Self:
        """Return the scaling by the weighted mean and standard deviation, 1 of constant targets."""
        center = np.average(targets, axis=0, weights=sample_weight)
        deviation = targets - center
        # Squares of deviations in units of the largest neither overflow nor underflow.
        largest = np.abs(deviation).max(axis=0)
        constant = largest <= _CONSTANT * np.abs(targets).max(axis=0)
        unit = np.where(constant, 1.0, largest)
        variance = np.average(np.square(deviation / unit), axis=0, weights=sample_weight)
        return cls(center, np.where(constant, 1.0, unit * np.sqrt(variance)))

    def says_nothing(self, normalized: np.ndarray) -> np.ndarray:
        """Return which outputs of normalized targets are 0 up to rounding."""
        size = np.maximum(1.0, np.abs(self.center / self.scale))
        nothing: np.ndarray = np.abs(normalized).max(axis=0) <= _CONSTANT * size
        return nothing

    def normalize(self, targets: np.ndarray) -> np.ndarray:
        """Return targets of shape (n,) or (n, n_outputs) in the units of training."""
        normalized: np.ndarray = (targets - self.center) / self.scale
        return normalized

    def restore(self, normalized: np.ndarray) -> np.ndarray:
        """Return normalized means of shape (m,) or (m, n_outputs) in the units of the targets."""
        return self.center + self.scale * normalized

    @property
    def unit_of_std(self) -> np.ndarray:
        """What standard deviations of the normalized process are multiplied by."""
        return self.scale * np.sqrt(self.output_scale)

    def restore_deviations(self, deviations: np.ndarray) -> np.ndarray:
        """Return draws less their mean, shape (m, [n_outputs,] n_samples), in units of targets."""
        return self.unit_of_std[..., np.newaxis] * deviations

    def restore_std(self, std: np.ndarray) -> np.ndarray:
        """Return one standard deviation for all outputs, shape (m,), as (m,) or (m, n_outputs)."""
        return np.multiply.outer(std, self.unit_of_std)

    def restore_covariance(self, covariance: np.ndarray) -> np.ndarray:
        """Return one covariance for all outputs, shape (m, m), as (m, m) or (m, m, n_outputs)."""
        return np.multiply.outer(covariance, np.square(self.unit_of_std))
