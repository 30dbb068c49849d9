"""Posteriors through inducing points beside the exact ones, and beside dense formulas."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.stats import multivariate_normal

from skntk.inference import (
    EnsemblePosterior,
    GaussianProcessPosterior,
    SingularKernelError,
    centered_leave_one_out,
    errors_at_training_points,
    make_training_method,
)
from skntk.inference.inducing.ensemble import SparseEnsemble
from skntk.inference.inducing.gaussian_process import (
    SparseGaussianProcess,
    bound_at_scale,
    collapsed_bound,
)
from skntk.inference.inducing.left_out_rows import LeftOutRows, TrainingBlock
from skntk.inference.inducing.projected_system import ProjectedSystem
from skntk.inference.inducing.shifted_cholesky import shifted_cholesky
from skntk.inference.inducing.training_run import SparseRun
from tests.inference.inducing.problems import problem, sums_over, system_over

NOISES = [0.3, 1e-4]


def everything(data, seed=1):
    return np.random.default_rng(seed).permutation(len(data.targets))


@pytest.mark.parametrize("noise", NOISES)
def test_all_rows_as_points_give_the_exact_gaussian_process(noise):
    data = problem()
    points = everything(data)
    system = system_over(data.nngp, points, data.targets, data.weight, noise)
    sparse = SparseGaussianProcess.of(system, (2,))
    exact = GaussianProcessPosterior.condition(data.nngp, noise / data.weight, data.targets)
    cross, test = data.nngp_cross, data.nngp_test
    of_points = cross[:, points]
    assert_allclose(sparse.mean(of_points), exact.mean(cross), atol=1e-9)
    diagonal = np.diagonal(test)
    assert_allclose(
        sparse.variance(of_points, diagonal), exact.variance(cross, diagonal), atol=1e-9
    )
    assert_allclose(sparse.covariance(of_points, test), exact.covariance(cross, test), atol=1e-9)
    assert_allclose(
        bound_at_scale(system, 1.0), exact.log_marginal_likelihood(data.targets), rtol=1e-5
    )


@pytest.mark.parametrize("noise", NOISES)
def test_all_rows_as_points_give_the_exact_ensemble(noise):
    data = problem()
    points = everything(data)
    system = system_over(data.ntk, points, data.targets, data.weight, noise)
    nngp = data.nngp[np.ix_(points, points)]
    sparse = SparseEnsemble.of(system, nngp, (2,), 0.0)
    exact = EnsemblePosterior.condition(data.ntk, data.nngp, noise / data.weight, data.targets)
    crosses = data.ntk_cross, data.nngp_cross
    of_points = [cross[:, points] for cross in crosses]
    assert_allclose(sparse.mean(of_points[0]), exact.mean(crosses[0]), atol=1e-9)
    diagonal = np.diagonal(data.nngp_test)
    assert_allclose(
        sparse.variance(*of_points, diagonal), exact.variance(*crosses, diagonal), atol=1e-9
    )
    assert_allclose(
        sparse.covariance(*of_points, data.nngp_test),
        exact.covariance(*crosses, data.nngp_test),
        atol=1e-9,
    )


def test_few_points_give_the_posterior_of_the_projected_kernel():
    data = problem()
    points = np.arange(0, 60, 6)
    system = system_over(data.nngp, points, data.targets, data.weight, 0.1)
    sparse = SparseGaussianProcess.of(system, (2,))
    to_points = data.nngp[:, points]
    inner = np.linalg.inv(data.nngp[np.ix_(points, points)])
    projected = to_points @ inner @ to_points.T
    cross = data.nngp_cross[:, points] @ inner @ to_points.T
    explained = data.nngp_cross[:, points] @ inner @ data.nngp_cross[:, points].T
    noisy = projected + np.diag(0.1 / data.weight)
    mean = cross @ np.linalg.solve(noisy, data.targets)
    covariance = data.nngp_test - cross @ np.linalg.solve(noisy, cross.T)
    assert_allclose(sparse.mean(data.nngp_cross[:, points]), mean, atol=1e-10)
    assert_allclose(
        sparse.covariance(data.nngp_cross[:, points], data.nngp_test), covariance, atol=1e-9
    )
    assert (np.diagonal(data.nngp_test - explained) > 1e-7).all()
    density = multivariate_normal(np.zeros(60), noisy, allow_singular=True)
    unexplained = data.weight @ (np.diagonal(data.nngp) - np.diagonal(projected)) / 0.1
    bound = sum(density.logpdf(column) for column in data.targets.T) - unexplained
    assert_allclose(bound_at_scale(system, 1.0), bound, rtol=1e-9)


def test_the_bound_rises_with_points_and_stays_below_the_likelihood():
    data = problem()
    exact = GaussianProcessPosterior.condition(data.nngp, 0.1, data.targets)
    bounds = [
        bound_at_scale(
            system_over(data.nngp, np.arange(0, 60, step), data.targets, np.ones(60), 0.1), 1.0
        )
        for step in (20, 10, 5, 1)
    ]
    assert bounds == sorted(bounds)
    assert bounds[0] < bounds[-1] - 1
    assert_allclose(bounds[-1], exact.log_marginal_likelihood(data.targets), rtol=1e-8)


def test_the_profiled_bound_is_that_at_its_own_scale():
    data = problem()
    system = system_over(data.nngp, np.arange(0, 60, 5), data.targets, data.weight, 0.1)
    best, scale = collapsed_bound(system)
    assert_allclose(bound_at_scale(system, scale), best, rtol=1e-12)
    for factor in (0.9, 1.1):
        assert bound_at_scale(system, factor * scale) < best


def test_variance_of_an_ensemble_is_that_of_networks_from_interpolated_initial_functions():
    data = problem()
    points = np.arange(0, 60, 4)
    system = system_over(data.ntk, points, data.targets, data.weight, 0.1)
    sparse = SparseEnsemble.of(system, data.nngp[np.ix_(points, points)], (2,), 0.0)
    to_points = data.ntk[:, points]
    inner = np.linalg.inv(data.ntk[np.ix_(points, points)])
    interpolation = to_points @ inner
    cross = data.ntk_cross[:, points] @ inner @ to_points.T
    projected = to_points @ inner @ to_points.T + np.diag(0.1 / data.weight)
    prediction = cross @ np.linalg.solve(projected, interpolation)
    prior, own = data.nngp[np.ix_(points, points)], data.nngp_cross[:, points]
    change = prediction @ own.T
    covariance = data.nngp_test - change - change.T + prediction @ prior @ prediction.T
    crosses = data.ntk_cross[:, points], own
    assert_allclose(sparse.covariance(*crosses, data.nngp_test), covariance, atol=1e-9)
    assert_allclose(
        sparse.variance(*crosses, np.diagonal(data.nngp_test)), np.diagonal(covariance), atol=1e-9
    )


@pytest.mark.parametrize("repeated", [False, True])
def test_left_out_observations_are_those_of_the_exact_model(repeated):
    data = problem()
    points = everything(data)
    repetitions = data.weight if repeated else np.ones(60)
    system = system_over(data.nngp, points, data.targets, data.weight, 0.2)
    block = TrainingBlock(
        system.whitening.features(data.nngp[:, points]),
        data.targets,
        data.weight,
        repetitions,
        data.weight,
    )
    exact = GaussianProcessPosterior.condition(data.nngp, 0.2 / data.weight, data.targets)
    left_out = LeftOutRows.of(system, block, data.weight.sum(), all_observations=not repeated)
    expected = centered_leave_one_out(
        exact, data.targets, data.weight, repetitions if repeated else None
    )
    assert_allclose(data.targets - left_out.residuals, expected, atol=1e-9)
    variance = exact.leave_one_out(data.targets)[1]
    if not repeated:
        sparse = SparseGaussianProcess.of(system, (2,))
        found = sparse.left_out_variance(left_out, data.nngp[:, points], np.diagonal(data.nngp))
        assert_allclose(found, variance, atol=1e-9)


@pytest.mark.parametrize(
    "method",
    [("gradient_flow", 0.7, 0.0), ("gradient_flow", 1.0, 0.5), ("gradient_descent", 0.1, 0.0)],
)
def test_training_for_a_time_is_that_of_all_rows(method):
    data = problem()
    points = everything(data)
    system = system_over(data.ntk, points, data.targets, data.weight, 0.2)
    training = make_training_method(*method)
    nngp = data.nngp[np.ix_(points, points)]
    variance = data.weight @ np.diagonal(data.nngp)
    run = SparseRun.of(system, training, (2,), nngp, variance)
    exact = EnsemblePosterior.condition(
        data.ntk, data.nngp, 0.2 / data.weight, data.targets
    ).training_run(data.targets, training, data.weight)
    crosses = data.ntk_cross, data.nngp_cross
    of_points = [cross[:, points] for cross in crosses]
    diagonal, times = np.diagonal(data.nngp_test), [0.0, 3.0, 40.0]
    trajectory, expected = run.over(times), exact.over(times)
    assert_allclose(trajectory.mean(of_points[0]), expected.mean(crosses[0]), atol=1e-9)
    assert_allclose(
        trajectory.variance(*of_points, diagonal), expected.variance(*crosses, diagonal), atol=1e-9
    )
    at = run.at(3.0)
    assert_allclose(at.mean(of_points[0]), trajectory.mean(of_points[0])[1], atol=1e-12)
    total = data.weight.sum()
    for found, right in zip(
        trajectory.training_errors(ensemble=True).loss(total),
        errors_at_training_points(expected).loss(total),
        strict=True,
    ):
        assert_allclose(found, right, atol=1e-9)


def test_sums_add_up_and_center_later():
    data = problem()
    points = np.arange(0, 60, 5)
    center, scale = np.array([0.3, -2.0]), np.array([2.0, 0.5])
    targets = data.targets * scale + center
    whitening, sums = sums_over(data.nngp, points, targets, data.weight, n_blocks=1)
    _, half = sums_over(data.nngp, points, targets, data.weight * 0.5, n_blocks=4)
    half.merge(half)
    assert_allclose(np.tril(half.gram), np.tril(sums.gram), atol=1e-8)
    assert half.n_rows == 2 * sums.n_rows
    moved = ProjectedSystem.of(whitening, sums.centered(center, scale), 0.1)
    expected = system_over(data.nngp, points, data.targets, data.weight, 0.1)
    found = SparseGaussianProcess.of(moved, (2,)).dual_coef
    assert_allclose(found, SparseGaussianProcess.of(expected, (2,)).dual_coef, atol=1e-8)
    assert_allclose(collapsed_bound(moved)[0], collapsed_bound(expected)[0], rtol=1e-9)


def test_single_precision_stays_close():
    data = problem()
    points = np.arange(0, 60, 5)
    double = system_over(data.ntk, points, data.targets, data.weight, 0.1)
    single = system_over(data.ntk, points, data.targets, data.weight, 0.1, dtype=np.float32)
    assert single.sums.gram.dtype == np.float64
    nngp = data.nngp[np.ix_(points, points)]
    expected = SparseEnsemble.of(double, nngp, (2,), 0.0)
    found = SparseEnsemble.of(single, nngp, (2,), 0.0)
    crosses = data.ntk_cross[:, points], data.nngp_cross[:, points]
    assert_allclose(found.mean(crosses[0]), expected.mean(crosses[0]), atol=1e-4)
    diagonal = np.diagonal(data.nngp_test)
    single_crosses = [cross.astype(np.float32) for cross in crosses]
    assert_allclose(
        found.variance(*single_crosses, diagonal), expected.variance(*crosses, diagonal), atol=1e-4
    )


@pytest.mark.parametrize("noise", [1e-6, 1e-8, 1e-10])
def test_little_noise_and_dependent_points_stay_sound(noise):
    data = problem()
    # Every point twice: the kernel between the points is singular.
    points = np.repeat(np.arange(0, 60, 4), 2)
    system = system_over(data.nngp, points, data.targets, data.weight, noise)
    assert 0 < system.whitening.shift < 1e-12
    sparse = SparseGaussianProcess.of(system, (2,))
    once = np.arange(0, 60, 4)
    expected = SparseGaussianProcess.of(
        system_over(data.nngp, once, data.targets, data.weight, noise), (2,)
    )
    mean = sparse.mean(data.nngp_cross[:, points])
    assert_allclose(mean, expected.mean(data.nngp_cross[:, once]), atol=1e-3)
    diagonal = np.diagonal(data.nngp_test)
    assert_allclose(
        sparse.variance(data.nngp_cross[:, points], diagonal),
        expected.variance(data.nngp_cross[:, once], diagonal),
        atol=1e-6,
    )


def test_a_matrix_that_is_far_from_semidefinite_is_refused():
    with pytest.raises(SingularKernelError, match="not positive semidefinite"):
        shifted_cholesky(np.diag([1.0, 1.0, -0.5]))


def test_no_noise_is_refused():
    data = problem()
    with pytest.raises(ValueError, match="set alpha to a positive number"):
        system_over(data.nngp, np.arange(5), data.targets, data.weight, 0.0)
