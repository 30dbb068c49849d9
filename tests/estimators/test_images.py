"""Estimators of images and sequences: whatever holds for tables holds for them."""

import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone, is_classifier
from sklearn.ensemble import BaggingClassifier
from sklearn.model_selection import GridSearchCV, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skntk import (
    NNGPClassifier,
    NNGPRegressor,
    NTKClassifier,
    NTKRegressor,
    gram_diagonal,
    gram_matrix,
)
from skntk.architecture import ConvNet, FullyConnected, Serial

SHAPES = {"images": (4, 4, 1), "sequences": (6, 2)}
# Flattened at the end and one layer deep: these compile fastest.
NETWORKS = {"images": ConvNet(1, (2, 2)), "sequences": ConvNet(1, (2,))}
FAMILIES = [NNGPRegressor, NTKRegressor, NNGPClassifier, NTKClassifier]
each_family = pytest.mark.parametrize("family", FAMILIES)
each_kind = pytest.mark.parametrize("kind", SHAPES)


def problem(family, kind, n_samples=20):
    """Return images of pixels from 0 to 255, targets and test images."""
    random = np.random.default_rng(0)
    labels = np.arange(n_samples + 5) % 3
    pixels = random.integers(0, 60, size=(n_samples + 5, *SHAPES[kind])) + 80 * labels.reshape(
        -1, *(1,) * len(SHAPES[kind])
    )
    X = pixels.astype(np.uint8)
    y = np.array(["ash", "birch", "cedar"])[labels] if is_classifier(family()) else labels + 0.5
    return X[:n_samples], y[:n_samples], X[n_samples:]


def model_for(family, kind, **options):
    return family(NETWORKS[kind], **options)


def outputs(model, X):
    """Return what a fitted model says of inputs, as one array."""
    if is_classifier(model):
        return np.hstack([model.predict_proba(X), model.predict_std(X)])
    return np.vstack(model.predict(X, return_std=True))


@each_family
@each_kind
def test_flat_rows_are_samples(family, kind):
    X, y, X_test = problem(family, kind)
    model = model_for(family, kind).fit(X, y)
    flat = clone(model).set_params(architecture__input_shape=SHAPES[kind])
    flat.fit(X.reshape(len(X), -1), y)
    np.testing.assert_array_equal(
        outputs(flat, X_test.reshape(len(X_test), -1)), outputs(model, X_test)
    )
    assert flat.n_features_in_ == np.prod(SHAPES[kind])
    assert model.n_features_in_ == SHAPES[kind][0]
    assert model.X_train_.shape == X.shape


@each_family
@each_kind
def test_pixels_of_one_byte_are_numbers(family, kind):
    X, y, X_test = problem(family, kind)
    model = model_for(family, kind)
    of_bytes = outputs(clone(model).fit(X, y), X_test)
    floats = X.astype(float), X_test.astype(float)
    np.testing.assert_array_equal(outputs(clone(model).fit(floats[0], y), floats[1]), of_bytes)


@each_kind
def test_kernels_of_pixels_of_one_byte(kind):
    X, _, _ = problem(NTKRegressor, kind)
    network = NETWORKS[kind]
    for function in (gram_matrix, gram_diagonal):
        np.testing.assert_array_equal(function(network, X), function(network, X.astype(float)))


@each_family
def test_pickle_and_clone(family):
    X, y, X_test = problem(family, "images")
    model = model_for(family, "images").fit(X, y)
    copy = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(outputs(copy, X_test), outputs(model, X_test))
    np.testing.assert_array_equal(outputs(clone(model).fit(X, y), X_test), outputs(model, X_test))


@each_family
def test_weights_are_repetitions(family):
    X, y, X_test = problem(family, "images")
    weight = np.arange(len(X)) % 3
    repeated = np.repeat(np.arange(len(X)), weight)
    options = {"alpha": 0.3, "alpha_scale": "absolute"}
    weighted = model_for(family, "images", **options).fit(X, y, sample_weight=weight)
    ours = model_for(family, "images", **options).fit(X[repeated], y[repeated])
    np.testing.assert_allclose(outputs(weighted, X_test), outputs(ours, X_test), rtol=1e-6)


@pytest.mark.parametrize("family", [NNGPClassifier, NTKClassifier])
def test_repeated_images_are_one_row(family):
    X, y, _ = problem(family, "images")
    model = model_for(family, "images").fit(np.vstack([X, X[:4]]), np.concatenate([y, y[:4]]))
    assert model.X_train_.shape == X.shape
    assert model.loo_decision_function().shape == (len(X) + 4, 3)


@pytest.mark.parametrize("family", [NNGPRegressor, NTKRegressor])
def test_leave_one_out(family):
    X, y, _ = problem(family, "images", 6)
    model = model_for(family, "images", alpha=0.5, alpha_scale="absolute", normalize_y=False)
    left_out = [
        clone(model).fit(np.delete(X, row, 0), np.delete(y, row)).predict(X[row : row + 1])[0]
        for row in range(len(X))
    ]
    np.testing.assert_allclose(model.fit(X, y).loo_predict(), left_out, rtol=1e-8)


