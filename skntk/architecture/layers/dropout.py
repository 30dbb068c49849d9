"""Dropout."""

from __future__ import annotations

from typing import ClassVar

import jax
import jax.numpy as jnp

from skntk._validation import check_real
from skntk.architecture.core.layer import Layer
from skntk.architecture.core.protocols import Parameters
from skntk.architecture.propagation.correlation import Correlation, CorrelationState, single
from skntk.architecture.propagation.state import Array, PairState, SampleState, Statistics

__all__ = ["Dropout"]


class Dropout(Layer):
    """Channels set to 0 at random, the others divided by the rate at which they are kept [1]_.

    The masks of two samples are independent, so that only the kernels of a sample with itself
    change: ``K'(x, x) = K(x, x) / keep_rate`` and ``T'(x, x) = T(x, x) / keep_rate``. Two samples
    of equal values are still two samples.

    Parameters
    ----------
    keep_rate : float, default=0.9
        Probability to keep a channel, greater than 0 and at most 1.

    References
    ----------
    .. [1] Schoenholz, Gilmer, Ganguli, Sohl-Dickstein, "Deep information propagation",
       ICLR 2017, section 4.

    Examples
    --------
    >>> from skntk import gram_matrix
    >>> from skntk.architecture import Dropout
    >>> gram_matrix(Dropout(keep_rate=0.5), [[1.0], [1.0]], kind="nngp")
    array([[2., 1.],
           [1., 2.]])
    """

    category: ClassVar[str | None] = "layer"
    fixed_by_default: ClassVar[tuple[str, ...]] = ("keep_rate",)

    def __init__(self, keep_rate: float = 0.9) -> None:
        self.keep_rate = keep_rate

    @classmethod
    def examples(cls) -> list[Dropout]:
        return [cls(), cls(keep_rate=0.4), cls(keep_rate=1.0)]

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        if check_real(self, "keep_rate", minimum=0, maximum=1) == 0:
            raise ValueError(f"Dropout(keep_rate={self.keep_rate!r}): keep_rate must be > 0.")
        return input_shape

    def is_stochastic(self) -> bool:
        return True

    def propagate_samples(self, state: SampleState) -> tuple[SampleState, Statistics]:
        return SampleState(state.nngp / self.keep_rate, state.ntk / self.keep_rate), ()

    def propagate_pairs(self, state: PairState, left: Statistics, right: Statistics) -> PairState:
        return state

    def propagate_scales(self, state: SampleState) -> tuple[SampleState, Statistics]:
        return self.propagate_samples(state)

    def propagate_correlations(
        self, state: CorrelationState, left: Statistics, right: Statistics
    ) -> CorrelationState:
        # The covariance stays and both variances grow.
        kept, dropped = single(self.keep_rate), single(1 - self.keep_rate)

        def reduced(correlation: Correlation) -> Correlation:
            from_one, from_minus_one = correlation
            opposite = None if from_minus_one is None else dropped + kept * from_minus_one
            return Correlation(dropped + kept * from_one, opposite)

        return CorrelationState(*map(reduced, state))

    def apply(self, parameters: Parameters, inputs: Array, key: Array | None = None) -> Array:
        if key is None:
            raise ValueError(
                "Dropout draws which channels it keeps: pass key=jax.random.key(seed) to apply."
            )
        kept = jax.random.bernoulli(key, self.keep_rate, inputs.shape)
        return jnp.where(kept, inputs / self.keep_rate, 0)
