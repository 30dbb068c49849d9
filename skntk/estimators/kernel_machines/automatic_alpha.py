"""The `alpha` that the training data tell, and the scale of the outputs with it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from skntk._warnings import warn
from skntk.estimators.data.defaults import ALPHA, ALPHA_CENTER, ALPHA_RANGE
from skntk.estimators.data.noise import Noise
from skntk.estimators.data.row_order import order_by_value
from skntk.estimators.data.target_scaling import TargetScaling
from skntk.inference.linalg.solver import LinearSolver
from skntk.inference.noise_level.problem import LevelCriterion, NoiseProblem
from skntk.inference.noise_level.search import End, find_noise_level

_MEANING_OF_END = {
    "lower": (
        "no noise is seen in the targets. If they have none, all is well and this warning can be "
        "ignored; if they have some, set alpha to a larger number."
    ),
    "upper": (
        "the inputs tell nothing about the targets, as this network sees them. Predictions are "
        "close to a constant; try another network, or other features."
    ),
}


@dataclass(frozen=True, eq=False)
class FoundAlpha:
    """A value of `alpha`, and what its criterion says about it.

    Attributes
    ----------
    alpha : float
        In the units of the parameter.
    output_scale : ndarray of shape () or (n_outputs,)
        What the prior covariance and the noise of every normalized output are multiplied by.
    score : float
        The criterion, NaN where the targets say nothing.
    solver : LinearSolver
        Hands out the factorization that was made for this value.
    end : {"lower", "upper"} or None
        Which end of its range it is at.
    """

    alpha: float
    output_scale: np.ndarray
    score: float
    solver: LinearSolver
    end: End


def find_alpha(
    criterion: LevelCriterion,
    kernel: np.ndarray,
    targets: np.ndarray,
    noise: Noise,
    scaling: TargetScaling,
    solver: LinearSolver,
    *,
    alpha: float | None,
    repetitions: np.ndarray,
    X: np.ndarray,
    dtype: str,
    is_centered: bool,
) -> FoundAlpha:
    """Return the `alpha` of the largest score in its range, which is relative to the kernel.

    Parameters
    ----------
    criterion : LevelCriterion
    kernel : ndarray of shape (n, n)
        The kernel that is inverted; it is not overwritten.
    targets : ndarray of shape (n,) or (n, n_outputs)
        Normalized.
    noise, scaling, solver
        Of the estimator.
    alpha : float or None
        A value whose scale of the outputs is found, and nothing else.
    repetitions : ndarray of shape (n,)
        How many observations a row stands for.
    X : ndarray of shape (n, ...)
        Training rows: which of them are compared where there are many depends on their values.
    dtype : {"float64", "float32"}
        Precision of the kernel.
    is_centered : bool
        Whether the targets were centered by their mean.

    Raises
    ------
    ValueError
        If the kernel is zero, or singular with every value of alpha in the range.

    Warns
    -----
    UserWarning
        If all targets are constant, which tells nothing about noise.
    """
    unit = noise.unit(np.diagonal(kernel))
    low, center, high = range_of_alpha(np.diagonal(kernel), noise, dtype)
    # In the unit of the weights, where these are precisions and no numbers of observations.
    center /= float(np.mean(repetitions / noise.sample_weight))
    columns = targets.reshape(len(targets), -1)
    varies = ~np.atleast_1d(scaling.says_nothing(targets))
    if not varies.any():
        report_constant_targets()
        return FoundAlpha(ALPHA, np.ones(targets.shape[1:]), np.nan, solver, None)
    problem = NoiseProblem(
        kernel, unit, noise.sample_weight, repetitions, columns[:, varies], is_centered
    )
    # Few rows all take part, in whatever order.
    few = len(kernel) <= criterion.n_decomposed
    order = np.arange(len(kernel)) if few else order_by_value(X)
    found = find_noise_level(problem, criterion, (low, high), center, solver, order, level=alpha)
    output_scale = np.ones(columns.shape[1])
    output_scale[varies] = found.evaluation.output_scale
    return FoundAlpha(
        found.level,
        output_scale.reshape(targets.shape[1:]),
        found.evaluation.score,
        found.solver,
        found.end,
    )


def range_of_alpha(
    kernel_diagonal: np.ndarray, noise: Noise, dtype: str
) -> tuple[float, float, float]:
    """Return the smallest, a typical and the largest `alpha`, in the units of the parameter."""
    mean = float(np.average(kernel_diagonal, weights=noise.sample_weight))
    if mean <= 0:
        raise ValueError(
            "alpha='auto' is found in units of the kernel's mean diagonal, which is 0: all "
            "training rows are zero and the network has no bias. Give it one, for example "
            "bias_std=1.0, or set alpha to a number with alpha_scale='absolute'."
        )
    unit = mean / noise.unit(kernel_diagonal)
    low, high = ALPHA_RANGE[dtype]
    return low * unit, ALPHA_CENTER * unit, high * unit


def report_constant_targets() -> None:
    """Warn that targets tell nothing about noise, and what is taken instead."""
    warn(
        f"alpha='auto': all targets are equal, which tells nothing about their noise; "
        f"alpha={ALPHA:g} is taken. Set alpha to a number to choose it.",
        UserWarning,
    )


def report_end(alpha: float, end: End) -> None:
    """Warn of a value that is at an end of its range."""
    if end is not None:
        meaning = _MEANING_OF_END[end]
        warn(
            f"alpha='auto' ends at the {end} end of its range, alpha={alpha:.3g}: {meaning}",
            ConvergenceWarning,
        )
