"""A weight of k is the same as k repetitions, a weight of zero the same as removal."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.base import clone
from sklearn.utils.class_weight import compute_sample_weight

from skntk import NNGPRegressor
from skntk._sample_weight import as_sample_weight
from skntk.architecture import Dense

from .problems import CLASSIFIERS, ESTIMATORS, NETWORK, REGRESSORS, name_of, problem_for, regression

each_estimator = pytest.mark.parametrize("estimator", ESTIMATORS, ids=name_of)
each_regressor = pytest.mark.parametrize("estimator", REGRESSORS, ids=name_of)
each_classifier = pytest.mark.parametrize("estimator", CLASSIFIERS, ids=name_of)
SCALES = pytest.mark.parametrize("alpha_scale", ["absolute", "relative"])
NORMALIZE = pytest.mark.parametrize("normalize_y", [False, True])


def predictions(model, X):
    """Return everything that a model says about rows."""
    if hasattr(model, "predict_proba"):
        return {
            "scores": model.decision_function(X),
            "probabilities": model.predict_proba(X),
            "std": model.predict_std(X),
            "temperature": model.temperature_,
        }
    values = {"mean": model.predict(X), "covariance": model.predict(X, return_cov=True)[1]}
    if hasattr(model, "log_marginal_likelihood_value_"):
        values["likelihood"] = model.log_marginal_likelihood_value_
    return values


def assert_same_predictions(model, expected, X):
    for name, value in predictions(expected, X).items():
        assert_allclose(predictions(model, X)[name], value, rtol=1e-6, atol=1e-9, err_msg=name)


@each_estimator
@SCALES
@NORMALIZE
def test_weights_are_repetitions(estimator, alpha_scale, normalize_y):
    X, y, X_test = problem_for(estimator)
    estimator = clone(estimator).set_params(alpha_scale=alpha_scale, normalize_y=normalize_y)
    counts = np.random.default_rng(1).integers(0, 4, size=len(X))
    rows = np.random.default_rng(2).permutation(np.repeat(np.arange(len(X)), counts))
    repeated = clone(estimator).fit(X[rows], y[rows])
    assert_same_predictions(clone(estimator).fit(X, y, counts), repeated, X_test)


@each_estimator
def test_weights_are_repetitions_with_an_alpha_for_each_sample(estimator):
    X, y, X_test = problem_for(estimator)
    counts = np.random.default_rng(1).integers(0, 3, size=len(X))
    alpha = np.random.default_rng(3).uniform(0.01, 0.2, size=len(X))
    rows = np.repeat(np.arange(len(X)), counts)
    repeated = clone(estimator).set_params(alpha=alpha[rows]).fit(X[rows], y[rows])
    weighted = clone(estimator).set_params(alpha=alpha).fit(X, y, counts)
    assert_same_predictions(weighted, repeated, X_test)


@each_regressor
def test_weights_are_repetitions_with_many_outputs(estimator):
    X, y, X_test = regression(n_outputs=3)
    counts = np.random.default_rng(1).integers(0, 4, size=len(X))
    rows = np.repeat(np.arange(len(X)), counts)
    repeated = clone(estimator).fit(X[rows], y[rows])
    assert_same_predictions(clone(estimator).fit(X, y, counts), repeated, X_test)


@each_estimator
def test_equal_weights_of_one_change_nothing(estimator):
    X, y, X_test = problem_for(estimator)
    expected = clone(estimator).fit(X, y)
    for weight in (np.ones(len(X)), 1.0):
        assert_same_predictions(clone(estimator).fit(X, y, sample_weight=weight), expected, X_test)


@each_estimator
def test_weights_matter(estimator):
    X, y, X_test = problem_for(estimator)
    weight = np.linspace(0.2, 3.0, len(X))
    predict = "decision_function" if hasattr(estimator, "decision_function") else "predict"
    weighted, unweighted = (
        getattr(clone(estimator).fit(X, y, sample_weight), predict)(X_test)
        for sample_weight in (weight, None)
    )
    assert np.abs(weighted - unweighted).max() > 1e-3


@each_classifier
def test_the_order_of_the_rows_does_not_matter(estimator):
    X, y, X_test = problem_for(estimator)
    order = np.random.default_rng(4).permutation(len(X))
    expected = clone(estimator).fit(X, y)
    assert_same_predictions(clone(estimator).fit(X[order], y[order]), expected, X_test)


@each_classifier
@pytest.mark.parametrize("class_weight", [{"ash": 3.0, "cedar": 0.5}, "balanced"], ids=str)
def test_class_weights_are_weights_of_samples(estimator, class_weight):
    X, y, X_test = problem_for(estimator, n_samples=40)
    X, y = X[8:], np.where(np.arange(32) < 20, "ash", y[8:])
    weighted = clone(estimator).set_params(class_weight=class_weight).fit(X, y)
    sample_weight = compute_sample_weight(class_weight, y)
    assert np.ptp(sample_weight) > 0
    assert_same_predictions(weighted, clone(estimator).fit(X, y, sample_weight), X_test)


def test_balanced_class_weights_see_the_weights_of_samples():
    estimator = CLASSIFIERS[0]
    X, y, X_test = problem_for(estimator)
    counts = np.where(y == "ash", 4, 1)
    rows = np.repeat(np.arange(len(X)), counts)
    balanced = clone(estimator).set_params(class_weight="balanced")
    repeated = clone(balanced).fit(X[rows], y[rows])
    assert_same_predictions(clone(balanced).fit(X, y, counts), repeated, X_test)


def test_a_class_of_weight_zero_is_not_learned():
    estimator = CLASSIFIERS[0]
    X, y, X_test = problem_for(estimator)
    model = clone(estimator).set_params(class_weight={"birch": 0.0}).fit(X, y)
    kept = y != "birch"
    assert list(model.classes_) == ["ash", "cedar"]
    assert_same_predictions(model, clone(estimator).fit(X[kept], y[kept]), X_test)


def test_repeated_rows_of_one_class_need_no_alpha():
    estimator = clone(CLASSIFIERS[0]).set_params(alpha=0.0)
    X, y, X_test = problem_for(estimator, n_samples=9)
    doubled = clone(estimator).fit(np.vstack([X, X]), np.hstack([y, y]))
    assert_allclose(
        doubled.decision_function(X_test), clone(estimator).fit(X, y).decision_function(X_test)
    )
    assert len(doubled.X_train_) == 9


def test_the_posterior_of_one_observation_by_hand():
    # Prior variance k, two observations 1 and 4 with noise a and weights 1 and 2.
    k, a = 2.0, 0.5
    model = NNGPRegressor(
        Dense(0.0, np.sqrt(k)), alpha=a, alpha_scale="absolute", normalize_y=False
    )
    model.fit([[0.0], [1.0]], [1.0, 4.0], [1.0, 2.0])
    precision = 1 / k + 3 / a
    mean, std = model.predict([[5.0]], return_std=True)
    assert_allclose(mean, (1 / a * 1.0 + 2 / a * 4.0) / precision)
    assert_allclose(std, np.sqrt(1 / precision))


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        ([1.0, -1.0, 1.0], r"negative values \(sample 1\)"),
        ([0.0, 0.0, 0.0], "All values of sample_weight are zero: give at least one"),
        ([1.0, 1.0], "shape .2,., but X has 3 samples: give one weight for each"),
        (np.ones((3, 1)), "shape .3, 1., but X has 3 samples"),
        ([1.0, np.nan, 1.0], "sample_weight contains NaN"),
        (-1.0, "negative values"),
    ],
)
def test_invalid_weights(weight, message):
    with pytest.raises(ValueError, match=message):
        as_sample_weight(weight, 3)
    with pytest.raises(ValueError, match=message):
        NNGPRegressor(NETWORK).fit(np.eye(3), np.arange(3.0), weight)
