"""What `NNGPClassifier` and `NTKClassifier` share: everything but how they are trained."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import softmax
from sklearn.utils import Bunch
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted

from skntk._sklearn import ClassifierMixin
from skntk.estimators.classification import adding_rows
from skntk.estimators.classification.held_out import HeldOutObservations
from skntk.estimators.classification.iterative_temperature import ByProducts
from skntk.estimators.classification.scores import (
    Calibration,
    ClassScores,
    Fixed,
    OneHotScores,
    Temperature,
    by_leave_one_out,
)
from skntk.estimators.classification.temperature import fit_temperature
from skntk.estimators.data import class_predictions
from skntk.estimators.data.classes import (
    ClassWeight,
    as_decision,
    one_hot_of_known,
)
from skntk.estimators.data.defaults import Alpha
from skntk.estimators.data.rows import ClassifiedRows
from skntk.estimators.data.validation import validate_training_data
from skntk.estimators.kernel_machines.inducing import SparseFit
from skntk.estimators.kernel_machines.kernels import NetworkKernels
from skntk.estimators.kernel_machines.machine import KernelMachine
from skntk.estimators.kernel_machines.sparse_process import SparseProcess
from skntk.gram.kernel_function import dtypes_of_inputs
from skntk.inference import as_training_times
from skntk.inference.inducing.noise_level import Criterion, left_out_error
from skntk.inference.linalg.solver import LinearSolver
from skntk.inference.noise_level.leave_one_out import LeaveOneOutError
from skntk.inference.noise_level.problem import LevelCriterion
from skntk.inference.noise_level.search import End
from skntk.inference.posteriors.protocol import Posterior
from skntk.inference.training.cross_validation import held_out_means

# One number is known well enough from so many rows.
_N_CALIBRATED = 10_000


class NetworkClassifier(ClassifierMixin, KernelMachine):
    """Classification by the outputs of an infinitely wide network, one for each class."""

    # Classes that can be told apart without errors are nothing to warn of.
    _reported_ends: ClassVar[tuple[End, ...]] = ("upper",)

    class_weight: ClassWeight

    classes_: np.ndarray
    _rows: ClassifiedRows
    _scores: ClassScores

    @property
    def temperature_(self) -> Temperature:
        """What scores are divided by before the softmax."""
        if "_scores" not in self.__dict__:
            raise AttributeError("temperature_ is found by fit.")
        return self._scores.temperature

    def _checked_rows(
        self, X: ArrayLike, y: ArrayLike, alpha: Alpha, sample_weight: ArrayLike | None
    ) -> tuple[np.ndarray, np.ndarray, ClassifiedRows]:
        """Return checked data, and the distinct rows that count; hold the classes and ``alpha``."""
        self._alpha = alpha
        X, y = validate_training_data(self, X, y, dtype=dtypes_of_inputs(self.dtype))
        check_classification_targets(y)
        rows = ClassifiedRows.classification(self, X, y, alpha, sample_weight, self.class_weight)
        self.classes_ = rows.classes
        return X, y, rows

    # The steps of `fit` ----------------------------------------------------------------------

    def _repetitions_left_out(self) -> np.ndarray | None:
        # A new sample may well equal one of training: others that equal it stay.
        return self._rows.repetitions

    def _criterion(self, nngp: np.ndarray | Callable[[], np.ndarray]) -> LevelCriterion:
        return LeaveOneOutError(self._rows.known_to_others)

    def _targets_of_criterion(self) -> tuple[np.ndarray, bool]:
        # In units of the one-hot targets, not of their standard deviations: rare classes count as
        # seldom as they occur.
        return self.y_train_ * self._scaling.scale, bool(self._scaling.center.any())

    def _keeps(self, name: str) -> bool:
        # The density of one-hot targets, which are no normal numbers, is right about networks more
        # than about their noise: alpha="auto" is found anew by the errors.
        return name != "alpha" or not self._alpha_is_found

    def _hold_sparse(self, kernels: NetworkKernels, fit: SparseFit, process: SparseProcess) -> None:
        calibrate = self._sparse_calibration(fit)
        self._hold_scores(OneHotScores(process, self._scaling, calibrate, self._rows), kernels)

    def _as_rows(
        self, X: np.ndarray, targets: np.ndarray, weight: np.ndarray, repetitions: np.ndarray
    ) -> ClassifiedRows:
        labels = targets.argmax(axis=1)
        return replace(
            ClassifiedRows.one_by_one(X, labels, self.classes_, weight, repetitions),
            alpha=self._single_alpha(len(X)),
        )

    def _sparse_criterion(self, fit: SparseFit) -> Criterion:
        chosen = fit.sample_for_means(len(fit.rows.X))
        counted = self._rows.known_to_others[chosen]
        total = fit.total_weight if self._scaling.center.any() else None
        unit = self._scaling.scale if fit.chosen is None else self._scaling.scale[fit.chosen]
        return left_out_error(fit.rows.sampled(chosen), total, counted, unit)

    def _sparse_calibration(self, fit: SparseFit) -> Calibration:
        """Return what finds the temperature, from a part of many rows."""
        time = self.training_time
        if time is not None:
            return lambda scores: scores.over([time]).temperatures()[0]
        chosen = fit.sample(len(fit.rows.X), _N_CALIBRATED)
        weight = np.where(self._rows.known_to_others, self._rows.sample_weight, 0.0)[chosen]
        labels = self._rows.labels[chosen]

        def by_left_out_rows(scores: OneHotScores) -> float:
            process = scores.process
            assert isinstance(process, SparseProcess)
            return fit_temperature(
                self._scaling.restore(process.left_out_mean(chosen)), labels, weight
            )

        return by_left_out_rows

    def _calibration(self, kernel: np.ndarray) -> Calibration:
        """Return what finds the temperature; for a finite training time before training.

        Parameters
        ----------
        kernel : ndarray of shape (n, n)
            Of the training rows, not overwritten yet.
        """
        if self.training_time is None:
            return by_leave_one_out
        held_out, method = HeldOutObservations.of(self._rows), self._training_method()
        (means,) = held_out_means(
            kernel,
            self._noise.single(self.alpha_),
            self.y_train_,
            held_out.folds,
            as_training_times([self.training_time], method),
            method,
            centered=self.normalize_y,
        )
        return Fixed(held_out.temperature(self._scaling.restore(means)))

    def _one_hot_scores(
        self, kernels: NetworkKernels, posterior: Posterior, calibrate: Calibration
    ) -> OneHotScores:
        process = self._posterior_process(kernels, self.y_train_, posterior)
        return OneHotScores(process, self._scaling, calibrate, self._rows)

    def _hold_trained(
        self, kernels: NetworkKernels, posterior: Posterior, solver: LinearSolver
    ) -> None:
        self._hold_scores(self._one_hot_scores(kernels, posterior, ByProducts(solver)), kernels)

    def _hold_factorized(self, kernels: NetworkKernels, posterior: Posterior) -> None:
        self._hold_scores(self._one_hot_scores(kernels, posterior, by_leave_one_out), kernels)

    def _hold_scores(self, scores: ClassScores, kernels: NetworkKernels) -> None:
        self._hold(scores.process, kernels.architecture)
        self._scores = scores
        # The temperature is found here, and not by the first prediction.
        _ = scores.temperature

    # Predictions -----------------------------------------------------------------------------

    partial_fit = adding_rows.partial_fit
    fit_blocks = adding_rows.fit_blocks
    predict = class_predictions.predict
    staged_predict = class_predictions.staged_predict

    def decision_function(self, X: ArrayLike) -> np.ndarray:
        """Return the score of each class; of two classes, the second's minus the first's.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Inputs.

        Returns
        -------
        ndarray of shape (n_samples,) for two classes, (n_samples, n_classes) for more
            Scores are predicted one-hot targets: about 1 for a certain class and 0 for the others.
            With ``loss="log_loss"`` they are logits, with ``likelihood="softmax"`` logarithms of
            probabilities.

        Raises
        ------
        NotFittedError
            Before `fit`.
        ValueError
            If X is not valid or differs from the training inputs in its features.
        """
        return as_decision(self._scores_at(X))

    def predict_proba(self, X: ArrayLike) -> np.ndarray:
        """Return the probability of each class, the softmax of scores / ``temperature_``.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Inputs.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Rows sum to 1; columns in the order of ``classes_``.

        Raises
        ------
        NotFittedError, ValueError
            As `decision_function`.
        """
        check_is_fitted(self, "_process")
        return self._scores.probabilities(self._process.validated(self, X))

    def predict_std(self, X: ArrayLike) -> np.ndarray:
        """Return the standard deviation of each class's score over the networks of the ensemble.

        It grows with the distance from the training data and does not depend on how their classes
        mix: it tells inputs unlike any training row, not rows between two classes.
        ``predict_proba`` does not use it.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Inputs.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            In the units of the scores, also for two classes.

        Raises
        ------
        NotFittedError
            Before `fit`.
        ValueError
            If X is not valid or differs from the training inputs in its features, or with
            ``loss="log_loss"``: the gradient of this loss is not linear in the outputs, and the
            spread of an ensemble of networks trained on it has no closed form.
        """
        check_is_fitted(self, "_process")
        return self._scores.std(self._process.validated(self, X))

    def loo_decision_function(self) -> np.ndarray:
        """Return the scores of each training sample by the model trained on all others.

        In closed form, without refits.

        Samples that equal it stay, as a new sample may equal one of training. ``alpha_`` is held
        fixed; with ``normalize_y`` the class frequencies by which targets are centered are those
        of the other samples.

        Returns
        -------
        ndarray of shape (n_samples,) for two classes, (n_samples, n_classes) for more
            For the samples of positive weight passed to `fit`, in their order.

        Raises
        ------
        NotFittedError
            Before `fit`.
        ValueError
            If the model was trained for a finite time.
        """
        check_is_fitted(self, "_process")
        return as_decision(self._scores.leave_one_out()[self._rows.position_of_sample])

    # Over the time of training ---------------------------------------------------------------

    def staged_decision_function(
        self, X: ArrayLike, training_times: ArrayLike
    ) -> Iterator[np.ndarray]:
        """Yield what `decision_function` returns for each of many training times.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Inputs.
        training_times : array-like of shape (n_times,)
            Values of ``training_time``: finite, at least 0 and ascending; whole numbers with
            ``training_method="gradient_descent"``. None is not among them.

        Yields
        ------
        ndarray of shape (n_samples,) for two classes, (n_samples, n_classes) for more
            The scores after one time after the other. All are found at the cost of one
            eigendecomposition of the training kernel, which a model with ``training_time=None`` has
            to make first.

        Raises
        ------
        NotFittedError
            Before `fit`.
        ValueError
            If X or the times are not valid, or X differs from the training inputs in its features.
        """
        staged = self._staged_scores(X, training_times)
        return (as_decision(scores) for scores in staged)

    def staged_predict_proba(self, X: ArrayLike, training_times: ArrayLike) -> Iterator[np.ndarray]:
        """Yield what `predict_proba` returns for each of many training times.

        Every time has its own ``temperature_``, the one of a model fitted with this training time.
        The held-out scores of all times take one eigendecomposition of each of three folds.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Inputs.
        training_times : array-like of shape (n_times,)
            As for `staged_decision_function`.

        Yields
        ------
        ndarray of shape (n_samples, n_classes)
            Rows sum to 1; columns in the order of ``classes_``.

        Raises
        ------
        NotFittedError, ValueError
            As `staged_decision_function`.
        """
        check_is_fitted(self, "_process")
        inputs = self._process.validated(self, X)
        over_time = self._scores.over(training_times)
        temperatures = over_time.temperatures()
        return (
            softmax(scores / temperature, axis=1)
            for scores, temperature in zip(over_time.scores(inputs), temperatures, strict=True)
        )

    def training_history(
        self, X_test: ArrayLike, y_test: ArrayLike, training_times: ArrayLike
    ) -> Bunch:
        r"""Return training and test loss over the time of training.

        The loss on which the networks are trained: half the mean over samples of the squared error
        of the scores, :math:`\frac{1}{2n} \sum_i |f(x_i) - y_i|^2` with one-hot targets, exact for
        the ensemble; or, with ``loss="log_loss"``, the mean cross-entropy of the softmax of the
        scores. Training rows have their weights, and n is the sum of them.

        Parameters
        ----------
        X_test : array-like of shape (n_samples, n_features)
            Test inputs.
        y_test : array-like of shape (n_samples,)
            Their classes, among ``classes_``.
        training_times : array-like of shape (n_times,)
            As for `staged_decision_function`.

        Returns
        -------
        Bunch
            With the attributes

            training_times : ndarray of shape (n_times,)
                The times.
            train_loss, test_loss : ndarray of shape (n_times,)
                For squared error the expected loss of a network of the ensemble, for the log-loss
                that of the trained network, in nats.
            train_loss_std, test_loss_std : ndarray of shape (n_times,)
                Standard deviation of the loss from network to network. Missing with
                ``loss="log_loss"``, where the spread has no closed form.

        Raises
        ------
        NotFittedError
            Before `fit`.
        ValueError
            If the data or the times are not valid, or a test sample is of an unknown class.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from skntk import NTKClassifier
        >>> X, y = load_iris(return_X_y=True)
        >>> model = NTKClassifier(loss="log_loss", training_time=1.0).fit(X[::2], y[::2])
        >>> history = model.training_history(X[1::2], y[1::2], [0.0, 1.0, 10.0])
        >>> history.test_loss.round(1)
        array([1.1, 0.3, 0.2])
        """
        check_is_fitted(self, "_process")
        inputs = self._process.validated(self, X_test)
        targets = one_hot_of_known(self.classes_, y_test, len(inputs))
        over_time = self._scores.over(training_times)
        return Bunch(training_times=over_time.training_times, **over_time.losses(inputs, targets))

    def _scores_at(self, X: ArrayLike) -> np.ndarray:
        check_is_fitted(self, "_process")
        return self._scores.scores(self._process.validated(self, X))

    def _staged_scores(self, X: ArrayLike, training_times: ArrayLike) -> Iterator[np.ndarray]:
        check_is_fitted(self, "_process")
        inputs = self._process.validated(self, X)
        # Computed at the call, and not when the first scores are asked for.
        return self._scores.over(training_times).scores(inputs)

    def _stages(self, training_times: ArrayLike) -> Iterator[Self]:
        over_time = self._scores.over(training_times)
        for time, (process, scores) in zip(
            over_time.training_times, over_time.stages(), strict=True
        ):
            stage = self._with_process(process, float(time))
            stage._scores = scores
            yield stage
