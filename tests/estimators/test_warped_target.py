"""Transformed targets: distributions in the units of y."""

import pickle

import numpy as np
import pandas as pd
import pytest
import sklearn
from numpy.testing import assert_allclose, assert_array_equal
from scipy.integrate import quad
from scipy.stats import lognorm, norm
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    OneHotEncoder,
    PowerTransformer,
    QuantileTransformer,
    StandardScaler,
)

from skntk import ClosedFormSearchCV, NNGPRegressor, NTKRegressor, WarpedTargetRegressor
from skntk.metrics import (
    continuous_ranked_probability_score,
    interval_coverage_scorer,
    neg_continuous_ranked_probability_score_scorer,
    neg_interval_coverage_error_scorer,
    neg_log_predictive_density_scorer,
    negative_log_predictive_density,
)

from .problems import NETWORK, regression

LOG = {"func": np.log, "inverse_func": np.exp}


def reciprocal(y):
    return 1 / y


FALLING = {"func": reciprocal, "inverse_func": reciprocal}
TRANSFORMATIONS = {
    "logarithm": LOG,
    "falling": FALLING,
    "Box-Cox": {"transformer": PowerTransformer("box-cox")},
    "Yeo-Johnson": {"transformer": PowerTransformer()},
    "none": {},
}


def positive(n_outputs=None):
    """Return training inputs, positive targets that are noisy, and test inputs."""
    X, y, X_test = regression(n_outputs)
    noise = np.random.default_rng(1).normal(size=y.shape)
    return X, np.exp(y / 4 + 0.1 * noise), X_test


def regressors():
    return {
        "regressor": NNGPRegressor(NETWORK),
        "ensemble": NTKRegressor(NETWORK),
        "pipeline": make_pipeline(StandardScaler(), NNGPRegressor(NETWORK)),
        "closed-form search": ClosedFormSearchCV(NNGPRegressor(NETWORK), {"alpha": [0.1, 1]}, cv=3),
        "search": GridSearchCV(
            make_pipeline(StandardScaler(), NNGPRegressor(NETWORK)),
            {"nngpregressor__alpha": [0.1, 1.0]},
            cv=3,
        ),
    }


def transformed(model, X):
    """Return means and standard deviations of the transformed targets, of functions."""
    regressor = model.regressor_
    regressor = getattr(regressor, "best_estimator_", regressor)
    return regressor.predict(X, return_std=True)


@pytest.mark.parametrize("n_outputs", [None, 2])
@pytest.mark.parametrize("inner", regressors())
def test_logarithms_have_the_moments_of_a_lognormal_distribution(inner, n_outputs):
    X, y, X_test = positive(n_outputs)
    model = WarpedTargetRegressor(regressors()[inner], point_estimate="mean", **LOG).fit(X, y)
    mean, std = transformed(model, X_test)
    expected = lognorm(s=std, scale=np.exp(mean))
    y_mean, y_std = model.predict(X_test, return_std=True)
    assert y_mean.shape == X_test.shape[:1] + y.shape[1:]
    assert_allclose(y_mean, expected.mean(), rtol=1e-8)
    assert_allclose(y_std, expected.std(), rtol=1e-6)
    assert_array_equal(model.predict(X_test), y_mean)
    levels = [0.01, 0.3, 0.99]
    quantiles = model.predict_quantiles(X_test, levels)
    assert quantiles.shape == (*y_mean.shape, 3)
    for found, level in zip(np.moveaxis(quantiles, -1, 0), levels, strict=True):
        assert_allclose(found, expected.ppf(level), rtol=1e-12)
    assert_array_equal(model.predict_quantiles(X_test, 0.3), quantiles[..., 1])


