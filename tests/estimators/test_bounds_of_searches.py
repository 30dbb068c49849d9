"""A search that ends at a bound, or without convergence, says so and what to do."""

import warnings

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning

from skntk import NNGPClassifier, NNGPRegressor, NTKClassifier, NTKRegressor
from skntk.architecture import Dense, Erf, FullyConnected, InputScale, Serial
from skntk.estimators.classification import evidence
from skntk.estimators.kernel_machines.hyperparameter_search import maximize

from .problems import NETWORK, classification

pytestmark = pytest.mark.usefixtures("quick_compilation")

RANDOM = np.random.default_rng(0)
X = RANDOM.uniform(-2, 2, size=(40, 1))
Y = np.sin(2 * X[:, 0]) + 0.3 * RANDOM.normal(size=40)
RBF = FullyConnected(1, "rbf", 1.0, 1.0)
LEARNING = {"optimizer": "fmin_l_bfgs_b"}
EACH_CLASS = pytest.mark.parametrize("cls", [NNGPRegressor, NTKRegressor])


def messages(model, *data, **params):
    """Return what the fit of a model warns of."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.fit(*data, **params)
    assert all(issubclass(one.category, ConvergenceWarning) for one in caught)
    return [str(one.message) for one in caught]


@EACH_CLASS
@pytest.mark.parametrize(
    ("bounds", "expected"),
    [
        ((1.0, 10.0), "alpha is 1, and its lower bound is 1. Decrease the bound in alpha_bounds"),
        ((1e-4, 0.01), "alpha is 0.01, and its upper bound is 0.01. Increase the bound in alpha_b"),
    ],
)
def test_alpha_at_a_bound(cls, bounds, expected):
    start = {"alpha": np.sqrt(np.prod(bounds)), "alpha_bounds": bounds}
    model = cls(RBF, **start, architecture_bounds="fixed", **LEARNING)
    (message,) = messages(model, X, Y)
    assert expected in message


def test_numbers_of_the_network_at_a_bound_in_their_own_unit():
    network = Serial([InputScale([1.0, 0.5]), Dense(1.0, 0.5), Erf(), Dense(1.0)])
    inputs = np.column_stack([X, RANDOM.normal(size=40)])
    learned = "0__scales"
    fixed = {name: "fixed" for name in network.get_params() if name.endswith("_std")}
    # The second feature says nothing. Of a linear scale the bound may be 0.
    for bounds, shown in (((0.1, 100.0), "0.1"), ((0.0, 100.0), "0")):
        model = NNGPRegressor(network, architecture_bounds={**fixed, learned: bounds}, **LEARNING)
        (message,) = messages(model, inputs, Y)
        assert f"architecture__{learned} is {shown}, and its lower bound is {shown}." in message


def test_within_the_bounds_nothing_is_said():
    assert not messages(NNGPRegressor(RBF, alpha=0.1, **LEARNING), X, Y)


def test_a_classifier_does_not_speak_of_an_alpha_that_it_finds_anew():
    y = (Y > 0).astype(int)
    bounds = {"alpha_bounds": (0.9, 1.0), "architecture_bounds": {"weight_std": (0.1, 10.0)}}
    for cls in (NNGPClassifier, NTKClassifier):
        assert not any("alpha" in one for one in messages(cls(RBF, **bounds, **LEARNING), X, y))
        given = cls(RBF, alpha=0.95, **bounds, **LEARNING)
        assert any("alpha is" in one for one in messages(given, X, y))


def test_the_evidence_of_classes_reports_the_end_of_its_range(monkeypatch):
    X, y, _ = classification()
    model = NNGPClassifier(NETWORK, likelihood="softmax")
    # The range is so wide that these data do not reach its end.
    monkeypatch.setattr(evidence, "range_of_alpha", lambda *_: (1e-6, 1e-5, 1e-4))
    (message,) = messages(model, np.ones_like(X) + 0.01 * X, y)
    assert "alpha='auto' ends at the upper end of its range, alpha=0.0001" in message
    assert model.hyperparameters_["alpha"] == pytest.approx(1e-4)
    # Classes without noise are nothing to warn of.
    monkeypatch.setattr(evidence, "range_of_alpha", lambda *_: (10.0, 50.0, 1000.0))
    assert not messages(model, X, (X[:, 0] > 0).astype(int))
    assert model.hyperparameters_["alpha"] == pytest.approx(10.0)


def test_an_end_without_convergence_comes_with_advice():
    def rough(theta):
        # Slopes that no step confirms.
        return -float(np.abs(theta[0])), np.array([1.0 if theta[0] <= 0 else 5.0])

    options = {"optimizer": "fmin_l_bfgs_b", "n_restarts": 0, "random": np.random.RandomState(0)}
    with pytest.warns(ConvergenceWarning, match=r"ABNORMAL.*Standardize the inputs.*larger lower"):
        maximize(rough, np.zeros(1), np.array([[-9.0, 9.0]]), ["a"], **options)
