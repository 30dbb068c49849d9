"""Small regression problems: kernel matrices of training and test samples, and targets."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial.distance import cdist


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
