"""Who computes the tiles does not change the matrix."""

import os
import threading
import time

import joblib
import numpy as np
import pytest

from skntk import gram_matrix
from skntk.architecture import FullyConnected
from skntk.gram.engine.devices import Devices
from skntk.gram.engine.execution import workers
from tests.gram.networks import BOTH, NETWORK, samples

# So many that they are cut into several blocks, whatever block size is the fastest.
X, Y = samples(1300), samples(1100, seed=1)


@pytest.fixture(scope="module")
def expected():
    return matrices(n_jobs=1)


def run_tasks(compute, store, tasks, n_jobs):
    with workers(n_jobs, Devices.local()) as (run, _):
        run(compute, store, tasks)


def matrices(**options):
    return [
        *gram_matrix(NETWORK, X, kind=BOTH, **options),
        *gram_matrix(NETWORK, X, Y, kind=BOTH, **options),
    ]


def assert_equal(actual, expected):
    for ours, theirs in zip(actual, expected, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def assert_close(actual, expected):
    """Compare what another process computed, whose compiler may order operations differently."""
    for ours, theirs in zip(actual, expected, strict=True):
        assert ours.dtype == theirs.dtype
        rounding = 100 * np.finfo(theirs.dtype).eps
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=rounding * np.abs(theirs).max())


@pytest.mark.parametrize("Y", [None, Y], ids=["symmetric", "cross"])
def test_the_samples_are_cut_into_many_tiles(Y):
    reports = []
    gram_matrix(NETWORK, X, Y, progress=lambda *numbers: reports.append(numbers))
    assert len(set(reports)) >= 4


@pytest.mark.parametrize("n_jobs", [None, 2, 5, -1, -2])
def test_number_of_threads(n_jobs, expected):
    assert_equal(matrices(n_jobs=n_jobs), expected)


@pytest.mark.parametrize("backend", ["threading", "sequential"])
def test_joblib_backends_of_this_process(backend, expected):
    with joblib.parallel_config(backend=backend, n_jobs=2):
        assert_equal(matrices(), expected)


def test_the_thread_of_the_caller_is_one_of_them():
    threads, both_are_here = set(), threading.Barrier(2, timeout=60)

    def compute(task):
        both_are_here.wait()
        return threading.get_ident()

    run_tasks(compute, lambda task, thread: threads.add(thread), range(2), n_jobs=2)
    assert len(threads) == 2
    assert threading.get_ident() in threads


@pytest.mark.parametrize("of_the_caller", [True, False])
def test_an_error_in_one_thread_ends_the_work_of_all(of_the_caller):
    started, both_are_here = [], threading.Barrier(2, timeout=60)

    def compute(task):
        started.append(task)
        if task < 2:
            both_are_here.wait()
            if (threading.current_thread() is threading.main_thread()) == of_the_caller:
                raise ValueError("no tile")
        time.sleep(0.01)

    with pytest.raises(ValueError, match="no tile"):
        run_tasks(compute, lambda task, result: None, range(1000), n_jobs=2)
    assert len(started) < 1000


def test_joblib_backend_of_other_processes(expected):
    single = gram_matrix(NETWORK, X, dtype="float32", n_jobs=1)
    with joblib.parallel_config(backend="loky", n_jobs=2):
        assert_close(matrices(), expected)
        assert_close([gram_matrix(NETWORK, X, dtype="float32")], [single])
        processes = set()
        run_tasks(lambda task: os.getpid(), lambda task, own: processes.add(own), range(4), None)
    assert processes
    assert os.getpid() not in processes


def test_matrices_inside_of_workers(expected):
    tasks = [joblib.delayed(gram_matrix)(NETWORK, X, other, kind=BOTH) for other in (None, Y)]
    for backend in ("threading", "loky"):
        symmetric, cross = joblib.Parallel(n_jobs=2, backend=backend)(tasks)
        assert_close([*symmetric, *cross], expected)


def test_tiles_on_a_dask_cluster(cluster, expected):
    def finished_tasks(dask_worker):
        return os.getpid(), dask_worker.state.executed_count

    before = cluster.run(finished_tasks)
    with joblib.parallel_config(backend="dask"):
        assert_close(matrices(), expected)
    after = cluster.run(finished_tasks)
    assert len({process for process, _ in after.values()} - {os.getpid()}) == 2
    for worker, (_, count) in after.items():
        assert count > before[worker][1], "a worker had nothing to do"


def test_networks_with_names_on_a_dask_cluster(cluster):
    network = FullyConnected(1, "leaky_relu", last_layer=None)
    local = gram_matrix(network, X)
    with joblib.parallel_config(backend="dask"):
        assert_close([gram_matrix(network, X)], [local])


def thread_of(task):
    return threading.get_ident()


def threads_of(n_tasks, n_jobs):
    """Return the threads on which tasks ran that wait for each other."""
    used, together = set(), threading.Barrier(min(n_tasks, n_jobs), timeout=20)

    def compute(task):
        together.wait()
        return threading.get_ident()

    run_tasks(compute, lambda task, thread: used.add(thread), range(n_tasks), n_jobs)
    return used


def test_threads_work_at_the_same_time():
    assert len(threads_of(4, n_jobs=2)) == 2
    assert threads_of(3, n_jobs=1) == {threading.get_ident()}


def test_configured_number_of_jobs_counts():
    with joblib.parallel_config(n_jobs=1):
        assert threads_of(3, n_jobs=1) == {threading.get_ident()}
        ran = set()
        run_tasks(
            lambda task: threading.get_ident(), lambda task, thread: ran.add(thread), range(4), None
        )
    assert ran == {threading.get_ident()}


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_errors_of_tasks_are_raised(n_jobs):
    def fail(task):
        raise ArithmeticError(f"task {task}")

    with pytest.raises(ArithmeticError, match="task"):
        run_tasks(fail, lambda task, result: None, range(3), n_jobs)
