"""Hyperparameters learned through inducing points: slopes, optima, and what is refused."""

import tracemalloc

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

from skntk import NNGPClassifier, NNGPRegressor, NTKClassifier, NTKRegressor
from skntk.architecture import Conv, Dense, Erf, Flatten, FullyConnected, InputScale, Relu, Serial
from skntk.estimators.kernel_machines import rows_at_points, sparse_score
from skntk.solvers import InducingPoints

pytestmark = pytest.mark.usefixtures("quick_compilation")

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(40, 3))
Y = np.sin(2 * X[:, 0]) + 0.3 * X[:, 1] + 0.3 * RANDOM.normal(size=40)
OUTPUTS = np.column_stack([Y, 5 * Y**2])
IMAGES = RANDOM.normal(size=(40, 4, 3, 1))
NETWORK = FullyConnected(1, "erf")
RELEVANCE = Serial([InputScale([1.0, 0.8, 1.2]), Dense(1.3, 0.4), Erf(), Dense(1.1, 0.3)])
OF_IMAGES = Serial([Conv((2, 2), weight_std=1.3, bias_std=0.2), Relu(), Flatten(), Dense()])
LEARNING = {"optimizer": "fmin_l_bfgs_b", "random_state": 0}
STEP = 1e-5
EACH_CLASS = pytest.mark.parametrize(
    "cls", [NNGPRegressor, NTKRegressor, NNGPClassifier, NTKClassifier]
)


class Recorder:
    """An optimizer that stays where it is, and takes note of the slopes and their differences."""

    def __call__(self, obj_func, initial_theta, bounds):
        self.value, self.gradient = obj_func(initial_theta)
        self.differences = [
            (obj_func(initial_theta + step)[0] - obj_func(initial_theta - step)[0]) / (2 * STEP)
            for step in STEP * np.eye(len(initial_theta))
        ]
        return initial_theta, self.value


def recorded(model, X, y, **params):
    recorder = Recorder()
    model = clone(model).set_params(optimizer=recorder, random_state=0)
    model.set_params(solver=InducingPoints(12)).fit(X, y, **params)
    return recorder


@pytest.mark.parametrize(
    ("model", "X", "y"),
    [
        pytest.param(NNGPRegressor(RELEVANCE), X, OUTPUTS, id="scale of every output"),
        pytest.param(
            NNGPRegressor(FullyConnected(2, "relu"), alpha=0.1), X, OUTPUTS, id="given alpha"
        ),
        pytest.param(
            NNGPRegressor(NETWORK, alpha=np.linspace(0.1, 0.3, 40)), X, Y, id="alpha of each row"
        ),
        pytest.param(NNGPRegressor(RELEVANCE, criterion="leave_one_out"), X, Y, id="leave one out"),
        pytest.param(
            NTKRegressor(FullyConnected(2, "relu"), alpha_scale="absolute"),
            X,
            OUTPUTS,
            id="ensemble",
        ),
        pytest.param(NTKRegressor(OF_IMAGES, alpha=0.1), IMAGES, Y, id="ensemble of images"),
    ],
)
def test_gradients_are_limits_of_differences(model, X, y):
    recorder = recorded(model, X, y, sample_weight=1 + np.arange(len(X)) % 3)
    np.testing.assert_allclose(
        recorder.gradient, recorder.differences, rtol=1e-6, atol=1e-7 * abs(recorder.value)
    )


def test_blocks_of_rows_add_up(monkeypatch):
    X = RANDOM.normal(size=(1100, 3))
    model = NNGPRegressor(NETWORK, alpha=0.1)
    at_once = recorded(model, X, X[:, 0] ** 2)
    monkeypatch.setattr(rows_at_points, "_BYTES_IN_BLOCK", 1)
    in_blocks = recorded(model, X, X[:, 0] ** 2)
    np.testing.assert_allclose(in_blocks.gradient, at_once.gradient, rtol=1e-8)


@pytest.mark.filterwarnings("ignore:The search for hyperparameters ends at a bound")
@EACH_CLASS
def test_with_all_rows_as_points_the_optimum_is_that_of_all_kernels(cls):
    y = Y if "Regressor" in cls.__name__ else (Y > 0).astype(int)
    bounds = {"bias_std": "fixed", "weight_std": (0.1, 10.0)}
    params = {"architecture_bounds": bounds, "alpha_bounds": (1e-3, 10.0), **LEARNING}
    exact = cls(NETWORK, **params).fit(X, y)
    found = clone(exact).set_params(solver=InducingPoints(len(X))).fit(X, y)
    np.testing.assert_allclose(found.theta_, exact.theta_, atol=1e-3)
    assert found.hyperparameters_.keys() == exact.hyperparameters_.keys()
    np.testing.assert_allclose(found.alpha_, exact.alpha_, rtol=0.01)
    if hasattr(exact, "output_scale_"):
        np.testing.assert_allclose(found.output_scale_, exact.output_scale_, rtol=0.01)
    np.testing.assert_allclose(found.predict_std(X), exact.predict_std(X), rtol=0.01)


