"""Training on any loss: limits, invariances, other solvers, the closed form of squared error."""

import sys

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.integrate import BDF, solve_ivp
from scipy.special import softmax

from skntk.inference import (
    GradientFlowPosterior,
    HalfSquaredError,
    LossDynamics,
    LossFlow,
    SingularKernelError,
    SoftmaxCrossEntropy,
)
from skntk.inference.losses.implicit import KernelNewtonMatrix, StructuredBDF

from .problems import ntk_kernel

INTEGRATION = sys.modules["skntk.inference.losses.loss_integration"]
ACCURACY = {"rtol": 1e-7, "atol": 1e-7}


class Classes:
    """Kernels, one-hot targets, noise and weights of a problem with overlapping classes."""

    def __init__(self, n_classes=3, n_samples=18, seed=0):
        random = np.random.default_rng(seed)
        labels = np.arange(n_samples) % n_classes
        self.X = random.normal(size=(n_samples, 3)) + random.normal(size=(n_classes, 3))[labels]
        self.targets = np.eye(n_classes)[labels]
        self.noise = random.uniform(0.1, 0.5, size=n_samples)
        self.weight = random.integers(1, 4, size=n_samples).astype(float)
        self.initial_outputs = random.normal(size=self.targets.shape)
        self.kernel = ntk_kernel(self.X, self.X)
        self.cross = ntk_kernel(random.normal(size=(4, 3)), self.X)

    def train(self, noise=None, loss=SoftmaxCrossEntropy, training_time=7.0, **options):
        noise = self.noise if noise is None else noise
        loss = loss(self.targets)
        return LossFlow.condition(self.kernel, noise, loss, training_time=training_time, **options)

    def slope(self, coefficients):
        """Return N times minus the velocity of the coefficients, weights and noise included."""
        outputs = self.initial_outputs + self.kernel @ coefficients
        gradient = softmax(outputs, axis=1) - self.targets
        return self.weight[:, None] * gradient + self.noise[:, None] * coefficients


def all_implicit(monkeypatch):
    monkeypatch.setattr(INTEGRATION, "_EXPLICIT_STEPS", 1)


@pytest.mark.parametrize("implicit", [False, True])
def test_the_flow_is_that_of_the_coefficients(implicit, monkeypatch):
    if implicit:
        all_implicit(monkeypatch)
    problem = Classes()
    ours = problem.train(
        sample_weight=problem.weight,
        initial_outputs=problem.initial_outputs,
        training_time=40.0,
        learning_rate=0.5,
    )

    def velocity(time, flat):
        slope = problem.slope(flat.reshape(problem.targets.shape))
        return -0.5 * slope.ravel() / problem.weight.sum()

    fine = solve_ivp(
        velocity, (0.0, 40.0), np.zeros(problem.targets.size), "DOP853", rtol=1e-12, atol=1e-13
    )
    theirs = fine.y[:, -1].reshape(problem.targets.shape)
    assert_allclose(ours.mean(problem.cross), problem.cross @ theirs, **ACCURACY)


def test_the_flow_with_momentum_is_of_second_order():
    problem = Classes()
    momentum, rate = 0.6, 0.5
    ours = problem.train(
        sample_weight=problem.weight,
        initial_outputs=problem.initial_outputs,
        training_time=20.0,
        learning_rate=rate,
        momentum=momentum,
    )

    def velocity(duration, flat):
        coefficients, moving = flat.reshape(2, *problem.targets.shape)
        force = -problem.slope(coefficients) / problem.weight.sum()
        return np.stack([moving, force - (1 - momentum) / np.sqrt(rate) * moving]).ravel()

    start = np.zeros(2 * problem.targets.size)
    duration = np.sqrt(rate) * 20.0
    fine = solve_ivp(velocity, (0.0, duration), start, "DOP853", rtol=1e-12, atol=1e-13)
    theirs = fine.y[:, -1].reshape(2, *problem.targets.shape)[0]
    assert_allclose(ours.mean(problem.cross), problem.cross @ theirs, **ACCURACY)


@pytest.mark.parametrize("solver", ["gradient_flow", "gradient_descent"])
@pytest.mark.parametrize("momentum", [0.0, 0.7])
def test_squared_error_has_its_closed_form(solver, momentum):
    problem = Classes()
    options = {
        "sample_weight": problem.weight,
        "learning_rate": 0.3,
        "training_method": solver,
        "momentum": momentum,
        "training_time": 12.0,
    }
    closed = GradientFlowPosterior.condition(
        problem.kernel, problem.kernel, problem.noise, problem.targets, **options
    )
    ours = problem.train(loss=HalfSquaredError, **options)
    assert_allclose(ours.mean(problem.cross), closed.mean(problem.cross), **ACCURACY)


