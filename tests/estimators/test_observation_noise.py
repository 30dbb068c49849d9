"""Standard deviations of new observations: the function's and the noise's, in units of y."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone

from skntk import NNGPRegressor, NTKRegressor, gram_matrix

from .problems import NETWORK, REGRESSORS, name_of, regression

SCALES = [("absolute", False), ("absolute", True), ("relative", False), ("relative", True)]


@pytest.mark.parametrize("n_outputs", [None, 2])
@pytest.mark.parametrize(("alpha_scale", "normalize_y"), SCALES)
def test_noise_of_nngp_is_alpha_in_the_units_of_the_targets(alpha_scale, normalize_y, n_outputs):
    X, y, X_test = regression(n_outputs)
    model = NNGPRegressor(NETWORK, alpha=0.3, alpha_scale=alpha_scale, normalize_y=normalize_y)
    mean, std = model.fit(X, y).predict(X_test, return_std=True)
    noise = 0.3
    if alpha_scale == "relative":
        noise *= np.diagonal(gram_matrix(NETWORK, X, kind="nngp")).mean()
    if normalize_y:
        noise = noise * y.var(axis=0)
    observed_mean, observed_std = model.predict_observation(X_test)
    assert_allclose(observed_mean, mean, rtol=1e-12)
    assert_allclose(observed_std**2, std**2 + noise, rtol=1e-10)


@pytest.mark.parametrize("alpha_scale", ["absolute", "relative"])
def test_noise_of_nngp_is_the_alpha_that_was_learned(alpha_scale):
    X, y, X_test = regression()
    learned = {"optimizer": "fmin_l_bfgs_b", "architecture_bounds": "fixed"}
    model = NNGPRegressor(NETWORK, alpha=10.0, alpha_scale=alpha_scale, **learned).fit(X, y)
    assert model.hyperparameters_["alpha"] != 10.0
    _, observed_std = model.predict_observation(X_test)
    noise = np.square(observed_std) - np.square(model.predict_std(X_test))
    assert_allclose(noise, model.alpha_[0] * y.var(), rtol=1e-8)


@pytest.mark.parametrize("regressor", REGRESSORS, ids=name_of)
def test_alpha_of_new_observations_is_their_own(regressor):
    X, y, X_test = regression(2)
    model = clone(regressor).fit(X, y)
    alpha = np.linspace(0.0, 2.0, len(X_test))
    _, together = model.predict_observation(X_test, alpha=alpha)
    apart = [
        model.predict_observation(X_test[[i]], alpha=value)[1] for i, value in enumerate(alpha)
    ]
    assert_allclose(together, np.concatenate(apart), rtol=1e-9)
    assert_allclose(together[0], model.predict_std(X_test)[0], rtol=1e-9)


def test_a_new_observation_has_the_noise_of_a_training_sample_with_its_alpha():
    X, y, X_test = regression()
    alpha = np.linspace(0.01, 1.0, len(X))
    model = NNGPRegressor(NETWORK, alpha=alpha).fit(X, y)
    with pytest.raises(ValueError, match=r"one alpha for each training sample.*alpha=\.\.\."):
        model.predict_observation(X_test)
    _, std = model.predict_observation(X, alpha=alpha)
    noise = np.square(std) - np.square(model.predict_std(X))
    assert_allclose(noise, model.alpha_ * y.var(), rtol=1e-8)


@pytest.mark.parametrize("n_outputs", [None, 2])
def test_noise_of_ntk_is_what_leave_one_out_residuals_show(n_outputs):
    X, y, X_test = regression(n_outputs)
    y = y + 2 * np.random.default_rng(1).normal(size=y.shape)
    model = NTKRegressor(NETWORK).fit(X, y)
    mean, std = model.loo_predict(return_std=True)
    noise = np.mean(np.square(y - mean) - np.square(std), axis=0)
    assert np.all(noise > 0)
    _, observed = model.predict_observation(X_test)
    assert_allclose(np.square(observed), model.predict_std(X_test) ** 2 + noise, rtol=1e-8)


def test_noise_of_ntk_is_not_negative_and_unknown_before_the_end_of_training():
    X, y, X_test = regression()
    model = NTKRegressor(NETWORK).fit(X, 0 * y)
    assert_array_equal(model.predict_observation(X_test)[1], model.predict_std(X_test))
    early = NTKRegressor(NETWORK, training_time=3.0).fit(X, y)
    with pytest.raises(ValueError, match=r"training_time=3: give the variance of the noise"):
        early.predict_observation(X_test)


@pytest.mark.parametrize("regressor", REGRESSORS, ids=name_of)
def test_repetitions_have_the_noise_of_a_weight(regressor):
    X, y, X_test = regression()
    weight = 1 + np.arange(len(X)) % 3
    weighted = clone(regressor).fit(X, y, sample_weight=weight)
    repeated = clone(regressor).fit(np.repeat(X, weight, axis=0), np.repeat(y, weight))
    expected = repeated.predict_observation(X_test, alpha=0.5)[1]
    assert_allclose(weighted.predict_observation(X_test, alpha=0.5)[1], expected, rtol=1e-6)


def test_bad_alpha_is_named():
    X, y, X_test = regression()
    model = NNGPRegressor(NETWORK).fit(X, y)
    with pytest.raises(ValueError, match=r"alpha has shape \(2,\), but X has 9 samples"):
        model.predict_observation(X_test, alpha=[1.0, 2.0])
    with pytest.raises(ValueError, match="alpha has negative values"):
        model.predict_observation(X_test, alpha=-1.0)
