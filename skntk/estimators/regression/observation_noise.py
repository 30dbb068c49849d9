"""Predictions of new observations: the function's value and the noise on top of it."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils.validation import check_is_fitted

from skntk.estimators.data.sample_weights import as_alpha_per_sample
from skntk.estimators.kernel_machines.base import InfiniteNetwork


class ObservationNoise(InfiniteNetwork):
    """Standard deviations of new observations, of a regressor with ``alpha``."""

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
            and scaled as ``alpha_scale`` and ``normalize_y`` say; at least 0. None is what the
            model takes the noise to be, see Notes.

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
        In `NNGPRegressor` the parameter ``alpha`` is the variance of the noise, or with an
        ``optimizer`` the value that was learned. If it has one value for each training sample,
        nothing is known of that of others, and it has to be given.

        In `NTKRegressor` the parameter ``alpha`` is a penalty that the training pays attention
        to, and the ensemble has no model of noise. Its noise is therefore estimated, for each
        output: as the mean over the training samples of the squared leave-one-out residual minus
        the leave-one-out variance, at least 0. It takes the time of `loo_predict`.
        """
        self._require_fit()
        mean, std = self.predict(X, return_std=True)  # type: ignore[attr-defined]
        noise = self._noise_of(mean) if alpha is None else self._noise_by(alpha, len(mean))
        return mean, np.hypot(std, noise)

    def _noise_by(self, alpha: float | ArrayLike, n_samples: int) -> np.ndarray:
        """Return the standard deviations that values of ``alpha`` mean, in units of the targets."""
        variance = self._alpha_unit * as_alpha_per_sample(alpha, n_samples)
        return self._scaling.restore_std(np.sqrt(variance))

    def _require_fit(self) -> None:
        if not self._is_fitted():
            check_is_fitted(self, "dual_coef_")

    def _noise_of(self, mean: np.ndarray) -> np.ndarray:
        """Return standard deviations of the model's own noise that broadcast against the means."""
        raise NotImplementedError


class AssumedNoise(ObservationNoise):
    """The noise is that of the model: ``alpha``, or what was learned in its place."""

    def _noise_of(self, mean: np.ndarray) -> np.ndarray:
        alpha = getattr(self, "hyperparameters_", {}).get("alpha", self.alpha)
        if np.ndim(alpha) > 0:
            raise ValueError(
                "The model has one alpha for each training sample, which says nothing about new "
                "observations: give theirs, predict_observation(X, alpha=...)."
            )
        return self._noise_by(alpha, len(mean))


class EstimatedNoise(ObservationNoise):
    """The noise is what leave-one-out residuals show beyond the spread of the ensemble."""

    training_time: float | None

    def _noise_of(self, mean: np.ndarray) -> np.ndarray:
        if self.training_time is not None:
            raise ValueError(
                "The noise of new observations is estimated from leave-one-out residuals, which "
                "have a closed form only for training to convergence, and this model was trained "
                f"until training_time={self.training_time:g}: give the variance of the noise, "
                "predict_observation(X, alpha=...)."
            )
        left_out, left_out_std = self.loo_predict(return_std=True)  # type: ignore[attr-defined]
        residual = self._scaling.restore(self.y_train_) - left_out
        excess = np.square(residual) - np.square(left_out_std)
        return np.sqrt(np.maximum(np.average(excess, axis=0, weights=self._sample_weight), 0.0))
