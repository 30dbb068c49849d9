"""The default `alpha="auto"`: what `fit` finds, and what it is worth."""

import pickle
import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import norm
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import balanced_accuracy_score, log_loss
from sklearn.model_selection import GridSearchCV, LeaveOneOut

from skntk import ClosedFormSearchCV, NNGPClassifier, NNGPRegressor, NTKClassifier, NTKRegressor
from skntk.architecture import Dense, Erf, FullyConnected, Relu, Serial

from .problems import CLASSIFIERS, ESTIMATORS, REGRESSORS, name_of, problem_for, regression

NETWORK = FullyConnected(depth=1, activation="erf", weight_std=1.4, bias_std=0.5)
EACH_CLASS = pytest.mark.parametrize("cls", [NNGPRegressor, NTKRegressor])
EACH_CLASSIFIER = pytest.mark.parametrize("cls", [NNGPClassifier, NTKClassifier])
EACH_REGRESSOR = pytest.mark.parametrize("regressor", REGRESSORS, ids=name_of)
EACH_ESTIMATOR = pytest.mark.parametrize("estimator", ESTIMATORS, ids=name_of)


def function(X):
    return np.sin(2 * X[:, 0]) + 0.5 * X[:, 1]


def noisy(n_samples, noise=0.3, seed=0):
    """Return inputs, targets with noise of a standard deviation, and 1000 new inputs."""
    random = np.random.default_rng(seed)
    X = random.normal(size=(n_samples, 2))
    return X, function(X) + noise * random.normal(size=n_samples), random.normal(size=(1000, 2))


def noisy_classes(n_samples=200, noise=0.8, shift=0.0, seed=0):
    """Return inputs and two classes that overlap, and as much to test with."""
    random = np.random.default_rng(seed)
    X = random.normal(size=(n_samples + 1500, 3))
    score = X[:, 0] + 0.5 * np.sin(2 * X[:, 1]) + noise * random.normal(size=len(X))
    y = (score > shift).astype(int)
    return X[:n_samples], y[:n_samples], X[n_samples:], y[n_samples:]


def noise_std(model, X):
    """Return the standard deviation of the noise of new observations."""
    observed, of_function = (
        model.predict(X, return_std=True, observation_noise=wish)[1] for wish in (True, False)
    )
    return np.sqrt(np.square(observed) - np.square(of_function))


# What it is worth -------------------------------------------------------------------------------


@EACH_CLASS
@pytest.mark.parametrize("noise", [0.1, 0.3, 1.0])
def test_intervals_cover_new_observations_and_are_no_wider_than_they_have_to_be(cls, noise):
    X, y, X_test = noisy(200, noise)
    observed = function(X_test) + noise * np.random.default_rng(1).normal(size=len(X_test))
    mean, std = cls(NETWORK).fit(X, y).predict(X_test, return_std=True, observation_noise=True)
    assert 0.92 <= (np.abs(observed - mean) < 1.96 * std).mean() <= 0.985
    # The best interval of all knows the function.
    assert std.mean() < 1.3 * noise + 0.03
    fixed = cls(NETWORK, alpha=0.1).fit(X, y)
    error, error_of_fixed = (
        np.sqrt(np.mean(np.square(function(X_test) - predicted)))
        for predicted in (mean, fixed.predict(X_test))
    )
    assert error < 1.02 * error_of_fixed


@EACH_CLASS
def test_little_noise_and_much_noise_have_other_alphas(cls):
    alphas = [cls(NETWORK).fit(*noisy(150, noise)[:2]).alpha_[0] for noise in (0.03, 0.3, 3.0)]
    assert alphas == sorted(alphas)
    assert alphas[0] < 0.1 * alphas[2]


