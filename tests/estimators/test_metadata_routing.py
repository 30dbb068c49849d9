"""Metadata reach those who request them, as in scikit-learn's own searches."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn import config_context
from sklearn.exceptions import UnsetMetadataPassedError
from sklearn.metrics import get_scorer
from sklearn.model_selection import GridSearchCV, GroupKFold, cross_validate, validation_curve
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skntk import (
    ClosedFormSearchCV,
    NNGPClassifier,
    NNGPRegressor,
    NTKRegressor,
    WarpedTargetRegressor,
    training_time_curve,
)
from skntk.architecture import FullyConnected
from skntk.metrics import interval_coverage_scorer, neg_log_predictive_density_scorer

NETWORK = FullyConnected(1, "erf")
rng = np.random.default_rng(0)
X = rng.normal(size=(50, 3))
Y = np.sin(2 * X[:, 0]) + 0.1 * rng.normal(size=50)
WEIGHT = rng.uniform(0.1, 2, 50)
GROUPS = np.arange(50) // 4
GRID = {"alpha": [0.1, 1.0]}
TIMES = [1.0, 10.0]


@pytest.fixture
def routing():
    with config_context(enable_metadata_routing=True):
        yield


def requesting(cls, fit, score, **params):
    model = cls(NETWORK, **params)
    return model.set_fit_request(sample_weight=fit).set_score_request(sample_weight=score)


def searched(kind, model, scoring=None, cv=3, refit=False, error_score="raise", **metadata):
    search = kind(model, GRID, cv=cv, scoring=scoring, refit=refit, error_score=error_score)
    return search.fit(X, Y, **metadata)


def assert_alike(model, **options):
    found, expected = (
        searched(kind, model, **options).cv_results_ for kind in (ClosedFormSearchCV, GridSearchCV)
    )
    assert set(found) == set(expected)
    for name in expected:
        if "_test_" in name:
            assert_allclose(found[name], expected[name], rtol=1e-9, err_msg=name)
    return found


@pytest.mark.usefixtures("routing")
@pytest.mark.parametrize(
    ("fit", "score", "means"),
    [
        (True, False, [0.239, -0.111]),
        (True, True, [0.083, -0.268]),
        (False, True, [0.191, -0.173]),
        (False, False, [0.331, -0.010]),
        ("sample_weight", False, [0.239, -0.111]),
    ],
)
def test_a_search_weights_what_asks_for_it(fit, score, means):
    model = requesting(NNGPRegressor, fit, score)
    metadata = {"sample_weight": WEIGHT} if fit or score else {}
    found = assert_alike(model, **metadata)
    assert_allclose(found["mean_test_score"], means, atol=5e-4)


@pytest.mark.usefixtures("routing")
def test_other_names_and_groups():
    model = requesting(NNGPRegressor, "precision", "importance")
    metadata = {"precision": WEIGHT, "importance": 1 / WEIGHT, "groups": GROUPS}
    assert_alike(model, cv=GroupKFold(3), **metadata)


@pytest.mark.usefixtures("routing")
def test_the_best_candidate_is_fitted_with_what_it_asks_for():
    search = searched(
        ClosedFormSearchCV, requesting(NTKRegressor, True, False), refit=True, sample_weight=WEIGHT
    )
    expected = NTKRegressor(NETWORK, alpha=0.1).fit(X, Y, WEIGHT)
    assert search.best_params_ == {"alpha": 0.1}
    assert_allclose(search.predict(X[:5]), expected.predict(X[:5]))
    unweighted = searched(ClosedFormSearchCV, requesting(NTKRegressor, False, False), refit=True)
    assert np.abs(unweighted.predict(X[:5]) - expected.predict(X[:5])).max() > 1e-3


@pytest.mark.usefixtures("routing")
@pytest.mark.parametrize(
    ("model", "scoring", "metadata", "error"),
    [
        (NNGPRegressor(NETWORK), "neg_max_error", {"sample_weight": WEIGHT}, "fit, which is used"),
        (NNGPRegressor(NETWORK), None, {"groups": GROUPS}, "unexpected argument"),
        (NNGPRegressor(NETWORK), None, {"weights": WEIGHT}, "unexpected argument"),
        (NNGPRegressor(NETWORK), ["r2", "neg_max_error"], {}, "refit must be set"),
    ],
)
def test_what_grid_search_refuses(model, scoring, metadata, error):
    messages = []
    for kind in (ClosedFormSearchCV, GridSearchCV):
        with pytest.raises((TypeError, ValueError), match=error) as refusal:
            searched(kind, model, scoring, refit=True, **metadata)
        messages.append((type(refusal.value), str(refusal.value).replace(kind.__name__, "")))
    assert messages[0] == messages[1]


def test_an_unknown_argument_of_fit():
    with pytest.raises(TypeError, match=r"NNGPRegressor.fit\(\) got an unexpected .*'weights'"):
        searched(ClosedFormSearchCV, NNGPRegressor(NETWORK), weights=WEIGHT)


def many_scores(estimator, X, y):
    return {"one": 1.0, "two": 2.0}


def test_refit_names_one_of_the_scores_of_a_function():
    for kind in (ClosedFormSearchCV, GridSearchCV):
        with pytest.raises(ValueError, match="refit must be set to a scorer key"):
            searched(kind, NNGPRegressor(NETWORK), many_scores, refit=True)
        assert searched(kind, NNGPRegressor(NETWORK), many_scores, refit="two").best_score_ == 2


@pytest.mark.usefixtures("routing")
@pytest.mark.parametrize("request_of_score", [True, False, "importance"])
def test_our_scorers_request_weights(request_of_score):
    scorer = neg_log_predictive_density_scorer.set_score_request(sample_weight=request_of_score)
    model = requesting(NNGPRegressor, True, None)
    metadata = {"sample_weight": WEIGHT, "importance": 1 / WEIGHT}
    if request_of_score != "importance":
        metadata.pop("importance")
    assert_alike(model, scoring=scorer, **metadata)
    scoring = {
        "density": pickle.loads(pickle.dumps(scorer)),
        "coverage": interval_coverage_scorer.set_score_request(sample_weight=False),
        "r2": get_scorer("r2").set_score_request(sample_weight=True),
    }
    assert_alike(model, scoring=scoring, **metadata)
    found = cross_validate(model, X, Y, scoring=scorer, params=metadata)["test_score"]
    weighted = cross_validate(
        requesting(NNGPRegressor, True, None), X, Y, params={"sample_weight": WEIGHT},
        scoring=neg_log_predictive_density_scorer.set_score_request(sample_weight=True),
    )["test_score"]  # fmt: skip
    assert np.allclose(found, weighted) == (request_of_score is True)


@pytest.mark.usefixtures("routing")
def test_a_scorer_that_says_nothing_about_weights():
    model = requesting(NNGPRegressor, True, None)
    message = r"not requested for neg_log_predictive_density_scorer\.score"
    for kind in (ClosedFormSearchCV, GridSearchCV):
        with pytest.raises(UnsetMetadataPassedError, match=message):
            searched(kind, model, neg_log_predictive_density_scorer, sample_weight=WEIGHT)


def test_scorers_without_routing():
    scoring = {"density": neg_log_predictive_density_scorer, "r2": "r2"}
    assert_alike(NNGPRegressor(NETWORK), scoring=scoring, sample_weight=WEIGHT)
    with pytest.raises(RuntimeError, match="only available when metadata routing is enabled"):
        neg_log_predictive_density_scorer.set_score_request(sample_weight=True)


def curves(model, function, **options):
    if function is training_time_curve:
        return function(model, X, Y, TIMES, **options)
    name = "ntkregressor__training_time" if hasattr(model, "steps") else "training_time"
    return function(model, X, Y, param_name=name, param_range=TIMES, **options)


def assert_equal_curves(model, **options):
    ours, theirs = (curves(model, f, **options) for f in (training_time_curve, validation_curve))
    assert_allclose(ours, theirs, rtol=1e-7)
    return ours


def test_training_time_curve_passes_parameters_and_groups():
    model, cv = NTKRegressor(NETWORK, alpha=0.1), GroupKFold(3)
    weighted = assert_equal_curves(model, params={"sample_weight": WEIGHT}, cv=cv, groups=GROUPS)
    plain = assert_equal_curves(model, cv=cv, groups=GROUPS)
    assert np.abs(weighted[1] - plain[1]).max() > 1e-3
    pipeline = make_pipeline(StandardScaler(), model)
    assert_equal_curves(pipeline, params={"ntkregressor__sample_weight": WEIGHT}, cv=3)


@pytest.mark.usefixtures("routing")
@pytest.mark.parametrize("score", [True, False])
def test_training_time_curve_routes(score):
    model = requesting(NTKRegressor, True, score, alpha=0.1)
    params = {"sample_weight": WEIGHT, "groups": GROUPS}
    assert_equal_curves(model, params=params, cv=GroupKFold(3))
    if score:
        scaler = StandardScaler().set_fit_request(sample_weight=False)
        pipeline = make_pipeline(scaler, model)
        assert_equal_curves(pipeline, params={"sample_weight": WEIGHT}, cv=3)


@pytest.mark.usefixtures("routing")
@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"groups": GROUPS}, "`groups` can only be passed if"),
        ({"params": {"sample_weight": WEIGHT}}, "not explicitly set as requested"),
        ({"params": {"weights": WEIGHT}}, "unexpected argument"),
    ],
)
def test_training_time_curve_refuses_what_validation_curve_does(options, error):
    messages = []
    for function in (training_time_curve, validation_curve):
        with pytest.raises((TypeError, ValueError), match=error) as refusal:
            curves(NTKRegressor(NETWORK, alpha=0.1), function, cv=3, **options)
        messages.append((type(refusal.value), str(refusal.value).replace(function.__name__, "")))
    assert messages[0] == messages[1]


@pytest.mark.usefixtures("routing")
@pytest.mark.parametrize("kind", [ClosedFormSearchCV, WarpedTargetRegressor])
def test_at_the_end_of_a_pipeline(kind):
    model = requesting(NNGPRegressor, True, True, alpha=0.1)
    if kind is ClosedFormSearchCV:
        last = kind(model.set_predict_request(return_std=True), GRID, cv=3)
    else:
        last = kind(model).set_predict_request(return_std=True)
        last.set_score_request(sample_weight=True)
    scaler = StandardScaler().set_fit_request(sample_weight=False)
    pipeline = make_pipeline(scaler, last).fit(X, Y, sample_weight=WEIGHT)
    found = pipeline.predict(X[:5], return_std=True)
    scaled = StandardScaler().fit(X)
    expected = NNGPRegressor(NETWORK, alpha=0.1).fit(scaled.transform(X), Y, WEIGHT)
    if kind is ClosedFormSearchCV:
        assert_allclose(
            found, expected.predict(scaled.transform(X[:5]), return_std=True), rtol=1e-7
        )
    assert_allclose(found[0], expected.predict(scaled.transform(X[:5])), rtol=1e-7)
    score = expected.score(scaled.transform(X), Y, WEIGHT)
    assert pipeline.score(X, Y, sample_weight=WEIGHT) == pytest.approx(score)


@pytest.mark.usefixtures("routing")
def test_classifiers():
    classes = np.array(["a", "b", "c"])[np.arange(50) % 3]
    model = requesting(NNGPClassifier, True, False)
    searches = [
        kind(model, GRID, cv=3, scoring="neg_log_loss", refit=False)
        for kind in (ClosedFormSearchCV, GridSearchCV)
    ]
    for search in searches:
        search.scoring = get_scorer("neg_log_loss").set_score_request(sample_weight=True)
        search.fit(X, classes, sample_weight=WEIGHT)
    found, expected = (search.cv_results_["mean_test_score"] for search in searches)
    assert_allclose(found, expected, rtol=1e-9)
