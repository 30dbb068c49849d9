import functools

import numpy as np
import pytest
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import load_iris
from sklearn.dummy import DummyRegressor
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.model_selection import GridSearchCV, LeaveOneOut, cross_validate
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skntk import ClosedFormSearchCV, NNGPRegressor, NTKRegressor
from skntk.architecture import FullyConnected
from skntk.metrics import (
    expected_calibration_error,
    interval_coverage_scorer,
    neg_continuous_ranked_probability_score_scorer,
    neg_expected_calibration_error_scorer,
    neg_interval_coverage_error_scorer,
    neg_log_predictive_density_scorer,
    negative_log_predictive_density,
)

SCORERS = {
    "density": neg_log_predictive_density_scorer,
    "crps": neg_continuous_ranked_probability_score_scorer,
    "coverage": interval_coverage_scorer,
    "coverage error": functools.partial(neg_interval_coverage_error_scorer, level=0.8),
}
NETWORK = FullyConnected(depth=1, activation="erf")


@pytest.fixture
def data():
    random = np.random.default_rng(0)
    X = random.normal(size=(40, 3))
    return X, np.sin(X @ random.normal(size=(3, 2))) + 0.3 * random.normal(size=(40, 2))


@pytest.mark.parametrize("n_outputs", [1, 2])
@pytest.mark.parametrize("estimator", [NNGPRegressor, NTKRegressor])
def test_observations_have_noise(data, estimator, n_outputs):
    X, y = data
    y = y if n_outputs == 2 else y[:, 0]
    model = estimator(NETWORK).fit(X[:30], y[:30])
    expected = -negative_log_predictive_density(y[30:], *model.predict_observation(X[30:]))
    assert neg_log_predictive_density_scorer(model, X[30:], y[30:]) == expected


def test_all_scorers_work_through_pipelines_and_searches(data):
    X, y = data
    pipeline = make_pipeline(StandardScaler(), NNGPRegressor(NETWORK))
    grid = {"nngpregressor__alpha": [1e-6, 0.1]}
    search = GridSearchCV(pipeline, grid, cv=2, scoring=neg_log_predictive_density_scorer)
    scores = cross_validate(search, X, y, cv=2, scoring=SCORERS, error_score="raise")
    assert np.isfinite([scores[f"test_{name}"] for name in SCORERS]).all()
    assert (scores["test_crps"] < 0).all()
    assert (scores["test_coverage error"] <= 0).all()
    # Almost without noise, the noise in the data is improbable.
    assert search.fit(X, y).best_params_ == {"nngpregressor__alpha": 0.1}
    pipeline.fit(X[:20], y[:20])
    inner = neg_log_predictive_density_scorer(pipeline[-1], pipeline[:-1].transform(X), y)
    assert neg_log_predictive_density_scorer(pipeline, X, y) == pytest.approx(inner, rel=1e-12)


def test_other_regressors_are_taken_at_their_word(data):
    X, y = data
    peer = GaussianProcessRegressor(alpha=0.1).fit(X, y)
    expected = -negative_log_predictive_density(y, *peer.predict(X, return_std=True))
    assert neg_log_predictive_density_scorer(peer, X, y) == pytest.approx(expected, rel=1e-12)


def test_targets_of_one_column_may_have_two_dimensions(data):
    X, y = data
    model = NNGPRegressor(NETWORK).fit(X, y[:, :1])
    column = neg_log_predictive_density_scorer(model, X, y[:, :1])
    assert column == neg_log_predictive_density_scorer(model, X, y[:, 0])


@pytest.mark.parametrize(
    "model",
    [TransformedTargetRegressor(NNGPRegressor(NETWORK), transformer=StandardScaler())],
    ids=["transformed targets"],
)
def test_regressors_without_a_standard_deviation_are_named(data, model):
    X, y = data
    model.fit(X, y)
    with pytest.raises(TypeError, match=r"TransformedTargetRegressor predicts no.*normalize_y"):
        neg_log_predictive_density_scorer(model, X, y)


def test_a_standard_deviation_of_0_is_no_density(data):
    X, y = data
    with pytest.raises(ValueError, match="y_std must be positive"):
        neg_log_predictive_density_scorer(DummyRegressor().fit(X, y), X, y)


def test_calibration_is_that_of_the_classes_of_the_classifier():
    X, y = load_iris(return_X_y=True)
    model = KNeighborsClassifier().fit(X, y)
    rows = y != 0
    expected = expected_calibration_error(y[rows], model.predict_proba(X[rows]), labels=[0, 1, 2])
    assert neg_expected_calibration_error_scorer(model, X[rows], y[rows]) == -expected


@pytest.mark.parametrize("cv", [None, 4])
@pytest.mark.parametrize("n_outputs", [1, 2])
@pytest.mark.parametrize("cls", [NNGPRegressor, NTKRegressor])
def test_closed_form_searches_score_as_refits_do(data, cv, n_outputs, cls):
    X, y = data[0][:16], data[1][:16] if n_outputs == 2 else data[1][:16, 0]
    grid = {"alpha": [1e-2, 0.3]}
    density = neg_log_predictive_density_scorer
    search = ClosedFormSearchCV(cls(NETWORK), grid, cv=cv, scoring=density).fit(X, y)
    refits = GridSearchCV(
        cls(NETWORK), grid, cv=LeaveOneOut() if cv is None else cv, scoring=density
    ).fit(X, y)
    expected = refits.cv_results_["mean_test_score"]
    assert search.cv_results_["mean_test_score"] == pytest.approx(expected, rel=1e-8)
