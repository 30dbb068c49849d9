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
from skntk.estimators.data.rows import TrainingRows
from skntk.estimators.kernel_machines.all_rows import AllRows
from skntk.estimators.kernel_machines.growing_fit import (
    all_or_nothing,
    held_rows,
    hold_rows,
    train_on_all_rows,
)
from skntk.estimators.kernel_machines.solver_choice import (
    adds_rows,
    inducing_points,
    require_addable,
)
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
    """Add rows to those of earlier calls, and train on all of them.

    The result is that of `fit` on all rows, whatever the solver: the mean and the scale of the
    targets, the unit of a relative ``alpha``, and ``alpha="auto"`` are those of all rows so far.
    What stays is the network that the first call took, and with inducing points these. A `fit`
    forgets all calls before.

    With ``solver="cholesky"`` every row is held, and the factor of the kernel matrix grows by a
    block: for k rows before and b new ones :math:`k^2 b` operations in place of
    :math:`(k + b)^3 / 3`. It does where the noise of the earlier rows stays what it was: where
    ``alpha`` is a number, and ``alpha_scale="absolute"`` or the diagonal of the kernel is constant.
    With a unit that moves, or ``alpha="auto"``, a call takes the time of a fit on all rows.

    With inducing points sums over rows add up. The first rows, of which there should be as many as
    inducing points or more, choose the points. Memory does not depend on the number of rows. A call
    takes the time of the sums over its own rows, and that of a fit on as many rows as there are
    points.

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
        With inducing points ``X_train_``, ``y_train_`` and ``alpha_`` have a random sample of at
        most 10,000 of all rows so far, which `loo_predict` predicts, and from which
        ``alpha="auto"`` estimates means over all rows. Rows that are equal are observations of
        their own, and weights their precisions.

    Raises
    ------
    ValueError
        If the data, the weights or a parameter are not valid, or X has other features than the
        rows before. What the rows before have told is kept.
    AttributeError
        With conjugate gradients; and with ``solver="cholesky"`` for a finite ``training_time``:
        they have no factor that could grow.
    MemoryError
        If some matrices of the rows squared, or of the inducing points, do not fit the memory that
        is free.

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

    The exact solver:

    >>> exact = NTKRegressor(alpha=0.1, alpha_scale="absolute").partial_fit(X[:100], X[:100, 0])
    >>> exact = exact.partial_fit(X[100:150], X[100:150, 0])
    >>> whole = NTKRegressor(alpha=0.1, alpha_scale="absolute").fit(X[:150], X[:150, 0])
    >>> bool(np.allclose(exact.predict(X), whole.predict(X)))
    True
    """
    with all_or_nothing(self) as model:
        _add(model, X, y, sample_weight)
        _train(model)
    return self


@available_if(adds_rows)
@fit_context
def fit_blocks(self: Any, blocks: Iterable[tuple[Any, ...]]) -> Any:
    """Train on rows that come block by block.

    The result is that of `partial_fit` on one block after the other, trained once at the end. With
    inducing points, one block of the rows at a time is held; with ``solver="cholesky"`` all.

    Parameters
    ----------
    blocks : iterable of (X, y) or (X, y, sample_weight)
        As `partial_fit` takes them, for example of `row_blocks`. The first one, which should have
        as many rows as there are inducing points or more, chooses these.

    Returns
    -------
    self
        As `partial_fit`.

    Raises
    ------
    ValueError, MemoryError
        As `partial_fit`, with a note that says which block it was; or if there is no block.
    """
    fit_on_blocks(self, blocks, partial(_add, self))
    _train(self)
    return self


def _add(self: Any, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> None:
    require_addable(self)
    points = inducing_points(self.solver)
    if points is not None and self.initial_function is not None:
        raise ValueError(
            "Through inducing points partial_fit trains ensembles, whose sums do not depend on how "
            "targets are centered: set initial_function=None, or use fit."
        )
    held = held_rows(self)
    X, y, rows = self._checked_rows(X, y, self.alpha, sample_weight, reset=held is None)
    outputs = np.shape(rows.targets)[1:]
    if held is not None and outputs != held.outputs:
        raise ValueError(
            f"y has targets of shape {outputs}, but those of the rows before "
            f"have {held.outputs}: give as many outputs as in the first call."
        )
    if points is None:
        hold_rows(self, rows.X, rows.targets, rows.sample_weight, outputs)
        return
    # Whether copies of a row are proof of no noise, only all rows together would tell.
    rows = replace(rows, repetitions=np.ones(len(rows.X)))
    add_rows(self, points, rows, normalize_y=self.normalize_y)


def _train(self: Any) -> None:
    held = self._stream
    if isinstance(held, AllRows):
        rows = TrainingRows.regression(held.X, held.y, self._alpha, held.sample_weight)
        train_on_all_rows(self, rows, normalize_y=self.normalize_y)
    else:
        train_on_stream(self, normalize_y=self.normalize_y)
