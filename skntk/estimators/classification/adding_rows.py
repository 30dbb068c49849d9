"""Classification of rows that come block by block."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets

from skntk._sample_weight import as_sample_weight
from skntk._sklearn import fit_context
from skntk.estimators.data.classes import known_classes, with_class_weight
from skntk.estimators.data.rows import ClassifiedRows
from skntk.estimators.data.validation import validate_training_data
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
from skntk.gram.kernel_function import dtypes_of_inputs


@available_if(adds_rows)
@fit_context
def partial_fit(
    self: Any,
    X: ArrayLike,
    y: ArrayLike,
    classes: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
) -> Any:
    """Add rows to those of earlier calls, and train on all of them.

    The result is that of `fit` on all rows, whatever the solver: the frequencies of classes, the
    unit of a relative ``alpha``, and ``alpha="auto"`` are those of all rows so far. What stays is
    the network and the classes that the first call took, and with inducing points these. A `fit`
    forgets all calls before.

    With ``solver="cholesky"`` every row is held, and the factor of the kernel matrix grows by a
    block: for k rows before and b new ones :math:`k^2 b` operations in place of
    :math:`(k + b)^3 / 3`. It does where the noise of the earlier rows stays what it was: where
    ``alpha`` is a number, and ``alpha_scale="absolute"`` or the diagonal of the kernel is constant.
    A row that comes again has less noise, and the factor is found anew from there on. With a unit
    that moves, or ``alpha="auto"``, a call takes the time of a fit on all rows.

    With inducing points sums over rows add up. The first rows, of which there should be as many as
    inducing points or more, choose the points. Memory does not depend on the number of rows. A call
    takes the time of the sums over its own rows, and that of a fit on as many rows as there are
    points.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        Further training inputs.
    y : array-like of shape (n_samples,)
        Their classes.
    classes : array-like of shape (n_classes,), default=None
        All classes that will occur, two or more. Required in the first call, unless there was a
        `fit` before: None is then its classes.
    sample_weight : float or array-like of shape (n_samples,), default=None
        Weight of each sample, at least 0. None is 1 for every sample.

    Returns
    -------
    self
        With inducing points ``X_train_``, ``y_train_`` and ``alpha_`` have a random sample of at
        most 10,000 of all rows so far, from which the temperature and ``alpha="auto"`` are found.

    Raises
    ------
    ValueError
        If the data, the weights, the classes or a parameter are not valid, or X has other features
        than the rows before. What the rows before have told is kept.
    AttributeError
        With conjugate gradients; and with ``solver="cholesky"`` for a finite ``training_time``,
        ``loss="log_loss"`` or ``likelihood="softmax"``: they have no factor that could grow.
    MemoryError
        If some matrices of the rows squared, or of the inducing points, do not fit the memory that
        is free.

    Examples
    --------
    >>> import numpy as np
    >>> from skntk import NTKClassifier
    >>> from skntk.solvers import InducingPoints
    >>> rng = np.random.default_rng(0)
    >>> model = NTKClassifier(solver=InducingPoints(50, random_state=0))
    >>> for _ in range(4):
    ...     X = rng.uniform(-2, 2, size=(500, 2))
    ...     model = model.partial_fit(X, (X**2).sum(axis=1) > 2, classes=[False, True])
    >>> model.predict([[0.0, 0.1], [1.9, 1.9]])
    array([False,  True])
    """
    with all_or_nothing(self) as model:
        _add(model, X, y, sample_weight, classes=classes)
        _train(model)
    return self


@available_if(adds_rows)
@fit_context
def fit_blocks(self: Any, blocks: Iterable[tuple[Any, ...]], classes: ArrayLike) -> Any:
    """Train on rows that come block by block.

    The result is that of `partial_fit` on one block after the other, trained once at the end. With
    inducing points, one block of the rows at a time is held; with ``solver="cholesky"`` all.

    Parameters
    ----------
    blocks : iterable of (X, y) or (X, y, sample_weight)
        As `partial_fit` takes them, for example of `row_blocks`. The first one, which should have
        as many rows as there are inducing points or more, chooses these.
    classes : array-like of shape (n_classes,)
        All classes that occur, two or more.

    Returns
    -------
    self
        As `partial_fit`.

    Raises
    ------
    ValueError, MemoryError
        As `partial_fit`, with a note that says which block it was; or if there is no block.
    """
    fit_on_blocks(self, blocks, partial(_add, self, classes=classes))
    _train(self)
    return self


def _add(
    self: Any,
    X: ArrayLike,
    y: ArrayLike,
    sample_weight: ArrayLike | None = None,
    *,
    classes: ArrayLike | None,
) -> None:
    require_addable(self)
    if isinstance(self.class_weight, str):
        raise ValueError(
            f"partial_fit does not know how often classes will occur: class_weight="
            f"{self.class_weight!r} needs fit. Give a dict of weights."
        )
    held = held_rows(self)
    self._alpha = self.alpha
    X, y = validate_training_data(
        self, X, y, dtype=dtypes_of_inputs(self.dtype), reset=held is None
    )
    check_classification_targets(y)
    y = np.asarray(y)
    if held is None and classes is None:
        # As after `fit` in scikit-learn.
        classes = getattr(self, "classes_", None)
    self.classes_ = known_classes(classes, None if held is None else self.classes_)
    _require_known(y, self.classes_)
    given = as_sample_weight(sample_weight, len(X))
    weight = with_class_weight(self.class_weight, y, given)
    kept = np.flatnonzero(weight)
    X, y, weight, given = X[kept], y[kept], weight[kept], given[kept]
    points = inducing_points(self.solver)
    if points is None:
        hold_rows(self, X, y, given, (len(self.classes_),))
        return
    labels = np.searchsorted(self.classes_, y)
    rows = ClassifiedRows.one_by_one(X, labels, self.classes_, weight, given)
    add_rows(self, points, rows, normalize_y=self.normalize_y)


def _require_known(y: np.ndarray, classes: np.ndarray) -> None:
    unknown = np.setdiff1d(y, classes)
    if unknown.size:
        raise ValueError(
            f"y has the class {unknown.tolist()[0]!r}, which is not among the classes of the first "
            f"call, {classes.tolist()}: name all classes there."
        )


def _train(self: Any) -> None:
    held = self._stream
    if isinstance(held, AllRows):
        rows = ClassifiedRows.classification(
            self, held.X, held.y, self._alpha, held.sample_weight, self.class_weight, self.classes_
        )
        train_on_all_rows(self, rows, normalize_y=self.normalize_y)
    else:
        train_on_stream(self, normalize_y=self.normalize_y)
