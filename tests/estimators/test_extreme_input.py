"""Inputs at the edges give finite and sensible results."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.base import clone

from skntk import NNGPClassifier, NNGPRegressor, NTKClassifier, NTKRegressor
from skntk.architecture import FullyConnected

from .problems import ESTIMATORS, NETWORK, REGRESSORS, name_of, problem_for, regression

NETWORKS = [NETWORK, FullyConnected(), FullyConnected(depth=4, activation="gelu")]
DEFAULTS = [NNGPRegressor(), NTKRegressor(), NNGPClassifier(), NTKClassifier()]
each_estimator = pytest.mark.parametrize("estimator", [*ESTIMATORS, *DEFAULTS], ids=name_of)
each_regressor = pytest.mark.parametrize("estimator", REGRESSORS, ids=name_of)


def assert_finite(model, X):
    if hasattr(model, "predict_proba"):
        results = [model.decision_function(X), model.predict_proba(X), model.predict_std(X)]
        results.append(model.temperature_)
    else:
        results = [*model.predict(X, return_std=True), model.predict(X, return_cov=True)[1]]
        results.append(model.sample_y(X, 2))
    assert all(np.isfinite(result).all() for result in results)
    assert np.isfinite(getattr(model, "log_marginal_likelihood_value_", 0.0))


@each_estimator
@pytest.mark.parametrize("scale", [1e-8, 1e8])
def test_inputs_of_extreme_scale(estimator, scale):
    X, y, X_test = problem_for(estimator)
    model = clone(estimator).fit(scale * X, y)
    assert_finite(model, scale * X_test)
    assert_finite(model, X_test)


@each_estimator
@pytest.mark.parametrize("scale", [1e-8, 1e8])
def test_training_and_test_inputs_of_different_scale(estimator, scale):
    X, y, X_test = problem_for(estimator)
    assert_finite(clone(estimator).fit(X, y), scale * X_test)


@each_estimator
def test_rows_of_zeros(estimator):
    X, y, X_test = problem_for(estimator)
    X[:3] = X_test[:2] = 0.0
    assert_finite(clone(estimator).fit(X, y), X_test)
    assert_finite(clone(estimator).fit(np.zeros_like(X), y), X_test)


@each_estimator
def test_constant_features(estimator):
    X, y, X_test = problem_for(estimator)
    X[:, :2] = X_test[:, :2] = 3.0
    assert_finite(clone(estimator).fit(X, y), X_test)
    assert_finite(clone(estimator).fit(np.full_like(X, 7.0), y), X_test)


@each_estimator
def test_a_single_feature_and_a_single_test_row(estimator):
    X, y, X_test = problem_for(estimator)
    assert_finite(clone(estimator).fit(X[:, :1], y), X_test[:1, :1])


@each_regressor
@pytest.mark.parametrize("normalize_y", [False, True])
def test_a_single_training_row(estimator, normalize_y):
    X, y, X_test = regression()
    model = clone(estimator).set_params(normalize_y=normalize_y).fit(X[:1], y[:1])
    assert_finite(model, X_test)
    if normalize_y:
        assert_allclose(model.predict(X_test), y[0])


@pytest.mark.parametrize("family", [NNGPClassifier, NTKClassifier])
def test_one_row_of_each_class(family):
    model = family(NETWORK).fit([[1.0, 0.0], [0.0, 1.0]], ["a", "b"])
    assert_finite(model, np.eye(2))
    assert list(model.predict([[1.0, 0.0], [0.0, 1.0]])) == ["a", "b"]


@pytest.mark.parametrize("estimator", [*ESTIMATORS, *DEFAULTS], ids=name_of)
def test_opposite_and_equal_rows(estimator):
    X, y, _ = problem_for(estimator)
    X[6:12] = -X[:6]
    X[12:18] = X[:6]
    assert_finite(clone(estimator).fit(X, y), X)


@each_regressor
@pytest.mark.parametrize("scale", [1e-200, 1e-8, 1e8, 1e200])
def test_predictions_have_the_unit_of_the_targets(estimator, scale):
    X, y, X_test = regression()
    mean, std = clone(estimator).fit(X, y).predict(X_test, return_std=True)
    scaled = clone(estimator).fit(X, scale * y).predict(X_test, return_std=True)
    assert_allclose(scaled[0], scale * mean, rtol=1e-9)
    assert_allclose(scaled[1], scale * std, rtol=1e-9)


@each_regressor
def test_constant_targets_are_predicted_everywhere(estimator):
    X, _, X_test = regression()
    model = clone(estimator).fit(X, np.full(len(X), 0.1))
    assert_allclose(model.predict(X_test), 0.1, rtol=1e-12)
    assert_finite(model, X_test)


@pytest.mark.parametrize("network", NETWORKS, ids=repr)
def test_a_small_alpha_interpolates(network):
    X, y, _ = regression()
    for family in (NNGPRegressor, NTKRegressor):
        model = family(network, alpha=1e-10).fit(X, y)
        mean, std = model.predict(X, return_std=True)
        assert_allclose(mean, y, rtol=1e-5)
        assert np.isfinite(std).all() and std.max() < 1e-3 * np.ptp(y)
