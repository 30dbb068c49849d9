import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.kernel_ridge import KernelRidge

from skntk.inference import EnsemblePosterior, GaussianProcessPosterior


def joint_nngp(problem):
    """Return the prior covariance of the test and training values together."""
    return np.block([[problem.nngp_test, problem.nngp_cross], [problem.nngp_cross.T, problem.nngp]])


@pytest.fixture
def posterior(problem):
    return EnsemblePosterior.condition(problem.ntk, problem.nngp, problem.noise, problem.targets)


def test_mean_is_kernel_ridge_regression(problem, posterior):
    ridge = KernelRidge(kernel="precomputed", alpha=1.0)
    ridge.fit(problem.ntk + np.diag(problem.noise) - np.eye(12), problem.targets)
    assert_allclose(posterior.mean(problem.ntk_cross), ridge.predict(problem.ntk_cross), rtol=1e-10)
    assert_allclose(posterior.dual_coef, ridge.dual_coef_, rtol=1e-10)


def test_covariance_is_that_of_trained_random_initial_functions(problem, posterior):
    # A network that starts at f0 ends at f0(X_test) - P f0(X) + constant.
    P = np.linalg.solve(problem.ntk + np.diag(problem.noise), problem.ntk_cross.T).T
    trained = np.hstack([np.eye(5), -P])
    assert_allclose(
        posterior.covariance(problem.ntk_cross, problem.nngp_cross, problem.nngp_test),
        trained @ joint_nngp(problem) @ trained.T,
        rtol=1e-10,
        atol=1e-13,
    )


def test_with_equal_kernels_and_no_noise_it_is_the_gaussian_process(problem):
    ensemble = EnsemblePosterior.condition(problem.nngp, problem.nngp, 0.0, problem.targets)
    process = GaussianProcessPosterior.condition(problem.nngp, 0.0, problem.targets)
    assert_allclose(ensemble.mean(problem.nngp_cross), process.mean(problem.nngp_cross))
    assert_allclose(
        ensemble.covariance(problem.nngp_cross, problem.nngp_cross, problem.nngp_test),
        process.covariance(problem.nngp_cross, problem.nngp_test),
        atol=1e-11,
    )


def test_variance_is_the_diagonal_of_the_covariance(problem, posterior):
    covariance = posterior.covariance(problem.ntk_cross, problem.nngp_cross, problem.nngp_test)
    variance = posterior.variance(
        problem.ntk_cross, problem.nngp_cross, np.diagonal(problem.nngp_test)
    )
    assert_allclose(variance, np.diagonal(covariance), rtol=1e-11)


def test_covariance_is_symmetric_and_positive_semidefinite(problem, posterior):
    covariance = posterior.covariance(problem.ntk_cross, problem.nngp_cross, problem.nngp_test)
    assert_array_equal(covariance, covariance.T)
    assert np.linalg.eigvalsh(covariance)[0] > 0


def test_noiseless_networks_agree_at_the_training_samples(problem):
    posterior = EnsemblePosterior.condition(problem.ntk, problem.nngp, 0.0, problem.targets)
    variance = posterior.variance(problem.ntk, problem.nngp, np.diagonal(problem.nngp))
    covariance = posterior.covariance(problem.ntk, problem.nngp, problem.nngp)
    assert_allclose(variance, 0.0, atol=1e-13)
    assert (variance >= 0).all()
    assert (np.diagonal(covariance) >= 0).all()


def test_variances_made_negative_by_rounding_are_zero():
    eye, rounded = np.eye(2), (1 - 1e-12) * np.eye(2)
    posterior = EnsemblePosterior.condition(eye, eye, 0.0, [1.0, 2.0])
    assert_array_equal(posterior.variance(eye, eye, np.diagonal(rounded)), [0.0, 0.0])
    assert_array_equal(posterior.covariance(eye, eye, rounded), np.zeros((2, 2)))


def test_leave_one_out_is_n_refits(problem, posterior):
    mean, variance = posterior.leave_one_out(problem.targets)
    assert mean.shape == problem.targets.shape
    for sample in range(len(problem.targets)):
        rest = problem.without(sample)
        refit = EnsemblePosterior.condition(rest.ntk, rest.nngp, rest.noise, rest.targets)
        assert_allclose(mean[sample], refit.mean(rest.ntk_cross)[0], rtol=1e-9, atol=1e-12)
        assert_allclose(
            variance[sample],
            refit.variance(rest.ntk_cross, rest.nngp_cross, np.diagonal(rest.nngp_test))[0],
            rtol=1e-9,
        )


def test_leave_one_out_runs_over_several_blocks_of_rows():
    random = np.random.default_rng(0)
    n = 600
    nngp, ntk = (values @ values.T / n for values in random.normal(size=(2, n, n)))
    posterior = EnsemblePosterior.condition(ntk, nngp, 0.5, np.zeros(n))
    _, variance = posterior.leave_one_out(np.zeros(n))
    inverse = np.linalg.inv(ntk + 0.5 * np.eye(n))
    expected = np.diagonal(inverse @ nngp @ inverse) / np.diagonal(inverse) ** 2
    assert_allclose(variance, expected, rtol=1e-10)


def test_leave_one_out_mean_is_the_mean_of_leave_one_out(problem, posterior):
    mean, _ = posterior.leave_one_out(problem.targets)
    assert_allclose(posterior.leave_one_out_mean(problem.targets), mean, atol=1e-13)


def test_kernels_of_different_samples_are_refused(problem):
    with pytest.raises(ValueError, match="same training samples"):
        EnsemblePosterior.condition(problem.ntk, problem.nngp[:5, :5], 0.1, problem.targets)


def test_pickle_round_trip(problem, posterior):
    copy = pickle.loads(pickle.dumps(posterior))
    assert_array_equal(copy.mean(problem.ntk_cross), posterior.mean(problem.ntk_cross))
    assert_array_equal(copy.nngp, posterior.nngp)


def test_the_nngp_kernel_is_found_when_a_variance_is_asked_for(problem):
    found = []

    def find():
        found.append(1)
        return problem.nngp

    lazy = EnsemblePosterior.condition(problem.ntk, find, problem.noise, problem.targets)
    eager = EnsemblePosterior.condition(problem.ntk, problem.nngp, problem.noise, problem.targets)
    assert_array_equal(lazy.mean(problem.ntk_cross), eager.mean(problem.ntk_cross))
    assert not found
    for _ in range(2):
        assert_array_equal(
            lazy.covariance(problem.ntk_cross, problem.nngp_cross, problem.nngp_test),
            eager.covariance(problem.ntk_cross, problem.nngp_cross, problem.nngp_test),
        )
    assert len(found) == 1
    other = EnsemblePosterior.condition(
        problem.ntk, lambda: problem.nngp[:3, :3], problem.noise, problem.targets
    )
    with pytest.raises(ValueError, match="same training samples"):
        other.leave_one_out(problem.targets)
