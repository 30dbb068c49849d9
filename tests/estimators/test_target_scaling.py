"""Units of the targets."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from skntk.estimators.data.target_scaling import TargetScaling


@pytest.mark.parametrize("n_outputs", [None, 2])
def test_normalized_targets_have_mean_zero_and_variance_one(n_outputs):
    random = np.random.default_rng(0)
    targets = 5 + 3 * random.normal(size=(20,) if n_outputs is None else (20, n_outputs))
    weight = random.uniform(size=20)
    scaling = TargetScaling.standardizing(targets, weight)
    normalized = scaling.normalize(targets)
    assert_allclose(np.average(normalized, axis=0, weights=weight), 0, atol=1e-14)
    assert_allclose(np.average(normalized**2, axis=0, weights=weight), 1)
    assert_allclose(scaling.restore(normalized), targets)


@pytest.mark.parametrize("scale", [1e-300, 1e-8, 1.0, 1e8, 1e300])
def test_units_from_the_smallest_to_the_largest(scale):
    targets = scale * np.array([1.0, 2.0, 4.0])
    scaling = TargetScaling.standardizing(targets, np.ones(3))
    assert_allclose(scaling.scale, scale * np.std([1.0, 2.0, 4.0]))


@pytest.mark.parametrize("value", [0.0, 0.1, -7e9])
def test_constant_targets_keep_their_unit(value):
    scaling = TargetScaling.standardizing(np.full(15, value), np.linspace(0.1, 0.7, 15))
    assert scaling.scale == 1
    assert_allclose(scaling.center, value)


def test_one_constant_output_among_others():
    targets = np.column_stack([np.arange(4.0), np.full(4, 0.3)])
    scaling = TargetScaling.standardizing(targets, np.ones(4))
    assert_allclose(scaling.scale, [np.std(np.arange(4)), 1])


@pytest.mark.parametrize("output_scale", [1.0, [0.5, 2.0]])
def test_spreads_of_many_outputs(output_scale):
    output_scale = np.broadcast_to(output_scale, 2)
    scaling = TargetScaling(np.array([1.0, 2.0]), np.array([3.0, 4.0]), output_scale)
    covariance = np.array([[1.0, 0.5], [0.5, 2.0]])
    restored = scaling.restore_covariance(covariance)
    assert restored.shape == (2, 2, 2)
    for output in range(2):
        factor = output_scale[output] * scaling.scale[output] ** 2
        assert_allclose(restored[..., output], factor * covariance)
    assert_allclose(
        np.square(scaling.restore_std(np.sqrt(np.diagonal(covariance)))).T,
        np.diagonal(restored, axis1=0, axis2=1),
    )
    deviations = scaling.restore_deviations(np.ones((5, 2, 7)))
    assert_allclose(deviations[:, 1], 4 * np.sqrt(output_scale[1]))