@EACH_CLASS
def test_a_little_noise_leaves_a_smaller_error_than_the_number_of_before(cls):
    X, y, X_test = noisy(150, 0.02)
    errors = [
        np.abs(cls(NETWORK, alpha=alpha).fit(X, y).predict(X_test) - function(X_test)).mean()
        for alpha in ("auto", 0.1)
    ]
    assert errors[0] < 0.5 * errors[1]


@EACH_CLASS
@pytest.mark.parametrize("noise", [0.1, 1.0])
def test_the_noise_is_what_was_put_in(cls, noise):
    X, y, X_test = noisy(400, noise)
    found = noise_std(cls(NETWORK).fit(X, y), X_test)
    assert_allclose(found, found[0])
    if cls is NTKRegressor and noise == 0.1:
        # What an ensemble misses and does not know that it misses is noise to it.
        assert 0.9 * noise < found[0] < 1.5 * noise
    else:
        # The standard deviation of 400 normal numbers is known to 3.5 %.
        assert_allclose(found[0], noise, rtol=0.12)


@EACH_CLASS
def test_outputs_of_unlike_noise_have_intervals_of_unlike_width(cls):
    X, _, X_test = noisy(200)
    random = np.random.default_rng(2)
    noise = np.array([0.01, 1.0])
    y, observed = (
        function(rows)[:, np.newaxis] + noise * random.normal(size=(len(rows), 2))
        for rows in (X, X_test)
    )
    model = cls(NETWORK).fit(X, y)
    assert model.output_scale_.shape == (2,)
    mean, std = model.predict(X_test, return_std=True, observation_noise=True)
    covered = (np.abs(observed - mean) < 1.96 * std).mean(axis=0)
    assert (covered > 0.88).all()
    assert std[:, 1].mean() > 2 * std[:, 0].mean()


# What it means ----------------------------------------------------------------------------------


@EACH_REGRESSOR
def test_a_number_that_is_given_afterwards_has_the_same_mean(regressor):
    X, y, X_test = regression(n_outputs=2)
    model = clone(regressor).fit(X, y)
    again = clone(regressor).set_params(alpha=model.hyperparameters_["alpha"]).fit(X, y)
    assert_allclose(again.predict(X_test), model.predict(X_test), rtol=1e-9)
    assert_allclose(again.alpha_, model.alpha_, rtol=1e-12)
    spread = again.predict_std(X_test) * np.sqrt(model.output_scale_)
    assert_allclose(model.predict_std(X_test), spread, rtol=1e-7)
    assert_array_equal(again.output_scale_, np.ones(2))


@pytest.mark.parametrize("classifier", CLASSIFIERS, ids=name_of)
def test_a_number_that_is_given_afterwards_makes_the_same_classifier(classifier):
    X, y, X_test = problem_for(classifier)
    model = clone(classifier).fit(X, y)
    again = clone(classifier).set_params(alpha=model.hyperparameters_["alpha"]).fit(X, y)
    assert_allclose(again.predict_proba(X_test), model.predict_proba(X_test), rtol=1e-8)
    assert_allclose(again.predict_std(X_test), model.predict_std(X_test), rtol=1e-8)


@EACH_ESTIMATOR
def test_it_does_not_depend_on_the_unit_of_alpha(estimator):
    X, y, X_test = problem_for(estimator)
    relative, absolute = (
        clone(estimator).set_params(alpha_scale=scale).fit(X, y)
        for scale in ("relative", "absolute")
    )
    assert_allclose(absolute.alpha_, relative.alpha_, rtol=1e-6)
    assert_allclose(absolute.hyperparameters_["alpha"], absolute.alpha_[0], rtol=1e-9)
    assert_allclose(absolute.alpha_score_, relative.alpha_score_, rtol=1e-8)
    assert_allclose(absolute.predict_std(X_test), relative.predict_std(X_test), rtol=1e-5)


