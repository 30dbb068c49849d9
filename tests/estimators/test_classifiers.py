"""Scores, classes and probabilities of the classifiers."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import softmax
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split

from skntk import NNGPClassifier, NNGPRegressor, NTKClassifier, NTKRegressor
from skntk.estimators.classification.temperature import fit_temperature
from skntk.estimators.data.distinct_rows import deal_observations

from .problems import CLASSIFIERS, NETWORK, classification, name_of

each_classifier = pytest.mark.parametrize("classifier", CLASSIFIERS, ids=name_of)
N_CLASSES = pytest.mark.parametrize("n_classes", [2, 3])
NORMALIZE = pytest.mark.parametrize("normalize_y", [False, True])


def matching_regressor(classifier):
    """Return the regressor with the parameters of a classifier."""
    parameters = classifier.get_params(deep=False)
    for name in ("class_weight", "likelihood", "loss"):
        parameters.pop(name, None)
    family = NNGPRegressor if isinstance(classifier, NNGPClassifier) else NTKRegressor
    return clone(family(**parameters))


@each_classifier
@N_CLASSES
@NORMALIZE
def test_scores_are_the_regression_on_one_hot_targets(classifier, n_classes, normalize_y):
    X, y, X_test = classification(n_classes)
    model = clone(classifier).set_params(alpha=0.1, normalize_y=normalize_y).fit(X, y)
    one_hot = (y[:, np.newaxis] == model.classes_).astype(float)
    mean, std = matching_regressor(model).fit(X, one_hot).predict(X_test, return_std=True)
    expected = mean[:, 1] - mean[:, 0] if n_classes == 2 else mean
    assert_allclose(model.decision_function(X_test), expected, rtol=1e-9, atol=1e-12)
    assert_allclose(model.predict_std(X_test), std)
    assert_allclose(model.predict_proba(X_test), softmax(mean / model.temperature_, axis=1))


@each_classifier
@N_CLASSES
def test_scores_classes_and_probabilities_agree(classifier, n_classes):
    X, y, X_test = classification(n_classes)
    model = clone(classifier).fit(X, y)
    probabilities = model.predict_proba(X_test)
    assert probabilities.shape == (9, n_classes) and (probabilities > 0).all()
    assert_allclose(probabilities.sum(axis=1), 1)
    assert_array_equal(model.classes_[probabilities.argmax(axis=1)], model.predict(X_test))
    if n_classes == 2:
        second = model.decision_function(X_test) > 0
        assert_array_equal(model.predict(X_test), model.classes_[second.astype(int)])
        assert_array_equal(
            np.argsort(model.decision_function(X_test)), np.argsort(probabilities[:, 1])
        )


@pytest.mark.parametrize("family", [NNGPClassifier, NTKClassifier])
@N_CLASSES
def test_the_temperature_comes_from_leave_one_out_scores(family, n_classes):
    X, y, _ = classification(n_classes)
    model = family(NETWORK).fit(X, y)
    scores = model.loo_decision_function()
    if n_classes == 2:  # one-hot scores of two classes differ by the decision and sum to 1
        scores = np.column_stack([1 - scores, 1 + scores]) / 2
    labels = np.searchsorted(model.classes_, y)
    assert_allclose(model.temperature_, fit_temperature(scores, labels, np.ones(len(y))), rtol=1e-6)


@NORMALIZE
def test_the_temperature_after_early_stopping_comes_from_folds(normalize_y):
    X, y, _ = classification(3)
    weight = np.random.default_rng(0).uniform(0.5, 2.0, size=len(y))
    model = NTKClassifier(
        NETWORK, alpha=0.05, alpha_scale="absolute", training_time=5.0, normalize_y=normalize_y
    ).fit(X, y, weight)
    labels = np.searchsorted(model.classes_, y)
    one_hot = np.eye(3)[labels]
    held_out = np.empty_like(one_hot)
    shares = deal_observations(X, labels, np.ones(len(y)), 3)
    assert len(shares) == 3
    for share in shares:
        train, test = np.flatnonzero(share == 0), np.flatnonzero(share == 1)
        fold_model = matching_regressor(model).fit(X[train], one_hot[train], weight[train])
        held_out[test] = fold_model.predict(X[test])
    assert_allclose(model.temperature_, fit_temperature(held_out, labels, weight), rtol=1e-6)


@each_classifier
def test_probabilities_are_calibrated_on_iris(classifier):
    X, y = load_iris(return_X_y=True)
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0, stratify=y)
    model = clone(classifier).fit(X_train, y_train)
    without_temperature = softmax(model.decision_function(X_test), axis=1)
    calibrated = log_loss(y_test, model.predict_proba(X_test))
    assert calibrated < 0.3
    assert calibrated < log_loss(y_test, without_temperature) / 2


@pytest.mark.parametrize("labels", [[7, -2], [True, False], ["no", "yes"], [0.0, 1.0]], ids=str)
def test_classes_of_any_type(labels):
    X, y, X_test = classification(2)
    named = np.where(y == "ash", *labels)
    model = NNGPClassifier(NETWORK).fit(X, named)
    assert_array_equal(model.classes_, np.unique(named))
    assert model.predict(X_test).dtype == named.dtype
    assert_array_equal(model.predict(X), NNGPClassifier(NETWORK).fit(X, named.tolist()).predict(X))


def test_the_spread_of_scores_grows_away_from_the_training_data():
    X, y, _ = classification(2)
    model = NTKClassifier(NETWORK).fit(X, y)
    std = model.predict_std(np.vstack([X, 20.0 + X]))
    assert std.shape == (72, 2)
    assert std[36:].min() > std[:36].max()


def test_the_likelihood_of_one_hot_targets_is_that_of_the_regression():
    X, y, _ = classification(3)
    model = NNGPClassifier(NETWORK, alpha=0.1).fit(X, y)
    one_hot = (y[:, np.newaxis] == model.classes_).astype(float)
    expected = NNGPRegressor(NETWORK, alpha=0.1).fit(X, one_hot).log_marginal_likelihood_value_
    assert_allclose(model.log_marginal_likelihood_value_, expected)


def test_equal_inputs_of_different_classes_share_their_probability():
    X = np.array([[0.0, 1.0]] * 4 + [[1.0, 0.0]] * 4)
    model = NNGPClassifier(NETWORK, alpha=1e-6).fit(X, [0, 0, 0, 1, 0, 1, 1, 1])
    assert_allclose(model.decision_function(X[[0, 4]]), [-0.5, 0.5], atol=1e-4)
