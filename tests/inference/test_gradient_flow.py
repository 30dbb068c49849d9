import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.integrate import solve_ivp

from skntk.inference import EnsemblePosterior, GradientFlowPosterior, SingularKernelError

from .problems import Problem, make_problem


def train(problem, **parameters):
    return GradientFlowPosterior.condition(
        problem.ntk, problem.nngp, problem.noise, problem.targets, **parameters
    )


def mean(problem, posterior):
    return posterior.mean(problem.ntk_cross)


def covariance(problem, posterior):
    return posterior.covariance(problem.ntk_cross, problem.nngp_cross, problem.nngp_test)


def test_untrained_networks_are_the_prior(problem):
    untrained = train(problem, training_time=0.0)
    assert_array_equal(mean(problem, untrained), np.zeros((5, *problem.targets.shape[1:])))
    assert_array_equal(covariance(problem, untrained), problem.nngp_test)


def test_long_training_is_the_converged_ensemble(problem):
    long = train(problem, training_time=1e8)
    limit = EnsemblePosterior.condition(problem.ntk, problem.nngp, problem.noise, problem.targets)
    assert_allclose(mean(problem, long), mean(problem, limit), rtol=1e-10)
    assert_allclose(covariance(problem, long), covariance(problem, limit), atol=1e-12)


def test_training_starts_along_the_gradient(problem):
    # mean = t T* y / n + O(t^2): halving the time must quarter the error.
    slope = problem.ntk_cross @ problem.targets / 12
    first, second = (
        np.linalg.norm(mean(problem, train(problem, training_time=time)) - time * slope)
        for time in (1e-3, 5e-4)
    )
    assert_allclose(first / second, 4.0, rtol=0.01)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("training_time", [0.3, 20.0])
