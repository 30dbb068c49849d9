import tracemalloc

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skntk.inference import (
    CholeskySolver,
    ComputedOperator,
    ConjugateGradientSolver,
    ConvergenceError,
    DenseOperator,
    EnsemblePosterior,
    GaussianProcessPosterior,
    SingularKernelError,
)
from skntk.inference.linalg.preconditioner import LowRankPreconditioner

from ..problems import make_problem
from ..test_linear_solvers import LowRankOperator

N = 150


def solve(operator, noise, b, **options):
    system = ConjugateGradientSolver(**{"rank": 20, "tol": 1e-10} | options).factorize(
        operator, noise
    )
    return system.solve(b), system


def in_a_file(matrix, folder):
    path = folder / "kernel"
    mapped = np.memmap(path, matrix.dtype, "w+", shape=matrix.shape)
    mapped[:] = matrix
    return DenseOperator(np.memmap(path, matrix.dtype, "r", shape=matrix.shape))


OPERATORS = {
    "memory": lambda matrix, _: DenseOperator(matrix),
    "file": in_a_file,
    "none": lambda matrix, _: ComputedOperator(
        np.diagonal(matrix), lambda rows: matrix[rows], matrix.dtype
    ),
    "without columns": lambda matrix, _: LowRankOperator(np.linalg.cholesky(matrix.astype(float))),
}


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", OPERATORS)
def test_the_solution_is_that_of_cholesky(tmp_path, name, dtype):
    problem = make_problem(3, n_train=N)
    # Targets of any scale, and of zeros, beside each other.
    targets = problem.targets * [1.0, 0.0, 1e6]
    matrix = problem.ntk.astype(dtype)
    expected = (
        CholeskySolver()
        .factorize(DenseOperator(matrix.astype(float)), problem.noise)
        .solve(targets)
    )
    found, system = solve(OPERATORS[name](matrix, tmp_path), problem.noise, targets)
    scale = np.linalg.norm(expected, axis=0)
    assert (np.linalg.norm(found - expected, axis=0) <= 1e-7 * scale).all()
    true = targets - (matrix.astype(float) @ found + problem.noise[:, np.newaxis] * found)
    norms = np.linalg.norm(targets, axis=0)
    assert_array_equal(found[:, 1], 0)
    assert (np.linalg.norm(true, axis=0) <= 1.001e-10 * norms).all()
    assert system.residual.shape == (3,)
    assert system.residual.max() <= 1e-10
    assert 1 < system.n_iter < 100
    assert_allclose(system.matmul(found), targets, atol=1e-3)


def test_a_preconditioner_of_full_rank_leaves_nothing_to_do():
    problem = make_problem(n_train=N)
    _, few = solve(DenseOperator(problem.ntk), problem.noise, problem.targets, rank=5)
    _, all_of_them = solve(DenseOperator(problem.ntk), problem.noise, problem.targets, rank=1000)
    assert all_of_them.n_iter <= 2 < few.n_iter


@pytest.mark.parametrize("noise", [0.0, 1e-10, 0.3])
def test_the_preconditioner_is_the_inverse_of_what_it_says(noise):
    problem = make_problem(n_train=60)
    variances = noise * np.linspace(1, 2, 60)
    kernel = problem.nngp
    preconditioner = LowRankPreconditioner.of(
        DenseOperator(kernel), variances, 20, np.random.default_rng(0)
    )
    inverse = preconditioner.solve(np.eye(60))
    assert_allclose(inverse, inverse.T, rtol=1e-9, atol=1e-9 * np.abs(inverse).max())
    assert np.linalg.eigvalsh(inverse).min() > 0
    implied = np.linalg.inv(inverse)
    shift = np.square(1 / preconditioner.scale)
    low_rank = implied - np.diag(shift)
    eigenvalues = np.linalg.eigvalsh(low_rank)
    assert_allclose(eigenvalues[:40], 0, atol=1e-9)
    if noise == 0.3:
        assert_allclose(shift, variances)
    left = np.trace(kernel - low_rank) / np.trace(kernel)
    assert_allclose(left, preconditioner.relative_residual, rtol=1e-6)


@pytest.mark.parametrize("spread", [1e12, 1e20])
def test_noise_of_any_size_may_differ_between_rows(spread):
    problem = make_problem(n_train=N)
    noise = problem.noise.copy()
    noise[::3] *= spread
    found, _ = solve(DenseOperator(problem.ntk), noise, problem.targets, rank=100, tol=1e-9)
    expected = np.linalg.solve(problem.ntk + np.diag(noise), problem.targets)
    assert_allclose(found, expected, rtol=1e-5, atol=1e-7)


