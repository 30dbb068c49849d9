"""Regressors at many times of their training."""

import inspect
import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from skntk import NNGPRegressor, NTKRegressor
from skntk.architecture import FullyConnected

rng = np.random.default_rng(0)
X = rng.normal(size=(14, 3))
Y = np.column_stack([np.sin(X[:, 0]), 10 * X[:, 1] + 3])
X_TEST = rng.normal(size=(6, 3))
Y_TEST = np.column_stack([np.sin(X_TEST[:, 0]), 10 * X_TEST[:, 1] + 3])
WEIGHT = rng.integers(1, 4, size=14).astype(float)
TIMES = [0, 3, 200]
NETWORK = FullyConnected(depth=1, activation="erf")
METHODS = {
    "flow": {},
    "flow with momentum": {"momentum": 0.5},
    "steps": {"training_method": "gradient_descent", "learning_rate": 0.3},
    "steps with momentum": {
        "training_method": "gradient_descent",
        "learning_rate": 0.3,
        "momentum": 0.5,
    },
}
methods = pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
classes = pytest.mark.parametrize("cls", [NTKRegressor, NNGPRegressor])
starts = pytest.mark.parametrize("start", [None, "given"])


def initial_function(inputs):
    return np.column_stack([inputs[:, 0], np.square(inputs[:, 2])])


def make(cls, **parameters):
    if parameters.get("initial_function") == "given":
        parameters["initial_function"] = initial_function
    return cls(NETWORK, **parameters)


@classes
@methods
@starts
@pytest.mark.parametrize("training_time", [None, 3])
def test_each_stage_is_a_model_of_that_training_time(cls, method, start, training_time):
    model = make(cls, training_time=training_time, initial_function=start, **method)
    model.fit(X, Y, sample_weight=WEIGHT)
    before = set(vars(model))
    stages = zip(
        TIMES,
        model.staged_predict(X_TEST, TIMES),
        model.staged_predict(X_TEST, TIMES, return_std=True),
        model.staged_predict(X_TEST, TIMES, return_cov=True),
        strict=True,
    )
    for time, mean, with_std, with_cov in stages:
        single = clone(model).set_params(training_time=time).fit(X, Y, sample_weight=WEIGHT)
        expected, std = single.predict(X_TEST, return_std=True)
        covariance = single.predict(X_TEST, return_cov=True)[1]
        for ours in (mean, with_std[0], with_cov[0]):
            assert_allclose(ours, expected, rtol=0, atol=1e-9)
        # Of a variance that vanishes rounding leaves the root of itself.
        assert_allclose(with_std[1] ** 2, std**2, rtol=0, atol=1e-10)
        assert_allclose(with_cov[1], covariance, rtol=0, atol=1e-10)
    assert set(vars(model)) == before


@classes
@methods
def test_training_without_end_is_the_default(cls, method):
    model = make(cls, alpha=0.1, **method).fit(X, Y, sample_weight=WEIGHT)
    ((mean, std),) = model.staged_predict(X_TEST, [200_000], return_std=True)
    expected, expected_std = model.predict(X_TEST, return_std=True)
    assert_allclose(mean, expected, atol=1e-8)
    assert_allclose(std, expected_std, atol=1e-6)


@classes
@methods
def test_training_not_begun_is_the_prior(cls, method):
    # In units of the targets, centered at their mean.
    model = make(cls, alpha=0.1, normalize_y=False, **method)
    _, prior = model.predict(X_TEST, return_cov=True)
    ((mean, covariance),) = model.fit(X, Y).staged_predict(X_TEST, [0], return_cov=True)
    assert_array_equal(mean, 0.0)
    assert_allclose(covariance[..., 0], prior, rtol=1e-12)


@classes
@methods
def test_weights_repeat_the_rows(cls, method):
    repeated = np.repeat(np.arange(len(X)), WEIGHT.astype(int))
    weighted = make(cls, training_time=4, **method).fit(X, Y, sample_weight=WEIGHT)
    several = make(cls, training_time=4, **method).fit(X[repeated], Y[repeated])
    for ours, theirs in zip(
        weighted.predict(X_TEST, return_std=True),
        several.predict(X_TEST, return_std=True),
        strict=True,
    ):
        assert_allclose(ours, theirs, rtol=1e-8)
    histories = [model.training_history(X_TEST, Y_TEST, [0, 1, 9]) for model in (weighted, several)]
    for name, values in histories[0].items():
        assert_allclose(values, histories[1][name], rtol=1e-8)
    assert_allclose(weighted.max_learning_rate_, several.max_learning_rate_, rtol=1e-10)


