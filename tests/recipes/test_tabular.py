"""The recipes for tables, as a user sees them."""

import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn import config_context
from sklearn.base import clone
from sklearn.metrics import log_loss
from sklearn.model_selection import cross_validate
from sklearn.utils.estimator_checks import parametrize_with_checks

from skntk import make_tabular_classifier, make_tabular_regressor
from skntk.recipes import effort, selected_ensemble
from tests.recipes.tables import mixed_table

pytestmark = pytest.mark.usefixtures("quick_compilation")

WEIGHTS = {
    "check_sample_weight_equivalence_on_dense_data": "folds of repeated rows are other folds",
}


@parametrize_with_checks(
    [make_tabular_regressor(random_state=0), make_tabular_classifier(random_state=0)],
    expected_failed_checks=lambda estimator: WEIGHTS,
)
def test_contract_of_scikit_learn(estimator, check):
    check(estimator)


@pytest.fixture(scope="module")
def table():
    return mixed_table(150)


@pytest.fixture(scope="module")
def regressor(table):
    X, score = table
    return make_tabular_regressor(random_state=0).fit(X[:100], score[:100])


@pytest.fixture(scope="module")
def classifier(table):
    X, score = table
    return make_tabular_classifier(random_state=0).fit(X[:100], labels(score[:100]))


def labels(score):
    return np.array(["low", "middle", "top"])[np.digitize(score, [0.5, 1.5])]


def test_regression(regressor, table):
    X, score = table[0][100:], table[1][100:]
    mean, std = regressor.predict(X, return_std=True)
    assert regressor.score(X, score) > 0.5
    np.testing.assert_array_equal(mean, regressor.predict(X))
    assert (std > 0).all()
    lower, upper = regressor.predict_interval(X)
    assert 0.8 < np.mean((lower <= score) & (score <= upper)) <= 1
    narrow = regressor.predict_interval(X, 0.5)
    assert (narrow[1] - narrow[0] < upper - lower).all()
    quantiles = regressor.predict_quantiles(X, [0.025, 0.5, 0.975])
    np.testing.assert_array_equal(quantiles[:, [0, 2]], np.column_stack([lower, upper]))
    np.testing.assert_array_equal(quantiles[:, 1], regressor.predict_quantiles(X))


def test_classification(classifier, table):
    X, y = table[0][100:], labels(table[1][100:])
    proba = classifier.predict_proba(X)
    np.testing.assert_allclose(proba.sum(axis=1), 1)
    np.testing.assert_array_equal(classifier.classes_, ["low", "middle", "top"])
    np.testing.assert_array_equal(classifier.predict(X), classifier.classes_[proba.argmax(axis=1)])
    assert log_loss(y, proba) < 0.9
    assert classifier.score(X, y) == np.mean(classifier.predict(X) == y)


@pytest.mark.parametrize("name", ["regressor", "classifier"])
def test_the_leaderboard_tells_what_was_chosen(name, request):
    model = request.getfixturevalue(name)
    frame = pd.DataFrame(model.leaderboard_)
    assert list(frame) == ["model", "kernel", "alpha", "loss", "weight", "seconds"]
    assert frame["weight"].sum() == pytest.approx(1)
    assert frame["loss"].is_monotonic_increasing


def test_polars_is_pandas(regressor, table):
    frame = pl.DataFrame({name: table[0][name].tolist() for name in table[0]}, strict=False)
    np.testing.assert_allclose(regressor.predict(frame[:5]), regressor.predict(table[0][:5]))


def test_the_state_decides_everything(regressor, table):
    X, score = table
    again = clone(regressor).fit(X[:100], score[:100])
    np.testing.assert_array_equal(again.predict(X), regressor.predict(X))
    again = pickle.loads(pickle.dumps(regressor))
    np.testing.assert_array_equal(again.predict(X[:5]), regressor.predict(X[:5]))


def test_predictions_do_not_depend_on_other_rows(regressor, classifier, table):
    X = table[0]
    np.testing.assert_allclose(regressor.predict(X[:1]), regressor.predict(X)[:1], rtol=1e-9)
    proba = classifier.predict_proba(X)
    np.testing.assert_allclose(classifier.predict_proba(X[5:6]), proba[5:6], rtol=1e-6)


def test_weights_of_zero_leave_rows_out(table):
    X, score = table
    weight = np.repeat([1.0, 0.0], [40, 110])
    fits = [
        make_tabular_regressor(random_state=0).fit(X, score, sample_weight=weight),
        make_tabular_regressor(random_state=0).fit(X[:40], score[:40]),
    ]
    # Columns are learned from all rows.
    first, second = (model.predict(X[40:60]) for model in fits)
    np.testing.assert_allclose(first, second)


def test_weights_are_those_of_rows():
    X = np.arange(40.0)[:, np.newaxis] % 20
    y = np.repeat([0.0, 1.0], 20)
    weight = np.repeat([3.0, 1.0], 20)
    regressor = make_tabular_regressor(random_state=0).fit(X, y, sample_weight=weight)
    np.testing.assert_allclose(regressor.predict(X), 0.25, atol=0.02)
    classifier = make_tabular_classifier(random_state=0).fit(X, y, sample_weight=weight)
    np.testing.assert_allclose(classifier.predict_proba(X)[:, 1], 0.25, atol=0.02)


