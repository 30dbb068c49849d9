"""The softmax likelihood through inducing points."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone

import skntk
from skntk import NNGPClassifier, gram_matrix
from skntk.estimators.kernel_machines import rows_at_points
from skntk.inference import SoftmaxLaplacePosterior
from skntk.solvers import InducingPoints

from .problems import NETWORK, classification

# More points than rows.
ALL = InducingPoints(n_points=1000)
MODEL = NNGPClassifier(NETWORK, likelihood="softmax", alpha=0.1, random_state=0)

OPTIONS = {
    "number": {},
    "auto": {"alpha": "auto"},
    "no noise": {"alpha": 0.0},
    "rows": {"alpha": np.linspace(0.1, 1, 42)},
    "uncentered": {"normalize_y": False, "alpha_scale": "absolute"},
}


def rows(n_classes=3, n_samples=42):
    """Return rows of which some repeat, with their own class or another, and one class of one."""
    X, y, X_test = classification(n_classes, n_samples)
    X[:5] = X[5:10]
    y[0], y[1] = y[5], np.roll(np.unique(y), 1)[np.searchsorted(np.unique(y), y[6])]
    return X, y, X_test


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
@pytest.mark.parametrize("n_classes", [2, 3])
def test_all_rows_as_points_equal_the_exact_classifier(options, weighted, n_classes):
    X, y, X_test = rows(n_classes)
    weight = np.random.default_rng(0).integers(0, 3, len(X)) if weighted else None
    exact = clone(MODEL).set_params(**options).fit(X, y, weight)
    sparse = clone(exact).set_params(solver=ALL).fit(X, y, weight)
    for method in ("predict_logits", "decision_function", "predict_proba", "predict_std"):
        found, expected = getattr(sparse, method)(X_test), getattr(exact, method)(X_test)
        assert_allclose(found, expected, rtol=1e-6, atol=1e-6)
    assert_allclose(sparse.alpha_, exact.alpha_, rtol=1e-6)
    assert_allclose(
        sparse.log_marginal_likelihood_value_, exact.log_marginal_likelihood_value_, rtol=1e-7
    )
    assert sparse.dual_coef_.shape == (len(np.unique(sparse.X_train_, axis=0)), n_classes)
    assert sparse.temperature_ == 1.0


def test_alpha_is_found_from_the_rows_that_the_exact_classifier_asks():
    X, y, X_test = classification(n_samples=240)
    exact = NNGPClassifier(NETWORK, likelihood="softmax").fit(X, y)
    sparse = clone(exact).set_params(solver=ALL).fit(X, y)
    assert_allclose(sparse.hyperparameters_["alpha"], exact.hyperparameters_["alpha"], rtol=1e-6)
    assert_allclose(sparse.alpha_score_, exact.alpha_score_, rtol=1e-7)
    assert_allclose(sparse.predict_proba(X_test), exact.predict_proba(X_test), atol=1e-7)


def test_a_class_of_one_row():
    X, y, X_test = rows()
    y = np.append(y[1:], "yew")
    exact = clone(MODEL).fit(X, y)
    sparse = clone(MODEL).set_params(solver=ALL).fit(X, y)
    assert_allclose(sparse.predict_proba(X_test), exact.predict_proba(X_test), atol=1e-7)


def test_few_points_give_the_posterior_of_the_projected_kernel():
    X, y, X_test = classification(n_samples=60)
    points = X[::6]
    solver = InducingPoints(selection=points)
    model = clone(MODEL).set_params(solver=solver, normalize_y=False).fit(X, y)
    kernel = gram_matrix(NETWORK, np.vstack([points, X, X_test]), kind="nngp")
    train, test = slice(10, 70), slice(70, None)
    to_points = np.linalg.solve(kernel[:10, :10], kernel[:10, train])
    projected, cross = kernel[train, :10] @ to_points, kernel[test, :10] @ to_points
    noise = 0.1 * np.diagonal(kernel)[train].mean()
    counts = (y[:, np.newaxis] == model.classes_).astype(float)
    posterior = SoftmaxLaplacePosterior.condition(projected, counts, noise)
    diagonal = np.diagonal(kernel)[test]
    assert_allclose(
        model.predict_proba(X_test), posterior.probabilities(cross, diagonal), rtol=1e-6
    )
    assert_allclose(model.predict_std(X_test) ** 2, posterior.variance(cross, diagonal), rtol=1e-6)
    assert_allclose(
        model.log_marginal_likelihood_value_, posterior.log_marginal_likelihood, rtol=1e-8
    )


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_rows_in_blocks_are_the_same_as_all_at_once(monkeypatch, dtype):
    X, y, X_test = classification(n_samples=200)
    expected = clone(MODEL).set_params(solver=InducingPoints(20)).fit(X, y)
    monkeypatch.setattr(rows_at_points, "_BYTES_IN_BLOCK", 1)
    monkeypatch.setattr(rows_at_points, "BLOCK_SIZES", (64,))
    found = clone(expected).set_params(dtype=dtype).fit(X, y)
    tolerance = 1e-8 if dtype == "float64" else 1e-3
    for method in ("predict_proba", "predict_std"):
        found_here, expected_here = (getattr(model, method)(X_test) for model in (found, expected))
        assert_allclose(found_here, expected_here, rtol=tolerance)
    assert_allclose(
        found.log_marginal_likelihood_value_,
        expected.log_marginal_likelihood_value_,
        rtol=tolerance,
    )


def test_fitted_models_survive_pickling():
    X, y, X_test = classification()
    model = clone(MODEL).set_params(solver=InducingPoints(15)).fit(X, y)
    copy = pickle.loads(pickle.dumps(model))
    assert_array_equal(copy.predict_proba(X_test), model.predict_proba(X_test))


def test_what_the_exact_classifier_refuses_is_refused():
    X, y, X_test = classification()
    model = clone(MODEL).set_params(solver=InducingPoints(15))
    with pytest.raises(ValueError, match=r"no gradient descent leads to: set training_time=None"):
        clone(model).set_params(training_time=1.0).fit(X, y)
    with pytest.raises(ValueError, match="hyperparameters cannot be learned"):
        clone(model).set_params(optimizer="fmin_l_bfgs_b").fit(X, y)
    model.fit(X, y)
    with pytest.raises(ValueError, match='only with likelihood="gaussian"'):
        model.loo_decision_function()
    for ask in (
        lambda: model.max_learning_rate_,
        lambda: list(model.staged_predict(X_test, [1.0])),
        lambda: list(model.staged_predict_proba(X_test, [1.0])),
        lambda: model.training_history(X, y, [1.0]),
    ):
        with pytest.raises(ValueError, match="neither times nor rates of training"):
            ask()


def test_rows_are_not_added_to_a_mode():
    model = clone(MODEL).set_params(solver="inducing_points")
    for method in ("partial_fit", "fit_blocks"):
        with pytest.raises(AttributeError, match="has no attribute") as error:
            getattr(model, method)
        assert "takes several passes over all rows. Call fit with all" in str(error.value.__cause__)
    assert hasattr(model.set_params(likelihood="gaussian"), "partial_fit")


def test_memory_grows_with_points_and_not_with_rows(monkeypatch):
    X, y, _ = classification(n_samples=400)
    monkeypatch.setattr(skntk._memory, "available_memory", lambda: 3 * 2**20)
    with pytest.raises(MemoryError, match=r"softmax.*Set solver='inducing_points'"):
        clone(MODEL).fit(X, y)
    clone(MODEL).set_params(solver=InducingPoints(30)).fit(X, y)
    with pytest.raises(MemoryError, match="3 classes and 200 inducing points"):
        clone(MODEL).set_params(solver=InducingPoints(200)).fit(X, y)
