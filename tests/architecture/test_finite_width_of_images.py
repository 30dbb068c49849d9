"""Kernels of sampled finite networks of images approach the infinite ones.

A preset draws and computes as the network that it builds, see test_finite_width.py; what it builds
is made of the layers here.
"""

import pytest

from skntk.architecture.presets.base import Preset
from tests.architecture.finite_samples import (
    FEW,
    MANY,
    assert_errors_fall_with_the_square_root_of_the_number,
    assert_many_networks_tell_small_differences,
    assert_within_standard_errors,
)
from tests.architecture.networks import examples

pytestmark = pytest.mark.usefixtures("quick_compilation")

NAMES = [
    example.id
    for example in examples("spatial", "spatial_preset")
    if not isinstance(example.values[0], Preset)
]


@pytest.mark.parametrize("number", [FEW, MANY])
@pytest.mark.parametrize("name", NAMES)
def test_error_is_within_standard_errors(name, number):
    assert_within_standard_errors(name, number)


@pytest.mark.parametrize("name", NAMES)
def test_many_networks_tell_small_differences(name):
    assert_many_networks_tell_small_differences(name)


def test_errors_fall_with_the_square_root_of_the_number_of_networks():
    assert_errors_fall_with_the_square_root_of_the_number(NAMES)
