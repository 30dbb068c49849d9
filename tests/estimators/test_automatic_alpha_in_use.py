"""The default `alpha="auto"` beside early stopping and searches, and of classifiers."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.metrics import balanced_accuracy_score, log_loss
from sklearn.model_selection import GridSearchCV, LeaveOneOut

from skntk import ClosedFormSearchCV, NNGPClassifier, NNGPRegressor, NTKClassifier, NTKRegressor
from skntk.architecture import Dense, Erf, FullyConnected, Serial

from .problems import (
    CONVERGED,
    REGRESSORS,
    name_of,
    noise_std,
    noisy,
    noisy_classes,
    problem_for,
    regression,
    sine,
)

NETWORK = FullyConnected(depth=1, activation="erf", weight_std=1.4, bias_std=0.5)
EACH_CLASS = pytest.mark.parametrize("cls", [NNGPRegressor, NTKRegressor])
EACH_CLASSIFIER = pytest.mark.parametrize("cls", [NNGPClassifier, NTKClassifier])
EACH_REGRESSOR = pytest.mark.parametrize("regressor", REGRESSORS, ids=name_of)


# Training that ends early, and one network ------------------------------------------------------


@EACH_CLASS
def test_a_model_that_stops_early_has_intervals(cls):
    X, y, X_test = noisy(100, 0.3)
    converged = cls(NETWORK).fit(X, y)
    early = cls(NETWORK, training_time=30.0).fit(X, y)
    assert early.hyperparameters_ == converged.hyperparameters_
    assert_array_equal(early.output_scale_, converged.output_scale_)
    assert_allclose(noise_std(early, X_test), noise_std(converged, X_test), rtol=1e-9)
    ((_, std),) = converged.staged_predict(X_test, [30.0], return_std=True, observation_noise=True)
    expected = early.predict(X_test, return_std=True, observation_noise=True)[1]
    assert_allclose(std, expected, rtol=1e-8)


@EACH_CLASS
def test_one_network_knows_the_noise_around_it(cls):
    X, y, X_test = noisy(300, 0.3)
    model = cls(NETWORK, initial_function=lambda X: 0.4 * X[:, 1]).fit(X, y)
    assert_array_equal(model.predict_std(X_test), 0.0)
    # To what observations are missed by, the error of the network is noise as well.
    observed = sine(X_test) + 0.3 * np.random.default_rng(1).normal(size=len(X_test))
    missed = np.sqrt(np.mean(np.square(observed - model.predict(X_test))))
    assert_allclose(noise_std(model, X_test)[0], missed, rtol=0.12)


@EACH_CLASS
@pytest.mark.parametrize("normalize_y", [False, True])
def test_an_initial_function_that_is_right_leaves_nothing_but_noise(cls, normalize_y):
    X, y, X_test = noisy(300, 0.3)
    model = cls(NETWORK, initial_function=sine, normalize_y=normalize_y).fit(X, y)
    assert model.hyperparameters_["alpha"] > 1
    assert_allclose(noise_std(model, X_test)[0], 0.3, rtol=0.1)
    assert_allclose(model.predict(X_test), sine(X_test), atol=0.2)


# Spreads in units of the targets ----------------------------------------------------------------


@EACH_REGRESSOR
@pytest.mark.parametrize("n_outputs", [None, 2])
def test_draws_spread_as_the_standard_deviation(regressor, n_outputs):
    X, y, X_test = regression(n_outputs)
    model = clone(regressor).fit(X, y)
    mean, std = model.predict(X_test, return_std=True)
    draws = model.sample_y(X_test, 20_000)
    assert_allclose(draws.std(axis=-1), std, rtol=0.03)
    assert np.abs((draws.mean(axis=-1) - mean) / std).max() < 0.04
    covariance = model.predict(X_test, return_cov=True)[1]
    assert_allclose(np.square(std).T, np.diagonal(covariance, axis1=0, axis2=1), rtol=1e-6)


@EACH_CLASS
def test_losses_over_time_have_the_spread_of_a_network_of_that_scale(cls):
    X, y, X_test = regression(n_samples=20)
    y = y - y.mean()
    y_test, times = np.linspace(-1, 1, 9), [0.0, 2.0, 50.0]
    found = cls(NETWORK, normalize_y=False).fit(X, y)
    history = found.training_history(X_test, y_test, times)
    random = np.random.default_rng(0)
    for side, rows, targets in (("train", X, y), ("test", X_test, y_test)):
        for time, (mean, covariance) in enumerate(
            found.staged_predict(rows, times, return_cov=True)
        ):
            networks = random.multivariate_normal(mean, covariance, 20_000, check_valid="ignore")
            losses = 0.5 * np.mean(np.square(networks - targets), axis=1)
            assert_allclose(losses.mean(), history[f"{side}_loss"][time], rtol=0.03)
            assert_allclose(losses.std(), history[f"{side}_loss_std"][time], rtol=0.05)


def test_a_scale_of_the_outputs_is_one_of_the_last_layer():
    X, y, X_test = regression(n_samples=20)
    y = y - y.mean()
    y_test, times = np.linspace(-1, 1, 9), np.array([0.0, 2.0, 50.0])

    def network(readout):
        return Serial([Dense(1.4, 0.5), Erf(), Dense(readout, 0.0)])

    found = NNGPRegressor(network(1.0), normalize_y=False).fit(X, y)
    scale = float(found.output_scale_)
    assert abs(np.log(scale)) > 0.1
    scaled = NNGPRegressor(
        network(np.sqrt(scale)),
        alpha=found.alpha_[0] * scale,
        alpha_scale="absolute",
        normalize_y=False,
    ).fit(X, y)
    assert_allclose(scaled.log_marginal_likelihood(), found.log_marginal_likelihood(), rtol=1e-9)
    for ours, theirs in (
        (found.predict(X_test, return_std=True), scaled.predict(X_test, return_std=True)),
        (found.predict(X_test, return_cov=True), scaled.predict(X_test, return_cov=True)),
        (found.predict_observation(X_test), scaled.predict_observation(X_test)),
        (found.loo_predict(return_std=True), scaled.loo_predict(return_std=True)),
    ):
        for one, other in zip(ours, theirs, strict=True):
            assert_allclose(one, other, rtol=1e-6, atol=1e-10)
    # A greater scale of the kernel is a faster training.
    history = found.training_history(X_test, y_test, times)
    expected = scaled.training_history(X_test, y_test, times / scale)
    for name in ("train_loss", "train_loss_std", "test_loss", "test_loss_std"):
        assert_allclose(history[name], expected[name], rtol=1e-8)


# Classifiers ------------------------------------------------------------------------------------


@EACH_CLASSIFIER
@pytest.mark.parametrize("n_samples", [150, 700])
def test_noisy_classes_have_better_probabilities(cls, n_samples):
    X, y, X_test, y_test = noisy_classes(n_samples)
    auto, tiny = (
        log_loss(y_test, cls(NETWORK, alpha=alpha).fit(X, y).predict_proba(X_test))
        for alpha in ("auto", 1e-6)
    )
    assert auto < tiny - 0.005


@EACH_CLASSIFIER
def test_weights_of_classes_are_no_lack_of_noise(cls):
    X, y, X_test, y_test = noisy_classes(250, shift=1.4)
    plain, balanced = (cls(NETWORK, class_weight=weight).fit(X, y) for weight in (None, "balanced"))
    assert balanced.hyperparameters_["alpha"] > 0.3 * plain.hyperparameters_["alpha"]
    tiny = cls(NETWORK, alpha=1e-6, class_weight="balanced").fit(X, y)
    scores = [balanced_accuracy_score(y_test, m.predict(X_test)) for m in (balanced, tiny)]
    assert scores[0] > scores[1] + 0.02


@EACH_CLASSIFIER
def test_what_all_weights_have_in_common_is_part_of_alpha(cls):
    X, y, *_ = noisy_classes(100)
    once, often = (cls(NETWORK).fit(X, y, sample_weight=weight) for weight in (1.0, 5.5))
    found, expected = often.hyperparameters_["alpha"], 5.5 * once.hyperparameters_["alpha"]
    assert_allclose(found, expected, rtol=0.06)


def test_the_evidence_of_classes_is_greatest_at_the_alpha_that_is_found():
    X, y, _, _ = noisy_classes(120)
    model = NNGPClassifier(NETWORK, likelihood="softmax").fit(X, y)
    alpha = model.hyperparameters_["alpha"]
    assert_allclose(model.alpha_score_, model.log_marginal_likelihood_value_, rtol=1e-9)
    for factor in (0.1, 0.5, 2.0, 10.0):
        neighbor = clone(model).set_params(alpha=factor * alpha).fit(X, y)
        # Where scores are flat the largest alpha is taken, which gives a tenth of a nat away.
        assert neighbor.log_marginal_likelihood_value_ < model.alpha_score_ + 0.11


# Searches ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("cv", [None, 3])
@pytest.mark.parametrize("estimator", CONVERGED, ids=name_of)
def test_grids_mix_numbers_and_auto(estimator, cv):
    X, y, _ = problem_for(estimator, n_samples=18)
    grid = {"alpha": [0.1, "auto", 1.0], "normalize_y": [True, False]}
    scoring = {"error": "neg_mean_squared_error", "std": mean_of_std}
    if hasattr(estimator, "class_weight"):
        scoring = {"error": "accuracy", "std": log_probability}
    options = {"scoring": scoring, "refit": False}
    found = ClosedFormSearchCV(estimator, grid, cv=cv, **options).fit(X, y).cv_results_
    expected = GridSearchCV(estimator, grid, cv=cv or LeaveOneOut(), **options).fit(X, y)
    for name in ("mean_test_error", "mean_test_std"):
        assert_allclose(found[name], expected.cv_results_[name], rtol=1e-6)
    assert found["params"] == expected.cv_results_["params"]


def log_probability(model, X, y):
    """Score the probabilities of classes, of one row or of many."""
    right = y[:, np.newaxis] == model.classes_
    return np.log(model.predict_proba(X)[right]).mean()


def mean_of_std(model, X, y):
    """Score the standard deviations of the function and of observations."""
    return sum(
        model.predict(X, return_std=True, observation_noise=wish)[1].mean()
        for wish in (False, True)
    )


@EACH_CLASS
def test_a_search_may_prefer_auto(cls):
    X, y, _ = noisy(60, 0.3)
    search = ClosedFormSearchCV(cls(NETWORK), {"alpha": [1e-5, "auto", 1e3]}, cv=5).fit(X, y)
    assert search.best_params_ == {"alpha": "auto"}
    assert search.best_estimator_.alpha_score_ == cls(NETWORK).fit(X, y).alpha_score_
