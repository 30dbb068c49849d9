"""The classifier that is recommended for tables."""

import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.metrics import log_loss
from sklearn.model_selection import PredefinedSplit

from skntk import make_tabular_classifier

PENALTY = "logisticregression__C"


@pytest.fixture(scope="module")
def iris():
    X, y = load_iris(return_X_y=True)
    return X[::2], np.array(["setosa", "versicolor", "virginica"])[y[::2]]


@pytest.fixture(scope="module")
def fitted(iris):
    search = make_tabular_classifier(cv=2, random_state=0)
    # Every kernel, with and without indicators: penalties cost only time here.
    return search.set_params(param_grid={**search.param_grid, PENALTY: [1.0]}).fit(*iris)


def test_scores_are_minus_the_log_loss(fitted, iris):
    X, y = iris
    assert fitted.score(X, y) == pytest.approx(-log_loss(y, fitted.predict_proba(X)))
    assert fitted.best_score_ == fitted.cv_results_["mean_test_score"].max()
    assert np.isfinite(fitted.cv_results_["mean_test_score"]).all()


def test_kernels_are_exact_where_components_suffice(fitted, iris):
    features, kernel = fitted.best_estimator_[:-1], fitted.best_params_["networkfeatures__kernel"]
    values = features.transform(iris[0])
    np.testing.assert_allclose(values @ values.T, kernel(features[:-1].transform(iris[0])))


def test_classes_that_training_rows_lack_count_as_improbable(iris):
    X, y = iris
    search = make_tabular_classifier(random_state=0)
    search.set_params(
        param_grid={PENALTY: [1.0]},
        cv=PredefinedSplit(np.where(y == "virginica", 0, -1)),
        refit=False,
    )
    assert search.fit(X, y).best_score_ == pytest.approx(np.log(1e-15))


def test_the_state_decides_the_rows(iris):
    X, y = iris
    fits = [
        make_tabular_classifier(n_components=5, random_state=state)
        .set_params(param_grid={PENALTY: [1.0]}, cv=2)
        .fit(X, y)
        .predict_proba(X)
        for state in (0, 0, 1)
    ]
    np.testing.assert_array_equal(fits[0], fits[1])
    assert np.abs(fits[0] - fits[2]).max() > 1e-3


def test_is_cloned_and_pickled(fitted, iris):
    assert not hasattr(clone(fitted), "best_estimator_")
    again = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(again.predict(iris[0]), fitted.predict(iris[0]))


@pytest.mark.parametrize(
    ("classes", "n_folds"),
    [("aaaabbbccc", 4), ("aabbccddee", 2), ("aaaaaaaaab", 4), ("aaaaaaaabc", 5), ("aaaaabbbbb", 5)],
)
def test_few_rows_of_a_class_have_fewer_folds(classes, n_folds):
    X = np.random.default_rng(0).normal(size=(10, 2))
    search = make_tabular_classifier(random_state=0).set_params(param_grid={PENALTY: [1.0]})
    search.fit(X, list(classes))
    assert search.n_splits_ == n_folds
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert search.predict_proba(X).shape == (10, len(set(classes)))


def test_classes_too_small_for_any_fold():
    with pytest.raises(
        ValueError, match=r"classes of 3 rows are too small.*such as NNGPClassifier"
    ):
        make_tabular_classifier().fit(np.eye(3), ["a", "b", "c"])


@pytest.mark.parametrize(
    ("X", "y", "message"),
    [
        (np.full((10, 2), np.nan), ["a", "b"] * 5, "Input X contains NaN"),
        (np.ones((10, 2)), ["a"] * 10, "at least 2 classes, got one class: 'a'"),
        (np.ones((10, 2)), np.linspace(0, 1, 10), "Unknown label type"),
        (np.ones((10, 2)), ["a", "b"], "inconsistent numbers of samples"),
        ([["x", "y"]] * 10, ["a", "b"] * 5, "not compatible with arrays of bytes/strings"),
        (np.ones((10, 2)), None, "requires y to be passed"),
    ],
)
def test_data_are_checked_before_any_fit(X, y, message, monkeypatch):
    monkeypatch.setattr("sklearn.model_selection.GridSearchCV.fit", None)
    with pytest.raises(ValueError, match=message):
        make_tabular_classifier().fit(X, y)
