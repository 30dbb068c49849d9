"""The contract of scikit-learn, in full and without expected failures."""

import os
import subprocess
import sys
from pathlib import Path
from unittest import SkipTest

import jax
import numpy as np
import pytest
from sklearn.preprocessing import PowerTransformer
from sklearn.utils.estimator_checks import parametrize_with_checks

from skntk import (
    ClosedFormSearchCV,
    FeatureLearningClassifier,
    FeatureLearningRegressor,
    FiniteWidthClassifier,
    FiniteWidthRegressor,
    LearnedFeatures,
    NNGPClassifier,
    NNGPRegressor,
    NTKClassifier,
    NTKRegressor,
    WarpedTargetRegressor,
)
from skntk.architecture import FullyConnected

pytestmark = pytest.mark.usefixtures("quick_compilation")

# Small and quick to compile: the checks are of the interface.
FEW = {"width": 16, "n_networks": 2, "training_time": 200, "random_state": 0}
SMALL = FullyConnected(1, "erf")

SEARCH = ClosedFormSearchCV(NTKRegressor(), {"alpha": [0.1, 1.0]}, cv=2)
WARPED = WarpedTargetRegressor(NNGPRegressor(), transformer=PowerTransformer())
FEW_ROUNDS = {"n_rounds": 1, "matrix": "full", "alpha_factors": (1.0, 0.1), "cv": 2}
LEARNING = [
    FeatureLearningRegressor(NTKRegressor(), random_state=0, **FEW_ROUNDS),
    FeatureLearningClassifier(random_state=0, **FEW_ROUNDS),
    LearnedFeatures(random_state=0, **FEW_ROUNDS),
]
INFINITE = [
    NNGPRegressor(),
    NTKRegressor(),
    NTKRegressor(training_time=10.0),
    NNGPClassifier(),
    NNGPClassifier(likelihood="softmax"),
    NTKClassifier(),
    NTKClassifier(loss="log_loss", training_time=10.0),
]
# Checked in a file of their own, which takes as long as this one.
FINITE = [
    FiniteWidthRegressor(SMALL, **FEW),
    FiniteWidthClassifier(SMALL, **FEW),
    FiniteWidthClassifier(SMALL, loss="log_loss", **FEW),
]
ESTIMATORS = [*INFINITE, *FINITE]

# The only check that needs the variable, run in a process of its own below.
NEEDS_VARIABLE = "check_array_api_input"
ARRAY_API = f"ignore:Skipping check {NEEDS_VARIABLE}:sklearn.exceptions.SkipTestWarning"

WITH_ARRAY_API = """
import warnings
from sklearn.utils.estimator_checks import estimator_checks_generator
from tests.estimators.test_check_estimator import ESTIMATORS, NEEDS_VARIABLE

warnings.simplefilter("error")
for estimator in ESTIMATORS:
    for instance, check in estimator_checks_generator(estimator):
        if check.func.__name__ == NEEDS_VARIABLE:
            check(instance)
            print(type(estimator).__name__)
"""


def check_without_skipping(estimator, check):
    """Run a check; none but the one that needs the variable may be skipped."""
    try:
        check(estimator)
    except SkipTest:
        assert check.func.__name__ == NEEDS_VARIABLE
        raise


@pytest.mark.filterwarnings(ARRAY_API)
@parametrize_with_checks([*INFINITE, *LEARNING, SEARCH, WARPED])
def test_check_estimator(estimator, check):
    check_without_skipping(estimator, check)


def test_check_estimator_with_the_array_api_enabled():
    environment = {**os.environ, "SCIPY_ARRAY_API": "1", "JAX_DISABLE_MOST_OPTIMIZATIONS": "1"}
    finished = subprocess.run(
        [sys.executable, "-c", WITH_ARRAY_API],
        cwd=Path(__file__).parents[2],
        env=environment,
        capture_output=True,
        text=True,
    )
    assert finished.returncode == 0, finished.stderr
    names = [type(estimator).__name__ for estimator in ESTIMATORS]
    assert finished.stdout.splitlines() == names


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=repr)
def test_only_infinite_regressors_predict_without_fit(estimator):
    is_regressor = "Regressor" in type(estimator).__name__
    has_prior = is_regressor and not isinstance(estimator, FiniteWidthRegressor)
    assert estimator.__sklearn_tags__().requires_fit is not has_prior
    assert estimator.__sklearn_tags__().estimator_type == (
        "regressor" if is_regressor else "classifier"
    )


def test_the_estimators_add_no_state_to_jax():
    before = jax.config.jax_enable_x64
    X = np.random.default_rng(0).normal(size=(8, 2))
    model = NNGPRegressor().fit(X, X[:, 0])
    assert jax.config.jax_enable_x64 == before
    state = {**vars(model), **vars(model._process.posterior), **vars(model._scaling)}
    assert not [name for name, value in state.items() if isinstance(value, jax.Array)]
