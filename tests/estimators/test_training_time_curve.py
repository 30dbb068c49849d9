"""Cross-validation over time against scikit-learn's own."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV, KFold, validation_curve
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skntk import (
    NNGPClassifier,
    NNGPRegressor,
    NTKClassifier,
    NTKRegressor,
    training_time_curve,
)
from skntk.architecture import FullyConnected

rng = np.random.default_rng(0)
X = rng.normal(size=(24, 3))
Y = np.sin(2 * X[:, 0]) + 0.3 * rng.normal(size=24)
LABELS = np.array(["a", "b", "c"])[rng.permutation(np.arange(24) % 3)]
TIMES = [0, 1, 3, 20, 500]
NETWORK = FullyConnected(depth=1, activation="erf")
FOLDS = KFold(3, shuffle=True, random_state=0)
STEPS = {"training_method": "gradient_descent", "learning_rate": 0.2, "momentum": 0.5}


@pytest.mark.parametrize("parameters", [{}, STEPS], ids=["flow", "steps"])
@pytest.mark.parametrize("cls", [NTKRegressor, NNGPRegressor])
def test_regressors(cls, parameters):
    model = cls(NETWORK, alpha=1e-3, **parameters)
    ours = training_time_curve(model, X, Y, TIMES, cv=FOLDS)
    theirs = validation_curve(model, X, Y, param_name="training_time", param_range=TIMES, cv=FOLDS)
    for path, expected in zip(ours, theirs, strict=True):
        assert path.shape == (5, 3)
        assert_allclose(path, expected, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("scoring", [None, "neg_log_loss"])
@pytest.mark.parametrize("cls", [NTKClassifier, NNGPClassifier])
def test_classifiers(cls, scoring):
    model = cls(NETWORK)
    ours = training_time_curve(model, X, LABELS, TIMES, cv=3, scoring=scoring)
    theirs = validation_curve(
        model, X, LABELS, param_name="training_time", param_range=TIMES, cv=3, scoring=scoring
    )
    for path, expected in zip(ours, theirs, strict=True):
        assert_allclose(path, expected, rtol=1e-6)


def test_a_pipeline_and_a_grid_search():
    pipeline = make_pipeline(StandardScaler(), NTKRegressor(NETWORK, alpha=1e-3))
    grid = {"ntkregressor__training_time": TIMES}
    search = GridSearchCV(pipeline, grid, cv=FOLDS, scoring="neg_mean_absolute_error", refit=False)
    search.fit(X * [1, 10, 100], Y)
    _, scores = training_time_curve(
        pipeline, X * [1, 10, 100], Y, TIMES, cv=FOLDS, scoring="neg_mean_absolute_error", n_jobs=2
    )
    for fold in range(3):
        expected = search.cv_results_[f"split{fold}_test_score"]
        assert_allclose(scores[:, fold], expected, rtol=1e-8)


def test_a_scorer_may_ask_for_more_than_the_mean():
    def likelihood(model, inputs, targets):
        mean, std = model.predict(inputs, return_std=True)
        variance = std**2 + 0.1
        return -np.mean(np.square(targets - mean) / variance + np.log(variance))

    model = NTKRegressor(NETWORK)
    _, ours = training_time_curve(model, X, Y, TIMES, cv=FOLDS, scoring=likelihood)
    _, theirs = validation_curve(
        model, X, Y, param_name="training_time", param_range=TIMES, cv=FOLDS, scoring=likelihood
    )
    assert_allclose(ours, theirs, rtol=1e-7)


def test_one_decomposition_for_each_fold(monkeypatch):
    calls = []
    from skntk.inference.training import kernel_spectrum as training_dynamics

    monkeypatch.setattr(
        training_dynamics,
        "eigh",
        lambda *a, eigh=training_dynamics.eigh, **k: (calls.append(1), eigh(*a, **k))[1],
    )
    training_time_curve(NTKRegressor(NETWORK), X, Y, np.arange(50), cv=FOLDS)
    assert len(calls) == 3


def test_the_estimator_is_left_alone():
    model = NTKRegressor(NETWORK, training_time=7.0)
    training_time_curve(model, X, Y, TIMES)
    assert model.training_time == 7.0
    assert not hasattr(model, "dual_coef_")


def test_what_is_refused():
    with pytest.raises(TypeError, match=r"n_jobs must be an integer or None, got 1\.5"):
        training_time_curve(NTKRegressor(NETWORK), X, Y, TIMES, n_jobs=1.5)
    with pytest.raises(TypeError, match="needs a regressor or classifier of skntk"):
        training_time_curve(make_pipeline(StandardScaler(), Ridge()), X, Y, TIMES)
    with pytest.raises(ValueError, match="must be ascending"):
        training_time_curve(NTKRegressor(NETWORK), X, Y, [2.0, 1.0])
