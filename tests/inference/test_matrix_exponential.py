"""Training for a finite time against the exponential of the matrix of its differential equation."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.linalg import block_diag, expm

from skntk.inference import GradientFlowPosterior, ReadoutFlowPosterior

from .problems import make_problem

RATE = 0.7


def gain(kernel, noise, weight, momentum, time):
    """Return the matrix G of c(time) = G (y - f0), c the coefficients of f = f0 + T c.

    They start at rest, and c' = s (W (y - f0 - T c) - A c) with s = rate / sum of the weights, or,
    with momentum, c'' = -(1 - momentum) c' + the same.
    """
    n, rate = len(kernel), RATE / weight.sum()
    zero, one = np.zeros((n, n)), np.eye(n)
    decay = -rate * (np.diag(weight) @ kernel + np.diag(noise))
    force = rate * np.diag(weight)
    if momentum == 0:
        system = np.block([[decay, force], [zero, zero]])
    else:
        system = np.block([[zero, one, zero], [decay, (momentum - 1) * one, force], [zero] * 3])
    return expm(time * system)[:n, -n:]


def ensemble_moments(problem, gain):
    map_of_targets = problem.ntk_cross @ gain
    shared = map_of_targets @ problem.nngp_cross.T
    covariance = problem.nngp_test - shared - shared.T
    covariance += map_of_targets @ problem.nngp @ map_of_targets.T
    return map_of_targets @ problem.targets, covariance


@pytest.mark.parametrize("momentum", [0.0, 0.8])
@pytest.mark.parametrize("time", [0.3, 12.0, 400.0])
@pytest.mark.parametrize("n_outputs", [None, 3])
def test_an_ensemble(momentum, time, n_outputs):
    problem = make_problem(n_outputs)
    weight = np.random.default_rng(1).uniform(0.2, 3.0, size=12)
    posterior = GradientFlowPosterior.condition(
        problem.ntk,
        problem.nngp,
        problem.noise,
        problem.targets,
        training_time=time,
        learning_rate=RATE,
        momentum=momentum,
        sample_weight=weight,
    )
    coefficients = gain(problem.ntk, problem.noise, weight, momentum, time)
    mean, covariance = ensemble_moments(problem, coefficients)
    crosses = problem.ntk_cross, problem.nngp_cross
    assert_allclose(posterior.dual_coef, coefficients @ problem.targets, rtol=1e-8, atol=1e-10)
    assert_allclose(posterior.mean(problem.ntk_cross), mean, rtol=1e-9, atol=1e-11)
    assert_allclose(posterior.covariance(*crosses, problem.nngp_test), covariance, atol=1e-10)


@pytest.mark.parametrize("momentum", [0.0, 0.8])
def test_readouts(momentum):
    problem, time = make_problem(), 12.0
    posterior = ReadoutFlowPosterior.condition(
        problem.nngp,
        0.0,
        problem.targets,
        training_time=time,
        learning_rate=RATE,
        momentum=momentum,
    )
    coefficients = gain(problem.nngp, np.zeros(12), np.ones(12), momentum, time)
    mean = problem.nngp_cross @ coefficients @ problem.targets
    assert_allclose(posterior.mean(problem.nngp_cross), mean, rtol=1e-9, atol=1e-11)


def test_the_exponential_is_that_of_independent_directions():
    """The reference itself: without noise and weights every eigenvector is trained by itself."""
    kernel = block_diag(0.5, 2.0)
    expected = (1 - np.exp(-RATE / 2 * np.array([0.5, 2.0]) * 3)) / [0.5, 2.0]
    assert_allclose(gain(kernel, np.zeros(2), np.ones(2), 0.0, 3.0), np.diag(expected), atol=1e-14)
