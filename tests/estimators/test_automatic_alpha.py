"""The default `alpha="auto"`: what it is worth, and what it means."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import norm
from sklearn.base import clone

from skntk import NNGPRegressor, NTKRegressor
from skntk.architecture import FullyConnected

from .problems import (
    CLASSIFIERS,
    CONVERGED,
    ESTIMATORS,
    REGRESSORS,
    name_of,
    noise_std,
    noisy,
    problem_for,
    regression,
    sine,
)

NETWORK = FullyConnected(depth=1, activation="erf", weight_std=1.4, bias_std=0.5)
EACH_CLASS = pytest.mark.parametrize("cls", [NNGPRegressor, NTKRegressor])
EACH_REGRESSOR = pytest.mark.parametrize("regressor", REGRESSORS, ids=name_of)
EACH_ESTIMATOR = pytest.mark.parametrize("estimator", ESTIMATORS, ids=name_of)


# What it is worth -------------------------------------------------------------------------------


@EACH_CLASS
@pytest.mark.parametrize("noise", [0.1, 0.3, 1.0])
def test_intervals_cover_new_observations_and_are_no_wider_than_they_have_to_be(cls, noise):
    X, y, X_test = noisy(200, noise)
    observed = sine(X_test) + noise * np.random.default_rng(1).normal(size=len(X_test))
    mean, std = cls(NETWORK).fit(X, y).predict(X_test, return_std=True, observation_noise=True)
    assert 0.92 <= (np.abs(observed - mean) < 1.96 * std).mean() <= 0.985
    # The best interval of all knows the function.
    assert std.mean() < 1.3 * noise + 0.03
    fixed = cls(NETWORK, alpha=0.1).fit(X, y)
    error, error_of_fixed = (
        np.sqrt(np.mean(np.square(sine(X_test) - predicted)))
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
        np.abs(cls(NETWORK, alpha=alpha).fit(X, y).predict(X_test) - sine(X_test)).mean()
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
        sine(rows)[:, np.newaxis] + noise * random.normal(size=(len(rows), 2))
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
@pytest.mark.parametrize("weight", [None, 1 + np.arange(25) % 3, 0.3 + np.arange(25) % 3], ids=str)
def test_the_score_is_the_likelihood_of_the_fitted_process(n_outputs, weight):
    X, y, _ = regression(n_outputs)
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
    y = sine(X) + noise * random.normal(size=len(X))
    weight = unit / np.square(noise)
    model = cls(NETWORK).fit(X, y, sample_weight=weight)
    # Of an observation of weight 1.
    assert_allclose(noise_std(model, X_test)[0], np.sqrt(unit), rtol=0.3)
    errors = [
        np.sqrt(np.mean(np.square(other.predict(X_test) - sine(X_test))))
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
@pytest.mark.parametrize("estimator", CONVERGED, ids=name_of)
def test_the_order_of_rows_does_not_matter(estimator, n_samples):
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
    # Networks of an ensemble agree more than they are right: noise stands for a part of the rest.
    rtol = 0.1 if cls is NNGPRegressor else 0.15
    assert_allclose(noise_std(model, X_test)[0], 0.3, rtol=rtol)


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
