"""Activations by quadrature and Mehler's series, and their parts."""

from math import factorial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.polynomial import hermite_e
from scipy.integrate import quad

from skntk import gram_matrix
from skntk.architecture import (
    Dense,
    Elementwise,
    Elu,
    Erf,
    Gelu,
    Mish,
    Relu,
    Selu,
    Serial,
    Sigmoid,
    Sign,
    Silu,
    Softplus,
    Tanh,
)
from skntk.architecture.activations.loops import in_own_loop
from skntk.architecture.activations.mehler import sum_series, summation_rule
from skntk.architecture.activations.quadrature import half_line_rule, hermite_weights
from tests.architecture.test_activation_formulas import pair_moments

pytestmark = pytest.mark.usefixtures("quick_compilation")

SMOOTH = [Tanh(), Sigmoid(), Silu(), Softplus(), Elu(), Selu(), Mish()]
every_smooth = pytest.mark.parametrize("activation", SMOOTH, ids=repr)


@pytest.fixture(autouse=True)
def double_precision():
    with jax.enable_x64(True):
        yield


# One dimension ------------------------------------------------------------------------------------


@pytest.mark.parametrize("power", [0, 2, 8, 16])
def test_rule_gives_the_moments_of_the_normal_distribution(power):
    nodes, weights = half_line_rule()
    assert weights @ nodes**power == pytest.approx(np.prod(np.arange(1, power, 2.0)), rel=1e-14)


@pytest.mark.parametrize("degrees", [(0, 2, 8), (1, 3, 7)])
def test_hermite_polynomials_are_orthonormal(degrees):
    nodes, _ = half_line_rule()
    values = np.stack(
        [hermite_e.hermeval(nodes, np.eye(9)[k]) / np.sqrt(factorial(k)) for k in degrees]
    )
    np.testing.assert_allclose(values @ hermite_weights(degrees), np.eye(3), atol=1e-12)