@pytest.mark.parametrize("momentum", [0.0, 0.5])
def test_descent_in_small_steps_is_the_flow(momentum):
    problem = Classes(n_samples=9)
    flow = problem.train(learning_rate=0.2, training_time=20.0, momentum=momentum)

    def distance(refinement):
        # A step of the flow with momentum is of the size of the root of the learning rate.
        power = 2 if momentum else 1
        descent = problem.train(
            learning_rate=0.2 / refinement**power,
            training_time=20.0 * refinement,
            momentum=1 - (1 - momentum) / refinement if momentum else 0.0,
            training_method="gradient_descent",
        )
        return np.abs(descent.mean(problem.cross) - flow.mean(problem.cross)).max()

    coarse, fine = distance(20), distance(80)
    assert fine < 5e-3
    assert_allclose(coarse / fine, 4.0, rtol=0.1)


def test_the_beginning_is_of_first_order():
    problem = Classes()
    untrained, moved = problem.train().over([0.0, 1e-5]).mean(problem.cross)
    assert_allclose(untrained, 0.0, atol=0)
    gradient = 1 / problem.targets.shape[1] - problem.targets
    first_order = -1e-5 * problem.cross @ gradient / len(gradient)
    assert_allclose(moved, first_order, rtol=1e-3, atol=1e-9)


def test_regularized_training_ends_where_its_gradient_vanishes():
    problem = Classes()
    trained = problem.train(
        sample_weight=problem.weight, initial_outputs=problem.initial_outputs, training_time=1e7
    )
    assert_allclose(problem.slope(trained.dual_coef), 0.0, atol=1e-6)


@pytest.mark.parametrize("momentum", [0.0, 0.5])
@pytest.mark.parametrize("solver", ["gradient_flow", "gradient_descent"])
def test_weights_are_repetitions(solver, momentum):
    problem = Classes()
    options = {"training_method": solver, "momentum": momentum, "learning_rate": 0.5}
    weighted = problem.train(sample_weight=problem.weight, **options)
    counts = problem.weight.astype(int)
    repeated = Classes()
    repeated.kernel = np.repeat(np.repeat(problem.kernel, counts, axis=0), counts, axis=1)
    repeated.targets = np.repeat(problem.targets, counts, axis=0)
    trained = repeated.train(noise=np.repeat(problem.noise, counts), **options)
    assert_allclose(
        weighted.mean(problem.cross),
        trained.mean(np.repeat(problem.cross, counts, axis=1)),
        **ACCURACY,
    )


def test_a_weight_of_zero_removes_a_sample():
    problem = Classes()
    weight = problem.weight.copy()
    weight[4] = 0.0
    full = problem.train(sample_weight=weight)
    kept = np.flatnonzero(weight)
    smaller = LossFlow.condition(
        problem.kernel[np.ix_(kept, kept)],
        problem.noise[kept],
        SoftmaxCrossEntropy(problem.targets[kept]),
        training_time=7.0,
        sample_weight=weight[kept],
    )
    assert_allclose(full.dual_coef[4], 0.0, atol=1e-12)
    assert_allclose(full.mean(problem.cross), smaller.mean(problem.cross[:, kept]), **ACCURACY)


def test_a_constant_added_to_all_logits_changes_nothing():
    problem = Classes()
    shift = np.random.default_rng(3).normal(size=(len(problem.targets), 1))
    plain = problem.train(initial_outputs=problem.initial_outputs)
    shifted = problem.train(initial_outputs=problem.initial_outputs + shift)
    assert_allclose(shifted.mean(problem.cross), plain.mean(problem.cross), **ACCURACY)
    assert_allclose(plain.dual_coef.sum(axis=1), 0.0, atol=1e-9)


@pytest.mark.parametrize("solver", ["gradient_flow", "gradient_descent"])
def test_many_times_of_one_run_are_single_runs(solver):
    problem = Classes()
    times = [0.0, 0.0, 3.0, 40.0, 40.0, 300.0]
    trajectory = problem.train(training_method=solver).over(times)
    means = trajectory.mean(problem.cross)
    for time, mean in zip(times, means, strict=True):
        single = problem.train(training_method=solver, training_time=time).mean(problem.cross)
        assert_allclose(mean, single, **ACCURACY)