@classes
@starts
def test_losses_are_those_of_the_predictions(cls, start):
    model = make(cls, initial_function=start).fit(X, Y, sample_weight=WEIGHT)
    times = [0.0, 1.0, 50.0]
    history = model.training_history(X_TEST, Y_TEST, times)
    assert_array_equal(history.training_times, times)
    sides = {"train": (X, Y, WEIGHT), "test": (X_TEST, Y_TEST, np.ones(6))}
    for side, (inputs, targets, weight) in sides.items():
        stages = model.staged_predict(inputs, times, return_cov=True)
        for position, (mean, covariance) in enumerate(stages):
            total, variance = 0.0, 0.0
            for output in range(2):
                error, spread = mean[:, output] - targets[:, output], covariance[..., output]
                weighted = weight[:, np.newaxis] * spread
                total += weight @ np.square(error) + np.trace(weighted)
                variance += 2 * np.trace(weighted @ weighted)
                variance += 4 * (weight * error) @ spread @ (weight * error)
            scale = 2 * weight.sum()
            assert_allclose(history[f"{side}_loss"][position], total / scale, rtol=1e-8)
            expected = np.sqrt(variance) / scale
            assert_allclose(history[f"{side}_loss_std"][position], expected, rtol=1e-7, atol=1e-12)


def test_the_loss_of_sampled_networks():
    model = make(NTKRegressor, training_time=2.0).fit(X, Y[:, 0])
    history = model.training_history(X_TEST, Y_TEST[:, 0], [2.0])
    draws = model.sample_y(X_TEST, 4000, random_state=0)
    losses = 0.5 * np.square(draws - Y_TEST[:, [0]]).mean(axis=0)
    error = losses.std() / np.sqrt(4000)
    assert abs(losses.mean() - history.test_loss[0]) < 4 * error
    assert_allclose(losses.std(), history.test_loss_std[0], rtol=0.1)


@classes
def test_one_network_is_moved_from_where_it_starts(cls):
    network = make(cls, alpha=0.1, initial_function="given", training_time=3.0).fit(X, Y)
    residual = make(cls, alpha=0.1, normalize_y=False, training_time=3.0)
    residual.fit(X, Y - initial_function(X))
    mean, std = network.predict(X_TEST, return_std=True)
    assert_allclose(mean, initial_function(X_TEST) + residual.predict(X_TEST), rtol=1e-10)
    assert_array_equal(std, np.zeros_like(mean))
    draws = network.sample_y(X_TEST, 2)
    assert_allclose(draws, np.stack([mean, mean], axis=-1), rtol=1e-12)


@classes
def test_one_network_that_is_not_trained(cls):
    network = make(cls, initial_function="given")
    untrained = network.predict(X_TEST, return_std=True)
    not_begun = network.set_params(training_time=0.0).fit(X, Y).predict(X_TEST, return_std=True)
    for ours, theirs in zip(untrained, not_begun, strict=True):
        assert_allclose(ours, theirs, atol=1e-12)
    draws = make(cls, initial_function="given").sample_y(X_TEST, 3)
    assert_allclose(draws[..., 0], initial_function(X_TEST))


@classes
def test_one_network_left_out_of_its_row(cls):
    network = make(cls, initial_function="given").fit(X, Y)
    mean, std = network.loo_predict(return_std=True)
    assert_array_equal(std, np.zeros_like(mean))
    kept = np.arange(len(X)) != 3
    alpha = network.alpha_[kept]
    refit = make(cls, initial_function="given", alpha=alpha, alpha_scale="absolute")
    assert_allclose(mean[3], refit.fit(X[kept], Y[kept]).predict(X[[3]])[0], rtol=1e-8)


def test_an_initial_function_of_the_wrong_shape_is_refused():
    model = NTKRegressor(NETWORK, initial_function=lambda inputs: inputs)
    with pytest.raises(ValueError, match=r"initial_function returned .* \(14, 3\) .* \(14, 2\)"):
        model.fit(X, Y)
    model = NTKRegressor(NETWORK, initial_function=lambda inputs: np.full(len(inputs), np.nan))
    with pytest.raises(ValueError, match="initial_function returned NaN"):
        model.fit(X, Y[:, 0])


