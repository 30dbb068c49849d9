"""The mode of a posterior of logits in the space of features, by Newton's method."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from skntk.inference.inducing.row_features import RowFeatures
from skntk.inference.inducing.softmax_curvature import (
    Curvature,
    curvature_at,
    curvature_product,
    curvature_weights,
)
from skntk.inference.linalg.arrays import FloatArray
from skntk.inference.posteriors.laplace_mode import softmax_likelihood

__all__ = ["Logits", "Mode", "SoftmaxRows"]

_SMALLEST_STEP = 2.0**-40
# Passes over the rows that are left to a curvature of earlier logits, and the most for one step.
_PASSES_OF_OLD_CURVATURE = 12
_MOST_PASSES = 200
# The relative accuracy of a step: far from the mode it need not be high.
_TIGHTEST, _LOOSEST = 1e-8, 0.1


class Logits(NamedTuple):
    """Logits of all rows, and what the posterior says about them."""

    # Theta, shape (m, classes).
    coefficients: FloatArray
    # What the features make of them, Phi^T Theta, shape (n, classes).
    outputs: FloatArray
    # The noise of the logits, in units of its variance, shape (n, classes).
    deviations: FloatArray
    # The softmax.
    probabilities: FloatArray
    # The log likelihood and the exponents of both priors.
    log_posterior: float


class Mode(NamedTuple):
    """The mode, the curvature there, and the number of Newton steps."""

    logits: Logits
    curvature: Curvature
    n_iter: int


class _Step(NamedTuple):
    """A step of Newton's method, by its parts of `Logits`."""

    coefficients: FloatArray
    outputs: FloatArray
    deviations: FloatArray
    # What it promises, to first order.
    gain: float
    # What it took.
    n_passes: int


