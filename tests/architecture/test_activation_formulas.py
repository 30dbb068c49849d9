"""Closed forms against integrals at random variances, known special cases, and extreme scales."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skntk import gram_diagonal
from skntk.architecture import (
    ABRelu,
    Abs,
    Cos,
    Dense,
    Erf,
    Exp,
    Gabor,
    Gaussian,
    Gelu,
    Hermite,
    LeakyRelu,
    Monomial,
    Polynomial,
    QuadratureActivation,
    Rbf,
    RectifiedMonomial,
    Relu,
    Serial,
    SigmoidLike,
    Sign,
    Sin,
    activation_names,
    as_activation,
)
from skntk.architecture.activations.arcsine import arcsine, squared_cosine
from skntk.architecture.core.registry import registered
from skntk.architecture.propagation.state import as_left, as_right

pytestmark = pytest.mark.usefixtures("quick_compilation")

CLOSED_FORMS = [
    ABRelu(0.3, 1.7),
    Erf(1.3, 0.7, 0.4),
    SigmoidLike(),
    Gelu(),
    Sin(1.2, 0.8, 0.3),
    Cos(0.9, 1.1, -0.4),
    Rbf(0.3),
    Exp(0.8, 0.3),
    Gaussian(0.7, -0.4),
    Gabor(),
    Monomial(3),
    Polynomial([0.1, 0.8, -0.2, 0.05]),
    RectifiedMonomial(3),
    Hermite(3),
]
# Every other class with a closed form, by its first example.
CLOSED_FORMS += [
    cls.examples()[0]
    for cls in registered("activation").values()
    if cls.has_function
    and not issubclass(cls, QuadratureActivation)
    and cls not in map(type, CLOSED_FORMS)
]
variances = st.floats(-3, 2).map(lambda exponent: 10.0**exponent)
correlations = st.floats(-0.99, 0.99)
every_name = pytest.mark.parametrize(
    "name", [name for name, cls in registered("activation").items() if cls.examples()]
)


@pytest.fixture(autouse=True)
def double_precision():
    with jax.enable_x64(True):
        yield


def pair_moments(activation, left, right, covariances, dtype=float):
    """Return E[f(u) f(v)] and E[f'(u) f'(v)] for all left and right variances."""
    left, right = (np.atleast_1d(np.asarray(side, dtype)) for side in (left, right))
    *_, of_left = activation.sample_moments(jnp.asarray(left))
    *_, of_right = activation.sample_moments(jnp.asarray(right))
    covariances = jnp.asarray(np.reshape(covariances, (len(left), len(right))), dtype)
    moments = activation.pair_moments(covariances, as_left(of_left), as_right(of_right))
    return [np.asarray(moment) for moment in moments]


def integrals(activation, left, right, correlation):
    """Return both moments by quadrature over angle and radius, where kinks on the axes are edges.

    With the axes at their angle in the plane of two independent variables, u = s R cos(t) and
    v = c R cos(t - arccos(r)); each sector between sign changes is smooth.
    """
    angle = np.arccos(correlation)
    edges = np.sort(
        np.mod([np.pi / 2, -np.pi / 2, angle + np.pi / 2, angle - np.pi / 2], 2 * np.pi)
    )
    nodes, weights = np.polynomial.legendre.leggauss(60)
    starts, widths = edges, np.diff([*edges, edges[0] + 2 * np.pi])
    turn = (starts[:, None] + widths[:, None] * (nodes + 1) / 2).ravel()
    turn_weights = (widths[:, None] * weights / 2).ravel()
    radius_edges = np.array([0.0, 0.1, 0.5, 1, 2, 3, 4, 5, 6, 7, 8, 10, 12])
    radius = (radius_edges[:-1, None] + np.diff(radius_edges)[:, None] * (nodes + 1) / 2).ravel()
    radius_weights = (np.diff(radius_edges)[:, None] * weights / 2).ravel()
    density = radius_weights * radius * np.exp(-(radius**2) / 2) / (2 * np.pi)
    u = np.sqrt(left) * np.outer(radius, np.cos(turn))
    v = np.sqrt(right) * np.outer(radius, np.cos(turn - angle))
    derivative = jax.vmap(jax.vmap(jax.grad(activation.function)))
    return [
        density @ np.asarray(f(jnp.asarray(u)) * f(jnp.asarray(v))) @ turn_weights
        for f in (activation.function, derivative)
    ]


@pytest.mark.parametrize("activation", CLOSED_FORMS, ids=repr)
@settings(max_examples=15, deadline=None)
@given(left=variances, right=variances, correlation=correlations)
def test_closed_forms_equal_integrals(activation, left, right, correlation):
    if isinstance(activation, Exp):  # beyond, the integrand leaves the range of the quadrature
        left, right = min(left, 20.0), min(right, 20.0)
    covariance = correlation * np.sqrt(left * right)
    values = pair_moments(activation, left, right, covariance)
    bounds = [
        np.sqrt(of_left[0] * of_right[0])
        for of_left, of_right in zip(
            *(activation.sample_moments(jnp.asarray([side]))[:2] for side in (left, right)),
            strict=True,
        )
    ]
    expected = integrals(activation, left, right, correlation)
    for value, integral, bound in zip(values, expected, bounds, strict=True):
        assert abs(value.item() - integral) <= 1e-10 * bound


@settings(max_examples=50, deadline=None)
@given(left=variances, right=variances, correlation=st.floats(-1, 1))
@pytest.mark.parametrize(
    ("general", "special"),
    [
        (RectifiedMonomial(1), Relu()),
        (LeakyRelu(-1.0), Abs()),
        (ABRelu(1.0, 1.0), Monomial(1)),
        (Polynomial([0, 0, 1.0]), Monomial(2)),
        (Polynomial([-1.0 / np.sqrt(2), 0, 1.0 / np.sqrt(2)]), Hermite(2)),
        (Sin(1.0, 0.7, 0.2 + np.pi / 2), Cos(1.0, 0.7, 0.2)),
        (Sin(np.sqrt(2), np.sqrt(0.6), np.pi / 4), Rbf(0.3)),
        (Erf(0.5, 1 / 2.4020563531719796, 0.5), SigmoidLike()),
        (Exp(1.3, 0.0), Gaussian(1.3, 0.0)),
    ],
    ids=lambda activation: type(activation).__name__,
)
def test_special_cases_agree(general, special, left, right, correlation):
    covariance = correlation * np.sqrt(left * right)
    size = 1 + left * right
    for ours, theirs in zip(
        pair_moments(general, left, right, covariance),
        pair_moments(special, left, right, covariance),
        strict=True,
    ):
        assert abs(ours - theirs).item() <= 1e-12 * size


@pytest.mark.parametrize("degree", [1, 2, 5])
def test_hermite_is_a_power_at_unit_variance(degree):
    correlation = np.linspace(-1, 1, 9)
    ones = np.ones(9)
    value, slope = pair_moments(Hermite(degree), ones, ones, np.diag(correlation))
    np.testing.assert_allclose(np.diag(value), correlation**degree, rtol=0, atol=1e-14)
    np.testing.assert_allclose(
        np.diag(slope), degree * correlation ** (degree - 1), rtol=0, atol=1e-14
    )


# Scales: what is left of an activation for tiny and for huge variances ----------------------------


@pytest.mark.parametrize(
    ("activation", "slope"),
    [(Erf(1.5, 0.6), 1.5 * 0.6 * 2 / np.sqrt(np.pi)), (Sin(1.2, 0.8), 0.96), (Gabor(), 1.0)],
    ids=lambda value: type(value).__name__,
)
def test_tiny_variances_see_the_line_through_zero(activation, slope):
    tiny, covariances = [1e-16, 3e-16], [[1e-16, -1e-16], [5e-17, 3e-16]]
    value, derivative = pair_moments(activation, tiny, tiny, covariances)
    np.testing.assert_allclose(value, slope**2 * np.array(covariances), rtol=1e-12)
    np.testing.assert_allclose(derivative, slope**2, rtol=1e-12)


@pytest.mark.parametrize(
    ("smooth", "limit", "scale"),
    [(Erf(), Sign(), 1.0), (Gelu(), Relu(), 1e16)],
    ids=["Erf", "Gelu"],
)
def test_huge_variances_see_the_limit_at_infinity(smooth, limit, scale):
    huge = np.array([1e16, 4e16])
    covariances = np.array([[1e16, -2e16], [0.6e16, 4e16]])  # equal, opposite, and in between
    value = pair_moments(smooth, huge, huge, covariances)[0]
    expected = pair_moments(limit, huge, huge, covariances)[0]
    np.testing.assert_allclose(value / scale, expected / scale, rtol=0, atol=1e-7)


@pytest.mark.parametrize("scale", [1e-16, 1e-4, 1.0, 1e4, 1e16])
@pytest.mark.parametrize("activation", [Erf(), Gelu(), Relu(), Gabor(), Rbf(), Sin()], ids=repr)
def test_equal_samples_are_one_sample_at_every_scale(activation, scale):
    random = np.random.default_rng(0)
    variance = scale * random.uniform(0.5, 2, size=50)
    covariance = variance * (1 + 1e-16 * random.integers(-2, 3, size=50))  # what rounding leaves
    is_diagonal = activation.sample_moments(jnp.asarray(variance))[:2]
    of_pairs = pair_moments(activation, variance, variance, np.diag(covariance))
    for own, pairs in zip(is_diagonal, of_pairs, strict=True):
        np.testing.assert_allclose(np.diag(pairs), own, rtol=1e-13)


@every_name
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_moments_and_their_derivatives_are_finite_in_the_dtype_of_the_input(name, dtype):
    side = np.array([0.0, 1e-16, 0.01, 0.01, 1.0, 1.0], dtype)
    signs = np.array([1, 1, 1, -1, 1, -1], dtype)
    covariances = np.outer(signs * np.sqrt(side), signs * np.sqrt(side))

    def moments(activation, variance, covariance):
        *is_diagonal, statistics = activation.sample_moments(variance)
        of_pairs = activation.pair_moments(covariance, as_left(statistics), as_right(statistics))
        return *is_diagonal, *of_pairs

    for example in registered("activation")[name].examples():
        activation = jax.tree.map(lambda leaf: np.asarray(leaf, dtype), example)
        values = moments(activation, jnp.asarray(side), jnp.asarray(covariances))
        assert all(jnp.result_type(value, dtype(0)) == dtype for value in values)
        assert all(np.isfinite(value).all() for value in values)
        of_all = jax.grad(lambda *inputs: sum(map(jnp.sum, moments(*inputs))), argnums=(0, 1, 2))
        gradients = of_all(activation, jnp.asarray(side), jnp.asarray(covariances))
        assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(gradients))


def test_growing_gaussian_without_a_kernel_is_refused():
    network = Serial([Gaussian(1.0, 0.3), Dense()])
    assert np.isfinite(gram_diagonal(network, [[0.9]])).all()
    with pytest.raises(ValueError, match="not finite"):
        gram_diagonal(network, [[0.95]])


# The arcsine --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 5e-16), (np.float32, 3e-7)])
def test_arcsine_is_accurate_to_rounding(dtype, tolerance):
    angle = np.linspace(-np.pi / 2, np.pi / 2, 20001)
    sine, cosine, squared = (
        jnp.asarray(values, dtype) for values in (np.sin(angle), np.cos(angle), np.cos(angle) ** 2)
    )
    computed = arcsine(sine, cosine, squared)
    np.testing.assert_allclose(computed, angle, rtol=0, atol=tolerance)


def test_correlations_that_rounding_cannot_tell_from_one_are_one():
    correlations = jnp.asarray([1.0, 1 - 1e-15, -1 - 1e-15, 0.5])
    np.testing.assert_array_equal(squared_cosine(correlations), [0, 0, 0, 0.75])


# Names --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "class_name"),
    [("relu", "Relu"), ("ab_relu", "ABRelu"), ("Leaky-ReLU", "LeakyRelu"), ("swish", "Silu")],
)
def test_names_are_classes_in_snake_case(name, class_name):
    assert type(as_activation(name)) is registered("activation")[class_name]


def test_objects_pass_and_functions_become_elementwise():
    activation = LeakyRelu(0.2)
    assert as_activation(activation) is activation
    assert as_activation(jnp.tanh).function is jnp.tanh


@pytest.mark.parametrize(
    ("activation", "error", "message"),
    [
        ("rleu", ValueError, "Did you mean 'relu'"),
        ("polynomial", ValueError, r"write activation=Polynomial\(\.\.\.\)"),
        ("nothing like it", ValueError, "Names: ab_relu, abs, cos"),
        (Relu, TypeError, r"write activation=Relu\(\.\.\.\)"),
        (Dense(), TypeError, "got Dense"),
        (3.0, TypeError, "must be a name"),
    ],
)
def test_unknown_activations_say_what_to_write(activation, error, message):
    with pytest.raises(error, match=message):
        as_activation(activation)


def test_every_name_makes_an_activation():
    assert all(as_activation(name).output_shape((3,)) == (3,) for name in activation_names())
