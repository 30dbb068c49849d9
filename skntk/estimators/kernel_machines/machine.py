"""What all estimators of infinitely wide networks are made of."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from os import PathLike
from typing import Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import ArrayLike

from skntk._sklearn import CallbackSupportMixin, CheckedParameters, UnobservedFit
from skntk.architecture.core.layer import Layer
from skntk.estimators.data import own_network
from skntk.estimators.data.alpha_of_rows import as_variance
from skntk.estimators.data.defaults import Alpha, AlphaScale
from skntk.estimators.data.noise import Noise
from skntk.estimators.data.observations import Observations
from skntk.estimators.data.rows import TrainingRows
from skntk.estimators.data.target_scaling import TargetScaling
from skntk.estimators.data.validation import CONSTRAINTS
from skntk.estimators.kernel_machines.all_rows import AllRows
from skntk.estimators.kernel_machines.automatic_alpha import FoundAlpha, find_alpha, report_end
from skntk.estimators.kernel_machines.exact_score import ExactScore, KernelScore
from skntk.estimators.kernel_machines.hyperparameter_search import Optimizer
from skntk.estimators.kernel_machines.inducing import SparseFit
from skntk.estimators.kernel_machines.kernels import NetworkKernels
from skntk.estimators.kernel_machines.learned_hyperparameters import (
    HyperparameterScore,
    hyperparameter_score,
    learn_hyperparameters,
    report_bounds,
)
from skntk.estimators.kernel_machines.memory import require_memory_of_fit
from skntk.estimators.kernel_machines.process import (
    FittedProcess,
    PosteriorProcess,
    n_outputs,
)
from skntk.estimators.kernel_machines.row_stream import RowStream
from skntk.estimators.kernel_machines.solver_choice import (
    Solver,
    linear_solver,
    require_solvable,
)
from skntk.estimators.kernel_machines.sparse_process import SparseProcess
from skntk.estimators.kernel_machines.training_residual import check_training_residual
from skntk.gram.matrix import Kind
from skntk.inference import (
    EnsemblePosterior,
    GaussianProcessPosterior,
    SingularKernelError,
    TrainingMethod,
    as_training_time,
    as_training_times,
    make_training_method,
)
from skntk.inference.inducing.noise_level import Criterion
from skntk.inference.linalg.cholesky import CholeskySolver
from skntk.inference.linalg.solver import LinearSolver
from skntk.inference.linalg.threads import small_problem_threads
from skntk.inference.noise_level.problem import LevelCriterion
from skntk.inference.noise_level.search import End
from skntk.inference.posteriors.protocol import Posterior
from skntk.kernels.hyperparameters import Bounds

TrainingMethodName = Literal["gradient_flow", "gradient_descent"]

# Attributes that an earlier fit with other parameters may have left.
_FOUND_BY_SOME_FITS = (
    "alpha_score_",
    "hyperparameters_",
    "theta_",
    "n_iter_",
    "residual_",
    "log_marginal_likelihood_value_",
)


class KernelMachine(CallbackSupportMixin, CheckedParameters):
    """An estimator that holds its kernels, a process in normalized targets, and their scaling.

    Subclasses say which kernels a posterior takes, the one that is inverted first (``kinds``), and
    how many matrices of n x n float64 numbers `fit` holds at its peak (``_peak_matrices``).
    """

    kinds: ClassVar[tuple[Kind, ...]]
    _peak_matrices: ClassVar[int]
    # Which ends of its range an `alpha` that is found gives rise to a warning at.
    _reported_ends: ClassVar[tuple[End, ...]] = ("lower", "upper")
    _constraints: ClassVar[dict[str, list[Any]]] = CONSTRAINTS

    architecture: Layer | None
    alpha: Alpha
    alpha_scale: AlphaScale
    normalize_y: bool
    training_time: float | None
    learning_rate: float
    training_method: TrainingMethodName
    momentum: float
    solver: Solver
    dtype: str
    n_jobs: int | None
    cache_size: float | None
    cache_location: str | PathLike[str] | None
    optimizer: Optimizer | None
    n_restarts_optimizer: int
    architecture_bounds: Bounds
    alpha_bounds: Any
    random_state: int | np.random.RandomState | None

    architecture_: Layer
    X_train_: np.ndarray
    y_train_: np.ndarray
    alpha_: np.ndarray
    dual_coef_: np.ndarray
    alpha_score_: float
    hyperparameters_: dict[str, Any]
    theta_: np.ndarray
    n_iter_: int
    residual_: np.ndarray
    # The parameter, or what `fit` was given in its place.
    _alpha: Alpha
    _rows: TrainingRows
    _noise: Noise
    # One number, or in a search one for each model that leaves out a sample.
    _alpha_unit: float | np.ndarray
    _scaling: TargetScaling
    _process: FittedProcess
    # Of `partial_fit`.
    _stream: RowStream | AllRows

    set_params = own_network.set_params

    @property
    def max_learning_rate_(self) -> float:
        """Learning rate above which discrete steps diverge, found when it is first read."""
        return self._process.max_learning_rate

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "_process")

    # The steps of `fit` ----------------------------------------------------------------------

    @property
    def _alpha_is_found(self) -> bool:
        return isinstance(self._alpha, str)

    def _alpha_to_train_with(self, alpha: float | ArrayLike | None) -> Alpha:
        """Return an argument of `fit`, or where that is None the parameter."""
        return self.alpha if alpha is None else as_variance(alpha)

    def _prepared_kernels(self, X: np.ndarray, targets: np.ndarray) -> NetworkKernels:
        """Return the kernels of the network, after the errors that are known before computing."""
        require_solvable(self)
        kernels = NetworkKernels.prepare(self, self.kinds, X)
        if self.training_time is not None:
            as_training_time(self.training_time, self._training_method())
        require_memory_of_fit(self, len(X), n_outputs(targets))
        return kernels

    def _normalize(self, rows: TrainingRows, *, normalize_y: bool) -> None:
        """Hold the rows, and the scaling of their targets; forget what an earlier fit found."""
        self._forget()
        self.__dict__.pop("_stream", None)
        self._rows = rows
        self.X_train_ = rows.X
        self._noise = Noise(self.alpha_scale, rows.sample_weight)
        self._scaling = TargetScaling.of(rows.targets, rows.sample_weight, normalize=normalize_y)
        self.y_train_ = self._scaling.normalize(rows.targets)

    def _hold_sample(self, stream: RowStream, scaling: TargetScaling, unit: float) -> None:
        """Hold a sample of rows that came in blocks, in the place of all of them."""
        self._forget()
        X, targets, weight, repetitions = stream.kept_rows()
        self._rows = self._as_rows(X, targets, weight, repetitions)
        self.X_train_, self.y_train_ = X, scaling.normalize(targets)
        self._noise, self._scaling = Noise(self.alpha_scale, weight), scaling
        self._alpha_unit = unit
        self.alpha_ = self._noise.variance(self._rows.alpha, unit)

    def _as_rows(
        self, X: np.ndarray, targets: np.ndarray, weight: np.ndarray, repetitions: np.ndarray
    ) -> TrainingRows:
        """Return rows of positive weight with one alpha, that of the parameter."""
        raise NotImplementedError

    def _single_alpha(self, n_rows: int) -> np.ndarray:
        return np.full(n_rows, 1.0 if self._alpha_is_found else self._alpha, dtype=np.float64)

    def _forget(self) -> None:
        """Forget what an earlier fit found."""
        for name in _FOUND_BY_SOME_FITS:
            self.__dict__.pop(name, None)

    def _scale_noise(self, alpha: np.ndarray, kernel_diagonal: np.ndarray) -> None:
        """Hold the unit of ``alpha``, and what is added to the diagonal of the kernel."""
        self._alpha_unit = self._noise.unit(kernel_diagonal)
        self.alpha_ = self._noise.variance(alpha, self._alpha_unit)

    def _solver_for(
        self,
        kernel: np.ndarray,
        nngp: np.ndarray | Callable[[], np.ndarray],
        X: np.ndarray | None = None,
    ) -> LinearSolver:
        """Return the linear solver; find ``alpha`` and the scale of the outputs if it is "auto".

        Parameters
        ----------
        kernel, nngp : ndarray of shape (n, n)
            Of the training rows; the first is inverted and not overwritten yet.
        X : ndarray of shape (n, ...) or None
            The rows of the kernel, where those that are held only stand for them.
        """
        if not self._alpha_is_found:
            return self._linear_solver()
        found = self._found_alpha(kernel, nngp, X, alpha=self._learned_alpha)
        self._hold_found(found.alpha, found.score, found.end, found.output_scale)
        return found.solver

    def _found_alpha(
        self,
        kernel: np.ndarray,
        nngp: np.ndarray | Callable[[], np.ndarray],
        X: np.ndarray | None = None,
        *,
        alpha: float | None = None,
    ) -> FoundAlpha:
        """Return the best ``alpha``, or for a given one the scale of the outputs."""
        targets, is_centered = self._targets_of_criterion()
        inputs = self.X_train_ if X is None else X
        observations, criterion = self._observations(inputs), self._criterion(nngp)
        rows, solver = observations.rows, self._linear_solver()
        merged = len(rows) < len(kernel)
        if merged:
            kernel, criterion = kernel[np.ix_(rows, rows)], criterion.on(rows)
        found = find_alpha(
            criterion,
            kernel,
            targets[rows],
            replace(self._noise, sample_weight=observations.sample_weight),
            self._scaling,
            solver,
            alpha=alpha,
            repetitions=observations.repetitions,
            X=inputs[rows],
            dtype=self.dtype,
            is_centered=is_centered,
        )
        # The factorization of some rows is not that of all.
        return replace(found, solver=solver) if merged else found

    def _observations(self, X: np.ndarray) -> Observations:
        """Return what tells about the noise, given the inputs of the training rows."""
        return Observations.all_of(self._rows)

    def _criterion(self, nngp: np.ndarray | Callable[[], np.ndarray]) -> LevelCriterion:
        """Return what ``alpha="auto"`` makes large, given the NNGP kernel of the training rows."""
        raise NotImplementedError

    def _targets_of_criterion(self) -> tuple[np.ndarray, bool]:
        """Return the targets that it is found from, and whether their mean was subtracted."""
        raise NotImplementedError

    def _learn(
        self, kernels: NetworkKernels, score: KernelScore, tasks: UnobservedFit
    ) -> tuple[NetworkKernels, np.ndarray]:
        """Return the kernels and the alpha of the rows, both learned if there is an optimizer."""
        if self.optimizer is None:
            return kernels, self._rows.alpha
        self._require_density()
        self._require_varying_targets()
        start = self._alpha_to_start_from(kernels)
        objective = self._hyperparameter_score(kernels.architecture, start, score)
        architecture, alpha = self._search(objective, tasks)
        if len(alpha) > 1:
            return kernels.with_network(architecture), self._rows.alpha
        return kernels.with_network(architecture), np.repeat(alpha, len(self._rows.X))

    @property
    def _learned_alpha(self) -> float | None:
        """What a search has found for ``alpha``, None if there was none."""
        learned: float | None = self.__dict__.get("hyperparameters_", {}).get("alpha")
        return learned

    @property
    def _learns_by_leaving_out(self) -> bool:
        """Whether an optimizer makes the density of left-out observations large."""
        return len(self.kinds) > 1

    def _require_density(self) -> None:
        """Raise a ValueError if the targets have no density that an optimizer could make large."""

    def _require_varying_targets(self) -> None:
        """Raise a ValueError if a search for hyperparameters has nothing to go by."""
        if self._alpha_is_found and not self._varying_outputs().any():
            raise ValueError(
                f"{type(self).__name__}(optimizer={self.optimizer!r}, alpha='auto'): all targets "
                "are equal, which tells nothing about hyperparameters. Set optimizer=None, or "
                "alpha to a number."
            )

    def _varying_outputs(self) -> np.ndarray:
        """Return which outputs count in the score of hyperparameters, shape (n_outputs,).

        Where every output has the best scale, one of equal targets would have a density without
        bound.
        """
        varies = ~np.atleast_1d(self._scaling.says_nothing(self.y_train_))
        return varies | (not self._alpha_is_found)

    def _search(
        self, objective: HyperparameterScore, tasks: UnobservedFit
    ) -> tuple[Layer, np.ndarray]:
        """Return the network and the alpha that an optimizer finds, and hold what was learned."""
        with tasks.hyperparameters() as evaluated:
            self.theta_ = learn_hyperparameters(self, objective, evaluated)
        learned = objective.by_name(self.theta_)
        self.hyperparameters_ = {name: learned[name] for name in learned if self._keeps(name)}
        report_bounds([at for at in objective.at_bounds(self.theta_) if self._keeps(at.name)])
        return objective.split(self.theta_)

    def _keeps(self, name: str) -> bool:
        """Return whether a number that an optimizer learned is that of the model."""
        return True

    def _alpha_to_start_from(self, kernels: NetworkKernels) -> np.ndarray:
        """Return one number, or one for every row, which no search changes."""
        if not self._alpha_is_found:
            return self._given_alpha()
        matrices = kernels.training(self.X_train_, self.kinds, False)
        with self._solving():
            return np.full(1, self._found_alpha(matrices[0], matrices[-1]).alpha)

    def _given_alpha(self) -> np.ndarray:
        """Return the parameter as one number, or as one for every row."""
        return self._rows.alpha[:1] if np.ndim(self._alpha) == 0 else self._rows.alpha

    def _hyperparameter_score(
        self, architecture: Layer, alpha: np.ndarray, score: KernelScore
    ) -> HyperparameterScore:
        observations = self._observations(self.X_train_)
        rows = observations.rows
        exact = ExactScore(
            replace(self._noise, sample_weight=observations.sample_weight),
            np.asarray(self.X_train_[rows], np.float64),
            self.y_train_.reshape(len(self.X_train_), -1)[rows][:, self._varying_outputs()],
            observations.repetitions,
            self.kinds,
            score,
            self._alpha_is_found,
            self.n_jobs,
        )
        start = alpha if len(alpha) == 1 else alpha[rows]
        return hyperparameter_score(self, architecture, start, exact)

    def _hold_found(
        self, alpha: float, score: float, end: End, output_scale: np.ndarray | float = 1.0
    ) -> None:
        """Hold what was found for ``alpha`` and the scale of the outputs; report an end."""
        if end in self._reported_ends:
            report_end(alpha, end)
        self._scaling = replace(self._scaling, output_scale=np.asarray(output_scale))
        self.alpha_ = self._noise.variance(np.full(1, alpha), self._alpha_unit)
        self.alpha_score_ = score
        self.hyperparameters_ = getattr(self, "hyperparameters_", {}) | {"alpha": alpha}

    def _targets_to_learn(self) -> np.ndarray:
        """Return the normalized targets, less an initial function."""
        return self.y_train_

    def _hold_trained(
        self, kernels: NetworkKernels, posterior: Posterior, solver: LinearSolver
    ) -> None:
        """Hold a posterior given these targets, and all that predictions need beside it."""
        raise NotImplementedError

    def _hold_factorized(self, kernels: NetworkKernels, posterior: Posterior) -> None:
        """Hold a posterior by a factorization given these targets, and all beside it."""
        raise NotImplementedError

    def _hold_bound(self, process: SparseProcess) -> None:
        """Hold the marginal likelihood of a model that has one."""

    def _sparse_criterion(self, fit: SparseFit) -> Criterion:
        """Return what ``alpha="auto"`` makes large where training takes inducing points."""
        raise NotImplementedError

    def _hold_sparse(self, kernels: NetworkKernels, fit: SparseFit, process: SparseProcess) -> None:
        """Hold a model trained through inducing points, and all that predictions need."""
        raise NotImplementedError

    def _hold(self, process: FittedProcess, architecture: Layer) -> None:
        self._process = process
        self.architecture_ = architecture
        self.dual_coef_ = process.dual_coef

    def _posterior_process(
        self,
        kernels: NetworkKernels,
        targets: np.ndarray,
        posterior: Posterior,
        *,
        is_centered: bool | None = None,
    ) -> PosteriorProcess:
        """Return the process of a posterior given normalized targets."""
        solved = isinstance(posterior, EnsemblePosterior | GaussianProcessPosterior)
        exactly = isinstance(self._linear_solver(), CholeskySolver)
        if self.dtype == "float32" and solved and exactly:
            check_training_residual(
                kernels, self.X_train_, targets, self.alpha_, posterior.dual_coef
            )
        return PosteriorProcess(
            kernels,
            self.X_train_,
            posterior,
            targets,
            self._noise.sample_weight,
            self._training_method(),
            self.normalize_y if is_centered is None else is_centered,
            self._repetitions_left_out(),
        )

    def _repetitions_left_out(self) -> np.ndarray | None:
        """Return of how many observations a row leaves out one; None leaves out all of a row."""
        return None

    def _require_stability(self, converged: Posterior) -> None:
        """Raise a ValueError if steps are too long to lead to a posterior."""
        method = self._training_method()
        if method.has_steps:
            curvature = converged.largest_curvature(self._noise.sample_weight)
            method.require_stability(curvature, converged=True)

    @contextmanager
    def _solving(self, n_rows: int | None = None) -> Iterator[None]:
        """Hold the threads of BLAS, and name the precision where a kernel is singular.

        The largest matrix has so many rows, None being as many as there are to train on.
        """
        try:
            with small_problem_threads(len(self.X_train_) if n_rows is None else n_rows):
                yield
        except SingularKernelError as error:
            if self.dtype == "float32":
                error.add_note("With dtype='float64' the kernel resolves smaller values of alpha.")
            raise

    # Training --------------------------------------------------------------------------------

    def _training_method(self) -> TrainingMethod:
        return make_training_method(self.training_method, self.learning_rate, self.momentum)

    def _training_options(self) -> dict[str, Any]:
        """Return what posteriors of finite training times ask for."""
        return {
            "training_time": self.training_time,
            "training_method": self.training_method,
            "learning_rate": self.learning_rate,
            "momentum": self.momentum,
            "sample_weight": self._noise.sample_weight,
        }

    def _linear_solver(self) -> LinearSolver:
        return linear_solver(self.solver)

    def _checked_times(self, training_times: ArrayLike) -> np.ndarray:
        return as_training_times(training_times, self._training_method())

    def _with_process(self, process: FittedProcess, training_time: float) -> Self:
        """Return a copy of this fitted estimator at another time of its training."""
        stage = copy.copy(self)
        stage.training_time = training_time
        stage._process = process
        stage.dual_coef_ = process.dual_coef
        return stage

    def _stages(self, training_times: ArrayLike) -> Iterator[Self]:
        """Yield this fitted model as it would be with many values of ``training_time``.

        The copies share their arrays, and the means that are asked of them for the same rows.
        """
        trajectory = self._process.over(training_times)
        for time, process in zip(trajectory.training_times, trajectory.processes(), strict=True):
            yield self._with_process(process, float(time))
