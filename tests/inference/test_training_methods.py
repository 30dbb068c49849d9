"""How far each method comes along an eigenvector, against exact arithmetic and simulation."""

from decimal import Decimal, localcontext

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skntk.inference import (
    GradientDescent,
    GradientFlow,
    HeavyBall,
    MomentumFlow,
    as_training_times,
    make_training_method,
)

MOMENTA = [1e-12, 0.1, 0.5, 0.9, 0.999]


def gain(method, curvature, time):
    return method.filter_function(np.array([curvature]), np.array([float(time)]))[0, 0]


def residual(method, curvature, time):
    return method.residual_function(np.array([curvature]), np.array([float(time)]))[0, 0]


def exact_gain_of_steps(momentum, curvature, n_steps):
    """(1 - e) / h of the recursion e <- (1 + m - h) e - m e', in 80 digits."""
    with localcontext(prec=80):
        m, h = Decimal(momentum), Decimal(curvature)
        previous = current = Decimal(0)
        for _ in range(n_steps):
            previous, current = current, (1 + m - h) * current - m * previous + 1
        return float(current)


def exact_gain_of_flow(momentum, curvature, time):
    """(1 - e) / h of e'' = -(1 - m) e' - h e, by its power series in 150 digits."""
    with localcontext(prec=150):
        m, h, t = Decimal(momentum), Decimal(curvature), Decimal(time)
        factorial, total = Decimal(2), Decimal(0)
        previous, current = Decimal(0), Decimal(1)
        for order in range(400):
            total += current / factorial
            factorial *= order + 3
            previous, current = current, -(1 - m) * t * current - h * t * t * previous
        return float(t * t * total)


def critical(momentum):
    return (1 - np.sqrt(momentum)) ** 2


@pytest.mark.parametrize("momentum", [0.0, *MOMENTA])
@pytest.mark.parametrize("n_steps", [0, 1, 2, 3, 60, 501])
def test_steps_of_any_curvature_are_exact(momentum, n_steps):
    method = make_training_method("gradient_descent", 1.0, momentum)
    # The phase of an oscillation is known to the rounding error of each step.
    tolerance = 2e-14 * max(1, n_steps / 10)
    special = [critical(momentum) * factor for factor in (0.5, 1 - 1e-13, 1.0, 1 + 1e-13, 1.5)]
    for curvature in [0.0, *np.logspace(-17, 0, 18), *special]:
        expected = exact_gain_of_steps(momentum, curvature, n_steps)
        assert_allclose(gain(method, curvature, n_steps), expected, rtol=tolerance)
        left = 1 - curvature * expected
        assert_allclose(residual(method, curvature, n_steps), left, rtol=0, atol=tolerance)


@pytest.mark.parametrize("momentum", [0.0, 0.1, 0.5, 0.9])
@pytest.mark.parametrize("n_steps", [1, 2, 3, 60, 61])
def test_steps_that_overshoot_are_exact(momentum, n_steps):
    method = make_training_method("gradient_descent", 1.0, momentum)
    for curvature in np.array([0.8, 0.95, 0.99]) * 2 * (1 + momentum):
        expected = exact_gain_of_steps(momentum, curvature, n_steps)
        assert_allclose(gain(method, curvature, n_steps), expected, rtol=0, atol=1e-11)


@pytest.mark.parametrize("momentum", MOMENTA)
@pytest.mark.parametrize("time", [1e-9, 1e-3, 0.5, 1.0, 3.0, 20.0])
def test_flows_with_momentum_are_exact(momentum, time):
    method = MomentumFlow(1.0, momentum)
    boundary = 0.25 * (1 - momentum) ** 2
    special = [boundary * factor for factor in (0.5, 0.9, 1 - 1e-13, 1.0, 1 + 1e-13, 1.5)]
    for curvature in [0.0, *np.logspace(-17, 0.5, 15), *special]:
        expected = exact_gain_of_flow(momentum, curvature, time)
        assert_allclose(gain(method, curvature, time), expected, rtol=2e-14)
        left = 1 - curvature * expected
        assert_allclose(residual(method, curvature, time), left, rtol=0, atol=2e-14)


def test_strong_damping_over_a_long_time_keeps_its_slow_rate():
    # Of e'' = -e' - h e the solution is (1 + h) exp(-h (1 + h) t), up to terms of order h^2.
    assert_allclose(residual(MomentumFlow(1.0, 0.0), 1e-9, 1e9), np.exp(-1.0), rtol=1e-14)


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_many_small_steps_are_the_flow(momentum):
    # At a fixed friction (1 - m) / sqrt(rate): momentum grows to 1 as the rate falls.
    rate, errors = 1e-2, []
    for refinement in (1, 2, 4):
        fine = rate / refinement**2 if momentum else rate / refinement
        inertia = 1 - (1 - momentum) / refinement if momentum else 0.0
        n_steps = 60 * refinement
        steps = residual(make_training_method("gradient_descent", fine, inertia), 2.0, n_steps)
        flow = residual(make_training_method("gradient_flow", fine, inertia), 2.0, n_steps)
        errors.append(abs(steps - flow))
    assert_allclose(np.divide(errors[:-1], errors[1:]), 2.0, rtol=0.15)


