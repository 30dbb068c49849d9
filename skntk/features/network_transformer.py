"""What both transformers share: parameters, validation, and scikit-learn's interface."""

from __future__ import annotations

from numbers import Integral
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from skntk._sklearn import (
    CheckedParameters,
    ClassNamePrefixFeaturesOutMixin,
    Interval,
    TransformerMixin,
    fit_context,
)
from skntk._validation import check_sample_shape
from skntk.architecture.core.layer import Layer
from skntk.estimators.data import own_network
from skntk.estimators.data.validation import CONSTRAINTS
from skntk.features.drawing import Drawing
from skntk.features.network_features import NetworkFeatures
from skntk.features.state import Features
from skntk.gram.engine.prepared_network import check_samples

# Hidden layers have at least so many neurons: the bias of deep networks falls with their number.
# Those of images are computed at every pixel.
LEAST_WIDTH = {"vectors": 1024, "images": 128}


class NetworkTransformer(ClassNamePrefixFeaturesOutMixin, TransformerMixin, CheckedParameters):
    """A transformer to random features; subclasses say of which kernel (``_of_ntk``)."""

    _of_ntk: ClassVar[bool]

    _constraints: ClassVar[dict[str, list[Any]]] = CONSTRAINTS | {
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "width": [Interval(Integral, 1, None, closed="left"), None],
    }

    architecture_: Layer
    width_: int
    _features: NetworkFeatures
    _sample_shape: tuple[int, ...]

    set_params = own_network.set_params

    def __init__(
        self,
        architecture: Layer | None = None,
        n_components: int = 100,
        *,
        width: int | None = None,
        dtype: str = "float64",
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.architecture = architecture
        self.n_components = n_components
        self.width = width
        self.dtype = dtype
        self.random_state = random_state

    @fit_context
    def fit(self, X: ArrayLike | sparse.sparray, y: Any = None) -> Self:
        """Draw the random features, for samples of the shape of X.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features) or \
                (n_samples, ..., channels)
            Samples. Only their shape counts.
        y : ignored
            There for pipelines.

        Returns
        -------
        self

        Raises
        ------
        TypeError
            If the network has a layer without random features.
        ValueError
            If the data or a parameter are not valid, or do not fit each other.
        """
        samples = self._checked(X, reset=True)
        self._sample_shape = samples.shape[1:]
        self.architecture_ = own_network.copy_of_architecture(self.architecture)
        input_shape = check_samples(self.architecture_, self._sample_shape)
        self.width_ = self._chosen_width(is_image=len(input_shape) > 1)
        drawing = Drawing(self._generator(), self.width_, self._of_ntk, np.dtype(self.dtype))
        self._features = NetworkFeatures.draw(
            self.architecture_, input_shape, int(self.n_components), drawing
        )
        return self

    def transform(self, X: ArrayLike | sparse.sparray) -> np.ndarray:
        """Return the features of samples.

        Parameters
        ----------
        X : {array-like, sparse matrix} of the shape of the training samples
            Samples. They are computed in blocks, so that sparse rows are never dense all at once.

        Returns
        -------
        ndarray of shape (n_samples, n_components)
            In the precision of ``dtype``.

        Raises
        ------
        NotFittedError, ValueError
            Before `fit`, or if X is not valid or its samples have another shape.
        """
        check_is_fitted(self, "_features")
        check_sample_shape(self, X, self._sample_shape)
        samples = self._checked(X, reset=False)
        check_sample_shape(self, samples, self._sample_shape)
        return self._features(samples)

    @property
    def _n_features_out(self) -> int:
        return self._features.n_outputs

    def _chosen_width(self, is_image: bool) -> int:
        if self.width is not None:
            return int(self.width)
        return max(int(self.n_components), LEAST_WIDTH["images" if is_image else "vectors"])

    def _generator(self) -> np.random.Generator:
        words = check_random_state(self.random_state).randint(2**32, size=4, dtype=np.uint32)
        return np.random.default_rng(words)

    def _checked(self, X: ArrayLike | sparse.sparray, reset: bool) -> Features:
        precision = np.dtype(self.dtype)
        # Numbers that are too large for it are refused in the next step.
        with np.errstate(over="ignore", invalid="ignore"):
            samples: Features = validate_data(
                self, X, dtype=precision, accept_sparse="csr", allow_nd=True, reset=reset
            )
        return samples

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.transformer_tags.preserves_dtype = [self.dtype]
        return tags