@EACH_ESTIMATOR
def test_a_fit_with_a_number_forgets_what_was_found(estimator):
    X, y, _ = problem_for(estimator)
    model = clone(estimator).fit(X, y)
    assert {"alpha_score_", "hyperparameters_"} <= vars(model).keys()
    fresh = clone(estimator).set_params(alpha=0.1).fit(X, y)
    assert vars(model.set_params(alpha=0.1).fit(X, y)).keys() == vars(fresh).keys()
    assert not hasattr(model, "alpha_score_") and not hasattr(model, "hyperparameters_")
    if hasattr(model, "output_scale_"):
        assert_array_equal(model.output_scale_, 1.0)


@pytest.mark.parametrize("n_outputs", [None, 2])
@pytest.mark.parametrize("weighted", [False, True])
def test_the_score_is_the_likelihood_of_the_fitted_process(n_outputs, weighted):
    X, y, _ = regression(n_outputs)
    weight = 1 + np.arange(len(X)) % 3 if weighted else None
    model = NNGPRegressor(NETWORK).fit(X, y, sample_weight=weight)
    assert_allclose(model.alpha_score_, model.log_marginal_likelihood_value_, rtol=1e-10)
    assert_allclose(model.alpha_score_, model.log_marginal_likelihood(), rtol=1e-10)


@pytest.mark.parametrize("n_outputs", [None, 2])
@pytest.mark.parametrize(
    "model",
    [NTKRegressor(NETWORK), NNGPRegressor(NETWORK, criterion="leave_one_out")],
    ids=lambda model: type(model).__name__,
)
def test_the_score_is_the_density_of_what_is_left_out(model, n_outputs):
    X, y, X_test = regression(n_outputs)
    model = clone(model).fit(X, y)
    mean, std = model.loo_predict(return_std=True)
    std = np.hypot(std, noise_std(model, X_test)[0])
    unit = y.std(axis=0)
    density = norm.logpdf((y - mean) / unit, scale=std / unit).sum()
    assert_allclose(model.alpha_score_, density, rtol=1e-9)
    assert_allclose(np.mean(np.square((y - mean) / std), axis=0), 1.0)


@EACH_CLASS
def test_the_unit_of_the_targets_does_not_matter(cls):
    X, y, X_test = regression(n_outputs=2)
    model, other = cls(NETWORK).fit(X, y), cls(NETWORK).fit(X, 1e6 * y - 3e7)
    assert_allclose(other.alpha_, model.alpha_, rtol=1e-5)
    assert_allclose(other.predict_std(X_test), 1e6 * model.predict_std(X_test), rtol=1e-5)


@EACH_CLASS
def test_without_normalization_the_scale_carries_the_unit(cls):
    X, y, X_test = regression()
    y = y - y.mean()
    scaled, model = (cls(NETWORK, normalize_y=False).fit(X, unit * y) for unit in (1e3, 1.0))
    assert_allclose(scaled.output_scale_, 1e6 * model.output_scale_, rtol=1e-5)
    assert_allclose(scaled.predict_std(X_test), 1e3 * model.predict_std(X_test), rtol=1e-5)


# Rows and weights -------------------------------------------------------------------------------


@EACH_ESTIMATOR
def test_weights_are_repetitions(estimator):
    X, y, X_test = problem_for(estimator)
    counts = 1 + np.arange(len(y)) % 3
    weighted = clone(estimator).fit(X, y, sample_weight=counts)
    repeated = clone(estimator).fit(np.repeat(X, counts, axis=0), np.repeat(y, counts))
    assert_allclose(
        weighted.hyperparameters_["alpha"], repeated.hyperparameters_["alpha"], rtol=1e-5
    )
    assert_allclose(weighted.alpha_score_, repeated.alpha_score_, rtol=1e-8)
    assert_allclose(weighted.predict_std(X_test), repeated.predict_std(X_test), rtol=1e-5)


