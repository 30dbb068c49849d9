"""Conjugate gradients: exact equations for more rows than a factorization takes."""

from __future__ import annotations

from os import PathLike
from typing import Literal

import numpy as np
from sklearn.utils import check_random_state

from skntk._progress_bar import tqdm_class
from skntk._sklearn import BaseEstimator
from skntk._validation import check_choice, check_integer, check_real, is_boolean
from skntk.inference.linalg.arrays import FloatArray
from skntk.inference.linalg.conjugate_gradient import (
    ConjugateGradientSolver,
    ConjugateGradientSystem,
    Report,
)
from skntk.inference.linalg.solver import KernelOperator

__all__ = ["ConjugateGradient"]

Storage = Literal["memory", "file", "workers", "none"]
_PRECISIONS = ("float32", "float64")


class ConjugateGradient(BaseEstimator):
    r"""Solve by conjugate gradients, with a randomly pivoted Cholesky preconditioner.

    The equations :math:`(K + A) c = y` of a fit are the same as those of `Cholesky`, and are solved
    until

    .. math::

        \lVert y - (K + A) c \rVert \le \text{tol} \, \lVert y \rVert

    for every output, with the residual computed in double precision; if this cannot be reached, a
    `skntk.inference.ConvergenceError` says by how much and what helps. The predictions at the
    training rows then have an error of at most the same size. A step is a product of K with all
    outputs together, :math:`2 n^2` operations for each. In place of a factorization of K there is
    one of the preconditioner :math:`P = F F^T + A`, where F has ``rank`` columns [1]_; it takes
    :math:`6 n \, \text{rank}^2` operations [2]_.

    Memory holds K once, in the precision of the estimator's ``dtype`` or of ``storage_dtype``, or
    not at all, and :math:`8 n \, \text{rank}` bytes of the preconditioner. The workers of a dask
    cluster can hold K in its place.

    Parameters
    ----------
    rank : int, default=1000
        Columns of the preconditioner, at least 1. Double it where many steps are needed: the time
        to prepare it grows with its square, the number of steps falls.
    tol : float, default=1e-6
        The largest residual relative to the targets, greater than 0.
    max_iter : int, default=1000
        The most steps, at least 1.
    storage : {"memory", "file", "workers", "none"}, default="memory"
        Where an estimator keeps the kernel of the training rows: in memory; in a file that is
        mapped into memory, for kernels larger than that; in the memory of the workers of a dask
        cluster, for fits within ``joblib.parallel_config(backend="dask")``, ``pip install
        ".[cluster]"``; or nowhere, so that each step computes it anew, for kernels that take little
        time. Workers that are lost cost the blocks that they had, which others compute again.
        Standard deviations need the client of the cluster; a pickled model computes the kernel
        anew.
    storage_dtype : {"float64", "float32"} or None, default=None
        The precision in which it is kept. None is the estimator's ``dtype``. A kernel that is
        computed in double precision and kept in single precision takes half of the memory, and has
        an error of 6e-8 of each entry: less than one that is computed in single precision.
    storage_location : str, PathLike or None, default=None
        The folder of the file, for ``storage="file"``. The file stays there, and belongs to the
        network, its rows and the precision: a fit that was killed goes on where it stopped, and
        another fit of the same rows, with another ``alpha`` for example, reads it. None is a folder
        of its own in the system's place for temporary files, which is removed with the model.
    std_steps : int or None, default=None
        What a standard deviation of a test row costs: a further system, to ``tol``, or with a
        number so many steps of it. Then it is an upper bound of the exact value, which falls with
        each step; after one step it is what the preconditioner says, the exact value if this has
        full rank. Of Gaussian processes alone, `NNGPRegressor` and `NNGPClassifier`: the variance
        of an ensemble has no such bound, and covariances have none.
    progress : bool, default=False
        Whether a bar of tqdm, ``pip install ".[progress]"``, counts the steps of every solution
        and shows the largest residual: in fits, and in predictions of standard deviations.
    random_state : int, RandomState instance or None, default=None
        Draws the columns of the preconditioner. An int makes the number of steps, and the last
        digits of the solution, the same in every fit.

    See Also
    --------
    Cholesky : The default, for all that fits into memory.

    Notes
    -----
    Estimators take it for training to convergence on squared error. A finite ``training_time``, an
    ``optimizer``, ``likelihood="softmax"`` and ``loss="log_loss"`` need factorizations, and so do
    marginal likelihoods and leave-one-out predictions: each is an error that says so.

    ``alpha="auto"`` is found on 4,000 of the training rows, by exact factorizations; which ones
    depends on a hash of their values alone. With at most as many rows it is that of `Cholesky`. The
    equations are then solved on all rows.

    The temperature of a classifier with at most 4,000 rows is that of `Cholesky`. With more, a
    tenth of the observations is held out, and the equations without it are solved once more, with a
    preconditioner of their own.

    A standard deviation of a test row takes a further right-hand side, :math:`2 n^2` operations in
    each step: for 1,000 rows it takes about as many products as a thousand fits of one output, by
    256 of them at a time. Ask for those of few rows, or for
    their upper bound after ``std_steps`` = k steps, for k products in place of some hundred:

    .. math::

        k_{**} - \sum_{i < k} \frac{(r_i^T P^{-1} r_i)^2}{p_i^T (K + A) p_i}
        \ge k_{**} - k_*^T (K + A)^{-1} k_*

    with the residuals r and the directions p of the steps. How close it is depends on ``rank`` and
    ``std_steps``: compare both on a few rows. The NTK ensemble needs the NNGP kernel of the
    training rows too; it is computed anew for each block of test rows, and not kept.

    References
    ----------
    .. [1] Chen, Epperly, Tropp, Webber, "Randomly pivoted Cholesky: practical approximation of a
       kernel matrix with few entry evaluations", 2022, arXiv 2207.06503.
    .. [2] Díaz, Epperly, Frangella, Tropp, Webber, "Robust, randomized preconditioning for kernel
       ridge regression", 2023, arXiv 2304.12465.

    Examples
    --------
    >>> import numpy as np
    >>> from skntk import NTKRegressor
    >>> from skntk.solvers import ConjugateGradient
    >>> X = np.random.default_rng(0).normal(size=(300, 3))
    >>> y = np.sin(X[:, 0]) + X[:, 1]
    >>> solver = ConjugateGradient(rank=50, tol=1e-8, random_state=0)
    >>> model = NTKRegressor(alpha=1e-2, solver=solver).fit(X, y)
    >>> exact = NTKRegressor(alpha=1e-2).fit(X, y)
    >>> bool(np.allclose(model.predict(X), exact.predict(X), atol=1e-7))
    True
    >>> model.n_iter_ > 1, bool(model.residual_ <= 1e-8)
    (True, True)
    """

    def __init__(
        self,
        rank: int = 1000,
        *,
        tol: float = 1e-6,
        max_iter: int = 1000,
        storage: Storage = "memory",
        storage_dtype: Literal["float64", "float32"] | None = None,
        storage_location: str | PathLike[str] | None = None,
        std_steps: int | None = None,
        progress: bool = False,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.rank = rank
        self.tol = tol
        self.max_iter = max_iter
        self.storage = storage
        self.storage_dtype = storage_dtype
        self.storage_location = storage_location
        self.std_steps = std_steps
        self.progress = progress
        self.random_state = random_state

    def check(self) -> None:
        """Check the parameters, as every use of them does.

        Raises
        ------
        TypeError, ValueError
            If a parameter is not valid.
        ImportError
            If ``progress=True`` and tqdm is not installed.
        """
        check_integer(self, "rank", minimum=1)
        check_real(self, "tol", minimum=0.0, exclusive=True)
        check_integer(self, "max_iter", minimum=1)
        check_choice(self, "storage", ("memory", "file", "workers", "none"))
        if self.std_steps is not None:
            check_integer(self, "std_steps", minimum=1)
        if not is_boolean(self.progress):
            raise TypeError(
                f"ConjugateGradient(progress={self.progress!r}): progress must be True or False."
            )
        if self.progress:
            tqdm_class("ConjugateGradient(progress=True)", "set progress=False.")
        if self.storage_dtype is not None:
            check_choice(self, "storage_dtype", _PRECISIONS)
        if self.storage_location is not None and not isinstance(
            self.storage_location, str | PathLike
        ):
            raise TypeError(
                f"ConjugateGradient(storage_location={self.storage_location!r}): storage_location "
                "must be the path of a folder, or None."
            )
        if self.storage_location is not None and self.storage != "file":
            raise ValueError(
                f"ConjugateGradient(storage_location={self.storage_location!r}, "
                f"storage={self.storage!r}): the location is that of a file. Set storage='file', "
                "or storage_location=None."
            )

    def array_solver(self, report: Report | None = None) -> ConjugateGradientSolver:
        """Return the solver for kernel matrices.

        Parameters
        ----------
        report : callable or None, default=None
            Is called after every step.

        Returns
        -------
        ConjugateGradientSolver
            With these parameters, but those of the storage.

        Raises
        ------
        TypeError, ValueError
            If a parameter is not valid.
        """
        self.check()
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        return ConjugateGradientSolver(
            rank=self.rank,
            tol=self.tol,
            max_iter=self.max_iter,
            random_state=seed,
            report=report,
            progress=self.progress,
            std_steps=self.std_steps,
        )

    def factorize(
        self, operator: KernelOperator, noise: FloatArray, *, overwrite: bool = False
    ) -> ConjugateGradientSystem:
        """Prepare K + diag(noise), for any posterior of `skntk.inference`.

        Parameters
        ----------
        operator : KernelOperator
            K, which says itself where it is kept.
        noise : ndarray of shape (n,)
            Nonnegative values to add to the diagonal.
        overwrite : bool, default=False
            Has no effect: K is neither copied nor changed.

        Returns
        -------
        ConjugateGradientSystem
            The system.

        Raises
        ------
        TypeError, ValueError
            If a parameter is not valid.
        """
        return self.array_solver().factorize(operator, noise, overwrite=overwrite)
