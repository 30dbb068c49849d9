"""Interactions and length scales of products over features, learned from the evidence."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.linalg import LinAlgError
from scipy.linalg.lapack import dpotrf, dpotri, dpotrs
from scipy.optimize import minimize

from skntk.architecture import FeatureProduct
from skntk.inference.linalg.threads import one_blas_thread

__all__ = ["ProductScales", "learn_product"]

_INTERACTION, _LENGTH, _NOISE = 0.1, 2.0, 0.3
_INTERACTIONS = np.log([1e-4, 30.0])
_LENGTHS = np.log([0.05, 50.0])
_NOISES = np.log([1e-4, 30.0])
# The standard deviation of a logarithm before the data: a factor of e^3.2 either way.
_PRECISION = 0.1
_MOST_STEPS = 25


@dataclass(frozen=True)
class ProductScales:
    """The interaction of every column, and the length scale of those that hold numbers."""

    interactions: np.ndarray
    length_scales: np.ndarray

    @classmethod
    def default(cls, n_numbers: int, n_categories: int) -> ProductScales:
        """Return what the data may change."""
        return cls(np.full(n_numbers + n_categories, _INTERACTION), np.full(n_numbers, _LENGTH))

    @property
    def slopes(self) -> np.ndarray:
        """How fast the kernel falls along every column: by all of it, for categories."""
        depths = self.interactions / (1 + self.interactions)
        n_numbers = len(self.length_scales)
        return np.concatenate([depths[:n_numbers] / self.length_scales, depths[n_numbers:]])

    def layer(self) -> FeatureProduct:
        """Return the layer of a network."""
        n_numbers, n_columns = len(self.length_scales), len(self.interactions)
        lengths = np.concatenate([self.length_scales, np.ones(n_columns - n_numbers)])
        return FeatureProduct(lengths, self.interactions, range(n_numbers, n_columns))


def learn_product(X: np.ndarray, n_numbers: int, targets: np.ndarray) -> ProductScales:
    """Return the scales of greatest posterior density, given rows and their targets.

    The targets, of shape (n_samples, n_outputs), have a Gaussian process prior, with a scale in
    common that is profiled out and a noise that is learned. Logarithms of interactions and length
    scales have normal priors around the defaults. X has numbers in the first columns and codes of
    categories in the others.
    """
    start = ProductScales.default(n_numbers, X.shape[1] - n_numbers)
    if not np.ptp(targets, axis=0).any():
        return start  # which constants do not change
    evidence = _Evidence(X, n_numbers, targets)
    center = np.log(np.concatenate([start.interactions, start.length_scales, [_NOISE]]))
    n_columns = len(start.interactions)
    bounds = [_INTERACTIONS] * n_columns + [_LENGTHS] * n_numbers + [_NOISES]

    def objective(parameters: np.ndarray) -> tuple[float, np.ndarray]:
        value, gradient = evidence(parameters)
        excess = parameters - center
        excess[-1] = 0
        return (
            value + _PRECISION * np.sum(excess**2) / 2,
            gradient + _PRECISION * excess,
        )

    with one_blas_thread():
        found = minimize(
            objective,
            center,
            jac=True,
            method="L-BFGS-B",
            bounds=bounds,
            options={"maxiter": _MOST_STEPS},
        )
    scales = np.exp(found.x)
    return ProductScales(scales[:n_columns], scales[n_columns:-1])


class _Evidence:
    """Minus the log marginal likelihood for an output, as a function of logarithms of the scales.

    Everything of a pair of rows is computed once: diagonals do not change. Elementwise work is in
    single precision, whose errors are far below the least noise.
    """

    def __init__(self, X: np.ndarray, n_numbers: int, targets: np.ndarray) -> None:
        self._left, self._right = np.triu_indices(len(X), 1)
        columns = [(column[self._left], column[self._right]) for column in X.T.astype(np.float32)]
        self._gaps = [np.abs(left - right) for left, right in columns[:n_numbers]]
        self._equal = [(left == right).astype(np.float32) for left, right in columns[n_numbers:]]
        self._targets = targets - targets.mean(axis=0)
        self._targets = self._targets[:, self._targets.any(axis=0)]

    def __call__(self, parameters: np.ndarray) -> tuple[float, np.ndarray]:
        """Return the value and its gradient."""
        n_numbers, n_categories = len(self._gaps), len(self._equal)
        interactions, lengths, noise = np.split(
            np.exp(parameters).astype(np.float32),
            [n_numbers + n_categories, 2 * n_numbers + n_categories],
        )
        similarities = [
            np.exp(-gap / length) for gap, length in zip(self._gaps, lengths, strict=True)
        ] + self._equal
        product = np.ones(len(self._left), np.float32)
        for weight, similarity in zip(interactions, similarities, strict=True):
            product *= (1 + weight * similarity) / (1 + weight)
        value, by_kernel, by_noise = self._density(product, float(noise[0]))
        by_product = by_kernel * product
        gradient = np.empty_like(parameters)
        total = by_product.sum()
        for j, (weight, similarity) in enumerate(zip(interactions, similarities, strict=True)):
            shares = by_product * (weight * similarity / (1 + weight * similarity))
            gradient[j] = shares.sum() - total * weight / (1 + weight)
            if j < n_numbers:
                gradient[n_numbers + n_categories + j] = shares @ self._gaps[j] / lengths[j]
        gradient[-1] = noise[0] * by_noise
        return value, gradient

    def _density(self, product: np.ndarray, noise: float) -> tuple[float, np.ndarray, float]:
        """Return minus the log density an output, and its derivatives by kernel and noise."""
        n_samples, n_outputs = self._targets.shape
        K = np.zeros((n_samples, n_samples))
        K[self._right, self._left] = product
        K[np.diag_indices(n_samples)] = 1 + noise
        factor, failed = dpotrf(K, lower=True, overwrite_a=True)
        if failed:
            raise LinAlgError(f"The kernel of {n_samples} rows plus noise {noise:g} is singular.")
        dual, _ = dpotrs(factor, self._targets, lower=True)
        mean_square = np.sum(self._targets * dual) / (n_samples * n_outputs)
        value = n_samples * np.log(mean_square) / 2 + np.sum(np.log(np.diag(factor)))
        inverse, _ = dpotri(factor, lower=True, overwrite_c=True)
        dual /= np.sqrt(mean_square * n_outputs)
        slope = inverse - dual @ dual.T  # its lower triangle
        by_kernel = slope[self._right, self._left].astype(np.float32)
        return float(value), by_kernel, float(np.trace(slope)) / 2
