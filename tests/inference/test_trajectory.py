"""Many times at once against one time after the other."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skntk.inference import (
    EnsemblePosterior,
    GaussianProcessPosterior,
    GradientFlowPosterior,
    ReadoutFlowPosterior,
    SingularKernelError,
)
from skntk.inference.training.time_basis import TimeBasis

from .problems import make_problem

STEPS = {"training_method": "gradient_descent", "learning_rate": 0.05}
METHODS = {
    "flow": {},
    "steps": STEPS,
    "flow with momentum": {"momentum": 0.8, "learning_rate": 0.5},
    "steps with momentum": {**STEPS, "momentum": 0.8},
}
# More times than are needed to tell them all, and fewer.
TIMES = {"many": np.unique(np.round(np.logspace(0, 6, 150))), "few": np.array([0.0, 2.0, 30.0])}

methods = pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
times = pytest.mark.parametrize("times", TIMES.values(), ids=TIMES)
WEIGHT = np.random.default_rng(5).integers(1, 4, size=30)


def ensemble(problem, training_time=0.0, **method):
    return GradientFlowPosterior.condition(
        problem.ntk,
        problem.nngp,
        problem.noise[: len(problem.X)],
        problem.targets,
        training_time=training_time,
        **method,
    )


def readout(problem, training_time=0.0, **method):
    return ReadoutFlowPosterior.condition(
        problem.nngp, problem.noise, problem.targets, training_time=training_time, **method
    )


@methods
@times
@pytest.mark.parametrize("n_outputs", [None, 3])
def test_an_ensemble_at_each_of_many_times(method, times, n_outputs):
    problem = make_problem(n_outputs, n_train=30)
    run = ensemble(problem, sample_weight=WEIGHT, **method)
    trajectory = run.over(times)
    crosses, diagonal = (problem.ntk_cross, problem.nngp_cross), np.diagonal(problem.nngp_test)
    means = trajectory.mean(problem.ntk_cross)
    variances = trajectory.variance(*crosses, diagonal)
    covariances = list(trajectory.covariances(*crosses, problem.nngp_test))
    assert means.shape == (len(times), 5, *problem.targets.shape[1:])
    assert variances.shape == (len(times), 5)
    for position, time in enumerate(times):
        single = run.at(time)
        scale = np.abs(single.mean(problem.ntk_cross)).max()
        assert_allclose(means[position], single.mean(problem.ntk_cross), atol=1e-11 * scale)
        assert_allclose(variances[position], single.variance(*crosses, diagonal), atol=2e-12)
        covariance = single.covariance(*crosses, problem.nngp_test)
        assert_allclose(covariances[position], covariance, atol=2e-12)


@methods
@times
def test_readouts_at_each_of_many_times(method, times):
    problem = make_problem(2, n_train=30)
    run = readout(problem, sample_weight=WEIGHT, **method)
    trajectory = run.over(times)
    cross, test = problem.nngp_cross, problem.nngp_test
    covariances = trajectory.covariances(cross, test)
    results = zip(
        times,
        trajectory.mean(cross),
        trajectory.variance(cross, np.diagonal(test)),
        covariances,
        strict=True,
    )
    for time, mean, variance, covariance in results:
        single = run.at(time)
        scale = np.abs(single.mean(cross)).max()
        assert_allclose(mean, single.mean(cross), atol=1e-11 * scale)
        assert_allclose(variance, single.variance(cross, np.diagonal(test)), atol=2e-12)
        assert_allclose(covariance, single.covariance(cross, test), atol=2e-12)


@methods
@pytest.mark.parametrize("train", [ensemble, readout])
def test_weights_repeat_the_samples(method, train):
    problem = make_problem()
    counts = np.array([1, 2, 3, 1, 1, 1, 4, 1, 2, 2, 1, 1])
    several = problem.repeated(counts)
    times = [0.0, 1.0, 4.0, 50.0]
    weighted = train(problem, sample_weight=counts, **method).over(times)
    repeated = train(several, **method).over(times)
    if train is ensemble:
        ours = weighted.variance(problem.ntk_cross, problem.nngp_cross, np.ones(5))
        theirs = repeated.variance(several.ntk_cross, several.nngp_cross, np.ones(5))
        means = weighted.mean(problem.ntk_cross), repeated.mean(several.ntk_cross)
    else:
        ours = weighted.variance(problem.nngp_cross, np.ones(5))
        theirs = repeated.variance(several.nngp_cross, np.ones(5))
        means = weighted.mean(problem.nngp_cross), repeated.mean(several.nngp_cross)
    assert_allclose(ours, theirs, atol=1e-11)
    assert_allclose(*means, atol=1e-11)


@methods
def test_training_ends_where_it_converges(method):
    problem = make_problem(2)
    late = [0.0, 1e7]
    limit = EnsemblePosterior.condition(problem.ntk, problem.nngp, problem.noise, problem.targets)
    crosses, diagonal = (problem.ntk_cross, problem.nngp_cross), np.diagonal(problem.nngp_test)
    trajectory = ensemble(problem, **method).over(late)
    assert_allclose(trajectory.mean(crosses[0])[-1], limit.mean(crosses[0]), rtol=1e-9)
    assert_allclose(
        trajectory.variance(*crosses, diagonal)[-1], limit.variance(*crosses, diagonal), atol=1e-11
    )
    assert_array_equal(trajectory.mean(crosses[0])[0], 0.0)
    assert_array_equal(trajectory.variance(*crosses, diagonal)[0], diagonal)

    process = GaussianProcessPosterior.condition(problem.nngp, problem.noise, problem.targets)
    cross = problem.nngp_cross
    trajectory = readout(problem, **method).over(late)
    assert_allclose(trajectory.mean(cross)[-1], process.mean(cross), rtol=1e-9)
    assert_allclose(
        trajectory.variance(cross, diagonal)[-1], process.variance(cross, diagonal), atol=1e-11
    )
    assert_array_equal(trajectory.variance(cross, diagonal)[0], diagonal)


@pytest.mark.parametrize(
    ("momentum", "order"), [(0.0, 1), (0.9, 2)], ids=["plain", "with momentum"]
)
def test_training_starts_along_the_gradient(momentum, order):
    # mean = rate t^order / order T* y / n + a term of the next order: half the time, a share of
    # the error smaller by one more factor of two.
    problem, rate = make_problem(2), 0.5
    times = np.array([5e-4, 1e-3])
    slope = rate * problem.ntk_cross @ problem.targets / 12
    means = ensemble(problem, momentum=momentum, learning_rate=rate).over(times)
    expected = np.multiply.outer(times**order / order, slope)
    first, second = np.linalg.norm(means.mean(problem.ntk_cross) - expected, axis=(1, 2))
    assert_allclose(second / first, 2.0 ** (order + 1), rtol=0.01)


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_steps_are_those_of_the_algorithm(momentum):
    problem, rate, n_steps = make_problem(2), 0.05, 7
    weight = np.random.default_rng(0).uniform(0.5, 2.0, size=12)
    # Parameters c of f = T c: the gradient of the loss in function space is W (f - y) / N, and
    # the noise is weight decay.
    coefficients = previous = np.zeros((12, 2))
    for _ in range(n_steps):
        residual = problem.targets - problem.ntk @ coefficients
        pull = weight[:, np.newaxis] * residual - problem.noise[:, np.newaxis] * coefficients
        step = rate / weight.sum() * pull + momentum * (coefficients - previous)
        previous, coefficients = coefficients, coefficients + step
    run = ensemble(
        problem,
        training_time=n_steps,
        training_method="gradient_descent",
        learning_rate=rate,
        momentum=momentum,
        sample_weight=weight,
    )
    assert_allclose(run.dual_coef, coefficients, rtol=1e-10)


def test_steps_with_momentum_may_spread_networks_beyond_their_prior():
    kernel = np.array([[1.0]])
    run = ReadoutFlowPosterior.condition(
        kernel,
        0.0,
        [1.0],
        training_time=1,
        training_method="gradient_descent",
        learning_rate=3.7,
        momentum=0.9,
    )
    # The error is multiplied by 1 - 3.7, and so is the standard deviation.
    assert_allclose(run.variance(kernel, [1.0]), 2.7**2)


def test_the_run_that_led_to_convergence():
    problem, times = make_problem(2), [0.0, 1.0, 100.0]
    weight = np.random.default_rng(0).uniform(0.5, 2.0, size=12)
    noise = problem.noise / weight
    converged = EnsemblePosterior.condition(problem.ntk, problem.nngp, noise, problem.targets)
    run = GradientFlowPosterior.leading_to(converged, problem.targets, sample_weight=weight)
    direct = ensemble(problem, sample_weight=weight)
    crosses = problem.ntk_cross, problem.nngp_cross
    assert_allclose(run.over(times).mean(crosses[0]), direct.over(times).mean(crosses[0]))
    assert_allclose(
        run.over(times).variance(*crosses, np.ones(5)),
        direct.over(times).variance(*crosses, np.ones(5)),
        atol=1e-12,
    )
    process = GaussianProcessPosterior.condition(problem.nngp, noise, problem.targets)
    run = ReadoutFlowPosterior.leading_to(process, problem.targets, sample_weight=weight)
    direct = readout(problem, sample_weight=weight)
    assert_allclose(run.over(times).mean(crosses[1]), direct.over(times).mean(crosses[1]))
    assert_allclose(
        run.log_marginal_likelihood(problem.targets),
        process.log_marginal_likelihood(problem.targets),
    )


def test_few_columns_tell_hundreds_of_times():
    eigenvalues = np.logspace(0, 3, 300)
    run = np.logspace(-5, 3, 400)
    gains = -np.expm1(-np.multiply.outer(eigenvalues, run)) / eigenvalues[:, np.newaxis]
    basis = TimeBasis.decompose(gains, eigenvalues)
    assert basis.columns.shape[1] < 60
    root = np.sqrt(eigenvalues)[:, np.newaxis]
    error = np.linalg.norm(root * (basis.columns @ basis.weights - gains), axis=0)
    assert (error <= 1e-12 * np.linalg.norm(root * gains, axis=0)).all()


def test_times_that_do_not_tell_each_other_are_all_kept():
    eigenvalues = np.linspace(1.0, 2.0, 50)
    gains = np.random.default_rng(0).normal(size=(50, 10))
    basis = TimeBasis.decompose(gains, eigenvalues)
    assert basis.weights is None
    assert_array_equal(basis.columns, gains)


def test_a_learning_rate_beyond_the_limit_is_refused():
    problem = make_problem()
    with pytest.raises(ValueError, match="max_learning_rate"):
        ensemble(problem, training_time=3, training_method="gradient_descent", learning_rate=100.0)


def test_a_time_that_would_fit_rounding_errors_is_refused():
    kernel = np.ones((3, 3))
    run = GradientFlowPosterior.condition(kernel, kernel, 0.0, [1.0, 2.0, 3.0], training_time=1.0)
    with pytest.raises(SingularKernelError, match="reduce `training_time`"):
        run.over([1.0, 1e16])
