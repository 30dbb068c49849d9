"""Every case of the reference folder in single precision, see test_reference.py."""

import numpy as np
import pytest

from tests.reference_cases import assert_within, cases, kernels

pytestmark = pytest.mark.usefixtures("quick_compilation")

KINKED = {"ABRelu", "Abs", "LeakyRelu", "RectifiedMonomial", "Relu", "Sign"}


@pytest.mark.parametrize(("case", "arrays"), list(cases(float32=True)))
def test_single_precision(case, arrays):
    kinked = KINKED & set(case["layer_types"])
    for quantity, actual in kernels(case, arrays, "float32").items():
        expected = arrays.get(f"{quantity}_exact", arrays[quantity])
        relative = 1e-3 if kinked and quantity == "ntk_x1x1" else 1e-4
        scale = np.abs(expected) + np.nanmax(np.abs(expected))
        assert actual.dtype == np.float32
        assert_within(actual, expected, relative * scale)
