"""Multinomial logistic regression on uncorrelated features, for a path of penalties."""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize

from skntk.recipes.ridge import LinearModel

__all__ = ["LogisticPath"]

# A class that training rows lack has this probability before any of them is seen.
_LEAST_SHARE = 1e-3
_MOST_STEPS = 60


class LogisticPath:
    r"""Minimizes :math:`-\sum_i w_i \log p_{y_i}(x_i) + \lambda \|W\|^2 / 2`, penalty by penalty.

    Features have diagonal ``moments`` over the rows, which makes the Hessian nearly diagonal:
    it is the preconditioner of L-BFGS. Every penalty starts where the one before has ended.
    ``features``, in single precision, may be the first of those that have moments: the others have
    no weight.
    """

    def __init__(
        self,
        features: np.ndarray,
        y: np.ndarray,
        n_classes: int,
        weight: np.ndarray,
        moments: np.ndarray,
    ) -> None:
        self._features = features
        self._indicators = np.eye(n_classes)[y]
        self._weight = weight[:, np.newaxis]
        self._n_left_out = len(moments) - features.shape[1]
        self._moments = moments[: features.shape[1]]
        shares = (self._weight * self._indicators).sum(axis=0) / weight.sum()
        shares = np.maximum(shares, _LEAST_SHARE)
        self._curvature = float(np.mean(shares * (1 - shares)))
        self._coef = np.zeros((features.shape[1], n_classes))
        self._intercept = np.log(shares)

    def advance(self, penalty: float) -> LinearModel:
        """Return the model with a penalty, found from the one before."""
        n_features, n_classes = self._coef.shape
        scale = 1 / np.sqrt(self._moments * self._curvature + penalty)[:, np.newaxis]
        scaled = self._features * scale.ravel().astype(np.float32)
        intercept_scale = 1 / np.sqrt(self._weight.sum() * self._curvature)
        shrinkage = penalty * scale**2

        def objective(flat: np.ndarray) -> tuple[float, np.ndarray]:
            values = flat.reshape(n_features + 1, n_classes)
            coef, intercept = values[:-1], values[-1] * intercept_scale
            scores = (scaled @ coef.astype(np.float32)).astype(np.float64) + intercept
            scores -= scores.max(axis=1, keepdims=True)
            exponentials = np.exp(scores)
            sums = exponentials.sum(axis=1, keepdims=True)
            observed = np.sum(scores * self._indicators, axis=1, keepdims=True)
            fit = np.sum(self._weight * (np.log(sums) - observed))
            excess = self._weight * (exponentials / sums - self._indicators)
            gradient = np.vstack(
                [
                    scaled.T @ excess.astype(np.float32) + shrinkage * coef,
                    intercept_scale * excess.sum(axis=0),
                ]
            )
            return float(fit + np.sum(shrinkage * coef**2) / 2), gradient.ravel()

        start = np.vstack([self._coef / scale, self._intercept / intercept_scale])
        options = {"maxiter": _MOST_STEPS, "ftol": 1e-6, "gtol": 1e-3}
        found = minimize(objective, start.ravel(), jac=True, method="L-BFGS-B", options=options)
        values = found.x.reshape(n_features + 1, n_classes)
        self._coef, self._intercept = values[:-1] * scale, values[-1] * intercept_scale
        coef = np.pad(self._coef, ((0, self._n_left_out), (0, 0)))
        return LinearModel(coef, self._intercept.copy())
