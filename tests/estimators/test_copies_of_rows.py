"""Copies of an observation, as those in a bootstrap sample, are no proof that there is no noise."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.ensemble import BaggingRegressor

from skntk import ClosedFormSearchCV, NNGPRegressor, NTKRegressor
from skntk.architecture import FullyConnected
from skntk.estimators.data.observations import Observations
from skntk.estimators.data.rows import TrainingRows

from .problems import noise_std

pytestmark = pytest.mark.usefixtures("quick_compilation")

RANDOM = np.random.default_rng(0)
X = RANDOM.uniform(-2, 2, size=(80, 1))
Y = np.sin(2 * X[:, 0]) + 0.3 * RANDOM.normal(size=80)
X_TEST = np.linspace(-2, 2, 50)[:, np.newaxis]
COUNTS = RANDOM.multinomial(80, np.full(80, 1 / 80))
BOOTSTRAP = RANDOM.permutation(np.repeat(np.arange(80), COUNTS))
RBF = FullyConnected(1, "rbf", 1.0, 1.0)
LEARNING = {"optimizer": "fmin_l_bfgs_b"}
REGRESSORS = [
    NNGPRegressor(RBF),
    NNGPRegressor(RBF, criterion="leave_one_out"),
    NTKRegressor(RBF),
    NNGPRegressor(RBF, **LEARNING),
    NTKRegressor(RBF, **LEARNING),
    NTKRegressor(RBF, alpha=0.1, **LEARNING),
]
each_regressor = pytest.mark.parametrize("regressor", REGRESSORS, ids=repr)


def observed(rows, targets, weight=None):
    training = TrainingRows.regression(rows, np.asarray(targets, float), "auto", weight)
    return Observations.without_copies(training.X, training)


@each_regressor
def test_a_bootstrap_sample_shows_the_noise_of_its_rows(regressor):
    samples = {
        "copies": clone(regressor).fit(X[BOOTSTRAP], Y[BOOTSTRAP]),
        "counts": clone(regressor).fit(X, Y, sample_weight=COUNTS),
    }
    # Rows with many copies weigh more, as though their noise were known to be smaller.
    for model in samples.values():
        assert 0.25 < noise_std(model, X_TEST)[0] < 0.55
        assert np.abs(model.predict(X_TEST) - np.sin(2 * X_TEST[:, 0])).mean() < 0.2
    copies, counts = (model.hyperparameters_["alpha"] for model in samples.values())
    assert_allclose(copies, counts, rtol=0.02)


@each_regressor
@pytest.mark.parametrize("unit", [11.0, 11.1])
def test_equal_weights_of_any_size_are_units_of_alpha(regressor, unit):
    regressor = clone(regressor)
    if regressor.alpha != "auto":
        regressor.set_params(alpha=0.1 * unit)
    model = clone(regressor).fit(X, Y, sample_weight=np.full(80, unit))
    alone = clone(regressor).set_params(alpha=0.1 if regressor.alpha != "auto" else "auto")
    alone.fit(X, Y)
    expected = unit * alone.hyperparameters_["alpha"]
    assert_allclose(model.hyperparameters_["alpha"], expected, rtol=0.02)
    assert_allclose(model.predict(X_TEST), alone.predict(X_TEST), atol=0.02)


@pytest.mark.parametrize("n_outputs", [None, 2])
def test_the_score_and_the_likelihood_count_copies_once(n_outputs):
    y = Y if n_outputs is None else np.column_stack([Y, Y**2])
    models = [
        NNGPRegressor(RBF).fit(X[BOOTSTRAP], y[BOOTSTRAP]),
        NNGPRegressor(RBF).fit(X, y, sample_weight=COUNTS),
    ]
    for model in models:
        assert_allclose(model.alpha_score_, model.log_marginal_likelihood_value_, rtol=1e-9)
    assert_allclose(models[0].alpha_score_, models[1].alpha_score_, rtol=1e-8)


def test_the_likelihood_of_what_was_learned_is_that_of_the_model():
    model = NNGPRegressor(RBF, alpha=0.1, **LEARNING).fit(X[BOOTSTRAP], Y[BOOTSTRAP])
    assert_allclose(
        model.log_marginal_likelihood(model.theta_), model.log_marginal_likelihood(), rtol=1e-9
    )


def test_a_search_finds_the_alpha_of_refits():
    folds = [(np.arange(20, 80), np.arange(20)), (np.arange(60), np.arange(60, 80))]
    rows, y = X[BOOTSTRAP], Y[BOOTSTRAP]
    search = ClosedFormSearchCV(NTKRegressor(RBF), {"alpha": ["auto"]}, cv=folds, refit=False)
    scores = [
        NTKRegressor(RBF).fit(rows[train], y[train]).score(rows[test], y[test])
        for train, test in folds
    ]
    found = search.fit(rows, y).cv_results_
    assert_allclose([found[f"split{i}_test_score"][0] for i in range(2)], scores, rtol=1e-6)


def test_an_ensemble_of_bootstrap_samples_predicts():
    ensemble = BaggingRegressor(NNGPRegressor(RBF), n_estimators=3, random_state=0).fit(X, Y)
    assert np.abs(ensemble.predict(X_TEST) - np.sin(2 * X_TEST[:, 0])).mean() < 0.2


def test_an_alpha_for_each_row_survives_the_search_for_the_network():
    alpha = np.linspace(0.1, 0.2, 80)
    model = NNGPRegressor(RBF, alpha=alpha[BOOTSTRAP], alpha_scale="absolute", **LEARNING)
    model.fit(X[BOOTSTRAP], Y[BOOTSTRAP])
    assert_array_equal(model.alpha_, alpha[BOOTSTRAP])


def test_which_observations_are_copies():
    rows = np.array([[0.0], [0.0], [1.0], [2.0]])
    copies = observed(rows, [1, 1, 1, 3], [1, 2, 4, 1])
    assert_array_equal(copies.rows, [0, 2, 3])
    assert_array_equal(copies.sample_weight, [3, 4, 1])
    assert_array_equal(copies.repetitions, [1, 1, 1])
    # Where some differ at equal inputs, those that agree are measurements of their own.
    measured = observed(rows, [1, 2, 1, 3], [1, 2, 4, 1])
    assert_array_equal(measured.rows, np.arange(4))
    assert_array_equal(measured.repetitions, [1, 2, 4, 1])
    # Of several outputs all have to agree.
    outputs = np.array([[1.0, 1.0], [1.0, 2.0], [1.0, 1.0], [0.0, 1.0]])
    assert_array_equal(observed(rows, outputs).rows, np.arange(4))
    precise = observed(rows, [1, 1, 2, 3], [0.5, 2.0, 1.0, 1.0])
    assert_array_equal(precise.sample_weight, [2.5, 1, 1])