@pytest.mark.parametrize("name", ["gradient_flow", "gradient_descent"])
@pytest.mark.parametrize("momentum", [0.0, 0.5, 0.9])
def test_residual_and_gain_say_the_same(name, momentum):
    method = make_training_method(name, 0.3, momentum)
    curvature, times = np.linspace(0.0, 4.0, 50), np.array([0.0, 1.0, 2.0, 17.0, 400.0])
    learned = curvature[:, np.newaxis] * method.filter_function(curvature, times)
    assert_allclose(method.residual_function(curvature, times), 1 - learned, rtol=0, atol=1e-13)
    assert_array_equal(method.filter_function(curvature, times)[:, 0], 0.0)


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_steps_diverge_beyond_the_largest_learning_rate_and_not_before(momentum):
    limit = make_training_method("gradient_descent", 1.0, momentum).max_learning_rate(5.0)
    assert limit == 2 * (1 + momentum) / 5.0
    below = make_training_method("gradient_descent", 0.999 * limit, momentum)
    above = make_training_method("gradient_descent", 1.001 * limit, momentum)
    at_limit = make_training_method("gradient_descent", limit, momentum)
    assert abs(residual(below, 5.0, 5000)) < 1e-3
    assert abs(residual(above, 5.0, 5000)) > 1e3
    below.require_stability(5.0, converged=True)
    at_limit.require_stability(5.0, converged=False)
    for method, converged in ((above, False), (at_limit, True)):
        with pytest.raises(ValueError, match=r"learning_rate=.* max_learning_rate is"):
            method.require_stability(5.0, converged=converged)


def test_flows_and_kernels_without_curvature_have_no_limit():
    GradientFlow(1e10).require_stability(1.0, converged=True)
    MomentumFlow(1e10, 0.5).require_stability(1.0, converged=True)
    GradientDescent(1e10).require_stability(0.0, converged=True)


def test_without_momentum_both_methods_are_the_plain_ones():
    assert make_training_method("gradient_flow", 0.5, 0.0) == GradientFlow(0.5)
    assert make_training_method("gradient_descent", 0.5, 0.0) == GradientDescent(0.5)
    assert make_training_method("gradient_flow", 0.5, 0.1) == MomentumFlow(0.5, 0.1)
    assert make_training_method("gradient_descent", 0.5, 0.1) == HeavyBall(0.5, 0.1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("adam", 1.0, 0.0),
            '`training_method` must be "gradient_flow" or "gradient_descent", got \'adam\'',
        ),
        (("gradient_flow", 0.0, 0.0), "`learning_rate` must be positive and finite"),
        (("gradient_flow", np.inf, 0.0), "`learning_rate` must be positive and finite"),
        (("gradient_flow", 1.0, 1.0), "`momentum` must be at least 0 and below 1"),
        (("gradient_descent", 1.0, -0.1), "`momentum` must be at least 0 and below 1"),
        (("gradient_descent", 1.0, np.nan), "`momentum` must be at least 0 and below 1"),
    ],
)
def test_wrong_hyperparameters_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        make_training_method(*arguments)


@pytest.mark.parametrize(
    ("times", "message"),
    [
        ([0.0, -1.0], "`training_times` must be finite and nonnegative, got -1"),
        ([0.0, np.nan], "`training_times` must be finite and nonnegative, got nan"),
        ([0.0, np.inf], "`training_times` must be finite and nonnegative, got inf"),
        ([1.0, 3.0, 2.0], "must be ascending, but 3 is followed by 2: sort them"),
        ([[1.0, 2.0]], r"must be a 1-D array of at least one time, got .* \(1, 2\)"),
        (3.0, r"must be a 1-D array of at least one time, got .* \(\)"),
        ([], "at least one time"),
        (["soon"], "must be numbers"),
        ([1.0, None], "None .training to convergence. is not one of them, use a long time"),
        ([1e300], "overflows"),
    ],
)
def test_wrong_times_are_refused(times, message):
    with pytest.raises(ValueError, match=message):
        as_training_times(times, GradientFlow(1e10))


def test_a_fraction_of_a_step_is_refused():
    with pytest.raises(ValueError, match=r"takes whole steps, got training_time=2\.5"):
        as_training_times([1.0, 2.5], GradientDescent(0.1))
    assert_array_equal(as_training_times([0, 3, 3], GradientDescent(0.1)), [0.0, 3.0, 3.0])
