"""`fit` through inducing points: which they are, the sums over rows, and what follows from them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from skntk._memory import require_memory
from skntk.estimators.data.defaults import ALPHA_CENTER, ALPHA_RANGE
from skntk.estimators.kernel_machines.kernels import NetworkKernels
from skntk.estimators.kernel_machines.memory import MATRICES_OF_POINTS
from skntk.estimators.kernel_machines.rows_at_points import RowsAtPoints
from skntk.inference import TrainingMethod
from skntk.inference.inducing.ensemble import SparseEnsemble
from skntk.inference.inducing.gaussian_process import SparseGaussianProcess
from skntk.inference.inducing.gram_spectrum import GramSpectrum
from skntk.inference.inducing.left_out_rows import SampledRows
from skntk.inference.inducing.noise_level import Criterion, best_noise
from skntk.inference.inducing.projected_system import ProjectedSystem
from skntk.inference.inducing.protocol import SparsePosterior
from skntk.inference.inducing.sums import RowSums
from skntk.inference.linalg.pivoted_cholesky import pivoted_cholesky
from skntk.inference.noise_level.problem import Evaluation
from skntk.inference.noise_level.search import End
from skntk.solvers.inducing_points import InducingPoints

# A mean over observations is estimated from so many rows of a larger number, fewer where there are
# many points: a row then costs more.
_N_SAMPLED = (500, 2000)
_SAMPLED_ENTRIES = 5_000_000
# Pivots are searched for among so many random rows for every point, but for more than a few for
# each only among some thousand: the factorization holds all of their columns.
_CANDIDATES_PER_POINT = (2, 10)
_MANY_CANDIDATES = 20_000


@dataclass(frozen=True, eq=False)
class SparseFit:
    """The sums over training rows, for any level of noise.

    Attributes
    ----------
    rows : RowsAtPoints
        All training rows.
    observed : RowsAtPoints
        Those that the sums are made of; some stand for copies.
    sums : RowSums
    variance : float
        The sum of their weighted NNGP variances.
    kernel_variance : float
        The weighted mean of the diagonal of the kernel that is inverted.
    unit : float
        The noise of a row of weight 1 at level 1.
    outputs : tuple of int
        Shape of the targets of one row.
    random_state : RandomState
    total_weight : float
        The sum of the weights of all rows, by which targets are centered.
    chosen : ndarray of bool of shape (n_outputs,) or None
        Which outputs of the estimator these are, None being all.
    """

    rows: RowsAtPoints
    observed: RowsAtPoints
    sums: RowSums
    variance: float
    kernel_variance: float
    unit: float
    outputs: tuple[int, ...]
    random_state: np.random.RandomState
    total_weight: float
    chosen: np.ndarray | None = None

    @classmethod
    def of(
        cls,
        rows: RowsAtPoints,
        observed: RowsAtPoints,
        sums: RowSums,
        variances: tuple[np.ndarray, ...],
        unit: float,
        outputs: tuple[int, ...],
        random_state: np.random.RandomState,
    ) -> SparseFit:
        """Join sums over rows, which have these prior variances of all kinds of kernels."""
        prior = float(observed.weight @ variances[-1])
        mean = float(np.average(variances[0], weights=observed.centering_weight))
        total = float(observed.centering_weight.sum())
        return cls(rows, observed, sums, prior, mean, unit, outputs, random_state, total)

    @property
    def is_ensemble(self) -> bool:
        """Whether an NTK is inverted, beside which there is the kernel of the prior."""
        return len(self.rows.inducing.kernels.kinds) > 1

    @property
    def nngp(self) -> np.ndarray:
        """The NNGP kernel between the inducing points."""
        return self.rows.inducing.between_points[-1]

    def system(self, level: float, spectrum: GramSpectrum | None = None) -> ProjectedSystem:
        """Return the equations at a level of noise."""
        whitening = self.rows.inducing.whitening
        return ProjectedSystem.of(whitening, self.sums, level * self.unit, spectrum)

    def converged(self, system: ProjectedSystem) -> SparseGaussianProcess | SparseEnsemble:
        """Return the posterior of training to convergence, or of inference."""
        if self.is_ensemble:
            return SparseEnsemble.of(system, self.nngp, self.outputs, self.variance)
        return SparseGaussianProcess.of(system, self.outputs)

    def posterior(
        self, system: ProjectedSystem, method: TrainingMethod, training_time: float | None
    ) -> SparsePosterior:
        """Return the posterior at a time of training, None being convergence."""
        converged = self.converged(system)
        if training_time is not None:
            return converged.training_run(system, method, self.outputs).at(training_time)
        if method.has_steps:
            method.require_stability(system.largest_curvature, converged=True)
        return converged

    def of_outputs(self, chosen: np.ndarray) -> SparseFit:
        """Return the sums of some outputs."""
        rows, observed = (
            replace(rows, targets=rows.targets[:, chosen]) for rows in (self.rows, self.observed)
        )
        sums = self.sums.of_outputs(chosen)
        return replace(self, rows=rows, observed=observed, sums=sums, chosen=chosen)

    def sampled_rows(self) -> SampledRows:
        """Return rows that estimate means over all observations."""
        return self.observed.sampled(self.sample_for_means(len(self.observed.X)))

    def sample_for_means(self, n_rows: int) -> np.ndarray:
        """Return random rows that estimate means over all of them."""
        return sample_for_means(n_rows, len(self.rows.inducing.points), self.random_state)

    def sample(self, n_rows: int, most: int) -> np.ndarray:
        """Return so many random rows, ascending, or all of them."""
        return _sample(n_rows, most, self.random_state)

    def best_level(self, criterion: Criterion, dtype: str) -> tuple[float, Evaluation, End]:
        """Return the best level of noise."""
        low, high = ALPHA_RANGE[dtype]
        relative = self.kernel_variance / self.unit
        center = ALPHA_CENTER * relative
        center /= self.sums.n_observations / self.sums.weight
        return best_noise(self.system, criterion, (low * relative, high * relative), center)


def sample_for_means(n_rows: int, n_points: int, random_state: np.random.RandomState) -> np.ndarray:
    """Return random rows that estimate means over all of them, ascending."""
    fewest, most = _N_SAMPLED
    return _sample(n_rows, min(most, max(fewest, _SAMPLED_ENTRIES // n_points)), random_state)


def _sample(n_rows: int, most: int, random_state: np.random.RandomState) -> np.ndarray:
    if n_rows <= most:
        return np.arange(n_rows)
    return np.sort(random_state.choice(n_rows, most, replace=False))


def choose_points(
    solver: InducingPoints,
    kernels: NetworkKernels,
    X: np.ndarray,
    random_state: np.random.RandomState,
) -> np.ndarray:
    """Return the inducing points for training rows X."""
    solver.validate()
    if not isinstance(solver.selection, str):
        return _given_points(solver, X)
    n_points = min(solver.n_points, len(X))
    if solver.selection == "random":
        chosen = random_state.choice(len(X), n_points, replace=False)
    else:
        fewest, most = (number * n_points for number in _CANDIDATES_PER_POINT)
        n_candidates = min(len(X), max(fewest, min(most, _MANY_CANDIDATES)))
        candidates = random_state.choice(len(X), n_candidates, replace=False)
        chosen = candidates[_pivots(kernels, X[candidates], n_points, random_state)]
    # Of equal rows one says everything.
    return np.unique(X[np.sort(chosen)], axis=0)


def _given_points(solver: InducingPoints, X: np.ndarray) -> np.ndarray:
    points = np.asarray(solver.selection, dtype=np.float64)
    if points.shape[1:] != X.shape[1:] or not len(points):
        expected = ", ".join(map(str, ("n_points", *X.shape[1:])))
        raise ValueError(
            f"InducingPoints(selection=...) has shape {points.shape}: for these training rows it "
            f"must be ({expected})."
        )
    if not np.isfinite(points).all():
        raise ValueError("InducingPoints(selection=...) contains NaN or infinity.")
    return np.unique(points, axis=0)


def _pivots(
    kernels: NetworkKernels,
    X: np.ndarray,
    n_points: int,
    random_state: np.random.RandomState,
) -> np.ndarray:
    """Return which of some rows a randomly pivoted Cholesky factorization takes."""
    first = kernels.kinds[:1]

    def columns(rows: np.ndarray) -> np.ndarray:
        (kernel,) = kernels.matrices(X, X[rows], kinds=first)
        return kernel

    (diagonal,) = kernels.function.diagonals(X, kinds=first)
    generator = np.random.default_rng(random_state.randint(np.iinfo(np.int32).max))
    return pivoted_cholesky(diagonal, columns, n_points, generator).pivots


def require_memory_for_points(n_points: int, what: str) -> None:
    """Raise a MemoryError if matrices of the inducing points squared do not fit."""
    require_memory(
        MATRICES_OF_POINTS * n_points**2 * 8,
        f"{what} with {n_points} inducing points",
        "Choose fewer: the memory grows with their square, not with the number of rows.",
    )
