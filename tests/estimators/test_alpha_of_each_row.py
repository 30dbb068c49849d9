"""One alpha for each row is an argument of fit, which cross-validation divides."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_array
from sklearn import config_context
from sklearn.base import clone
from sklearn.exceptions import FitFailedWarning
from sklearn.model_selection import GridSearchCV, LeaveOneOut, cross_validate, validation_curve
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skntk import (
    ClosedFormSearchCV,
    NNGPClassifier,
    NNGPRegressor,
    NTKClassifier,
    NTKRegressor,
    training_time_curve,
)
from skntk.metrics import neg_log_predictive_density_scorer
from tests.estimators.problems import NETWORK, problem_for, regression

FAMILIES = [NNGPRegressor, NTKRegressor, NNGPClassifier, NTKClassifier]
each_family = pytest.mark.parametrize("family", FAMILIES)
X, Y, X_TEST = regression()
ALPHA = np.random.default_rng(1).uniform(0.01, 1, len(Y))
GRID = {"architecture__weight_std": [0.8, 1.4]}


@each_family
def test_an_argument_takes_the_place_of_the_parameter(family):
    rows, y, rows_test = problem_for(family())
    alpha = np.linspace(0.05, 1.0, len(y))
    model = family(NETWORK, alpha=0.3)
    for value in (alpha, alpha.tolist(), 0.02):
        found = clone(model).fit(rows, y, alpha=value)
        expected = family(NETWORK, alpha=value).fit(rows, y)
        assert_array_equal(found.alpha_, expected.alpha_)
        assert_array_equal(found.predict(rows_test), expected.predict(rows_test))
        assert found.alpha == 0.3
    # Of this fit, and not of the next.
    again = found.fit(rows, y)
    assert_array_equal(again.alpha_, model.fit(rows, y).alpha_)


def test_what_follows_from_alpha_follows_from_the_argument():
    given = NNGPRegressor(NETWORK).fit(X, Y, alpha=ALPHA)
    assert not hasattr(given, "hyperparameters_")
    with pytest.raises(ValueError, match="one alpha for each training sample"):
        given.predict_observation(X_TEST)
    one = NNGPRegressor(NETWORK).fit(X, Y, alpha=0.2)
    expected = NNGPRegressor(NETWORK, alpha=0.2).fit(X, Y)
    for found, std in zip(
        one.predict_observation(X_TEST), expected.predict_observation(X_TEST), strict=True
    ):
        assert_array_equal(found, std)
    # What is found later belongs to the fit as well.
    theta = [0.1, -0.2]
    likelihood = NNGPRegressor(NETWORK, alpha=ALPHA).fit(X, Y).log_marginal_likelihood(theta)
    assert given.set_params(alpha=0.5).log_marginal_likelihood(theta) == likelihood


@pytest.mark.parametrize("family", FAMILIES[:3])
@pytest.mark.parametrize("cv", [2, 7], ids=["few folds", "many folds"])
def test_both_searches_divide_it(family, cv):
    rows, y, _ = problem_for(family())
    alpha = np.linspace(0.05, 1.0, len(y))
    options = {"cv": cv, "refit": True, "error_score": "raise"}
    found, expected = (
        kind(family(NETWORK), GRID, **options).fit(rows, y, alpha=alpha)
        for kind in (ClosedFormSearchCV, GridSearchCV)
    )
    for fold in range(cv):
        name = f"split{fold}_test_score"
        assert_allclose(found.cv_results_[name], expected.cv_results_[name], rtol=1e-9)
    assert_array_equal(found.best_estimator_.alpha_, expected.best_estimator_.alpha_)


def test_one_number_is_known_to_scorers():
    options = {"cv": 3, "scoring": neg_log_predictive_density_scorer, "refit": False}
    found, expected = (
        kind(NNGPRegressor(NETWORK), {"alpha": [0.5, 1.0]}, **options).fit(X, Y, alpha=0.2)
        for kind in (ClosedFormSearchCV, GridSearchCV)
    )
    scores = expected.cv_results_["mean_test_score"]
    assert scores[0] == scores[1]
    assert_allclose(found.cv_results_["mean_test_score"], scores, rtol=1e-9)


def test_each_row_left_out():
    rows, y, alpha = X[:10], Y[:10], ALPHA[:10]
    options = {"scoring": "neg_mean_squared_error", "refit": False}
    grid = {"normalize_y": [True, False], **GRID}
    found = ClosedFormSearchCV(NTKRegressor(NETWORK), grid, **options).fit(rows, y, alpha=alpha)
    expected = GridSearchCV(NTKRegressor(NETWORK), grid, cv=LeaveOneOut(), **options)
    expected.fit(rows, y, alpha=alpha)
    name = "mean_test_score"
    assert_allclose(found.cv_results_[name], expected.cv_results_[name], rtol=1e-9)


def test_pipelines_and_routing():
    pipeline = make_pipeline(StandardScaler(), NTKRegressor(NETWORK))
    grid = {"ntkregressor__architecture__weight_std": [0.8, 1.4]}
    named = GridSearchCV(pipeline, grid, cv=3, refit=False).fit(X, Y, ntkregressor__alpha=ALPHA)
    with config_context(enable_metadata_routing=True):
        pipeline[-1].set_fit_request(alpha=True)
        routed = GridSearchCV(pipeline, grid, cv=3, refit=False).fit(X, Y, alpha=ALPHA)
        last = NTKRegressor(NETWORK).set_fit_request(alpha="noise")
        searches = [
            kind(last, GRID, cv=3, refit=False).fit(X, Y, noise=ALPHA)
            for kind in (ClosedFormSearchCV, GridSearchCV)
        ]
    for found, expected in ((named, routed), searches):
        name = "mean_test_score"
        assert_allclose(found.cv_results_[name], expected.cv_results_[name], rtol=1e-9)


def test_training_over_time():
    times, params = [1.0, 30.0], {"alpha": ALPHA}
    ours = training_time_curve(NTKRegressor(NETWORK), X, Y, times, cv=3, params=params)
    theirs = validation_curve(
        NTKRegressor(NETWORK), X, Y, cv=3, params=params,
        param_name="training_time", param_range=times,
    )  # fmt: skip
    assert_allclose(ours, theirs, rtol=1e-7)


def test_a_parameter_that_cannot_be_divided_says_what_can():
    message = r"alpha has shape \(25,\), but X has 16 samples.*search\.fit\(X, y, alpha=alpha\)"
    with pytest.raises(ValueError, match=message):
        cross_validate(NNGPRegressor(alpha=ALPHA), X, Y, cv=3, error_score="raise")
    with pytest.raises(ValueError, match=message):
        training_time_curve(NNGPRegressor(alpha=ALPHA), X, Y, [1.0], cv=3)
    search = GridSearchCV(NNGPRegressor(), {"alpha": [ALPHA, 0.1]}, cv=3)
    with (
        pytest.warns(FitFailedWarning, match=r"search\.fit\(X, y, alpha=alpha\)"),
        pytest.warns(UserWarning, match="non-finite"),
    ):
        search.fit(X, Y)


@pytest.mark.parametrize(
    ("alpha", "message"),
    [
        ("auto", "alpha='auto' is no variance: give one float"),
        (ALPHA[:5], r"alpha has shape \(5,\), but X has 25 samples"),
        (-ALPHA, "alpha has negative values"),
        (ALPHA * np.nan, "alpha contains NaN"),
        (ALPHA + 0j, "alpha must be real numbers, got ndarray of complex128"),
        (["auto"] * 25, "alpha must be real numbers, got list of <U4: give one float"),
        (csr_array(ALPHA[np.newaxis]), "alpha must be real numbers, got csr_array of object"),
    ],
)
def test_arguments_that_are_not_valid(alpha, message):
    for estimator in (NNGPRegressor(NETWORK), ClosedFormSearchCV(NNGPRegressor(NETWORK), GRID)):
        with pytest.raises(ValueError, match=message):
            estimator.fit(X, Y, alpha=alpha)
