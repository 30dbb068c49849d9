"""The solvers that estimators take, as objects with parameters."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone

from skntk.inference import GaussianProcessPosterior
from skntk.solvers import Cholesky, ConjugateGradient

KERNEL = np.exp(-np.abs(np.subtract.outer(np.arange(9.0), np.arange(9.0))))


@pytest.mark.parametrize("solver", [Cholesky(), ConjugateGradient(rank=3, tol=1e-9)], ids=repr)
def test_posteriors_take_them(solver):
    exact = GaussianProcessPosterior.condition(KERNEL, 0.1, np.ones(9))
    found = GaussianProcessPosterior.condition(KERNEL, 0.1, np.ones(9), solver=clone(solver))
    assert_allclose(found.dual_coef, exact.dual_coef, rtol=1e-7)


def test_an_integer_makes_them_repeat():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 4))
    kernel = np.exp(-0.3 * np.square(X[:, np.newaxis] - X).sum(-1))

    def solve(state):
        solver = ConjugateGradient(rank=5, tol=1e-3, random_state=state)
        return GaussianProcessPosterior.condition(kernel, 0.1, X[:, 0], solver=solver).dual_coef

    assert_array_equal(solve(3), solve(3))
    assert (solve(3) != solve(4)).any()
    assert_array_equal(solve(np.random.RandomState(0)), solve(np.random.RandomState(0)))
    assert (solve(None) != solve(None)).any()


@pytest.mark.parametrize(
    ("params", "error", "match"),
    [
        ({"rank": 0}, ValueError, "rank must be at least 1"),
        ({"rank": 2.5}, TypeError, "rank must be an integer"),
        ({"tol": 0.0}, ValueError, "tol must be > 0"),
        ({"tol": "small"}, TypeError, "tol must be a real number"),
        ({"max_iter": 0}, ValueError, "max_iter must be at least 1"),
        ({"storage": "disk"}, ValueError, "'memory', 'file', 'workers', 'none'"),
        ({"storage_dtype": "float16"}, ValueError, "'float32', 'float64'"),
        ({"storage_location": 3, "storage": "file"}, TypeError, "path of a folder"),
        ({"storage_location": "here"}, ValueError, "Set storage='file'"),
    ],
)
def test_parameters_are_checked_when_they_are_used(params, error, match):
    solver = ConjugateGradient(**params)
    assert clone(solver).get_params() == solver.get_params()
    with pytest.raises(error, match=match):
        solver.factorize(None, np.ones(3))
