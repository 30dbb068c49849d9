"""Sums over rows by the workers of joblib's backends and of a dask cluster."""

import os
import signal

import joblib
import numpy as np
import pytest
from distributed import Client, LocalCluster
from numpy.testing import assert_allclose

from skntk import NTKClassifier, NTKRegressor
from skntk.architecture import FullyConnected
from skntk.estimators.kernel_machines.sums_by_workers import sums_of
from skntk.solvers import InducingPoints

NETWORK = FullyConnected(1, "erf", bias_std=0.2)


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


def test_a_worker_that_is_killed_is_replaced(cluster):
    X, y = data()
    rows = model(alpha=0.1).fit(X, y)._process.rows
    variance = np.ones(len(X))
    expected = rows.sums(variance)
    killed = []

    def kill_one(finished, total):
        if not killed:
            killed.append(next(iter(cluster.run(os.getpid).values())))
            os.kill(killed[0], signal.SIGKILL)

    with joblib.parallel_config(backend="dask"):
        found = sums_of(rows, variance, progress=kill_one)
    assert killed
    assert found.n_rows == len(X)
    assert_allclose(np.tril(found.gram), np.tril(expected.gram), atol=1e-9)
    assert_allclose(found.by_target, expected.by_target, atol=1e-9)


def test_a_cluster_without_workers_is_an_error():
    X, y = data(60)
    with (
        LocalCluster(n_workers=0, processes=True, dashboard_address=":0") as cluster,
        Client(cluster),
        joblib.parallel_config(backend="dask", wait_for_workers_timeout=0.2),
        pytest.raises(Exception, match=r"no workers|DaskDistributedBackend has no worker"),
    ):
        model(alpha=0.1).fit(X, y)
