"""Regression on rows that come block by block."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils.metaestimators import available_if

from skntk._sklearn import fit_context
from skntk.estimators.kernel_machines.solver_choice import adds_rows, inducing_points
from skntk.estimators.kernel_machines.sparse_fit import (
    add_rows,
    fit_on_blocks,
    train_on_stream,
)


@available_if(adds_rows)
@fit_context
def partial_fit(
    self: Any, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None
) -> Any:
    """Add rows to those of earlier calls, and train on all of them; with inducing points.

    The result is that of `fit` on all rows with the same inducing points: their sums add up. The
    first rows, of which there should be as many as inducing points or more, choose the points.
    Memory does not depend on the number of rows. A call takes the time of the sums over its own
    rows, and that of a fit on as many rows as there are points.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        Further training inputs.
    y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        Their targets.
    sample_weight : float or array-like of shape (n_samples,), default=None
        Weight of each sample, at least 0. A weight of k is the same as k repetitions, 0 the same
        as removal. None is 1 for every sample.

    Returns
    -------
    self
        ``X_train_``, ``y_train_`` and ``alpha_`` have a random sample of at most 10,000 of all rows
        so far, which `loo_predict` predicts, and from which ``alpha="auto"`` estimates means over
        all rows. Rows that are equal are observations of their own, and weights their precisions.

    Raises
    ------
    ValueError
        If the data, the weights or a parameter are not valid, or X has other features than the
        rows before. What the rows before have told is kept.
    MemoryError
        If some matrices of the inducing points squared do not fit the memory that is free.

    Examples
    --------
    >>> import numpy as np
    >>> from skntk import NTKRegressor
    >>> from skntk.solvers import InducingPoints
    >>> rng = np.random.default_rng(0)
    >>> model = NTKRegressor(solver=InducingPoints(50, random_state=0))
    >>> for _ in range(4):
    ...     X = rng.uniform(-2, 2, size=(500, 1))
    ...     model = model.partial_fit(X, np.sin(2 * X[:, 0]) + 0.1 * rng.normal(size=500))
    >>> bool(np.abs(model.predict([[0.5]])[0] - np.sin(1.0)) < 0.05)
    True
    """
    _add(self, X, y, sample_weight)
    train_on_stream(self, normalize_y=self.normalize_y)
    return self


@available_if(adds_rows)
@fit_context
def fit_blocks(self: Any, blocks: Iterable[tuple[Any, ...]]) -> Any:
    """Train on rows that come block by block; with inducing points.

    The result is that of `partial_fit` on one block after the other, trained once at the end. Of
    the rows, one block at a time is held.

    Parameters
    ----------
    blocks : iterable of (X, y) or (X, y, sample_weight)
        As `partial_fit` takes them, for example of `row_blocks`. The first one, which should have
        as many rows as there are inducing points or more, chooses the points.

    Returns
    -------
    self
        As `partial_fit`.

    Raises
    ------
    ValueError, MemoryError
        As `partial_fit`, with a note that says which block it was; or if there is no block.
    """
    fit_on_blocks(self, blocks, partial(_add, self), normalize_y=self.normalize_y)
    return self


def _add(self: Any, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> None:
    points = inducing_points(self.solver)
    assert points is not None  # otherwise there is no such method
    if self.initial_function is not None:
        raise ValueError(
            "partial_fit trains ensembles, whose sums do not depend on how targets are centered: "
            "set initial_function=None, or use fit."
        )
    first = "_stream" not in self.__dict__
    X, y, rows = self._checked_rows(X, y, self.alpha, sample_weight, reset=first)
    if not first and np.shape(rows.targets)[1:] != self._stream.outputs:
        raise ValueError(
            f"y has targets of shape {np.shape(rows.targets)[1:]}, but those of the rows before "
            f"have {self._stream.outputs}: give as many outputs as in the first call."
        )
    # Whether copies of a row are proof of no noise, only all rows together would tell.
    rows = replace(rows, repetitions=np.ones(len(rows.X)))
    add_rows(self, points, rows, normalize_y=self.normalize_y)
