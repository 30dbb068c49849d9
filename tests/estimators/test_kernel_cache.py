"""A search by refits computes each kernel entry once where the estimator may keep them."""

import pickle

import numpy as np
import pytest
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skntk import NNGPRegressor, NTKRegressor
from skntk.gram.cache import kernel_cache as module
from skntk.gram.cache.kernel_cache import KERNEL_CACHE
from skntk.gram.kernel_function import KernelFunction
from tests.estimators.problems import NETWORK, regression

GRID = {"alpha": [0.1, 1.0], "architecture__weight_std": [1.0, 2.0]}
each_regressor = pytest.mark.parametrize("cls", [NNGPRegressor, NTKRegressor])


@pytest.fixture(autouse=True)
def cleared():
    KERNEL_CACHE.clear()
    yield
    KERNEL_CACHE.clear()


@pytest.fixture
def entries(monkeypatch):
    """Record the number of entries of each matrix that is computed."""
    computed, gram = [], KernelFunction.gram

    def recorded(kernel_function, X, Y=None, **options):
        computed.append(len(X) * (len(X) if Y is None else len(Y)))
        return gram(kernel_function, X, Y, **options)

    monkeypatch.setattr(KernelFunction, "gram", recorded)
    return computed


@each_regressor
def test_folds_and_alphas_compute_every_entry_once(cls, entries):
    X, y, _ = regression()
    search = GridSearchCV(cls(NETWORK, cache_size=1), GRID, cv=5, refit=False).fit(X, y)
    # The first fold: 20 x 20, then 5 x 20, and the second adds 5 x 5. For each of two networks.
    assert sum(entries) == 2 * (400 + 100 + 25)
    without = GridSearchCV(cls(NETWORK), GRID, cv=5, refit=False).fit(X, y)
    for name in ("mean_test_score", "std_test_score"):
        np.testing.assert_allclose(
            search.cv_results_[name], without.cv_results_[name], rtol=1e-9, atol=1e-12
        )


def test_rows_that_each_fold_scales_by_itself_miss(entries):
    X, y, _ = regression()
    model = make_pipeline(StandardScaler(), NTKRegressor(NETWORK, cache_size=1))
    GridSearchCV(model, {"ntkregressor__alpha": [0.1, 1.0]}, cv=5, refit=False).fit(X, y)
    assert sum(entries) == 5 * (400 + 100)


def test_a_model_is_the_same_with_and_without(entries):
    X, y, X_test = regression(n_outputs=2)
    models = [
        NTKRegressor(NETWORK, cache_size=size, dtype=dtype).fit(X, y)
        for dtype in ("float64", "float32")
        for size in (None, 1, 1)
    ]
    for first in (0, 3):
        expected = models[first].predict(X_test, return_cov=True)
        for model in models[first + 1 : first + 3]:
            for value, reference in zip(
                model.predict(X_test, return_cov=True), expected, strict=True
            ):
                tolerance = 1e-10 if model.dtype == "float64" else 1e-4
                np.testing.assert_allclose(value, reference, rtol=tolerance, atol=tolerance)


@pytest.fixture
def kinds_asked(monkeypatch):
    """Record which kernels are asked for."""
    asked = []
    entries_of = module.KernelCache.gram_matrix
    monkeypatch.setattr(
        module.KernelCache,
        "gram_matrix",
        lambda *a, kinds, **k: asked.append(kinds) or entries_of(*a, kinds=kinds, **k),
    )
    return asked


@pytest.mark.parametrize("forgotten", [False, True])
def test_the_nngp_kernel_of_an_ensemble_is_looked_up_for_its_spread(kinds_asked, forgotten):
    X, y, X_test = regression()
    model = NTKRegressor(NETWORK, alpha=0.1, cache_size=1).fit(X, y)
    model.predict(X_test)
    model.loo_predict()
    assert kinds_asked == [("ntk",)] * 2
    # As a model in another process, or after many others.
    if forgotten:
        model = pickle.loads(pickle.dumps(model))
        KERNEL_CACHE.clear()
    expected = NTKRegressor(NETWORK, alpha=0.1).fit(X, y)
    predictions = (each.predict(X_test, return_std=True) for each in (model, expected))
    np.testing.assert_allclose(*predictions, rtol=1e-10)
    np.testing.assert_allclose(model.loo_predict(True), expected.loo_predict(True), rtol=1e-10)
    stages = model.staged_predict(X_test, [1.0], return_std=True)
    expected = expected.staged_predict(X_test, [1.0], return_std=True)
    np.testing.assert_allclose(next(stages), next(expected), rtol=1e-10)


def test_an_alpha_is_found_from_both_kernels(kinds_asked):
    X, y, X_test = regression()
    model = NTKRegressor(NETWORK, cache_size=1).fit(X, y)
    model.predict(X_test)
    assert kinds_asked == [("ntk", "nngp"), ("ntk",)]
    expected = NTKRegressor(NETWORK).fit(X, y).predict(X_test, return_std=True)
    np.testing.assert_allclose(model.predict(X_test, return_std=True), expected, rtol=1e-10)


@pytest.mark.parametrize("size", [0, -1.0])
def test_a_cache_of_no_size_is_refused(size):
    X, y, _ = regression()
    with pytest.raises(ValueError, match=r"'cache_size' parameter of NTKRegressor must be .*None"):
        NTKRegressor(NETWORK, cache_size=size).fit(X, y)


def test_workers_share_a_folder(tmp_path):
    X, y, _ = regression()
    model = NTKRegressor(NETWORK, cache_size=1, cache_location=tmp_path)
    found = GridSearchCV(model, {"alpha": [0.1, 1.0]}, cv=5, n_jobs=2, refit=False).fit(X, y)
    expected = GridSearchCV(NTKRegressor(NETWORK), {"alpha": [0.1, 1.0]}, cv=5, refit=False)
    expected.fit(X, y)
    np.testing.assert_allclose(
        found.cv_results_["mean_test_score"], expected.cv_results_["mean_test_score"], rtol=1e-10
    )
    # Together they have found all entries.
    (file,) = tmp_path.glob("*.npz")
    with np.load(file) as saved:
        assert saved["is_known"].shape == (25, 25)
        assert saved["is_known"].all()


def test_a_location_without_a_size_is_refused(tmp_path):
    X, y, _ = regression()
    with pytest.raises(ValueError, match="set cache_size"):
        NTKRegressor(NETWORK, cache_location=tmp_path).fit(X, y)
