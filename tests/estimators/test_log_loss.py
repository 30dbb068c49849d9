"""Training on the log-loss: what the classifier returns, its limits, and what it refuses."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.special import softmax
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss

from skntk import NTKClassifier, gram_matrix

from .problems import NETWORK, classification

MODEL = NTKClassifier(NETWORK, loss="log_loss", training_time=20.0)
ACCURACY = {"rtol": 1e-7, "atol": 1e-7}


def fitted(X, y, sample_weight=None, **params):
    return clone(MODEL).set_params(**params).fit(X, y, sample_weight=sample_weight)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_the_outputs_are_logits(n_classes):
    X, y, X_test = classification(n_classes=n_classes)
    model = fitted(X, y)
    assert model.temperature_ == 1.0
    logits = gram_matrix(NETWORK, X_test, model.X_train_, kind="ntk") @ model.dual_coef_
    probabilities = model.predict_proba(X_test)
    assert_allclose(probabilities, softmax(logits, axis=1), rtol=1e-10)
    decision = model.decision_function(X_test)
    expected = logits[:, 1] - logits[:, 0] if n_classes == 2 else logits
    assert_allclose(decision, expected, rtol=1e-10, atol=1e-12)
    assert (model.predict(X_test) == model.classes_[probabilities.argmax(axis=1)]).all()


def test_untrained_probabilities_are_uniform():
    X, y, X_test = classification()
    assert_allclose(fitted(X, y, training_time=0.0).predict_proba(X_test), 1 / 3)


def test_training_lowers_the_loss():
    X, y, _ = classification()
    probabilities = fitted(X, y).staged_predict_proba(X, [0.0, 1.0, 10.0, 100.0])
    losses = [log_loss(y, each) for each in probabilities]
    assert (np.diff(losses) < 0).all()


def test_it_ends_at_kernel_logistic_regression():
    # With features whose products are the kernel, the penalty is that of logistic regression.
    X, y, X_test = classification()
    alpha, n_train = 0.5, len(X)
    model = fitted(X, y, alpha=alpha, alpha_scale="absolute", training_time=1e6)
    kernel = gram_matrix(NETWORK, np.concatenate([X, X_test]), kind="ntk")
    features = np.linalg.cholesky(kernel)
    linear = LogisticRegression(C=1 / alpha, fit_intercept=False, tol=1e-10, max_iter=10000)
    linear.fit(features[:n_train], y)
    expected = linear.predict_proba(features[n_train:])
    assert_allclose(model.predict_proba(X_test), expected, atol=1e-5)


@pytest.mark.parametrize("momentum", [0.0, 0.5])
def test_small_steps_follow_the_flow(momentum):
    X, y, X_test = classification()
    flow = fitted(X, y, learning_rate=1e-3, training_time=2000.0, momentum=momentum)
    steps = clone(flow).set_params(training_method="gradient_descent").fit(X, y)
    # With momentum the steps are those of the flow up to the root of the learning rate.
    distance = 1e-2 if momentum else 1e-3
    assert_allclose(steps.predict_proba(X_test), flow.predict_proba(X_test), atol=distance)
    untrained = np.full((len(X_test), 3), 1 / 3)
    assert np.abs(flow.predict_proba(X_test) - untrained).max() > 0.1


@pytest.mark.parametrize("training_method", ["gradient_flow", "gradient_descent"])
def test_weights_are_repetitions(training_method):
    X, y, X_test = classification()
    counts = np.random.default_rng(0).integers(0, 4, size=len(y))
    alpha = np.linspace(0.1, 0.5, len(y))
    params = {"training_method": training_method, "learning_rate": 0.3}
    weighted = fitted(X, y, counts.astype(float), alpha=alpha, **params)
    rows = np.repeat(np.arange(len(y)), counts)
    repeated = fitted(X[rows], y[rows], alpha=alpha[rows], **params)
    assert len(repeated.X_train_) == np.count_nonzero(counts)
    assert_allclose(
        weighted.decision_function(X_test), repeated.decision_function(X_test), **ACCURACY
    )


def test_rows_of_two_classes_get_both():
    model = NTKClassifier(NETWORK, loss="log_loss", training_time=1e5, alpha=1e-6)
    X = np.array([[1.0, 0.0]] * 4 + [[-1.0, 0.5]] * 4)
    y = np.array([0, 0, 0, 1, 0, 1, 1, 1])
    assert_allclose(
        model.fit(X, y).predict_proba(X[[0, 4]]), [[0.75, 0.25], [0.25, 0.75]], atol=1e-3
    )


def test_balanced_classes_have_equal_weight():
    X, y, X_test = classification(n_samples=30)
    rows = np.r_[np.flatnonzero(y == "ash"), np.flatnonzero(y == "birch")[:3]]
    weight = np.where(y[rows] == "ash", 13 / 20, 13 / 6)
    balanced = fitted(X[rows], y[rows], class_weight="balanced")
    weighted = fitted(X[rows], y[rows], weight)
    assert_allclose(balanced.predict_proba(X_test), weighted.predict_proba(X_test), **ACCURACY)


def test_the_limit_of_the_learning_rate():
    X, y, _ = classification()
    model = fitted(X, y, momentum=0.5)
    kernel = gram_matrix(NETWORK, X, kind="ntk")
    largest = np.linalg.eigvalsh(kernel)[-1] / 2 + model.alpha_[0]
    assert_allclose(model.max_learning_rate_, 2 * 1.5 * len(X) / largest)
    with pytest.raises(ValueError, match="max_learning_rate"):
        fitted(
            X,
            y,
            momentum=0.5,
            training_method="gradient_descent",
            learning_rate=1.01 * model.max_learning_rate_,
        )


def test_what_has_no_closed_form_is_refused():
    X, y, X_test = classification()
    with pytest.raises(ValueError, match="finite training_time"):
        fitted(X, y, training_time=None)
    model = fitted(X, y)
    with pytest.raises(ValueError, match="spread has no closed form"):
        model.predict_std(X_test)
    with pytest.raises(ValueError, match="cross_val_predict"):
        model.loo_decision_function()
    with pytest.raises(ValueError, match="whole"):
        fitted(X, y, training_method="gradient_descent", training_time=0.5)
