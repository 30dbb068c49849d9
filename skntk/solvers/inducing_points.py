"""Inducing points, which stand for any number of training rows."""

from __future__ import annotations

from numbers import Integral
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import check_random_state

from skntk._sklearn import CheckedParameters, Interval, StrOptions, validate_parameters

__all__ = ["InducingPoints"]


class InducingPoints(CheckedParameters):
    r"""Train through the kernels with m inducing points, on any number of rows.

    The kernel K is replaced by its projection on the inducing points Z,
    :math:`Q(x, x') = k_Z(x)^T K_{ZZ}^{-1} k_Z(x')` [1]_. Training takes sums over blocks of rows:
    time in proportion to :math:`n m^2`, and memory for some matrices of m x m numbers and one block
    of rows, whatever their number n is. A prediction with its standard deviation takes time in
    proportion to :math:`m^2`.

    An `NNGPRegressor` has the variational posterior [2]_. The networks of an `NTKRegressor` are
    trained on the projection of the NTK, from initial functions that are interpolated between the
    inducing points; see `skntk.NTKRegressor`. Standard deviations contain what the inducing points
    do not say: they are larger than those of all rows, and fall as points are added. With all rows
    as inducing points every result is that of ``solver="cholesky"``, up to rounding.

    An `NNGPClassifier` with ``likelihood="softmax"`` has Laplace's approximation for the projected
    kernel. Its fit takes dozens of passes over the rows, and for C classes time in proportion to
    :math:`n m^2 C` and C matrices of m x m numbers, or where that is small one of m (C - 1) rows.
    An `NTKClassifier` with ``loss="log_loss"`` is trained with the projected NTK; it alone holds
    the features of all rows in memory.

    Parameters
    ----------
    n_points : int, default=1000
        How many of the training rows are inducing points; all of them where there are fewer.
    selection : {"random", "pivoted_cholesky"} or array-like, default="random"
        Which. "random" takes training rows with equal probabilities. "pivoted_cholesky" takes rows
        that others say little about, one after the other with probabilities in proportion to what
        is not explained yet [3]_, among at most ten times as many random rows. An array of shape
        (n_points, n_features) is the points themselves.
    random_state : int, RandomState instance or None, default=None
        Decides which rows. None is the ``random_state`` of the estimator.

    Notes
    -----
    Of n rows with d features and m points the floor of the time of `fit` is n m kernel entries and
    :math:`2 n m^2` multiplications and additions, in the precision ``dtype`` of the estimator:
    ``dtype="float32"`` halves the time. The products are summed in double precision in any case.

    With an ``optimizer``, every score and its gradient take two passes over the rows, in double
    precision: :math:`2 n m` kernel entries, :math:`4 n m^2` multiplications and additions, and for
    the derivatives of the kernels four to six times their own time. The score is the collapsed
    bound on the likelihood [2]_, or the density of left-out rows where that is what the estimator
    makes large; all rows are in the sums, but only up to 2000 random ones are left out. The points
    stay those that are chosen for the network as it is given; to choose them for the one that was
    learned, set its ``hyperparameters_`` and fit again with ``optimizer=None``.

    References
    ----------
    .. [1] Williams, Seeger, "Using the Nystroem method to speed up kernel machines", NIPS 2000.
    .. [2] Titsias, "Variational learning of inducing variables in sparse Gaussian processes",
       AISTATS 2009.
    .. [3] Chen, Epperly, Tropp, Webber, "Randomly pivoted Cholesky: practical approximation of a
       kernel matrix with few entry evaluations", 2022, arXiv 2207.06503.

    Examples
    --------
    >>> import numpy as np
    >>> from skntk import NNGPRegressor
    >>> from skntk.solvers import InducingPoints
    >>> rng = np.random.default_rng(0)
    >>> X = rng.uniform(-2, 2, size=(5000, 1))
    >>> y = np.sin(2 * X[:, 0]) + 0.1 * rng.normal(size=5000)
    >>> solver = InducingPoints(n_points=50, random_state=0)
    >>> model = NNGPRegressor(solver=solver).fit(X, y)
    >>> mean, std = model.predict([[0.5]], return_std=True)
    >>> np.abs(mean[0] - np.sin(1.0)) < 3 * std[0] < 0.1
    np.True_
    """

    _constraints: ClassVar[dict[str, list[Any]]] = {
        "n_points": [Interval(Integral, 1, None, closed="left")],
        "selection": [StrOptions({"random", "pivoted_cholesky"}), "array-like"],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        n_points: int = 1000,
        selection: str | ArrayLike = "random",
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.n_points = n_points
        self.selection = selection
        self.random_state = random_state

    def validate(self) -> None:
        """Raise an error for the first parameter that is not valid."""
        validate_parameters(self)

    def generator(self, random_state: int | np.random.RandomState | None) -> np.random.RandomState:
        """Return what is random, given the ``random_state`` of the estimator."""
        own = self.random_state
        return check_random_state(random_state if own is None else own)
