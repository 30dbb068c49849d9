"""Classifiers learn the numbers of their network from the density of one-hot targets."""

import numpy as np
import pytest
from sklearn.base import clone

from skntk import NNGPClassifier, NNGPRegressor, NTKClassifier, NTKRegressor
from skntk.architecture import FullyConnected

NETWORK = FullyConnected(1, "erf")
RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(40, 2))
Y = (np.sin(2 * X[:, 0]) + 0.3 * RANDOM.normal(size=40) > 0).astype(int) + (X[:, 1] > 1)
every_classifier = pytest.mark.parametrize("cls", [NNGPClassifier, NTKClassifier])


@every_classifier
def test_one_hot_regression_learns_the_same(cls):
    regressor = NNGPRegressor if cls is NNGPClassifier else NTKRegressor
    learning = {"optimizer": "fmin_l_bfgs_b", "alpha": 0.1}
    classifier = cls(NETWORK, **learning).fit(X, Y)
    regression = regressor(NETWORK, **learning).fit(X, np.eye(3)[Y])
    np.testing.assert_allclose(classifier.theta_, regression.theta_, rtol=1e-6)
    assert classifier.hyperparameters_.keys() == regression.hyperparameters_.keys()


@every_classifier
def test_what_was_learned_can_be_set(cls):
    model = cls(NETWORK, optimizer="fmin_l_bfgs_b").fit(X, Y)
    again = cls(clone(NETWORK)).set_params(**model.hyperparameters_).fit(X, Y)
    np.testing.assert_allclose(again.predict_proba(X), model.predict_proba(X), rtol=1e-8)
    assert model.architecture_ == again.architecture_ != NETWORK


@every_classifier
def test_alpha_is_that_of_the_learned_network(cls):
    model = cls(NETWORK, optimizer="fmin_l_bfgs_b").fit(X, Y)
    found = cls(model.architecture_).fit(X, Y)
    np.testing.assert_allclose(
        model.hyperparameters_["alpha"], found.hyperparameters_["alpha"], rtol=1e-6
    )


@every_classifier
@pytest.mark.filterwarnings("ignore:The search for hyperparameters ends at a bound")
def test_the_random_state_decides_where_searches_restart(cls):
    restarting = cls(
        NETWORK,
        optimizer="fmin_l_bfgs_b",
        n_restarts_optimizer=1,
        architecture_bounds=(0.1, 10),
        alpha_bounds=(1e-3, 10),
        random_state=0,
    )
    first, second = (clone(restarting).fit(X, Y).theta_ for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_what_has_no_density_is_refused():
    learning = {"optimizer": "fmin_l_bfgs_b"}
    with pytest.raises(ValueError, match=r"softmax.* hyperparameters cannot be learned"):
        NNGPClassifier(NETWORK, likelihood="softmax", **learning).fit(X, Y)
    with pytest.raises(ValueError, match=r"learned for training to convergence.*training_time"):
        NTKClassifier(NETWORK, loss="log_loss", training_time=1.0, **learning).fit(X, Y)
