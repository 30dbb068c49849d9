"""ClosedFormSearchCV through inducing points: the scores of refits from sums over folds."""

import numpy as np
import pytest
from sklearn.exceptions import FitFailedWarning
from sklearn.model_selection import GridSearchCV, KFold, ShuffleSplit, TimeSeriesSplit

from skntk import ClosedFormSearchCV, NNGPClassifier, NNGPRegressor, NTKClassifier, NTKRegressor
from skntk.architecture import FullyConnected
from skntk.estimators.kernel_machines import rows_at_points
from skntk.inference.inducing.gram_spectrum import GramSpectrum
from skntk.metrics import neg_log_predictive_density_scorer
from skntk.solvers import InducingPoints
from tests.estimators.test_closed_form_search import scoring_for

NETWORK = FullyConnected(2, "erf", bias_std=0.2)
FOLDS = KFold(3, shuffle=True, random_state=0)


def data(n=90, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 3))
    X[[20, 50]] = X[4]
    y = 100 + np.column_stack([np.sin(2 * X[:, 0]), X[:, 1] ** 2]) + 0.2 * rng.normal(size=(n, 2))
    weight = rng.integers(0, 3, n).astype(float)
    return X, y, np.digitize(X[:, 0], [-0.5, 0.5]), weight


def both(estimator, grid, X, y, cv=FOLDS, scoring=None, **params):
    scoring = scoring_for(estimator) if scoring is None else scoring
    searches = [
        search(estimator, grid, cv=cv, scoring=scoring, refit=False, error_score="raise")
        for search in (ClosedFormSearchCV, GridSearchCV)
    ]
    return [search.fit(X, y, **params).cv_results_ for search in searches]


def assert_equal_scores(found, expected, rtol=1e-7):
    names = [name for name in expected if name.startswith("split")]
    assert names
    for name in names:
        np.testing.assert_allclose(found[name], expected[name], rtol=rtol, err_msg=name)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("estimator", [NNGPRegressor, NTKRegressor, NNGPClassifier, NTKClassifier])
def test_scores_are_those_of_refits_with_these_points(estimator, weighted):
    X, y, labels, weight = data()
    model = estimator(NETWORK, solver=InducingPoints(selection=X[:15]))
    classifies = estimator in (NNGPClassifier, NTKClassifier)
    grid = [
        {"alpha": [1e-3, 0.1, 2.0], "normalize_y": [True, False]},
        {"alpha": ["auto"], "architecture__depth": [1]},
    ]
    params = {"sample_weight": weight} if weighted else {}
    # A scorer that is a function takes no weights.
    scoring = "r2" if weighted and not classifies else None
    targets = labels if classifies else y
    assert_equal_scores(*both(model, grid, X, targets, scoring=scoring, **params))


@pytest.mark.parametrize(
    "cv",
    [
        TimeSeriesSplit(3),
        ShuffleSplit(2, test_size=0.6, random_state=0),
        # Some samples twice, and others in no test set.
        [(np.r_[0:40, 10:20], np.arange(50, 60)), (np.arange(30, 90), np.arange(5, 30))],
    ],
)
def test_folds_of_any_kind(cv):
    X, y, _, _ = data()
    model = NTKRegressor(NETWORK, solver=InducingPoints(selection=X[:15]))
    assert_equal_scores(*both(model, {"alpha": [0.01, 1.0]}, X, y, cv=cv))


def test_one_alpha_for_each_sample_and_weights_of_classes():
    X, y, labels, _ = data()
    solver = InducingPoints(selection=X[:15])
    alpha = np.linspace(0.05, 0.5, len(X))
    model = NNGPRegressor(NETWORK, solver=solver)
    assert_equal_scores(*both(model, {"alpha_scale": ["absolute"]}, X, y, alpha=alpha))
    model = NTKClassifier(NETWORK, solver=solver)
    grid = {"alpha": [0.1, 1.0], "class_weight": ["balanced", {0: 2.0, 1: 1.0, 2: 1.0}]}
    assert_equal_scores(*both(model, grid, X, labels))


def test_a_fold_without_a_class():
    X, _, labels, _ = data()
    order = np.argsort(labels, kind="stable")
    model = NNGPClassifier(NETWORK, solver=InducingPoints(selection=X[:15]))
    found, expected = both(
        model, {"alpha": [0.1]}, X[order], labels[order], cv=KFold(3), scoring="accuracy"
    )
    assert_equal_scores(found, expected)


def test_noise_and_solvers_are_searched():
    X, y, _, _ = data()
    grid = {
        "alpha": [0.05, 0.5],
        "solver": [InducingPoints(selection=X[:9]), "cholesky", InducingPoints(selection=X[:30])],
    }
    scoring = neg_log_predictive_density_scorer
    for estimator in (NNGPRegressor(NETWORK), NTKRegressor(NETWORK)):
        assert_equal_scores(*both(estimator, grid, X, y[:, 0], scoring=scoring))


def test_a_path_takes_one_pass_and_one_decomposition_of_each_fold(monkeypatch):
    X, y, _, _ = data()
    made, decomposed = [], []
    features, of = rows_at_points.InducingKernels.features, GramSpectrum.of
    monkeypatch.setattr(
        rows_at_points.InducingKernels,
        "features",
        lambda self, X: made.append(len(X)) or features(self, X),
    )
    monkeypatch.setattr(GramSpectrum, "of", lambda gram: decomposed.append(1) or of(gram))
    model = NNGPRegressor(NETWORK, solver=InducingPoints(20, random_state=0))
    grid = {"alpha": np.logspace(-3, 1, 9), "normalize_y": [True, False]}
    search = ClosedFormSearchCV(model, grid, cv=FOLDS, refit=False).fit(X, y)
    assert sum(made) == len(X)
    assert len(decomposed) == 3
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


def test_the_best_is_fitted_through_its_points():
    X, y, _, _ = data()
    solver = InducingPoints(20, random_state=0)
    model = NTKRegressor(NETWORK, solver=solver)
    grid = {"alpha": [0.01, 10.0]}
    search = ClosedFormSearchCV(model, grid, cv=3, n_jobs=2).fit(X, y)
    best = NTKRegressor(NETWORK, alpha=search.best_params_["alpha"], solver=solver).fit(X, y)
    np.testing.assert_array_equal(search.predict(X), best.predict(X))


@pytest.mark.filterwarnings("ignore:One or more of the test scores are non-finite")
def test_no_noise_fails_alone():
    X, y, _, _ = data()
    model = NTKRegressor(NETWORK, solver=InducingPoints(selection=X[:15]))
    search = ClosedFormSearchCV(model, {"alpha": [0.0, 0.1]}, cv=FOLDS)
    with pytest.warns(FitFailedWarning, match="Inducing points need noise"):
        search.fit(X, y)
    assert np.isnan(search.cv_results_["mean_test_score"]).tolist() == [True, False]


def test_what_a_search_through_points_does_not_do():
    X, y, _, _ = data()
    model = NTKRegressor(NETWORK, alpha=0.1, solver=InducingPoints(20))
    with pytest.raises(ValueError, match="pass cv, for example cv=5"):
        ClosedFormSearchCV(model, {"alpha": [0.1]}).fit(X, y)
    model = NTKRegressor(NETWORK, alpha=0.1, solver="conjugate_gradient")
    with pytest.raises(ValueError, match="solver='conjugate_gradient'"):
        ClosedFormSearchCV(model, {"alpha": [0.1]}, cv=3).fit(X, y)
