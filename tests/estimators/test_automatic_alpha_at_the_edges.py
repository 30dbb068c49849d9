"""The default `alpha="auto"` where data tell little, or nothing, or everything."""

import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import log_loss

from skntk import NNGPClassifier, NNGPRegressor, NTKClassifier, NTKRegressor
from skntk.architecture import Dense, FullyConnected, Relu, Serial

from .problems import (
    ESTIMATORS,
    REGRESSORS,
    name_of,
    noise_std,
    noisy,
    problem_for,
    regression,
    sine,
)

NETWORK = FullyConnected(depth=1, activation="erf", weight_std=1.4, bias_std=0.5)
EACH_CLASS = pytest.mark.parametrize("cls", [NNGPRegressor, NTKRegressor])
EACH_CLASSIFIER = pytest.mark.parametrize("cls", [NNGPClassifier, NTKClassifier])
EACH_REGRESSOR = pytest.mark.parametrize("regressor", REGRESSORS, ids=name_of)
EACH_ESTIMATOR = pytest.mark.parametrize("estimator", ESTIMATORS, ids=name_of)


# Data at the edges ------------------------------------------------------------------------------


@EACH_CLASS
def test_a_constant_output_among_others(cls):
    X, y, X_test = regression(n_outputs=2)
    targets = np.column_stack([y[:, 0], np.full(len(y), 7.0), y[:, 1]])
    model, expected = cls(NETWORK).fit(X, targets), cls(NETWORK).fit(X, y)
    assert_allclose(model.output_scale_[[0, 2]], expected.output_scale_)
    assert model.output_scale_[1] == 1
    assert_allclose(model.alpha_, expected.alpha_)
    mean, std = model.predict(X_test, return_std=True)
    assert_allclose(mean[:, 1], 7.0)
    assert_allclose(std[:, [0, 2]], expected.predict_std(X_test))
    assert np.isfinite(std).all()


@EACH_REGRESSOR
@pytest.mark.parametrize("value", [0.0, 0.1, -7e9])
def test_constant_targets_tell_nothing(regressor, value):
    X, _, X_test = regression()
    with pytest.warns(UserWarning, match=r"all targets are equal, .*; alpha=0.1 is taken\. Set"):
        model = clone(regressor).fit(X, np.full(len(X), value))
    assert model.hyperparameters_["alpha"] == 0.1
    assert np.isnan(model.alpha_score_) and model.output_scale_ == 1
    mean, std = model.predict(X_test, return_std=True, observation_noise=True)
    assert_allclose(mean, value)
    assert np.isfinite(std).all()


@EACH_REGRESSOR
@pytest.mark.parametrize("normalize_y", [False, True])
def test_one_row(regressor, normalize_y):
    model = clone(regressor).set_params(normalize_y=normalize_y)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.fit([[1.0, 2.0]], [3.0])
    # Centered, one row has nothing left that tells.
    assert bool(caught) == normalize_y
    spread = model.predict([[1.0, 2.0], [0.0, 0.0]], return_std=True, observation_noise=True)
    assert np.isfinite(spread).all()


@EACH_CLASS
def test_a_kernel_of_zeros(cls):
    network = FullyConnected(depth=1, bias_std=0.0)
    with pytest.raises(ValueError, match=r"mean diagonal, which is 0: .* bias_std=1\.0, or set al"):
        cls(network).fit(np.zeros((5, 2)), np.arange(5.0))
    model = cls(network, alpha=0.1, alpha_scale="absolute").fit(np.zeros((5, 2)), np.arange(5.0))
    assert_allclose(model.predict([[0.0, 0.0]]), 2.0)


@EACH_ESTIMATOR
@pytest.mark.parametrize("alpha", ["otto", "AUTO", ""])
def test_another_word(estimator, alpha):
    X, y, _ = problem_for(estimator)
    with pytest.raises(ValueError, match=r"'alpha' parameter of .* among \{'auto'\}\. Got '"):
        clone(estimator).set_params(alpha=alpha).fit(X, y)


@EACH_CLASS
def test_a_word_is_no_variance_of_an_observation(cls):
    X, y, X_test = regression()
    with pytest.raises(ValueError, match="alpha='auto' is no variance: give one float"):
        cls(NETWORK).fit(X, y).predict_observation(X_test, alpha="auto")


