"""Posteriors with a linear solver of one's own, and kernels that are no arrays."""

from dataclasses import dataclass

import numpy as np
import pytest
from numpy.testing import assert_allclose

from skntk.inference import (
    EnsemblePosterior,
    GaussianProcessPosterior,
    GradientDescent,
    GradientFlow,
    LinearSystem,
    SingularKernelError,
)

from .problems import make_problem


@dataclass
class EigenSystem(LinearSystem):
    """A system by its eigenvectors: only what the protocol has no default for."""

    values: np.ndarray
    vectors: np.ndarray

    @property
    def shape(self):
        return self.vectors.shape

    def solve(self, b):
        return self.vectors @ ((self.vectors.T @ b).T / self.values).T

    def matmul(self, B):
        return self.vectors @ ((self.vectors.T @ B).T * self.values).T

    def log_determinant(self):
        return float(np.log(self.values).sum())


class EigenSolver:
    """Counts the systems that it has solved."""

    n_systems = 0

    def factorize(self, operator, noise, *, overwrite=False):
        self.n_systems += 1
        matrix = operator.matmul(np.eye(operator.shape[0])) + np.diag(noise)
        return EigenSystem(*np.linalg.eigh(matrix))


class LowRankOperator:
    """R R^T, of which no array is held."""

    def __init__(self, root):
        self.root = root
        self.shape = (len(root), len(root))

    def diagonal(self):
        return np.square(self.root).sum(axis=1)

    def matmul(self, B):
        return self.root @ (self.root.T @ B)

    def to_dense(self):
        return self.root @ self.root.T


def conditioned(kind, problem, solver=None):
    """Return a posterior and its kernels of test points."""
    if kind == "process":
        posterior = GaussianProcessPosterior.condition(
            problem.nngp, problem.noise, problem.targets, solver=solver
        )
        return posterior, (problem.nngp_cross,)
    posterior = EnsemblePosterior.condition(
        problem.ntk, problem.nngp, problem.noise, problem.targets, solver=solver
    )
    return posterior, (problem.ntk_cross, problem.nngp_cross)


@pytest.mark.parametrize("kind", ["process", "ensemble"])
def test_any_solver_gives_what_cholesky_gives(kind, problem):
    solver = EigenSolver()
    expected, _ = conditioned(kind, problem)
    posterior, crosses = conditioned(kind, problem, solver)
    assert solver.n_systems == 1
    test_kernel, close = problem.nngp_test, {"rtol": 1e-9, "atol": 1e-11}
    diagonal = np.diagonal(test_kernel)
    for found, wanted in (
        (posterior.dual_coef, expected.dual_coef),
        (posterior.mean(crosses[0]), expected.mean(crosses[0])),
        (posterior.variance(*crosses, diagonal), expected.variance(*crosses, diagonal)),
        (posterior.covariance(*crosses, test_kernel), expected.covariance(*crosses, test_kernel)),
        *zip(
            posterior.leave_one_out(problem.targets),
            expected.leave_one_out(problem.targets),
            strict=True,
        ),
        (
            posterior.leave_one_out_mean(problem.targets),
            expected.leave_one_out_mean(problem.targets),
        ),
    ):
        assert_allclose(found, wanted, **close)


@pytest.mark.parametrize("kind", ["process", "ensemble"])
@pytest.mark.parametrize("method", [GradientFlow(0.5), GradientDescent(0.01)])
def test_any_solver_leads_to_the_same_training(kind, method):
    problem, weight = make_problem(2), np.linspace(0.5, 2.0, 12)
    expected, crosses = conditioned(kind, problem)
    posterior, _ = conditioned(kind, problem, EigenSolver())
    assert_allclose(posterior.largest_curvature(weight), expected.largest_curvature(weight))
    times = [0.0, 3.0, 50.0]
    runs = [p.training_run(problem.targets, method, weight) for p in (posterior, expected)]
    found, wanted = (run.over(times).mean(crosses[0]) for run in runs)
    assert_allclose(found, wanted, rtol=1e-8)


@pytest.mark.parametrize("n_samples", [12, 100])
def test_the_largest_curvature_is_that_of_the_run(n_samples):
    problem = make_problem(n_train=n_samples)
    weight = np.random.default_rng(1).uniform(0.5, 2.0, n_samples)
    posterior, _ = conditioned("ensemble", problem)
    run = posterior.training_run(problem.targets, GradientFlow(1.0), weight)
    assert_allclose(posterior.largest_curvature(weight), run.largest_curvature(weight), rtol=1e-10)


def test_any_solver_gives_the_likelihood(problem):
    likelihoods = [
        conditioned("process", problem, solver)[0].log_marginal_likelihood(problem.targets)
        for solver in (None, EigenSolver())
    ]
    assert_allclose(*likelihoods, rtol=1e-10)


@pytest.mark.parametrize("solver", [None, EigenSolver()], ids=["Cholesky", "eigenvectors"])
def test_a_kernel_need_not_be_an_array(solver):
    root = np.random.default_rng(0).normal(size=(8, 3))
    kernel, targets = LowRankOperator(root), np.arange(8.0)
    dense = GaussianProcessPosterior.condition(root @ root.T, 0.1, targets)
    process = GaussianProcessPosterior.condition(kernel, 0.1, targets, solver=solver)
    assert_allclose(process.dual_coef, dense.dual_coef, rtol=1e-9)
    ensemble = EnsemblePosterior.condition(kernel, np.eye(8), 0.1, targets, solver=solver)
    assert_allclose(ensemble.dual_coef, dense.dual_coef, rtol=1e-9)
    with pytest.raises(ValueError, match=r"must have shape \(8,\)"):
        GaussianProcessPosterior.condition(kernel, 0.1, targets[:7])
    with pytest.raises(ValueError, match="pass both for the same"):
        EnsemblePosterior.condition(kernel, np.eye(7), 0.1, targets)
    with pytest.raises(SingularKernelError):
        GaussianProcessPosterior.condition(kernel, 0.0, targets)
