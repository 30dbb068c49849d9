"""Estimators that are trained through inducing points."""

import pickle
import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

import skntk
from skntk import ClosedFormSearchCV, NNGPClassifier, NNGPRegressor, NTKClassifier, NTKRegressor
from skntk.architecture import FullyConnected
from skntk.inference import CholeskySolver
from skntk.solvers import Cholesky, InducingPoints

REGRESSORS = [NNGPRegressor, NTKRegressor]
CLASSIFIERS = [NNGPClassifier, NTKClassifier]
NETWORK = FullyConnected(2, "erf", bias_std=0.2)
N = 60
ALL = InducingPoints(n_points=1000)


def regression(n=N, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 3))
    first = np.sin(2 * X[:, 0]) + 0.2 * rng.normal(size=n)
    y = np.column_stack([first, 30 + 10 * X[:, 1] + rng.normal(size=n)])
    return X, y, rng.integers(1, 4, n).astype(float), rng.normal(size=(7, 3))


def classification(n=N):
    X, y, weight, X_test = regression(n)
    X = np.round(X, 1)
    X[:9] = X[9:18]
    return X, np.digitize(y[:, 0], [-0.3, 0.4]), weight, X_test


OPTIONS = {
    "number": {"alpha": 0.1},
    "time": {"alpha": 0.01, "training_time": 20.0},
    "rows": {"alpha": np.linspace(0.1, 1, N)},
    "uncentered": {"alpha": 0.1, "normalize_y": False, "alpha_scale": "absolute"},
}


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
@pytest.mark.parametrize("estimator", REGRESSORS)
def test_all_rows_as_points_equal_the_exact_regressor(estimator, options, weighted):
    X, y, weight, X_test = regression()
    weight = weight if weighted else None
    exact = estimator(NETWORK, **options).fit(X, y, weight)
    sparse = estimator(NETWORK, solver=ALL, random_state=0, **options).fit(X, y, weight)
    for kind in ("return_std", "return_cov"):
        for found, expected in zip(
            sparse.predict(X_test, **{kind: True}),
            exact.predict(X_test, **{kind: True}),
            strict=True,
        ):
            assert_allclose(found, expected, rtol=1e-7, atol=1e-7)
    assert_allclose(sparse.alpha_, exact.alpha_, rtol=1e-12)
    if np.ndim(options["alpha"]) == 0:
        assert_allclose(sparse.max_learning_rate_, exact.max_learning_rate_, rtol=1e-9)
    else:
        with pytest.raises(ValueError, match="one alpha for all rows"):
            sparse.staged_predict(X_test, [1.0])
    if isinstance(exact, NNGPRegressor):
        expected = exact.log_marginal_likelihood_value_
        assert_allclose(sparse.log_marginal_likelihood_value_, expected, rtol=1e-8)
    if "training_time" in options:
        times = [0.0, 1.0, 10.0]
        found = sparse.training_history(X_test, y[:7], times)
        expected = exact.training_history(X_test, y[:7], times)
        for name in ("train_loss", "test_loss", "train_loss_std", "test_loss_std"):
            assert_allclose(found[name], expected[name], rtol=1e-8)
    else:
        for found, expected in zip(
            sparse.loo_predict(return_std=True), exact.loo_predict(return_std=True), strict=True
        ):
            assert_allclose(found, expected, rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
@pytest.mark.parametrize("estimator", CLASSIFIERS)
def test_all_rows_as_points_equal_the_exact_classifier(estimator, options, weighted):
    X, y, weight, X_test = classification()
    weight = weight if weighted else None
    exact = estimator(NETWORK, **options).fit(X, y, weight)
    sparse = estimator(NETWORK, solver=ALL, random_state=0, **options).fit(X, y, weight)
    assert_allclose(sparse.temperature_, exact.temperature_, rtol=1e-8)
    for method in ("decision_function", "predict_proba", "predict_std"):
        found, expected = getattr(sparse, method)(X_test), getattr(exact, method)(X_test)
        assert_allclose(found, expected, rtol=1e-7, atol=1e-7)
    if "training_time" in options:
        staged = zip(
            sparse.staged_predict_proba(X_test, [1.0, 10.0]),
            exact.staged_predict_proba(X_test, [1.0, 10.0]),
            strict=True,
        )
        for found, expected in staged:
            assert_allclose(found, expected, rtol=1e-7)
    else:
        found, expected = sparse.loo_decision_function(), exact.loo_decision_function()
        assert_allclose(found, expected, rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize("estimator", REGRESSORS)
@pytest.mark.parametrize("criterion", ["default", "copies", "initial"])
def test_alpha_is_found_as_all_rows_tell(estimator, criterion):
    X, y, _, X_test = regression(120)
    options = {}
    if criterion == "copies":
        X[:20], y[:20] = X[20:40], y[20:40]
    if criterion == "initial":
        options["initial_function"] = lambda X: np.column_stack([X[:, 0], 30 + 0 * X[:, 1]])
    exact = estimator(NETWORK, **options).fit(X, y)
    sparse = estimator(NETWORK, solver=ALL, random_state=0, **options).fit(X, y)
    # The searches of both end where the score is flat.
    assert sparse.alpha_score_ > exact.alpha_score_ - 0.2
    ratio = sparse.hyperparameters_["alpha"] / exact.hyperparameters_["alpha"]
    assert 0.6 < ratio < 1.6
    assert_allclose(sparse.predict(X_test), exact.predict(X_test), rtol=0.02, atol=0.05)
    found = sparse.predict(X_test, return_std=True, observation_noise=True)[1]
    expected = exact.predict(X_test, return_std=True, observation_noise=True)[1]
    assert_allclose(found, expected, rtol=0.15)


@pytest.mark.parametrize("estimator", REGRESSORS)
def test_few_points_of_many_rows_are_nearly_as_good(estimator):
    X, y, _, _ = regression(1500)
    X, X_test = X[:, :1], np.linspace(-1.5, 1.5, 50)[:, np.newaxis]
    truth = np.sin(2 * X_test[:, 0])
    model = estimator(solver=InducingPoints(150, random_state=1)).fit(X, y[:, 0])
    mean, std = model.predict(X_test, return_std=True, observation_noise=True)
    assert np.sqrt(np.mean(np.square(mean - truth))) < 0.06
    assert_allclose(std, 0.2, rtol=0.15)


def test_blocks_of_rows_are_told_apart_by_nothing(monkeypatch):
    from skntk.estimators.kernel_machines import rows_at_points

    X, y, weight, X_test = regression(2500)
    model = NTKRegressor(NETWORK, alpha=0.1, solver=InducingPoints(20, random_state=0))
    whole = model.fit(X, y, weight).predict(X_test, return_std=True)
    left_out = model.loo_predict()
    monkeypatch.setattr(rows_at_points, "_BYTES_IN_BLOCK", 1)
    blocks = []
    features = rows_at_points.InducingKernels.features
    monkeypatch.setattr(
        rows_at_points.InducingKernels,
        "features",
        lambda self, X: blocks.append(len(X)) or features(self, X),
    )
    for found, expected in zip(
        model.fit(X, y, weight).predict(X_test, return_std=True), whole, strict=True
    ):
        assert_allclose(found, expected, rtol=1e-9)
    assert len(blocks) > 1
    assert_allclose(model.loo_predict(), left_out, rtol=1e-9)


@pytest.mark.parametrize("estimator", [*REGRESSORS, *CLASSIFIERS])
def test_random_state_of_solver_or_estimator_decides(estimator):
    X, y, _, X_test = classification(90)

    def prediction(solver_state, state):
        solver = InducingPoints(10, random_state=solver_state)
        model = estimator(NETWORK, alpha=0.1, solver=solver, random_state=state).fit(X, y)
        return model.predict(X_test) if estimator in REGRESSORS else model.predict_proba(X_test)

    assert_array_equal(prediction(None, 3), prediction(None, 3))
    assert_array_equal(prediction(3, 0), prediction(3, 1))
    assert not np.array_equal(prediction(None, 3), prediction(None, 4))


def test_pivots_explain_more_than_random_points():
    rng = np.random.default_rng(0)
    # Most rows are near the origin.
    X = rng.normal(size=(800, 2)) * np.where(rng.uniform(size=(800, 1)) < 0.05, 3.0, 0.05)
    y = np.sin(X[:, 0]) + X[:, 1] ** 2
    bounds = {}
    for selection in ("random", "pivoted_cholesky"):
        solver = InducingPoints(25, selection=selection, random_state=0)
        model = NNGPRegressor(NETWORK, alpha=1e-3, solver=solver).fit(X, y)
        bounds[selection] = model.log_marginal_likelihood_value_
    assert bounds["pivoted_cholesky"] > bounds["random"] + 100


def test_points_that_are_given_are_used_and_kept():
    X, y, _, X_test = regression()
    points = X[:11].tolist()
    given = InducingPoints(selection=points)
    model = NTKRegressor(NETWORK, alpha=0.1, solver=given).fit(X, y)
    assert model.dual_coef_.shape == (11, 2)
    twice = InducingPoints(selection=points + points)
    again = NTKRegressor(NETWORK, alpha=0.1, solver=twice).fit(X, y)
    assert_allclose(again.predict(X_test), model.predict(X_test), rtol=1e-12)
    assert given.selection is points


def test_more_points_than_rows_are_all_rows():
    X, y, _, X_test = regression()
    many = NTKRegressor(NETWORK, alpha=0.1, solver=InducingPoints(10**6), random_state=0)
    exact = NTKRegressor(NETWORK, alpha=0.1).fit(X, y)
    assert_allclose(many.fit(X, y).predict(X_test), exact.predict(X_test), rtol=1e-8)


@pytest.mark.parametrize(
    ("solver", "message"),
    [
        (InducingPoints(0), "n_points"),
        (InducingPoints(selection="best"), "selection"),
        (InducingPoints(selection=np.zeros((3, 2))), r"must be \(n_points, 3\)"),
        (InducingPoints(selection=np.full((3, 3), np.nan)), "NaN or infinity"),
    ],
)
def test_bad_points_are_refused(solver, message):
    X, y, _, _ = regression()
    with pytest.raises(ValueError, match=message):
        NTKRegressor(NETWORK, alpha=0.1, solver=solver).fit(X, y)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"alpha": 0.0}, "set alpha to a positive number"),
        ({"alpha": np.full(N, 0.1), "training_time": 1.0}, "one alpha for all rows"),
    ],
)
def test_what_has_no_sums_is_refused(options, message):
    X, y, _, _ = regression()
    with pytest.raises(ValueError, match=message):
        NTKRegressor(NETWORK, solver="inducing_points", **options).fit(X, y)


