"""Leave-one-out predictions in closed form equal as many refits, with `alpha_` held fixed."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from skntk import NNGPClassifier, NNGPRegressor, NTKClassifier, NTKRegressor

from .problems import NETWORK, classification, regression

NORMALIZE = pytest.mark.parametrize("normalize_y", [False, True])
WEIGHT = np.random.default_rng(5).uniform(0.5, 3.0, size=36)


def refit_without(model, i, y, sample_weight):
    """Return the model trained on all rows but one, with the same `alpha_`."""
    keep = np.arange(len(y)) != i
    alpha = (model.alpha_ * sample_weight)[keep]
    refitted = clone(model).set_params(alpha=alpha, alpha_scale="absolute")
    return refitted.fit(model.X_train_[keep], y[keep], sample_weight[keep])


def unit(y, sample_weight, normalize_y):
    if not normalize_y:
        return np.ones(y.shape[1:])
    deviation = y - np.average(y, axis=0, weights=sample_weight)
    return np.sqrt(np.average(np.square(deviation), axis=0, weights=sample_weight))


@NORMALIZE
@pytest.mark.parametrize("n_outputs", [None, 2])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("regressor", [NNGPRegressor, NTKRegressor])
def test_a_regressor_equals_its_refits(regressor, weighted, n_outputs, normalize_y):
    X, y, _ = regression(n_outputs)
    weight = WEIGHT[: len(y)] if weighted else np.ones(len(y))
    model = regressor(NETWORK, alpha=0.1, normalize_y=normalize_y).fit(X, y, weight)
    mean, std = model.loo_predict(return_std=True)
    assert_allclose(model.loo_predict(), mean)
    for i in range(len(y)):
        refitted = refit_without(model, i, y, weight)
        expected_mean, expected_std = refitted.predict(X[[i]], return_std=True)
        kept = np.arange(len(y)) != i
        # The closed form measures all standard deviations in the unit of all targets.
        rescaling = unit(y, weight, normalize_y) / unit(y[kept], weight[kept], normalize_y)
        assert_allclose(mean[i], expected_mean[0], rtol=1e-8)
        assert_allclose(std[i], expected_std[0] * rescaling, rtol=1e-7)


@NORMALIZE
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("classifier", [NNGPClassifier, NTKClassifier])
def test_a_classifier_equals_its_refits(classifier, n_classes, normalize_y):
    X, y, _ = classification(n_classes)
    model = classifier(NETWORK, normalize_y=normalize_y).fit(X, y, WEIGHT)
    scores = model.loo_decision_function()
    assert scores.shape == ((36,) if n_classes == 2 else (36, 3))
    for i in range(len(y)):
        refitted = refit_without(model, i, y, WEIGHT)
        assert_allclose(scores[i], refitted.decision_function(X[[i]])[0], rtol=1e-7, atol=1e-9)


def test_a_classifier_leaves_out_a_sample_with_its_repetitions():
    X, y, _ = classification(2, n_samples=12)
    rows = np.repeat(np.arange(12), np.arange(12) % 3 + 1)
    scores = NNGPClassifier(NETWORK).fit(X[rows], y[rows]).loo_decision_function()
    weighted = NNGPClassifier(NETWORK).fit(X, y, np.arange(12) % 3 + 1)
    assert scores.shape == (len(rows),)
    assert_allclose(scores, weighted.loo_decision_function()[rows])


def test_rows_of_weight_zero_have_no_leave_one_out_values():
    X, y, _ = regression()
    weight = np.where(np.arange(len(y)) % 4 == 0, 0.0, 1.0)
    kept = weight > 0
    model = NTKRegressor(NETWORK)
    expected = clone(model).fit(X[kept], y[kept]).loo_predict()
    assert_allclose(model.fit(X, y, weight).loo_predict(), expected)


@pytest.mark.parametrize(
    ("model", "leave_one_out"),
    [
        (NTKRegressor(NETWORK, training_time=1.0), "loo_predict"),
        (NTKClassifier(NETWORK, training_time=1.0), "loo_decision_function"),
    ],
    ids=["regressor", "classifier"],
)
def test_early_stopping_has_no_closed_form(model, leave_one_out):
    X, y, _ = classification(2)
    targets = y if leave_one_out == "loo_decision_function" else X[:, 0]
    fitted = clone(model).fit(X, targets)
    with pytest.raises(ValueError, match=r"until training_time=1: set training_time=None, or use"):
        getattr(fitted, leave_one_out)()


@pytest.mark.parametrize(
    ("model", "leave_one_out"),
    [(NNGPRegressor(), "loo_predict"), (NTKClassifier(), "loo_decision_function")],
    ids=["regressor", "classifier"],
)
def test_nothing_can_be_left_out_before_fit(model, leave_one_out):
    with pytest.raises(NotFittedError, match="not fitted yet"):
        getattr(model, leave_one_out)()


def test_a_single_sample_leaves_none_to_center_by():
    model = NNGPRegressor(NETWORK).fit([[1.0, 2.0]], [3.0])
    with pytest.raises(ValueError, match="at least two samples"):
        model.loo_predict()
    assert_allclose(
        model.set_params(normalize_y=False).fit([[1.0, 2.0]], [3.0]).loo_predict(), [0.0]
    )
