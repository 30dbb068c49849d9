import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skntk.inference import GaussianProcessPosterior, GradientFlowPosterior, ReadoutFlowPosterior


def train(problem, **parameters):
    return ReadoutFlowPosterior.condition(
        problem.nngp, problem.noise, problem.targets, **parameters
    )


def test_untrained_networks_are_the_prior(problem):
    untrained = train(problem, training_time=0.0)
    assert_array_equal(
        untrained.mean(problem.nngp_cross), np.zeros((5, *problem.targets.shape[1:]))
    )
    assert_array_equal(
        untrained.covariance(problem.nngp_cross, problem.nngp_test), problem.nngp_test
    )


def test_long_training_is_the_gaussian_process(problem):
    long = train(problem, training_time=1e8)
    limit = GaussianProcessPosterior.condition(problem.nngp, problem.noise, problem.targets)
    cross = problem.nngp_cross
    assert_allclose(long.mean(cross), limit.mean(cross), rtol=1e-9)
    assert_allclose(
        long.covariance(cross, problem.nngp_test),
        limit.covariance(cross, problem.nngp_test),
        atol=1e-12,
    )


def test_without_noise_it_is_gradient_flow_with_the_nngp_kernel_as_ntk(problem):
    readout = ReadoutFlowPosterior.condition(
        problem.nngp, 0.0, problem.targets, training_time=2.0, learning_rate=0.5
    )
    flow = GradientFlowPosterior.condition(
        problem.nngp, problem.nngp, 0.0, problem.targets, training_time=2.0, learning_rate=0.5
    )
    cross = problem.nngp_cross
    assert_allclose(readout.mean(cross), flow.mean(cross), rtol=1e-12)
    assert_allclose(
        readout.covariance(cross, problem.nngp_test),
        flow.covariance(cross, cross, problem.nngp_test),
        atol=1e-12,
    )


def test_weights_repeat_the_samples(problem):
    counts = np.array([1, 2, 3, 0, 1, 1, 4, 1, 0, 2, 1, 1])
    weighted = train(problem, training_time=5.0, sample_weight=counts)
    several = problem.repeated(counts)
    repeated = train(several, training_time=5.0)
    assert_allclose(weighted.mean(problem.nngp_cross), repeated.mean(several.nngp_cross), rtol=1e-9)
    assert_allclose(
        weighted.covariance(problem.nngp_cross, problem.nngp_test),
        repeated.covariance(several.nngp_cross, several.nngp_test),
        atol=1e-11,
    )


def test_variance_is_the_diagonal_of_the_covariance(problem):
    posterior = train(problem, training_time=3.0)
    assert_allclose(
        posterior.variance(problem.nngp_cross, np.diagonal(problem.nngp_test)),
        np.diagonal(posterior.covariance(problem.nngp_cross, problem.nngp_test)),
        rtol=1e-12,
    )


def test_another_time_of_the_same_run_is_a_run_of_that_time(problem):
    later = train(problem, training_time=1.0).at(7.0)
    direct = train(problem, training_time=7.0)
    assert_array_equal(later.mean(problem.nngp_cross), direct.mean(problem.nngp_cross))
    assert_array_equal(
        later.covariance(problem.nngp_cross, problem.nngp_test),
        direct.covariance(problem.nngp_cross, problem.nngp_test),
    )


def test_negative_time_is_refused(problem):
    with pytest.raises(ValueError, match="`training_time`"):
        train(problem, training_time=-1.0)
