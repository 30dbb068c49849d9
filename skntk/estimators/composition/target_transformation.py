"""Monotone transformations of targets, output by output."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import clone
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils import check_array

from skntk._warnings import warn
from skntk.estimators.data.validation import as_regression_targets

# Rounding may reverse the order of targets whose transformed values are as near as this, in units
# of the spread of all.
_ROUNDING = 1e-9

# Step of numerical derivatives, in units of the spread: the cube root of the rounding.
_STEP = 1e-5

# Rows on which the properties of a transformer are checked.
_CHECKED_ROWS = 100


def validate_targets(estimator: object, y: ArrayLike | None) -> np.ndarray:
    """Return targets as float64, a single output without an axis of its own."""
    if y is None:
        name = type(estimator).__name__
        raise ValueError(f"{name} requires y to be passed, but the target y is None.")
    given: np.ndarray = check_array(y, input_name="y", ensure_2d=False, allow_nd=True)
    if given.ndim not in (1, 2):
        raise ValueError(
            f"y must be of shape (n_samples,) or (n_samples, n_outputs), got {given.shape}."
        )
    return as_regression_targets(given)


def make_transformer(transformer: Any, func: Any, inverse_func: Any) -> Any:
    """Return a new transformer of targets, not fitted, from what a user has given."""
    if transformer is None:
        _require_both(func, inverse_func, "targets cannot be transformed")
        return FunctionTransformer(func, inverse_func, check_inverse=False)
    if func is not None or inverse_func is not None:
        raise ValueError(
            "transformer cannot be given together with func and inverse_func: leave out either."
        )
    if isinstance(transformer, FunctionTransformer):
        _require_both(
            transformer.func, transformer.inverse_func, "the transformer cannot transform targets"
        )
    return clone(transformer)


def _require_both(func: Any, inverse_func: Any, consequence: str) -> None:
    if (func is None) == (inverse_func is None):
        return
    names = ("func", "inverse_func") if inverse_func is None else ("inverse_func", "func")
    raise ValueError(
        f"{names[0]} is given without {names[1]}, and {consequence} there and back: give both, "
        "such as func=np.log and inverse_func=np.exp."
    )


class TargetTransformation:
    """A fitted transformer of targets, checked to be a monotone function of each output.

    It was fitted on the targets, of shape (n,) or (n, n_outputs): ``transformed`` are these after
    it. ``is_increasing``, of shape () or (n_outputs,), says of which outputs it keeps the order.
    """

    def __init__(self, transformer: Any, targets: np.ndarray) -> None:
        self._transformer = transformer
        self._is_single = targets.ndim == 1
        self.transformed = self.transform(targets)
        self._require_separate_outputs(targets)
        spread = self.transformed.std(axis=0)
        self._step = _STEP * np.where(spread > 0, spread, 1.0)
        self.is_increasing = self._directions(targets, spread)
        self._sign = np.where(self.is_increasing, 1.0, -1.0)
        self._rounding = _ROUNDING * np.abs(targets).max(axis=0)
        ends = np.stack([self.transformed.min(axis=0), self.transformed.max(axis=0)])
        self._ends = ends, self._branches(ends)

    def transform(self, y: np.ndarray) -> np.ndarray:
        """Return transformed targets of shape (m,) or (m, n_outputs), all finite."""
        with np.errstate(all="ignore"):
            transformed = self._by_column(self._transformer.transform, y)
        wrong = ~np.isfinite(transformed)
        if wrong.any():
            raise ValueError(
                f"The transformation of the targets takes {y[wrong][0]:g} to "
                f"{transformed[wrong][0]:g}: choose one that is finite at all targets. np.log1p, "
                "with np.expm1, takes zeros; PowerTransformer() takes numbers of any sign."
            )
        return transformed

    def inverse(self, z: np.ndarray) -> np.ndarray:
        """Return targets, all finite, for values of shape (m, ...) or (m, n_outputs, ...)."""
        y = self.unchecked_inverse(z)
        wrong = ~np.isfinite(y)
        if wrong.any():
            raise ValueError(
                f"Sample {np.argwhere(wrong)[0, 0]} has the transformed prediction "
                f"{z[wrong][0]:g}, at which the inverse of the transformation is "
                f"{y[wrong][0]:g}: ask for quantiles nearer to the median, or choose a "
                "transformation whose inverse is finite everywhere, such as func=np.log."
            )
        return y

    def unchecked_inverse(self, z: np.ndarray) -> np.ndarray:
        """Return targets as `inverse`, which may be infinite or NaN.

        They are NaN beyond a pole as well, as that of 1 / z, where the inverse is another branch:
        outside the training targets it has to go on as it does between them.
        """
        y = self._branches(z)
        (lowest, highest), (at_lowest, at_highest) = (
            (self._per_output(end, z) for end in ends) for ends in self._ends
        )
        sign, rounding = self._per_output(self._sign, z), self._per_output(self._rounding, z)
        with np.errstate(invalid="ignore"):
            turns = (z < lowest) & (sign * (y - at_lowest) > rounding)
            turns |= (z > highest) & (sign * (y - at_highest) < -rounding)
        return np.where(turns, np.nan, y)

    def _branches(self, z: np.ndarray) -> np.ndarray:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return self._by_column(self._transformer.inverse_transform, z)

    def _per_output(self, numbers: np.ndarray, values: np.ndarray) -> np.ndarray:
        """Return one number for each output, to be broadcast with values with further axes."""
        return numbers if self._is_single else numbers.reshape(-1, *[1] * (values.ndim - 2))

    def log_slope(self, y: np.ndarray, z: np.ndarray) -> np.ndarray:
        """Return the logarithm of |dz / dy|, at targets and their transformed values."""
        lower, upper = (self.unchecked_inverse(z + step) for step in (-self._step, self._step))
        rise = np.abs(upper - lower)
        returns = np.isclose(self.unchecked_inverse(z), y, rtol=1e-6, atol=self._rounding)
        wrong = ~(np.isfinite(rise) & (rise > 0) & returns)
        if wrong.any():
            raise ValueError(
                f"There is no density at the target {y[wrong][0]:g}, to which the inverse of the "
                "transformation does not lead back, or without a slope: a QuantileTransformer has "
                "none beyond the training targets. Choose a transformation for all targets, such "
                "as PowerTransformer()."
            )
        slope: np.ndarray = np.log(2 * self._step) - np.log(rise)
        return slope

    def warn_unless_inverse(self, targets: np.ndarray) -> None:
        """Warn if the inverse does not lead back to the targets, as scikit-learn does."""
        if not np.allclose(targets, self.unchecked_inverse(self.transformed)):
            warn(
                "The provided functions or transformer are not strictly inverse of each other. If "
                "you are sure you want to proceed regardless, set 'check_inverse=False'.",
                UserWarning,
            )

    def _by_column(self, function: Callable[[np.ndarray], Any], values: np.ndarray) -> np.ndarray:
        """Apply a function of arrays of shape (m, n_outputs) to values with further axes."""
        rows = values[..., np.newaxis] if self._is_single else np.moveaxis(values, 1, -1)
        columns = rows.reshape(-1, rows.shape[-1])
        results: np.ndarray = check_array(
            function(columns),
            input_name="transformed y",
            dtype=np.float64,
            ensure_2d=False,
            ensure_all_finite=False,
        )
        if results.shape != columns.shape:
            raise ValueError(
                f"The transformation takes targets of shape {columns.shape} to shape "
                f"{results.shape}: choose one that keeps the number of rows and of outputs."
            )
        results = results.reshape(rows.shape)
        return results[..., 0] if self._is_single else np.moveaxis(results, -1, 1)

    def _require_separate_outputs(self, targets: np.ndarray) -> None:
        """Raise a ValueError if an output depends on the targets of another."""
        if self._is_single:
            return
        y, z = targets[:_CHECKED_ROWS], self.transformed[:_CHECKED_ROWS]
        for output in range(y.shape[1]):
            # The other outputs are those of the next row.
            altered = np.roll(y, 1, axis=0)
            altered[:, output] = y[:, output]
            if not np.allclose(self.transform(altered)[:, output], z[:, output]):
                raise ValueError(
                    f"The transformer mixes outputs: output {output} of the transformed targets "
                    "depends on other outputs of y, so that standard deviations and quantiles "
                    "cannot be transformed back one by one. Choose one that treats each column by "
                    "itself, such as PowerTransformer."
                )

    def _directions(self, targets: np.ndarray, spread: np.ndarray) -> np.ndarray:
        """Return whether the outputs increase."""
        order = np.argsort(targets, axis=0)
        steps = np.diff(np.take_along_axis(self.transformed, order, axis=0), axis=0)
        rises = (steps >= -_ROUNDING * spread).all(axis=0)
        falls = (steps <= _ROUNDING * spread).all(axis=0)
        neither = np.flatnonzero(~(rises | falls))
        if neither.size:
            raise ValueError(
                "The transformation of the targets must be increasing or decreasing, or quantiles "
                f"have no order; that of output {neither[0]} is neither."
            )
        # Of constant targets the order says nothing.
        start = self.transformed[0]
        rows = np.stack([start - self._step, start + self._step])
        lower, upper = self._branches(rows)
        directions: np.ndarray = np.where(rises & falls, lower <= upper, rises)
        return directions