@pytest.mark.parametrize("estimator", [*REGRESSORS, *CLASSIFIERS])
def test_single_precision(estimator):
    X, y, _, X_test = classification(200)
    model = estimator(NETWORK, alpha=0.1, solver=InducingPoints(40, random_state=0))
    double = model.fit(X, y)
    single = clone(model).set_params(dtype="float32").fit(X, y)
    assert_allclose(single.predict_std(X_test), double.predict_std(X_test), rtol=2e-3)
    if estimator in REGRESSORS:
        assert_allclose(single.predict(X_test), double.predict(X_test), atol=1e-3)
    else:
        assert_allclose(single.predict_proba(X_test), double.predict_proba(X_test), atol=1e-3)


def test_the_solver_is_searched_like_any_parameter():
    X, y, _, _ = regression()
    grid = {"solver__n_points": [2, 30]}
    search = GridSearchCV(
        NTKRegressor(NETWORK, alpha=0.1, solver=InducingPoints(random_state=0)), grid, cv=3
    ).fit(X, y)
    assert search.best_params_ == {"solver__n_points": 30}


def test_a_fitted_model_pickles():
    X, y, _, X_test = regression()
    model = NTKRegressor(NETWORK, alpha=0.1, solver=InducingPoints(20, random_state=0)).fit(X, y)
    copy = pickle.loads(pickle.dumps(model))
    assert_array_equal(copy.predict(X_test), model.predict(X_test))
    assert_allclose(copy.predict_std(X_test), model.predict_std(X_test), rtol=1e-12)


