"""Training on the log-loss through inducing points."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone

import skntk
from skntk import NTKClassifier
from skntk.inference.losses import loss_integration
from skntk.solvers import InducingPoints

from .problems import NETWORK, classification

# More points than rows.
ALL = InducingPoints(n_points=1000)
MODEL = NTKClassifier(NETWORK, loss="log_loss", training_time=5.0, alpha=0.01, random_state=0)

OPTIONS = {
    "flow": {},
    "no penalty": {"alpha": 0.0},
    "steps": {"training_method": "gradient_descent", "training_time": 20},
    "momentum": {"momentum": 0.5},
}


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_all_rows_as_points_equal_the_exact_classifier(options, weighted):
    X, y, X_test = classification()
    X[:5], y[:4] = X[5:10], y[5:9]
    weight = np.random.default_rng(0).integers(0, 3, len(X)) if weighted else None
    exact = clone(MODEL).set_params(**options).fit(X, y, weight)
    sparse = clone(exact).set_params(solver=ALL).fit(X, y, weight)
    for method in ("decision_function", "predict_proba"):
        found, expected = getattr(sparse, method)(X_test), getattr(exact, method)(X_test)
        assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
    assert_allclose(sparse.alpha_, exact.alpha_, rtol=1e-6)
    assert_allclose(sparse.max_learning_rate_, exact.max_learning_rate_, rtol=1e-9)
    times = [0.0, 1.0, 4.0]
    found = sparse.training_history(X_test, y[:9], times)
    expected = exact.training_history(X_test, y[:9], times)
    for name in ("train_loss", "test_loss"):
        assert_allclose(found[name], expected[name], rtol=1e-6)


def test_alpha_is_that_of_squared_error():
    X, y, _ = classification()
    model = clone(MODEL).set_params(solver=InducingPoints(8), alpha="auto").fit(X, y)
    squared = clone(model).set_params(loss="squared_error", training_time=None, normalize_y=False)
    assert model.hyperparameters_["alpha"] == squared.fit(X, y).hyperparameters_["alpha"]


@pytest.mark.parametrize("n_classes", [2, 3])
def test_few_points_lead_to_the_same_network_explicitly_and_implicitly(monkeypatch, n_classes):
    X, y, X_test = classification(n_classes)
    model = clone(MODEL).set_params(solver=InducingPoints(8), training_time=100.0)
    explicit = clone(model).fit(X, y)
    monkeypatch.setattr(loss_integration, "_EXPLICIT_STEPS", 3)
    implicit = clone(model).fit(X, y)
    assert_allclose(
        implicit.decision_function(X_test), explicit.decision_function(X_test), atol=1e-6
    )
    assert explicit.dual_coef_.shape == (8, n_classes)


def test_stages_and_pickles():
    X, y, X_test = classification()
    model = clone(MODEL).set_params(solver=InducingPoints(8)).fit(X, y)
    *_, last = model.staged_predict_proba(X_test, [0.0, 1.0, 5.0])
    assert_allclose(last, model.predict_proba(X_test), atol=1e-7)
    copy = pickle.loads(pickle.dumps(model))
    assert_array_equal(copy.predict_proba(X_test), model.predict_proba(X_test))


def test_what_cannot_be_is_refused(monkeypatch):
    X, y, X_test = classification()
    model = clone(MODEL).set_params(solver=InducingPoints(8))
    with pytest.raises(ValueError, match="needs a finite training_time"):
        clone(model).set_params(training_time=None).fit(X, y)
    with pytest.raises(ValueError, match="one alpha for all rows"):
        clone(model).set_params(alpha=np.full(len(X), 0.1)).fit(X, y)
    with pytest.raises(AttributeError, match="has no attribute") as error:
        model.partial_fit  # noqa: B018
    assert "Call fit with all of them, or set loss='squared_error'" in str(error.value.__cause__)
    fitted = clone(model).fit(X, y)
    with pytest.raises(ValueError, match="spread has no closed form"):
        fitted.predict_std(X_test)
    with pytest.raises(ValueError, match="use cross_val_predict"):
        fitted.loo_decision_function()
    monkeypatch.setattr(skntk._memory, "available_memory", lambda: 9_000)
    with pytest.raises(MemoryError, match="8 inducing points"):
        clone(model).fit(X, y)
