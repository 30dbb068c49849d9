"""Names, bounds and the space of the search over the numbers of a network."""

import numpy as np
import pytest

from skntk.architecture import (
    Dense,
    Dropout,
    Erf,
    Flatten,
    FlipAverage,
    FullyConnected,
    InputScale,
    LeakyRelu,
    Polynomial,
    Residual,
    Serial,
)
from skntk.architecture.core.categories import CATEGORIES
from skntk.kernels.hyperparameters import ArchitectureHyperparameters
from tests.architecture.networks import examples


def learned(architecture, *bounds):
    return [each.name for each in ArchitectureHyperparameters(architecture, *bounds).learned]


@pytest.mark.parametrize(
    ("architecture", "names"),
    [
        (FullyConnected(), ["bias_std", "weight_std"]),
        (FullyConnected(bias_std=None), ["weight_std"]),
        (Dense(1.0, 0.0), ["weight_std"]),
        (FullyConnected(1, LeakyRelu(0.2), 1.0, 0.0), ["activation__negative_slope", "weight_std"]),
        (Serial([Dense(1.0), Dropout(0.5), Dense(2.0, 1.0)]), ["0", "2b", "2"]),
        (Residual(Dense(1.0), Dense(2.0)), ["main__weight_std", "shortcut__weight_std"]),
        (FlipAverage(Serial([Flatten(), Dense()])), ["network__1__weight_std"]),
        (InputScale([1.0, 2.0]), ["scales"]),
        (InputScale([1.0, 0.0]), []),
    ],
    ids=repr,
)
def test_positive_numbers_are_learned(architecture, names):
    short = {"0": "0__weight_std", "2": "2__weight_std", "2b": "2__bias_std"}
    assert learned(architecture) == [short.get(name, name) for name in names]


@pytest.mark.parametrize("architecture", examples(*CATEGORIES))
def test_theta_comes_back_for_every_example(architecture):
    hyperparameters = ArchitectureHyperparameters(architecture)
    theta = hyperparameters.theta
    assert hyperparameters.bounds.shape == (len(theta), 2)
    assert len(hyperparameters.directions()) == len(theta)
    moved = hyperparameters.architecture_at(theta + 0.3)
    np.testing.assert_allclose(ArchitectureHyperparameters(moved).theta, theta + 0.3, rtol=1e-12)
    back = ArchitectureHyperparameters(moved).architecture_at(theta)
    for name, value in architecture.get_params(deep=True).items():
        if isinstance(value, float | int):
            np.testing.assert_allclose(back.get_params(deep=True)[name], value, rtol=1e-12)


def test_theta_is_logarithmic_where_bounds_are_positive():
    network = Serial([Dense(2.0, 0.5), Erf(c=-0.3)])
    bounds = {"0__bias_std": (0, 3), "1__c": (-1, 1), "1__a": "fixed", "1__b": "fixed"}
    hyperparameters = ArchitectureHyperparameters(network, bounds)
    assert [each.name for each in hyperparameters.learned] == [
        "0__bias_std",
        "0__weight_std",
        "1__c",
    ]
    np.testing.assert_allclose(hyperparameters.theta, [0.5, np.log(2.0), -0.3])
    np.testing.assert_allclose(
        hyperparameters.bounds, [[0, 3], np.log([1e-5, 1e5]), [-1, 1]], rtol=1e-14
    )


def test_directions_are_slopes_of_theta():
    network = Serial([InputScale([0.5, 3.0]), Polynomial([0.1, -0.2]), Dense(2.0, 0.5)])
    bounds = {"1__coefficients": (-1, 1), "2__bias_std": (0, 3)}
    hyperparameters = ArchitectureHyperparameters(network, bounds)
    assert [each.name for each in hyperparameters.learned] == [
        "0__scales",
        "1__coefficients",
        "2__bias_std",
        "2__weight_std",
    ]
    directions = hyperparameters.directions()
    scales = [direction.layers[0].scales.tolist() for direction in directions]
    assert scales == [[0.5, 0], [0, 3], [0, 0], [0, 0], [0, 0], [0, 0]]
    coefficients = [np.ravel(direction.layers[1].coefficients).tolist() for direction in directions]
    assert coefficients == [[0, 0], [0, 0], [1, 0], [0, 1], [0, 0], [0, 0]]
    stds = [(each.layers[2].bias_std, each.layers[2].weight_std) for each in directions]
    assert stds == [(0, 0)] * 4 + [(1, 0), (0, 2)]


def test_one_pair_or_one_for_each_entry():
    network = InputScale([1.0, 2.0])
    pairs = [(0.1, 1), (0.2, 5)]
    hyperparameters = ArchitectureHyperparameters(network, {"scales": pairs})
    np.testing.assert_allclose(hyperparameters.bounds, np.log(pairs))
    assert learned(network, "fixed") == []


@pytest.mark.parametrize(
    ("bounds", "error", "message"),
    [
        ((2.0, 1.0), ValueError, "bounds of architecture_bounds cross"),
        ({"weight_std": (2.0, 1.0)}, ValueError, "bounds of weight_std cross"),
        ({"weight_std": "free"}, TypeError, "must be a pair"),
        ({"weight_std": (1.0, np.nan)}, ValueError, "must be a pair"),
        ({"weight_std": [(1.0, 2.0)] * 2}, ValueError, "one pair for each of its 1"),
        ({"depth": (1, 5)}, ValueError, "Search over it with GridSearchCV"),
        ({"width": (1, 5)}, ValueError, "no hyperparameter 'width'"),
        ({"bias_std": (0, 1)}, ValueError, "bias_std is None"),
    ],
)
def test_bounds_that_are_not_valid(bounds, error, message):
    with pytest.raises(error, match=message):
        ArchitectureHyperparameters(FullyConnected(bias_std=None), bounds)


def test_zero_has_no_logarithm():
    with pytest.raises(ValueError, match="lower bound of 0"):
        _ = ArchitectureHyperparameters(Dense(1.0, 0.0), {"bias_std": (0.1, 1)}).theta


def test_theta_of_wrong_length():
    with pytest.raises(ValueError, match="Fixed hyperparameters have no entry"):
        ArchitectureHyperparameters(Dense(1.0, 0.0)).architecture_at(np.zeros(2))