def test_training_time_leaves_the_evidence_alone():
    converged = make(NNGPRegressor).fit(X, Y, sample_weight=WEIGHT)
    stopped = make(NNGPRegressor, training_time=2.0).fit(X, Y, sample_weight=WEIGHT)
    expected = converged.log_marginal_likelihood_value_
    assert_allclose(stopped.log_marginal_likelihood_value_, expected, rtol=1e-10)
    twins = make(NNGPRegressor, training_time=2.0, alpha=0.0).fit(X[[0, 0, 1]], Y[[0, 0, 1]])
    assert twins.log_marginal_likelihood_value_ == -np.inf


@classes
@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize("training_time", [None, 1.0])
def test_steps_up_to_the_largest_learning_rate(cls, momentum, training_time):
    flow = make(cls, momentum=momentum, training_time=training_time).fit(X, Y)
    limit = flow.max_learning_rate_
    steps = make(
        cls, momentum=momentum, training_method="gradient_descent", learning_rate=0.99 * limit
    )
    assert_allclose(steps.fit(X, Y).max_learning_rate_, limit, rtol=1e-10)
    for time in (None, 3):
        steps.set_params(learning_rate=1.01 * limit, training_time=time)
        with pytest.raises(ValueError, match=r"learning_rate=.*max_learning_rate is"):
            steps.fit(X, Y)


def test_largest_learning_rate_of_many_rows():
    many = np.random.default_rng(1).normal(size=(150, 3))
    lanczos = make(NTKRegressor).fit(many, many[:, 0])
    eigenvalues = make(NTKRegressor, training_time=1.0).fit(many, many[:, 0])
    assert_allclose(lanczos.max_learning_rate_, eigenvalues.max_learning_rate_, rtol=1e-12)
    assert not hasattr(NTKRegressor(), "max_learning_rate_")


@pytest.mark.parametrize(
    ("parameters", "times", "message"),
    [
        ({}, [1.0, -2.0], "finite and nonnegative"),
        ({}, [2.0, 1.0], "must be ascending"),
        ({}, [1.0, np.inf], "finite and nonnegative"),
        ({}, [[1.0]], "must be a 1-D array"),
        ({}, 1.0, "must be a 1-D array"),
        ({"training_method": "gradient_descent", "learning_rate": 0.3}, [0.5], "takes whole steps"),
    ],
)
def test_wrong_times_are_refused_at_the_call(parameters, times, message):
    model = make(NTKRegressor, **parameters).fit(X, Y)
    with pytest.raises(ValueError, match=message):
        model.staged_predict(X_TEST, times)
    with pytest.raises(ValueError, match=message):
        model.training_history(X_TEST, Y_TEST, times)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"training_method": "gradient_descent", "training_time": 1.5}, "takes whole steps"),
        ({"training_method": "adam"}, "'training_method' parameter"),
        ({"momentum": 1.0}, "'momentum' parameter"),
        ({"momentum": -0.1}, "'momentum' parameter"),
        ({"training_time": -1.0}, "'training_time' parameter"),
        ({"initial_function": 3}, "'initial_function' parameter"),
    ],
)
@classes
def test_wrong_parameters_are_refused(cls, parameters, message):
    with pytest.raises(ValueError, match=message):
        make(cls, **parameters).fit(X, Y)


def test_how_stages_are_asked_for():
    model = make(NTKRegressor)
    with pytest.raises(NotFittedError):
        model.staged_predict(X_TEST, TIMES)
    model.fit(X, Y)
    assert inspect.isgenerator(model.staged_predict(X_TEST, TIMES))
    with pytest.raises(RuntimeError, match="At most one of return_std or return_cov"):
        model.staged_predict(X_TEST, TIMES, return_std=True, return_cov=True)
    with pytest.raises(ValueError, match="y_test has shape"):
        model.training_history(X_TEST, Y_TEST[:, 0], TIMES)
    copy = pickle.loads(pickle.dumps(model))
    assert_array_equal(
        list(copy.staged_predict(X_TEST, TIMES)), list(model.staged_predict(X_TEST, TIMES))
    )


def test_test_rows_are_worked_off_in_blocks(monkeypatch):
    model = make(NTKRegressor).fit(X, Y)
    whole = list(model.staged_predict(X_TEST, TIMES, return_std=True))
    monkeypatch.setattr("skntk.estimators.kernel_machines.kernels._BYTES_IN_BLOCK", 1)
    in_blocks = list(model.staged_predict(X_TEST, TIMES, return_std=True))
    assert_allclose(in_blocks, whole, rtol=0, atol=1e-8)
