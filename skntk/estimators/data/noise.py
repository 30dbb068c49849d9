"""The law of noise: ``alpha`` times a unit, divided by the weight of a row."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from skntk.estimators.data.defaults import AlphaScale


@dataclass(frozen=True, eq=False)
class Noise:
    """What a value of ``alpha`` adds to the diagonal of a training kernel.

    k observations of one value with noise alpha know as much as one with noise alpha / k, which is
    why weights divide it.

    Attributes
    ----------
    scale : {"absolute", "relative"}
        Whether the unit of alpha is 1 or the mean of the kernel's diagonal.
    sample_weight : ndarray of shape (n,)
        Positive.
    """

    scale: AlphaScale
    sample_weight: np.ndarray

    def unit(self, kernel_diagonal: np.ndarray) -> float:
        """Return what alpha is multiplied by, given the diagonal of the training kernel."""
        if self.scale == "absolute":
            return 1.0
        return float(np.average(kernel_diagonal, weights=self.sample_weight))

    def unit_slope(self) -> np.ndarray:
        """Return the derivative of the unit by the diagonal of the training kernel, shape (n,)."""
        if self.scale == "absolute":
            return np.zeros_like(self.sample_weight)
        slope: np.ndarray = self.sample_weight / self.sample_weight.sum()
        return slope

    def variance(self, alpha: np.ndarray, unit: float | np.ndarray) -> np.ndarray:
        """Return the variances to add, shape (n,), for alpha of shape (n,) or (1,)."""
        variance: np.ndarray = alpha * unit / self.sample_weight
        return variance

    def single(self, variance: np.ndarray) -> np.ndarray:
        """Return the variances of single repetitions, for models that take the weights."""
        return variance * self.sample_weight

    def pull_back(
        self, alpha: np.ndarray, kernel: np.ndarray, by_noise: np.ndarray, by_kernel: np.ndarray
    ) -> float:
        """Return the derivative by a single alpha, and add that by the unit to ``by_kernel``."""
        unit = self.unit(np.diagonal(kernel))
        by_alpha = float(by_noise @ (unit / self.sample_weight))
        by_unit = float(by_noise @ (alpha / self.sample_weight))
        diagonal = np.einsum("ii->i", by_kernel)
        diagonal += by_unit * self.unit_slope()
        return by_alpha
