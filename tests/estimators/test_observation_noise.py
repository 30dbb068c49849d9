"""Standard deviations of new observations: the function's and the noise's, in units of y."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, LeaveOneOut
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skntk import ClosedFormSearchCV, NNGPRegressor, NTKRegressor, gram_matrix

from .problems import NETWORK, REGRESSORS, name_of, regression

NOT_KNOWN = r"training_time=3: fit with alpha='auto', .* or give the variance of the noise"
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
    model = NTKRegressor(NETWORK, alpha=0.1).fit(X, y)
    mean, std = model.loo_predict(return_std=True)
    noise = np.mean(np.square(y - mean) - np.square(std), axis=0)
    assert np.all(noise > 0)
    _, observed = model.predict_observation(X_test)
    assert_allclose(np.square(observed), model.predict_std(X_test) ** 2 + noise, rtol=1e-8)


def test_noise_of_ntk_is_not_negative_and_unknown_before_the_end_of_training():
    X, y, X_test = regression()
    model = NTKRegressor(NETWORK, alpha=0.1).fit(X, 0 * y)
    assert_array_equal(model.predict_observation(X_test)[1], model.predict_std(X_test))
    early = NTKRegressor(NETWORK, alpha=0.1, training_time=3.0).fit(X, y)
    with pytest.raises(ValueError, match=NOT_KNOWN):
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


@pytest.mark.parametrize("n_outputs", [None, 2])
@pytest.mark.parametrize("cls", [NNGPRegressor, NTKRegressor])
def test_predict_includes_the_noise_on_request(cls, n_outputs):
    X, y, X_test = regression(n_outputs)
    model = cls(NETWORK, alpha=0.3).fit(X, y + np.random.default_rng(1).normal(size=y.shape))
    mean, std = model.predict(X_test, return_std=True, observation_noise=True)
    expected_mean, expected_std = model.predict_observation(X_test)
    assert_array_equal(mean, expected_mean)
    assert_array_equal(std, expected_std)
    _, covariance = model.predict(X_test, return_cov=True, observation_noise=True)
    _, of_function = model.predict(X_test, return_cov=True)
    rows = np.arange(len(X_test))
    assert_allclose(covariance[rows, rows], std**2, rtol=1e-9)
    noise = covariance - of_function
    noise[rows, rows] = 0
    assert_array_equal(noise, 0)
    assert_array_equal(model.predict(X_test, observation_noise=True), mean)


@pytest.mark.parametrize("cls", [NNGPRegressor, NTKRegressor])
def test_noise_of_observations_is_the_same_at_all_times(cls):
    X, y, X_test = regression()
    model = cls(NETWORK).fit(X, y + np.random.default_rng(1).normal(size=y.shape))
    noise = np.square(model.predict_observation(X_test)[1]) - np.square(model.predict_std(X_test))
    times = [1.0, 30.0]
    with_noise = model.staged_predict(X_test, times, return_std=True, observation_noise=True)
    without = model.staged_predict(X_test, times, return_std=True)
    for (mean, std), (expected_mean, of_function) in zip(with_noise, without, strict=True):
        assert_array_equal(mean, expected_mean)
        assert_allclose(np.square(std) - np.square(of_function), noise, rtol=1e-7)
    covariances = model.staged_predict(X_test, times, return_cov=True, observation_noise=True)
    stds = model.staged_predict(X_test, times, return_std=True, observation_noise=True)
    for (_, covariance), (_, std) in zip(covariances, stds, strict=True):
        assert_allclose(np.diagonal(covariance), std**2, rtol=1e-9)


def test_noise_that_is_not_known_is_an_error_where_it_is_asked_for():
    X, y, X_test = regression()
    early = NTKRegressor(NETWORK, alpha=0.1, training_time=3.0).fit(X, y)
    wish = {"return_std": True, "observation_noise": True}
    with pytest.raises(ValueError, match=NOT_KNOWN):
        early.predict(X_test, **wish)
    with pytest.raises(ValueError, match=NOT_KNOWN):
        early.staged_predict(X_test, [1.0], **wish)
    own = NNGPRegressor(NETWORK, alpha=np.ones(len(X))).fit(X, y)
    with pytest.raises(ValueError, match="one alpha for each training sample"):
        own.predict(X_test, **wish)
    # The mean has no noise to know.
    assert_array_equal(early.predict(X_test, observation_noise=True), early.predict(X_test))


@pytest.mark.parametrize("spread", ["return_std", "return_cov"])
@pytest.mark.parametrize("cls", [NNGPRegressor, NTKRegressor])
def test_before_fit_the_noise_is_not_known(cls, spread):
    _, _, X_test = regression()
    with pytest.raises(NotFittedError, match="does not know the noise of observations before fit"):
        cls(NETWORK).predict(X_test, **{spread: True, "observation_noise": True})
    assert_array_equal(cls(NETWORK).predict(X_test, observation_noise=True), 0)


def test_variances_are_no_flag():
    X, y, X_test = regression()
    with pytest.raises(TypeError, match=r"type ndarray: .*predict_observation\(X, alpha=\.\.\.\)"):
        NNGPRegressor(NETWORK).fit(X, y).predict(
            X_test, return_std=True, observation_noise=np.ones(len(X_test))
        )


@pytest.mark.parametrize("cls", [NNGPRegressor, NTKRegressor])
def test_pipelines_pass_the_wish_for_noise_on(cls):
    X, y, X_test = regression()
    pipeline = make_pipeline(StandardScaler(), cls(NETWORK)).fit(X, y)
    mean, std = pipeline.predict(X_test, return_std=True, observation_noise=True)
    expected = pipeline[-1].predict_observation(pipeline[:-1].transform(X_test))
    assert_array_equal((mean, std), expected)


@pytest.mark.parametrize("cv", [None, 3])
@pytest.mark.parametrize("n_outputs", [None, 2])
@pytest.mark.parametrize("cls", [NNGPRegressor, NTKRegressor])
def test_a_search_scores_with_the_noise(cls, n_outputs, cv):
    X, y, _ = regression(n_outputs)
    differences = []

    def scorer(model, X, y):
        _, std = model.predict(X, return_std=True, observation_noise=True)
        differences.append(np.abs(std - model.predict_observation(X)[1]).max())
        return std.mean()

    search = ClosedFormSearchCV(cls(NETWORK), {"alpha": [0.1, 1.0]}, cv=cv, scoring=scorer)
    scores = search.fit(X, y).cv_results_["mean_test_score"]
    assert max(differences) == 0
    by_refits = GridSearchCV(
        cls(NETWORK), {"alpha": [0.1, 1.0]}, cv=cv or LeaveOneOut(), scoring=scorer
    )
    expected = by_refits.fit(X, y).cv_results_["mean_test_score"]
    assert_allclose(scores, expected, rtol=1e-8)


def test_one_training_row_hints_at_the_variance():
    model = NTKRegressor(NETWORK, alpha=0.1).fit([[1.0, 2.0]], [3.0])
    with pytest.raises(ValueError, match=r"one training sample.*predict_observation\(X, alpha="):
        model.predict_observation([[1.0, 2.0]])
    _, std = model.predict_observation([[1.0, 2.0]], alpha=0.2)
    assert std > 0