@pytest.mark.parametrize("noise", [0.0, 0.5])
def test_stiff_phases_are_integrated_implicitly(noise, monkeypatch):
    problem = Classes(n_samples=30)
    times = np.geomspace(1.0, 3e4, 7)
    explicit = problem.train(noise=noise).over(times).mean(problem.cross)
    n_slopes = counted_slopes(monkeypatch)
    all_implicit(monkeypatch)
    implicit = problem.train(noise=noise).over(times).mean(problem.cross)
    assert_allclose(implicit, explicit, rtol=1e-6, atol=1e-6)
    # An explicit method of this accuracy needs a slope in each unit of the fastest time.
    assert n_slopes() < 3000


def test_the_solver_hands_over_where_its_steps_stay_small(monkeypatch):
    n_slopes = counted_slopes(monkeypatch)
    problem = Classes(n_samples=30)
    problem.train(noise=0.05, training_time=1e6)
    # Explicit steps, 12 slopes each, would go on to some hundred thousand.
    assert 12 * INTEGRATION._EXPLICIT_STEPS < n_slopes() < 24 * INTEGRATION._EXPLICIT_STEPS


def counted_slopes(monkeypatch):
    calls = []
    slope = LossDynamics.slope
    monkeypatch.setattr(LossDynamics, "slope", lambda *args: (calls.append(None), slope(*args))[1])
    return lambda: len(calls)


@pytest.mark.parametrize("ignores_shifts", [False, True])
def test_the_newton_matrix_is_inverted(ignores_shifts):
    random = np.random.default_rng(0)
    problem = Classes(n_samples=6)
    n_samples, n_outputs = problem.targets.shape
    curvature = random.uniform(0.0, 1.0, size=problem.targets.shape)
    diagonal = random.uniform(1.0, 2.0, size=n_samples)
    hessian = np.einsum("ij,jk->ijk", curvature, np.eye(n_outputs))
    if ignores_shifts:
        outer = curvature[:, :, None] * curvature[:, None]
        hessian -= outer / curvature.sum(axis=1)[:, None, None]
    matrix = KernelNewtonMatrix(problem.kernel, diagonal, curvature, ignores_shifts)
    solution = random.normal(size=problem.targets.shape)
    moved = np.einsum("ijk,ik->ij", hessian, problem.kernel @ solution)
    assert_allclose(matrix.solve(diagonal[:, None] * solution + moved), solution, rtol=1e-9)


def test_the_structured_solver_takes_the_steps_of_the_dense_one():
    problem = Classes(n_samples=9)
    loss = SoftmaxCrossEntropy(problem.targets)
    dynamics = LossDynamics.decompose(problem.kernel, problem.noise, loss)
    shape = problem.targets.shape

    def velocity(time, flat):
        return -dynamics.slope(flat.reshape(shape)).ravel()

    def dense(time, flat):
        # (1 - c J)^-1 column by column, and from it J.
        matrix = dynamics.newton_matrices(flat.reshape(shape), 1.0)(1.0)
        inverse = np.column_stack([matrix.solve(unit) for unit in np.eye(flat.size)])
        return np.eye(flat.size) - np.linalg.inv(inverse)

    options = {"rtol": 1e-8, "atol": 1e-8}
    structured = StructuredBDF(
        velocity,
        0.0,
        np.zeros(loss.targets.size),
        1e3,
        linearize=lambda flat: dynamics.newton_matrices(flat.reshape(shape), 1.0),
        **options,
    )
    scipys = BDF(velocity, 0.0, np.zeros(loss.targets.size), 1e3, jac=dense, **options)
    for solver in (structured, scipys):
        while solver.status == "running":
            solver.step()
        assert solver.status == "finished"
    assert (structured.nfev, structured.nlu) == (scipys.nfev, scipys.nlu)
    assert_allclose(structured.y, scipys.y, rtol=1e-8, atol=1e-10)


def test_implicit_steps_start_from_no_uninitialized_memory(monkeypatch):
    monkeypatch.setattr(np, "empty", lambda shape, dtype=float: np.full(shape, np.nan, dtype))
    solver = StructuredBDF(lambda t, y: -y, 0.0, np.ones(2), 1.0, linearize=lambda y: None)
    assert np.isfinite(solver.D).all()