@EACH_CLASS
@pytest.mark.parametrize("unit", [0.01, 1.0, 30.0])
def test_weights_that_are_no_whole_numbers_are_precisions(cls, unit):
    X, _, X_test = noisy(250)
    random = np.random.default_rng(4)
    noise = random.uniform(0.1, 1.0, size=len(X))
    y = function(X) + noise * random.normal(size=len(X))
    weight = unit / np.square(noise)
    model = cls(NETWORK).fit(X, y, sample_weight=weight)
    # Of an observation of weight 1.
    assert_allclose(noise_std(model, X_test)[0], np.sqrt(unit), rtol=0.3)
    errors = [
        np.sqrt(np.mean(np.square(other.predict(X_test) - function(X_test))))
        for other in (model, cls(NETWORK).fit(X, y))
    ]
    assert errors[0] < errors[1]


@EACH_ESTIMATOR
def test_a_weight_of_zero_is_removal(estimator):
    X, y, X_test = problem_for(estimator)
    kept = np.arange(len(y)) % 4 != 1
    weighted = clone(estimator).fit(X, y, sample_weight=kept.astype(float))
    removed = clone(estimator).fit(X[kept], y[kept])
    assert weighted.alpha_score_ == removed.alpha_score_
    assert_array_equal(weighted.predict_std(X_test), removed.predict_std(X_test))


@pytest.mark.parametrize("n_samples", [80, 300, 650])
@EACH_ESTIMATOR
def test_the_order_of_rows_does_not_matter(estimator, n_samples):
    if getattr(estimator, "training_time", None) is not None and n_samples > 80:
        pytest.skip("slow, and found as without")
    X, y, X_test = problem_for(estimator, n_samples=n_samples)
    order = np.random.default_rng(0).permutation(n_samples)
    model, other = clone(estimator).fit(X, y), clone(estimator).fit(X[order], y[order])
    assert_allclose(other.hyperparameters_["alpha"], model.hyperparameters_["alpha"], rtol=1e-4)
    assert_allclose(other.predict_std(X_test), model.predict_std(X_test), rtol=1e-4)


@EACH_ESTIMATOR
def test_it_is_deterministic(estimator):
    X, y, X_test = problem_for(estimator)
    first, second = (clone(estimator).fit(X, y) for _ in range(2))
    assert first.hyperparameters_ == second.hyperparameters_
    assert_array_equal(first.predict_std(X_test), second.predict_std(X_test))


@EACH_CLASS
def test_of_many_rows_the_noise_is_what_was_put_in(cls):
    X, y, X_test = noisy(1200, 0.3)
    model = cls(NETWORK).fit(X, y)
    assert_allclose(noise_std(model, X_test)[0], 0.3, rtol=0.1)


@EACH_ESTIMATOR
def test_a_pickled_model_predicts_the_same(estimator):
    X, y, X_test = problem_for(estimator)
    model = clone(estimator).fit(X, y)
    loaded = pickle.loads(pickle.dumps(model))
    assert loaded.hyperparameters_ == model.hyperparameters_
    assert_array_equal(loaded.predict_std(X_test), model.predict_std(X_test))
    if not hasattr(model, "classes_"):
        assert_array_equal(loaded.output_scale_, model.output_scale_)
        assert_array_equal(loaded.predict_observation(X_test), model.predict_observation(X_test))
    assert clone(model).alpha == "auto"
    assert not hasattr(clone(model), "alpha_score_")


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
    observed = function(X_test) + 0.3 * np.random.default_rng(1).normal(size=len(X_test))
    missed = np.sqrt(np.mean(np.square(observed - model.predict(X_test))))
    assert_allclose(noise_std(model, X_test)[0], missed, rtol=0.12)


