"""The minimum of Branin's function, found by expected improvement."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from scipy.stats import norm
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, Matern

from benchmarks.timing import markdown_table
from skntk import NNGPRegressor, NTKRegressor

N_INITIAL = 5
N_CHOSEN = 20
N_CANDIDATES = 2000
# Means over few seeds differ by chance: these stand beside those of all.
N_FIRST = 10


def matern() -> GaussianProcessRegressor:
    kernel = ConstantKernel() * Matern(nu=2.5)
    return GaussianProcessRegressor(
        kernel, alpha=1e-6, normalize_y=True, n_restarts_optimizer=1, random_state=0
    )


SURROGATES: Mapping[str, Callable[[], Any] | None] = {
    "NNGPRegressor()": NNGPRegressor,
    "NTKRegressor()": NTKRegressor,
    "NNGPRegressor(alpha=0.1)": lambda: NNGPRegressor(alpha=0.1),
    "NTKRegressor(alpha=0.1)": lambda: NTKRegressor(alpha=0.1),
    "GaussianProcessRegressor(Matern)": matern,
    "random points": None,
}


def branin(points: np.ndarray) -> np.ndarray:
    """Return the function at points of the unit square; its minimum is 0.398."""
    a, b = 15 * points[:, 0] - 5, 15 * points[:, 1]
    valley = b - 5.1 / (4 * np.pi**2) * a**2 + 5 / np.pi * a - 6
    return valley**2 + 10 * (1 - 1 / (8 * np.pi)) * np.cos(a) + 10


def standardized(points: np.ndarray) -> np.ndarray:
    """Return uniform points with zero mean and unit variance."""
    return np.sqrt(12) * (points - 0.5)


def expected_improvement(model: Any, points: np.ndarray, best: float) -> np.ndarray:
    mean, std = model.predict(standardized(points), return_std=True)
    std = np.maximum(std, 1e-12)
    z = (best - mean) / std
    return std * (z * norm.cdf(z) + norm.pdf(z))


def best_value(make: Callable[[], Any] | None, seed: int) -> float:
    """Return the smallest value found, by a surrogate or at random."""
    random = np.random.default_rng(seed)
    points = random.uniform(size=(N_INITIAL, 2))
    for _ in range(N_CHOSEN):
        candidates = random.uniform(size=(N_CANDIDATES, 2))
        chosen = candidates[0]
        if make is not None:
            y = branin(points)
            model = make().fit(standardized(points), y)
            chosen = candidates[np.argmax(expected_improvement(model, candidates, y.min()))]
        points = np.vstack([points, chosen])
    return float(branin(points).min())


def report(n_seeds: int) -> str:
    """Return the table of the values found."""
    rows = []
    for name, make in SURROGATES.items():
        found = [best_value(make, seed) for seed in range(n_seeds)]
        error = np.std(found) / np.sqrt(n_seeds)
        figures = (np.mean(found[:N_FIRST]), np.median(found), np.min(found), np.max(found))
        mean = f"{np.mean(found):.3f} ± {error:.3f}"
        rows.append([name, mean, *(f"{figure:.3f}" for figure in figures)])
    header = ["surrogate", "mean", f"of the first {N_FIRST}", "median", "best", "worst"]
    return (
        f"The smallest value of {N_INITIAL} random points and {N_CHOSEN} chosen ones, each out of "
        f"{N_CANDIDATES} random candidates, over {n_seeds} seeds; the mean with its standard "
        f"error. The optimum is 0.398.\n\n" + markdown_table(header, rows)
    )
