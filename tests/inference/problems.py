"""Small regression problems: kernel matrices of training and test samples, and targets."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial.distance import cdist

from skntk.inference.linalg.cholesky import CholeskySolver
from skntk.inference.linalg.solver import DenseOperator
from skntk.inference.noise_level.problem import NoiseProblem

# What noise is measured in, where its level is not known.
UNIT = 1.7


def nngp_kernel(X, Y):
    """Return a smooth positive definite kernel."""
    return 0.3 + X @ Y.T / X.shape[1] + np.exp(-0.5 * cdist(X, Y, "sqeuclidean"))


def ntk_kernel(X, Y):
    """Return another positive definite kernel, larger than the first as an NTK is."""
    return nngp_kernel(X, Y) * (1.0 + np.exp(-0.3 * cdist(X, Y, "sqeuclidean")))


@dataclass(frozen=True)
class Problem:
    """Kernel matrices between training (n) and test (m) samples, noise and targets."""

    X: np.ndarray
    X_test: np.ndarray
    noise: np.ndarray
    targets: np.ndarray

    @property
    def nngp(self):
        return nngp_kernel(self.X, self.X)

    @property
    def ntk(self):
        return ntk_kernel(self.X, self.X)

    @property
    def nngp_cross(self):
        return nngp_kernel(self.X_test, self.X)

    @property
    def ntk_cross(self):
        return ntk_kernel(self.X_test, self.X)

    @property
    def nngp_test(self):
        return nngp_kernel(self.X_test, self.X_test)

    def without(self, sample):
        """Return the problem that trains without one sample and tests on it."""
        return Problem(
            X=np.delete(self.X, sample, axis=0),
            X_test=self.X[[sample]],
            noise=np.delete(self.noise, sample),
            targets=np.delete(self.targets, sample, axis=0),
        )

    def repeated(self, counts):
        """Return the problem whose training samples are repeated."""
        return Problem(
            X=np.repeat(self.X, counts, axis=0),
            X_test=self.X_test,
            noise=np.repeat(self.noise, counts),
            targets=np.repeat(self.targets, counts, axis=0),
        )


def make_problem(n_outputs=None, n_train=12, n_test=5, seed=0):
    """Return a problem with noise of different size at each sample."""
    random = np.random.default_rng(seed)
    shape = (n_train,) if n_outputs is None else (n_train, n_outputs)
    return Problem(
        X=random.normal(size=(n_train, 3)),
        X_test=random.normal(size=(n_test, 3)),
        noise=random.uniform(0.05, 0.3, size=n_train),
        targets=random.normal(size=shape),
    )


def noise_problem(weight=None, repetitions=None, *, is_centered=False, kernel="ntk", n_outputs=2):
    """Return a problem with noise of unknown level, and its NNGP kernel."""
    problem = make_problem(n_outputs=n_outputs)
    weight = np.ones(12) if weight is None else weight
    repetitions = weight if repetitions is None else repetitions
    targets = problem.targets + 0.7
    if is_centered:
        targets = targets - np.average(targets, axis=0, weights=weight)
    kernel = getattr(problem, kernel)
    return NoiseProblem(kernel, UNIT, weight, repetitions, targets, is_centered), problem.nngp


def smooth_problem(n, *, noise, seed=0, weight=None):
    """Return targets with a smooth mean, and noise of a known standard deviation."""
    random = np.random.default_rng(seed)
    X = random.normal(size=(n, 2))
    y = np.sin(2 * X[:, 0]) + 0.5 * X[:, 1] + noise * random.normal(size=n)
    weight = np.ones(n) if weight is None else weight
    y -= np.average(y, weights=weight)
    kernel = nngp_kernel(X, X)
    unit = np.diagonal(kernel).mean()
    return NoiseProblem(kernel, unit, weight, weight, y[:, np.newaxis], True)


def evaluate(problem, criterion, level):
    """Return what a criterion says of one level, from a factorization of the kernel."""
    system = CholeskySolver().factorize(DenseOperator(problem.kernel), level * problem.pattern)
    return criterion.evaluate(problem, system, level, np.arange(len(problem.kernel)))
