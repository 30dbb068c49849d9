"""Hyperparameters learned by gradients: slopes, optima, restarts, and what can go wrong."""

import warnings

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import WhiteKernel

from skntk import NNGPKernel, NNGPRegressor, NTKRegressor
from skntk.architecture import Conv, Dense, Erf, Flatten, FullyConnected, InputScale, Relu, Serial
from skntk.estimators.kernel_machines.hyperparameter_search import maximize
from skntk.inference import (
    ensemble_leave_one_out_density,
    leave_one_out_density,
    marginal_likelihood,
)

pytestmark = pytest.mark.usefixtures("quick_compilation")

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(25, 3))
Y = np.sin(2 * X[:, 0]) + 0.3 * X[:, 1] + 0.3 * RANDOM.normal(size=25)
IMAGES = RANDOM.normal(size=(8, 4, 3, 2))
NETWORK = FullyConnected(1, "erf")
RELEVANCE = Serial([InputScale([1.0, 0.8, 1.2]), Dense(1.3, 0.4), Erf(), Dense(1.1, 0.3)])
OF_IMAGES = Serial([Conv((2, 2), weight_std=1.3, bias_std=0.2), Relu(), Flatten(), Dense()])
STEP = 1e-5


def learned(network=NETWORK, **params):
    return NNGPRegressor(network, optimizer="fmin_l_bfgs_b", **{"alpha": 0.1, **params})


def objective_of(model):
    scores = {"marginal_likelihood": marginal_likelihood, "leave_one_out": leave_one_out_density}
    score = scores.get(getattr(model, "criterion", None), ensemble_leave_one_out_density)
    return model._hyperparameter_score(model.architecture_, model._rows.alpha[:1], score)


@pytest.mark.parametrize("scale", ["relative", "absolute"])
@pytest.mark.parametrize(
    ("model", "X", "y"),
    [
        pytest.param(NNGPRegressor(RELEVANCE, alpha=0.1), X, Y, id="marginal likelihood"),
        pytest.param(NNGPRegressor(RELEVANCE, criterion="leave_one_out"), X, Y, id="leave one out"),
        pytest.param(NTKRegressor(RELEVANCE), X, np.column_stack([Y, Y**2]), id="ntk, two outputs"),
        pytest.param(NNGPRegressor(OF_IMAGES), IMAGES, Y[:8], id="images"),
    ],
)
def test_gradients_are_limits_of_differences(model, X, y, scale):
    weight = 1 + np.arange(len(X)) % 3
    fitted = clone(model).set_params(alpha_scale=scale).fit(X, y, sample_weight=weight)
    objective = objective_of(fitted)
    score, gradient = objective(objective.theta)
    differences = [
        (objective(objective.theta + step)[0] - objective(objective.theta - step)[0]) / (2 * STEP)
        for step in STEP * np.eye(len(gradient))
    ]
    np.testing.assert_allclose(gradient, differences, rtol=1e-6, atol=1e-7 * abs(score))


def test_score_at_the_start_is_that_of_the_fitted_model():
    model = NNGPRegressor(NETWORK, alpha=0.1).fit(X, Y, sample_weight=1 + np.arange(25) % 2)
    theta = np.log([1.0, 1.5, 0.1])
    at_start, gradient = model.log_marginal_likelihood(theta, eval_gradient=True)
    np.testing.assert_allclose(at_start, model.log_marginal_likelihood())
    np.testing.assert_allclose(at_start, model.log_marginal_likelihood_value_)
    assert gradient.shape == (3,)


@pytest.mark.parametrize("model", [learned(), learned(criterion="leave_one_out")], ids=repr)
def test_the_optimum_has_no_slope(model):
    fitted = clone(model).fit(X, Y)
    score, gradient = objective_of(fitted)(fitted.theta_)
    bounds = objective_of(fitted).theta_bounds
    inside = (fitted.theta_ > bounds[:, 0]) & (fitted.theta_ < bounds[:, 1])
    assert abs(gradient[inside]).max() < 1e-2
    before = objective_of(clone(model).set_params(optimizer=None).fit(X, Y))
    assert score > before(before.theta)[0] + 1


