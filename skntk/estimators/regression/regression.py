"""What `NNGPRegressor` and `NTKRegressor` share: everything but how they are trained."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.exceptions import NotFittedError
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from skntk._sklearn import MultiOutputMixin, RegressorMixin, validate_parameters
from skntk._validation import is_boolean
from skntk.estimators.data.alpha_of_rows import as_alpha_per_sample
from skntk.estimators.data.defaults import Alpha
from skntk.estimators.data.observations import Observations
from skntk.estimators.data.rows import TrainingRows
from skntk.estimators.data.target_scaling import TargetScaling
from skntk.estimators.data.validation import (
    require_one_spread,
    validate_inputs,
    validate_training_data,
)
from skntk.estimators.kernel_machines.inducing import SparseFit
from skntk.estimators.kernel_machines.initial_function import (
    InitialFunction,
    InitialProcess,
    PriorProcess,
    ShiftedProcess,
)
from skntk.estimators.kernel_machines.kernels import NetworkKernels
from skntk.estimators.kernel_machines.machine import KernelMachine
from skntk.estimators.kernel_machines.process import FittedProcess, Process
from skntk.estimators.kernel_machines.sparse_process import SparseProcess
from skntk.estimators.regression import adding_rows, predictions_over_time
from skntk.estimators.regression.observation_noise import (
    FoundNoise,
    ObservationNoise,
    add_noise,
)
from skntk.gram.kernel_function import dtypes_of_inputs
from skntk.inference import sample_gaussian
from skntk.inference.linalg.solver import LinearSolver
from skntk.inference.posteriors.protocol import Posterior


class NetworkRegressor(MultiOutputMixin, RegressorMixin, KernelMachine):
    """Regression with an infinitely wide network, and the prior of its outputs before `fit`."""

    initial_function: InitialFunction | None
    n_targets: int | None
    _observation_noise: ObservationNoise

    def _checked_rows(
        self,
        X: ArrayLike,
        y: ArrayLike,
        alpha: Alpha,
        sample_weight: ArrayLike | None,
        *,
        reset: bool = True,
    ) -> tuple[np.ndarray, np.ndarray, TrainingRows]:
        """Return checked data, and the rows of them that count; hold ``alpha``."""
        self._alpha = alpha
        X, y = validate_training_data(
            self,
            X,
            y,
            dtype=dtypes_of_inputs(self.dtype),
            multi_output=True,
            y_numeric=True,
            reset=reset,
        )
        n_targets = 1 if y.ndim == 1 else y.shape[1]
        if self.n_targets not in (None, n_targets):
            raise ValueError(
                "The number of targets seen in `y` is different from the parameter `n_targets`. "
                f"Got {n_targets} != {self.n_targets}."
            )
        return X, y, TrainingRows.regression(X, y, alpha, sample_weight)

    # The steps of `fit` ----------------------------------------------------------------------

    def _require_density(self) -> None:
        if self.initial_function is not None:
            raise ValueError(
                f"{type(self).__name__}(optimizer={self.optimizer!r}): hyperparameters are learned "
                "from the density of the targets, which a single network has none of. Set "
                "initial_function=None or optimizer=None."
            )

    def _initial(self) -> InitialProcess | None:
        if self.initial_function is None:
            return None
        return InitialProcess(self.initial_function, self._scaling, self.y_train_.shape[1:])

    def _targets_to_learn(self) -> np.ndarray:
        """Return the normalized targets, less the initial function."""
        initial = self._initial()
        return self.y_train_ if initial is None else self.y_train_ - initial.mean(self.X_train_)

    def _targets_of_criterion(self) -> tuple[np.ndarray, bool]:
        # An initial function takes the place of the mean.
        return self._targets_to_learn(), self.normalize_y and self.initial_function is None

    def _centering_weight(self, fit: SparseFit) -> float | None:
        """Return the sum of the weights by which the targets are centered, None if they are not."""
        return fit.total_weight if self._targets_of_criterion()[1] else None

    def _as_rows(
        self, X: np.ndarray, targets: np.ndarray, weight: np.ndarray, repetitions: np.ndarray
    ) -> TrainingRows:
        return TrainingRows(X, targets, self._single_alpha(len(X)), weight, repetitions)

    def _observations(self, X: np.ndarray) -> Observations:
        return Observations.without_copies(X, self._rows)

    def _process_given(
        self, kernels: NetworkKernels, targets: np.ndarray, posterior: Posterior
    ) -> FittedProcess:
        """Return the process of an ensemble, or of the one network from an initial function."""
        initial = self._initial()
        if initial is None:
            return self._posterior_process(kernels, targets, posterior)
        learned = self._posterior_process(kernels, targets, posterior, is_centered=False)
        return ShiftedProcess(learned, initial)

    def _hold_sparse(self, kernels: NetworkKernels, fit: SparseFit, process: SparseProcess) -> None:
        initial = self._initial()
        model = process if initial is None else ShiftedProcess(process, initial)
        self._hold(model, kernels.architecture)
        self._observation_noise = self._noise_model()

    def _hold_trained(
        self, kernels: NetworkKernels, posterior: Posterior, solver: LinearSolver
    ) -> None:
        process = self._process_given(kernels, self._targets_to_learn(), posterior)
        self._hold(process, kernels.architecture)
        self._observation_noise = self._noise_model()

    def _hold_factorized(self, kernels: NetworkKernels, posterior: Posterior) -> None:
        self._hold_trained(kernels, posterior, self._linear_solver())

    def _noise_model(self) -> ObservationNoise:
        """Return what the fitted model takes the noise of new observations to be."""
        if self._alpha_is_found:
            return FoundNoise(self.hyperparameters_["alpha"], self._alpha_unit, self._scaling)
        return self._noise_given_alpha()

    def _noise_given_alpha(self) -> ObservationNoise:
        """Return the same where ``alpha`` is a number, or one for each row."""
        raise NotImplementedError

    @property
    def output_scale_(self) -> np.ndarray:
        """What the prior covariance and the noise of every normalized output are multiplied by."""
        scaling = self._scaling
        return np.broadcast_to(scaling.output_scale, scaling.scale.shape).copy()

    def _with_process(self, process: FittedProcess, training_time: float) -> Self:
        stage = super()._with_process(process, training_time)
        stage._observation_noise = stage._noise_model()
        return stage

    # Predictions -----------------------------------------------------------------------------

    def _predictive(self, X: ArrayLike) -> tuple[Process, TargetScaling, np.ndarray]:
        """Return the process, before `fit` that of the prior, its scaling, and checked rows."""
        if hasattr(self, "_process"):
            return self._process, self._scaling, self._process.validated(self, X)
        inputs = validate_inputs(self, X, dtype=dtypes_of_inputs(self.dtype))
        validate_parameters(self)
        kernels = NetworkKernels.prepare(self, self.kinds, inputs)
        if self.initial_function is None:
            outputs = () if self.n_targets in (None, 1) else (self.n_targets,)
            scaling = TargetScaling.identity(np.zeros((0, *outputs)))
            return PriorProcess(kernels, outputs), scaling, inputs
        values = InitialProcess(self.initial_function)
        return values, TargetScaling.identity(values.mean(inputs)), inputs

    def _noise_std(self, observation_noise: bool) -> np.ndarray | float:
        """Return the standard deviation that is asked for beside that of the function, maybe 0."""
        if not is_boolean(observation_noise):
            raise TypeError(
                "observation_noise must be True or False, got an object of type "
                f"{type(observation_noise).__name__}: pass the variance of the noise as "
                "predict_observation(X, alpha=...)."
            )
        if not observation_noise:
            return 0.0
        if not hasattr(self, "_process"):
            raise NotFittedError(
                f"This {type(self).__name__} does not know the noise of observations before fit: "
                "alpha is measured in units of the training data. Call fit, or leave "
                "observation_noise=False for the prior of the function."
            )
        return self._observation_noise.std()

    def predict(
        self,
        X: ArrayLike,
        return_std: bool = False,
        return_cov: bool = False,
        observation_noise: bool = False,
    ) -> np.ndarray | tuple[np.ndarray, np.ndarray]:
        """Predict the mean, and on request its standard deviation or covariance.

        Before `fit`, the prediction is that of the prior: the outputs of networks at random
        initialization, as many as ``n_targets`` says.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Inputs.
        return_std : bool, default=False
            Whether to return the standard deviation of each prediction as well. No matrix between
            the inputs is formed, and large inputs are worked off in blocks.
        return_cov : bool, default=False
            Whether to return the covariance of the predictions as well. At most one of the two can
            be requested.
        observation_noise : bool, default=False
            Whether the standard deviation or the covariance is that of new observations: the
            function and, independent for each row, the noise that `predict_observation` describes.
            The mean is the same, so that without ``return_std`` and ``return_cov`` it changes
            nothing. A pipeline passes it on: ``pipeline.predict(X, return_std=True,
            observation_noise=True)``.

        Returns
        -------
        mean : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            Mean of the predictive distribution.
        std : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            Standard deviation of the function's value, in the units of the targets. Noise of a new
            observation is part of it only with ``observation_noise=True``. Only with
            ``return_std=True``.
        cov : ndarray of shape (n_samples, n_samples) or (n_samples, n_samples, n_outputs)
            Covariance of the function's values, with ``observation_noise=True`` of observations.
            Only with ``return_cov=True``.

        Raises
        ------
        RuntimeError
            If both ``return_std`` and ``return_cov`` are True.
        NotFittedError
            If a spread is asked for with ``observation_noise=True`` before `fit`.
        TypeError
            If ``observation_noise`` is neither True nor False.
        ValueError
            If X is not valid or differs from the training inputs in its features, or if
            the model knows no noise of a new observation where that is asked for; see
            `predict_observation`.
        MemoryError
            If the covariance, and what is held beside it, do not fit the memory that is free.
        """
        require_one_spread(return_std, return_cov)
        noise = self._noise_std(observation_noise) if return_std or return_cov else 0.0
        process, scaling, inputs = self._predictive(X)
        if return_cov:
            mean, covariance = process.mean_and_covariance(inputs)
            return scaling.restore(mean), add_noise(scaling.restore_covariance(covariance), noise)
        if return_std:
            mean, variance = process.mean_and_variance(inputs)
            return scaling.restore(mean), np.hypot(scaling.restore_std(np.sqrt(variance)), noise)
        return scaling.restore(process.mean(inputs))

    partial_fit = adding_rows.partial_fit
    fit_blocks = adding_rows.fit_blocks
    staged_predict = predictions_over_time.staged_predict
    training_history = predictions_over_time.training_history

    def predict_std(self, X: ArrayLike) -> np.ndarray:
        """Predict the standard deviation alone.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Inputs.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_outputs)
            As ``predict(X, return_std=True)`` returns it.

        Raises
        ------
        ValueError
            As `predict`.
        """
        return self.predict(X, return_std=True)[1]

    def predict_observation(
        self, X: ArrayLike, alpha: float | ArrayLike | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        r"""Predict new observations: their mean, and their standard deviation with noise.

        A new observation is the value of the function plus noise, independent of it:

        .. math::

            \text{std}_\text{observation}(x)^2
                = \text{std}_\text{function}(x)^2 + \text{std}_\text{noise}(x)^2,

        where the standard deviation of the function is that of ``predict(X, return_std=True)``.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Inputs.
        alpha : float or array-like of shape (n_samples,), default=None
            Variance of the noise of each new observation, in the units of the parameter ``alpha``
            and scaled as ``alpha_scale``, ``normalize_y`` and ``output_scale_`` say; at least 0.
            None is what the model takes the noise to be, see Notes.

        Returns
        -------
        mean : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            As `predict` returns it.
        std : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            In the units of the targets.

        Raises
        ------
        NotFittedError
            Before `fit`.
        ValueError
            If X is not valid or differs from the training inputs in its features, if alpha is not
            valid, or if it is None where the model knows no noise of a new observation.

        Notes
        -----
        With ``alpha="auto"`` the noise is what `fit` found, in both regressors: the value in
        ``hyperparameters_``, scaled as above. It is that of an observation of weight 1, and has a
        size of its own for each output.

        Otherwise, in `NNGPRegressor` the parameter ``alpha`` is the variance of the noise, or with
        an ``optimizer`` the value that was learned. If it has one value for each training sample,
        nothing is known of that of others, and it has to be given.

        In `NTKRegressor` a number for ``alpha`` is a penalty that the training pays attention
        to, and says nothing about noise. The noise is therefore estimated, for each output: as the
        mean over the training samples of the squared leave-one-out residual minus the leave-one-out
        variance, at least 0. It takes the time of `loo_predict`, and is not known after a finite
        ``training_time``.

        Without ``alpha`` the result is that of ``predict(X, return_std=True,
        observation_noise=True)``, which pipelines pass on.
        """
        check_is_fitted(self, "_process")
        if alpha is None:
            mean, std = self.predict(X, return_std=True, observation_noise=True)
            return mean, std
        mean, std = self.predict(X, return_std=True)
        variance = self._alpha_unit * as_alpha_per_sample(alpha, len(mean))
        return mean, np.hypot(std, self._scaling.restore_std(np.sqrt(variance)))

    def sample_y(
        self,
        X: ArrayLike,
        n_samples: int = 1,
        random_state: int | np.random.RandomState | None = 0,
    ) -> np.ndarray:
        """Draw functions from the predictive distribution, before `fit` from the prior.

        Parameters
        ----------
        X : array-like of shape (n_samples_X, n_features)
            Where to evaluate the functions.
        n_samples : int, default=1
            Number of functions, at least 0.
        random_state : int, RandomState instance or None, default=0
            An int gives the same functions on every call.

        Returns
        -------
        ndarray of shape (n_samples_X, n_samples) or (n_samples_X, n_outputs, n_samples)
            The functions' values.

        Raises
        ------
        ValueError, MemoryError
            As `predict` with ``return_cov=True``, or if ``n_samples`` is not a whole number of at
            least 0.
        """
        process, scaling, inputs = self._predictive(X)
        mean, covariance = process.mean_and_covariance(inputs)
        random = check_random_state(random_state)
        deviations = sample_gaussian(np.zeros_like(mean), covariance, n_samples, random)
        return scaling.restore(mean)[..., np.newaxis] + scaling.restore_deviations(deviations)

    def loo_predict(self, return_std: bool = False) -> np.ndarray | tuple[np.ndarray, np.ndarray]:
        """Predict each training sample by the model trained on all others, in closed form.

        Equal to as many refits as there are samples with ``alpha_`` held fixed, whatever
        ``alpha_scale`` is. With ``normalize_y`` each of them centers by the mean of its own
        targets; the unit of the targets, in which ``alpha_`` and the standard deviation are
        measured, is held fixed as well.

        Parameters
        ----------
        return_std : bool, default=False
            Whether to return the standard deviations as well.

        Returns
        -------
        mean : ndarray of shape (n_train,) or (n_train, n_outputs)
            Predictions for the rows of ``X_train_``: those of positive weight passed to `fit`, in
            their order.
        std : ndarray of shape (n_train,) or (n_train, n_outputs)
            Their standard deviations. Only with ``return_std=True``.

        Raises
        ------
        NotFittedError
            Before `fit`.
        ValueError
            If the model centers its targets and has one training sample, or if it was trained for
            a finite time.
        """
        check_is_fitted(self, "_process")
        mean = self._scaling.restore(self._process.leave_one_out_mean())
        if not return_std:
            return mean
        std = np.sqrt(self._process.leave_one_out_variance())
        return mean, self._scaling.restore_std(std)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        return tags