@pytest.mark.parametrize("n_outputs", [None, 2])
@pytest.mark.parametrize("inner", regressors())
def test_observations_have_the_noise_of_the_regressor(inner, n_outputs):
    X, y, X_test = positive(n_outputs)
    model = WarpedTargetRegressor(regressors()[inner], **LOG).fit(X, y)
    plain = clone(regressors()[inner]).fit(X, np.log(y))
    plain = getattr(plain, "best_estimator_", plain)
    mean, std = plain.predict(X_test, return_std=True, observation_noise=True)
    expected = lognorm(s=std, scale=np.exp(mean))
    y_pred, y_std = model.predict(X_test, return_std=True, observation_noise=True)
    assert_allclose(y_pred, np.exp(mean), rtol=1e-12)
    assert_allclose(y_std, expected.std(), rtol=1e-6)
    assert_array_equal(model.predict_observation(X_test), (y_pred, y_std))
    upper = model.predict_quantiles(X_test, 0.9, observation_noise=True)
    assert_allclose(upper, expected.ppf(0.9), rtol=1e-12)
    assert (upper > model.predict_quantiles(X_test, 0.9)).all()
    observed = y[: len(X_test)]
    density = model.log_predictive_density(X_test, observed)
    assert_allclose(density, expected.logpdf(observed), rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("transformation", TRANSFORMATIONS)
def test_the_point_estimate_is_the_median_with_and_without_a_spread(transformation):
    X, y, X_test = positive()
    options = TRANSFORMATIONS[transformation]
    model = WarpedTargetRegressor(NNGPRegressor(NETWORK), **options).fit(X, y)
    median = model.predict(X_test)
    peer = TransformedTargetRegressor(NNGPRegressor(NETWORK), **options).fit(X, y)
    assert_allclose(median, peer.predict(X_test), rtol=1e-12)
    assert_allclose(model.predict(X_test, observation_noise=True), median, rtol=1e-12)
    assert_allclose(model.predict(X, return_std=True)[0], model.predict(X), rtol=1e-12)
    for noise in (False, True):
        assert_allclose(model.predict_quantiles(X_test, 0.5, noise), median, rtol=1e-12)


@pytest.mark.parametrize("transformation", TRANSFORMATIONS)
def test_the_distribution_is_one(transformation):
    X, y, _ = positive()
    options = TRANSFORMATIONS[transformation]
    model = WarpedTargetRegressor(NNGPRegressor(NETWORK, alpha=0.01), **options).fit(X, y)
    rows = X[:3]
    levels = np.array([0.1, 0.5, 0.8])
    quantiles = model.predict_quantiles(rows, levels, observation_noise=True)
    assert (np.diff(quantiles, axis=1) > 0).all()
    for row, bounds in zip(rows, quantiles, strict=True):

        def density(y, row=row):
            return np.exp(model.log_predictive_density(row[np.newaxis], [y])[0])

        probability = quad(density, bounds[0], bounds[2], epsabs=1e-8)[0]
        assert probability == pytest.approx(0.7, abs=1e-7)
    # Few rows are as near to their data as that the tails do not matter.
    draws = model.sample_y(rows, 4000, random_state=0)
    of_function = model.predict_quantiles(rows, levels)
    for level, bound in zip(levels, of_function.T, strict=True):
        share = (draws < bound[:, np.newaxis]).mean(axis=1)
        assert_allclose(share, level, atol=4 * np.sqrt(level * (1 - level) / 4000))
    _, std = model.predict(rows, return_std=True)
    assert_allclose(draws.std(axis=1), std, rtol=0.06)


def test_a_falling_transformation_reverses_the_order_of_quantiles():
    X, y, _ = positive(2)
    model = WarpedTargetRegressor(NNGPRegressor(NETWORK, alpha=0.01), **FALLING).fit(X, y)
    mean, std = transformed(model, X)
    quantiles = model.predict_quantiles(X, [0.1, 0.9])
    assert_allclose(quantiles[..., 0], 1 / norm(mean, std).ppf(0.9), rtol=1e-12)
    assert_allclose(quantiles[..., 1], 1 / norm(mean, std).ppf(0.1), rtol=1e-12)


def test_outputs_may_go_in_different_directions():
    X, Y, _ = positive(2)
    model = WarpedTargetRegressor(
        NNGPRegressor(NETWORK),
        func=lambda y: y * [1.0, -1.0],
        inverse_func=lambda z: z * [1.0, -1.0],
    ).fit(X, Y)
    expected = NNGPRegressor(NETWORK).fit(X, Y)
    mean, std = expected.predict(X, return_std=True)
    assert_allclose(model.predict_quantiles(X, 0.975), mean + norm.ppf(0.975) * std, rtol=1e-9)
    assert_allclose(model.predict(X, return_std=True)[1], std, rtol=1e-9)


def test_samples_are_functions_drawn_together():
    X, y, X_test = positive(2)
    model = WarpedTargetRegressor(NNGPRegressor(NETWORK), **LOG).fit(X, y)
    draws = model.sample_y(X_test, 3, random_state=5)
    expected = NNGPRegressor(NETWORK).fit(X, np.log(y)).sample_y(X_test, 3, random_state=5)
    assert_allclose(draws, np.exp(expected), rtol=1e-12)
    assert draws.shape == (9, 2, 3)


def test_a_column_is_one_output():
    X, y, X_test = positive()
    column = WarpedTargetRegressor(NNGPRegressor(NETWORK), **LOG).fit(X, y[:, np.newaxis])
    vector = WarpedTargetRegressor(NNGPRegressor(NETWORK), **LOG).fit(X, y)
    assert_array_equal(column.predict(X_test, True), vector.predict(X_test, True))
    density = column.log_predictive_density(X, y[:, np.newaxis])
    assert_array_equal(density, vector.log_predictive_density(X, y))


def test_weights_reach_the_regressor():
    X, y, X_test = positive()
    weight = 1 + np.arange(len(X)) % 3
    expected = NNGPRegressor(NETWORK).fit(X, np.log(y), sample_weight=weight).predict(X_test)
    model = WarpedTargetRegressor(NNGPRegressor(NETWORK), **LOG)
    weighted = clone(model).fit(X, y, sample_weight=weight)
    assert_array_equal(np.log(weighted.predict(X_test)), np.log(np.exp(expected)))
    pipeline = WarpedTargetRegressor(make_pipeline("passthrough", NNGPRegressor(NETWORK)), **LOG)
    pipeline.fit(X, y, nngpregressor__sample_weight=weight)
    assert_array_equal(pipeline.predict(X_test), weighted.predict(X_test))
    with sklearn.config_context(enable_metadata_routing=True):
        requesting = NNGPRegressor(NETWORK).set_fit_request(sample_weight=True)
        routed = WarpedTargetRegressor(requesting, **LOG).fit(X, y, sample_weight=weight)
        assert_array_equal(routed.predict(X_test), weighted.predict(X_test))
        with pytest.raises(ValueError, match="sample_weight"):
            clone(model).fit(X, y, sample_weight=weight)


def test_it_is_searched_cloned_and_pickled():
    X, y, X_test = positive()
    model = WarpedTargetRegressor(NNGPRegressor(NETWORK, alpha=0.2), **LOG)
    assert model.get_params()["regressor__alpha"] == 0.2
    grid = {"regressor__alpha": [1e-4, 0.1], "point_estimate": ["median", "mean"]}
    scoring = {"density": neg_log_predictive_density_scorer, "r2": "r2"}
    search = GridSearchCV(model, grid, cv=3, scoring=scoring, refit="density").fit(X, y)
    assert np.isfinite(search.cv_results_["mean_test_density"]).all()
    assert search.best_estimator_.regressor.alpha in (1e-4, 0.1)
    copy = pickle.loads(pickle.dumps(search.best_estimator_))
    assert_array_equal(copy.predict(X_test, True), search.best_estimator_.predict(X_test, True))
    pipeline = make_pipeline(StandardScaler(), clone(model)).fit(X, y)
    y_pred, y_std = pipeline.predict(X_test, return_std=True, observation_noise=True)
    assert y_pred.shape == y_std.shape == (9,)


def test_the_default_regressor_and_names_of_features():
    X, y, _ = positive()
    table = pd.DataFrame(X, columns=list("abcd"))
    model = WarpedTargetRegressor().fit(table, pd.Series(y))
    assert isinstance(model.regressor_, NNGPRegressor)
    assert model.feature_names_in_.tolist() == list("abcd")
    assert model.n_features_in_ == 4
    assert not hasattr(WarpedTargetRegressor(), "n_features_in_")
    assert_allclose(model.predict(table, True), model.regressor_.predict(table, True), rtol=1e-9)


def test_without_a_transformation_scores_are_those_of_the_regressor():
    X, y, _ = positive()
    model = WarpedTargetRegressor(NNGPRegressor(NETWORK)).fit(X[:15], y[:15])
    distribution = model.regressor_.predict_observation(X)
    density = neg_log_predictive_density_scorer(model, X, y)
    assert density == pytest.approx(-negative_log_predictive_density(y, *distribution), rel=1e-8)
    crps = neg_continuous_ranked_probability_score_scorer(model, X, y)
    expected = -continuous_ranked_probability_score(y, *distribution)
    assert crps == pytest.approx(expected, rel=1e-3)
    covered = interval_coverage_scorer(model, X, y, level=0.5)
    assert covered == interval_coverage_scorer(model.regressor_, X, y, level=0.5)
    with pytest.raises(ValueError, match="level must be a probability"):
        interval_coverage_scorer(model, X, y, level=95)


def test_scores_of_a_lognormal_distribution():
    X, y, _ = positive(2)
    pipeline = make_pipeline(StandardScaler(), NNGPRegressor(NETWORK, alpha=0.5))
    model = make_pipeline(StandardScaler(), WarpedTargetRegressor(pipeline, **LOG)).fit(X, y)
    rows = model[:-1].transform(X)
    mean, std = model[-1].regressor_.predict(rows, return_std=True, observation_noise=True)
    weight = np.linspace(0.5, 2, len(X))
    expected = np.average(lognorm(s=std, scale=np.exp(mean)).logpdf(y).mean(1), weights=weight)
    found = neg_log_predictive_density_scorer(model, X, y, weight)
    assert found == pytest.approx(expected, rel=1e-7)
    # Baran and Lerch, "Log-normal distribution based EMOS models", 2015, equation 5.
    omega = (np.log(y) - mean) / std
    crps = y * (2 * norm.cdf(omega) - 1) - 2 * np.exp(mean + std**2 / 2) * (
        norm.cdf(omega - std) + norm.cdf(std / np.sqrt(2)) - 1
    )
    found = neg_continuous_ranked_probability_score_scorer(model, X, y)
    assert found == pytest.approx(-crps.mean(), rel=1e-3)
    covered = np.mean(np.abs(omega) <= norm.ppf(0.9))
    assert interval_coverage_scorer(model, X, y, level=0.8) == pytest.approx(covered)
    error = neg_interval_coverage_error_scorer(model, X, y, level=0.8)
    assert error == pytest.approx(-abs(covered - 0.8))


def test_quantiles_through_a_transformer_with_kinks():
    X, y, _ = positive()
    transformer = QuantileTransformer(n_quantiles=10, output_distribution="normal")
    model = WarpedTargetRegressor(NNGPRegressor(NETWORK), transformer=transformer).fit(X, y)
    quantiles = model.predict_quantiles(X, [0.1, 0.5, 0.9], observation_noise=True)
    assert (np.diff(quantiles, axis=1) >= 0).all()
    assert quantiles.min() >= y.min() and quantiles.max() <= y.max()
    with pytest.raises(ValueError, match=r"no density .* QuantileTransformer"):
        model.log_predictive_density(X[:1], [2 * y.max()])


def test_a_bound_of_the_inverse_far_out_cuts_the_distribution_off():
    X, y, _ = positive()
    bound = np.log(y).min() - 0.2

    def bounded(z):
        return np.where(z > bound, np.exp(z), np.nan)

    regressor = NNGPRegressor(NETWORK, alpha=0.01)
    cut = WarpedTargetRegressor(regressor, func=np.log, inverse_func=bounded).fit(X, y)
    everywhere = WarpedTargetRegressor(regressor, **LOG).fit(X, y)
    mean, std = transformed(cut, X)
    # In standard deviations; the outermost node is at 7.6.
    reach = (mean - bound) / std
    rows = (reach > 4) & (reach < 7.5)
    assert rows.any()
    for point_estimate in ("median", "mean"):
        ours, theirs = (
            model.set_params(point_estimate=point_estimate).predict(X[rows], return_std=True)
            for model in (cut, everywhere)
        )
        assert_allclose(ours, theirs, rtol=1e-3)
    near = 4 * X
    mean, std = transformed(cut, near)
    assert ((mean - bound) / std).min() < 2.5
    with pytest.raises(ValueError, match="has no mean and standard deviation"):
        cut.predict(near, return_std=True)


@pytest.mark.parametrize("power", [-1.0, -0.5])
def test_a_tail_that_has_no_mean_is_an_error(power):
    X, y, _ = positive()

    def func(y):
        return -(y ** (1 / power))

    def inverse_func(z):
        return np.where(z < 0, np.abs(z) ** power, np.nan)

    model = WarpedTargetRegressor(
        NNGPRegressor(NETWORK, alpha=1.0), func=func, inverse_func=inverse_func
    ).fit(X, y)
    assert np.isfinite(model.predict(X)).all()
    with pytest.raises(ValueError, match=r"has no mean and standard deviation.* Take medians and"):
        model.predict(X, return_std=True, observation_noise=True)


def test_beyond_a_pole_the_inverse_is_not_taken():
    X, y, _ = positive()
    model = WarpedTargetRegressor(NNGPRegressor(NETWORK, alpha=1.0), **FALLING).fit(X, y)
    mean, std = transformed(model, 4 * X)
    level = norm.cdf(-(mean[0] + 0.1) / std[0])
    with pytest.raises(ValueError, match=r"prediction -0\.\d+, at which the inverse .* is nan"):
        model.predict_quantiles(4 * X[:1], 1 - level)
    with pytest.raises(ValueError, match="has no mean and standard deviation"):
        model.predict(4 * X, return_std=True)
    with pytest.raises(ValueError, match="is nan"):
        model.sample_y(4 * X, 5000)


def test_a_point_outside_the_inverse_is_an_error():
    X, y, _ = positive()
    regressor = NNGPRegressor(NETWORK, alpha=0.1)
    model = WarpedTargetRegressor(regressor, func=np.exp, inverse_func=np.log).fit(X, y)
    with pytest.raises(ValueError, match=r"Sample 0 has the transformed prediction .* is nan: ask"):
        model.predict_quantiles(X, 1e-12)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"func": np.log}, "func is given without inverse_func.*func=np.log and inverse_func"),
        ({"inverse_func": np.log}, "inverse_func is given without func"),
        (
            {"transformer": FunctionTransformer(np.log)},
            "func is given without inverse_func, and the transformer",
        ),
        ({"transformer": StandardScaler(), **LOG}, "transformer cannot be given together"),
        ({"transformer": OneHotEncoder().transform}, "'transformer' parameter .* must be an obj"),
        ({"transformer": PCA(2)}, "mixes outputs: output 0 .* such as PowerTransformer"),
        ({"transformer": PCA(1)}, r"shape \(25, 2\) to shape \(25, 1\)"),
        ({"func": np.cos, "inverse_func": np.arccos}, "increasing or decreasing.* is neither"),
        ({"point_estimate": "mode"}, "'point_estimate' parameter of WarpedTargetRegressor must"),
        ({"regressor": StandardScaler()}, "'regressor' parameter .* must be an object impl"),
    ],
)
@pytest.mark.filterwarnings("ignore:The provided functions or transformer")
def test_transformations_without_quantiles_are_refused(options, message):
    X, y, _ = positive(2)
    with pytest.raises(ValueError, match=message):
        WarpedTargetRegressor(**options).fit(X, 3 * y)