@EACH_CLASS
@pytest.mark.parametrize("normalize_y", [False, True])
def test_an_initial_function_that_is_right_leaves_nothing_but_noise(cls, normalize_y):
    X, y, X_test = noisy(300, 0.3)
    model = cls(NETWORK, initial_function=function, normalize_y=normalize_y).fit(X, y)
    assert model.hyperparameters_["alpha"] > 1
    assert_allclose(noise_std(model, X_test)[0], 0.3, rtol=0.1)
    assert_allclose(model.predict(X_test), function(X_test), atol=0.2)


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
    once, often = (cls(NETWORK).fit(X, y, sample_weight=weight) for weight in (1.0, 5.0))
    assert_allclose(often.hyperparameters_["alpha"], 5 * once.hyperparameters_["alpha"], rtol=0.06)


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
@EACH_ESTIMATOR
def test_grids_mix_numbers_and_auto(estimator, cv):
    if getattr(estimator, "training_time", None) is not None:
        pytest.skip("no closed form")
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


# Data at the edges ------------------------------------------------------------------------------


@EACH_CLASS
def test_a_constant_output_among_others(cls):
    X, y, X_test = regression(n_outputs=2)
    targets = np.column_stack([y[:, 0], np.full(len(y), 7.0), y[:, 1]])
    model, expected = cls(NETWORK).fit(X, targets), cls(NETWORK).fit(X, y)
    assert_allclose(model.output_scale_[[0, 2]], expected.output_scale_)
    assert model.output_scale_[1] == 1
    assert_allclose(model.alpha_, expected.alpha_)
    mean, std = model.predict(X_test, return_std=True)
    assert_allclose(mean[:, 1], 7.0)
    assert_allclose(std[:, [0, 2]], expected.predict_std(X_test))
    assert np.isfinite(std).all()


@EACH_REGRESSOR
@pytest.mark.parametrize("value", [0.0, 0.1, -7e9])
def test_constant_targets_tell_nothing(regressor, value):
    X, _, X_test = regression()
    with pytest.warns(UserWarning, match=r"all targets are equal, .*; alpha=0.1 is taken\. Set"):
        model = clone(regressor).fit(X, np.full(len(X), value))
    assert model.hyperparameters_["alpha"] == 0.1
    assert np.isnan(model.alpha_score_) and model.output_scale_ == 1
    mean, std = model.predict(X_test, return_std=True, observation_noise=True)
    assert_allclose(mean, value)
    assert np.isfinite(std).all()


@EACH_REGRESSOR
@pytest.mark.parametrize("normalize_y", [False, True])
def test_one_row(regressor, normalize_y):
    model = clone(regressor).set_params(normalize_y=normalize_y)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.fit([[1.0, 2.0]], [3.0])
    assert caught
    spread = model.predict([[1.0, 2.0], [0.0, 0.0]], return_std=True, observation_noise=True)
    assert np.isfinite(spread).all()


@EACH_CLASS
def test_a_kernel_of_zeros(cls):
    network = FullyConnected(depth=1, bias_std=0.0)
    with pytest.raises(ValueError, match=r"mean diagonal, which is 0: .* bias_std=1\.0, or set al"):
        cls(network).fit(np.zeros((5, 2)), np.arange(5.0))
    model = cls(network, alpha=0.1, alpha_scale="absolute").fit(np.zeros((5, 2)), np.arange(5.0))
    assert_allclose(model.predict([[0.0, 0.0]]), 2.0)


@EACH_ESTIMATOR
@pytest.mark.parametrize("alpha", ["otto", "AUTO", ""])
def test_another_word(estimator, alpha):
    X, y, _ = problem_for(estimator)
    with pytest.raises(ValueError, match=r"'alpha' parameter of .* among \{'auto'\}\. Got '"):
        clone(estimator).set_params(alpha=alpha).fit(X, y)


@EACH_CLASS
def test_a_word_is_no_variance_of_an_observation(cls):
    X, y, X_test = regression()
    with pytest.raises(ValueError, match="alpha='auto' is no variance: give one float"):
        cls(NETWORK).fit(X, y).predict_observation(X_test, alpha="auto")


