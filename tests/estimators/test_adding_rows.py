"""partial_fit: rows that come block by block, through inducing points."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone

from skntk import NNGPClassifier, NNGPRegressor, NTKClassifier, NTKRegressor
from skntk.architecture import FullyConnected
from skntk.solvers import InducingPoints

REGRESSORS = [NNGPRegressor, NTKRegressor]
CLASSIFIERS = [NNGPClassifier, NTKClassifier]
NETWORK = FullyConnected(2, "erf", bias_std=0.2)


def data(n=300, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 3))
    # The mean of the targets drifts: the first block knows nothing of it.
    y = np.column_stack([np.sin(2 * X[:, 0]) + np.arange(n) / 50, 40 - 10 * X[:, 1]])
    return X, y + 0.2 * rng.normal(size=y.shape), rng.integers(1, 4, n).astype(float), X[:5] + 0.1


def labels(y):
    return np.digitize(np.mod(y[:, 0], 3), [1, 2])


def points(X, n=25):
    return InducingPoints(selection=X[:n])


def added(model, X, y, weight, n_blocks=4, **options):
    for rows in np.array_split(np.arange(len(X)), n_blocks):
        model.partial_fit(X[rows], y[rows], sample_weight=weight[rows], **options)
    return model


@pytest.mark.parametrize("options", [{}, {"normalize_y": False}, {"training_time": 30.0}])
@pytest.mark.parametrize("estimator", REGRESSORS)
def test_blocks_add_up_to_a_regressor_of_all_rows(estimator, options):
    X, y, weight, X_test = data()
    model = estimator(NETWORK, alpha=0.05, solver=points(X), **options)
    whole = clone(model).fit(X, y, weight)
    blocks = added(clone(model), X, y, weight)
    for found, expected in zip(
        blocks.predict(X_test, return_std=True), whole.predict(X_test, return_std=True), strict=True
    ):
        assert_allclose(found, expected, rtol=1e-8)
    if "training_time" in options:
        found, expected = (
            fitted.training_history(X_test, y[:5], [1.0, 9.0]) for fitted in (blocks, whole)
        )
        assert_allclose(found.train_loss, expected.train_loss, rtol=1e-8)
    else:
        # All of so few rows are kept.
        for found, expected in zip(
            blocks.loo_predict(return_std=True), whole.loo_predict(return_std=True), strict=True
        ):
            assert_allclose(found, expected, rtol=1e-7)
    assert_array_equal(blocks.X_train_, X)
    assert_allclose(blocks.y_train_, whole.y_train_, rtol=1e-9, atol=1e-9)
    assert_allclose(blocks.alpha_, whole.alpha_, rtol=1e-12)
    if estimator is NNGPRegressor:
        expected = whole.log_marginal_likelihood_value_
        assert_allclose(blocks.log_marginal_likelihood_value_, expected, rtol=1e-8)


@pytest.mark.parametrize("options", [{}, {"training_time": 30.0}])
@pytest.mark.parametrize("estimator", CLASSIFIERS)
def test_blocks_add_up_to_a_classifier_of_all_rows(estimator, options):
    X, y, weight, X_test = data()
    y = labels(y)
    model = estimator(
        NETWORK, alpha=0.05, solver=points(X), class_weight={0: 2.0, 1: 1.0, 2: 1.0}, **options
    )
    whole = clone(model).fit(X, y, weight)
    blocks = added(clone(model), X, y, weight, classes=[2, 1, 0])
    assert_array_equal(blocks.classes_, [0, 1, 2])
    assert_allclose(blocks.decision_function(X_test), whole.decision_function(X_test), rtol=1e-7)
    assert_allclose(blocks.predict_std(X_test), whole.predict_std(X_test), rtol=1e-7)
    if not options:
        assert_allclose(blocks.temperature_, whole.temperature_, rtol=1e-7)
        assert_allclose(blocks.predict_proba(X_test), whole.predict_proba(X_test), rtol=1e-7)


@pytest.mark.parametrize("estimator", [*REGRESSORS, *CLASSIFIERS])
def test_alpha_is_found_from_all_rows(estimator):
    X, y, weight, _ = data()
    options = {}
    if estimator in CLASSIFIERS:
        y, options = labels(y), {"classes": [0, 1, 2]}
    model = estimator(NETWORK, solver=points(X))
    whole = clone(model).fit(X, y, weight)
    blocks = added(clone(model), X, y, weight, **options)
    found, expected = blocks.hyperparameters_["alpha"], whole.hyperparameters_["alpha"]
    assert_allclose(found, expected, rtol=1e-6)
    assert_allclose(blocks.alpha_score_, whole.alpha_score_, rtol=1e-6)


def test_a_large_mean_loses_no_digits():
    X, y, weight, X_test = data()
    model = NTKRegressor(NETWORK, alpha=0.05, solver=points(X))
    near = added(clone(model), X, y, weight).predict(X_test)
    far = added(clone(model), X, y + 1e9, weight).predict(X_test) - 1e9
    assert_allclose(far, near, atol=1e-5)


def test_a_bad_block_leaves_what_came_before():
    X, y, weight, X_test = data()
    model = added(NTKRegressor(NETWORK, alpha=0.05, solver=points(X)), X, y, weight)
    before = model.predict(X_test)
    hole = X[:9].copy()
    hole[4, 1] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        model.partial_fit(hole, y[:9])
    with pytest.raises(ValueError, match="has 2 features, but NTKRegressor is expecting 3"):
        model.partial_fit(X[:9, :2], y[:9])
    with pytest.raises(ValueError, match="as many outputs as in the first call"):
        model.partial_fit(X[:9], y[:9, 0])
    assert_array_equal(model.predict(X_test), before)
    model.partial_fit(X[:9], y[:9])
    assert not np.array_equal(model.predict(X_test), before)


def test_classes_are_named_in_the_first_call():
    X, y, _, _ = data()
    y = labels(y)
    model = NTKClassifier(NETWORK, alpha=0.05, solver=points(X))
    with pytest.raises(ValueError, match="classes must be passed to the first call"):
        model.partial_fit(X, y)
    with pytest.raises(ValueError, match="at least 2 classes"):
        model.partial_fit(X, y, classes=[1])
    with pytest.raises(ValueError, match="the class 2, which is not among the classes"):
        model.partial_fit(X, y, classes=[0, 1])
    model.partial_fit(X[y < 2], y[y < 2], classes=[0, 1, 2])
    with pytest.raises(ValueError, match="is not that of the first call"):
        model.partial_fit(X, y, classes=[0, 1])
    # A class that has not come yet is never right.
    assert (model.predict(X) < 2).all()
    assert (model.partial_fit(X, y).predict(X) == 2).any()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"alpha": np.ones(300)}, "one alpha for all"),
        ({"initial_function": lambda X: X[:, 0]}, "initial_function=None"),
    ],
)
def test_what_does_not_add_up_is_refused(options, message):
    X, y, _, _ = data()
    model = NTKRegressor(NETWORK, solver=points(X), **{"alpha": 0.05, **options})
    with pytest.raises(ValueError, match=message):
        model.partial_fit(X, y)


def test_balanced_classes_need_all_rows():
    X, y, _, _ = data()
    model = NTKClassifier(solver=points(X), class_weight="balanced")
    with pytest.raises(ValueError, match="Give a dict of weights"):
        model.partial_fit(X, labels(y), classes=[0, 1, 2])


def test_fit_begins_anew():
    X, y, weight, X_test = data()
    model = added(NTKRegressor(NETWORK, alpha=0.05, solver=points(X)), X, y, weight)
    fresh = clone(model).fit(X[:50], y[:50])
    model.fit(X[:50], y[:50])
    assert_array_equal(model.predict(X_test), fresh.predict(X_test))
    model.partial_fit(X, y)
    assert len(model.X_train_) == len(X)


def test_a_sample_of_many_rows_is_kept(monkeypatch):
    from skntk.estimators.kernel_machines import row_stream

    monkeypatch.setattr(row_stream, "_N_KEPT", 100)
    X, y, weight, X_test = data()
    model = NTKRegressor(NETWORK, alpha=0.05, solver=points(X), random_state=0)
    whole = clone(model).fit(X, y, weight)
    blocks = added(clone(model), X, y, weight)
    assert len(blocks.X_train_) == 100
    # From all blocks.
    assert {tuple(row) for row in blocks.X_train_} < {tuple(row) for row in X}
    position = [int(np.flatnonzero((row == X).all(axis=1))[0]) for row in blocks.X_train_]
    assert np.histogram(position, bins=4, range=(0, 300))[0].min() > 10
    assert_allclose(blocks.predict(X_test), whole.predict(X_test), rtol=1e-8)
    assert_allclose(blocks.loo_predict(), whole.loo_predict()[position], rtol=1e-7)


def test_it_goes_on_after_a_pickle():
    X, y, weight, X_test = data()
    model = NTKRegressor(NETWORK, alpha=0.05, solver=points(X))
    model.partial_fit(X[:100], y[:100], weight[:100])
    again = pickle.loads(pickle.dumps(model)).partial_fit(X[100:], y[100:], weight[100:])
    assert_allclose(
        again.predict(X_test), clone(model).fit(X, y, weight).predict(X_test), rtol=1e-8
    )


def test_equal_targets_of_all_blocks_tell_nothing_about_noise():
    X, _, weight, X_test = data()
    model = NTKRegressor(NETWORK, solver=points(X))
    with pytest.warns(UserWarning, match="all targets are equal"):
        added(model, X, np.full(len(X), 3.0), weight)
    assert model.hyperparameters_["alpha"] == 0.1
    assert_allclose(model.predict(X_test), 3.0)