def test_targets_outside_the_function_are_named():
    X, y, _ = positive()
    y[3] = 0
    with pytest.raises(ValueError, match=r"takes 0 to -inf: .* np\.log1p"):
        WarpedTargetRegressor(**LOG).fit(X, y)
    y[3] = -2
    with pytest.raises(ValueError, match="takes -2 to nan"):
        WarpedTargetRegressor(**LOG).fit(X, y)
    model = WarpedTargetRegressor(NNGPRegressor(NETWORK), **LOG).fit(X, np.abs(y))
    with pytest.raises(ValueError, match="takes -2 to nan"):
        model.log_predictive_density(X, y)
    with pytest.raises(ValueError, match="requires y to be passed, but the target y is None"):
        model.fit(X, None)


def test_a_wrong_inverse_is_warned_of_as_in_scikit_learn():
    X, y, _ = positive()
    wrong = WarpedTargetRegressor(NNGPRegressor(NETWORK), func=np.log, inverse_func=np.expm1)
    with pytest.warns(UserWarning, match="not strictly inverse of each other"):
        wrong.fit(X, y)
    wrong.set_params(check_inverse=False).fit(X, y)


def test_regressors_without_a_standard_deviation_have_a_median_alone():
    X, y, _ = positive()
    model = WarpedTargetRegressor(Ridge(), **LOG).fit(X, y)
    assert_allclose(model.predict(X), np.exp(Ridge().fit(X, np.log(y)).predict(X)), rtol=1e-12)
    with pytest.raises(TypeError, match=r"predict\(X, return_std=True\).*Ridge does not have it"):
        model.predict(X, return_std=True)
    with pytest.raises(TypeError, match="Ridge does not have it"):
        model.set_params(point_estimate="mean").predict(X)
    with pytest.raises(AttributeError, match="Ridge has no method 'sample_y'"):
        model.sample_y(X)
    peer = WarpedTargetRegressor(GaussianProcessRegressor(alpha=0.1), **LOG).fit(X, y)
    _, std = GaussianProcessRegressor(alpha=0.1).fit(X, np.log(y)).predict(X, return_std=True)
    assert_allclose(
        peer.predict(X, return_std=True)[1], lognorm.std(std, scale=peer.predict(X)), rtol=1e-6
    )
    with pytest.raises(TypeError, match=r"observation_noise=True.*GaussianProcessRegressor does"):
        neg_log_predictive_density_scorer(peer, X, y)


