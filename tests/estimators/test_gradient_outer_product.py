"""The average gradient outer product of fitted models."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skntk import (
    FeatureLearningRegressor,
    NNGPClassifier,
    NNGPRegressor,
    NTKClassifier,
    NTKRegressor,
    average_gradient_outer_product,
)
from skntk.architecture import (
    AxisAlignedNet,
    Conv,
    Dense,
    FeatureProductNet,
    Flatten,
    InputScale,
    PNormExponential,
    Relu,
    Serial,
)
from skntk.solvers import InducingPoints
from tests.estimators.problems import NETWORK, classification, regression

pytestmark = pytest.mark.usefixtures("quick_compilation")

STEP = 1e-5


def outer_product_by_differences(outputs, X, weight=None):
    """Return the matrix from central differences of a function with one column for each output."""
    steps = STEP * np.eye(X[0].size).reshape(-1, *X.shape[1:])
    slopes = [(outputs(X + step) - outputs(X - step)) / (2 * STEP) for step in steps]
    gradients = np.stack([slope.reshape(len(X), -1) for slope in slopes], axis=-1)
    per_row = np.einsum("noi,noj->nij", gradients, gradients)
    return np.average(per_row, axis=0, weights=weight)


@pytest.mark.parametrize(
    "model",
    [
        NNGPRegressor(NETWORK),
        NTKRegressor(NETWORK, alpha=0.1),
        NTKRegressor(NETWORK, alpha=0.1, training_time=20.0),
        NTKRegressor(NETWORK, solver=InducingPoints(10, random_state=0)),
        NNGPRegressor(NETWORK, alpha=0.1, solver="conjugate_gradient"),
        NTKRegressor(AxisAlignedNet(), alpha=0.1),
        NNGPRegressor(Serial([InputScale([1.0, 0.5, 2.0, 0.3]), FeatureProductNet(depth=1)])),
        NNGPRegressor(Serial([PNormExponential(2.0), Dense()]), alpha=0.1),
    ],
    ids=[
        "nngp",
        "ntk",
        "early",
        "inducing points",
        "conjugate gradients",
        "stumps",
        "products",
        "exponential",
    ],
)
def test_of_a_regressor(model):
    X, y, X_test = regression(n_outputs=2)
    model.fit(X, y * [1.0, 5.0])
    expected = outer_product_by_differences(model.predict, X_test)
    found = average_gradient_outer_product(model, X_test)
    assert_allclose(found, expected, atol=1e-7 * expected.max())
    assert_allclose(
        average_gradient_outer_product(model, X_test, diagonal=True), np.diagonal(found), rtol=1e-12
    )


@pytest.mark.parametrize("n_classes", [2, 3])
def test_of_a_classifier_adds_up_the_scores_of_all_classes(n_classes):
    X, y, X_test = classification(n_classes)
    model = NNGPClassifier(NETWORK).fit(X, y)
    expected = outer_product_by_differences(model._scores_at, X_test)
    found = average_gradient_outer_product(model, X_test)
    assert_allclose(found, expected, atol=1e-7 * expected.max())


@pytest.mark.parametrize(
    "model",
    [
        NNGPClassifier(NETWORK, likelihood="softmax"),
        NTKClassifier(NETWORK, alpha=0.1, loss="log_loss", training_time=10.0),
    ],
    ids=["softmax", "log-loss"],
)
def test_of_logits(model):
    X, y, X_test = classification()
    model.fit(X, y)
    logits = model._scores.logits
    expected = outer_product_by_differences(logits, X_test)
    assert_allclose(
        average_gradient_outer_product(model, X_test), expected, atol=1e-7 * expected.max()
    )


def test_of_images_is_that_of_their_flattened_pixels():
    random = np.random.default_rng(0)
    X, X_test = random.normal(size=(6, 3, 2)), random.normal(size=(4, 3, 2))
    network = Serial([Conv((2,), bias_std=0.3), Relu(), Flatten(), Dense()])
    model = NTKRegressor(network, alpha=0.1).fit(X, X[:, 0, 0])
    expected = outer_product_by_differences(model.predict, X_test)
    found = average_gradient_outer_product(model, X_test)
    assert found.shape == (6, 6)
    assert_allclose(found, expected, atol=1e-7 * expected.max())


def test_rows_count_by_their_weights():
    X, y, X_test = regression()
    model = NNGPRegressor(NETWORK).fit(X, y)
    weight = np.arange(len(X_test))
    found = average_gradient_outer_product(model, X_test, sample_weight=weight)
    repeated = average_gradient_outer_product(model, np.repeat(X_test, weight, axis=0))
    assert_allclose(found, repeated, rtol=1e-10)


def test_of_a_linear_function_is_the_product_of_its_slopes():
    random = np.random.default_rng(0)
    X = random.normal(size=(30, 3))
    slopes = np.array([2.0, -1.0, 0.5])
    model = NNGPRegressor(Dense(), alpha=1e-10, alpha_scale="absolute", normalize_y=False)
    found = average_gradient_outer_product(model.fit(X, X @ slopes), X)
    assert_allclose(found, np.outer(slopes, slopes), rtol=1e-6)


def test_through_a_pipeline_derivatives_are_those_of_the_last_step():
    X, y, X_test = regression()
    pipeline = make_pipeline(StandardScaler(), NNGPRegressor(NETWORK)).fit(X, y)
    assert_allclose(
        average_gradient_outer_product(pipeline, X_test),
        average_gradient_outer_product(pipeline[-1], pipeline[0].transform(X_test)),
    )


@pytest.mark.parametrize("matrix", ["full", "diagonal"])
def test_of_learned_features_it_is_by_the_inputs(matrix):
    X, y, X_test = regression()
    model = FeatureLearningRegressor(
        NNGPRegressor(NETWORK), matrix=matrix, alpha_factors=0.1, n_rounds=2, cv=2, random_state=0
    ).fit(X, y)
    assert model.n_rounds_ > 0
    expected = outer_product_by_differences(model.predict, X_test)
    found = average_gradient_outer_product(model, X_test)
    assert_allclose(found, expected, atol=1e-7 * expected.max())
    diagonal = average_gradient_outer_product(model, X_test, diagonal=True)
    assert_allclose(diagonal, np.diagonal(found), rtol=1e-12)


def test_single_precision_has_the_derivatives_of_double():
    X, y, X_test = regression()
    double, single = (
        average_gradient_outer_product(NNGPRegressor(NETWORK, alpha=0.1, dtype=d).fit(X, y), X_test)
        for d in ("float64", "float32")
    )
    assert_allclose(single, double, rtol=1e-4, atol=1e-5 * double.max())


def test_says_what_it_cannot_differentiate():
    X, y, _ = regression()
    with pytest.raises(TypeError, match="kernel of an infinitely wide network"):
        average_gradient_outer_product(Ridge().fit(X, y), X)
    with pytest.raises(NotFittedError):
        average_gradient_outer_product(NNGPRegressor(), X)
    started = NNGPRegressor(NETWORK, initial_function=lambda rows: rows[:, 0]).fit(X, y)
    with pytest.raises(ValueError, match="initial_function=None"):
        average_gradient_outer_product(started, X)
