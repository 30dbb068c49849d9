import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import multivariate_normal
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import Kernel

from skntk.inference import GaussianProcessPosterior

from .problems import nngp_kernel


class GivenKernel(Kernel):
    """`nngp_kernel` as scikit-learn's Gaussian process wants it."""

    def __init__(self):
        """Take no parameter; scikit-learn reads this signature."""

    def __call__(self, X, Y=None, eval_gradient=False):
        return nngp_kernel(X, X if Y is None else Y)

    def diag(self, X):
        return np.diagonal(self(X)).copy()

    def is_stationary(self):
        return False


@pytest.fixture
def posterior(problem):
    return GaussianProcessPosterior.condition(problem.nngp, problem.noise, problem.targets)


@pytest.fixture
def peer(problem):
    model = GaussianProcessRegressor(GivenKernel(), alpha=problem.noise, optimizer=None)
    return model.fit(problem.X, problem.targets)


def test_posterior_is_that_of_scikit_learn(problem, posterior, peer):
    mean, covariance = peer.predict(problem.X_test, return_cov=True)
    if covariance.ndim == 3:
        covariance = covariance[..., 0]
    ours = posterior.mean(problem.nngp_cross)
    assert ours.shape == (5, *problem.targets.shape[1:])
    assert_allclose(ours.reshape(mean.shape), mean, rtol=1e-10)
    assert_allclose(
        posterior.covariance(problem.nngp_cross, problem.nngp_test), covariance, atol=1e-12
    )


def test_log_marginal_likelihood_is_that_of_scikit_learn(problem, posterior, peer):
    assert_allclose(
        posterior.log_marginal_likelihood(problem.targets),
        peer.log_marginal_likelihood_value_,
        rtol=1e-12,
    )


def test_log_marginal_likelihood_is_a_normal_density(problem, posterior):
    normal = multivariate_normal(cov=problem.nngp + np.diag(problem.noise))
    columns = problem.targets.reshape(len(problem.targets), -1).T
    assert_allclose(
        posterior.log_marginal_likelihood(problem.targets),
        sum(normal.logpdf(column) for column in columns),
        rtol=1e-12,
    )


def test_dual_coef_solves_the_regularized_system(problem, posterior):
    regularized = problem.nngp + np.diag(problem.noise)
    assert posterior.dual_coef.shape == problem.targets.shape
    assert_allclose(regularized @ posterior.dual_coef, problem.targets, atol=1e-13)


def test_factor_is_a_lower_triangle(problem, posterior):
    regularized = problem.nngp + np.diag(problem.noise)
    assert_array_equal(posterior.system.factor, np.tril(posterior.system.factor))
    assert_allclose(posterior.system.factor @ posterior.system.factor.T, regularized, rtol=1e-13)


def test_variance_is_the_diagonal_of_the_covariance(problem, posterior):
    covariance = posterior.covariance(problem.nngp_cross, problem.nngp_test)
    variance = posterior.variance(problem.nngp_cross, np.diagonal(problem.nngp_test))
    assert_allclose(variance, np.diagonal(covariance), rtol=1e-12)


def test_covariance_is_symmetric_and_positive_semidefinite(problem, posterior):
    covariance = posterior.covariance(problem.nngp_cross, problem.nngp_test)
    assert_array_equal(covariance, covariance.T)
    assert np.linalg.eigvalsh(covariance)[0] > 0


def test_noiseless_posterior_knows_the_training_samples(problem):
    posterior = GaussianProcessPosterior.condition(problem.nngp, 0.0, problem.targets)
    assert_allclose(posterior.mean(problem.nngp), problem.targets, atol=1e-10)
    variance = posterior.variance(problem.nngp, np.diagonal(problem.nngp))
    covariance = posterior.covariance(problem.nngp, problem.nngp)
    assert_allclose(variance, 0.0, atol=1e-13)
    assert (variance >= 0).all()
    assert (np.diagonal(covariance) >= 0).all()


def test_leave_one_out_is_n_refits(problem, posterior):
    mean, variance = posterior.leave_one_out(problem.targets)
    assert mean.shape == problem.targets.shape
    for sample in range(len(problem.targets)):
        rest = problem.without(sample)
        refit = GaussianProcessPosterior.condition(rest.nngp, rest.noise, rest.targets)
        assert_allclose(mean[sample], refit.mean(rest.nngp_cross)[0], rtol=1e-9, atol=1e-12)
        assert_allclose(
            variance[sample],
            refit.variance(rest.nngp_cross, np.diagonal(rest.nngp_test))[0],
            rtol=1e-10,
        )


def test_leave_one_out_mean_is_the_mean_of_leave_one_out(problem, posterior):
    mean, _ = posterior.leave_one_out(problem.targets)
    assert_array_equal(posterior.leave_one_out_mean(problem.targets), mean)


def test_a_scalar_noise_is_meant_for_every_sample(problem):
    scalar = GaussianProcessPosterior.condition(problem.nngp, 0.2, problem.targets)
    vector = GaussianProcessPosterior.condition(problem.nngp, np.full(12, 0.2), problem.targets)
    assert_array_equal(scalar.dual_coef, vector.dual_coef)
    assert_array_equal(scalar.noise, vector.noise)


def test_single_sample():
    posterior = GaussianProcessPosterior.condition([[2.0]], 2.0, [3.0])
    assert_allclose(posterior.mean([[1.0]]), [0.75])
    assert_allclose(posterior.variance([[1.0]], [2.0]), [1.75])
    mean, variance = posterior.leave_one_out([3.0])
    assert_allclose(mean, [0.0], atol=1e-15)
    assert_allclose(variance, [2.0])


@pytest.mark.parametrize("scale", [1e-16, 1e16])
def test_a_rescaled_prior_rescales_the_posterior(problem, posterior, scale):
    rescaled = GaussianProcessPosterior.condition(
        scale * problem.nngp, scale * problem.noise, problem.targets
    )
    assert_allclose(
        rescaled.mean(scale * problem.nngp_cross), posterior.mean(problem.nngp_cross), rtol=1e-10
    )
    diagonal = np.diagonal(problem.nngp_test)
    assert_allclose(
        rescaled.variance(scale * problem.nngp_cross, scale * diagonal),
        scale * posterior.variance(problem.nngp_cross, diagonal),
        rtol=1e-10,
    )


def test_pickle_round_trip(problem, posterior):
    copy = pickle.loads(pickle.dumps(posterior))
    assert_array_equal(copy.mean(problem.nngp_cross), posterior.mean(problem.nngp_cross))
    assert copy.system.factor.dtype == np.float64
