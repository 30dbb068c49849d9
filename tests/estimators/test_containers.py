"""The numbers count, and not what holds them: types, files on disk, frames, threads."""

from concurrent.futures import ThreadPoolExecutor

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone

from skntk import NNGPClassifier, NNGPRegressor, NTKClassifier, NTKRegressor

from .problems import CLASSIFIERS, ESTIMATORS, NETWORK, REGRESSORS, name_of, problem_for

each_estimator = pytest.mark.parametrize("estimator", ESTIMATORS, ids=name_of)
each_regressor = pytest.mark.parametrize("estimator", REGRESSORS, ids=name_of)
ALPHA = 0.1


def results(model, X):
    if hasattr(model, "predict_proba"):
        return [model.predict_proba(X), model.predict_std(X), model.predict(X)]
    return [*model.predict(X, return_std=True), model.sample_y(X, 2, random_state=0)]


def assert_same(found, expected):
    for ours, theirs in zip(found, expected, strict=True):
        assert ours.dtype == theirs.dtype
        assert_array_equal(ours, theirs)


def whole_numbers(estimator):
    """Return inputs and targets that every type of number can hold, and test inputs."""
    X, y, X_test = problem_for(estimator)
    X, X_test = (np.clip(np.round(5 * values), -9, 9) + 10 for values in (X, X_test))
    return X, (y if y.dtype.kind == "U" else np.round(y)), X_test


TYPES = ["uint8", "int64", ">i4", ">f8", "float16", "longdouble", object]


@pytest.mark.parametrize("estimator", [ESTIMATORS[1], ESTIMATORS[3]], ids=name_of)
@pytest.mark.parametrize("dtype", TYPES, ids=str)
def test_types_of_numbers(estimator, dtype):
    X, y, X_test = whole_numbers(estimator)
    model = clone(estimator).set_params(alpha=ALPHA)
    expected = results(clone(model).fit(X, y), X_test)
    targets = y if y.dtype.kind == "U" else y.astype(dtype)
    assert_same(results(model.fit(X.astype(dtype), targets), X_test.astype(dtype)), expected)
    assert model.dual_coef_.dtype == np.float64


@pytest.mark.parametrize("cls", [NNGPClassifier, NTKClassifier])
@pytest.mark.parametrize("dtype", ["bool", "int8", "float32", ">i4"])
def test_types_of_classes(cls, dtype):
    X, y, X_test = problem_for(CLASSIFIERS[0], n_classes=2)
    labels = (y == "ash").astype(int).astype(dtype)
    model = cls(NETWORK, alpha=ALPHA).fit(X, labels)
    assert model.predict(X_test).dtype == model.classes_.dtype == labels.dtype
    assert_allclose(
        model.predict_proba(X_test),
        cls(NETWORK, alpha=ALPHA).fit(X, (y == "ash").astype(int)).predict_proba(X_test),
    )


@each_estimator
def test_memory_maps_and_arrays_that_may_not_change(estimator, tmp_path):
    X, y, X_test = problem_for(estimator)
    weight = np.linspace(0.5, 2, len(y))
    expected = results(clone(estimator).set_params(alpha=ALPHA).fit(X, y, weight), X_test)
    joblib.dump((X, y, weight, X_test), tmp_path / "data")
    on_disk = joblib.load(tmp_path / "data", mmap_mode="r")
    assert all(isinstance(values, np.memmap) for values in on_disk)
    model = clone(estimator).set_params(alpha=ALPHA).fit(*on_disk[:3])
    assert_same(results(model, on_disk[3]), expected)
    for values in (X, y, weight, X_test):
        values.flags.writeable = False
    frozen = clone(estimator).set_params(alpha=ALPHA).fit(X, y, weight)
    assert_same(results(frozen, X_test), expected)


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame], ids=["pandas", "polars"])
@pytest.mark.parametrize("cls", [NNGPRegressor, NTKRegressor])
def test_frames_of_several_outputs_with_weights_and_alphas(cls, frame):
    X, y, X_test = problem_for(REGRESSORS[0], n_outputs=3)
    weight, alpha = np.linspace(0.5, 2, len(y)), np.linspace(0.1, 0.3, len(y))
    expected = results(cls(NETWORK, alpha=alpha).fit(X, y, weight), X_test)
    columns = [frame({f"c{i}": column for i, column in enumerate(values.T)}) for values in (X, y)]
    series = pd.Series if frame is pd.DataFrame else pl.Series
    model = cls(NETWORK, alpha=series(alpha)).fit(*columns, series(weight))
    test = frame({f"c{i}": column for i, column in enumerate(X_test.T)})
    assert_same(results(model, test), expected)


def test_the_index_of_a_frame_is_not_read():
    X, y, X_test = problem_for(REGRESSORS[0])
    index = np.random.default_rng(0).permutation(len(y)) + 100
    model = NTKRegressor(NETWORK, alpha=ALPHA)
    expected = results(clone(model).fit(X, y), X_test)
    columns = pd.DataFrame(X, index=index).rename(columns=str)
    found = clone(model).fit(columns, pd.Series(y, index=index[::-1]))
    assert_same(results(found, pd.DataFrame(X_test).rename(columns=str)), expected)


@each_regressor
def test_every_output_is_that_of_a_model_of_its_own(estimator):
    X, y, X_test = problem_for(estimator, n_outputs=3)
    y[:, 1] = 2.5  # one of them is constant
    model = clone(estimator).set_params(alpha=ALPHA).fit(X, y)
    mean, covariance = model.predict(X_test, return_cov=True)
    std = model.predict(X_test, return_std=True)[1]
    assert mean.shape == std.shape == (9, 3) and covariance.shape == (9, 9, 3)
    assert model.sample_y(X_test, 5).shape == (9, 3, 5)
    assert model.dual_coef_.shape == (25, 3) and model.predict(X_test[:1]).shape == (1, 3)
    for output in range(3):
        alone = clone(model).fit(X, y[:, output])
        expected_mean, expected_covariance = alone.predict(X_test, return_cov=True)
        assert expected_mean.shape == (9,) and expected_covariance.shape == (9, 9)
        assert_allclose(mean[:, output], expected_mean, rtol=1e-10)
        assert_allclose(covariance[..., output], expected_covariance, rtol=1e-9, atol=1e-12)
        assert_allclose(std[:, output], alone.predict_std(X_test), rtol=1e-10)


def test_threads_fit_and_predict_as_one_after_the_other():
    problems = {name_of(estimator): problem_for(estimator) for estimator in ESTIMATORS}
    models = [clone(estimator).set_params(alpha=ALPHA) for estimator in ESTIMATORS]

    def fitted(model):
        X, y, X_test = problems[name_of(model)]
        return results(model.fit(X, y), X_test)

    expected = [fitted(model) for model in models]
    with ThreadPoolExecutor(4) as pool:
        for found, wanted in zip(pool.map(fitted, map(clone, models)), expected, strict=True):
            assert_same(found, wanted)
        # One model that several threads ask at once.
        X_test = problems[name_of(models[1])][2]
        for found in pool.map(lambda _: results(models[1], X_test), range(8)):
            assert_same(found, expected[1])
