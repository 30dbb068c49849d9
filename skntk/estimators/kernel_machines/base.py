"""What every estimator does with its network: kernels of rows, training, predictions."""

from __future__ import annotations

from collections.abc import Iterator
from os import PathLike
from typing import Any, ClassVar

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skntk._memory import require_memory
from skntk._sklearn import CallbackSupportMixin, UnobservedFit, validate_parameters
from skntk.architecture.core.layer import Layer
from skntk.estimators.data.defaults import AlphaScale
from skntk.estimators.data.nested_architecture import NestedArchitecture
from skntk.estimators.data.target_scaling import TargetScaling
from skntk.estimators.data.validation import validate_inputs, validate_inputs_like
from skntk.gram import gram_diagonal, gram_matrix
from skntk.gram.cache.kernel_cache import KERNEL_CACHE
from skntk.gram.engine.progress import Report
from skntk.gram.engine.sizes import BLOCK_SIZES
from skntk.gram.matrix import Kind
from skntk.inference import SingularKernelError, centered_leave_one_out

# Kernels between test and training rows are computed in blocks of this size or of a quarter of the
# training kernel, whichever is larger.
_BYTES_IN_BLOCK = 64 * 2**20


class InfiniteNetwork(CallbackSupportMixin, NestedArchitecture):
    """An ensemble of infinitely wide networks on training rows, in normalized targets.

    Subclasses say which kernels training needs (``_kinds``, the one that is inverted first), how
    many matrices of n x n float64 numbers ``fit`` holds at its peak (``_matrices_in_fit``) and how
    to train (``_condition``).
    """

    _kinds: ClassVar[tuple[Kind, ...]]
    _matrices_in_fit: ClassVar[int]

    alpha: Any
    alpha_scale: AlphaScale
    normalize_y: bool
    dtype: str
    n_jobs: int | None
    cache_size: float | None
    cache_location: str | PathLike[str] | None

    X_train_: np.ndarray
    y_train_: np.ndarray
    alpha_: np.ndarray
    dual_coef_: np.ndarray
    architecture_: Layer
    _alpha_unit: float
    _sample_weight: np.ndarray
    _scaling: TargetScaling
    _posterior: Any

    def _condition(self, kernels: tuple[np.ndarray, ...]) -> Any:
        """Return the posterior given the normalized targets; may overwrite the first kernel."""
        raise NotImplementedError

    # Training --------------------------------------------------------------------------------

    def _prepare(
        self,
        X: np.ndarray,
        targets: np.ndarray,
        alpha: np.ndarray,
        sample_weight: np.ndarray,
        tasks: UnobservedFit,
    ) -> tuple[np.ndarray, ...]:
        """Set everything that training needs but the posterior, and return the training kernels.

        Parameters
        ----------
        X : ndarray of shape (n, ...)
            Training rows, not shared with the caller's data.
        targets : ndarray of shape (n,) or (n, n_outputs)
            In the units of the user.
        alpha, sample_weight : ndarray of shape (n,)
            For each row, the weights positive.
        tasks : UnobservedFit
            Who is told how far the kernels are.
        """
        self.architecture_ = self._checked_architecture(X)
        self._require_feasible_training(targets)
        self.X_train_ = X
        self._sample_weight = sample_weight
        self._scaling = self._scaling_of(targets, sample_weight)
        self.y_train_ = self._scaling.normalize(targets)
        alpha = self._learn_hyperparameters(alpha)
        with tasks.kernel_matrix() as progress:
            kernels = self._training_kernels(progress)
        self.alpha_ = self._diagonal_to_add(alpha, self._prior_scale(kernels))
        return kernels

    def _require_feasible_training(self, targets: np.ndarray) -> None:
        """Raise the errors that are known before the kernels are computed.

        Parameters
        ----------
        targets : ndarray of shape (n,) or (n, n_outputs)
            In the units of the user.
        """
        n_samples = len(targets)
        require_memory(
            self._matrices_in_fit * n_samples**2 * 8,
            f"{type(self).__name__}.fit on {n_samples} samples",
            "Train on fewer rows: the memory grows with their square. dtype='float32' does not "
            "help, because the equations are solved in float64.",
        )

    def _scaling_of(self, targets: np.ndarray, sample_weight: np.ndarray) -> TargetScaling:
        return TargetScaling.of(targets, sample_weight, normalize=self.normalize_y)

    def _train(self, kernels: tuple[np.ndarray, ...]) -> None:
        try:
            self._posterior = self._condition(kernels)
        except SingularKernelError as error:
            if self.dtype == "float32":
                error.add_note("With dtype='float64' the kernel resolves smaller values of alpha.")
            raise
        self.dual_coef_ = self._posterior.dual_coef

    def _learn_hyperparameters(self, alpha: np.ndarray) -> np.ndarray:
        """Return ``alpha`` for each row, after learning it and the numbers of the network."""
        return alpha

    def _targets_to_learn(self) -> np.ndarray:
        """Return the normalized targets as training sees them."""
        return self.y_train_

    def _train_and_hold_out(
        self, kernels: tuple[np.ndarray, ...], labels: np.ndarray
    ) -> np.ndarray:
        """Train, and return the means for training rows of networks that have not seen them.

        Shape (n,) or (n, n_outputs), in the units of the targets.
        """
        self._train(kernels)
        return self._leave_one_out_mean()

    def _leave_one_out_mean(self) -> np.ndarray:
        """Return the means of the n models that leave out one row each, in units of the targets."""
        self._require_closed_form_leave_one_out()
        targets = self._targets_to_learn()
        if self.normalize_y:
            left_out = centered_leave_one_out(self._posterior, targets, self._sample_weight)
        else:
            left_out = self._posterior.leave_one_out_mean(targets)
        return self._scaling.restore(left_out)

    def _require_closed_form_leave_one_out(self) -> None:
        check_is_fitted(self, "dual_coef_")

    def _checked_architecture(self, X: np.ndarray) -> Layer:
        """Return a copy of the architecture, which fits X and has Gaussian outputs."""
        architecture = self._copy_of_architecture()
        architecture.output_shape(architecture.reshape_inputs(X).shape[1:])
        if not architecture.outputs_are_gaussian():
            raise ValueError(
                f"The outputs of {architecture!r} are not a Gaussian process: a last Dense layer "
                "is missing. Append one, for example Serial([..., Dense()])."
            )
        return architecture

    def _training_kernels(self, progress: bool | Report) -> tuple[np.ndarray, ...]:
        kinds = self._kinds_before_training()
        kernels = list(self._kernels(self.X_train_, kinds=kinds, progress=progress))
        # One at a time: both precisions of all kernels would not fit the memory that was asked for.
        for position in range(len(kernels)):
            kernels[position] = np.asarray(kernels[position], dtype=np.float64)
        return tuple(kernels)

    def _kinds_before_training(self) -> tuple[Kind, ...]:
        """Return the kernels that are computed before training, the one that is inverted first."""
        return self._kinds

    def _prior_scale(self, kernels: tuple[np.ndarray, ...]) -> np.ndarray:
        """Return the diagonal of the kernel that is inverted: the unit of a relative ``alpha``."""
        return np.diagonal(kernels[0])

    def _diagonal_to_add(self, alpha: np.ndarray, kernel_diagonal: np.ndarray) -> np.ndarray:
        relative = self.alpha_scale == "relative"
        mean_variance = float(np.average(kernel_diagonal, weights=self._sample_weight))
        self._alpha_unit = mean_variance if relative else 1.0
        # k observations of one value with noise alpha know as much as one with noise alpha / k.
        return alpha * self._alpha_unit / self._sample_weight

    # Prediction ------------------------------------------------------------------------------

    def _is_fitted(self) -> bool:
        return hasattr(self, "dual_coef_")

    def _validated_inputs(self, X: Any) -> np.ndarray:
        if not self._is_fitted():
            return validate_inputs(self, X, dtype=self.dtype)
        return validate_inputs_like(self, X, self.X_train_.shape[1:], dtype=self.dtype)

    def _prior_architecture(self, X: np.ndarray) -> Layer:
        validate_parameters(self)
        return self._checked_architecture(X)

    def _mean(self, X: np.ndarray) -> np.ndarray:
        """Return normalized means, shape (m,) or (m, n_outputs), from the one kernel they need."""
        blocks = self._cross_kernels(X, self._kinds[:1])
        return np.concatenate([self._posterior.mean(*crosses) for _, crosses in blocks])

    def _variance(self, X: np.ndarray) -> np.ndarray:
        """Return the variance of one normalized output, shape (m,)."""
        return self._mean_and_variance(X)[1]

    def _mean_and_variance(self, X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return normalized means and the variance of one output, no covariances of test rows."""
        diagonal = gram_diagonal(
            self.architecture_, X, kind="nngp", dtype=self.dtype, n_jobs=self.n_jobs
        )
        means, variances = [], []
        for rows, crosses in self._cross_kernels(X, self._kinds):
            means.append(self._posterior.mean(crosses[0]))
            variances.append(self._posterior.variance(*crosses, diagonal[rows]))
        return np.concatenate(means), np.concatenate(variances)

    def _mean_and_covariance(self, X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return normalized means and the covariance of one output, shape (m, m)."""
        # Beside the covariance of one output that of all in their units.
        crosses, test_kernel = self._kernels_of_covariance(X, 1 + self._n_outputs())
        covariance = self._posterior.covariance(*crosses, test_kernel)
        return self._posterior.mean(crosses[0]), covariance

    def _kernels_of_covariance(
        self, X: np.ndarray, n_matrices: int
    ) -> tuple[tuple[np.ndarray, ...], np.ndarray]:
        """Return the kernels with the training rows, and the one of test rows, if there is memory.

        Parameters
        ----------
        X : ndarray of shape (m, ...)
            Test rows.
        n_matrices : int
            How many matrices of m x m float64 numbers are held once the covariance is known.
            Before that it takes the test kernel and two for the product that it is reduced by.
        """
        require_memory(
            max(3, n_matrices) * len(X) ** 2 * 8,
            f"The covariance of {len(X)} predictions",
            "Predict fewer rows at a time, or return_std=True, which needs no covariances.",
        )
        crosses = self._kernels(X, self.X_train_, kinds=self._kinds)
        (test_kernel,) = self._kernels(X, kinds=("nngp",))
        return crosses, np.asarray(test_kernel, dtype=np.float64)

    def _n_outputs(self) -> int:
        return 1 if self.y_train_.ndim == 1 else self.y_train_.shape[1]

    def _cross_kernels(
        self, X: np.ndarray, kinds: tuple[Kind, ...]
    ) -> Iterator[tuple[slice, tuple[np.ndarray, ...]]]:
        n_train = len(self.X_train_)
        n_rows = max(1, max(_BYTES_IN_BLOCK, 2 * n_train**2) // (8 * n_train))
        if n_rows > BLOCK_SIZES[-1]:
            n_rows -= n_rows % BLOCK_SIZES[-1]
        for start in range(0, len(X), n_rows):
            rows = slice(start, start + n_rows)
            yield rows, self._kernels(X[rows], self.X_train_, kinds=kinds)

    def _kernels(
        self,
        X: np.ndarray,
        Y: np.ndarray | None = None,
        *,
        kinds: tuple[Kind, ...],
        progress: bool | Report = False,
    ) -> tuple[np.ndarray, ...]:
        if self.cache_size is not None:
            return KERNEL_CACHE.gram_matrix(
                self.architecture_, X, Y, kinds=kinds, progress=progress, **self._cache_options()
            )
        if self.cache_location is not None:
            raise ValueError(
                "cache_location has no effect without a bound for what is kept: set "
                "cache_size, for example cache_size=200."
            )
        return gram_matrix(
            self.architecture_,
            X,
            Y,
            kind=kinds,
            dtype=self.dtype,
            n_jobs=self.n_jobs,
            progress=progress,
        )

    def _cache_options(self) -> dict[str, Any]:
        assert self.cache_size is not None
        return {
            "dtype": self.dtype,
            "n_jobs": self.n_jobs,
            "max_bytes": int(self.cache_size * 2**20),
            "folder": self.cache_location,
        }
