"""What estimators are made of: few classes, one linear solver, nothing built at run time."""

import inspect
from dataclasses import dataclass

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

import skntk
from skntk import (
    ClosedFormSearchCV,
    NNGPClassifier,
    NNGPRegressor,
    NTKClassifier,
    NTKRegressor,
    ZCAWhitening,
)
from skntk.inference import LinearSystem, SingularKernelError

from .problems import NETWORK, classification, name_of, problem_for, regression

CONVERGED = [
    NNGPRegressor(NETWORK),
    NTKRegressor(NETWORK),
    NNGPClassifier(NETWORK),
    NTKClassifier(NETWORK),
]
PUBLIC = [value for name in skntk.__all__ if inspect.isclass(value := getattr(skntk, name))]


@dataclass
class EigenSystem(LinearSystem):
    """K + diag(noise), by its eigenvectors."""

    values: np.ndarray
    vectors: np.ndarray
    n_products: int = 0

    @property
    def shape(self):
        return self.vectors.shape

    def solve(self, b):
        return self.vectors @ ((self.vectors.T @ b).T / self.values).T

    def matmul(self, B):
        self.n_products += 1
        return self.vectors @ ((self.vectors.T @ B).T * self.values).T

    def log_determinant(self):
        return float(np.log(self.values).sum())


class EigenSolver:
    """A solver that no module of the package knows."""

    def factorize(self, operator, noise, *, overwrite=False):
        values, vectors = np.linalg.eigh(operator.to_dense() + np.diag(noise))
        if values[0] <= 0:
            raise SingularKernelError("The kernel is singular.")
        return EigenSystem(values, vectors)


@pytest.mark.parametrize("cls", PUBLIC, ids=lambda cls: cls.__name__)
def test_few_classes_of_ours_stand_above_a_class(cls):
    ours = [base for base in cls.__mro__ if base.__module__.startswith("skntk")]
    assert len(ours) <= 4, ours


@pytest.mark.parametrize("estimator", CONVERGED, ids=name_of)
@pytest.mark.parametrize("cv", [None, 3])
def test_a_search_hands_scorers_the_class_that_it_searches(estimator, cv):
    classes = []
    X, y, _ = problem_for(estimator, n_samples=12)

    def scorer(model, X, y):
        classes.append(type(model))
        return float(np.mean(model.predict(X) == y))

    ClosedFormSearchCV(estimator, {"alpha": [0.1, 1.0]}, cv=cv, scoring=scorer).fit(X, y)
    assert set(classes) == {type(estimator)}


@pytest.mark.parametrize("estimator", CONVERGED, ids=name_of)
def test_any_solver_solves_the_linear_system(estimator):
    X, y, X_test = problem_for(estimator)
    by_cholesky = clone(estimator).fit(X, y)
    by_eigenvectors = clone(estimator).set_params(solver=EigenSolver()).fit(X, y)
    assert_allclose(by_eigenvectors.dual_coef_, by_cholesky.dual_coef_, rtol=1e-8, atol=1e-12)
    methods = ["predict_std", "predict"]
    methods += ["decision_function", "predict_proba"] if hasattr(estimator, "predict_proba") else []
    for method in methods:
        ours, theirs = (getattr(m, method)(X_test) for m in (by_eigenvectors, by_cholesky))
        if ours.dtype.kind == "f":
            assert_allclose(ours, theirs, rtol=1e-8, atol=1e-10)
        else:
            assert ours.tolist() == theirs.tolist()
    leave_one_out = "loo_predict" if hasattr(estimator, "loo_predict") else "loo_decision_function"
    assert_allclose(
        getattr(by_eigenvectors, leave_one_out)(),
        getattr(by_cholesky, leave_one_out)(),
        rtol=1e-8,
        atol=1e-10,
    )
    assert_allclose(by_eigenvectors.max_learning_rate_, by_cholesky.max_learning_rate_, rtol=1e-8)
    times = [0.0, 1.0, 50.0]
    for ours, theirs in zip(
        by_eigenvectors.staged_predict(X_test, times),
        by_cholesky.staged_predict(X_test, times),
        strict=True,
    ):
        if ours.dtype.kind == "f":
            assert_allclose(ours, theirs, rtol=1e-6, atol=1e-9)
        else:
            assert ours.tolist() == theirs.tolist()
    if "NNGP" in type(estimator).__name__:
        assert_allclose(
            by_eigenvectors.log_marginal_likelihood_value_,
            by_cholesky.log_marginal_likelihood_value_,
            rtol=1e-9,
        )


def test_a_solver_is_cloned_and_searched_with_the_estimator():
    X, y, _ = regression()
    search = GridSearchCV(NTKRegressor(NETWORK), {"solver": ["cholesky", EigenSolver()]}, cv=3)
    scores = search.fit(X, y).cv_results_["mean_test_score"]
    assert_allclose(scores[0], scores[1], rtol=1e-8)
    with pytest.raises(ValueError, match=r"no closed form for solver=.*GridSearchCV"):
        ClosedFormSearchCV(NTKRegressor(NETWORK, solver=EigenSolver()), {}, cv=3).fit(X, y)


@pytest.mark.parametrize("solver", ["eigen", None, 3])
def test_what_is_no_solver_is_refused(solver):
    X, y, _ = classification()
    with pytest.raises(ValueError, match="The 'solver' parameter of NNGPClassifier must be"):
        NNGPClassifier(NETWORK, solver=solver).fit(X, y)


def test_the_largest_learning_rate_is_found_once():
    X, y, _ = regression()
    model = NTKRegressor(NETWORK, solver=EigenSolver()).fit(X, y)
    limit = model.max_learning_rate_
    system = model._process.posterior.system
    products = system.n_products
    assert products > 0
    assert model.max_learning_rate_ == limit and system.n_products == products


def test_a_search_has_the_attributes_of_grid_search():
    search = ClosedFormSearchCV(NTKRegressor(NETWORK), {"alpha": [0.1]})
    for name in inspect.signature(GridSearchCV).parameters:
        assert hasattr(search, name)


def test_names_are_listed_before_they_are_imported():
    assert {*skntk.__all__} <= {*dir(skntk)}
    assert {*skntk.estimators.__all__} <= {*dir(skntk.estimators)}
    assert ZCAWhitening.__name__ in dir(skntk)


def test_a_model_at_another_time_has_the_noise_of_that_time():
    X, y, X_test = regression()
    converged = NTKRegressor(NETWORK, alpha=0.1).fit(X, y)
    (early,) = converged._stages([5.0])
    with pytest.raises(ValueError, match=r"trained until training_time=5: .* give the variance"):
        early.predict_observation(X_test)
    converged.predict_observation(X_test)
    # What was found is known at all times.
    converged = NTKRegressor(NETWORK).fit(X, y)
    (early,) = converged._stages([5.0])
    noise = [
        np.square(model.predict_observation(X_test)[1]) - np.square(model.predict_std(X_test))
        for model in (early, converged)
    ]
    np.testing.assert_allclose(*noise, rtol=1e-9)