@dataclass(frozen=True, eq=False)
class SoftmaxRows:
    """Observed classes of rows, whose logits are products of features, and noise.

    Attributes
    ----------
    features : RowFeatures
    counts : ndarray of shape (n, classes)
        How often each class was observed.
    noise : ndarray of shape (n,)
        Variances of the noise of the logits.
    prior_mean : ndarray of shape (classes,)
    """

    features: RowFeatures
    counts: FloatArray
    noise: FloatArray
    prior_mean: FloatArray

    def find_mode(
        self, max_iter: int, tolerance: float, report: Callable[[], None] | None = None
    ) -> Mode:
        """Return the mode, from the mean of the prior.

        The last step would have gained so many nats at most. Equations are solved by conjugate
        gradients, a pass over the rows each, with a curvature of earlier logits as preconditioner:
        where it is exact and new, one pass is enough.
        """
        logits = self._at(*(np.zeros(shape) for shape in self._shapes))
        curvature = self.curvature(logits)
        # What is lost in the sum over rows.
        smallest = tolerance + 1e-15 * abs(logits.log_posterior)
        for n_iter in range(1, max_iter + 1):
            step = self._newton_step(logits, curvature)
            if report is not None:
                report()
            if step.gain / 2 <= smallest:
                logits = self._moved(logits, step, 1.0)
                # One at a time: they are as large as all else.
                del curvature
                return Mode(logits, self.curvature(logits), n_iter)
            logits = self._line_search(logits, step)
            if step.n_passes > _PASSES_OF_OLD_CURVATURE:
                del curvature
                curvature = self.curvature(logits)
        raise RuntimeError(
            f"The mode of the posterior was not found in {max_iter} Newton steps (the next would "
            f"gain {step.gain / 2:.1e} nats). The kernel is probably very large: reduce "
            "`weight_std`, or rescale the inputs."
        )

    def curvature(self, logits: Logits) -> Curvature:
        """Return the curvature of the log posterior."""
        return curvature_at(self.features, self._weights(logits))

    @property
    def _shapes(self) -> tuple[tuple[int, ...], ...]:
        n_classes = self.counts.shape[1]
        return (self.features.n_points, n_classes), self.counts.shape, self.counts.shape

    def _expected(self, logits: Logits) -> FloatArray:
        expected: FloatArray = self.counts.sum(axis=1, keepdims=True) * logits.probabilities
        return expected

    def _weights(self, logits: Logits) -> FloatArray:
        return curvature_weights(self._expected(logits), self.noise)

    def _newton_step(self, logits: Logits, preconditioner: Curvature) -> _Step:
        r"""Return the step to the maximum of the second-order expansion.

        With the gradient r of the log likelihood and the deviations :math:`\epsilon = A u` it is

        .. math::

            H \Delta\Theta = \Phi (r - \tilde W A (r - u)) - \Theta, \qquad
            \Delta u = r - u - \tilde W (A (r - u) + \Phi^T \Delta\Theta).
        """
        weights, noise = self._weights(logits), self.noise[:, np.newaxis]
        gradient = self.counts - self._expected(logits)
        by_deviation = gradient - logits.deviations
        pull = gradient - curvature_product(weights, noise * by_deviation)
        right = self.features.products(logits.coefficients, lambda rows, _: pull[rows])
        right -= logits.coefficients
        change, outputs, n_passes = self._solve(right, weights, preconditioner)
        deviations = by_deviation - curvature_product(weights, noise * by_deviation + outputs)
        gain = np.vdot(gradient, outputs) - np.vdot(logits.coefficients, change)
        gain += np.vdot(noise * by_deviation, deviations)
        return _Step(change, outputs, deviations, float(gain), n_passes)

    def _solve(
        self, right: FloatArray, weights: FloatArray, preconditioner: Curvature
    ) -> tuple[FloatArray, FloatArray, int]:
        """Return H^-1 b and its products with the features, by conjugate gradients.

        The squared norm of the residual in units of the curvature is twice what is left to gain. It
        falls in proportion to that of the whole step: so Newton's method converges quadratically.
        """
        solution, outputs = np.zeros_like(right), np.zeros_like(self.counts)
        residual = right
        conditioned = preconditioner.solve(residual)
        direction, squared = conditioned, float(np.vdot(residual, conditioned))
        enough = squared * np.clip(np.sqrt(squared), _TIGHTEST, _LOOSEST) ** 2
        n_passes = 0
        while squared > enough and n_passes < _MOST_PASSES:
            n_passes += 1
            product, along = self._curved(direction, weights)
            curved = float(np.vdot(direction, product))
            if not curved > 0:
                break
            length = squared / curved
            solution = solution + length * direction
            outputs += length * along
            residual = residual - length * product
            conditioned = preconditioner.solve(residual)
            before, squared = squared, float(np.vdot(residual, conditioned))
            direction = conditioned + squared / before * direction
        return solution, outputs, n_passes

    def _curved(self, direction: FloatArray, weights: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return H times coefficients, and their products with the features, in one pass."""
        along = np.empty_like(self.counts)

        def respond(rows: slice, outputs: FloatArray) -> FloatArray:
            along[rows] = outputs
            return curvature_product(weights[rows], outputs)

        return direction + self.features.products(direction, respond), along

    def _line_search(self, logits: Logits, step: _Step) -> Logits:
        """Backtrack to the first step length that satisfies the Armijo condition (1/4)."""
        # Close to the mode the gain is lost in the rounding of the sums that it is a difference of.
        rounding = 1e-13 * (abs(logits.log_posterior) + self.counts.sum())
        length = 1.0
        while length >= _SMALLEST_STEP:
            moved = self._moved(logits, step, length)
            if moved.log_posterior >= logits.log_posterior + 0.25 * length * step.gain - rounding:
                return moved
            length /= 2
        raise RuntimeError(
            "No step of Newton's method increases the log posterior: the kernel of the inducing "
            "points is not resolved. Compute it in float64, or increase `alpha`."
        )

    def _moved(self, logits: Logits, step: _Step, length: float) -> Logits:
        return self._at(
            logits.coefficients + length * step.coefficients,
            logits.outputs + length * step.outputs,
            logits.deviations + length * step.deviations,
        )

    def _at(self, coefficients: FloatArray, outputs: FloatArray, deviations: FloatArray) -> Logits:
        noise = self.noise[:, np.newaxis] * deviations
        found = softmax_likelihood(self.prior_mean + outputs + noise, self.counts)
        exponent = 0.5 * float(np.vdot(coefficients, coefficients) + np.vdot(deviations, noise))
        return Logits(
            coefficients, outputs, deviations, found.probabilities, found.log_likelihood - exponent
        )
