"""The closed-form search finds the scores of `GridSearchCV` without its refits."""

import pickle

import numpy as np
import pytest
from joblib import parallel_config
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.exceptions import FitFailedWarning
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    KFold,
    LeaveOneOut,
    RepeatedStratifiedKFold,
    ShuffleSplit,
    StratifiedKFold,
    TimeSeriesSplit,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skntk import ClosedFormSearchCV, NNGPClassifier, NNGPRegressor, NTKClassifier, NTKRegressor
from skntk.architecture import Conv, Dense, Flatten, FullyConnected, Serial
from skntk.estimators.search import kernels as shared_kernels
from skntk.metrics import neg_log_predictive_density_scorer
from tests.estimators.problems import NETWORK, classification, problem_for, regression

GRID = {"alpha": [0.01, 1.0], "alpha_scale": ["absolute", "relative"]}
CENTERED_OR_NOT = {"alpha": [0.1], "alpha_scale": GRID["alpha_scale"], "normalize_y": [True, False]}
FOUR = [
    NNGPRegressor(NETWORK),
    NTKRegressor(NETWORK),
    NNGPClassifier(NETWORK),
    NTKClassifier(NETWORK),
]

each_of_four = pytest.mark.parametrize("estimator", FOUR, ids=lambda e: type(e).__name__)


def mean_std(estimator, X, y, sample_weight=None):
    """Score a standard deviation."""
    return estimator.predict(X, return_std=True)[1].mean()


def scoring_for(estimator):
    if "Classifier" in type(estimator).__name__:
        return {"right": "accuracy", "proba": "neg_log_loss"}
    return {"square": "neg_mean_squared_error", "std": mean_std}


def assert_equal_results(found, expected):
    assert set(found) == set(expected)
    assert found["params"] == expected["params"]
    for name, values in expected.items():
        if "_test_" in name:
            np.testing.assert_allclose(found[name], values, rtol=1e-10, atol=1e-12, err_msg=name)
        elif name.startswith("param_"):
            assert list(found[name]) == list(values)


def compare(estimator, grid, cv, X, y, scoring=None, **fit_params):
    options = {"cv": cv, "scoring": scoring or scoring_for(estimator), "refit": False}
    found = ClosedFormSearchCV(estimator, grid, **options).fit(X, y, **fit_params)
    expected = GridSearchCV(estimator, grid, **options).fit(X, y, **fit_params)
    assert_equal_results(found.cv_results_, expected.cv_results_)
    assert found.n_splits_ == expected.n_splits_
    return found


@each_of_four
@pytest.mark.parametrize("cv", [2, 9], ids=["few folds", "many folds"])
def test_scores_are_those_of_refits(estimator, cv):
    X, y, _ = problem_for(estimator)
    compare(estimator, CENTERED_OR_NOT, cv, X, y)


@each_of_four
def test_with_weights_and_repeated_rows(estimator):
    X, y, _ = problem_for(estimator)
    X, y = np.concatenate([X, X[:6]]), np.concatenate([y, y[:6]])
    weight = np.random.default_rng(0).uniform(0.2, 3, len(y))
    weight[[4, 11]] = 0
    is_classifier = "Classifier" in type(estimator).__name__
    folds = (StratifiedKFold if is_classifier else KFold)(8, shuffle=True, random_state=0)
    scoring = scoring_for(estimator) if is_classifier else mean_std
    compare(estimator, GRID, folds, X, y, scoring, sample_weight=weight)


