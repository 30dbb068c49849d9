"""The transformers as scikit-learn knows them: inputs, outputs, parameters and errors."""

import os
import pickle
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csc_array, csr_array, csr_matrix, random_array
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks

from skntk import NNGPFeatures, NTKFeatures, NTKRegressor, _processes, gram_matrix
from skntk.architecture import (
    Conv,
    ConvLocal,
    ConvTranspose,
    Dense,
    Dropout,
    ExpNormalized,
    Flatten,
    FullyConnected,
    LayerNorm,
    LeakyRelu,
    Product,
    Relu,
    SelfAttention,
    Serial,
)
from skntk.architecture.presets import ConvNet
from skntk.features import drawing, network_features
from skntk.features.network_features import shares
from tests.architecture.networks import inputs

pytestmark = pytest.mark.usefixtures("quick_compilation")

SMALL = {"n_components": 6, "width": 16, "random_state": 0}
TRANSFORMERS = [
    NNGPFeatures(FullyConnected(2), **SMALL),
    NTKFeatures(FullyConnected(2), **SMALL),
]
ARRAY_API = "ignore:Skipping check check_array_api_input:sklearn.exceptions.SkipTestWarning"
each_transformer = pytest.mark.parametrize(
    "transformer", TRANSFORMERS, ids=["NNGPFeatures", "NTKFeatures"]
)


@pytest.mark.filterwarnings(ARRAY_API)
@parametrize_with_checks(TRANSFORMERS)
def test_check_estimator(estimator, check):
    check(estimator)


def test_check_estimator_with_the_array_api_enabled():
    program = """
from sklearn.utils.estimator_checks import estimator_checks_generator
from tests.features.test_transformers import TRANSFORMERS

for transformer in TRANSFORMERS:
    for instance, check in estimator_checks_generator(transformer):
        if check.func.__name__ == "check_array_api_input":
            check(instance)
            print("checked")
"""
    finished = subprocess.run(
        [sys.executable, "-c", program],
        cwd=Path(__file__).parents[2],
        env={**os.environ, "SCIPY_ARRAY_API": "1"},
        capture_output=True,
        text=True,
    )
    assert finished.returncode == 0, finished.stderr
    assert finished.stdout.split() == ["checked"] * 2


@each_transformer
def test_random_state_decides_everything(transformer):
    X = inputs(4)
    first = transformer.fit_transform(X)
    again = clone(transformer).fit(inputs(7, seed=1)).transform(X)
    np.testing.assert_array_equal(first, again)
    other = clone(transformer).set_params(random_state=1).fit_transform(X)
    assert np.abs(first - other).max() > 0.1


@each_transformer
def test_blocks_and_copies(transformer, monkeypatch):
    X = inputs(200)
    features = transformer.fit_transform(X)
    restored = pickle.loads(pickle.dumps(transformer))
    np.testing.assert_allclose(restored.transform(X[150:]), features[150:])
    monkeypatch.setattr(network_features, "BLOCK", 1)
    np.testing.assert_allclose(transformer.transform(X), features)


@each_transformer
@pytest.mark.parametrize("kind", [csr_array, csr_matrix, csc_array])
def test_sparse_rows_have_the_features_of_dense_ones(transformer, kind):
    X = random_array((90, 40), density=0.1, rng=np.random.default_rng(0))
    dense = X.toarray()
    for network in (FullyConnected(2), ConvNet(1, input_shape=(5, 4, 2))):
        model = clone(transformer).set_params(architecture=network).fit(kind(X))
        np.testing.assert_allclose(model.transform(kind(X)), model.transform(dense))
        np.testing.assert_allclose(model.fit(dense).transform(kind(X)), model.transform(dense))


def test_sparse_rows_stay_sparse_up_to_the_neurons(monkeypatch):
    X = csr_array(random_array((3, 10**5), density=1e-4, rng=np.random.default_rng(0)))
    transformer = NTKFeatures(FullyConnected(1), **SMALL).fit(X)
    monkeypatch.setattr(csr_array, "toarray", _only_of_few_columns(csr_array.toarray))
    assert transformer.transform(X).shape == (3, 6)


def _only_of_few_columns(toarray):
    def checked(rows):
        assert rows.shape[1] <= 100
        return toarray(rows)

    return checked


@each_transformer
def test_single_precision(transformer):
    X = inputs(5)
    double = clone(transformer).fit_transform(X)
    single = clone(transformer).set_params(dtype="float32").fit(X)
    for rows in (X, X.astype(np.float32), csr_array(X)):
        features = single.transform(rows)
        assert features.dtype == np.float32
    assert double.dtype == clone(transformer).fit_transform(X.astype(np.float32)).dtype
    arrays = [step.weights for step in single._features.step.steps if hasattr(step, "weights")]
    assert {array.dtype for array in arrays} == {np.dtype(np.float32)}
    with pytest.raises(ValueError, match="too large for dtype"):
        single.transform(1e300 * X)


@each_transformer
def test_names_and_frames(transformer):
    frame = pd.DataFrame(inputs(4), columns=list("abcde"))
    model = clone(transformer).set_output(transform="pandas").fit(frame)
    name = type(transformer).__name__.lower()
    assert list(model.transform(frame).columns) == [f"{name}{number}" for number in range(6)]
    assert list(model.feature_names_in_) == list("abcde")


def test_the_default_network_and_width():
    model = NNGPFeatures(n_components=3, random_state=0).fit(inputs(2))
    assert (model.architecture_, model.width_) == (FullyConnected(), 1024)
    assert NNGPFeatures(FullyConnected(1), 1030).fit(inputs(2)).width_ == 1030
    assert NNGPFeatures(ConvNet(1), 3).fit(np.zeros((1, 4, 4, 1))).width_ == 128