def test_posteriors_take_it():
    problem = make_problem(2, n_train=60, n_test=300)
    solver = ConjugateGradientSolver(rank=10, tol=1e-11)
    for exact, found, crosses in (
        (
            *(
                GaussianProcessPosterior.condition(
                    problem.nngp, problem.noise, problem.targets, solver=chosen
                )
                for chosen in (None, solver)
            ),
            (problem.nngp_cross,),
        ),
        (
            *(
                EnsemblePosterior.condition(
                    problem.ntk, problem.nngp, problem.noise, problem.targets, solver=chosen
                )
                for chosen in (None, solver)
            ),
            (problem.ntk_cross, problem.nngp_cross),
        ),
    ):
        diagonal = np.diagonal(problem.nngp_test)
        close = {"rtol": 1e-6, "atol": 1e-9}
        assert_allclose(found.mean(crosses[0]), exact.mean(crosses[0]), **close)
        # More right-hand sides than are solved at a time.
        variances = found.variance(*crosses, diagonal), exact.variance(*crosses, diagonal)
        assert_allclose(*variances, **close)
        some = [cross[:4] for cross in crosses]
        kernel = problem.nngp_test[:4, :4]
        assert_allclose(found.covariance(*some, kernel), exact.covariance(*some, kernel), **close)
        assert_allclose(found.largest_curvature(), exact.largest_curvature(), rtol=1e-8)
        with pytest.raises(ValueError, match="system for every row"):
            found.leave_one_out(problem.targets)
        with pytest.raises(ValueError, match="rows that were held out"):
            found.leave_one_out_mean(problem.targets)


def test_what_takes_a_factorization_is_refused():
    problem = make_problem()
    posterior = GaussianProcessPosterior.condition(
        problem.nngp, problem.noise, problem.targets, solver=ConjugateGradientSolver()
    )
    with pytest.raises(ValueError, match=r"marginal likelihood.*solver='cholesky'"):
        posterior.log_marginal_likelihood(problem.targets)


def test_too_few_steps_are_an_error_with_figures():
    problem = make_problem(2, n_train=N)
    operator = DenseOperator(problem.ntk)
    match = r"after 3 steps: the relative residual is \d.* tol=1e-10 \(2 of 2 .*rank.*max_iter"
    with pytest.raises(ConvergenceError, match=match):
        solve(operator, problem.noise, problem.targets, rank=1, max_iter=3)
    assert issubclass(ConvergenceError, ValueError)


def test_a_tolerance_below_rounding_is_an_error():
    problem = make_problem(n_train=N)
    with pytest.raises(ConvergenceError, match="rounding keeps it from falling"):
        solve(DenseOperator(problem.ntk), problem.noise, problem.targets, tol=1e-17)


def test_an_indefinite_kernel_is_an_error_that_says_so():
    problem = make_problem(n_train=N)
    kernel = problem.ntk - 2 * np.eye(N)
    with pytest.raises(SingularKernelError, match=r"positive definite.*p\^T \(K \+ A\) p = -"):
        solve(DenseOperator(kernel), problem.noise, problem.targets)


def test_a_kernel_with_nan_is_an_error():
    problem = make_problem(n_train=N)
    kernel = problem.ntk
    kernel[7, 8] = kernel[8, 7] = np.nan
    with pytest.raises(ValueError, match="not finite"):
        solve(DenseOperator(kernel), problem.noise, problem.targets, rank=1)


def test_every_step_is_reported_and_nothing_is_left_to_chance():
    problem, steps = make_problem(n_train=N), []
    operator = DenseOperator(problem.ntk)
    first, system = solve(operator, problem.noise, problem.targets, report=steps.append)
    again, _ = solve(operator, problem.noise, problem.targets)
    assert_array_equal(first, again)
    assert [step.n_iter for step in steps] == list(range(1, system.n_iter + 1))


def test_a_drifting_recurrence_starts_again_from_its_true_residual():
    # The products of the recurrence are rounded to single precision as a whole.
    problem = make_problem(n_train=N)
    exact, calls = problem.ntk, []

    class Rounded(DenseOperator):
        def matmul(self, B):
            calls.append(B.shape)
            product = exact @ B
            # One product after the other of a recurrence; that of the residual stays as it is.
            return (
                product * (1 + 1e-5 * np.sin(np.arange(N)[:, None])) if len(calls) < 12 else product
            )

    found, system = solve(Rounded(exact), problem.noise, problem.targets, tol=1e-9)
    expected = np.linalg.solve(exact + np.diag(problem.noise), problem.targets)
    assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
    assert len(calls) > system.n_iter + 1


def test_a_kernel_in_single_precision_is_never_copied_to_double():
    kernel = np.eye(2000, dtype=np.float32)
    operator = DenseOperator(kernel)
    tracemalloc.start()
    ConjugateGradientSolver(rank=10).factorize(operator, np.ones(2000)).solve(np.ones(2000))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < kernel.nbytes / 4
