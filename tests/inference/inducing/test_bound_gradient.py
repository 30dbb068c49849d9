"""The derivatives of scores through inducing points by kernels and noise."""

from functools import partial

import numpy as np
import pytest

from skntk.inference import (
    EnsemblePosterior,
    ensemble_leave_one_out_density,
    leave_one_out_density,
    marginal_likelihood,
)
from skntk.inference.inducing.bound_gradient import bound_gradient
from skntk.inference.inducing.ensemble import SparseEnsemble
from skntk.inference.inducing.left_out_gradient import left_out_gradient
from skntk.inference.inducing.left_out_rows import LeftOutRows, TrainingBlock
from skntk.inference.inducing.noise_level import SampledRows
from skntk.inference.inducing.projected_system import ProjectedSystem
from skntk.inference.inducing.sums import RowSums
from skntk.inference.inducing.whitening import Whitening

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(40, 2))
POINTS = X[::4]
Y = np.column_stack([np.sin(2 * X[:, 0]), 3 * X[:, 1] + RANDOM.normal(size=40)])
REPETITIONS = 0.5 + np.arange(40) % 3
WEIGHT = REPETITIONS * RANDOM.uniform(0.5, 2.0, size=40)
NOISE = 0.3
# None of them an inducing point, which explains all of its own variance.
SAMPLE = np.setdiff1d(np.arange(0, 40, 3), np.arange(0, 40, 4))
STEP = 1e-5


def kernel(A, B):
    """Return a kernel of full rank, with different variances."""
    scale = 1 + 0.3 * np.outer(A[:, 0], B[:, 0])
    distance = np.square(A[:, np.newaxis] - B).sum(axis=-1)
    return scale * np.exp(-distance) + np.exp(-2 * distance)


KERNELS = kernel(POINTS, POINTS), kernel(X, POINTS), np.diagonal(kernel(X, X)).copy()


def system_of(kernels, noise=NOISE, shift=0.0):
    points, cross, variance = kernels[:3]
    whitening = Whitening.of(points)
    if shift:
        mean = np.mean(np.diagonal(points))
        factor = np.linalg.cholesky(points + shift * mean * np.eye(len(points)))
        whitening = Whitening(np.asfortranarray(factor), shift * mean, whitening.dtype)
    sums = RowSums.zero(len(points), Y.shape[1])
    sums.add(whitening.features(cross), Y, WEIGHT, REPETITIONS, variance)
    return ProjectedSystem.of(whitening, sums, noise)


def bound(kernels=KERNELS, noise=NOISE, *, best_scale=True, shift=0.0):
    return bound_gradient(system_of(kernels, noise, shift), best_scale=best_scale)


def left_out(kernels, noise=NOISE, *, rows=SAMPLE, best_scale=True, ensemble=False):
    """Return the gradient of the density of left-out observations, of these rows."""
    system = system_of(kernels, noise)
    block = TrainingBlock(
        system.whitening.features(kernels[1][rows]),
        Y[rows],
        WEIGHT[rows],
        REPETITIONS[rows],
        WEIGHT[rows],
    )
    nngp, cross = kernels[3:5] if ensemble else (None, None)
    sampled = SampledRows(block, cross[rows] if ensemble else None, kernels[2][rows])
    return left_out_gradient(system, sampled, nngp, best_scale=best_scale)


def slopes(score, kernels, directions):
    """Return the change of a score along the direction of every kernel."""
    for position, direction in enumerate(directions):
        scores = []
        for step in (STEP, -STEP):
            moved = list(kernels)
            moved[position] = moved[position] + step * direction
            scores.append(score(moved).score)
        yield (scores[0] - scores[1]) / (2 * STEP)


def directions_of(kernels):
    for matrix in kernels:
        direction = RANDOM.normal(size=matrix.shape)
        yield direction + direction.T if len(matrix) == matrix.shape[-1] else direction


@pytest.mark.parametrize("options", [{}, {"best_scale": False}, {"shift": 0.01}])
def test_derivatives_of_the_bound_are_limits_of_differences(options):
    result = bound(**options)
    directions = list(directions_of(KERNELS))
    cotangents = (
        result.by_points,
        result.by_cross(KERNELS[1], Y, WEIGHT),
        result.by_variance * WEIGHT,
    )
    score = partial(bound, **options)
    expected = list(slopes(score, KERNELS, directions))
    np.testing.assert_allclose(list(map(np.vdot, cotangents, directions)), expected, rtol=1e-6)
    change = score(noise=NOISE + STEP).score - score(noise=NOISE - STEP).score
    np.testing.assert_allclose(result.by_noise, change / (2 * STEP), rtol=1e-6)