def test_ntk_learns_by_leave_one_out():
    model = NTKRegressor(NETWORK, alpha=0.1, optimizer="fmin_l_bfgs_b").fit(X, Y)
    before = objective_of(NTKRegressor(NETWORK, alpha=0.1).fit(X, Y))
    assert objective_of(model)(model.theta_)[0] > before(before.theta)[0] + 1


def test_what_was_learned_can_be_set():
    model = learned().fit(X, Y)
    again = NNGPRegressor(clone(NETWORK)).set_params(**model.hyperparameters_).fit(X, Y)
    np.testing.assert_allclose(again.predict(X), model.predict(X), rtol=1e-10)
    assert again.architecture_ == model.architecture_
    assert FullyConnected(1, "erf") == NETWORK
    assert not hasattr(model.set_params(optimizer=None).fit(X, Y), "theta_")


def test_same_optimum_as_gaussian_process_regressor():
    kernel = NNGPKernel(NETWORK) + WhiteKernel(0.1)
    theirs = GaussianProcessRegressor(kernel, alpha=0.0).fit(X, Y)
    ours = learned(alpha_scale="absolute", normalize_y=False).fit(X, Y)
    np.testing.assert_allclose(
        ours.log_marginal_likelihood_value_, theirs.log_marginal_likelihood_value_, rtol=1e-5
    )


def test_irrelevant_features_get_small_scales():
    bounds = {"0__scales": (1e-2, 1e2)}
    scales = learned(RELEVANCE, architecture_bounds=bounds).fit(X, Y).architecture_.layers[0].scales
    assert scales[2] < 0.2 * scales[0]


@pytest.mark.filterwarnings("ignore:The search for hyperparameters ends at a bound")
def test_fixed_hyperparameters_stay():
    bounds = {"weight_std": "fixed", "bias_std": (0.9, 1.1)}
    model = learned(architecture_bounds=bounds, alpha_bounds="fixed").fit(X, Y)
    assert list(model.hyperparameters_) == ["architecture__bias_std"]
    assert model.architecture_.weight_std == 1.5
    assert 0.9 <= model.architecture_.bias_std <= 1.1


def test_an_array_of_alphas_is_fixed():
    alpha = np.linspace(0.1, 0.2, len(X))
    model = learned(alpha=alpha, alpha_scale="absolute").fit(X, Y)
    assert "alpha" not in model.hyperparameters_
    np.testing.assert_array_equal(model.alpha_, alpha)


def test_restarts_are_reproducible_and_never_worse():
    of_network = {"weight_std": (0.1, 10), "bias_std": "fixed"}
    bounds = {"architecture_bounds": of_network, "alpha_bounds": (1e-3, 1e1)}
    once = learned(**bounds).fit(X, Y)
    first, second = (
        learned(n_restarts_optimizer=2, random_state=3, **bounds).fit(X, Y) for _ in range(2)
    )
    np.testing.assert_array_equal(first.theta_, second.theta_)
    gain = first.log_marginal_likelihood_value_ - once.log_marginal_likelihood_value_
    assert gain >= -1e-9


def test_optimizer_of_the_user():
    def stay(obj_func, initial_theta, bounds):
        value, gradient = obj_func(initial_theta, eval_gradient=True)
        assert obj_func(initial_theta, eval_gradient=False) == value
        assert bounds.shape == (len(gradient), 2)
        return initial_theta, value

    model = NNGPRegressor(NETWORK, alpha=0.1, optimizer=stay).fit(X, Y)
    np.testing.assert_allclose(model.theta_, np.log([1.0, 1.5, 0.1]))


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"alpha_bounds": (1.0, 0.1)}, "bounds of alpha cross"),
        ({"architecture_bounds": {"weight_std": (2, 1)}}, "bounds of weight_std cross"),
        ({"architecture_bounds": {"depth": (1, 3)}}, "Search over it with GridSearchCV"),
        ({"architecture_bounds": "fixed", "alpha_bounds": "fixed"}, "all are fixed"),
        ({"alpha": 0.0}, "alpha is 0.0, but its bounds"),
        ({"alpha": 1e-9}, "alpha that is not within its bounds"),
        ({"training_time": 3.0}, "Set training_time=None"),
        ({"initial_function": lambda X: X[:, 0]}, "Set initial_function=None"),
        ({"alpha_bounds": (0.1, np.inf), "n_restarts_optimizer": 1}, "have to be finite"),
    ],
)
def test_what_cannot_be_learned(params, message):
    with pytest.raises(ValueError, match=message):
        learned().set_params(**params).fit(X, Y)


