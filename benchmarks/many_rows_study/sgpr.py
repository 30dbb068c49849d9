"""Sparse Gaussian process regression by GPyTorch, in an environment of its own.

``python sgpr.py DATA.npz PREDICTIONS.npz``, with a Python that has torch and gpytorch; it needs
nothing else of this package. As in GPyTorch's tutorial of SGPR, steps of Adam on the collapsed
bound learn the inducing points and all hyperparameters. The kernel is Matern's.
"""

from __future__ import annotations

import sys
from time import perf_counter

import gpytorch
import numpy as np
import torch


class SparseProcess(gpytorch.models.ExactGP):
    """A Matern process through inducing points."""

    def __init__(self, X, y, points, likelihood):
        super().__init__(X, y, likelihood)
        base = gpytorch.kernels.ScaleKernel(gpytorch.kernels.MaternKernel(nu=2.5))
        self.mean_module = gpytorch.means.ConstantMean()
        self.covar_module = gpytorch.kernels.InducingPointKernel(
            base, inducing_points=points, likelihood=likelihood
        )

    def forward(self, X):
        return gpytorch.distributions.MultivariateNormal(self.mean_module(X), self.covar_module(X))


def train(model, likelihood, X, y, rate: float, steps: int, most_seconds: float) -> int:
    """Take steps of Adam, for a time at most, and return how many were taken."""
    model.train()
    likelihood.train()
    optimizer = torch.optim.Adam(model.parameters(), lr=rate)
    objective = gpytorch.mlls.ExactMarginalLogLikelihood(likelihood, model)
    start = perf_counter()
    for step in range(steps):
        optimizer.zero_grad()
        loss = -objective(model(X), y)
        loss.backward()
        optimizer.step()
        passed = perf_counter() - start
        if step % 10 == 9 or passed > most_seconds:
            print(f"  step {step + 1}, loss {loss.item():.4f}, {passed:.0f} s", flush=True)
        if passed > most_seconds:
            return step + 1
    return steps


def main(data: str, results: str) -> None:
    """Train and predict, and store mean, std and times."""
    with np.load(data) as stored:
        X, y, X_test, points = (
            torch.as_tensor(stored[name], dtype=torch.float32)
            for name in ("X", "y", "X_test", "points")
        )
        steps = int(stored["steps"])
        rate, most_seconds = float(stored["rate"]), float(stored["most_seconds"])
    torch.manual_seed(0)
    start = perf_counter()
    likelihood = gpytorch.likelihoods.GaussianLikelihood()
    model = SparseProcess(X, y, points, likelihood)
    taken = train(model, likelihood, X, y, rate, steps, most_seconds)
    fitted = perf_counter()
    model.eval()
    likelihood.eval()
    with torch.no_grad(), gpytorch.settings.fast_pred_var():
        prediction = likelihood(model(X_test))
        mean, std = prediction.mean.numpy(), prediction.stddev.numpy()
    np.savez(
        results,
        mean=mean,
        std=std,
        fit=fitted - start,
        predict=perf_counter() - fitted,
        steps=taken,
        versions=f"torch {torch.__version__}, gpytorch {gpytorch.__version__}",
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
