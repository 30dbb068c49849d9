"""Kernels and sums over rows for tests of inference through inducing points."""

from dataclasses import dataclass

import numpy as np

from skntk.inference.inducing.projected_system import ProjectedSystem
from skntk.inference.inducing.sums import RowSums
from skntk.inference.inducing.whitening import Whitening


@dataclass
class Problem:
    """Rows with a kernel of products of random features, and what is predicted from them."""

    ntk: np.ndarray
    nngp: np.ndarray
    ntk_cross: np.ndarray
    nngp_cross: np.ndarray
    nngp_test: np.ndarray
    targets: np.ndarray
    weight: np.ndarray


def problem(n=60, n_test=7, seed=0):
    rng = np.random.default_rng(seed)
    x = np.concatenate([rng.uniform(-2, 2, n), rng.uniform(-3, 3, n_test)])[:, None]
    distance = np.abs(x - x.T)
    nngp = np.exp(-(distance**2) / 2) + 1e-6 * np.eye(n + n_test)
    ntk = nngp + 0.5 * np.exp(-distance)
    targets = np.column_stack([np.sin(2 * x[:n, 0]), rng.normal(size=n)])
    weight = rng.integers(1, 4, n).astype(float)
    targets -= np.average(targets, axis=0, weights=weight)
    train, test = slice(n), slice(n, None)
    return Problem(
        ntk[train, train],
        nngp[train, train],
        ntk[test, train],
        nngp[test, train],
        nngp[test, test],
        targets,
        weight,
    )


def sums_over(kernel, points, targets, weight, repetitions=None, n_blocks=3, dtype=np.float64):
    """Return the whitening of the points, and the sums over all rows, block by block."""
    whitening = Whitening.of(kernel[np.ix_(points, points)], dtype)
    sums = RowSums.zero(len(points), targets.shape[1])
    number = np.ones(len(targets)) if repetitions is None else repetitions
    for rows in np.array_split(np.arange(len(targets)), n_blocks):
        sums.add(
            whitening.features(kernel[np.ix_(rows, points)].astype(dtype)),
            targets[rows],
            weight[rows],
            number[rows],
            np.diagonal(kernel)[rows],
        )
    return whitening, sums


def system_over(kernel, points, targets, weight, noise, **options):
    whitening, sums = sums_over(kernel, points, targets, weight, **options)
    return ProjectedSystem.of(whitening, sums, noise)
