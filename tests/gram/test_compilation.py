"""How often a search over hyperparameters compiles.

XLA's compilations are counted as `jax.monitoring` reports them: one event for each program that
enters a cache of `jax.jit`, with the program's name. They are what a user waits for.
"""

from collections import Counter
from contextlib import contextmanager

import jax
import numpy as np
import pytest
from sklearn.model_selection import GridSearchCV, KFold

from skntk import NNGPRegressor, NTKRegressor, gram_matrix
from skntk.architecture import ConvNet, FullyConnected
from skntk.gram.engine.sizes import block_size, layout_of

COMPILATION = "/jax/core/compile/backend_compile_duration"


def padded_size(n_rows):
    return block_size(n_rows, layout_of("cpu"))


@contextmanager
def counted_compilations():
    """Count compilations by the names of the programs, from empty caches."""
    jax.clear_caches()
    names = Counter()

    def listen(event, duration, **details):
        if event == COMPILATION:
            names[details["fun_name"].removeprefix("jit(").removesuffix(")")] += 1

    jax.monitoring.register_event_duration_secs_listener(listen)
    try:
        yield names
    finally:
        jax.monitoring.unregister_event_duration_listener(listen)


def search(model, grid, n_samples):
    X = np.random.default_rng(0).normal(size=(n_samples, 5))
    cv = KFold(3)
    with counted_compilations() as names:
        GridSearchCV(model, grid, cv=cv, refit=False, error_score="raise").fit(X, X[:, 0])
    folds = [(len(train), len(test)) for train, test in cv.split(X)]
    return names, folds


@pytest.mark.parametrize("n_samples", [80, 82, 200])
@pytest.mark.parametrize("regressor", [NNGPRegressor, NTKRegressor])
def test_a_search_compiles_once_for_each_padded_shape(regressor, n_samples):
    grid = {
        "architecture__weight_std": [1.0, 1.4, 2],
        "architecture__bias_std": [0, 0.1, np.float32(0.5)],
        "alpha": [1e-3, 1e-2, 1e-1],
    }
    names, folds = search(regressor(FullyConnected(2, "erf")), grid, n_samples)
    padded = {(padded_size(n_train), padded_size(n_test)) for n_train, n_test in folds}
    # The kernels of rows with themselves, once for each size of a block.
    assert names["sample_program"] == len({size for sizes in padded for size in sizes})
    # The training kernel is made of pairs of training blocks, that of `score` of test with training
    # blocks; for the NTK the second is another program also where the sizes are equal, because
    # the mean needs one kernel and training needs two.
    training = {(train, train) for train, _ in padded}
    prediction = {(test, train) for train, test in padded}
    if regressor is NNGPRegressor:
        assert names["pair_program"] == len(training | prediction)
    else:
        assert names["pair_program"] == len(training) + len(prediction)


def test_a_search_compiles_nothing_more_than_its_first_candidate():
    grid = {"architecture__weight_std": [1.0, 1.4, 2.0], "alpha": [1e-3, 1e-1]}
    first = {name: values[:1] for name, values in grid.items()}
    model = NTKRegressor(FullyConnected(1))
    assert search(model, grid, 90)[0] == search(model, first, 90)[0]


def test_each_structure_compiles_once():
    networks = [FullyConnected(1), FullyConnected(2), FullyConnected(1, "erf")]
    names, _ = search(NNGPRegressor(), {"architecture": networks}, 150)
    assert names["sample_program"] == 2 * len(networks)
    assert names["pair_program"] == 2 * len(networks)


def test_each_precision_compiles_once():
    X = np.random.default_rng(0).normal(size=(20, 3))
    with counted_compilations() as names:
        for dtype in ("float64", "float32", "float64", "float32"):
            gram_matrix(FullyConnected(1), X, dtype=dtype)
    assert names["sample_program"] == names["pair_program"] == 2


@pytest.mark.parametrize("pooling", ["none", "global"])
def test_any_number_of_images_takes_one_compilation(pooling):
    network = ConvNet(1, pooling=pooling)
    images = np.random.default_rng(0).normal(size=(90, 3, 3, 1))
    with counted_compilations() as names:
        for n_samples in (1, 7, 20, 90):
            gram_matrix(network, images[:n_samples])
            gram_matrix(network, images[:n_samples], images[:5])
    assert names["sample_program"] == names["shift_program"] == 1


def test_learning_hyperparameters_compiles_each_program_once():
    programs = [
        "sample_program",
        "pair_program",
        "sample_gradient_program",
        "pair_gradient_program",
    ]

    def a_few_steps(obj_func, initial_theta, bounds):
        values = [obj_func(initial_theta + step)[0] for step in (0.2, 0.1, 0.0)]
        return initial_theta, values[-1]

    X = np.random.default_rng(0).normal(size=(30, 5))
    with counted_compilations() as names:
        NNGPRegressor(FullyConnected(1), optimizer=a_few_steps).fit(X, X[:, 0])
    assert {name: names[name] for name in programs} == dict.fromkeys(programs, 1)
