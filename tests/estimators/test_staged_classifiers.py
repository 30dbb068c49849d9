"""A classifier at many times of its training is the one that was trained until each of them."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.metrics import log_loss
from sklearn.model_selection import validation_curve

from skntk import NNGPClassifier, NTKClassifier, NTKRegressor, training_time_curve

from .problems import NETWORK, classification

TIMES = [0.0, 3.0, 50.0]
MODELS = {
    "nngp": NNGPClassifier(NETWORK),
    "nngp early": NNGPClassifier(NETWORK, training_time=5.0),
    "ntk": NTKClassifier(NETWORK),
    "ntk early": NTKClassifier(NETWORK, training_time=5.0, normalize_y=False),
    "ntk steps": NTKClassifier(
        NETWORK,
        training_time=5.0,
        training_method="gradient_descent",
        learning_rate=0.1,
        momentum=0.5,
    ),
    "log-loss": NTKClassifier(NETWORK, training_time=5.0, loss="log_loss"),
    "log-loss steps": NTKClassifier(
        NETWORK,
        training_time=5.0,
        loss="log_loss",
        training_method="gradient_descent",
        learning_rate=0.1,
        momentum=0.5,
    ),
}
STAGED = {
    "staged_predict": "predict",
    "staged_predict_proba": "predict_proba",
    "staged_decision_function": "decision_function",
}


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("name", MODELS)
def test_staged_results_are_those_of_refits(name, n_classes):
    X, y, X_test = classification(n_classes=n_classes)
    weight = np.random.default_rng(1).uniform(0.5, 2.0, size=len(y))
    model = clone(MODELS[name]).fit(X, y, sample_weight=weight)
    staged = {method: list(getattr(model, method)(X_test, TIMES)) for method in STAGED}
    for position, time in enumerate(TIMES):
        refit = clone(model).set_params(training_time=time).fit(X, y, sample_weight=weight)
        for method, plain in STAGED.items():
            ours, theirs = staged[method][position], getattr(refit, plain)(X_test)
            if method != "staged_predict":
                assert_allclose(ours, theirs, rtol=1e-6, atol=1e-7)
            elif time > 0:
                assert (ours == theirs).all()


@pytest.mark.parametrize("name", ["ntk early", "log-loss"])
def test_bad_times_are_refused_at_the_call(name):
    X, y, X_test = classification()
    unfitted = clone(MODELS[name])
    for method in STAGED:
        with pytest.raises(NotFittedError):
            getattr(unfitted, method)(X_test, TIMES)
    model = unfitted.fit(X, y)
    for method in STAGED:
        for times, message in [
            ([2.0, 1.0], "ascending"),
            ([-1.0, 1.0], "nonnegative"),
            ([None], "None|finite"),
            ([], "at least one"),
        ]:
            with pytest.raises(ValueError, match=message):
                getattr(model, method)(X_test, times)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_the_history_of_squared_error_is_that_of_one_hot_targets(n_classes):
    X, y, X_test = classification(n_classes=n_classes)
    y_test = y[: len(X_test)]
    weight = np.random.default_rng(1).uniform(0.5, 2.0, size=len(y))
    model = clone(MODELS["ntk early"]).set_params(alpha=0.1).fit(X, y, sample_weight=weight)
    one_hot = (y[:, np.newaxis] == model.classes_).astype(float)
    regressor = NTKRegressor(NETWORK, alpha=0.1, training_time=5.0, normalize_y=False)
    regressor.fit(X, one_hot, sample_weight=weight)
    ours = model.training_history(X_test, y_test, TIMES)
    theirs = regressor.training_history(X_test, one_hot[: len(X_test)], TIMES)
    assert set(ours) == set(theirs)
    for name in ours:
        assert_allclose(ours[name], theirs[name], rtol=1e-9)


def test_the_history_of_the_log_loss_is_that_of_the_probabilities():
    X, y, X_test = classification()
    y_test = y[: len(X_test)]
    weight = np.random.default_rng(1).uniform(0.5, 2.0, size=len(y))
    model = clone(MODELS["log-loss"]).fit(X, y, sample_weight=weight)
    history = model.training_history(X_test, y_test, TIMES)
    assert set(history) == {"training_times", "train_loss", "test_loss"}
    train = [log_loss(y, p, sample_weight=weight) for p in model.staged_predict_proba(X, TIMES)]
    test = [log_loss(y_test, p) for p in model.staged_predict_proba(X_test, TIMES)]
    assert_allclose(history.train_loss, train, rtol=1e-6)
    assert_allclose(history.test_loss, test, rtol=1e-6)


def test_a_history_needs_known_classes():
    X, y, X_test = classification()
    model = clone(MODELS["log-loss"]).fit(X, y)
    with pytest.raises(ValueError, match="'yew', which the training data do not have"):
        model.training_history(X_test, ["yew"] * len(X_test), TIMES)
    with pytest.raises(ValueError, match="2 classes for 9 samples"):
        model.training_history(X_test, y[:2], TIMES)


def test_a_curve_over_time_scores_probabilities_as_refits_do():
    X, y, _ = classification()
    for name in ("ntk early", "log-loss"):
        model = clone(MODELS[name])
        curve = training_time_curve(model, X, y, TIMES, cv=3, scoring="neg_log_loss")
        refits = validation_curve(
            model,
            X,
            y,
            param_name="training_time",
            param_range=TIMES,
            cv=3,
            scoring="neg_log_loss",
        )
        for ours, theirs in zip(curve, refits, strict=True):
            assert_allclose(ours, theirs, rtol=1e-6)