def test_many_rows_improve_the_bound():
    X = RANDOM.uniform(-2, 2, size=(3000, 2))
    y = np.sin(2 * X[:, 0]) + 0.3 * RANDOM.normal(size=3000)
    # The points of an unseeded solver stay those that it began with.
    model = NNGPRegressor(NETWORK, alpha=0.1, solver=InducingPoints(50))
    before = clone(model).fit(X, y).log_marginal_likelihood_value_
    model.set_params(optimizer="fmin_l_bfgs_b").fit(X, y)
    bound, gradient = model.log_marginal_likelihood(model.theta_, eval_gradient=True)
    assert bound > before + 10
    np.testing.assert_allclose(model.log_marginal_likelihood_value_, bound)
    assert abs(gradient).max() < 1e-3 * abs(bound)
    assert model.architecture_.weight_std == model.hyperparameters_["architecture__weight_std"]


def test_single_precision_learns_in_double_precision():
    single, double = (
        recorded(NNGPRegressor(NETWORK, alpha=0.1, dtype=dtype), X, Y).gradient
        for dtype in ("float32", "float64")
    )
    np.testing.assert_array_equal(single, double)


@pytest.mark.parametrize("cls", [NNGPRegressor, NTKRegressor])
def test_a_number_at_its_bound_is_named(cls):
    model = cls(NETWORK, alpha=0.05, alpha_bounds=(1e-4, 0.05), solver=InducingPoints(12))
    model.set_params(architecture_bounds="fixed", **LEARNING)
    with pytest.warns(ConvergenceWarning, match=r"alpha is 0.05, and its upper bound is 0.05"):
        model.fit(X, Y + RANDOM.normal(size=40))


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"training_time": 3.0}, "Set training_time=None"),
        ({"initial_function": lambda X: X[:, 0]}, "Set initial_function=None"),
        ({"alpha": 0.0}, "alpha is 0.0, but its bounds"),
        ({"architecture_bounds": "fixed", "alpha_bounds": "fixed"}, "all are fixed"),
    ],
)
def test_what_cannot_be_learned(params, message):
    model = NNGPRegressor(NETWORK, alpha=0.1, solver=InducingPoints(12), **LEARNING)
    with pytest.raises(ValueError, match=message):
        model.set_params(**params).fit(X, Y)


@pytest.mark.parametrize("solver", ["cholesky", InducingPoints(12, random_state=0)])
@pytest.mark.parametrize("cls", [NNGPRegressor, NTKRegressor])
def test_equal_targets_tell_nothing_about_hyperparameters(cls, solver):
    model = cls(NETWORK, alpha="auto", solver=solver, architecture_bounds="fixed", **LEARNING)
    with pytest.raises(ValueError, match=r"all targets are equal.*Set optimizer=None, or alpha"):
        model.fit(X, np.full(40, 3.0))
    with_constant = clone(model).fit(X, np.column_stack([Y, np.full(40, 3.0)]))
    alone = model.fit(X, Y)
    assert_allclose(with_constant.theta_, alone.theta_, rtol=1e-6)
    assert_allclose(with_constant.predict(X)[:, 1], 3.0)


def test_little_noise_and_all_rows_as_points_keep_the_digits_of_a_score():
    # Where networks agree, their spread is no difference of large numbers.
    model = NTKRegressor(NETWORK, alpha=1e-6, alpha_bounds=(1e-7, 1e-5), **LEARNING)
    scores = []
    for solver in ("cholesky", InducingPoints(selection=X)):

        def optimizer(score, initial_theta, bounds):
            scores.append(score(initial_theta, eval_gradient=True))
            return initial_theta, 0.0

        clone(model).set_params(solver=solver, optimizer=optimizer).fit(X, Y)
    (exact, slope), (found, found_slope) = scores
    assert_allclose(found, exact, rtol=1e-8)
    assert_allclose(found_slope, slope, rtol=1e-4)


def test_rows_that_are_added_are_those_of_one_network():
    model = NNGPRegressor(NETWORK, alpha=0.1, solver=InducingPoints(12), **LEARNING)
    with pytest.raises(ValueError, match="optimizer=None"):
        model.partial_fit(X, Y)
    model.set_params(optimizer=None).partial_fit(X, Y)
    with pytest.raises(ValueError, match="partial_fit does not hold"):
        model.log_marginal_likelihood(np.zeros(3))


@pytest.mark.parametrize("cls", [NNGPRegressor, NTKRegressor])
def test_memory_that_is_asked_for_is_enough(cls, monkeypatch):
    asked = []
    monkeypatch.setattr(sparse_score, "require_memory", lambda n_bytes, *_: asked.append(n_bytes))
    X = RANDOM.normal(size=(300, 3))

    def measured(obj_func, initial_theta, bounds):
        obj_func(initial_theta)
        tracemalloc.start()
        value, _ = obj_func(initial_theta)
        asked.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        return initial_theta, value

    model = cls(NETWORK, alpha=0.1, solver=InducingPoints(300), optimizer=measured)
    model.fit(X, X[:, 0])
    limit, peak = asked
    assert 0.3 * limit < peak < limit
