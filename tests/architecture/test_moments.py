"""The expectations of every registered activation against integrals of its function."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from skntk.architecture.activations.smooth import QuadratureActivation
from skntk.architecture.propagation.state import as_left, as_right
from tests.architecture.networks import examples, has_function

pytestmark = pytest.mark.usefixtures("quick_compilation")

LEFT = np.array([1.0, 0.3, 1.7])
RIGHT = np.array([0.8, 1.2, 0.05])
CORRELATIONS = np.array([[0.5, -0.6, 0.0], [0.85, 0.2, -0.9], [-0.3, 0.7, 0.95]])
COVARIANCES = CORRELATIONS * np.sqrt(np.outer(LEFT, RIGHT))

every_activation = pytest.mark.parametrize("activation", examples("activation"))


@pytest.fixture(autouse=True)
def double_precision():
    with jax.enable_x64(True):
        yield


def function_and_derivative(activation):
    """Return f and f' on NumPy arrays, or skip the test if a class is its kernel alone."""
    if not has_function(activation):
        pytest.skip(f"{type(activation).__name__} has no elementwise function")
    derivative = jax.vmap(jax.grad(lambda x: activation.function(x)))
    return (
        lambda x: np.asarray(activation.function(jnp.asarray(x))),
        lambda x: np.asarray(derivative(jnp.asarray(x))),
    )


def accuracy(activation):
    """Return the relative error allowed: that of rounding, or of a series as documented."""
    if not isinstance(activation, QuadratureActivation):
        return 1e-11
    return 1e-9 if activation.parity_up_to_line() else 2e-8


def jumps(activation):
    """Return whether f is not continuous at 0, so that f' lacks what Price's theorem sees there."""
    before, behind = function_and_derivative(activation)[0](np.array([-1e-9, 1e-9]))
    return abs(behind - before) > 1e-3


def half_line(panels=(0.0, 0.05, 0.2, 0.5, *range(1, 13)), degree=20):
    """Return nodes and weights on (0, 12) that resolve kinks and transitions at 0."""
    nodes, weights = np.polynomial.legendre.leggauss(degree)
    starts, widths = np.array(panels[:-1]), np.diff(panels)
    at = starts[:, None] + widths[:, None] * (nodes + 1) / 2
    return at.ravel(), (widths[:, None] * weights / 2).ravel()


def line():
    """Return nodes and weights on (-12, 12), none of them at 0."""
    nodes, weights = half_line()
    return np.concatenate([-nodes[::-1], nodes]), np.concatenate([weights[::-1], weights])


def expectation_1d(integrand, variance):
    """Return E[g(u)] for u ~ N(0, variance)."""
    z, weights = line()
    density = np.exp(-z * z / 2) / np.sqrt(2 * np.pi)
    return np.sum(weights * density * integrand(np.sqrt(variance) * z))


def expectation_2d(f, variances, correlation):
    """Return E[f(u) f(v)] for normal u and v, not fully correlated."""
    z, weights = line()
    remaining = 1 - correlation**2
    exponent = z[:, None] ** 2 - 2 * correlation * np.outer(z, z) + z**2
    density = np.exp(-exponent / (2 * remaining)) / (2 * np.pi * np.sqrt(remaining))
    left, right = (weights * f(np.sqrt(variance) * z) for variance in variances)
    return left @ density @ right


@partial(jax.jit, compiler_options={"xla_backend_optimization_level": 0})
def sample_and_pair_moments(activation, left, right, covariances):
    *of_left, left_statistics = activation.sample_moments(left)
    *of_right, right_statistics = activation.sample_moments(right)
    of_pairs = activation.pair_moments(
        covariances, as_left(left_statistics), as_right(right_statistics)
    )
    return of_left, of_right, of_pairs


def moments(activation, left, right, covariances):
    """Return E[f^2] and E[f'^2] of the left and of the right samples, and E[f f] and E[f' f']."""
    activation = jax.tree.map(lambda leaf: np.asarray(leaf, float), activation)
    return jax.tree.map(np.asarray, sample_and_pair_moments(activation, left, right, covariances))


def pair_moments(activation, left, right, covariances):
    return moments(activation, left, right, covariances)[2]


def sample_moments(activation, variances):
    return moments(activation, variances, RIGHT, COVARIANCES)[0]