def test_likelihood_asks_for_a_model_and_a_theta():
    with pytest.raises(NotFittedError):
        NNGPRegressor().log_marginal_likelihood()
    model = NNGPRegressor(NETWORK).fit(X, Y)
    with pytest.raises(ValueError, match="theta!=None"):
        model.log_marginal_likelihood(eval_gradient=True)
    with pytest.raises(ValueError, match="an entry for each of"):
        model.log_marginal_likelihood([0.0])


class TestScoresThatAreNotFinite:
    """A parabola with its top at 1, which has no values beyond 0.5 or is not finite there."""

    options = {"optimizer": "fmin_l_bfgs_b", "random": np.random.RandomState(0)}  # noqa: RUF012
    bounds = np.array([[-2.0, 2.0]])

    @staticmethod
    def raising(theta):
        if theta[0] > 0.5:
            raise ValueError("the kernel is singular.")
        return -float((theta[0] - 1) ** 2), -2 * (theta - 1)

    @staticmethod
    def infinite(theta):
        score = -float((theta[0] - 1) ** 2) if theta[0] <= 0.5 else -np.inf
        return score, -2 * (theta - 1)

    @pytest.mark.parametrize("objective", ["raising", "infinite"])
    def test_that_keep_the_optimum_out_of_reach_are_warned_of(self, objective):
        function = getattr(self, objective)
        with pytest.warns(ConvergenceWarning, match="larger lower bound of alpha"):
            theta = maximize(
                function, np.zeros(1), self.bounds, ["a"], n_restarts=0, **self.options
            )
        assert 0.4 < theta[0] <= 0.5

    @pytest.mark.parametrize("start", [[0.9, 2.0], [1.2, -1.0]])
    def test_beyond_the_optimum_only_shorten_a_step(self, start):
        def objective(theta):
            if abs(theta[0] - 1) > 0.4:
                raise ValueError("the kernel is singular.")
            difference = theta - [1.0, 0.5]
            return -float(10 * difference @ difference), -20 * difference

        bounds = np.array([[-9.0, 9.0], [-9.0, 9.0]])
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            theta = maximize(
                objective, np.array(start), bounds, ["a", "b"], n_restarts=0, **self.options
            )
        np.testing.assert_allclose(theta, [1.0, 0.5], atol=1e-4)

    def test_end_the_run_of_an_optimizer_of_the_user(self):
        def to_the_top(obj_func, initial_theta, bounds):
            obj_func(initial_theta)
            return np.ones(1), obj_func(np.ones(1))[0]

        options = self.options | {"optimizer": to_the_top}
        with pytest.warns(ConvergenceWarning, match=r"not finite on its way: at theta = \(a: 1\)"):
            theta = maximize(self.raising, np.zeros(1), self.bounds, ["a"], n_restarts=0, **options)
        np.testing.assert_array_equal(theta, [0.0])

    @pytest.mark.parametrize("objective", ["raising", "infinite"])
    def test_at_the_start_are_an_error(self, objective):
        with pytest.raises(ValueError, match=r"start from is not finite: at theta = \(a: 1\)"):
            maximize(
                getattr(self, objective),
                np.ones(1),
                self.bounds,
                ["a"],
                n_restarts=0,
                **self.options,
            )


def test_duplicate_rows_with_hardly_any_noise():
    rows = np.concatenate([X, X])
    model = learned(alpha=1e-300, alpha_bounds=(1e-300, 1.0))
    with pytest.raises(ValueError, match=r"not finite: at theta = .*duplicate rows"):
        model.fit(rows, np.concatenate([Y, Y + 0.1]))
