"""The closed form of the loss against the predictions that it sums up."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skntk.inference import (
    ErrorMoments,
    GradientFlowPosterior,
    ReadoutFlowPosterior,
    errors_at_test_points,
    errors_at_training_points,
)

from .problems import make_problem

TIMES = [0.0, 2.0, 30.0, 1000.0]
UNIT = np.array([2.0, 0.5, 1.0])
WEIGHT = np.random.default_rng(7).uniform(0.5, 2.0, size=12)


def by_hand(mean, covariance, weight, unit):
    """Mean and standard deviation of sum w |e|^2 s^2 / 2N, from the definition of e."""
    root = np.sqrt(weight)
    covariance = root[:, np.newaxis] * covariance * root
    mean = mean * root[:, np.newaxis]
    square = np.trace(covariance @ covariance)
    expected = sum(s**2 * (m @ m + np.trace(covariance)) for m, s in zip(mean.T, unit, strict=True))
    variance = sum(
        s**4 * (2 * square + 4 * m @ covariance @ m) for m, s in zip(mean.T, unit, strict=True)
    )
    return expected / (2 * weight.sum()), np.sqrt(variance) / (2 * weight.sum())


@pytest.mark.parametrize("equal_noise", [True, False])
@pytest.mark.parametrize("method", [{}, {"momentum": 0.8}], ids=["plain", "momentum"])
def test_training_loss_of_an_ensemble(equal_noise, method):
    problem = make_problem(3)
    noise = 0.1 if equal_noise else problem.noise
    run = GradientFlowPosterior.condition(
        problem.ntk,
        problem.nngp,
        noise,
        problem.targets,
        training_time=0.0,
        sample_weight=WEIGHT,
        **method,
    )
    moments = errors_at_training_points(run.over(TIMES))
    for position, (mean, std) in enumerate(zip(*moments.loss(WEIGHT.sum(), UNIT), strict=True)):
        single = run.at(TIMES[position])
        error = single.mean(problem.ntk) - problem.targets
        covariance = single.covariance(problem.ntk, problem.nngp, problem.nngp)
        assert_allclose((mean, std), by_hand(error, covariance, WEIGHT, UNIT), rtol=1e-9)


@pytest.mark.parametrize("equal_noise", [True, False])
def test_training_loss_of_readouts(equal_noise):
    problem = make_problem(3)
    noise = 0.1 if equal_noise else problem.noise
    run = ReadoutFlowPosterior.condition(
        problem.nngp, noise, problem.targets, training_time=0.0, sample_weight=WEIGHT
    )
    moments = errors_at_training_points(run.over(TIMES))
    for position, (mean, std) in enumerate(zip(*moments.loss(WEIGHT.sum(), UNIT), strict=True)):
        single = run.at(TIMES[position])
        error = single.mean(problem.nngp) - problem.targets
        covariance = single.covariance(problem.nngp, problem.nngp)
        assert_allclose((mean, std), by_hand(error, covariance, WEIGHT, UNIT), rtol=1e-9)


def test_test_loss():
    problem, weight = make_problem(3), np.ones(5)
    targets = np.random.default_rng(0).normal(size=(5, 3))
    run = GradientFlowPosterior.condition(
        problem.ntk, problem.nngp, problem.noise, problem.targets, training_time=0.0
    )
    trajectory = run.over(TIMES)
    crosses = problem.ntk_cross, problem.nngp_cross
    covariances = list(trajectory.covariances(*crosses, problem.nngp_test))
    means = trajectory.mean(crosses[0])
    mean, std = errors_at_test_points(means, targets, covariances).loss(5, UNIT)
    for position in range(len(TIMES)):
        expected = by_hand(means[position] - targets, covariances[position], weight, UNIT)
        assert_allclose((mean[position], std[position]), expected, rtol=1e-12)


@pytest.mark.parametrize("train", ["ensemble", "readout"])
def test_one_network_has_a_loss_without_spread(train):
    problem = make_problem(3)
    parameters = {"training_time": 0.0, "sample_weight": WEIGHT}
    if train == "ensemble":
        kernel = problem.ntk
        run = GradientFlowPosterior.condition(
            kernel, problem.nngp, problem.noise, problem.targets, **parameters
        )
    else:
        kernel = problem.nngp
        run = ReadoutFlowPosterior.condition(kernel, problem.noise, problem.targets, **parameters)
    trajectory = run.over(TIMES)
    mean, std = errors_at_training_points(trajectory, ensemble=False).loss(WEIGHT.sum(), UNIT)
    assert_array_equal(std, 0.0)
    errors = (trajectory.mean(kernel) - problem.targets) * UNIT
    weighted = WEIGHT[:, np.newaxis] * np.square(errors)
    assert_allclose(mean, weighted.sum(axis=(1, 2)) / (2 * WEIGHT.sum()), rtol=1e-9)


def test_the_moments_of_a_squared_normal_variable():
    points, weights = np.polynomial.hermite_e.hermegauss(10)
    weights = weights / weights.sum()
    mean, variance = 0.7, 1.3
    losses = 0.5 * np.square(mean + np.sqrt(variance) * points)
    expected = weights @ losses
    spread = np.sqrt(weights @ np.square(losses - expected))
    ours = ErrorMoments.of(np.array([[[mean]]]), [np.array([[variance]])]).loss(1.0)
    assert_allclose(np.ravel(ours), [expected, spread], rtol=1e-12)


def test_without_noise_the_training_loss_falls_to_nothing_relative_to_itself():
    problem = make_problem()
    run = GradientFlowPosterior.condition(
        problem.ntk, problem.nngp, 0.0, problem.targets, training_time=0.0
    )
    smallest = run.spectrum.curvature[0]
    times = np.array([150.0, 151.0, 152.0]) / smallest
    mean, std = errors_at_training_points(run.over(times)).loss(12.0)
    # Far below the rounding error of predictions: the slowest direction decays as exp(-2 h t).
    assert mean[0] < 1e-120
    assert_allclose(mean[1:] / mean[:-1], np.exp(-2.0), rtol=1e-7)
    assert_allclose(std[1:] / std[:-1], np.exp(-2.0), rtol=1e-7)