@pytest.mark.parametrize("family", [NNGPRegressor, NTKRegressor])
def test_prior(family):
    X, _, _ = problem(family, "images")
    model = model_for(family, "images")
    mean, std = model.predict(X, return_std=True)
    np.testing.assert_array_equal(mean, 0)
    np.testing.assert_allclose(std**2, gram_diagonal(model.architecture, X, kind="nngp"))
    flat = clone(model).set_params(architecture__input_shape=SHAPES["images"])
    np.testing.assert_array_equal(flat.predict_std(X.reshape(len(X), -1)), std)
    assert model.sample_y(X, 3).shape == (len(X), 3)


def test_searches_and_meta_estimators_split_images():
    X, y, X_test = problem(NTKClassifier, "images", 24)
    grid = {
        "architecture__filter_shape": [(1, 1), (2, 2)],
        "architecture__weight_std": [1.0, 2.0],
        "alpha": [0.1, 1.0],
    }
    search = GridSearchCV(model_for(NTKClassifier, "images"), grid, cv=2, error_score="raise")
    assert search.fit(X, y).predict(X_test).shape == (5,)
    assert cross_val_predict(model_for(NTKClassifier, "images"), X, y, cv=2).shape == (24,)


def test_one_search_over_networks_of_vectors_and_of_images():
    X, y, _ = problem(NTKClassifier, "images", 24)
    networks = [FullyConnected(1), ConvNet(1, (2, 2), input_shape=SHAPES["images"])]
    flat = X.reshape(len(X), -1) / 64 - 2
    search = GridSearchCV(NTKClassifier(), {"architecture": networks}, cv=2, error_score="raise")
    assert search.fit(flat, y).best_score_ > 0.5
    bagging = BaggingClassifier(NTKClassifier(networks[1]), n_estimators=2, random_state=0)
    assert bagging.fit(flat, y).score(flat, y) > 0.5


def test_flat_rows_pass_through_a_pipeline_of_tables():
    X, y, X_test = problem(NTKClassifier, "images")
    table, test_table = (pd.DataFrame(each.reshape(len(each), -1)) for each in (X, X_test))
    network = ConvNet(1, (2, 2), input_shape=SHAPES["images"])
    model = make_pipeline(StandardScaler(), NTKClassifier(network)).fit(table, y)
    scaler = StandardScaler().fit(table)
    scaled = [scaler.transform(each).reshape(-1, *SHAPES["images"]) for each in (table, test_table)]
    expected = NTKClassifier(ConvNet(1, (2, 2))).fit(scaled[0], y).decision_function(scaled[1])
    np.testing.assert_allclose(model.decision_function(test_table), expected)


# What is refused ----------------------------------------------------------------------------------


@each_family
@pytest.mark.parametrize("shape", [(4, 4, 3), (5, 4, 1), (4, 5, 1), (4, 4), (16,)])
@pytest.mark.parametrize("as_given", [np.asarray, np.ndarray.tolist], ids=["array", "list"])
def test_other_samples_than_in_fit(family, shape, as_given):
    X, y, _ = problem(family, "images")
    model = model_for(family, "images").fit(X, y)
    message = r"X has samples of shape \(.*\), but .* was fitted on samples of shape \(4, 4, 1\)"
    if as_given is not np.asarray and shape[0] != 4:
        message = "features, but .* is expecting 4 features"
    with pytest.raises(ValueError, match=message):
        model.predict(as_given(np.ones((2, *shape))))


@each_family
@pytest.mark.parametrize("n_features", [15, 17])
def test_rows_that_are_no_images(family, n_features):
    X, y, _ = problem(family, "images")
    rows = np.ones((len(X), n_features))
    model = family(ConvNet(1, (2, 2), input_shape=(4, 4, 1)))
    message = r"ConvNet\(input_shape=\(4, 4, 1\)\) takes .* flat rows of 16 features, but one"
    with pytest.raises(ValueError, match=message):
        model.fit(rows, y)
    with pytest.raises(ValueError, match="16 features"):
        gram_matrix(model.architecture, rows)
    with pytest.raises(ValueError, match=r"one sample has shape \(4, 4, 3\)"):
        model.fit(np.ones((len(X), 4, 4, 3)), y)


@each_family
def test_rows_without_their_shape(family):
    X, y, _ = problem(family, "images")
    message = r"takes images, .* \(16,\). Set input_shape to the shape of one sample"
    with pytest.raises(ValueError, match=message):
        family(ConvNet(1)).fit(X.reshape(len(X), -1), y)


@pytest.mark.parametrize(
    ("input_shape", "error", "message"),
    [
        ((4, 4), ValueError, "input_shape must have 3 entries"),
        ((4, -4, -1), ValueError, "input_shape must be at least 1"),
        (16, TypeError, "input_shape must be a tuple of integers"),
    ],
)
def test_input_shapes_that_are_not_valid(input_shape, error, message):
    with pytest.raises(error, match=message):
        gram_matrix(ConvNet(1, input_shape=input_shape), np.ones((2, 16)))


def test_rows_are_reshaped_for_networks_within_networks():
    rows = np.random.default_rng(0).normal(size=(3, 16))
    network = ConvNet(1, input_shape=(4, 4, 1))
    found = gram_matrix(Serial([network]), rows)
    np.testing.assert_allclose(found, gram_matrix(network, rows), rtol=1e-12)
    with pytest.raises(ValueError, match="takes images"):
        gram_matrix(Serial([ConvNet(1)]), rows)
