"""ZCA whitening: features without correlations, as near to the original ones as can be."""

from __future__ import annotations

from numbers import Real
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike
from scipy.linalg import eigh, svd
from sklearn.utils.validation import check_is_fitted, validate_data

from skntk._sklearn import (
    CheckedParameters,
    Interval,
    OneToOneFeatureMixin,
    TransformerMixin,
    fit_context,
)
from skntk._validation import check_sample_shape


class ZCAWhitening(OneToOneFeatureMixin, TransformerMixin, CheckedParameters):
    r"""Regularized ZCA whitening of images or of tables.

    With the mean :math:`\mu` and the covariance C of the d features of the training samples, x
    becomes

    .. math::

        (C + \rho I)^{-1/2} (x - \mu), \quad \rho = \text{regularization} \cdot \text{tr}(C) / d.

    Without regularization the covariance of the result is the identity, and of all linear maps for
    which it is, this one moves the samples least [1]_: images still look like images, with their
    edges enhanced. It also blows up the directions in which the samples hardly vary, which in
    images are mostly noise; :math:`\rho`, in units of the mean variance of the features, keeps
    these small. Kernels of infinitely wide networks gain several points of accuracy on images from
    it [2]_ [3]_.

    Parameters
    ----------
    regularization : float, default=0.1
        Strength of the regularization, at least 0, in units of the mean variance of the features.
        At 0, directions in which the training samples do not vary are set to 0.

    Attributes
    ----------
    mean_ : ndarray of shape (n_features,)
        Mean of the training samples, flattened.
    components_ : ndarray of shape (n_components, n_features)
        Eigenvectors of the covariance, as rows. As many as features, or as samples if these are
        fewer.
    explained_variance_ : ndarray of shape (n_components,)
        Its eigenvalues, in the same order.
    added_variance_ : float
        Added to the eigenvalues, :math:`\rho` above.
    n_features_in_ : int
        Number of features seen in `fit`; of images and sequences ``X.shape[1]``, as in all of
        scikit-learn.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Their names, if X had any that are all strings.

    See Also
    --------
    sklearn.decomposition.PCA : With ``whiten=True``, features that are not correlated in a basis
        of their own.

    Notes
    -----
    The covariance is that of the flattened samples, normalized by n rather than n - 1. `fit`
    takes time in proportion to n d min(n, d).

    References
    ----------
    .. [1] Kessy, Lewin, Strimmer, "Optimal whitening and decorrelation", The American
       Statistician, 2018.
    .. [2] Lee, Schoenholz, Pennington, Adlam, Xiao, Novak, Sohl-Dickstein, "Finite versus infinite
       neural networks: an empirical study", NeurIPS 2020.
    .. [3] Shankar, Fang, Guo, Fridovich-Keil, Schmidt, Ragan-Kelley, Recht, "Neural kernels without
       tangents", ICML 2020.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skntk import ZCAWhitening
    >>> images = load_digits().images[..., None]
    >>> whitened = ZCAWhitening(regularization=0.1).fit_transform(images)
    >>> whitened.shape
    (1797, 8, 8, 1)
    """

    mean_: np.ndarray
    components_: np.ndarray
    explained_variance_: np.ndarray
    added_variance_: float
    _sample_shape: tuple[int, ...]

    _constraints: ClassVar[dict[str, list[Any]]] = {
        "regularization": [Interval(Real, 0, None, closed="left")]
    }

    def __init__(self, regularization: float = 0.1) -> None:
        self.regularization = regularization

    @fit_context
    def fit(self, X: ArrayLike, y: Any = None) -> Self:
        """Find the mean and the principal axes of samples.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, ..., channels)
            Training samples, at least 2: rows of a table, images or sequences.
        y : ignored
            There for pipelines.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If the data or the parameter are not valid.
        """
        samples = self._checked(X, reset=True, ensure_min_samples=2)
        self._sample_shape = samples.shape[1:]
        rows = samples.reshape(len(samples), -1).astype(np.float64)
        self.mean_ = rows.mean(axis=0)
        self.components_, self.explained_variance_ = _principal_axes(rows - self.mean_)
        total = self.explained_variance_.sum()
        self.added_variance_ = float(self.regularization * total / rows.shape[1])
        return self

    def transform(self, X: ArrayLike) -> np.ndarray:
        """Whiten samples.

        Parameters
        ----------
        X : array-like of the shape of the training samples
            Samples.

        Returns
        -------
        ndarray of the shape of X
            In single precision if X is, otherwise in double precision.

        Raises
        ------
        NotFittedError, ValueError
            Before `fit`, or if X is not valid or its samples have another shape.
        """
        samples = self._checked_like_training(X)
        rows = samples.reshape(len(samples), -1) - self.mean_.astype(samples.dtype)
        return self._stretched(rows, *self._factors()).reshape(samples.shape)

    def inverse_transform(self, X: ArrayLike) -> np.ndarray:
        """Undo `transform`.

        Parameters
        ----------
        X : array-like of the shape of the training samples
            Whitened samples.

        Returns
        -------
        ndarray of the shape of X
            Without regularization, what does not vary among the training samples is their mean.

        Raises
        ------
        NotFittedError, ValueError
            As `transform`.
        """
        samples = self._checked_like_training(X)
        factors, outside = map(_inverse, self._factors())
        rows = self._stretched(samples.reshape(len(samples), -1), factors, outside)
        return (rows + self.mean_.astype(samples.dtype)).reshape(samples.shape)

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Return the names of the features of a table, which are those of the input.

        Parameters
        ----------
        input_features : array-like of str, default=None
            Names of the features; None is those seen in `fit`, or "x0", "x1" and so on.

        Returns
        -------
        ndarray of str

        Raises
        ------
        NotFittedError
            Before `fit`.
        ValueError
            If the names are not those seen in `fit`, or the samples were images.
        """
        check_is_fitted(self, "mean_")
        if len(self._sample_shape) > 1:
            raise ValueError(
                f"Samples of shape {self._sample_shape} have no names of features: pass flat rows, "
                "X.reshape(len(X), -1)."
            )
        names: np.ndarray = super().get_feature_names_out(input_features)
        return names

    def _factors(self) -> tuple[np.ndarray, np.ndarray]:
        """Return what components are multiplied by, and what is orthogonal to all of them."""
        n_components, n_features = self.components_.shape
        outside = np.array(self.added_variance_ if n_components < n_features else 0.0)
        within = self.explained_variance_ + self.added_variance_
        return _inverse(np.sqrt(within)), _inverse(np.sqrt(outside))

    def _stretched(self, rows: np.ndarray, factors: np.ndarray, outside: np.ndarray) -> np.ndarray:
        components = self.components_.astype(rows.dtype)
        scale = (factors - outside).astype(rows.dtype)
        stretched: np.ndarray = (rows @ components.T * scale) @ components
        return stretched + outside.astype(rows.dtype) * rows

    def _checked_like_training(self, X: ArrayLike) -> np.ndarray:
        check_is_fitted(self, "mean_")
        check_sample_shape(self, X, self._sample_shape)
        samples = self._checked(X, reset=False)
        check_sample_shape(self, samples, self._sample_shape)
        return samples

    def _checked(self, X: ArrayLike, **options: Any) -> np.ndarray:
        precisions = (np.float64, np.float32)
        samples: np.ndarray = validate_data(self, X, dtype=precisions, allow_nd=True, **options)
        return samples

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def _principal_axes(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return eigenvectors, as rows, and eigenvalues of the covariance of centered rows."""
    n_samples, n_features = rows.shape
    if n_samples < n_features:
        _, spread, axes = svd(rows, full_matrices=False)
        variance = spread**2 / n_samples
    else:
        variance, columns = eigh(rows.T @ rows / n_samples)
        variance, axes = variance[::-1], columns.T[::-1]
    rounding = max(rows.shape) * np.finfo(np.float64).eps * variance[0]
    return axes, np.where(variance > rounding, variance, 0.0)


def _inverse(values: np.ndarray) -> np.ndarray:
    """Return the reciprocals, and 0 of 0."""
    return np.divide(1.0, values, out=np.zeros_like(values, dtype=np.float64), where=values > 0)