@pytest.mark.parametrize("estimator", FOUR[:2], ids=lambda e: type(e).__name__)
@pytest.mark.parametrize(
    "cv",
    [
        list(GroupKFold(8).split(np.zeros(25), groups=np.arange(25) // 3)),
        ShuffleSplit(9, test_size=3, random_state=0),
        TimeSeriesSplit(3),
        LeaveOneOut(),
        [(np.array([0, 0, 1, 5, 9]), np.array([2, 3])), (np.arange(20), np.arange(15, 25))],
    ],
    ids=["groups", "shuffle", "time", "one", "repeated and seen samples"],
)
def test_any_splits_and_many_outputs(estimator, cv):
    X, y, _ = regression(n_outputs=2)
    if isinstance(cv, LeaveOneOut):
        X, y = X[:10], y[:10]
    compare(estimator, GRID, cv, X, y)


def test_classes_balanced_in_each_fold():
    X, y, _ = classification()
    grid = {"alpha": [0.1], "class_weight": [None, "balanced", {"ash": 3.0, "birch": 0.5}]}
    cv = RepeatedStratifiedKFold(n_splits=4, n_repeats=2, random_state=0)
    compare(NTKClassifier(NETWORK), grid, cv, X, y)


def test_networks_in_any_order_and_in_both_precisions():
    X, y, _ = regression()
    grid = {
        "alpha": [0.1, 1.0],
        "architecture__weight_std": [1.0, 2.0],
        "dtype": ["float32", "float64"],
    }
    options = {"cv": 3, "scoring": "r2", "refit": False}
    found = ClosedFormSearchCV(NTKRegressor(NETWORK), grid, **options).fit(X, y).cv_results_
    expected = GridSearchCV(NTKRegressor(NETWORK), grid, **options).fit(X, y).cv_results_
    assert found["params"] == expected["params"]
    double = np.array([params["dtype"] == "float64" for params in found["params"]])
    scores = found["mean_test_score"], expected["mean_test_score"]
    np.testing.assert_allclose(scores[0][double], scores[1][double], rtol=1e-10)
    # Rounding in single precision depends on the tile that an entry is computed in.
    np.testing.assert_allclose(scores[0], scores[1], rtol=1e-4)


@pytest.mark.parametrize("alpha", [1e-12, 0.0])
def test_alpha_beneath_the_rounding_of_a_decomposition(alpha):
    X, y, _ = regression()
    compare(NNGPRegressor(NETWORK, alpha_scale="absolute"), {"alpha": [alpha]}, 12, X, y)


def test_folds_with_a_singular_kernel_fail_as_in_grid_search():
    X, y, _ = regression()
    X = np.concatenate([X, X[:1]])
    y = np.append(y, y[0])
    options = {"cv": [(np.arange(20), [25]), (np.arange(26), [3])], "refit": False}
    searches = [
        kind(NNGPRegressor(NETWORK), {"alpha": [0.0, 0.1]}, scoring="neg_max_error", **options)
        for kind in (ClosedFormSearchCV, GridSearchCV)
    ]
    for search in searches:
        with pytest.warns(FitFailedWarning), pytest.warns(UserWarning, match="non-finite"):
            search.fit(X, y)
    found, expected = (search.cv_results_ for search in searches)
    assert np.isnan(found["split1_test_score"]).tolist() == [True, False]
    for name in ("split0_test_score", "split1_test_score"):
        np.testing.assert_allclose(found[name], expected[name], rtol=1e-7)


def left_out_by_refits(estimator, X, y, sample_weight, method):
    predictions = []
    for i in range(len(y)):
        others = np.delete(np.arange(len(y)), i)
        weight = None if sample_weight is None else sample_weight[others]
        model = clone(estimator).fit(X[others], y[others], weight)
        if method == "predict_std":
            predictions.append(model.predict(X[[i]], return_std=True)[1])
        else:
            predictions.append(getattr(model, method)(X[[i]]))
    return np.concatenate(predictions)


class Recorded:
    """A scorer that keeps the last predictions."""

    def __init__(self, method):
        self.method = method

    def __call__(self, estimator, X, y, sample_weight=None):
        if self.method == "predict_std":
            self.predictions = estimator.predict(X, return_std=True)[1]
        else:
            self.predictions = getattr(estimator, self.method)(X)
        return 0.0


@each_of_four
@pytest.mark.parametrize("normalize_y", [True, False])
@pytest.mark.parametrize("with_weights", [False, True])
def test_without_cv_each_sample_is_left_out(estimator, normalize_y, with_weights):
    is_classifier = "Classifier" in type(estimator).__name__
    X, y, _ = classification(n_samples=18) if is_classifier else regression(2, n_samples=12)
    weight = np.random.default_rng(1).uniform(0.5, 2, len(y)) if with_weights else None
    estimator = clone(estimator).set_params(normalize_y=normalize_y)
    for method in (
        ("decision_function", "predict_proba")
        if is_classifier
        else (
            "predict",
            "predict_std",
        )
    ):
        recorded = Recorded(method)
        search = ClosedFormSearchCV(estimator, {"alpha": [0.2]}, scoring=recorded, refit=False)
        search.fit(X, y, sample_weight=weight)
        expected = left_out_by_refits(estimator.set_params(alpha=0.2), X, y, weight, method)
        np.testing.assert_allclose(recorded.predictions, expected, rtol=1e-9, atol=1e-11)
        assert search.n_splits_ == 1


@pytest.mark.parametrize("estimator", FOUR[:2], ids=lambda e: type(e).__name__)
def test_scorers_of_predictive_distributions(estimator):
    X, y, _ = regression()
    scorer = neg_log_predictive_density_scorer
    for cv in (3, 9):
        compare(estimator, GRID, cv, X, y, scorer)
    X, y = X[:10], y[:10]
    search = ClosedFormSearchCV(estimator, {"alpha": [0.2]}, scoring=scorer, refit=False).fit(X, y)
    fixed = clone(estimator).set_params(alpha=0.2)
    density = []
    for i in range(len(y)):
        others = np.delete(np.arange(len(y)), i)
        density.append(scorer(clone(fixed).fit(X[others], y[others]), X[[i]], y[[i]]))
    np.testing.assert_allclose(search.cv_results_["mean_test_score"], np.mean(density), rtol=1e-9)


@pytest.mark.parametrize("case", ["repeated", "balanced", "weightless", "no noise"])
def test_leaving_one_out_where_a_decomposition_does_not_serve(case):
    X, y, _ = classification(n_samples=18)
    weight, estimator = None, NTKClassifier(NETWORK, alpha=0.2)
    if case == "repeated":
        X, y = np.concatenate([X, X[:3]]), np.concatenate([y, y[:3]])
    elif case == "balanced":
        estimator.set_params(class_weight="balanced")
        weight = np.arange(1.0, 19.0)
    elif case == "weightless":
        weight = np.arange(18.0)
    else:
        estimator.set_params(alpha=0.0)
    recorded = Recorded("predict")
    search = ClosedFormSearchCV(estimator, {}, scoring=recorded, refit=False)
    search.fit(X, y, sample_weight=weight)
    expected = left_out_by_refits(estimator, X, y, weight, "predict")
    assert recorded.predictions.tolist() == expected.tolist()


def test_one_alpha_for_each_sample_is_divided_among_the_folds():
    X, y, _ = regression()
    alpha = np.random.default_rng(2).uniform(0.05, 1, len(y))
    cv = KFold(9)
    for scale in ("absolute", "relative"):
        estimator = NTKRegressor(NETWORK, alpha_scale=scale)
        search = ClosedFormSearchCV(estimator, {"alpha": [alpha, 2 * alpha]}, cv=cv)
        search.fit(X, y)
        for candidate, factor in enumerate((1, 2)):
            for split, (train, test) in enumerate(cv.split(X)):
                model = clone(estimator).set_params(alpha=factor * alpha[train])
                expected = model.fit(X[train], y[train]).score(X[test], y[test])
                found = search.cv_results_[f"split{split}_test_score"][candidate]
                np.testing.assert_allclose(found, expected, rtol=1e-10)


def test_a_network_has_one_kernel_and_at_most_one_decomposition(monkeypatch):
    computed = []
    original = shared_kernels.gram_matrix
    monkeypatch.setattr(
        shared_kernels, "gram_matrix", lambda *a, **k: computed.append(a) or original(*a, **k)
    )
    decompositions = []
    decompose = shared_kernels.PrecomputedKernel.decompose
    monkeypatch.setattr(
        shared_kernels.PrecomputedKernel,
        "decompose",
        lambda *a: decompositions.append(a) or decompose(*a),
    )
    X, y, _ = regression()
    grid = {"alpha": np.logspace(-3, 1, 4), "architecture__weight_std": [1.0, 1.5, 2.0]}
    ClosedFormSearchCV(NTKRegressor(NETWORK), grid, cv=10, refit=False).fit(X, y)
    assert len(computed) == 3
    assert len(decompositions) == 3


def test_the_best_candidate_is_fitted_and_predicts():
    X, y, X_test = classification()
    grid = {"architecture": [NETWORK, FullyConnected(1)], "alpha": [0.01, 0.1]}
    options = {"cv": 4, "scoring": ["accuracy", "neg_log_loss"], "refit": "neg_log_loss"}
    found = ClosedFormSearchCV(NTKClassifier(), grid, **options).fit(X, y)
    expected = GridSearchCV(NTKClassifier(), grid, **options).fit(X, y)
    assert found.best_index_ == expected.best_index_
    assert repr(found.best_params_) == repr(expected.best_params_)
    assert found.best_score_ == pytest.approx(expected.best_score_, rel=1e-10)
    np.testing.assert_array_equal(found.predict_proba(X_test), expected.predict_proba(X_test))
    assert found.score(X, y) == expected.score(X, y)
    assert found.classes_.tolist() == expected.classes_.tolist()
    assert set(found.scorer_) == {"accuracy", "neg_log_loss"}
    copy = pickle.loads(pickle.dumps(found))
    np.testing.assert_array_equal(copy.predict(X_test), found.predict(X_test))
    assert clone(found).get_params()["refit"] == "neg_log_loss"


def test_a_function_chooses_and_nothing_is_refitted():
    X, y, _ = regression()
    worst = ClosedFormSearchCV(
        NNGPRegressor(NETWORK),
        GRID,
        cv=3,
        refit=lambda results: int(np.argmax(results["rank_test_score"])),
    ).fit(X, y)
    assert worst.cv_results_["rank_test_score"][worst.best_index_] == 4
    only_scores = ClosedFormSearchCV(NNGPRegressor(NETWORK), GRID, cv=3, refit=False).fit(X, y)
    assert only_scores.best_index_ == int(np.argmin(only_scores.cv_results_["rank_test_score"]))
    assert not hasattr(only_scores, "best_estimator_")
    assert not hasattr(only_scores, "predict")


def test_threads_and_a_backend_of_processes_change_nothing():
    X, y, _ = regression()
    search = ClosedFormSearchCV(NTKRegressor(NETWORK), GRID, cv=10, refit=False)
    expected = search.fit(X, y).cv_results_["mean_test_score"]
    threads = clone(search).set_params(n_jobs=2).fit(X, y)
    np.testing.assert_allclose(threads.cv_results_["mean_test_score"], expected, rtol=1e-12)
    with parallel_config(backend="loky", n_jobs=2):
        configured = clone(search).fit(X, y)
    np.testing.assert_allclose(configured.cv_results_["mean_test_score"], expected, rtol=1e-12)


def test_tables_and_pipelines():
    table = load_iris(as_frame=True)
    search = ClosedFormSearchCV(NNGPClassifier(NETWORK), {"alpha": [0.1, 1.0]}, cv=3)
    X, y = table.data[::5], table.target[::5]
    assert search.fit(X, y).feature_names_in_.tolist() == list(table.data.columns)
    model = make_pipeline(StandardScaler(), clone(search)).fit(X, y)
    assert model.score(X, y) > 0.9


def test_groups_reach_the_splitter():
    X, y, _ = regression()
    groups = np.arange(25) // 3
    found = ClosedFormSearchCV(NTKRegressor(NETWORK), GRID, cv=GroupKFold(4), refit=False)
    expected = GridSearchCV(NTKRegressor(NETWORK), GRID, cv=GroupKFold(4), refit=False)
    found, expected = (search.fit(X, y, groups=groups) for search in (found, expected))
    assert_equal_results(found.cv_results_, expected.cv_results_)


def test_one_network_that_does_not_fit_fails_alone():
    X, y, _ = regression()
    grid = {"architecture": [NETWORK, Serial([Conv((3,)), Flatten(), Dense()])], "alpha": [0.1]}
    search = ClosedFormSearchCV(NTKRegressor(), grid, cv=3)
    with pytest.warns(FitFailedWarning), pytest.warns(UserWarning, match="non-finite"):
        search.fit(X, y)
    assert np.isnan(search.cv_results_["mean_test_score"]).tolist() == [False, True]


def test_what_has_no_closed_form_is_named():
    X, y, _ = regression()
    with pytest.raises(ValueError, match=r"no closed form for training_time=5\.0.*GridSearchCV"):
        ClosedFormSearchCV(NTKRegressor(training_time=5.0), {}).fit(X, y)
    with pytest.raises(ValueError, match="no closed form for training_time=3"):
        ClosedFormSearchCV(NTKRegressor(), {"training_time": [None, 3]}).fit(X, y)
    with pytest.raises(TypeError, match="end of a pipeline"):
        pipeline = make_pipeline(StandardScaler(), NTKRegressor())
        ClosedFormSearchCV(pipeline, {"ntkregressor__alpha": [1.0]}).fit(X, y)
    with pytest.raises(ValueError, match="at least 2 samples"):
        ClosedFormSearchCV(NTKRegressor(), {}).fit(X[:1], y[:1])
    with pytest.raises(ValueError, match=r"class 2 has one sample.*pass `cv`"):
        ClosedFormSearchCV(NTKClassifier(), {}).fit(X[:5], [0, 0, 1, 1, 2])


def test_a_scorer_that_predicts_something_else_is_told_so():
    X, y, _ = regression()
    search = ClosedFormSearchCV(
        NTKRegressor(NETWORK),
        {},
        scoring=lambda estimator, X, y: estimator.predict(X[:1]).sum(),
        error_score="raise",
    )
    with pytest.raises(ValueError, match="held out, and of no others"):
        search.fit(X, y)


def test_one_of_several_scorers_may_fail():
    X, y, _ = regression()
    scoring = {"r2": "r2", "broken": lambda estimator, X, y: 1 / 0}
    search = ClosedFormSearchCV(NTKRegressor(NETWORK), {}, cv=3, scoring=scoring, refit="r2")
    message = r"(?s)Scoring failed.*set to nan.*ZeroDivisionError"
    with pytest.warns(UserWarning, match=message), pytest.warns(UserWarning, match="non-finite"):
        search.fit(X, y)
    assert np.isnan(search.cv_results_["mean_test_broken"]).all()
    assert np.isfinite(search.best_score_)
    with pytest.raises(ZeroDivisionError):
        clone(search).set_params(error_score="raise").fit(X, y)


def test_targets_are_required():
    with pytest.raises(ValueError, match="requires y to be passed"):
        ClosedFormSearchCV(NTKRegressor(NETWORK), GRID).fit(np.zeros((3, 2)), None)


def test_inputs_that_are_not_valid_are_refused_as_by_the_estimator():
    X, y, _ = regression()
    X[3, 1] = np.nan
    with pytest.raises(ValueError, match="contains NaN"):
        ClosedFormSearchCV(NTKRegressor(NETWORK), GRID, cv=3).fit(X, y)
