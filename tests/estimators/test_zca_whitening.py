"""Whitening: its definition, its inverse, and scikit-learn's contract."""

import inspect
import os
import pickle
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.linalg import fractional_matrix_power
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks

from skntk import NTKClassifier, ZCAWhitening
from skntk.architecture import ConvNet

ESTIMATORS = [ZCAWhitening(), ZCAWhitening(regularization=0)]
ARRAY_API = "ignore:Skipping check check_array_api_input:sklearn.exceptions.SkipTestWarning"


def table(n_samples, n_features, seed=0):
    """Return correlated features that are not centered."""
    random = np.random.default_rng(seed)
    mixing = random.normal(size=(n_features, n_features))
    return random.normal(size=(n_samples, n_features)) @ mixing + random.normal(size=n_features)


@pytest.mark.filterwarnings(ARRAY_API)
@parametrize_with_checks(ESTIMATORS)
def test_check_estimator(estimator, check):
    check(estimator)


def test_check_estimator_with_the_array_api_enabled():
    program = """
from sklearn.utils.estimator_checks import check_estimator
from tests.estimators.test_zca_whitening import ESTIMATORS

for estimator in ESTIMATORS:
    results = check_estimator(estimator, on_skip=None, on_fail="raise")
    assert all(result["status"] == "passed" for result in results), results
"""
    finished = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        cwd=Path(__file__).parents[2],
        env={**os.environ, "SCIPY_ARRAY_API": "1"},
        capture_output=True,
        text=True,
    )
    assert finished.returncode == 0, finished.stderr


@pytest.mark.parametrize("shape", [(40, 5), (7, 12)], ids=["many samples", "few samples"])
@pytest.mark.parametrize("regularization", [1e-3, 0.1, 10.0])
def test_the_formula(shape, regularization):
    X, X_new = table(*shape), table(3, shape[1], seed=1)
    covariance = np.cov(X.T, bias=True)
    rho = regularization * np.trace(covariance) / shape[1]
    matrix = fractional_matrix_power(covariance + rho * np.eye(shape[1]), -0.5)
    model = ZCAWhitening(regularization).fit(X)
    assert model.added_variance_ == pytest.approx(rho)
    np.testing.assert_allclose(model.transform(X_new), (X_new - X.mean(0)) @ matrix, rtol=1e-9)


def test_without_regularization_the_covariance_is_the_identity():
    X = table(50, 6)
    whitened = ZCAWhitening(regularization=0).fit_transform(X)
    np.testing.assert_allclose(np.cov(whitened.T, bias=True), np.eye(6), atol=1e-10)


def test_without_regularization_what_does_not_vary_is_set_to_zero():
    X = table(5, 8)
    model = ZCAWhitening(regularization=0).fit(X)
    whitened = model.transform(X)
    eigenvalues = np.linalg.eigvalsh(np.cov(whitened.T, bias=True))
    np.testing.assert_allclose(eigenvalues, [0, 0, 0, 0, 1, 1, 1, 1], atol=1e-8)
    np.testing.assert_allclose(model.inverse_transform(whitened), X, atol=1e-8)
    constant = ZCAWhitening().fit(np.ones((4, 3)))
    np.testing.assert_array_equal(constant.transform(np.ones((1, 3))), 0)


@pytest.mark.parametrize("shape", [(40, 5), (7, 12)], ids=["many samples", "few samples"])
def test_inverse(shape):
    X, X_new = table(*shape), table(4, shape[1], seed=1)
    model = ZCAWhitening(0.05).fit(X)
    np.testing.assert_allclose(model.inverse_transform(model.transform(X_new)), X_new, rtol=1e-8)


