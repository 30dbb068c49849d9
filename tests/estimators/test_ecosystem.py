"""The estimators in scikit-learn's machinery, with the frames and files that users bring."""

import pickle
import warnings

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import config_context
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import BaggingRegressor, VotingRegressor
from sklearn.inspection import permutation_importance
from sklearn.model_selection import (
    GridSearchCV,
    cross_val_predict,
    cross_val_score,
    cross_validate,
)
from sklearn.multioutput import MultiOutputRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import QuantileTransformer, StandardScaler

from skntk import NNGPClassifier, NNGPRegressor, NTKClassifier, NTKRegressor
from skntk.architecture import (
    Dense,
    FullyConnected,
    LayerNorm,
    LeakyRelu,
    Relu,
    ResidualFullyConnected,
    Serial,
)

from .problems import (
    CLASSIFIERS,
    ESTIMATORS,
    NETWORK,
    classification,
    name_of,
    problem_for,
    regression,
)

each_estimator = pytest.mark.parametrize("estimator", ESTIMATORS, ids=name_of)


def scores_of(model, X):
    return model.predict_proba(X) if hasattr(model, "predict_proba") else model.predict(X)


@each_estimator
def test_pipeline(estimator):
    X, y, X_test = problem_for(estimator)
    model = make_pipeline(StandardScaler(), clone(estimator)).fit(X, y)
    scaler = StandardScaler().fit(X)
    expected = clone(estimator).fit(scaler.transform(X), y)
    assert_allclose(scores_of(model, X_test), scores_of(expected, scaler.transform(X_test)))
    assert model.score(X, y) == expected.score(scaler.transform(X), y)


def test_a_pipeline_returns_the_spread():
    X, y, X_test = regression()
    model = make_pipeline(StandardScaler(), NNGPRegressor(NETWORK)).fit(X, y)
    mean, std = model.predict(X_test, return_std=True)
    assert mean.shape == std.shape == (9,)


def test_grid_search_over_hyperparameters_of_the_network():
    X, y, _ = classification(2)
    grid = {
        "architecture__depth": [1, 2],
        "architecture__activation": ["relu", "erf", LeakyRelu(0.2)],
        "architecture__weight_std": [1.0, 1.4],
        "alpha": [1e-3, 1e-1],
    }
    search = GridSearchCV(NTKClassifier(FullyConnected()), grid, cv=2).fit(X, y)
    assert len(search.cv_results_["params"]) == 24
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert search.best_estimator_.architecture.depth == search.best_params_["architecture__depth"]


def test_grid_search_over_networks():
    X, y, X_test = regression()
    networks = [
        FullyConnected(1),
        ResidualFullyConnected(2),
        Serial([Dense(1.2), LayerNorm(), Relu(), Dense(1.0, 0.1)]),
    ]
    search = GridSearchCV(NTKRegressor(), {"architecture": networks}, cv=3).fit(X, y)
    assert search.best_params_["architecture"] in networks
    assert_allclose(
        search.predict(X_test),
        NTKRegressor(search.best_params_["architecture"]).fit(X, y).predict(X_test),
    )


def test_grid_search_in_processes():
    X, y, _ = regression()
    grid = {"architecture__weight_std": [1.0, 1.6], "alpha": [1e-2, 1.0]}
    searches = [
        GridSearchCV(NNGPRegressor(FullyConnected(1)), grid, cv=2, n_jobs=n_jobs).fit(X, y)
        for n_jobs in (1, 2)
    ]
    first, second = (search.cv_results_["mean_test_score"] for search in searches)
    assert_allclose(first, second)


@each_estimator
def test_cross_validation(estimator):
    X, y, _ = problem_for(estimator)
    method = "predict_proba" if hasattr(estimator, "predict_proba") else "predict"
    predicted = cross_val_predict(clone(estimator), X, y, cv=3, method=method)
    assert len(predicted) == len(y) and np.isfinite(predicted).all()
    assert np.isfinite(cross_val_score(clone(estimator), X, y, cv=3)).all()


def test_cross_validation_with_weights():
    X, y, _ = regression()
    with config_context(enable_metadata_routing=True):
        model = NNGPRegressor(NETWORK).set_fit_request(sample_weight=True)
        model.set_score_request(sample_weight=False)
        weighted = cross_validate(model, X, y, params={"sample_weight": np.linspace(0, 2, len(y))})
        unweighted = cross_validate(model, X, y)
    assert np.abs(weighted["test_score"] - unweighted["test_score"]).max() > 1e-6


def test_transformed_targets():
    X, y, X_test = regression()
    model = TransformedTargetRegressor(NTKRegressor(NETWORK), func=np.log, inverse_func=np.exp)
    expected = np.exp(NTKRegressor(NETWORK).fit(X, np.log(y)).predict(X_test))
    assert_allclose(model.fit(X, y).predict(X_test), expected)
    quantiles = QuantileTransformer(n_quantiles=10, output_distribution="normal")
    ranked = TransformedTargetRegressor(NNGPRegressor(NETWORK), transformer=quantiles)
    assert np.isfinite(ranked.fit(X, y).predict(X_test)).all()


@pytest.mark.parametrize("classifier", CLASSIFIERS, ids=name_of)
def test_calibration(classifier):
    X, y, X_test = classification(3)
    model = CalibratedClassifierCV(clone(classifier), cv=3).fit(X, y)
    assert_allclose(model.predict_proba(X_test).sum(axis=1), 1)