def test_weights_are_routed_to_fits_and_scores():
    X = np.arange(40.0)[:, np.newaxis] % 20
    y = np.repeat([0.0, 1.0], 20)
    weight = np.repeat([3.0, 1.0], 20)
    with config_context(enable_metadata_routing=True):
        model = make_tabular_classifier(time_limit=1e-3, random_state=0)
        model.set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
        weights = {"sample_weight": weight}
        routed = cross_validate(model, X, y, cv=2, params=weights, return_estimator=True)
    fitted = routed["estimator"][0]
    np.testing.assert_allclose(fitted.predict_proba(X)[:, 1], 0.25, atol=0.05)
    # Three quarters of the weight are in the class that is predicted.
    np.testing.assert_allclose(routed["test_score"], 0.75)


def test_new_levels_and_gaps_have_predictions(regressor, table):
    row = table[0][:1].astype({"letter": object, "level": object})
    row["letter"], row["level"], row["number"] = "new", None, np.nan
    assert np.isfinite(regressor.predict(row)).all()


def test_rows_beyond_those_that_are_compared(monkeypatch, table):
    X, score = table
    monkeypatch.setattr(effort, "_EFFORTS", [effort.Effort(60, 60, 60)])
    monkeypatch.setattr(selected_ensemble, "_BLOCK", 32)
    models = [
        make_tabular_regressor(random_state=0).fit(X[:120], score[:120]),
        make_tabular_classifier(random_state=0).fit(X[:120], labels(score[:120])),
    ]
    assert models[0].score(X[120:], score[120:]) > 0.5
    assert models[1].score(X[120:], labels(score[120:])) > 0.5


def test_the_time_limit_leaves_candidates_out(table):
    model = make_tabular_regressor(time_limit=1e-3, random_state=0).fit(table[0], table[1])
    assert len(model.leaderboard_) == 1


@pytest.mark.parametrize("counts", [[19, 1], [5, 1, 1], [2, 1], [1, 2, 30]])
def test_classes_of_few_rows(counts):
    y = np.repeat(np.arange(len(counts)), counts)
    X = np.random.default_rng(0).normal(size=(len(y), 2)) + y[:, np.newaxis]
    model = make_tabular_classifier(random_state=0).fit(X, y)
    assert model.n_folds_ == min(5, max(counts))
    proba = model.predict_proba(X)
    assert proba.shape == (len(y), len(counts))
    assert np.isfinite(proba).all()


@pytest.mark.parametrize(
    "X",
    [
        np.ones((30, 2)),
        np.full((30, 2), np.nan),
        pd.DataFrame({"a": ["x"] * 30, "b": [None] * 30}),
    ],
)
def test_columns_that_say_nothing(X):
    y = np.random.default_rng(0).normal(size=30)
    mean = make_tabular_regressor(random_state=0).fit(X, y).predict(X)
    np.testing.assert_allclose(mean, y.mean(), atol=1e-6)


def test_constant_targets():
    X = np.random.default_rng(0).normal(size=(30, 2))
    mean, std = (
        make_tabular_regressor(random_state=0).fit(X, np.full(30, 7.0)).predict(X, return_std=True)
    )
    np.testing.assert_allclose(mean, 7)
    assert np.isfinite(std).all()


@pytest.mark.parametrize(
    ("make", "X", "y", "message"),
    [
        (
            make_tabular_classifier,
            np.ones((10, 2)),
            ["a"] * 10,
            "at least 2 classes, got one class: 'a'",
        ),
        (make_tabular_classifier, np.ones((3, 2)), ["a", "b", None], "y contains NaN or None"),
        (make_tabular_classifier, np.ones((3, 2)), [0.0, 1.0, np.nan], "y contains NaN"),
        (make_tabular_classifier, np.ones((10, 2)), np.linspace(0, 1, 10), "Unknown label type"),
        (make_tabular_regressor, np.ones((3, 2)), [1.0, 2.0, np.nan], "y contains NaN"),
        (make_tabular_regressor, np.ones((3, 2)), ["a", "b", "c"], "could not convert string"),
        (make_tabular_regressor, np.ones((3, 2)), [1.0, 2.0], "inconsistent numbers of samples"),
        (
            make_tabular_regressor,
            np.ones((2, 2)),
            [1.0, 2.0],
            "needs 3 rows at least.*NNGPRegressor",
        ),
        (make_tabular_regressor, [[1.0], [np.inf], [2.0]], [1.0, 2.0, 3.0], "infinity in column 0"),
        (make_tabular_regressor, np.ones((3, 2)), None, "requires y to be passed"),
    ],
)
def test_data_are_checked_before_the_work_starts(make, X, y, message, monkeypatch):
    monkeypatch.setattr("skntk.recipes.tabular.select_ensemble", None)
    with pytest.raises(ValueError, match=message):
        make().fit(X, y)


def test_tables_with_other_columns_are_refused(regressor, table):
    X = table[0][:3]
    for other in (X[X.columns[::-1]], X.rename(columns={"day": "date"}), X.iloc[:, :4]):
        with pytest.raises(ValueError, match="feature names should match"):
            regressor.predict(other)
    with pytest.raises(ValueError, match="'number' held numbers in fit, and holds categories now"):
        regressor.predict(X.assign(number="x"))


@pytest.mark.parametrize("coverage", [0.0, 1.0, 2])
def test_intervals_need_a_probability(regressor, table, coverage):
    with pytest.raises(ValueError, match="coverage must be greater than 0 and less than 1"):
        regressor.predict_interval(table[0], coverage)


def test_quantiles_need_probabilities(regressor, table):
    with pytest.raises(ValueError, match="quantiles must be probabilities"):
        regressor.predict_quantiles(table[0], [0.5, 1.0])