@pytest.mark.parametrize("loss", [SoftmaxCrossEntropy, HalfSquaredError])
def test_gradients_and_curvatures_are_derivatives(loss):
    problem = Classes(n_samples=5)
    loss, outputs, step = loss(problem.targets), problem.initial_outputs[:5], 1e-6
    for output in range(outputs.shape[1]):
        ahead, behind = outputs.copy(), outputs.copy()
        ahead[:, output] += step
        behind[:, output] -= step
        slope = (loss.value(ahead) - loss.value(behind)) / (2 * step)
        assert_allclose(loss.gradient(outputs)[:, output], slope, rtol=1e-6, atol=1e-8)
        bend = (loss.gradient(ahead) - loss.gradient(behind))[:, output] / (2 * step)
        curvature = loss.curvature(outputs)
        own = curvature[:, output]
        shared = np.square(own) / curvature.sum(axis=1) if loss.ignores_shifts else 0.0
        assert_allclose(own - shared, bend, rtol=1e-6, atol=1e-8)


def test_descent_is_stable_up_to_the_limit():
    # Two equal samples of different classes: nothing separates them, the loss stays quadratic.
    targets = SoftmaxCrossEntropy(np.eye(2))
    kernel = np.ones((2, 2))
    dynamics = LossDynamics.decompose(kernel, 0.0, targets)
    assert_allclose(2 / dynamics.largest_curvature, 2 * 2 / (0.5 * 2))
    with pytest.raises(ValueError, match="max_learning_rate is 4"):
        LossFlow.condition(
            kernel,
            0.0,
            targets,
            training_time=5,
            learning_rate=4.1,
            training_method="gradient_descent",
        )


def test_training_that_fits_the_rounding_errors_of_a_singular_kernel_is_refused():
    kernel, loss = np.ones((2, 2)), SoftmaxCrossEntropy(np.eye(2))
    LossFlow.condition(kernel, 0.0, loss, training_time=1e9)
    LossFlow.condition(kernel, 0.1, loss, training_time=1e15)
    with pytest.raises(SingularKernelError, match="Increase `alpha`"):
        LossFlow.condition(kernel, 0.0, loss, training_time=1e15)


BAD = {
    "targets that are no probabilities": ({"targets": np.ones((18, 3))}, "sum to 1"),
    "targets of another length": ({"targets": np.eye(3)}, "targets for 3 samples"),
    "one column of targets": ({"targets": np.ones((18, 1))}, "2 or more classes"),
    "targets without columns": ({"targets": np.ones(18)}, "make them columns"),
    "initial outputs of another shape": ({"initial_outputs": np.ones((18, 2))}, r"\(18, 3\)"),
    "no time": ({"training_time": np.inf}, "finite and nonnegative"),
    "half a step": ({"training_method": "gradient_descent", "training_time": 0.5}, "whole"),
}


@pytest.mark.parametrize("label", BAD)
def test_bad_input(label):
    problem = Classes()
    options, message = BAD[label]
    options = dict(options)
    problem.targets = options.pop("targets", problem.targets)
    with pytest.raises(ValueError, match=message):
        problem.train(**options)


def test_times_out_of_order():
    with pytest.raises(ValueError, match="ascending"):
        Classes().train().over([2.0, 1.0])


@pytest.mark.parametrize("size", [1e-100, 1e100])
def test_the_size_of_the_kernel_is_a_rate(size):
    problem = Classes(n_samples=9)
    plain = problem.train(training_time=30.0).mean(problem.cross)
    problem.kernel, problem.cross = size * problem.kernel, size * problem.cross
    scaled = problem.train(noise=size * problem.noise, training_time=30.0, learning_rate=1 / size)
    assert_allclose(scaled.mean(problem.cross), plain, **ACCURACY)


@pytest.mark.parametrize("momentum", [0.0, 0.5, 0.9])
def test_after_convergence_nothing_moves(momentum):
    problem = Classes()
    trained = problem.train(momentum=momentum, training_time=1e200)
    assert_allclose(trained.mean(problem.cross), trained.at(1e9).mean(problem.cross), atol=1e-12)
    problem.initial_outputs, problem.weight = 0.0 * problem.targets, np.ones(len(problem.targets))
    assert_allclose(problem.slope(trained.dual_coef), 0.0, atol=1e-7)


def test_times_that_overflow_with_the_kernel():
    problem = Classes()
    with pytest.raises(ValueError, match="overflows in units of the kernel"):
        problem.kernel = 1e10 * problem.kernel
        problem.train(noise=0.0, training_time=1e300)
