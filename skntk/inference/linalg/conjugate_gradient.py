r"""Linear systems with a training kernel by preconditioned conjugate gradients.

The kernel matrix enters by products alone, so that it need not be held in double precision, in
memory, or at all (M. R. Hestenes and E. Stiefel, 1952; Y. Saad, Iterative Methods for Sparse Linear
Systems, 2nd edition, 2003, algorithm 9.1).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import NoReturn

import numpy as np

from skntk._progress_bar import tqdm_class
from skntk.inference.linalg.arrays import FloatArray
from skntk.inference.linalg.errors import ConvergenceError, SingularKernelError
from skntk.inference.linalg.preconditioner import LowRankPreconditioner
from skntk.inference.linalg.solver import KernelOperator, LinearSystem

__all__ = ["ConjugateGradientSolver", "ConjugateGradientSystem", "Iteration", "conjugate_gradient"]

Product = Callable[[FloatArray], FloatArray]
Report = Callable[["Iteration"], None]

# A correction of the residual that leaves more than this part of it has met rounding.
_LEAST_GAIN = 0.5
_COLUMNS_AT_A_TIME = 256


@dataclass(frozen=True, eq=False)
class Iteration:
    """A solution of A X = B and how far it is.

    Attributes
    ----------
    solution : ndarray of shape (n, m)
        X.
    n_iter : int
        Steps, each with one product of A and the columns that have not converged yet.
    residual : ndarray of shape (m,)
        The norms of the columns of B - A X, divided by those of B. After the last step they are
        computed from X; before, they are those of the recurrence.
    """

    solution: FloatArray
    n_iter: int
    residual: FloatArray


def conjugate_gradient(
    product: Product,
    precondition: Product,
    B: FloatArray,
    *,
    tol: float,
    max_iter: int,
    report: Report | None = None,
) -> Iteration:
    """Solve A X = B for all columns of B together.

    Each column has coefficients of its own and takes part in products until it has converged. Then
    its residual is computed from X, which the recurrence departs from by rounding. Where it is not
    as small as it should be, the column starts again from there.

    Parameters
    ----------
    product : callable
        A times a block of shape (n, k), in double precision.
    precondition : callable
        P^-1 times such a block, P symmetric and positive definite.
    B : ndarray of shape (n, m)
        Right-hand sides.
    tol : float
        The largest residual of a column, relative to the norm of the column.
    max_iter : int
        The most steps.
    report : callable, default=None
        Is called after every step.

    Returns
    -------
    Iteration
        The solution.

    Raises
    ------
    ConvergenceError
        If a residual is still larger after so many steps, or rounding keeps it from falling.
    SingularKernelError
        If A is not positive definite.
    """
    return _Recurrence(product, precondition, B, tol).run(max_iter, report)


class _Recurrence:
    """The columns that have not converged (``active``), with their residuals and directions."""

    def __init__(self, product: Product, precondition: Product, B: FloatArray, tol: float) -> None:
        self._product, self._precondition, self._tol = product, precondition, tol
        self._B = B
        self._norms = np.linalg.norm(B, axis=0)
        if not np.isfinite(self._norms).all():
            raise ValueError("Right-hand sides must be finite, without NaN or infinity.")
        self._X = np.zeros(B.shape)
        self._residual = np.where(self._norms > 0, 1.0, 0.0)
        # Computed from X when a column has last seemed to have converged.
        self._computed = self._residual.copy()
        self._n_iter = 0
        self._active = np.flatnonzero(self._norms > 0)
        self._R = B[:, self._active]
        # How much of B^T A^-1 B the steps have explained.
        self._explained = np.zeros(B.shape[1])
        self._set_out(np.arange(len(self._active)))

    def _set_out(self, restarted: np.ndarray) -> None:
        """Begin the directions of some of the active columns."""
        Z = self._precondition(self._R[:, restarted])
        squares = np.einsum("ij,ij->j", self._R[:, restarted], Z)
        if len(restarted) == len(self._active):
            self._directions, self._squares = Z, squares
        else:
            self._directions[:, restarted] = Z
            self._squares[restarted] = squares

    def run(self, max_iter: int, report: Report | None) -> Iteration:
        while self._active.size:
            if self._n_iter >= max_iter:
                self._refuse(f"after {max_iter} step{'s' if max_iter != 1 else ''}")
            self._step()
            if report is not None:
                report(self._iteration())
        return self._iteration()

    def explained_after(self, n_steps: int, report: Report | None) -> FloatArray:
        """Return a lower bound of the diagonal of B^T A^-1 B."""
        while self._active.size and self._n_iter < n_steps:
            self._step()
            if report is not None:
                report(self._iteration())
        return self._explained

    def _iteration(self) -> Iteration:
        return Iteration(self._X, self._n_iter, self._residual)

    def _step(self) -> None:
        images = self._product(self._directions)
        curvature = np.einsum("ij,ij->j", self._directions, images)
        self._require_positive(curvature)
        lengths = self._squares / curvature
        self._explained[self._active] += lengths * self._squares
        self._X[:, self._active] += lengths * self._directions
        self._R -= lengths * images
        self._n_iter += 1
        small = self._measure()
        if small.any():
            self._settle(small)
        else:
            self._turn()

    def _measure(self) -> np.ndarray:
        """Return which active columns have converged, as the recurrence says."""
        norms = np.linalg.norm(self._R, axis=0)
        self._residual[self._active] = norms / self._norms[self._active]
        small: np.ndarray = self._residual[self._active] <= self._tol
        return small

    def _turn(self) -> None:
        """Replace the directions by the next ones, conjugate to those before."""
        Z = self._precondition(self._R)
        squares = np.einsum("ij,ij->j", self._R, Z)
        self._directions *= squares / self._squares
        self._directions += Z
        self._squares = squares

    def _settle(self, small: np.ndarray) -> None:
        """Compute the residuals of columns that seem to have converged; drop those that have."""
        columns = self._active[small]
        R = self._B[:, columns] - self._product(self._X[:, columns])
        residual = np.linalg.norm(R, axis=0) / self._norms[columns]
        self._residual[columns] = residual
        done = residual <= self._tol
        stuck = ~done & (residual > _LEAST_GAIN * self._computed[columns])
        self._computed[columns] = residual
        if stuck.any():
            self._refuse(f"and rounding keeps it from falling, after {self._n_iter} steps")
        self._R[:, small] = R
        restarted = np.zeros(len(self._active), dtype=bool)
        restarted[np.flatnonzero(small)[~done]] = True
        kept = np.ones(len(self._active), dtype=bool)
        kept[np.flatnonzero(small)[done]] = False
        self._keep(kept)
        if self._active.size:
            self._turn()
            again = restarted[kept]
            if again.any():
                self._set_out(np.flatnonzero(again))

    def _keep(self, kept: np.ndarray) -> None:
        if kept.all():
            return
        self._active, self._squares = self._active[kept], self._squares[kept]
        self._R, self._directions = self._R[:, kept], self._directions[:, kept]

    def _require_positive(self, curvature: FloatArray) -> None:
        if (curvature > 0).all():
            return
        if not np.isfinite(curvature).all():
            raise ValueError(
                "A product of the kernel matrix is not finite: the kernel or the targets contain "
                "NaN, infinity, or numbers too large for double precision. Rescale them."
            )
        length = np.square(self._directions).sum(axis=0)
        lowest = float(np.min(curvature / length))
        raise SingularKernelError(
            "Conjugate gradients need a positive definite matrix, and the training kernel with "
            f"alpha on its diagonal is not: step {self._n_iter + 1} found a direction p with "
            f"p^T (K + A) p = {lowest:.3g} p^T p. Equal rows leave an eigenvalue of 0 to K, and a "
            "kernel in single precision has negative ones by rounding. Increase `alpha`, or "
            "compute the kernel with dtype='float64'."
        )

    def _refuse(self, when: str) -> NoReturn:
        worst = float(self._residual.max())
        number = int((self._residual > self._tol).sum())
        raise ConvergenceError(
            f"Conjugate gradients have not converged {when}: the relative residual is "
            f"{worst:.3g} and should be at most tol={self._tol:g} ({number} of "
            f"{len(self._residual)} right-hand sides). Increase the `rank` of the preconditioner, "
            "`max_iter` or `alpha`, accept a larger `tol`, or compute the kernel with "
            "dtype='float64' if it is in single precision."
        )


@dataclass(eq=False)
class ConjugateGradientSystem(LinearSystem):
    """The system A = K + diag(noise), solved anew for every right-hand side.

    A determinant, an inverse and what needs its diagonal (leave-one-out predictions) would take as
    many solutions as there are rows: they are refused.

    Attributes
    ----------
    operator : KernelOperator
        K.
    noise : ndarray of shape (n,)
    preconditioner : LowRankPreconditioner
    tol : float
        The largest relative residual of every right-hand side.
    max_iter : int
        The most steps of a solution.
    report : callable or None
        Is called with an `Iteration` after every step.
    progress : bool
        Whether every solution shows a bar of tqdm.
    std_steps : int or None
        Steps after which `quadratic_form` is bounded from below; None solves for it.
    n_iter : int
        Steps of the last solution, 0 before the first.
    residual : ndarray of shape (m,)
        Its relative residuals, computed from the solution.
    """

    operator: KernelOperator
    noise: FloatArray
    preconditioner: LowRankPreconditioner
    tol: float
    max_iter: int
    report: Report | None = None
    progress: bool = False
    std_steps: int | None = None
    n_iter: int = field(default=0, init=False)
    residual: FloatArray = field(default_factory=lambda: np.empty(0), init=False)

    @property
    def shape(self) -> tuple[int, int]:
        """(n, n)."""
        return self.operator.shape

    def solve(self, b: FloatArray) -> FloatArray:
        """Return A^-1 b, to the relative residual `tol` of every column.

        Some hundred columns are solved together: they share the products with K, so that many
        columns take little longer than one where K is computed anew or read from a file. Raises
        a ConvergenceError if `max_iter` steps are not enough.
        """
        columns = b.reshape(len(b), -1)
        solution = np.empty(columns.shape)
        residuals, n_iter = [np.empty(0)], 0
        with self._reporting(columns.shape[1]) as report:
            for part in _parts(columns.shape[1]):
                found = conjugate_gradient(
                    self.matmul,
                    self.preconditioner.solve,
                    columns[:, part],
                    tol=self.tol,
                    max_iter=self.max_iter,
                    report=report,
                )
                solution[:, part] = found.solution
                residuals.append(found.residual)
                n_iter = max(n_iter, found.n_iter)
        self.n_iter, self.residual = n_iter, np.concatenate(residuals)
        return solution.reshape(b.shape)

    @contextmanager
    def _reporting(self, n_columns: int) -> Iterator[Report | None]:
        if not self.progress:
            yield self.report
            return
        tqdm = tqdm_class("progress=True", "set progress=False.")
        label = f"conjugate gradients, {n_columns} right-hand side{'s' if n_columns != 1 else ''}"
        with tqdm(desc=label, unit="step") as bar:

            def report(iteration: Iteration) -> None:
                bar.set_postfix_str(f"residual {iteration.residual.max():.1e}", refresh=False)
                bar.update()
                if self.report is not None:
                    self.report(iteration)

            yield report

    def quadratic_form(self, B: FloatArray) -> FloatArray:
        r"""Return the diagonal of B^T A^-1 B, or with `std_steps` a lower bound of it.

        The steps of conjugate gradients explain more and more of it,

        .. math::

            b^T A^{-1} b \ge \sum_{i < k} \frac{(r_i^T P^{-1} r_i)^2}{p_i^T A p_i},

        with residuals r and directions p (Hestenes and Stiefel 1952, theorem 6:1; in finite
        precision Z. Strakos and P. Tichy, On error estimation in the conjugate gradient method and
        why it works in finite precision computations, 2002). Where the preconditioner P is A, it
        is an equality after one step.
        """
        if self.std_steps is None:
            return super().quadratic_form(B)
        explained = np.empty(B.shape[1])
        with self._reporting(B.shape[1]) as report:
            for part in _parts(B.shape[1]):
                recurrence = _Recurrence(
                    self.matmul, self.preconditioner.solve, B[:, part], self.tol
                )
                explained[part] = recurrence.explained_after(self.std_steps, report)
        return explained

    def reduction(self, B: FloatArray) -> FloatArray:
        """Return B^T A^-1 B, symmetric; `std_steps` bound no covariances."""
        if self.std_steps is not None:
            raise ValueError(
                "Covariances, and samples with them, have no bound after some steps: set "
                "std_steps=None of ConjugateGradient, or ask for standard deviations alone."
            )
        return super().reduction(B)

    def matmul(self, B: FloatArray) -> FloatArray:
        """Return A B."""
        return self.operator.matmul(B) + (self.noise * B.T).T

    def log_determinant(self) -> float:
        """Refuse."""
        raise _refused("A determinant, and with it a marginal likelihood,")

    def inverse(self) -> FloatArray:
        """Refuse."""
        raise _refused("An inverse")

    def inverse_diagonal(self) -> FloatArray:
        """Refuse."""
        raise _refused("A leave-one-out prediction of every row")

    def to_dense(self) -> FloatArray:
        """Refuse."""
        raise _refused("A training that is followed over time")


def _parts(n_columns: int) -> Iterator[slice]:
    """Return the columns that are worked on together."""
    for start in range(0, n_columns, _COLUMNS_AT_A_TIME):
        yield slice(start, min(start + _COLUMNS_AT_A_TIME, n_columns))


def _refused(what: str) -> ValueError:
    return ValueError(
        f"{what} takes a factorization of the kernel matrix, which conjugate gradients do without: "
        "they would solve a system for every row. Use solver='cholesky', on fewer rows if need be, "
        "or predict rows that were held out."
    )


@dataclass(frozen=True, kw_only=True)
class ConjugateGradientSolver:
    r"""Solves by conjugate gradients, preconditioned by a partial Cholesky factorization.

    A step is one product of K with the right-hand sides, :math:`2 n^2` operations for each. Their
    number grows with the root of the condition number of :math:`P^{-1} (K + A)`, where P is
    `LowRankPreconditioner` of the given rank. In memory there are K, as the operator holds it,
    :math:`n \times \text{rank}` numbers of P, and six times the right-hand sides, of which at most
    256 are solved at a time.

    Parameters
    ----------
    rank : int, default=1000
        Columns of K that the preconditioner is made of. More take longer to prepare, :math:`6 n
        \text{rank}^2` operations, and save steps.
    tol : float, default=1e-6
        The largest norm of :math:`b - A x` relative to that of b, of every right-hand side.
    max_iter : int, default=1000
        The most steps.
    random_state : int or Generator, default=0
        Draws the columns. An int makes the result the same every time.
    report : callable or None, default=None
        Is called after every step, with the number of steps and the residuals so far.
    progress : bool, default=False
        Whether every solution shows a bar of tqdm, which counts its steps.
    std_steps : int or None, default=None
        Steps after which the variance of a Gaussian process is bounded from above; None solves for
        it, to the tolerance. See `ConjugateGradientSystem.quadratic_form`.

    Examples
    --------
    >>> import numpy as np
    >>> from skntk.inference import ConjugateGradientSolver, GaussianProcessPosterior
    >>> x = np.linspace(0, 10, 200)
    >>> kernel = np.exp(-np.square(x[:, np.newaxis] - x))
    >>> exact = GaussianProcessPosterior.condition(kernel, 0.1, np.sin(x))
    >>> solver = ConjugateGradientSolver(rank=5, tol=1e-8)
    >>> posterior = GaussianProcessPosterior.condition(kernel, 0.1, np.sin(x), solver=solver)
    >>> bool(np.allclose(posterior.dual_coef, exact.dual_coef, atol=1e-6))
    True
    >>> posterior.system.n_iter > 1, bool(posterior.system.residual.max() <= 1e-8)
    (True, True)
    """

    rank: int = 1000
    tol: float = 1e-6
    max_iter: int = 1000
    random_state: int | np.random.Generator = 0
    report: Report | None = None
    progress: bool = False
    std_steps: int | None = None

    def factorize(
        self, operator: KernelOperator, noise: FloatArray, *, overwrite: bool = False
    ) -> ConjugateGradientSystem:
        """Prepare K + diag(noise), as `LinearSolver.factorize`; K is neither copied nor changed."""
        random = np.random.default_rng(self.random_state)
        preconditioner = LowRankPreconditioner.of(operator, noise, self.rank, random)
        return ConjugateGradientSystem(
            operator,
            noise,
            preconditioner,
            self.tol,
            self.max_iter,
            self.report,
            self.progress,
            self.std_steps,
        )
