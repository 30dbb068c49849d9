"""The cases of the reference folder, their kernels by this package, and the comparison."""

import numpy as np
import pytest

from skntk import gram_matrix
from tests.reference_data import load
from tests.reference_network import NotSupportedError, build_network

QUANTITIES = ("nngp", "ntk", "nngp_x1x1", "ntk_x1x1")


def cases(*, float32=False):
    for source in ("kernels", "nt_failures"):
        described, arrays = load(source)
        for case in described:
            prefix = case["name"] + "/"
            ours = {
                name.removeprefix(prefix): values
                for name, values in arrays.items()
                if name.startswith(prefix)
            }
            # In single precision the special magnitudes and equal rows go past what can be
            # expected.
            if not (float32 and case["name"].startswith("special_")):
                yield pytest.param(case, ours, id=case["name"])


def network_of(description):
    try:
        return build_network(description["layers"], description.get("input_shape", [None])[-1])
    except NotSupportedError as missing:
        pytest.skip(str(missing))


def kernels(case, arrays, dtype):
    network, kinds = network_of(case), ("nngp", "ntk")
    of_pair = gram_matrix(network, arrays["x1"], arrays["x2"], kind=kinds, dtype=dtype)
    of_itself = gram_matrix(network, arrays["x1"], kind=kinds, dtype=dtype)
    return dict(zip(QUANTITIES, of_pair + of_itself, strict=True))


def assert_within(actual, expected, tolerance):
    """Compare where there is an expectation; the result has to be finite everywhere."""
    assert np.isfinite(actual).all()
    known = ~np.isnan(expected)
    assert known.any()
    excess = np.abs(actual - expected) / tolerance
    assert excess[known].max() <= 1, f"{excess[known].max():.3g} times the tolerance"
