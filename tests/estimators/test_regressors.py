"""Predictions of the regressors against independent implementations of the same formulas."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.base import clone
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import Kernel
from sklearn.kernel_ridge import KernelRidge

from skntk import NNGPRegressor, NTKRegressor, gram_diagonal, gram_matrix
from skntk.architecture import FullyConnected

from .problems import NETWORK, REGRESSORS, name_of, regression

OUTPUTS = pytest.mark.parametrize("n_outputs", [None, 1, 3])
each_regressor = pytest.mark.parametrize("regressor", REGRESSORS, ids=name_of)


class NetworkKernel(Kernel):
    """The NNGP kernel as a kernel of `sklearn.gaussian_process`."""

    def __init__(self):
        pass

    def __call__(self, X, Y=None, eval_gradient=False):
        return gram_matrix(NETWORK, X, Y, kind="nngp")

    def diag(self, X):
        return gram_diagonal(NETWORK, X, kind="nngp").copy()

    def is_stationary(self):
        return False


def pair(normalize_y, alpha=0.05):
    ours = NNGPRegressor(NETWORK, alpha=alpha, alpha_scale="absolute", normalize_y=normalize_y)
    theirs = GaussianProcessRegressor(
        NetworkKernel(), alpha=alpha, optimizer=None, normalize_y=normalize_y
    )
    return ours, theirs


@OUTPUTS
@pytest.mark.parametrize("normalize_y", [False, True])
def test_nngp_is_the_gaussian_process_with_the_same_kernel(n_outputs, normalize_y):
    X, y, X_test = regression(n_outputs)
    ours, theirs = (model.fit(X, y) for model in pair(normalize_y))
    for options in ({}, {"return_std": True}, {"return_cov": True}):
        expected, predicted = theirs.predict(X_test, **options), ours.predict(X_test, **options)
        pairs = zip(expected, predicted, strict=True) if options else [(expected, predicted)]
        for wanted, got in pairs:
            assert got.shape == wanted.shape and got.dtype == np.float64
            assert_allclose(got, wanted, rtol=1e-9, atol=1e-9)
    assert ours.sample_y(X_test, 4).shape == theirs.sample_y(X_test, 4).shape
    assert_allclose(ours.dual_coef_, theirs.alpha_.reshape(ours.dual_coef_.shape), rtol=1e-9)
    assert_allclose(ours.y_train_, theirs.y_train_.reshape(ours.y_train_.shape), rtol=1e-12)
    assert_allclose(
        ours.log_marginal_likelihood_value_, theirs.log_marginal_likelihood_value_, rtol=1e-10
    )


def test_alpha_for_each_sample():
    X, y, X_test = regression()
    alpha = np.linspace(0.01, 0.3, len(y))
    ours, theirs = (model.fit(X, y) for model in pair(True, alpha))
    assert_allclose(ours.predict(X_test), theirs.predict(X_test), rtol=1e-9)
    assert_allclose(ours.alpha_, alpha)


@each_regressor
def test_before_fit_the_prediction_is_the_prior(regressor):
    X_test = regression()[2]
    kernel = gram_matrix(NETWORK, X_test, kind="nngp")
    mean, covariance = regressor.predict(X_test, return_cov=True)
    assert_allclose(mean, np.zeros(9))
    assert_allclose(covariance, kernel)
    assert_allclose(regressor.predict(X_test, return_std=True)[1], np.sqrt(np.diagonal(kernel)))
    assert_allclose(regressor.predict_std(X_test), np.sqrt(np.diagonal(kernel)))
    assert_allclose(regressor.predict(X_test), mean)
    draws = regressor.sample_y(X_test, 20_000, random_state=1)
    assert draws.shape == (9, 20_000)
    assert_allclose(np.cov(draws), kernel, atol=0.1)


def test_the_prior_of_one_row_keeps_its_dimension():
    assert NNGPRegressor(NETWORK).predict(np.ones((1, 3))).shape == (1,)


@OUTPUTS
@pytest.mark.parametrize("normalize_y", [False, True])
def test_the_converged_ensemble_has_the_mean_of_a_kernel_ridge_regression(n_outputs, normalize_y):
    X, y, X_test = regression(n_outputs)
    model = NTKRegressor(NETWORK, alpha=0.05, alpha_scale="absolute", normalize_y=normalize_y).fit(
        X, y
    )
    ridge = KernelRidge(alpha=0.05, kernel="precomputed")
    center = y.mean(axis=0) if normalize_y else 0.0
    ridge.fit(gram_matrix(NETWORK, X, kind="ntk"), y - center)
    expected = center + ridge.predict(gram_matrix(NETWORK, X_test, X, kind="ntk"))
    assert_allclose(model.predict(X_test), expected.reshape(model.predict(X_test).shape), rtol=1e-8)


def test_the_spread_of_the_converged_ensemble():
    X, y, X_test = regression()
    model = NTKRegressor(NETWORK, alpha=0.05, alpha_scale="absolute", normalize_y=False).fit(X, y)
    ntk, nngp = gram_matrix(NETWORK, X, kind=("ntk", "nngp"))
    ntk_cross, nngp_cross = gram_matrix(NETWORK, X_test, X, kind=("ntk", "nngp"))
    P = np.linalg.solve(ntk + 0.05 * np.eye(len(X)), ntk_cross.T).T
    expected = gram_matrix(NETWORK, X_test, kind="nngp") - P @ nngp_cross.T - nngp_cross @ P.T
    expected += P @ nngp @ P.T
    assert_allclose(model.predict(X_test, return_cov=True)[1], expected, rtol=1e-7, atol=1e-10)


@pytest.mark.parametrize("normalize_y", [False, True])
def test_training_for_a_finite_time(normalize_y):
    X, y, X_test = regression()
    model = NTKRegressor(
        NETWORK,
        alpha=0.05,
        alpha_scale="absolute",
        normalize_y=normalize_y,
        training_time=3.0,
        learning_rate=2.0,
    ).fit(X, y)
    ntk = gram_matrix(NETWORK, X, kind="ntk")
    eigenvalues, vectors = np.linalg.eigh(ntk + 0.05 * np.eye(len(X)))
    learned = (1 - np.exp(-6.0 * eigenvalues / len(X))) / eigenvalues
    center, scale = (y.mean(), y.std()) if normalize_y else (0.0, 1.0)
    coefficients = vectors @ (learned * (vectors.T @ ((y - center) / scale)))
    expected = center + scale * gram_matrix(NETWORK, X_test, X, kind="ntk") @ coefficients
    assert_allclose(model.predict(X_test), expected, rtol=1e-9)
    assert_allclose(model.dual_coef_, coefficients, rtol=1e-7)


@pytest.mark.parametrize("normalize_y", [False, True])
def test_training_begins_at_the_prior_and_ends_converged(normalize_y):
    X, y, X_test = regression(n_outputs=2)
    model = NTKRegressor(NETWORK, alpha=0.1, normalize_y=normalize_y)
    scale = y.std(axis=0) if normalize_y else np.ones(2)
    center = y.mean(axis=0) if normalize_y else np.zeros(2)
    start = clone(model).set_params(training_time=0).fit(X, y)
    mean, std = start.predict(X_test, return_std=True)
    assert_allclose(mean, np.broadcast_to(center, (9, 2)))
    assert_allclose(std, np.outer(model.predict_std(X_test), scale))
    for weight in (None, np.linspace(0.2, 3.0, len(y))):
        end = clone(model).set_params(training_time=1e9).fit(X, y, weight)
        converged = clone(model).fit(X, y, weight)
        for options in ({"return_std": True}, {"return_cov": True}):
            for got, wanted in zip(
                end.predict(X_test, **options), converged.predict(X_test, **options), strict=True
            ):
                assert_allclose(got, wanted, rtol=1e-6, atol=1e-9)


@each_regressor
@OUTPUTS
def test_the_ways_to_ask_for_the_spread_agree(regressor, n_outputs):
    X, y, X_test = regression(n_outputs)
    model = clone(regressor).fit(X, y)
    mean, std = model.predict(X_test, return_std=True)
    covariance = model.predict(X_test, return_cov=True)[1]
    assert_allclose(mean, model.predict(X_test))
    assert_allclose(std, model.predict_std(X_test))
    assert_allclose(np.square(std).T, np.diagonal(covariance, axis1=0, axis2=1), rtol=1e-6)


@each_regressor
@pytest.mark.parametrize("n_outputs", [None, 2])
def test_draws_have_the_predicted_mean_and_covariance(regressor, n_outputs):
    X, y, X_test = regression(n_outputs)
    model = clone(regressor).fit(X, y)
    draws = model.sample_y(X_test, 40_000, random_state=0)
    mean, covariance = model.predict(X_test, return_cov=True)
    assert draws.shape == (*mean.shape, 40_000)
    std = np.sqrt(np.diagonal(covariance, axis1=0, axis2=1)).T
    assert_allclose((draws.mean(axis=-1) - mean) / std, 0, atol=5 / np.sqrt(40_000))
    first = draws if n_outputs is None else draws[:, 1]
    wanted = covariance if n_outputs is None else covariance[..., 1]
    scale = np.sqrt(np.outer(np.diagonal(wanted), np.diagonal(wanted)))
    assert_allclose((np.cov(first) - wanted) / scale, 0, atol=8 / np.sqrt(40_000))


def test_draws_repeat_with_their_random_state():
    X, y, X_test = regression()
    model = NNGPRegressor(NETWORK).fit(X, y)
    assert_allclose(model.sample_y(X_test), model.sample_y(X_test, random_state=0))
    assert np.ptp(model.sample_y(X_test) - model.sample_y(X_test, random_state=1)) > 0
    state = np.random.RandomState(3)
    first, second = (model.sample_y(X_test, random_state=state) for _ in range(2))
    assert np.ptp(first - second) > 0


@pytest.mark.parametrize(("regressor", "kind"), [(NNGPRegressor, "nngp"), (NTKRegressor, "ntk")])
def test_relative_alpha_is_in_units_of_the_mean_of_the_kernel_diagonal(regressor, kind):
    X, y, X_test = regression()
    unit = gram_diagonal(NETWORK, X, kind=kind).mean()
    relative = regressor(NETWORK, alpha=0.1, alpha_scale="relative").fit(X, y)
    absolute = regressor(NETWORK, alpha=0.1 * unit, alpha_scale="absolute").fit(X, y)
    assert_allclose(relative.alpha_, 0.1 * unit)
    assert_allclose(relative.predict(X_test), absolute.predict(X_test))


@each_regressor
def test_single_precision_is_near_double_precision(regressor):
    X, y, X_test = regression()
    for single, double in zip(
        clone(regressor).set_params(dtype="float32").fit(X, y).predict(X_test, return_std=True),
        clone(regressor).fit(X, y).predict(X_test, return_std=True),
        strict=True,
    ):
        assert single.dtype == np.float64
        assert_allclose(single, double, rtol=1e-3)


def test_the_default_architecture_is_a_fully_connected_network():
    X, y, X_test = regression()
    model, explicit = (NNGPRegressor(each).fit(X, y) for each in (None, FullyConnected()))
    assert model.architecture_ == FullyConnected() and model.architecture is None
    assert_allclose(model.predict(X_test), explicit.predict(X_test))


def test_the_training_data_is_copied():
    X, y, X_test = regression()
    model = NNGPRegressor(NETWORK).fit(X, y)
    before = model.predict(X_test)
    X[:] = 0
    assert_allclose(model.predict(X_test), before)
    assert model.architecture_ == NETWORK and model.architecture_ is not NETWORK
