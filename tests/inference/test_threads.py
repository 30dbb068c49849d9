"""The threads of BLAS are held at one for small problems, and given back whatever happens."""

import threading

import numpy as np
import pytest
import scipy.linalg
import threadpoolctl
from threadpoolctl import ThreadpoolController

from skntk.inference.linalg.threads import small_problem_threads

SMALL, LARGE = 10, 100_000
CONTROLLER = ThreadpoolController()


def n_threads():
    """Return the threads of each BLAS that is loaded."""
    return [
        library["num_threads"] for library in CONTROLLER.info() if library["user_api"] == "blas"
    ]


@pytest.fixture(autouse=True)
def three_threads():
    scipy.linalg.cholesky(np.eye(2))
    with CONTROLLER.limit(limits=3, user_api="blas"):
        # As if this thread had not been the one to set it: see threadpoolctl 3.7.
        getattr(threadpoolctl.OpenBLASController, "clear_controlling_thread", lambda: None)()
        allowed = n_threads()
        if not allowed or max(allowed) < 2:
            pytest.skip("this BLAS has no threads that could be limited")
        yield
        assert n_threads() == allowed


def test_small_problems_have_one_thread():
    allowed = n_threads()
    with small_problem_threads(SMALL):
        assert set(n_threads()) == {1}
    assert n_threads() == allowed


def test_large_problems_have_all_threads():
    allowed = n_threads()
    with small_problem_threads(LARGE):
        assert n_threads() == allowed


def test_contexts_within_each_other():
    with small_problem_threads(SMALL):
        with small_problem_threads(SMALL):
            assert set(n_threads()) == {1}
        assert set(n_threads()) == {1}


def test_an_error_gives_the_threads_back():
    with pytest.raises(RuntimeError), small_problem_threads(SMALL):
        raise RuntimeError


@pytest.mark.parametrize("first", [0, 1])
def test_threads_leave_in_any_order(first):
    entered = [threading.Event() for _ in range(2)]
    may_leave = [threading.Event() for _ in range(2)]

    def work(number):
        with small_problem_threads(SMALL):
            entered[number].set()
            may_leave[number].wait()

    workers = [threading.Thread(target=work, args=(number,), daemon=True) for number in range(2)]
    for worker, event in zip(workers, entered, strict=True):
        worker.start()
        event.wait()
    may_leave[first].set()
    workers[first].join()
    assert set(n_threads()) == {1}
    may_leave[1 - first].set()
    workers[1 - first].join()
