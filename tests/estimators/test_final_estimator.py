"""Methods of a final estimator, through pipelines and searches."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal
from sklearn.compose import TransformedTargetRegressor, make_column_transformer
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from skntk import (
    ClosedFormSearchCV,
    NNGPClassifier,
    NNGPRegressor,
    WarpedTargetRegressor,
    call_final_estimator,
)

from .problems import NETWORK, classification, regression


def scaled():
    return make_pipeline(StandardScaler(), NNGPRegressor(NETWORK))


def search_of(estimator, name):
    return GridSearchCV(estimator, {name: [0.1, 1.0]}, cv=3)


COMPOSITIONS = {
    "frozen": FrozenEstimator(scaled().fit(*regression()[:2])),
    "pipeline": scaled(),
    "nested pipeline": make_pipeline(MinMaxScaler(), scaled()),
    "search of a pipeline": search_of(scaled(), "nngpregressor__alpha"),
    "search in a pipeline": make_pipeline(
        StandardScaler(), ClosedFormSearchCV(NNGPRegressor(NETWORK), {"alpha": [0.1, 1.0]}, cv=3)
    ),
    "search of a search": search_of(
        make_pipeline(StandardScaler(), search_of(NNGPRegressor(NETWORK), "alpha")),
        "gridsearchcv__cv",
    ).set_params(param_grid={"gridsearchcv__cv": [2, 3]}),
    "regressor": NNGPRegressor(NETWORK),
}


def by_hand(model, X):
    """Return the final estimator and the rows that reach it."""
    while not isinstance(model, NNGPRegressor):
        if isinstance(model, FrozenEstimator):
            model = model.estimator
        elif hasattr(model, "best_estimator_"):
            model = model.best_estimator_
        else:
            X = model[:-1].transform(X)
            model = model[-1]
    return model, X


@pytest.mark.parametrize("composition", COMPOSITIONS)
def test_inputs_go_through_all_transformers(composition):
    X, y, X_test = regression()
    model = COMPOSITIONS[composition].fit(X, y)
    final, rows = by_hand(model, X_test)
    found = call_final_estimator(model, "predict_observation", X_test, alpha=0.3)
    assert_array_equal(found, final.predict_observation(rows, 0.3))
    found = call_final_estimator(model, "sample_y", X=X_test, n_samples=3, random_state=1)
    assert_array_equal(found, final.sample_y(rows, 3, random_state=1))
    found = call_final_estimator(model, "predict", X_test, return_std=True, observation_noise=True)
    assert_array_equal(found, final.predict_observation(rows))
    stages = call_final_estimator(model, "staged_predict", X_test, [1.0, 5.0])
    assert_array_equal(list(stages), list(final.staged_predict(rows, [1.0, 5.0])))
    history = call_final_estimator(model, "training_history", X_test, y[:9], [1.0, 5.0])
    expected = final.training_history(rows, y[:9], [1.0, 5.0])
    assert_array_equal(history.test_loss, expected.test_loss)
    # No inputs at all.
    assert_array_equal(call_final_estimator(model, "loo_predict"), final.loo_predict())


def test_tables_and_classifiers():
    X, y, X_test = classification()
    names = [f"feature {i}" for i in range(4)]
    table, table_test = (pd.DataFrame(rows, columns=names) for rows in (X, X_test))
    columns = make_column_transformer((StandardScaler(), names[:2]), (MinMaxScaler(), names[2:]))
    model = make_pipeline(columns, NNGPClassifier(NETWORK, likelihood="softmax")).fit(table, y)
    logits = call_final_estimator(model, "predict_logits", table_test)
    assert_array_equal(logits, model[-1].predict_logits(model[:-1].transform(table_test)))


def test_methods_of_an_estimator_of_transformed_targets_are_its_own():
    X, y, X_test = regression()
    warped = WarpedTargetRegressor(scaled(), func=np.log, inverse_func=np.exp)
    model = make_pipeline(MinMaxScaler(), warped).fit(X, y)
    quantiles = call_final_estimator(model, "predict_quantiles", X_test, [0.1, 0.9])
    expected = model[-1].predict_quantiles(model[:-1].transform(X_test), [0.1, 0.9])
    assert_array_equal(quantiles, expected)
    message = r"WarpedTargetRegressor has no method 'loo_predict'.*It has .*predict_quantiles.*"
    with pytest.raises(AttributeError, match=message + "attribute regressor_ in its place"):
        call_final_estimator(model, "loo_predict")
    inner = call_final_estimator(model[-1].regressor_, "loo_predict")
    assert_array_equal(inner, model[-1].regressor_[-1].loo_predict())
    peer = TransformedTargetRegressor(scaled(), func=np.log, inverse_func=np.exp).fit(X, y)
    with pytest.raises(AttributeError, match=r"use skntk\.WarpedTargetRegressor"):
        call_final_estimator(peer, "predict_observation", X)


def test_what_the_final_estimator_does_not_have_is_named():
    X, y, _ = regression()
    model = make_pipeline(StandardScaler(), Ridge()).fit(X, y)
    message = "Ridge has no method 'predict_observation'. It has predict, score"
    with pytest.raises(AttributeError, match=message):
        call_final_estimator(model, "predict_observation", X)
    model = scaled().fit(X, y)
    with pytest.raises(TypeError, match=r"name of a method after the estimator.* type ndarray"):
        call_final_estimator(model, X)
    message = (
        r"NNGPRegressor.predict_observation\(X, alpha\) .* unexpected keyword argument 'noise'"
    )
    with pytest.raises(TypeError, match=message):
        call_final_estimator(model, "predict_observation", X, noise=1.0)
    with pytest.raises(TypeError, match="missing a required argument: 'X'"):
        call_final_estimator(model, "sample_y")


def test_what_is_not_fitted_is_named():
    X, y, _ = regression()
    search = search_of(scaled(), "nngpregressor__alpha")
    with pytest.raises(NotFittedError, match="GridSearchCV is not fitted yet"):
        call_final_estimator(search, "predict_observation", X)
    with pytest.raises(NotFittedError, match="Pipeline instance is not fitted"):
        call_final_estimator(scaled(), "predict", X)
    search.set_params(refit=False).fit(X, y)
    with pytest.raises(AttributeError, match=r"made with refit=False.*best_params_"):
        call_final_estimator(search, "predict_observation", X)


def test_an_estimator_without_fit_shows_its_prior():
    _, _, X_test = regression()
    drawn = call_final_estimator(NNGPRegressor(NETWORK), "sample_y", X_test, 2)
    assert_array_equal(drawn, NNGPRegressor(NETWORK).sample_y(X_test, 2))