@pytest.mark.parametrize("quantiles", [0.0, 1.0, [0.5, 95], [[0.5]], np.nan, []])
def test_quantiles_are_probabilities(quantiles):
    X, y, _ = positive()
    model = WarpedTargetRegressor(NNGPRegressor(NETWORK), **LOG).fit(X, y)
    with pytest.raises(ValueError, match="quantiles must be probabilities greater than 0"):
        model.predict_quantiles(X, quantiles)


def test_constant_targets_and_one_row():
    X, y, _ = positive()
    model = WarpedTargetRegressor(
        NNGPRegressor(NETWORK), func=np.negative, inverse_func=np.negative
    )
    constant = clone(model).fit(X, np.ones(len(X)))
    assert (np.diff(constant.predict_quantiles(X, [0.1, 0.9]), axis=1) > 0).all()
    one = clone(model).fit(X[:1], y[:1])
    assert one.predict(X[:1]) == pytest.approx(y[:1])


@pytest.mark.parametrize("unit", [1e-300, 1e300])
def test_moments_have_the_unit_of_the_targets(unit):
    X, y, X_test = positive()
    model = WarpedTargetRegressor(NNGPRegressor(NETWORK, alpha=0.1), **LOG, point_estimate="mean")
    expected = clone(model).fit(X, y).predict(X_test, return_std=True)
    for values, wanted in zip(
        model.fit(X, unit * y).predict(X_test, return_std=True), expected, strict=True
    ):
        assert_allclose(values / unit, wanted, rtol=1e-8)


def test_observation_noise_is_true_or_false():
    X, y, _ = positive()
    model = WarpedTargetRegressor(NNGPRegressor(NETWORK), **LOG).fit(X, y)
    with pytest.raises(TypeError, match="observation_noise must be True or False, got an object"):
        model.predict(X, return_std=True, observation_noise="yes")


def test_before_fit_it_says_so():
    X, _, _ = positive()
    for method in ("predict", "predict_quantiles", "sample_y", "predict_observation"):
        with pytest.raises(NotFittedError, match="WarpedTargetRegressor instance is not fitted"):
            getattr(WarpedTargetRegressor(**LOG), method)(X)


def test_noise_that_is_not_known_is_an_error_of_the_regressor():
    X, y, X_test = positive()
    regressor = NTKRegressor(NETWORK, alpha=0.1, training_time=5.0)
    model = WarpedTargetRegressor(regressor, **LOG).fit(X, y)
    with pytest.raises(ValueError, match=r"predict_observation\(X, alpha=\.\.\.\)"):
        model.predict_quantiles(X_test, observation_noise=True)
    _, std = model.predict_observation(X_test, alpha=0.1)
    assert (std > model.predict(X_test, return_std=True)[1]).all()
