"""One scale for every feature of the inputs: automatic relevance determination."""

from __future__ import annotations

from typing import ClassVar

import jax.numpy as jnp
from numpy.typing import ArrayLike

from skntk.architecture.core.feature_arrays import check_feature_array
from skntk.architecture.core.layer import Layer
from skntk.architecture.core.protocols import Parameters
from skntk.architecture.core.pytree import CanonicalForms, one_leaf
from skntk.architecture.propagation.correlation import CorrelationState
from skntk.architecture.propagation.finite import as_channels
from skntk.architecture.propagation.pixel_covariance import (
    Grid,
    Offsets,
    PixelCovariance,
)
from skntk.architecture.propagation.state import Array, PairState, SampleState, Statistics

__all__ = ["InputScale"]


class InputScale(Layer):
    """Every feature of the inputs multiplied by a scale of its own: ``x_j -> scales_j x_j``.

    It stands first in a network, whose inputs then have the covariance ``mean_j scales_j^2 x_j
    z_j``. A feature of scale 0 does not count. Scales that are learned together with the other
    hyperparameters say how relevant each feature is [1]_ [2]_. Of images and sequences, each
    channel has a scale.

    Parameters
    ----------
    scales : float or array-like of shape (n_features,), default=1.0
        Each at least 0: its sign would change no kernel. One number is the scale of all features.

    References
    ----------
    .. [1] Neal, "Bayesian learning for neural networks", 1996, section 4.3.
    .. [2] Rasmussen and Williams, "Gaussian processes for machine learning", MIT Press 2006,
       section 5.1.

    Examples
    --------
    >>> from skntk import gram_matrix
    >>> from skntk.architecture import Dense, InputScale, Serial
    >>> network = Serial([InputScale([2.0, 0.0]), Dense()])
    >>> gram_matrix(network, [[1.0, 5.0], [1.0, -7.0]], kind="nngp")
    array([[2., 2.],
           [2., 2.]])
    """

    category: ClassVar[str | None] = "layer"
    canonical_forms: ClassVar[CanonicalForms] = {"scales": one_leaf}

    def __init__(self, scales: ArrayLike = 1.0) -> None:
        self.scales = scales

    @classmethod
    def examples(cls) -> list[InputScale]:
        return [cls([0.5, 1.5, 0.0, 1.0, 2.0])]

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        check_feature_array(self, "scales", input_shape, minimum=0)
        return input_shape

    @property
    def scales_inputs(self) -> bool:
        return True

    def scale_inputs(self, X: Array) -> Array:
        return X * as_channels(jnp.asarray(self.canonical("scales"), X.dtype), X)

    def outputs_are_gaussian(self, inputs_are_gaussian: bool = False) -> bool:
        return inputs_are_gaussian

    def input_offsets(self, offsets: Offsets, grid: Grid, is_diagonal: bool) -> Offsets:
        return offsets

    def propagate_sample_pixels(
        self, covariance: PixelCovariance, offsets: Offsets
    ) -> tuple[PixelCovariance, Statistics]:
        if not all(offsets):  # no offset is needed
            return covariance, ()
        return super().propagate_sample_pixels(covariance, offsets)

    def propagate_samples(self, state: SampleState) -> tuple[SampleState, Statistics]:
        return state, ()

    def propagate_pairs(self, state: PairState, left: Statistics, right: Statistics) -> PairState:
        return state

    def propagate_scales(self, state: SampleState) -> tuple[SampleState, Statistics]:
        return state, ()

    def propagate_correlations(
        self, state: CorrelationState, left: Statistics, right: Statistics
    ) -> CorrelationState:
        return state

    def apply(self, parameters: Parameters, inputs: Array, key: Array | None = None) -> Array:
        return self.scale_inputs(inputs)