@pytest.mark.parametrize("degree", [20, 200, 2000])
def test_coefficients_of_the_step_are_known_to_high_degrees(degree):
    # E[sign(z) He_k(z)] = 2 He_(k - 1)(0) / sqrt(2 pi) for odd k.
    k = degree + 1
    factors = np.arange(1, degree, 2) / np.arange(2, degree + 1, 2)  # ((k - 2)!!)^2 / (k - 1)!
    expected = (-1) ** (degree // 2) * np.sqrt(np.prod(factors) * 2 / np.pi / k)
    assert hermite_weights((k,)).sum() == pytest.approx(expected, rel=1e-11)


@pytest.mark.parametrize(
    ("variance", "tolerance"),
    [(1e-16, 1e-14), (1e-4, 1e-14), (1.0, 1e-14), (1e4, 1e-9), (1e8, 1e-4), (1e16, 1e-4)],
)
def test_slopes_of_samples_are_accurate_at_every_scale(variance, tolerance):
    std = np.sqrt(variance)
    expected, _ = quad(
        lambda x: np.exp(-(x**2) / (2 * variance)) / np.cosh(x) ** 4, 0, min(20, 12 * std),
        epsabs=0, epsrel=1e-13, points=[min(1, std)],
    )  # fmt: skip
    expected *= np.sqrt(2 / np.pi) / std
    _, slope, _ = Tanh().sample_moments(jnp.asarray([variance]))
    assert slope.item() == pytest.approx(expected, rel=tolerance)


# The series ---------------------------------------------------------------------------------------


RULES = [(10, *9 * (3,)), (7, *9 * (2,)), (5, *9 * (2,))]
every_rule = pytest.mark.parametrize("runs", RULES)


@pytest.mark.parametrize(("runs", "tolerance"), list(zip(RULES, [1e-9, 1e-8, 1e-7], strict=True)))
@pytest.mark.parametrize("decay", [1.5, 2.5])
@pytest.mark.parametrize("x", [0.1, 0.9, 0.98])
def test_rule_sums_slowly_varying_terms(runs, tolerance, decay, x):
    rule = summation_rule(runs)
    every = np.arange(rule.positions[-1] + 1)
    exact = np.sum((every + 0.5) ** -decay * x**every)
    approximate = rule.weights @ ((rule.positions + 0.5) ** -decay * x**rule.positions)
    assert approximate == pytest.approx(exact, rel=tolerance)


@every_rule
def test_rule_has_positive_weights_and_all_low_positions(runs):
    rule = summation_rule(runs)
    assert (rule.weights > 0).all()
    np.testing.assert_array_equal(rule.positions[: runs[0]], np.arange(runs[0]))
    assert rule.rest > rule.positions[-1]


@every_rule
def test_series_and_its_growth_equal_plain_sums(runs):
    rule, random = summation_rule(runs), np.random.default_rng(0)
    left, right = random.normal(size=(2, len(rule.positions), 1))
    x = np.array([0.0, 0.3, 0.9, 0.999, 1.0])
    powers = x ** rule.positions[:, None]
    value, growth, rest = sum_series(jnp.asarray(left), jnp.asarray(right), jnp.asarray(x), rule)
    np.testing.assert_allclose(value, (left * right * powers).sum(0), rtol=1e-12)
    expected = (rule.positions[:, None] * left * right * powers).sum(0)
    np.testing.assert_allclose(growth, expected, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(rest, x**rule.rest, rtol=1e-12)


# Whole activations --------------------------------------------------------------------------------

VARIANCES = 10.0 ** np.arange(-16, 17, 4)
CORRELATIONS = [-1.0, -0.9, -0.3, 0.0, 0.5, 0.95, 1.0]


@pytest.mark.parametrize(
    ("closed", "parity"),
    [(Relu(), None), (Relu(), "even"), (Erf(), "odd"), (Gelu(), None), (Gelu(), "even")],
    ids=str,
)
def test_quadrature_equals_closed_forms_at_every_scale(closed, parity):
    ours = Elementwise(closed.function, parity)
    for correlation in CORRELATIONS:
        covariances = correlation * np.sqrt(np.outer(VARIANCES, VARIANCES))
        for derivative, (mine, exact) in enumerate(
            zip(
                pair_moments(ours, VARIANCES, VARIANCES, covariances),
                pair_moments(closed, VARIANCES, VARIANCES, covariances),
                strict=True,
            )
        ):
            own = closed.sample_moments(jnp.asarray(VARIANCES))[derivative]
            error = abs(mine - exact) / np.sqrt(np.outer(own, own))
            # The function changes on a scale of 1, where the standard deviation is up to 1e8.
            smooth = np.outer(VARIANCES < 10, VARIANCES < 10)
            assert error[smooth].max() < (1e-9 if parity else 2e-8)
            if abs(correlation) < 1:
                assert error.max() < (1e-4 if derivative else 1e-7)
            else:  # of different sizes the derivatives, ever narrower peaks, are not resolved
                assert np.diag(error).max() < (2e-4 if derivative else 1e-8)
                assert derivative or error.max() < 1e-3


@every_smooth
def test_naming_the_parity_changes_nothing(activation):
    side = np.array([0.01, 1.0, 30.0])
    covariances = np.array([[0.5, 0.9, -0.7]]).T * np.sqrt(np.outer(side, side))
    for plain, named in zip(
        pair_moments(Elementwise(activation.function), side, side, covariances),
        pair_moments(activation, side, side, covariances),
        strict=True,
    ):
        np.testing.assert_allclose(plain, named, rtol=2e-8, atol=2e-8)


@every_smooth
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_kernels_are_positive_semidefinite(activation, dtype):
    random = np.random.default_rng(0)
    x = random.normal(size=(40, 3)) * 10.0 ** random.uniform(-2, 2, size=(40, 1))
    x[20:] = x[:20] * random.choice([1, -1, 1.001], size=(20, 1))  # correlations of +-1
    network = Serial([Dense(1.0, 0.1), activation, Dense(1.0, 0.0)])
    for kernel in gram_matrix(network, x, kind=("nngp", "ntk"), dtype=dtype.__name__):
        scaled = kernel / np.sqrt(np.outer(np.diag(kernel), np.diag(kernel)))
        assert np.linalg.eigvalsh(scaled).min() > -20 * len(x) * np.finfo(dtype).eps


@every_smooth
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_equal_and_opposite_samples_are_exact(activation, sign):
    variance = 10.0 ** np.linspace(-4, 6, 11)
    std = np.sqrt(variance)
    nodes, weights = half_line_rule()
    pairs = pair_moments(activation, variance, variance, np.diag(sign * variance))
    slope = jax.vmap(jax.vmap(jax.grad(activation.function)))
    for moments, f in zip(pairs, (activation.function, slope), strict=True):
        plus, minus = f(jnp.asarray(np.outer(nodes, std))), f(jnp.asarray(-np.outer(nodes, std)))
        size = weights @ (plus**2 + minus**2) / 2
        expected = size if sign > 0 else weights @ (plus * minus)
        assert (abs(np.diag(moments) - expected) <= 1e-11 * size).all()


def test_tanh_of_huge_inputs_is_the_sign():
    covariances = 1e16 * np.array([[1.0, 0.7], [-0.2, 1.0]])
    value = pair_moments(Tanh(), [1e16] * 2, [1e16] * 2, covariances)[0]
    expected = pair_moments(Sign(), [1e16] * 2, [1e16] * 2, covariances)[0]
    np.testing.assert_allclose(value, expected, atol=1e-7)


@pytest.mark.parametrize("depth", [1, 8])
def test_own_loops_change_nothing(depth, monkeypatch):
    network = Serial([*[Dense(1.4, 0.1), Silu()] * depth, Dense()])
    x = np.random.default_rng(0).normal(size=(30, 4))
    expected = gram_matrix(network, x)
    monkeypatch.setattr(
        "skntk.architecture.activations.expansion.in_own_loop",
        lambda function, nonnegative, *operands: tuple(function(*operands)),
    )
    jax.clear_caches()
    np.testing.assert_allclose(gram_matrix(network, x), expected, rtol=1e-12)


def test_own_loop_is_differentiable_and_keeps_nan():
    def quotient_and_product(x, y):
        return x / y, x * y

    own, plain = (
        jax.grad(lambda x, y, run=run: sum(map(jnp.sum, run(x, y))), argnums=(0, 1))
        for run in (
            lambda x, y: in_own_loop(quotient_and_product, y, x, y),
            quotient_and_product,
        )
    )
    x, y = jnp.asarray([1.0, 2.0]), jnp.asarray([0.5, 3.0])
    np.testing.assert_allclose(own(x, y), plain(x, y))
    quotient, _ = in_own_loop(quotient_and_product, jnp.asarray([jnp.nan]), x, y)
    np.testing.assert_allclose(quotient, x / y)


# What users pass ----------------------------------------------------------------------------------


def softened(x):
    return jnp.abs(x) + x / (1 + x**2)


@pytest.mark.parametrize(
    ("activation", "error", "message"),
    [
        (Elementwise(3), TypeError, "must be callable"),
        (Elementwise(np.sinh), TypeError, "Write it with jax.numpy"),
        (Elementwise(jnp.cumsum), ValueError, "must be elementwise"),
        (Elementwise(jnp.tanh, "neither"), ValueError, "parity must be"),
        (Elementwise(softened, "odd"), ValueError, "not odd plus a constant"),
        (Elementwise(softened, "even"), ValueError, "not even plus a linear function"),
    ],
    ids=["number", "numpy", "cumsum", "parity", "odd", "even"],
)
def test_functions_that_do_not_fit_are_refused(activation, error, message):
    with pytest.raises(error, match=message):
        activation.output_shape((3,))