def largest_possible(f):
    """Return sqrt(E[f(u)^2] E[f(v)^2]), which bounds E[f(u) f(v)]; 1 where it is 0."""
    left, right = (
        [expectation_1d(lambda x: f(x) ** 2, variance) for variance in side]
        for side in (LEFT, RIGHT)
    )
    bound = np.sqrt(np.outer(left, right))
    return np.where(bound > 0, bound, 1)


@every_activation
def test_pairs_equal_a_double_integral(activation):
    of_pairs = pair_moments(activation, LEFT, RIGHT, COVARIANCES)
    for ours, f in zip(of_pairs, function_and_derivative(activation), strict=True):
        bound = largest_possible(f)
        for i, j in np.ndindex(COVARIANCES.shape):
            expected = expectation_2d(f, (LEFT[i], RIGHT[j]), CORRELATIONS[i, j])
            assert abs(ours[i, j] - expected) <= accuracy(activation) * bound[i, j]


@every_activation
@pytest.mark.parametrize("sign", [1, -1])
def test_fully_correlated_pairs_equal_a_single_integral(activation, sign):
    of_pairs = pair_moments(activation, LEFT, RIGHT, sign * np.sqrt(np.outer(LEFT, RIGHT)))
    for ours, f in zip(of_pairs, function_and_derivative(activation), strict=True):
        bound = largest_possible(f)
        for i, j in np.ndindex(COVARIANCES.shape):
            ratio = sign * np.sqrt(RIGHT[j] / LEFT[i])
            expected = expectation_1d(lambda x, f=f, ratio=ratio: f(x) * f(ratio * x), LEFT[i])
            assert abs(ours[i, j] - expected) <= accuracy(activation) * bound[i, j]


@every_activation
def test_samples_equal_a_single_integral(activation):
    is_diagonal = sample_moments(activation, LEFT)
    for ours, f in zip(is_diagonal, function_and_derivative(activation), strict=True):
        expected = [expectation_1d(lambda x, f=f: f(x) ** 2, a) for a in LEFT]
        np.testing.assert_allclose(ours, expected, rtol=1e-12)


@every_activation
def test_variance_zero_is_the_function_at_zero(activation):
    f, _ = function_and_derivative(activation)
    at_zero, zeros = f(np.zeros(1))[0], np.zeros(3)
    (value, _), _, (with_zero, _) = moments(activation, zeros, RIGHT, np.zeros((3, 3)))
    np.testing.assert_allclose(value, at_zero**2, rtol=1e-14, atol=1e-150)
    expected = [at_zero * expectation_1d(f, variance) for variance in RIGHT]
    scale = abs(at_zero) * np.sqrt([expectation_1d(lambda x: f(x) ** 2, c) for c in RIGHT])
    assert np.all(np.abs(with_zero - expected) <= 1e-11 * scale + 1e-150)


@every_activation
def test_slope_is_the_derivative_by_the_covariance(activation):
    """Price's theorem: E[f'(u) f'(v)] is the derivative of E[f(u) f(v)] by the covariance."""
    if has_function(activation) and jumps(activation):
        pytest.skip("the derivative of a jump counts as 0, which the derivative by k does not")
    step = 1e-5 * np.sqrt(np.outer(LEFT, RIGHT))
    forward, _ = pair_moments(activation, LEFT, RIGHT, COVARIANCES + step)
    backward, _ = pair_moments(activation, LEFT, RIGHT, COVARIANCES - step)
    (_, of_left), (_, of_right), (_, slope) = moments(activation, LEFT, RIGHT, COVARIANCES)
    tolerance = 1e-7 * np.sqrt(np.outer(of_left, of_right)) + 1e-15 * np.abs(forward) / step
    assert np.all(np.abs((forward - backward) / (2 * step) - slope) <= tolerance)


@every_activation
def test_equal_samples_meet_the_moments_of_one(activation):
    """A sample paired with itself is the limit that the kernel of one sample states."""
    is_diagonal, _, of_pairs = moments(activation, LEFT, LEFT, np.sqrt(np.outer(LEFT, LEFT)))
    for of_pair, of_sample in zip(of_pairs, is_diagonal, strict=True):
        np.testing.assert_allclose(np.diagonal(of_pair), of_sample, rtol=1e-11)
