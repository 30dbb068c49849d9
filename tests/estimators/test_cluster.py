"""Sums over rows and kernel matrices by the workers of a dask cluster."""

import os
import pickle
import signal

import dask
import joblib
import numpy as np
import pytest
from distributed import Client, LocalCluster
from numpy.testing import assert_allclose
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

from skntk import NNGPRegressor, NTKClassifier, NTKRegressor
from skntk.architecture import FullyConnected
from skntk.estimators.kernel_machines.sums_by_workers import sums_of
from skntk.inference.linalg.conjugate_gradient import ConjugateGradientSystem
from skntk.solvers import ConjugateGradient, InducingPoints

NETWORK = FullyConnected(1, "erf", bias_std=0.2)
ON_WORKERS = ConjugateGradient(10, tol=1e-10, storage="workers", random_state=0)
IN_MEMORY = clone(ON_WORKERS).set_params(storage="memory")


def data(n=400):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, 2))
    return X, np.sin(X[:, 0]) + 0.1 * rng.normal(size=n)


def model(**options):
    return NTKRegressor(NETWORK, solver=InducingPoints(20, random_state=0), **options)


def test_a_cluster_shares_the_rows(cluster):
    X, y = data()
    expected = model().fit(X, y)

    def executed(dask_worker):
        return dask_worker.state.executed_count

    before = cluster.run(executed)
    with joblib.parallel_config(backend="dask"):
        found = model().fit(X, y)
        added = model(alpha=0.1).partial_fit(X[:200], y[:200]).partial_fit(X[200:], y[200:])
        labels = y > 0
        classifier = NTKClassifier(NETWORK, alpha=0.1, solver=InducingPoints(20, random_state=0))
        classifier.fit(X, labels)
    assert all(count > before[worker] for worker, count in cluster.run(executed).items())
    assert_allclose(found.alpha_, expected.alpha_, rtol=1e-6)
    assert_allclose(found.predict(X), expected.predict(X), rtol=1e-7)
    again = model(alpha=0.1).partial_fit(X[:200], y[:200]).partial_fit(X[200:], y[200:])
    assert_allclose(added.predict(X), again.predict(X), rtol=1e-8)
    assert classifier.score(X, labels) > 0.9


def kill_one(cluster):
    os.kill(next(iter(cluster.run(os.getpid).values())), signal.SIGKILL)


def test_workers_hold_the_kernel(cluster):
    X, y = data(120)
    targets = np.column_stack([y, -y])
    # Less than a task of this test carries: dask would warn.
    threshold = {"distributed.admin.large-graph-warning-threshold": "2 kB"}
    found, expected = (
        NNGPRegressor(NETWORK, alpha=0.1, solver=clone(solver).set_params(storage_dtype="float32"))
        for solver in (ON_WORKERS, IN_MEMORY)
    )
    expected.fit(X, targets)
    with joblib.parallel_config(backend="dask"), dask.config.set(threshold):
        found.fit(X, targets)
    assert_allclose(found.dual_coef_, expected.dual_coef_, rtol=1e-6, atol=1e-8)
    std = expected.predict_std(X[:5])
    assert_allclose(found.predict_std(X[:5]), std, rtol=1e-6)
    blocks = found._process.posterior.system.operator.blocks
    holders = {address for held in cluster.who_has(blocks).values() for address in held}
    assert len(holders) == 2
    kept = [cluster.submit(lambda block: (block.shape, str(block.dtype)), b) for b in blocks]
    assert set(cluster.gather(kept)) == {((20, 120), "float32")}
    # A copy needs no cluster.
    copy = pickle.loads(pickle.dumps(found))
    assert_allclose(copy.predict_std(X[:5]), std, rtol=1e-6)


def test_a_search_by_workers_whose_kernels_are_on_workers(cluster):
    X, y = data(60)
    grid = {"solver__rank": [5, 10]}
    search = GridSearchCV(NTKRegressor(NETWORK, alpha=0.1, solver=ON_WORKERS), grid, cv=2)
    with joblib.parallel_config(backend="dask"):
        search.fit(X, y)
    assert_allclose(*search.cv_results_["mean_test_score"], rtol=1e-8)


def test_a_kernel_outlives_a_worker(cluster, monkeypatch):
    X, y = data(120)
    expected = NTKRegressor(NETWORK, alpha=0.01, solver=IN_MEMORY).fit(X, y)
    matmul, images = ConjugateGradientSystem.matmul, []

    def kill_after_some_products(self, B):
        if len(images) == 3:
            kill_one(cluster)
        images.append(matmul(self, B))
        return images[-1]

    monkeypatch.setattr(ConjugateGradientSystem, "matmul", kill_after_some_products)
    with joblib.parallel_config(backend="dask"):
        found = NTKRegressor(NETWORK, alpha=0.01, solver=ON_WORKERS).fit(X, y)
    assert len(images) > 4
    assert_allclose(found.dual_coef_, expected.dual_coef_, rtol=1e-7, atol=1e-8)


def test_kernels_on_workers_without_a_cluster_are_an_error():
    X, y = data(60)
    with pytest.raises(ValueError, match=r"storage='workers'.*parallel_config\(backend='dask'\)"):
        NTKRegressor(NETWORK, alpha=0.1, solver=ON_WORKERS).fit(X, y)


def test_predictions_after_the_client_is_closed(cluster):
    X, y = data(40)
    other = Client(cluster.scheduler.address, set_as_default=False)
    with joblib.parallel_config(backend="dask", client=other):
        found = NNGPRegressor(NETWORK, alpha=0.1, solver=ON_WORKERS).fit(X, y)
    other.close()
    expected = NNGPRegressor(NETWORK, alpha=0.1, solver=IN_MEMORY).fit(X, y)
    assert_allclose(found.predict(X), expected.predict(X), atol=1e-8)
    with pytest.raises(RuntimeError, match=r"client is closed.*fit again, or pickle"):
        found.predict_std(X)


def test_a_worker_that_is_killed_is_replaced(cluster):
    X, y = data()
    rows = model(alpha=0.1).fit(X, y)._process.rows
    variance = np.ones(len(X))
    expected = rows.sums(variance)
    killed = []

    def kill(finished, total):
        if not killed:
            kill_one(cluster)
            killed.append(finished)

    with joblib.parallel_config(backend="dask"):
        found = sums_of(rows, variance, progress=kill)
    assert killed
    assert found.n_rows == len(X)
    assert_allclose(np.tril(found.gram), np.tril(expected.gram), atol=1e-9)
    assert_allclose(found.by_target, expected.by_target, atol=1e-9)


@pytest.mark.parametrize("solver", [InducingPoints(20), ON_WORKERS])
def test_a_cluster_without_workers_is_an_error(solver):
    X, y = data(60)
    with (
        LocalCluster(n_workers=0, processes=True, dashboard_address=":0") as cluster,
        Client(cluster),
        joblib.parallel_config(backend="dask", wait_for_workers_timeout=0.2),
        pytest.raises(Exception, match=r"no workers|DaskDistributedBackend has no worker"),
    ):
        NTKRegressor(NETWORK, alpha=0.1, solver=solver).fit(X, y)
