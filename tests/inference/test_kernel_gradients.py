"""Scores of training kernels: equal to those of the posteriors, with slopes that are limits."""

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


@pytest.mark.parametrize("score", [marginal_likelihood, leave_one_out_density])
def test_a_weight_counts_observations(score):
    """One sample that stands for three, and the likelihood of three equal rows with their noise."""
    rows = [0, 1, 2, 2, 2]
    weight = np.array([1.0, 1.0, 3.0])
    kernel, targets, noise = NNGP[:3, :3], TARGETS[1][:3], NOISE[:3]
    weighted = score(kernel, noise / weight, targets, weight).score
    if score is marginal_likelihood:
        repeated = score(kernel[np.ix_(rows, rows)], noise[rows], targets[rows]).score
        np.testing.assert_allclose(weighted, repeated)
    else:
        others = GaussianProcessPosterior.condition(kernel[:2, :2], noise[:2], targets[:2])
        mean = others.mean(kernel[2:, :2])
        variance = others.variance(kernel[2:, :2], kernel[2:, 2])
        of_third = 3 * norm.logpdf(targets[2], mean, np.sqrt(variance + noise[2])).item()
        rest = sum(score_of_row(row, kernel, noise / weight, targets) for row in (0, 1))
        np.testing.assert_allclose(weighted, of_third + rest)


def score_of_row(row, kernel, noise, targets):
    posterior = GaussianProcessPosterior.condition(kernel, noise, targets)
    mean, variance = posterior.leave_one_out(targets)
    return norm.logpdf(targets[row], mean[row], np.sqrt(variance[row] + noise[row]))


@every_score
@every_number_of_outputs
@every_weight
def test_slopes_are_limits_of_differences(score, kernels, targets, weight):
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
