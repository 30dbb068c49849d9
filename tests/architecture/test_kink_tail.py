"""Activations with a kink at 0, by quadrature, at correlations near 1 and -1."""

from functools import partial
from itertools import product

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import gammaln

from skntk import gram_matrix
from skntk.architecture import (
    Dense,
    Elementwise,
    Elu,
    LeakyRelu,
    Mish,
    Selu,
    Serial,
    Sigmoid,
    Silu,
    Softplus,
    Tanh,
)
from skntk.architecture.activations.kink_tail import kink_tail, one_within_rounding
from tests.architecture.test_activation_formulas import integrals, pair_moments

pytestmark = pytest.mark.usefixtures("quick_compilation")

NEAR = [0.99999, 1 - 1e-8, -0.99999]
PAIRS = [(0.1, 0.1), (10.0, 10.0), (1.0, 10.0)]  # of variances


@pytest.fixture(autouse=True)
def double_precision():
    with jax.enable_x64(True):
        yield


def leaky(x):
    return jnp.where(x > 0, x, 0.3 * x)


# The tail -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("last", [2051, 3076])
def test_tail_is_what_the_first_terms_of_the_arcsine_lack(last):
    distance = np.geomspace(1e-11, 0.1, 50)  # 1 - x, x = r^2
    arcsine = 1 - 2 / np.pi * np.arcsin(np.sqrt(distance))
    j = np.arange(last + 1.0)
    central_binomials = np.exp(gammaln(2 * j + 1) - 2 * gammaln(j + 1) - 2 * j * np.log(2))
    terms = 2 / np.pi * central_binomials / (2 * j + 1)
    lacking = arcsine / np.sqrt(1 - distance) - (1 - distance[:, None]) ** j @ terms
    _, slope = kink_tail(last).at(jnp.asarray(1 - distance))
    np.testing.assert_allclose(slope * (1 - terms.sum()), lacking, atol=3e-6)


def test_tail_has_positive_weights_that_sum_to_one():
    tail = kink_tail(2051)
    for weights in (tail.slope_weights, tail.value_weights):
        assert (weights > 0).all()
        assert weights.sum() == pytest.approx(1, rel=1e-14)


def test_what_rounding_cannot_tell_from_one_is_one_and_keeps_its_derivative():
    x = jnp.asarray([0.5, 1 - 1e-12, 1 - 1e-15, 1.0])
    value, derivative = jax.jvp(one_within_rounding, (x,), (jnp.ones_like(x),))
    np.testing.assert_array_equal(value, [0.5, 1 - 1e-12, 1, 1])
    np.testing.assert_array_equal(derivative, 1)


# Whole activations --------------------------------------------------------------------------------


@pytest.mark.parametrize("activation", [Selu(), Elu(0.3)], ids=repr)
def test_near_equal_and_opposite_samples(activation):
    cases = list(product(PAIRS, NEAR))
    left, right, correlations = (
        np.array(column) for column in zip(*((a, c, r) for (a, c), r in cases), strict=True)
    )
    covariances = correlations[:, None] * np.sqrt(np.outer(left, right))
    moments = map(np.diag, pair_moments(activation, left, right, covariances))
    sizes = [
        np.sqrt(activation.sample_moments(left)[i] * activation.sample_moments(right)[i])
        for i in range(2)
    ]
    exact = zip(*map(partial(integrals, activation), left, right, correlations), strict=True)
    for kernel, size, expected, tolerance in zip(moments, sizes, exact, (2e-9, 2e-6), strict=True):
        assert (abs(kernel - expected) <= tolerance * size).all()


@pytest.mark.parametrize("parity", [None, "even"])
def test_function_with_a_kink_equals_the_closed_form_near_one(parity):
    ours, closed = Elementwise(leaky, parity), LeakyRelu(0.3)
    distance = np.geomspace(1e-14, 1e-2, 25)
    correlations = np.concatenate([1 - distance, distance - 1])[None]
    variances = np.ones(correlations.size)
    value, slope = pair_moments(ours, [1.0], variances, correlations)
    exact_value, exact_slope = pair_moments(closed, [1.0], variances, correlations)
    np.testing.assert_allclose(value, exact_value, rtol=0, atol=1e-10)
    np.testing.assert_allclose(slope, exact_slope, rtol=0, atol=1e-6)


def test_nearly_parallel_rows_have_positive_semidefinite_kernels():
    random = np.random.default_rng(0)
    x = np.repeat(random.normal(size=(8, 3)), 5, axis=0)
    x += random.normal(size=x.shape) * 10.0 ** random.uniform(-7, -2, size=(40, 1))
    x *= 10.0 ** random.uniform(-2, 2, size=(40, 1)) * random.choice([1, -1], size=(40, 1))
    network = Serial([Dense(1.0, 0.1), Selu(), Dense(1.0, 0.0)])
    for kernel in gram_matrix(network, x, kind=("nngp", "ntk")):
        scaled = kernel / np.sqrt(np.outer(np.diag(kernel), np.diag(kernel)))
        assert np.linalg.eigvalsh(scaled).min() > -20 * len(x) * np.finfo(float).eps


def test_slope_is_the_derivative_of_the_value():
    *_, statistics = Selu().sample_moments(jnp.ones((1, 1)))
    covariances = jnp.asarray([[0.9, 0.99999, 1 - 1e-9]])
    (_, slope), (derivative, _) = jax.jvp(
        lambda covariance: Selu().pair_moments(covariance, statistics, statistics),
        (covariances,),
        (jnp.ones_like(covariances),),
    )
    np.testing.assert_allclose(derivative, slope, rtol=1e-5)


@pytest.mark.parametrize(
    ("function", "expected"),
    [(leaky, True), (jax.nn.selu, True), (jnp.abs, True), (jnp.tanh, False), (jnp.square, False)],
)
def test_kinks_are_found_also_while_jax_traces(function, expected):
    @jax.jit
    def traced(x):
        return x + Elementwise(function).has_kink()

    assert traced(0) == expected


@pytest.mark.parametrize("activation", [Tanh(), Sigmoid(), Silu(), Softplus(), Mish()], ids=repr)
def test_smooth_activations_spare_the_tail(activation):
    assert not activation.has_kink()
    assert not Elementwise(activation.function).has_kink()