def test_bagging_and_voting():
    X, y, X_test = regression()
    bagged = BaggingRegressor(NNGPRegressor(NETWORK), n_estimators=4, random_state=0).fit(X, y)
    voting = VotingRegressor([("nngp", NNGPRegressor(NETWORK)), ("ntk", NTKRegressor(NETWORK))])
    for ensemble in (bagged, voting.fit(X, y)):
        members = [member.predict(X_test) for member in ensemble.estimators_]
        assert_allclose(ensemble.predict(X_test), np.mean(members, axis=0))


def test_one_model_for_each_output():
    X, y, X_test = regression(n_outputs=3)
    model = NNGPRegressor(NETWORK, alpha=0.1)
    separate = MultiOutputRegressor(model).fit(X, y)
    assert_allclose(separate.predict(X_test), model.fit(X, y).predict(X_test))


def test_one_model_for_each_output_finds_an_alpha_for_each():
    X, y, X_test = regression(n_outputs=3)
    separate = MultiOutputRegressor(NNGPRegressor(NETWORK)).fit(X, y)
    alphas = [model.hyperparameters_["alpha"] for model in separate.estimators_]
    assert len(set(alphas)) == 3
    expected = [NNGPRegressor(NETWORK).fit(X, column).predict(X_test) for column in y.T]
    assert_allclose(separate.predict(X_test), np.transpose(expected))


def test_permutation_importance():
    X, y, _ = regression()
    X = np.column_stack([X, np.zeros(len(X))])
    importance = permutation_importance(NNGPRegressor(NETWORK).fit(X, y), X, y, random_state=0)
    assert importance.importances_mean[-1] == 0 < importance.importances_mean[:-1].max()


@each_estimator
def test_clone(estimator):
    X, y, _ = problem_for(estimator)
    model = clone(estimator).fit(X, y)
    copy = clone(model)
    assert copy.architecture == NETWORK and copy.architecture is not model.architecture
    assert not hasattr(copy, "dual_coef_")
    assert copy.get_params(deep=False) == model.get_params(deep=False)
    assert copy.get_params()["architecture__depth"] == 2


@each_estimator
def test_files(estimator, tmp_path):
    X, y, X_test = problem_for(estimator)
    model = clone(estimator).fit(X, y)
    expected = scores_of(model, X_test)
    joblib.dump(model, tmp_path / "model.joblib")
    for restored in (
        pickle.loads(pickle.dumps(model)),
        joblib.load(tmp_path / "model.joblib"),
        joblib.load(tmp_path / "model.joblib", mmap_mode="r"),
    ):
        assert_array_equal(scores_of(restored, X_test), expected)
        assert_array_equal(restored.predict_std(X_test), model.predict_std(X_test))
        assert repr(restored) == repr(model)


@each_estimator
@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame], ids=["pandas", "polars"])
def test_frames(estimator, frame):
    X, y, X_test = problem_for(estimator)
    names = ["height", "width", "age", "mass"]
    columns = frame(dict(zip(names, X.T, strict=True)))
    series = pd.Series if frame is pd.DataFrame else pl.Series
    model = clone(estimator).fit(columns, series(y))
    assert list(model.feature_names_in_) == names and model.n_features_in_ == 4
    test = frame(dict(zip(names, X_test.T, strict=True)))
    assert_allclose(scores_of(model, test), scores_of(clone(estimator).fit(X, y), X_test))
    shuffled = frame(dict(zip(names[::-1], X_test.T, strict=True)))
    with pytest.raises(ValueError, match="Feature names must be in the same order"):
        model.predict(shuffled)


def test_the_prior_takes_frames_without_a_warning():
    frame = pd.DataFrame(np.eye(3), columns=["a", "b", "c"])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert_allclose(NNGPRegressor().predict(frame), 0)


@pytest.mark.parametrize("output", ["pandas", "polars"])
def test_set_output(output):
    X, y, X_test = regression()
    model = make_pipeline(StandardScaler(), NNGPRegressor(NETWORK)).set_output(transform=output)
    names = ["a", "b", "c", "d"]
    model.fit(pd.DataFrame(X, columns=names), y)
    assert list(model[-1].feature_names_in_) == names
    predicted = model.predict(pd.DataFrame(X_test, columns=names))
    assert isinstance(predicted, np.ndarray)
    expected = make_pipeline(StandardScaler(), NNGPRegressor(NETWORK)).fit(X, y).predict(X_test)
    assert_allclose(predicted, expected)


@each_estimator
def test_html_and_text_show_the_network(estimator):
    X, y, _ = problem_for(estimator)
    for model in (clone(estimator), clone(estimator).fit(X, y)):
        html = model._repr_html_()
        assert type(model).__name__ in html and "FullyConnected" in html and "erf" in html
        assert "FullyConnected(activation='erf'" in repr(model)
    assert "FullyConnected" in make_pipeline(StandardScaler(), estimator)._repr_html_()


def test_parameters_are_set_through_the_estimator():
    model = NNGPClassifier(FullyConnected()).set_params(
        architecture__activation="gelu", architecture__last_layer=Dense(0.5), dtype="float32"
    )
    assert model.architecture == FullyConnected(activation="gelu", last_layer=Dense(0.5))
    model.set_params(architecture__last_layer__weight_std=0.7)
    assert model.architecture.last_layer == Dense(0.7)