def test_a_kernel_cache_does_not_change_the_model():
    X, y, _, X_test = regression()
    options = {"alpha": 0.1, "solver": InducingPoints(20, random_state=0)}
    plain = NTKRegressor(NETWORK, **options).fit(X, y)
    for _ in range(2):
        cached = NTKRegressor(NETWORK, cache_size=50, **options).fit(X, y)
        assert_allclose(cached.predict(X_test), plain.predict(X_test), rtol=1e-12)
        assert_allclose(cached.predict_std(X_test), plain.predict_std(X_test), rtol=1e-10)


def test_many_rows_need_no_matrix_of_theirs(monkeypatch):
    monkeypatch.setattr(skntk._memory, "available_memory", lambda: 100 * 2**20)
    X = np.random.default_rng(0).normal(size=(6000, 2))
    model = NTKRegressor(FullyConnected(1), alpha=0.1)
    with pytest.raises(MemoryError, match="solver='inducing_points'"):
        model.fit(X, X[:, 0])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.set_params(solver=InducingPoints(50, random_state=0)).fit(X, X[:, 0])
    with pytest.raises(MemoryError, match="5000 inducing points"):
        model.set_params(solver__n_points=5000).fit(X, X[:, 0])


def test_a_closed_form_search_takes_the_exact_solver_by_any_name():
    X, y, _, _ = regression()
    scores = []
    for solver in ("cholesky", Cholesky(), CholeskySolver()):
        search = ClosedFormSearchCV(NTKRegressor(NETWORK, solver=solver), {"alpha": [0.1, 1.0]})
        scores.append(search.fit(X, y).cv_results_["mean_test_score"])
    assert_array_equal(scores[1:], scores[:1] * 2)