@pytest.mark.parametrize(
    "options", [{}, {"ensemble": True}, {"ensemble": True, "best_scale": False}]
)
def test_derivatives_of_left_out_densities_are_limits_of_differences(options):
    kernels = KERNELS
    if options:
        nngp = [matrix + 0.1 * matrix**2 for matrix in KERNELS]
        kernels = *KERNELS[:2], nngp[2], *nngp[:2]
    result = left_out(kernels, **options)
    by_cross = result.by_cross(KERNELS[1], Y, WEIGHT)
    by_cross[SAMPLE] += result.sample.by_cross[0]
    by_variance = np.zeros(len(X))
    by_variance[SAMPLE] = result.sample.by_variance
    cotangents = [result.by_points, by_cross, by_variance]
    if options:
        by_prior_cross = np.zeros_like(by_cross)
        by_prior_cross[SAMPLE] = result.sample.by_cross[1]
        cotangents += [result.sample.by_prior, by_prior_cross]
    directions = list(directions_of(kernels))
    score = partial(left_out, **options)
    expected = list(slopes(score, kernels, directions))
    np.testing.assert_allclose(list(map(np.vdot, cotangents, directions)), expected, rtol=1e-6)
    change = score(kernels, NOISE + STEP).score - score(kernels, NOISE - STEP).score
    np.testing.assert_allclose(result.by_noise, change / (2 * STEP), rtol=1e-6)


@pytest.mark.parametrize("best_scale", [False, True])
def test_with_all_rows_as_points_it_is_the_likelihood(best_scale):
    full = kernel(X, X)
    found = bound((full, full, np.diagonal(full)), best_scale=best_scale)
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


@pytest.mark.parametrize("best_scale", [False, True])
@pytest.mark.parametrize("ensemble", [False, True])
def test_with_all_rows_left_out_densities_are_those_of_all_kernels(ensemble, best_scale):
    full = kernel(X, X)
    kernels = full, full, np.diagonal(full)
    arguments = NOISE / WEIGHT, Y, REPETITIONS
    if ensemble:
        nngp = kernel(0.8 * X, 0.8 * X)
        kernels = full, full, np.diagonal(nngp), nngp, nngp
        exact = ensemble_leave_one_out_density(full, nngp, *arguments, best_scale=best_scale)
    else:
        exact = leave_one_out_density(full, *arguments, best_scale=best_scale)
    found = left_out(kernels, rows=np.arange(40), ensemble=ensemble, best_scale=best_scale)
    assert found.score == pytest.approx(exact.score, rel=1e-9)
    np.testing.assert_allclose(found.output_scale, exact.output_scale, rtol=1e-8)
    np.testing.assert_allclose(found.by_noise, exact.by_noise @ (1 / WEIGHT), rtol=1e-6)
    direction = RANDOM.normal(size=full.shape)
    direction += direction.T
    cross, *prior_cross = found.sample.by_cross
    change = np.vdot(found.by_points + found.by_cross(full, Y, WEIGHT) + cross, direction)
    of_prior = np.vdot(np.diag(found.sample.by_variance), direction)
    if ensemble:
        of_prior += np.vdot(found.sample.by_prior + prior_cross[0], direction)
        expected = np.vdot(exact.by_kernels[1], direction)
        np.testing.assert_allclose(of_prior, expected, rtol=1e-6)
    else:
        change += of_prior
    np.testing.assert_allclose(change, np.vdot(exact.by_kernels[0], direction), rtol=1e-6)


def test_little_noise_leaves_the_spread_of_networks_its_digits():
    full, nngp, noise = kernel(X, X), kernel(0.8 * X, 0.8 * X), 1e-6
    exact = ensemble_leave_one_out_density(
        full, nngp, noise / WEIGHT, Y, REPETITIONS, best_scale=True
    )
    kernels = full, full, np.diagonal(nngp), nngp, nngp
    found = left_out(kernels, noise, rows=np.arange(40), ensemble=True)
    assert found.score == pytest.approx(exact.score, rel=1e-8)
    direction = RANDOM.normal(size=full.shape)
    direction += direction.T
    np.testing.assert_allclose(
        np.vdot(found.sample.by_prior, direction),
        np.vdot(exact.by_kernels[1], direction),
        rtol=1e-6,
    )


def test_little_noise_leaves_the_variance_of_networks_its_digits():
    full, nngp, noise = kernel(X, X), kernel(0.8 * X, 0.8 * X), 1e-6
    exact = EnsemblePosterior.condition(full, nngp, noise / WEIGHT, Y)
    system = system_of((full, full, np.diagonal(nngp)), noise)
    block = TrainingBlock(system.whitening.features(full), Y, WEIGHT, REPETITIONS, WEIGHT)
    rows = LeftOutRows.of(system, block, None, all_observations=True)
    sparse = SparseEnsemble.of(system, nngp, (2,), 1.0)
    variance = sparse.left_out_variance(rows, full, nngp, np.diagonal(nngp))
    np.testing.assert_allclose(variance, exact.leave_one_out(Y)[1], rtol=1e-6)
