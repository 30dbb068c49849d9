"""Scores of training kernels: equal to those of the posteriors, with slopes that are limits."""

from functools import partial

import numpy as np
import pytest
from scipy.stats import norm

from skntk.inference import (
    EnsemblePosterior,
    GaussianProcessPosterior,
    SingularKernelError,
    ensemble_leave_one_out_density,
    leave_one_out_density,
    marginal_likelihood,
)

N = 7
STEP = 1e-6


def positive(seed):
    factor = np.random.default_rng(seed).normal(size=(N, N + 2))
    return factor @ factor.T / N


NTK, NNGP = positive(0), positive(1)
NOISE = np.linspace(0.1, 0.5, N)
WEIGHT = np.array([1.0, 2.0, 1.0, 0.5, 3.0, 1.0, 1.0])
TARGETS = {
    1: np.random.default_rng(2).normal(size=N),
    2: np.random.default_rng(3).normal(size=(N, 2)),
}
every_number_of_outputs = pytest.mark.parametrize("targets", TARGETS.values(), ids=["one", "two"])
every_score = pytest.mark.parametrize(
    ("score", "kernels"),
    [
        (marginal_likelihood, (NNGP,)),
        (leave_one_out_density, (NNGP,)),
        (ensemble_leave_one_out_density, (NTK, NNGP)),
    ],
    ids=lambda value: getattr(value, "__name__", "kernels"),
)
every_weight = pytest.mark.parametrize("weight", [None, WEIGHT], ids=["equal", "weighted"])


def as_columns(values):
    return values.reshape(len(values), -1)


@every_number_of_outputs
def test_marginal_likelihood_is_that_of_the_posterior(targets):
    posterior = GaussianProcessPosterior.condition(NNGP, NOISE, targets)
    expected = posterior.log_marginal_likelihood(targets)
    np.testing.assert_allclose(marginal_likelihood(NNGP, NOISE, targets).score, expected)


@every_number_of_outputs
def test_leave_one_out_densities_are_those_of_the_posteriors(targets):
    of_process = GaussianProcessPosterior.condition(NNGP, NOISE, targets)
    of_ensemble = EnsemblePosterior.condition(NTK, NNGP, NOISE, targets)
    for posterior, result in (
        (of_process, leave_one_out_density(NNGP, NOISE, targets)),
        (of_ensemble, ensemble_leave_one_out_density(NTK, NNGP, NOISE, targets)),
    ):
        mean, variance = posterior.leave_one_out(targets)
        std = np.sqrt(variance + NOISE)[:, np.newaxis]
        expected = norm.logpdf(as_columns(targets), as_columns(mean), std).sum()
        np.testing.assert_allclose(result.score, expected)


@every_score
@pytest.mark.parametrize("best_scale", [False, True])
def test_a_weight_counts_observations(score, kernels, best_scale):
    """One sample that stands for three has the score of three equal rows with their noise."""
    rows = [0, 1, 2, 2, 2]
    weight = np.array([1.0, 1.0, 3.0])
    targets, noise = TARGETS[1][:3], NOISE[:3]
    weighted = score(
        *(kernel[:3, :3] for kernel in kernels),
        noise / weight,
        targets,
        weight,
        best_scale=best_scale,
    )
    repeated = score(
        *(kernel[np.ix_(rows, rows)] for kernel in kernels),
        noise[rows],
        targets[rows],
        best_scale=best_scale,
    )
    np.testing.assert_allclose(weighted.score, repeated.score)
    np.testing.assert_allclose(weighted.output_scale, repeated.output_scale)


def test_less_than_one_observation_is_left_out_whole():
    weight = np.array([1.0, 1.0, 0.5])
    kernel, targets, noise = NNGP[:3, :3], TARGETS[1][:3], NOISE[:3]
    result = leave_one_out_density(kernel, noise / weight, targets, weight)
    posterior = GaussianProcessPosterior.condition(kernel, noise / weight, targets)
    mean, variance = posterior.leave_one_out(targets)
    expected = weight @ norm.logpdf(targets, mean, np.sqrt(variance + noise))
    np.testing.assert_allclose(result.score, expected)


@every_score
@every_number_of_outputs
@every_weight
def test_no_scale_of_the_outputs_has_a_larger_score(score, kernels, targets, weight):
    best = score(*kernels, NOISE, targets, weight, best_scale=True)
    n_observations = N if weight is None else weight.sum()
    for factor in (1.0, 0.9, 1.1):
        scale = factor * best.output_scale
        scaled = score(*kernels, NOISE, (as_columns(targets) / np.sqrt(scale)), weight).score
        scaled -= 0.5 * n_observations * np.log(scale).sum()
        assert scaled <= best.score + 1e-9
        if factor == 1.0:
            np.testing.assert_allclose(scaled, best.score)


@every_score
@every_number_of_outputs
@every_weight
@pytest.mark.parametrize("best_scale", [False, True])
def test_slopes_are_limits_of_differences(score, kernels, targets, weight, best_scale):
    score = partial(score, best_scale=best_scale)
    result = score(*kernels, NOISE, targets, weight)
    for position in range(len(kernels)):
        direction = positive(9) - positive(8)

        def moved(step, position=position, direction=direction):
            changed = list(kernels)
            changed[position] = kernels[position] + step * direction
            return score(*changed, NOISE, targets, weight).score

        slope = (moved(STEP) - moved(-STEP)) / (2 * STEP)
        np.testing.assert_allclose(
            np.vdot(result.by_kernels[position], direction), slope, rtol=1e-6, atol=1e-7
        )
        np.testing.assert_allclose(result.by_kernels[position], result.by_kernels[position].T)
    for sample in range(N):
        step = STEP * np.eye(N)[sample]
        forward, backward = (
            score(*kernels, NOISE + sign * step, targets, weight).score for sign in (1, -1)
        )
        slope = (forward - backward) / (2 * STEP)
        np.testing.assert_allclose(result.by_noise[sample], slope, rtol=1e-6, atol=1e-7)


@every_score
def test_inputs_are_left_alone(score, kernels):
    copies = [kernel.copy() for kernel in kernels]
    score(*kernels, NOISE, TARGETS[1])
    for kernel, copy in zip(kernels, copies, strict=True):
        np.testing.assert_array_equal(kernel, copy)


@every_score
def test_singular_kernels_are_refused(score, kernels):
    with pytest.raises(SingularKernelError):
        score(*[np.ones((N, N))] * len(kernels), 0.0, TARGETS[1])


def test_repetitions_without_noise_are_refused():
    with pytest.raises(ValueError, match="without noise is not finite"):
        marginal_likelihood(NNGP, 0.0, TARGETS[1], WEIGHT)