@pytest.mark.parametrize("n_samples", [5, 30])
def test_images_are_their_flat_rows(n_samples):
    flat = table(n_samples, 12)
    images = flat.reshape(-1, 2, 3, 2)
    model = ZCAWhitening().fit(images)
    whitened = model.transform(images)
    assert whitened.shape == images.shape
    np.testing.assert_array_equal(
        whitened.reshape(n_samples, -1), ZCAWhitening().fit_transform(flat)
    )
    np.testing.assert_allclose(model.inverse_transform(whitened), images, rtol=1e-8)


@pytest.mark.parametrize(
    ("dtype", "expected"),
    [(np.float64, np.float64), (np.float32, np.float32), (np.uint8, np.float64)],
)
def test_precision_is_kept(dtype, expected):
    X = np.random.default_rng(0).integers(0, 256, size=(20, 4, 4, 1)).astype(dtype)
    model = ZCAWhitening().fit(X)
    whitened = model.transform(X)
    assert whitened.dtype == model.inverse_transform(whitened).dtype == expected
    tolerance = 1e-4 if dtype == np.float32 else 1e-12
    reference = ZCAWhitening().fit_transform(X.astype(float))
    np.testing.assert_allclose(whitened, reference, atol=tolerance)
    assert model.components_.dtype == np.float64


def test_names_and_frames():
    X = pd.DataFrame(table(10, 3), columns=["a", "b", "c"])
    model = ZCAWhitening().set_output(transform="pandas").fit(X)
    assert (
        list(model.transform(X).columns) == list(model.get_feature_names_out()) == ["a", "b", "c"]
    )
    with pytest.raises(ValueError, match="have no names of features: pass flat rows"):
        ZCAWhitening().fit(np.ones((3, 4, 4))).get_feature_names_out()


def test_pickle_and_clone():
    X = table(10, 3)
    model = ZCAWhitening(0.3).fit(X)
    copy = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(copy.transform(X), model.transform(X))
    assert clone(model).regularization == 0.3
    assert not hasattr(clone(model), "mean_")


def test_a_search_over_the_strength_before_a_network():
    random = np.random.default_rng(0)
    labels = np.arange(24) % 2
    X = random.normal(size=(24, 4, 4, 1)) + labels[:, None, None, None]
    pipeline = make_pipeline(ZCAWhitening(), NTKClassifier(ConvNet(1, (2, 2))))
    grid = {"zcawhitening__regularization": [0.01, 1.0]}
    search = GridSearchCV(pipeline, grid, cv=2, error_score="raise").fit(X, labels)
    assert search.best_score_ > 0.5


@pytest.mark.parametrize("regularization", [-0.1, np.inf, "much", None])
def test_strengths_that_are_not_valid(regularization):
    with pytest.raises(ValueError, match="'regularization' parameter of ZCAWhitening must be a fl"):
        ZCAWhitening(regularization).fit(table(5, 2))


def test_what_is_refused():
    X = table(6, 12).reshape(6, 2, 3, 2)
    with pytest.raises(NotFittedError):
        ZCAWhitening().transform(X)
    with pytest.raises(ValueError, match="minimum of 2 is required"):
        ZCAWhitening().fit(X[:1])
    model = ZCAWhitening().fit(X)
    for other in (X[:, :, :2], X[..., :1], X[:, :1], X.reshape(6, -1)):
        for method in (model.transform, model.inverse_transform):
            with pytest.raises(ValueError, match=r"was fitted on samples of shape \(2, 3, 2\)"):
                method(other)
    with pytest.raises(ValueError, match=r"was fitted on samples of shape \(2, 3, 2\)"):
        model.transform(X[:, :, :2].tolist())


def test_parameters_and_attributes_are_documented():
    model = ZCAWhitening().fit(pd.DataFrame(table(5, 2), columns=["a", "b"]))
    text = inspect.getdoc(ZCAWhitening)
    attributes = text.partition("Attributes\n")[2].partition("See Also\n")[0]
    public = {name for name in vars(model) if name.endswith("_") and not name.startswith("_")}
    assert set(re.findall(r"^(\w+) : ", attributes, flags=re.MULTILINE)) == public