def test_in_a_pipeline_and_a_search():
    X = inputs(120)
    y = np.sin(X[:, 0]) + X[:, 1] ** 2
    network = FullyConnected(1)
    features = NTKFeatures(network, n_components=400, width=400, random_state=0)
    model = make_pipeline(features, Ridge(alpha=1e-2, fit_intercept=False)).fit(X[:90], y[:90])
    exact = NTKRegressor(network, alpha=1e-2, alpha_scale="absolute", normalize_y=False)
    predicted = exact.fit(X[:90], y[:90]).predict(X[90:])
    assert np.sqrt(np.mean((model.predict(X[90:]) - predicted) ** 2)) < 0.4 * np.std(y)
    grid = {"ntkfeatures__architecture__depth": [1, 2], "ntkfeatures__width": [8]}
    search = GridSearchCV(model, grid, cv=2).fit(X, y)
    assert search.best_params_["ntkfeatures__architecture__depth"] in (1, 2)
    with pytest.raises(ValueError, match=r"architecture__depth cannot be set"):
        NTKFeatures().set_params(architecture__depth=2)


def test_networks_without_weights_have_no_ntk():
    np.testing.assert_array_equal(NTKFeatures(Relu(), 3, width=4).fit_transform(inputs(2)), 0)
    few = NNGPFeatures(Dense(1.2, 0.1), 10, random_state=0).fit_transform(inputs(2))
    exact = gram_matrix(Dense(1.2, 0.1), inputs(2), kind="nngp")
    np.testing.assert_allclose(few @ few.T, exact)


@pytest.mark.parametrize(
    ("n_features", "n_outputs", "expected"),
    [([9, 9], 6, [3, 3]), ([9, 2, 9], 7, [2, 2, 3]), ([2, 1], 9, [2, 1]), ([9], 4, [4])],
)
def test_parts_of_the_kernel_share_the_components(n_features, n_outputs, expected):
    assert shares(n_features, n_outputs) == expected


def test_fewer_components_than_parts_of_the_kernel():
    model = NTKFeatures(FullyConnected(1), 1, width=4, random_state=0)
    assert np.all(model.fit_transform(inputs(3)) != 0)


@pytest.mark.parametrize("shape", [(5, 4, 2), (7, 2)], ids=["images", "sequences"])
def test_samples_of_another_shape(shape):
    network = ConvNet(1, (3,) * (len(shape) - 1))
    model = NTKFeatures(network, **SMALL).fit(np.ones((2, *shape)))
    with pytest.raises(ValueError, match="was fitted on samples of shape"):
        model.transform(np.ones((2, 9, *shape[1:])))


WINDOW = (3, 3)
UNSUPPORTED = [
    Serial([Dense(), LayerNorm(), Relu(), Dense()]),
    Serial([Dense(), Dropout(0.5), Relu(), Dense()]),
    Product([Dense(), Dense()]),
    Serial([ConvLocal(WINDOW), Flatten()]),
    Serial([Conv(WINDOW), ConvTranspose(WINDOW), Flatten()]),
    Serial([SelfAttention(), Flatten()]),
]


@pytest.mark.parametrize("network", UNSUPPORTED, ids=str)
def test_layers_without_features(network):
    name = next(
        name
        for name in ("LayerNorm", "Dropout", "Product", "ConvLocal", "ConvTranspose", "Attention")
        if name in str(network)
    )
    X = np.ones((2, 4, 4, 1)) if "Flatten" in str(network) else inputs(2)
    with pytest.raises(
        TypeError, match=rf"{name} has no random features\. These exist for AvgPool,"
    ):
        NTKFeatures(network, **SMALL).fit(X)


def test_activations_without_a_function():
    network = Serial([Dense(), ExpNormalized(), Dense()])
    with pytest.raises(TypeError, match="ExpNormalized is defined by its kernel alone"):
        NNGPFeatures(network, **SMALL).fit(inputs(2))


def test_parameters_that_are_not_valid():
    for parameters in ({"n_components": 0}, {"width": 0}, {"dtype": "float16"}):
        with pytest.raises(ValueError, match=f"'{next(iter(parameters))}' parameter"):
            NNGPFeatures(**parameters).fit(inputs(2))
    with pytest.raises(NotFittedError):
        NNGPFeatures().transform(inputs(2))
    with pytest.raises(ValueError, match=r"Flatten\(\) or GlobalAvgPool\(\)"):
        NNGPFeatures(Conv(WINDOW)).fit(np.ones((2, 4, 4, 1)))


def test_a_copy_of_a_process_in_which_jax_has_run(monkeypatch):
    model = NNGPFeatures(FullyConnected(1), **SMALL).fit(inputs(2))
    monkeypatch.setattr(_processes, "_process", os.getpid() + 1)
    with pytest.raises(RuntimeError, match="This process was forked"):
        model.transform(inputs(2))


def test_settings_of_jax():
    leaky = LeakyRelu(np.float64(0.1))
    model = NTKFeatures(FullyConnected(1, leaky), **SMALL, dtype="float32")
    expected = model.fit_transform(inputs(3))
    with (
        jax.numpy_dtype_promotion("strict"),
        jax.numpy_rank_promotion("raise"),
        jax.debug_nans(True),
        jax.transfer_guard("disallow"),
    ):
        np.testing.assert_array_equal(model.fit_transform(inputs(3)), expected)


def test_too_little_memory(monkeypatch):
    def refuse(n_bytes, what, remedy):
        raise MemoryError(f"{n_bytes} {what} {remedy}")

    monkeypatch.setattr(drawing, "require_memory", refuse)
    with pytest.raises(MemoryError, match=r"640 Weights between 5 features and width=16 neurons"):
        NNGPFeatures(Serial([Dense(), Relu()]), **SMALL).fit(inputs(2))
