"""Models on rows of one kernel matrix: both ways to train them agree with the posteriors."""

import numpy as np
import pytest

from skntk.inference import (
    EnsemblePosterior,
    GaussianProcessPosterior,
    PrecomputedKernel,
    SingularKernelError,
)

N = 24
FOLDS = [np.arange(5), np.array([7]), np.arange(3, N, 2), np.array([0, N - 1])]


def kernel_of(seed, n=N):
    factors = np.random.default_rng(seed).normal(size=(n, n + 6))
    return factors @ factors.T / n


@pytest.fixture(params=[False, True], ids=["process", "ensemble"])
def shared(request):
    return PrecomputedKernel.of(kernel_of(0), (lambda: kernel_of(1)) if request.param else None)


def refitted(shared, train, test, noise, targets):
    """Return the mean and the variance by a posterior of the training rows alone."""
    within, cross = np.ix_(train, train), np.ix_(test, train)
    if shared.prior is None:
        posterior = GaussianProcessPosterior.condition(shared.kernel[within], noise, targets)
        crosses, diagonal = (shared.kernel[cross],), np.diagonal(shared.kernel)[test]
    else:
        posterior = EnsemblePosterior.condition(
            shared.kernel[within], shared.prior[within], noise, targets
        )
        crosses = shared.kernel[cross], shared.prior[cross]
        diagonal = np.diagonal(shared.prior)[test]
    left_out = posterior.leave_one_out(targets)
    mean, variance = posterior.mean(crosses[0]), posterior.variance(*crosses, diagonal)
    return mean, variance, *left_out, posterior.dual_coef


@pytest.mark.parametrize("test", FOLDS, ids=len)
@pytest.mark.parametrize("n_outputs", [None, 3])
@pytest.mark.parametrize("level", [1e-3, 1.0])
def test_held_out_rows_are_predicted_as_by_a_posterior_of_the_others(
    shared, test, n_outputs, level
):
    random = np.random.default_rng(2)
    pattern = random.uniform(0.5, 2, N)
    train = np.setdiff1d(np.arange(N), test)
    targets = random.normal(size=(len(train), n_outputs) if n_outputs else len(train))
    expected = refitted(shared, train, test, level * pattern[train], targets)
    spectrum = shared.decompose(np.arange(N), pattern)
    for way in (spectrum, None):
        model = shared.condition(train, level * pattern[train], targets, way)
        left_out = model.leave_one_out(targets)
        found = model.mean(test), model.variance(test), *left_out, model.dual_coef
        np.testing.assert_allclose(model.leave_one_out_mean(targets), left_out[0], rtol=1e-10)
        for value, reference in zip(found, expected, strict=True):
            np.testing.assert_allclose(value, reference, rtol=1e-10, atol=1e-12)


def test_rows_that_the_model_was_trained_on_are_predicted_too(shared):
    train, targets = np.arange(4, N), np.random.default_rng(3).normal(size=N - 4)
    spectrum = shared.decompose(np.arange(N), np.ones(N))
    model = shared.condition(train, np.full(N - 4, 0.2), targets, spectrum)
    both = np.array([2, 10])
    expected = refitted(shared, train, both, np.full(N - 4, 0.2), targets)
    np.testing.assert_allclose(model.mean(both), expected[0], rtol=1e-10)
    np.testing.assert_allclose(model.variance(both), expected[1], rtol=1e-10)


def test_a_row_that_no_model_is_trained_on_is_predicted_too(shared):
    train, targets = np.arange(4, N), np.random.default_rng(3).normal(size=N - 4)
    noise = np.full(N - 4, 0.2)
    spectrum = shared.decompose(np.arange(2, N), np.ones(N - 2))
    model = shared.condition(train, noise, targets, spectrum)
    outside = np.array([0, 3])
    expected = refitted(shared, train, outside, noise, targets)
    np.testing.assert_allclose(model.mean(outside), expected[0], rtol=1e-10)


@pytest.mark.parametrize(
    "noise",
    [np.linspace(0.1, 0.2, N - 1), np.full(N - 1, 1e-12), np.zeros(N - 1)],
    ids=["another pattern", "below rounding", "none"],
)
def test_noise_that_the_decomposition_does_not_have_is_factorized(shared, noise):
    train, targets = np.arange(1, N), np.random.default_rng(4).normal(size=N - 1)
    # A smooth kernel, whose eigenvalues fall to the rounding of the largest.
    steps = np.arange(N)[:, np.newaxis] - np.arange(N)
    smooth = np.exp(-np.square(steps / 8)) + 1e-11 * np.eye(N)
    shared = PrecomputedKernel.of(smooth, shared.find_prior)
    spectrum = shared.decompose(np.arange(N), np.ones(N))
    model = shared.condition(train, noise, targets, spectrum)
    assert type(model) is type(shared.train_on(train, targets).refit(noise))
    expected = refitted(shared, train, np.array([0]), noise, targets)
    np.testing.assert_allclose(model.mean(np.array([0])), expected[0], rtol=1e-12)


def test_a_row_twice_among_the_training_rows_is_factorized(shared):
    train = np.array([1, 2, 2, 5])
    targets, noise = np.arange(4.0), np.full(4, 0.3)
    spectrum = shared.decompose(np.arange(N), np.ones(N))
    test = np.array([0, 9])
    model = shared.condition(train, noise, targets, spectrum)
    np.testing.assert_allclose(
        model.mean(test), refitted(shared, train, test, noise, targets)[0], rtol=1e-12
    )


def test_each_sample_left_out_at_a_level_of_its_own(shared):
    random = np.random.default_rng(5)
    pattern, levels = random.uniform(0.5, 2, N), random.uniform(0.05, 0.5, N)
    targets = random.normal(size=(N, 2))
    spectrum = shared.decompose(np.arange(N), pattern)
    mean = spectrum.leave_one_out(levels, targets)
    variance = spectrum.leave_one_out_variance(levels, shared.prior)
    for i in range(N):
        others = np.delete(np.arange(N), i)
        noise = levels[i] * pattern[others]
        expected = refitted(shared, others, np.array([i]), noise, targets[others])
        np.testing.assert_allclose(mean[i], expected[0][0], rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(variance[i], expected[1][0], rtol=1e-9)


def test_equal_rows_without_noise_are_refused():
    kernel = kernel_of(0)[np.ix_([0, 0, 1], [0, 0, 1])]
    with pytest.raises(SingularKernelError, match="duplicate rows"):
        PrecomputedKernel.of(kernel).condition(np.arange(3), np.zeros(3), np.zeros(3))
    with pytest.raises(ValueError, match="square"):
        PrecomputedKernel.of(kernel[:2])


def test_the_prior_is_found_for_variances_alone():
    found = []
    shared = PrecomputedKernel.of(kernel_of(0), lambda: found.append(1) or kernel_of(1))
    spectrum = shared.decompose(np.arange(N), np.ones(N))
    train = np.arange(4, N)
    for way in (spectrum, None):
        model = shared.condition(train, np.full(N - 4, 0.2), np.ones(N - 4), way)
        model.mean(np.arange(4))
        model.leave_one_out_mean(np.ones(N - 4))
    assert not found
    model.variance(np.arange(4))
    assert len(found) == 1
    with pytest.raises(ValueError, match="same training samples"):
        PrecomputedKernel.of(kernel_of(0), lambda: kernel_of(1)[:3, :3]).condition(
            train, np.ones(N - 4), np.ones(N - 4)
        ).variance(np.arange(4))
