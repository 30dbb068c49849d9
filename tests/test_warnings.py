"""Warnings name the line of the user's program, whatever stands between."""

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skntk import NNGPRegressor, NTKRegressor
from skntk.architecture import FullyConnected
from skntk.solvers import InducingPoints

NETWORK = FullyConnected(1, "erf")
POINTS = InducingPoints(5, random_state=0)
X = np.random.default_rng(0).normal(size=(12, 2))


def line_of(warning, call):
    with pytest.warns(warning) as found:
        call()
    return {(entry.filename, entry.lineno) for entry in found}


@pytest.mark.parametrize(
    "model",
    [
        NTKRegressor(NETWORK),
        NTKRegressor(NETWORK, solver=POINTS),
        NNGPRegressor(NETWORK, solver="conjugate_gradient"),
        make_pipeline(StandardScaler(), NTKRegressor(NETWORK, solver=POINTS)),
    ],
    ids=["exact", "points", "iteration", "pipeline"],
)
def test_equal_targets(model):
    call = lambda: model.fit(X, np.ones(12))  # noqa: E731
    assert line_of(UserWarning, call) == {(__file__, call.__code__.co_firstlineno)}


def test_rows_that_are_added():
    call = lambda: NTKRegressor(NETWORK, solver=POINTS).partial_fit(X, np.ones(12))  # noqa: E731
    assert line_of(UserWarning, call) == {(__file__, call.__code__.co_firstlineno)}


def test_an_optimizer_at_a_bound():
    bounds = {"alpha_bounds": (1.0, 10.0), "architecture_bounds": "fixed"}
    model = NNGPRegressor(NETWORK, alpha=3.0, optimizer="fmin_l_bfgs_b", **bounds)
    call = lambda: model.fit(X, X[:, 0])  # noqa: E731
    assert line_of(ConvergenceWarning, call) == {(__file__, call.__code__.co_firstlineno)}
