"""The temperature minimizes the smoothed log-loss."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

from skntk.estimators.classification.temperature import fit_temperature


def problem(n_classes=3, n_samples=40, seed=0, noise=1.0):
    random = np.random.default_rng(seed)
    labels = np.arange(n_samples) % n_classes
    scores = np.eye(n_classes)[labels] + noise * random.normal(size=(n_samples, n_classes))
    return scores, labels, random.uniform(0.2, 2.0, size=n_samples)


def smoothed_loss(temperature, scores, labels, weight):
    certain = (weight.sum() + 1) / (weight.sum() + 2)
    n_classes = scores.shape[1]
    targets = np.where(
        np.arange(n_classes) == labels[:, np.newaxis], certain, (1 - certain) / (n_classes - 1)
    )
    return -(weight @ (targets * log_softmax(scores / temperature, axis=1)).sum(axis=1))


@pytest.mark.parametrize("n_classes", [2, 3, 10])
@pytest.mark.parametrize("noise", [0.1, 0.5, 1.0])
def test_no_other_temperature_has_a_smaller_loss(n_classes, noise):
    scores, labels, weight = problem(n_classes, noise=noise)
    found = minimize_scalar(
        lambda log_t: smoothed_loss(np.exp(log_t), scores, labels, weight),
        bounds=(-7, 7),
        method="bounded",
        options={"xatol": 1e-9},
    )
    assert_allclose(fit_temperature(scores, labels, weight), np.exp(found.x), rtol=1e-5)


@settings(max_examples=30, deadline=None)
@given(scale=st.floats(1e-9, 1e9), shift=st.floats(-10, 10), seed=st.integers(0, 100))
def test_the_temperature_has_the_unit_of_the_scores(scale, shift, seed):
    scores, labels, weight = problem(seed=seed, noise=0.3)
    temperature = fit_temperature(scores, labels, weight)
    assert_allclose(
        fit_temperature(scale * (scores + shift), labels, weight), scale * temperature, rtol=1e-5
    )


def test_weights_are_repetitions():
    scores, labels, _ = problem()
    counts = np.random.default_rng(1).integers(0, 4, size=len(labels))
    repeated = np.repeat(scores, counts, axis=0), np.repeat(labels, counts)
    assert_allclose(
        fit_temperature(scores, labels, counts.astype(float)),
        fit_temperature(*repeated, np.ones(counts.sum())),
    )


@pytest.mark.parametrize("n_samples", [4, 40, 4000])
def test_where_every_row_is_right_certainty_grows_with_their_number(n_samples):
    labels = np.arange(n_samples) % 2
    temperature = fit_temperature(np.eye(2)[labels], labels, np.ones(n_samples))
    probability = 1 / (1 + np.exp(-1 / temperature))
    assert_allclose(probability, (n_samples + 1) / (n_samples + 2))


def test_scores_that_say_nothing():
    labels = np.arange(20) % 2
    weight = np.ones(20)
    assert fit_temperature(np.full((20, 2), 0.5), labels, weight) == 1.0
    wrong = np.eye(2)[1 - labels]
    assert fit_temperature(wrong, labels, weight) >= 100  # probabilities near 1/2