@EACH_CLASS
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_equal_rows_with_other_targets_show_noise(cls, dtype):
    X, y, X_test = noisy(60, 0.0)
    rows = np.concatenate([X, X])
    targets = np.concatenate([y + 0.2, y - 0.2])
    model = cls(NETWORK, dtype=dtype).fit(rows, targets)
    assert 0.15 < noise_std(model, X_test)[0] < 0.35
    assert np.isfinite(model.predict_std(X_test)).all()


@EACH_CLASS
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_equal_rows_without_noise_end_at_the_lower_end(cls, dtype):
    X = np.random.default_rng(0).normal(size=(40, 2))
    rows, y = np.concatenate([X, X]), sine(np.concatenate([X, X]))
    y[3] += 1e-9
    with pytest.warns(ConvergenceWarning, match="ends at the lower end of its range, alpha=.* set"):
        model = cls(NETWORK, dtype=dtype).fit(rows, y)
    mean, std = model.predict(X, return_std=True)
    assert np.isfinite(std).all()
    assert_allclose(mean, y[:40], atol=0.05)


@EACH_ESTIMATOR
def test_nearly_equal_rows_in_single_precision(estimator):
    X, y, X_test = problem_for(estimator)
    near = X + 1e-6 * np.random.default_rng(0).normal(size=X.shape)
    model = clone(estimator).set_params(dtype="float32")
    model.fit(np.concatenate([X, near]), np.concatenate([y, y]))
    assert model.hyperparameters_["alpha"] >= 1e-4
    assert np.isfinite(model.predict_std(X_test)).all()
    assert np.isfinite(
        np.ravel(
            model.loo_predict()
            if hasattr(model, "loo_predict") and getattr(model, "training_time", None) is None
            else 0
        )
    ).all()


@EACH_CLASS
def test_a_function_without_noise_warns_and_names_the_remedy(cls):
    X, y, X_test = noisy(100, 0.0)
    with pytest.warns(ConvergenceWarning, match="no noise is seen in the targets. If they have n"):
        model = cls(NETWORK).fit(X, y)
    assert model.hyperparameters_["alpha"] < 1e-4
    assert_allclose(model.predict(X), y, atol=0.01)
    spread = np.abs(model.predict(X_test) - sine(X_test)) / model.predict_std(X_test)
    assert (spread < 3).mean() > 0.9


@EACH_CLASS
def test_inputs_that_tell_nothing_warn_or_predict_the_mean(cls):
    random = np.random.default_rng(1)
    X, y = random.normal(size=(300, 5)), random.normal(size=300)
    model = cls(NETWORK).fit(X, y)
    mean, std = model.predict(random.normal(size=(200, 5)), True, observation_noise=True)
    assert mean.std() < 0.3
    assert_allclose(std.mean(), 1.0, rtol=0.1)


@EACH_CLASSIFIER
def test_classes_without_errors_are_nothing_to_warn_of(cls):
    random = np.random.default_rng(0)
    X = np.concatenate([random.normal(size=(30, 2)) - 6, random.normal(size=(30, 2)) + 6])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = cls(NETWORK).fit(X, np.repeat([0, 1], 30))
    assert model.score(X, np.repeat([0, 1], 30)) == 1


@EACH_CLASSIFIER
def test_classes_that_the_inputs_do_not_tell(cls):
    random = np.random.default_rng(3)
    X, y = random.normal(size=(120, 4)), random.integers(0, 2, size=120)
    probabilities = cls(NETWORK).fit(X, y).predict_proba(random.normal(size=(500, 4)))
    assert log_loss(random.integers(0, 2, size=500), probabilities) < 0.76


@EACH_CLASS
def test_more_features_than_rows(cls):
    random = np.random.default_rng(0)
    X, X_test = random.normal(size=(30, 200)), random.normal(size=(10, 200))
    model = cls(Serial([Dense(), Relu(), Dense()])).fit(X, X[:, 0])
    assert np.isfinite(model.predict(X_test, return_std=True, observation_noise=True)).all()
