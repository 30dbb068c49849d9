"""What `fit` and `predict` hold at their peak."""

import tracemalloc

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.base import clone

from skntk import NNGPClassifier, NNGPRegressor, NTKClassifier, NTKRegressor
from skntk.architecture import FullyConnected
from skntk.gram.kernel_function import KernelFunction
from skntk.solvers import ConjugateGradient

from .problems import NETWORK, REGRESSORS, name_of, regression

N = 1500
MATRIX = 8 * N**2
# Tiles, rows and the traces of compiled programs: they do not grow with the square of the rows.
CONSTANT = 4e6
NARROW = FullyConnected(depth=1)


def peak_of(work):
    """Return the bytes that NumPy and Python allocate at the peak of a piece of work."""
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("estimator", "matrices"),
    [
        (NNGPRegressor(NARROW), 2),
        (NNGPRegressor(NARROW, dtype="float32"), 2),
        (NTKRegressor(NARROW), 3),
        (NTKRegressor(NARROW, dtype="float32"), 3),
        (NTKRegressor(NARROW, training_time=3.0), 3),
        (NNGPClassifier(NARROW), 2),
        (NTKClassifier(NARROW), 3),
        (NTKClassifier(NARROW, training_time=3.0), 3),
    ],
    ids=lambda value: f"{name_of(value)} {value.dtype}" if hasattr(value, "fit") else str(value),
)
@pytest.mark.parametrize("alpha", [0.1, "auto"])
def test_fit_holds_as_many_matrices_as_it_asks_for(estimator, matrices, alpha):
    X = np.random.default_rng(0).normal(size=(N, 6))
    y = X[:, 0] > 0 if "Classifier" in name_of(estimator) else X[:, 0]
    model = clone(estimator).set_params(alpha=alpha)
    assert model._peak_matrices == matrices <= 3
    # The factorization of the kernel that is tried is as large as the kernel.
    matrices += alpha == "auto"
    peak = peak_of(lambda: model.fit(X, y))
    assert MATRIX < peak < matrices * MATRIX + CONSTANT


@pytest.mark.parametrize(
    ("dtype", "storage", "kernel", "alpha"),
    [
        ("float64", "memory", 1, 0.1),
        ("float32", "memory", 0.5, "auto"),
        ("float64", "none", 0, 0.1),
    ],
)
def test_conjugate_gradients_hold_as_much_as_they_ask_for(
    dtype, storage, kernel, alpha, monkeypatch
):
    X = np.random.default_rng(0).normal(size=(N, 6))
    few = 300
    for module in ("iterative", "memory"):
        monkeypatch.setattr(f"skntk.estimators.kernel_machines.{module}.MOST_ROWS_FOR_ALPHA", few)
    # A product of rows that are computed anew holds a block of them.
    monkeypatch.setattr("skntk.inference.linalg.computed_operator._BYTES_IN_BLOCK", 2**20)
    asked = []
    monkeypatch.setattr(
        "skntk.estimators.kernel_machines.memory.require_memory",
        lambda n_bytes, *message: asked.append(n_bytes),
    )
    solver = ConjugateGradient(rank=100, tol=1e-3, storage=storage)
    model = NTKRegressor(NARROW, alpha=alpha, dtype=dtype, solver=solver)
    peak = peak_of(lambda: model.fit(X, X[:, 0]))
    assert asked[0] < kernel * MATRIX + 0.6 * MATRIX
    assert kernel * MATRIX < peak < asked[0] + CONSTANT


@pytest.mark.parametrize("n_outputs", [1, 3])
@pytest.mark.parametrize("time", [None, 3.0])
@pytest.mark.parametrize("regressor", [NNGPRegressor, NTKRegressor])
def test_a_covariance_takes_as_much_as_is_asked_for(regressor, time, n_outputs, monkeypatch):
    X, y, _ = regression(n_outputs)
    X_test = np.random.default_rng(1).normal(size=(N, X.shape[1]))
    model = regressor(NARROW, training_time=time, dtype="float32").fit(X, y)
    for work, matrices in (
        (lambda: model.predict(X_test, return_cov=True), max(3, 1 + n_outputs)),
        (lambda: next(model.staged_predict(X_test, [1.0], return_cov=True)), 2 + n_outputs),
    ):
        peak = peak_of(work)
        assert 2 * MATRIX < peak < matrices * MATRIX + CONSTANT
        monkeypatch.setattr(
            "skntk._memory.available_memory", lambda free=matrices * MATRIX - 1: free
        )
        with pytest.raises(MemoryError, match=r"covariance of 1500 predictions .* return_std"):
            work()
        monkeypatch.undo()


def test_many_test_rows_go_through_in_blocks(monkeypatch):
    X = np.random.default_rng(0).normal(size=(200, 3))
    X_test = np.random.default_rng(1).normal(size=(20_000, 3))
    model = NTKRegressor(NARROW).fit(X, X[:, 0])
    monkeypatch.setattr("skntk.estimators.kernel_machines.kernels._BYTES_IN_BLOCK", 2 * 2**20)
    for options in ({}, {"return_std": True}):
        peak = peak_of(lambda options=options: model.predict(X_test, **options))
        # One cross kernel of all test rows would take 32 MB, their covariance 3.2 GB.
        assert peak < 20e6


@pytest.mark.parametrize("regressor", REGRESSORS, ids=name_of)
@pytest.mark.parametrize("bytes_in_block", [1, 8 * 25 * 12])
def test_blocks_do_not_change_predictions(regressor, bytes_in_block, monkeypatch):
    X, y, _ = regression(n_outputs=2)
    X_test = np.random.default_rng(1).normal(size=(30, 4))
    model = clone(regressor).fit(X, y)
    mean, std = model.predict(X_test, return_std=True)
    monkeypatch.setattr("skntk.estimators.kernel_machines.kernels._BYTES_IN_BLOCK", bytes_in_block)
    process = model._process
    blocks = list(process.kernels.blocks(X_test, process.X_train))
    # At least a quarter of the training kernel: 25 x 25 / 4 is 6 rows and a part of one.
    assert len(blocks) == (5 if bytes_in_block == 1 else 3)
    in_blocks = model.predict(X_test, return_std=True)
    assert_allclose(in_blocks[0], mean, rtol=1e-10)
    assert_allclose(in_blocks[1], std, rtol=1e-8)
    assert_allclose(model.predict(X_test), mean, rtol=1e-10)


@pytest.mark.parametrize(("regressor", "kinds"), [(NNGPRegressor, "nngp"), (NTKRegressor, "ntk")])
def test_the_mean_alone_needs_one_kernel_and_no_variance(regressor, kinds, monkeypatch):
    X, y, X_test = regression()
    model = regressor(NETWORK).fit(X, y)
    requested = []

    def record(function, X, Y=None, *, kinds, **options):
        requested.append(kinds)
        return compute(function, X, Y, kinds=kinds, **options)

    compute = KernelFunction.gram
    monkeypatch.setattr(KernelFunction, "gram", record)
    monkeypatch.setattr(KernelFunction, "diagonals", None)
    monkeypatch.setattr(type(model._process.posterior), "variance", None)
    model.predict(X_test)
    assert requested == [(kinds,)]
