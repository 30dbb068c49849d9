"""The closed-form search does no work twice, and none that no score depends on."""

import numpy as np
import pytest
from sklearn.exceptions import FitFailedWarning
from sklearn.model_selection import GridSearchCV

from skntk import ClosedFormSearchCV, NTKClassifier, NTKRegressor
from skntk.architecture import FullyConnected
from skntk.estimators.classification import scores as held_out
from skntk.estimators.search import kernels as shared_kernels
from tests.estimators.problems import NETWORK, classification, regression
from tests.estimators.test_closed_form_search import compare, mean_std


def test_values_of_alpha_share_all_else_of_a_fold(monkeypatch):
    trained = []
    train_on = shared_kernels.PrecomputedKernel.train_on
    monkeypatch.setattr(
        shared_kernels.PrecomputedKernel, "train_on", lambda *a: trained.append(a) or train_on(*a)
    )
    X, y, _ = regression()
    each = np.full(len(y), 0.1)
    grid = {"alpha": [0.1, 1.0, each, np.float64(10), 0], "normalize_y": [True, False]}
    compare(NTKRegressor(NETWORK), {**grid, "alpha": grid["alpha"][:2]}, 4, X, y)
    # The folds, each with two ways to scale its targets.
    assert len(trained) == 4 * 2
    trained.clear()
    ClosedFormSearchCV(NTKRegressor(NETWORK), grid, cv=4, refit=False).fit(X, y)
    assert len(trained) == 4 * 2 * 2


def test_what_no_scorer_asks_for_is_not_computed(monkeypatch):
    kinds, temperatures = [], []
    original, fit_temperature = shared_kernels.gram_matrix, held_out.fit_temperature
    monkeypatch.setattr(
        shared_kernels,
        "gram_matrix",
        lambda *a, **k: kinds.append(k["kind"]) or original(*a, **k),
    )
    monkeypatch.setattr(
        held_out, "fit_temperature", lambda *a: temperatures.append(a) or fit_temperature(*a)
    )
    X, y, _ = regression()
    options = {"cv": 3, "refit": False}
    grid = {"alpha": [0.1, 1.0]}
    ClosedFormSearchCV(NTKRegressor(NETWORK), grid, **options).fit(X, y)
    assert kinds == ["ntk"]
    ClosedFormSearchCV(NTKRegressor(NETWORK), grid, scoring=mean_std, **options).fit(X, y)
    assert kinds == ["ntk", "ntk", "nngp"]
    X, y, _ = classification()
    for scoring, expected in (("accuracy", 0), ("neg_log_loss", 3 * 2)):
        ClosedFormSearchCV(NTKClassifier(NETWORK), grid, scoring=scoring, **options).fit(X, y)
        assert len(temperatures) == expected


@pytest.mark.parametrize("alpha", [-1.0, np.nan, np.inf])
def test_an_alpha_that_is_not_valid_fails_alone(alpha):
    X, y, _ = regression()
    searches = [
        kind(NTKRegressor(NETWORK), {"alpha": [0.1, alpha]}, cv=3, refit=False)
        for kind in (ClosedFormSearchCV, GridSearchCV)
    ]
    for search in searches:
        with pytest.warns(FitFailedWarning), pytest.warns(UserWarning, match="non-finite"):
            search.fit(X, y)
    found, expected = (search.cv_results_["mean_test_score"] for search in searches)
    assert np.isnan(found[1])
    np.testing.assert_allclose(found, expected, rtol=1e-10)


def test_several_grids_are_searched_in_their_order():
    X, y, _ = regression()
    grids = [
        {"alpha": [1.0, 0.1]},
        {"architecture": [FullyConnected(1), NETWORK], "alpha": [0.3]},
        {"alpha": [0.01], "normalize_y": [False, True]},
    ]
    compare(NTKRegressor(NETWORK, alpha=5.0), grids, 4, X, y)
    compare(NTKRegressor(NETWORK, alpha=5.0), [{"normalize_y": [False]}, {}], 4, X, y)


def test_splits_are_required():
    X, y, _ = regression()
    with pytest.raises(ValueError, match="no splits"):
        ClosedFormSearchCV(NTKRegressor(NETWORK), {}, cv=[]).fit(X, y)


@pytest.mark.parametrize("form", [np.asarray, list, lambda rows: np.isin(np.arange(25), rows)])
def test_folds_are_positions_or_masks(form):
    X, y, _ = regression()
    cv = [(form(np.arange(18)), form(np.arange(18, 25))), (form(np.arange(9, 25)), form([0, 3]))]
    compare(NTKRegressor(NETWORK), {"alpha": [0.1, 1.0]}, cv, X, y)