@pytest.mark.parametrize("estimator", REGRESSORS)
def test_equal_targets_tell_nothing_about_noise(estimator):
    X, y, _, X_test = regression()
    model = estimator(NETWORK, solver=InducingPoints(20, random_state=0))
    with pytest.warns(UserWarning, match="all targets are equal"):
        model.fit(X, np.full(N, 3.0))
    assert model.hyperparameters_["alpha"] == 0.1
    mean, std = model.predict(X_test, return_std=True)
    assert_allclose(mean, 3.0)
    assert (std > 0).all()
    # Beside an output that varies, one that does not has no part in the search.
    both = clone(model).fit(X, np.column_stack([y[:, 0], np.full(N, 3.0)]))
    alone = clone(model).fit(X, y[:, :1])
    assert_allclose(both.hyperparameters_["alpha"], alone.hyperparameters_["alpha"], rtol=1e-6)
    assert_allclose(both.output_scale_, [*np.ravel(alone.output_scale_), 1.0], rtol=1e-6)


def test_points_that_are_zero_have_no_kernel_without_a_bias():
    network = FullyConnected(1, "erf", bias_std=0.0)
    for alpha in ("auto", 0.1):
        model = NTKRegressor(network, alpha=alpha, solver=InducingPoints(5))
        with pytest.raises(ValueError, match="kernel of the inducing points is zero"):
            model.fit(np.zeros((9, 2)), np.arange(9.0))