@EACH_CLASS
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_equal_rows_with_other_targets_show_noise(cls, dtype):
    X, y, X_test = noisy(60, 0.0)
    rows = np.concatenate([X, X])
    targets = np.concatenate([y + 0.2, y - 0.2])
    model = cls(NETWORK, dtype=dtype).fit(rows, targets)
    assert 0.15 < noise_std(model, X_test)[0] < 0.35
    assert np.isfinite(model.predict_std(X_test)).all()


@EACH_CLASS
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_equal_rows_without_noise_end_at_the_lower_end(cls, dtype):
    X = np.random.default_rng(0).normal(size=(40, 2))
    rows, y = np.concatenate([X, X]), function(np.concatenate([X, X]))
    y[3] += 1e-9
    with pytest.warns(ConvergenceWarning, match="ends at the lower end of its range, alpha=.* set"):
        model = cls(NETWORK, dtype=dtype).fit(rows, y)
    mean, std = model.predict(X, return_std=True)
    assert np.isfinite(std).all()
    assert_allclose(mean, y[:40], atol=0.05)


@EACH_ESTIMATOR
def test_nearly_equal_rows_in_single_precision(estimator):
    X, y, X_test = problem_for(estimator)
    near = X + 1e-6 * np.random.default_rng(0).normal(size=X.shape)
    model = clone(estimator).set_params(dtype="float32")
    model.fit(np.concatenate([X, near]), np.concatenate([y, y]))
    assert model.hyperparameters_["alpha"] >= 1e-4
    assert np.isfinite(model.predict_std(X_test)).all()
    assert np.isfinite(
        np.ravel(
            model.loo_predict()
            if hasattr(model, "loo_predict") and getattr(model, "training_time", None) is None
            else 0
        )
    ).all()


@EACH_CLASS
def test_a_function_without_noise_warns_and_names_the_remedy(cls):
    X, y, X_test = noisy(100, 0.0)
    with pytest.warns(ConvergenceWarning, match="no noise is seen in the targets. If they have n"):
        model = cls(NETWORK).fit(X, y)
    assert model.hyperparameters_["alpha"] < 1e-4
    assert_allclose(model.predict(X), y, atol=0.01)
    spread = np.abs(model.predict(X_test) - function(X_test)) / model.predict_std(X_test)
    assert (spread < 3).mean() > 0.9


@EACH_CLASS
def test_inputs_that_tell_nothing_warn_or_predict_the_mean(cls):
    random = np.random.default_rng(1)
    X, y = random.normal(size=(300, 5)), random.normal(size=300)
    model = cls(NETWORK).fit(X, y)
    mean, std = model.predict(random.normal(size=(200, 5)), True, observation_noise=True)
    assert mean.std() < 0.3
    assert_allclose(std.mean(), 1.0, rtol=0.1)


@EACH_CLASSIFIER
def test_classes_without_errors_are_nothing_to_warn_of(cls):
    random = np.random.default_rng(0)
    X = np.concatenate([random.normal(size=(30, 2)) - 6, random.normal(size=(30, 2)) + 6])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = cls(NETWORK).fit(X, np.repeat([0, 1], 30))
    assert model.score(X, np.repeat([0, 1], 30)) == 1


@EACH_CLASSIFIER
def test_classes_that_the_inputs_do_not_tell(cls):
    random = np.random.default_rng(3)
    X, y = random.normal(size=(120, 4)), random.integers(0, 2, size=120)
    probabilities = cls(NETWORK).fit(X, y).predict_proba(random.normal(size=(500, 4)))
    assert log_loss(random.integers(0, 2, size=500), probabilities) < 0.76


@EACH_CLASS
def test_more_features_than_rows(cls):
    random = np.random.default_rng(0)
    X, X_test = random.normal(size=(30, 200)), random.normal(size=(10, 200))
    model = cls(Serial([Dense(), Relu(), Dense()])).fit(X, X[:, 0])
    assert np.isfinite(model.predict(X_test, return_std=True, observation_noise=True)).all()
