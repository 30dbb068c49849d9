"""Every case of the reference folder, as tests/reference/make_check.md says."""

from functools import cache

import numpy as np
import pytest

from skntk import gram_matrix
from tests.inference import test_reference_inference as from_stored_kernels
from tests.reference_cases import assert_within, cases, kernels, network_of
from tests.reference_network import CONSTRUCTORS, build_network

# A case with these alone may not be skipped.
SUPPORTED_LAYERS = [
    "ABRelu",
    "Abs",
    "AvgPool",
    "Concat",
    "Conv",
    "Cos",
    "Dense",
    "Dropout",
    "Erf",
    "Exp",
    "ExpNormalized",
    "Flatten",
    "Gabor",
    "Gaussian",
    "Gelu",
    "GlobalAvgPool",
    "Hermite",
    "LayerNorm",
    "LeakyRelu",
    "LocalConv",
    "Monomial",
    "Numerical",
    "Polynomial",
    "Product",
    "Rbf",
    "RectifiedMonomial",
    "Relu",
    "Residual",
    "SelfAttention",
    "SigmoidLike",
    "Sign",
    "Sin",
    "SumPool",
]
NUMERICAL = ("elu", "silu", "softplus", "tanh")


def published_tolerance(case, quantity, expected):
    if (
        "tolerance" not in case
    ):  # the published package is wrong: these values come from the independent program
        return exact_tolerance(case, quantity, expected)
    if case["name"].startswith("special_magnitudes"):
        return case["entrywise_rtol"][quantity] * np.abs(expected)
    tolerance = case["tolerance"][quantity]
    return tolerance["atol"] + tolerance["rtol"] * np.abs(expected)


def exact_tolerance(case, quantity, exact):
    floor = case.get("float64_floor", {}).get(quantity, 0.0)
    return 1e-9 * np.abs(exact) + 4 * floor + 1e-11 * np.abs(exact).max()


@pytest.mark.parametrize(("case", "arrays"), list(cases()))
def test_double_precision(case, arrays):
    for quantity, actual in kernels(case, arrays, "float64").items():
        expected = arrays[quantity]
        assert_within(actual, expected, published_tolerance(case, quantity, expected))
        exact = arrays.get(f"{quantity}_exact")
        assert (exact is not None) == (f"{quantity}_exact" in case.get("exact_arrays", []))
        if exact is not None:
            assert_within(actual, exact, exact_tolerance(case, quantity, exact))


def test_layers_for_vectors_are_never_skipped():
    assert set(SUPPORTED_LAYERS) <= set(CONSTRUCTORS)
    for function in NUMERICAL:
        build_network([{"type": "Numerical", "function": function, "degree": 200}])


@cache
def own_kernels(name):
    """Return the six kernel matrices of a problem under the names of the stored ones."""
    problem = next(each for each in from_stored_kernels.PROBLEMS if each["name"] == name)
    data, network = problem["data"], network_of(problem)
    train, test = (from_stored_kernels.ARRAYS[data[role]] for role in ("x_train", "x_test"))
    computed = {}
    for pair, inputs in {
        "train_train": (train, None),
        "test_train": (test, train),
        "test_test": (test, None),
    }.items():
        for kind, matrix in zip(
            ("nngp", "ntk"), gram_matrix(network, *inputs, kind=("nngp", "ntk")), strict=True
        ):
            computed[data[f"{kind}_{pair}"]] = matrix
    return computed


@pytest.mark.parametrize(("problem", "result"), list(from_stored_kernels.parameters()))
def test_inference_from_inputs(problem, result, monkeypatch):
    stored = from_stored_kernels.ARRAYS
    monkeypatch.setattr(from_stored_kernels, "ARRAYS", {**stored, **own_kernels(problem["name"])})
    infer = from_stored_kernels.KINDS[result["kind"]]
    ours = infer(from_stored_kernels.StoredProblem(problem, result), result)
    for quantity, tolerance in result["tolerance"].items():
        np.testing.assert_allclose(ours[quantity], stored[result[quantity]], **tolerance)
