"""A closed-form search predicts all that its best estimator does."""

import inspect

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import BaseEstimator, clone
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skntk import ClosedFormSearchCV, NNGPClassifier, NNGPRegressor, NTKClassifier, NTKRegressor

from .problems import NETWORK, classification, name_of, problem_for, regression

FOUR = [
    NNGPRegressor(NETWORK),
    NTKRegressor(NETWORK),
    NNGPClassifier(NETWORK),
    NTKClassifier(NETWORK),
]
GRID = {"alpha": [0.1, 1.0]}
TIMES = [1.0, 20.0]


def calls_of_predictions(X, y):
    """Return the methods that predict, each with arguments of a call."""
    return {
        "predict": (X,),
        "predict_std": (X,),
        "predict_observation": (X,),
        "predict_proba": (X,),
        "decision_function": (X,),
        "sample_y": (X, 3),
        "loo_predict": (True,),
        "loo_decision_function": (),
        "log_marginal_likelihood": (),
        "staged_predict": (X, TIMES),
        "staged_predict_proba": (X, TIMES),
        "staged_decision_function": (X, TIMES),
        "training_history": (X, y, TIMES),
    }


def as_arrays(prediction):
    """Return a prediction as a list of arrays."""
    if isinstance(prediction, dict):
        return list(prediction.values())
    if isinstance(prediction, np.ndarray | float):
        return [prediction]
    return [array for part in prediction for array in as_arrays(part)]


@pytest.mark.parametrize("estimator", FOUR, ids=name_of)
def test_predictions_are_those_of_the_best_estimator(estimator):
    X, y, _ = problem_for(estimator)
    search = ClosedFormSearchCV(estimator, GRID, cv=3).fit(X, y)
    compared = set()
    for method, arguments in calls_of_predictions(X, y).items():
        assert hasattr(search, method) == hasattr(estimator, method), method
        if hasattr(search, method):
            found = as_arrays(getattr(search, method)(*arguments))
            expected = as_arrays(getattr(search.best_estimator_, method)(*arguments))
            assert len(found) == len(expected) > 0
            for ours, theirs in zip(found, expected, strict=True):
                assert_array_equal(ours, theirs)
            compared.add(method)
    assert len(compared) >= 7


@pytest.mark.parametrize("estimator", FOUR, ids=name_of)
def test_no_method_that_predicts_is_left_out(estimator):
    search = ClosedFormSearchCV(estimator, GRID)
    inherited = {*dir(BaseEstimator), "set_callbacks", "set_fit_request", "set_score_request"}
    # A search trains by `fit` alone.
    inherited |= {"partial_fit", "set_partial_fit_request", "fit_blocks"}
    methods = {name for name, _ in inspect.getmembers(type(estimator), inspect.isroutine)}
    for method in methods - inherited:
        if not method.startswith("_"):
            assert hasattr(search, method), method
            assert method in dir(search)


def test_predict_takes_the_parameters_of_the_regressor():
    X, y, X_test = regression()
    search = ClosedFormSearchCV(NTKRegressor(NETWORK), GRID, cv=3).fit(X, y)
    best = search.best_estimator_
    for parameters in [
        {"return_std": True},
        {"return_cov": True},
        {"return_std": True, "observation_noise": True},
    ]:
        for ours, theirs in zip(
            search.predict(X_test, **parameters), best.predict(X_test, **parameters), strict=True
        ):
            assert_array_equal(ours, theirs)
    pipeline = make_pipeline(StandardScaler(), clone(search)).fit(X, y)
    mean, std = pipeline.predict(X_test, return_std=True, observation_noise=True)
    expected = pipeline[-1].predict_observation(pipeline[:-1].transform(X_test))
    assert_array_equal((mean, std), expected)


def test_logits_of_a_search():
    X, y, X_test = classification()
    search = ClosedFormSearchCV(NNGPClassifier(NETWORK), GRID, cv=3).fit(X, y)
    with pytest.raises(ValueError, match="likelihood"):
        search.predict_logits(X_test)


def test_methods_have_the_signature_and_the_documentation_of_the_regressor():
    for method in ("predict", "predict_observation", "sample_y"):
        ours = getattr(ClosedFormSearchCV, method)
        theirs = getattr(NNGPRegressor, method)
        assert inspect.signature(ours) == inspect.signature(theirs)
        documentation = inspect.getdoc(ours)
        assert documentation.splitlines()[0] == inspect.getdoc(theirs).splitlines()[0]
        assert "\nThis is the method of the best estimator" in documentation
        assert "\nParameters\n----------\nX : " in documentation


def test_without_a_refit_nothing_predicts():
    X, y, _ = regression()
    search = ClosedFormSearchCV(NNGPRegressor(NETWORK), GRID, cv=3, refit=False)
    for model in (search, clone(search).fit(X, y)):
        for method in ("predict", "predict_observation", "sample_y", "loo_predict"):
            assert not hasattr(model, method)
            with pytest.raises(AttributeError, match="has no attribute") as error:
                getattr(model, method)
            assert "made with refit=False" in str(error.value.__cause__)


def test_before_fit_a_search_has_the_methods_and_no_predictions():
    search = ClosedFormSearchCV(NNGPRegressor(NETWORK), GRID)
    assert hasattr(search, "predict_observation")
    assert not hasattr(search, "predict_proba")
    with pytest.raises(NotFittedError, match="ClosedFormSearchCV is not fitted yet"):
        search.predict(np.zeros((2, 4)), return_std=True)


def test_what_the_estimator_does_not_have_is_named():
    X, y, _ = regression()
    search = ClosedFormSearchCV(NTKRegressor(NETWORK), GRID, cv=3).fit(X, y)
    with pytest.raises(AttributeError) as error:
        search.log_marginal_likelihood()
    assert "'NTKRegressor' object has no attribute" in str(error.value.__cause__)
