"""The derivatives of the collapsed bound by kernels and noise."""

import numpy as np
import pytest

from skntk.inference import marginal_likelihood
from skntk.inference.inducing.bound_gradient import BoundGradient
from skntk.inference.inducing.projected_system import ProjectedSystem
from skntk.inference.inducing.sums import RowSums
from skntk.inference.inducing.whitening import Whitening

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(40, 2))
POINTS = X[::4]
Y = np.column_stack([np.sin(2 * X[:, 0]), 3 * X[:, 1] + RANDOM.normal(size=40)])
REPETITIONS = 1.0 + np.arange(40) % 3
WEIGHT = REPETITIONS * RANDOM.uniform(0.5, 2.0, size=40)
NOISE = 0.3
STEP = 1e-5


def kernel(A, B):
    """Return a kernel of full rank, with different variances."""
    scale = 1 + 0.3 * np.outer(A[:, 0], B[:, 0])
    distance = np.square(A[:, np.newaxis] - B).sum(axis=-1)
    return scale * np.exp(-distance) + np.exp(-2 * distance)


KERNELS = kernel(POINTS, POINTS), kernel(X, POINTS), np.diagonal(kernel(X, X)).copy()


def gradient(kernels=KERNELS, noise=NOISE, *, best_scale=True, shift=0.0):
    points, cross, variance = kernels
    whitening = Whitening.of(points)
    if shift:
        mean = np.mean(np.diagonal(points))
        factor = np.linalg.cholesky(points + shift * mean * np.eye(len(points)))
        whitening = Whitening(np.asfortranarray(factor), shift * mean, whitening.dtype)
    sums = RowSums.zero(len(points), Y.shape[1])
    sums.add(whitening.features(cross), Y, WEIGHT, REPETITIONS, variance)
    return BoundGradient.of(ProjectedSystem.of(whitening, sums, noise), best_scale=best_scale)


@pytest.mark.parametrize("options", [{}, {"best_scale": False}, {"shift": 0.01}])
def test_derivatives_are_limits_of_differences(options):
    result = gradient(**options)
    symmetric = RANDOM.normal(size=KERNELS[0].shape)
    directions = symmetric + symmetric.T, *(RANDOM.normal(size=k.shape) for k in KERNELS[1:])
    cotangents = (
        result.by_points,
        result.by_cross(KERNELS[1], Y, WEIGHT),
        result.by_variance * WEIGHT,
    )
    for position, (cotangent, direction) in enumerate(zip(cotangents, directions, strict=True)):
        scores = []
        for step in (STEP, -STEP):
            moved = list(KERNELS)
            moved[position] = moved[position] + step * direction
            scores.append(gradient(moved, **options).score)
        difference = (scores[0] - scores[1]) / (2 * STEP)
        np.testing.assert_allclose(np.vdot(cotangent, direction), difference, rtol=1e-6)
    scores = [gradient(noise=NOISE + step, **options).score for step in (STEP, -STEP)]
    np.testing.assert_allclose(result.by_noise, (scores[0] - scores[1]) / (2 * STEP), rtol=1e-6)


@pytest.mark.parametrize("best_scale", [False, True])
def test_with_all_rows_as_points_it_is_the_likelihood(best_scale):
    full = kernel(X, X)
    found = gradient((full, full, np.diagonal(full)), best_scale=best_scale)
    # The noise of the mean of equal observations.
    exact = marginal_likelihood(full, NOISE / WEIGHT, Y, REPETITIONS, best_scale=best_scale)
    assert found.score == pytest.approx(exact.score, rel=1e-10)
    np.testing.assert_allclose(found.output_scale, exact.output_scale, rtol=1e-10)
    direction = RANDOM.normal(size=full.shape)
    direction += direction.T
    change = np.vdot(found.by_points, direction)
    change += np.vdot(found.by_cross(full, Y, WEIGHT), direction)
    change += found.by_variance * WEIGHT @ np.diagonal(direction)
    np.testing.assert_allclose(change, np.vdot(exact.by_kernels[0], direction), rtol=1e-7)
    np.testing.assert_allclose(found.by_noise, exact.by_noise @ (1 / WEIGHT), rtol=1e-7)
