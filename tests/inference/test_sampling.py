import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skntk.inference import GaussianProcessPosterior, sample_gaussian

from .problems import make_problem

N_DRAWS = 20_000


def test_shapes():
    covariance = np.eye(4)
    assert sample_gaussian(np.zeros(4), covariance).shape == (4, 1)
    assert sample_gaussian(np.zeros(4), covariance, n_samples=7).shape == (4, 7)
    assert sample_gaussian(np.zeros((4, 3)), covariance, n_samples=7).shape == (4, 3, 7)


def test_moments():
    problem = make_problem()
    mean = np.arange(10.0).reshape(5, 2)
    covariance = problem.nngp_test
    draws = sample_gaussian(mean, covariance, N_DRAWS, random_state=0)
    deviation = np.sqrt(np.diagonal(covariance))
    # Five standard errors: of a mean, and of a covariance (at most sqrt(2) times the variances).
    bound = 5 / np.sqrt(N_DRAWS)
    assert (np.abs(draws.mean(axis=-1) - mean) < bound * deviation[:, np.newaxis]).all()
    for output in range(2):
        error = np.cov(draws[:, output]) - covariance
        assert (np.abs(error) < bound * np.sqrt(2) * np.outer(deviation, deviation)).all()
    across_outputs = np.corrcoef(draws[:, 0], draws[:, 1])[:5, 5:]
    assert (np.abs(across_outputs) < bound).all()


def test_a_singular_covariance_gives_draws_in_its_range():
    draws = sample_gaussian(np.zeros(3), np.ones((3, 3)), 50, random_state=0)
    assert_allclose(draws, np.broadcast_to(draws[:1], draws.shape), atol=1e-7)
    assert draws.std() > 0.5


def test_functions_known_exactly_do_not_vary():
    problem = make_problem()
    posterior = GaussianProcessPosterior.condition(problem.nngp, 0.0, problem.targets)
    covariance = posterior.covariance(problem.nngp, problem.nngp)
    draws = sample_gaussian(posterior.mean(problem.nngp), covariance, 5, random_state=0)
    assert_allclose(draws, np.repeat(problem.targets[:, np.newaxis], 5, axis=1), atol=1e-6)


@pytest.mark.parametrize("seed", [3, np.int64(3)])
def test_an_integer_repeats_the_draws(seed):
    first, second = (sample_gaussian(np.zeros(2), np.eye(2), 4, seed) for _ in range(2))
    assert_array_equal(first, second)


@pytest.mark.parametrize("make", [np.random.RandomState, np.random.default_rng])
def test_a_generator_is_drawn_from(make):
    generator = make(0)
    first, second = (sample_gaussian(np.zeros(2), np.eye(2), 4, generator) for _ in range(2))
    assert (first != second).all()
    assert_array_equal(first, sample_gaussian(np.zeros(2), np.eye(2), 4, make(0)))


def test_the_covariance_is_left_as_it_was():
    covariance = np.diag([1.0, 2.0])
    sample_gaussian(np.zeros(2), covariance)
    assert_array_equal(covariance, np.diag([1.0, 2.0]))


def test_shapes_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match=r"mean must have shape"):
        sample_gaussian(np.zeros(3), np.eye(2))


def test_nan_is_refused():
    with pytest.raises(ValueError, match="NaN"):
        sample_gaussian(np.array([0.0, np.nan]), np.eye(2))


@pytest.mark.parametrize("n_samples", [-1, 1.5, "2", None])
def test_a_number_of_draws_that_cannot_be_counted_is_refused(n_samples):
    with pytest.raises(ValueError, match="n_samples must be a whole number >= 0, got"):
        sample_gaussian(np.zeros(2), np.eye(2), n_samples)