def test_mean_and_spread_solve_the_differential_equation(weighted, training_time):
    problem = make_problem()
    weight = np.random.default_rng(1).uniform(0.2, 3.0, size=12) if weighted else np.ones(12)
    rate = 0.7
    # Functional gradient descent on the weighted loss, the noise acting as weight decay in the
    # coefficients c of f = f0 + T c: dc/dt = rate / N (W (y - f0 - T c) - A c).
    ntk, total = problem.ntk, weight.sum()

    def final_coefficients(initial_function, targets):
        def speed(_, c):
            residual = targets - initial_function - ntk @ c
            return rate / total * (weight * residual - problem.noise * c)

        span = (0.0, training_time)
        return solve_ivp(speed, span, np.zeros(12), rtol=1e-11, atol=1e-13).y[:, -1]

    posterior = train(
        problem, training_time=training_time, learning_rate=rate, sample_weight=weight
    )
    mean_coefficients = final_coefficients(np.zeros(12), problem.targets)
    assert_allclose(posterior.dual_coef, mean_coefficients, rtol=1e-7, atol=1e-9)

    random = np.random.default_rng(2)
    joint = np.block(
        [[problem.nngp_test, problem.nngp_cross], [problem.nngp_cross.T, problem.nngp]]
    )
    root = np.linalg.cholesky(joint + 1e-12 * np.eye(17))
    # The covariance is exact for a linear map: push a square root of the prior through training.
    outcomes = [
        column[:5] + problem.ntk_cross @ final_coefficients(column[5:], np.zeros(12))
        for column in (root @ np.linalg.qr(random.normal(size=(17, 17)))[0]).T
    ]
    spread = np.array(outcomes).T
    assert_allclose(covariance(problem, posterior), spread @ spread.T, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("training_time", [0.5, 50.0, 1e6])
def test_weights_repeat_the_samples(problem, training_time):
    counts = np.array([1, 2, 3, 0, 1, 1, 4, 1, 0, 2, 1, 1])
    weighted = train(problem, training_time=training_time, sample_weight=counts)
    repeated_problem = problem.repeated(counts)
    repeated = train(repeated_problem, training_time=training_time)
    assert_allclose(mean(problem, weighted), mean(repeated_problem, repeated), rtol=1e-9)
    assert_allclose(
        covariance(problem, weighted), covariance(repeated_problem, repeated), atol=1e-11
    )


def test_the_common_size_of_the_weights_only_weakens_the_noise():
    problem = make_problem()
    heavy = train(problem, training_time=2.0, sample_weight=5.0)
    light = GradientFlowPosterior.condition(
        problem.ntk, problem.nngp, problem.noise / 5, problem.targets, training_time=2.0
    )
    assert_allclose(heavy.dual_coef, light.dual_coef, rtol=1e-10)


def test_another_time_of_the_same_run_is_a_run_of_that_time(problem):
    run = train(problem, training_time=1.0, learning_rate=0.3)
    direct = train(problem, training_time=7.0, learning_rate=0.3)
    later = run.at(7.0)
    assert later.training_time == 7.0
    assert run.training_time == 1.0
    assert_array_equal(mean(problem, later), mean(problem, direct))
    assert_array_equal(covariance(problem, later), covariance(problem, direct))
    assert later.spectrum is run.spectrum


def test_only_the_product_of_rate_and_time_matters(problem):
    slow = train(problem, training_time=8.0, learning_rate=0.25)
    fast = train(problem, training_time=0.5, learning_rate=4.0)
    assert_array_equal(slow.dual_coef, fast.dual_coef)


def test_variance_is_the_diagonal_of_the_covariance(problem):
    posterior = train(problem, training_time=3.0)
    variance = posterior.variance(
        problem.ntk_cross, problem.nngp_cross, np.diagonal(problem.nngp_test)
    )
    assert_allclose(variance, np.diagonal(covariance(problem, posterior)), rtol=1e-11)


def test_covariance_is_symmetric_and_positive_semidefinite(problem):
    cov = covariance(problem, train(problem, training_time=3.0))
    assert_array_equal(cov, cov.T)
    assert np.linalg.eigvalsh(cov)[0] > 0


def duplicates():
    """Return a problem without noise in which two equal rows have different targets."""
    base = make_problem(n_train=6)
    return Problem(
        X=np.vstack([base.X, base.X[:1]]),
        X_test=base.X_test,
        noise=np.zeros(7),
        targets=np.append(base.targets, base.targets[0] + 2.0),
    )


@pytest.mark.parametrize("training_time", [1.0, 1e4])
def test_equal_rows_without_noise_are_fitted_by_their_average(training_time):
    problem = duplicates()
    averaged = make_problem(n_train=6)
    targets = averaged.targets.copy()
    targets[0] += 1.0
    weight = np.array([2.0, 1, 1, 1, 1, 1])
    reference = GradientFlowPosterior.condition(
        averaged.ntk,
        averaged.nngp,
        0.0,
        targets,
        training_time=training_time,
        sample_weight=weight,
    )
    assert_allclose(
        mean(problem, train(problem, training_time=training_time)),
        mean(averaged, reference),
        rtol=1e-8,
    )


def test_eigenvalues_of_a_singular_kernel_are_not_negative():
    X = np.random.default_rng(0).normal(size=(12, 3))
    kernel = X @ X.T
    assert np.linalg.eigvalsh(kernel)[0] < 0
    posterior = GradientFlowPosterior.condition(kernel, kernel, 0.0, X[:, 0], training_time=1e6)
    assert posterior.spectrum.eigenvalues.min() == 0
    assert_allclose(posterior.mean(kernel), X[:, 0], rtol=1e-8)


def test_training_that_would_fit_rounding_errors_is_refused():
    with pytest.raises(SingularKernelError, match=r"Increase `alpha`, reduce `training_time`"):
        train(duplicates(), training_time=1e15)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"training_time": -1.0}, "`training_time` must be finite and nonnegative"),
        ({"training_time": np.inf}, "`training_time=None`"),
        ({"training_time": np.nan}, "`training_time` must be finite"),
        ({"training_time": 1.0, "learning_rate": 0.0}, "`learning_rate` must be positive"),
        ({"training_time": 1e200, "learning_rate": 1e200}, "overflows"),
        ({"training_time": 1.0, "sample_weight": np.zeros(12)}, "All weights are zero"),
        ({"training_time": 1.0, "sample_weight": -1.0}, "`sample_weight` must be finite"),
        ({"training_time": 1.0, "sample_weight": np.ones(3)}, "`sample_weight` must be a float"),
    ],
)
def test_wrong_parameters_are_refused(parameters, message):
    with pytest.raises(ValueError, match=message):
        train(make_problem(), **parameters)


def test_kernels_of_different_samples_are_refused(problem):
    with pytest.raises(ValueError, match="same training samples"):
        GradientFlowPosterior.condition(
            problem.ntk, problem.nngp[:5, :5], 0.1, problem.targets, training_time=1.0
        )


def test_pickle_round_trip(problem):
    posterior = train(problem, training_time=3.0)
    copy = pickle.loads(pickle.dumps(posterior))
    assert_array_equal(mean(problem, copy), mean(problem, posterior))
    assert_array_equal(covariance(problem, copy), covariance(problem, posterior))
