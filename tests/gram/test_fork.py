"""A process in which JAX has run is not forked, and a copy of one does not hang."""

import os
import warnings

import joblib
import numpy as np
import pytest

from skntk import FiniteWidthRegressor, gram_matrix, make_tabular_classifier, training_time_curve
from skntk import _processes as processes
from skntk.architecture import FullyConnected
from tests.gram.networks import NETWORK, samples

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing forks")
X = samples(6)
Y = X[:, 0]
SMALL = FullyConnected(1, "erf")


def finite():
    return FiniteWidthRegressor(SMALL, width=4, n_networks=2, training_time=1, random_state=0)


@pytest.fixture
def forking(monkeypatch):
    monkeypatch.setenv("JOBLIB_START_METHOD", "fork")
    with joblib.parallel_config(backend="multiprocessing"):
        yield


@pytest.mark.usefixtures("forking")
@pytest.mark.parametrize(
    "call",
    [
        lambda: gram_matrix(NETWORK, X, n_jobs=2),
        lambda: training_time_curve(finite(), X, Y, [1.0], n_jobs=2),
        lambda: make_tabular_classifier(n_jobs=2).fit(X, Y > 0),
    ],
)
def test_workers_are_not_forked(call):
    with pytest.raises(RuntimeError, match=r"forks this process.*'loky'.*'spawn' or 'forkserver'"):
        call()


@pytest.mark.usefixtures("forking")
def test_one_worker_is_no_fork():
    np.testing.assert_array_equal(gram_matrix(NETWORK, X, n_jobs=1), gram_matrix(NETWORK, X))


def test_workers_that_start_anew_are_no_forks(monkeypatch):
    for method in ("spawn", "forkserver"):
        monkeypatch.setenv("JOBLIB_START_METHOD", method)
        with joblib.parallel_config(backend="multiprocessing", n_jobs=2):
            processes.refuse_to_fork(None)
    monkeypatch.delenv("JOBLIB_START_METHOD")
    with joblib.parallel_config(backend="loky", n_jobs=2):
        processes.refuse_to_fork(None)


def test_a_copy_of_the_process_raises_an_error():
    gram_matrix(NETWORK, X)
    with warnings.catch_warnings():
        # Of JAX and of Python, which say that this is no good idea.
        warnings.simplefilter("ignore")
        child = os.fork()
    if child == 0:
        os._exit(int(refuses(lambda: gram_matrix(NETWORK, X))))
    # Without the refusal the copy hangs, and so does this test.
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 1


def test_networks_of_finite_width_in_a_copy(monkeypatch):
    monkeypatch.setattr(processes, "_process", -1)
    assert refuses(lambda: finite().fit(X, Y))


def refuses(call):
    try:
        call()
    except RuntimeError as error:
        return "forked from one in which JAX had run" in str(error) and "'spawn'" in str(error)
    return False
