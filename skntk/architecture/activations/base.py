"""What all activations share: an elementwise function and two Gaussian expectations."""

from __future__ import annotations

from typing import ClassVar

import jax
import jax.numpy as jnp

from skntk.architecture.core.layer import Layer
from skntk.architecture.core.protocols import Parameters
from skntk.architecture.propagation.state import Array, PairState, SampleState, Statistics

__all__ = ["Activation", "SmoothActivation"]


class Activation(Layer):
    """An elementwise function f between two layers.

    With (u, v) normal of mean 0, variances a = E[u^2], c = E[v^2] and covariance k = E[u v], the
    kernels map as ``K' = E[f(u) f(v)]`` and ``T' = T E[f'(u) f'(v)]``.

    Subclasses define ``function`` and

    * ``sample_moments(variance)``: E[f(u)^2], E[f'(u)^2] and the statistics of each sample,
    * ``pair_moments(covariance, left, right)``: E[f(u) f(v)] and E[f'(u) f'(v)]. By Price's theorem
      the second is the derivative of the first with respect to k: see `SmoothActivation`.

    Attributes
    ----------
    has_function : bool
        Of the class: whether there is a function. An activation that is defined by its kernel alone
        cannot be part of a network of finite width.
    """

    has_function: ClassVar[bool] = True

    def function(self, x: Array) -> Array:
        """Return f(x), elementwise.

        Parameters
        ----------
        x : jax.Array
            Of any shape.

        Returns
        -------
        jax.Array of the shape of ``x``
        """
        raise NotImplementedError(f"{type(self).__name__} has no elementwise function.")

    def sample_moments(self, variance: Array) -> tuple[Array, Array, Statistics]:
        """Return what depends on one sample, for u ~ N(0, variance).

        Parameters
        ----------
        variance : jax.Array of shape (..., n)
            Variance of u for each sample; may be 0.

        Returns
        -------
        value : jax.Array of shape (..., n)
            E[f(u)^2].
        slope : jax.Array of shape (..., n)
            E[f'(u)^2].
        statistics : pytree of arrays of shape (..., n)
            What `pair_moments` needs to know of each sample.
        """
        raise NotImplementedError

    def pair_moments(
        self, covariance: Array, left: Statistics, right: Statistics
    ) -> tuple[Array, Array]:
        """Return what depends on a pair of samples.

        Parameters
        ----------
        covariance : jax.Array of shape (..., n_left, n_right)
            E[u v] for each pair.
        left, right : pytrees of arrays of shapes (..., n_left, 1) and (..., 1, n_right)
            The statistics of `sample_moments`, aligned with the pairs.

        Returns
        -------
        value : jax.Array of the shape of ``covariance``
            E[f(u) f(v)].
        slope : jax.Array of the shape of ``covariance``
            E[f'(u) f'(v)].
        """
        raise NotImplementedError

    def propagate_samples(self, state: SampleState) -> tuple[SampleState, Statistics]:
        value, slope, statistics = self.sample_moments(state.nngp)
        return SampleState(value, state.ntk * slope), statistics

    def propagate_pairs(self, state: PairState, left: Statistics, right: Statistics) -> PairState:
        value, slope = self.pair_moments(state.nngp, left, right)
        return PairState(value, state.ntk * slope)

    def apply(self, parameters: Parameters, inputs: Array, key: Array | None = None) -> Array:
        return self.function(inputs)


class SmoothActivation(Activation):
    """An activation whose E[f(u) f(v)] is a smooth closed form of the variances and the covariance.

    Subclasses define ``function`` and ``dual(covariance, left_variance, right_variance)``. The
    slope E[f'(u) f'(v)] = d dual / d covariance follows by Price's theorem, and the moments of one
    sample are those of the pair (u, u).
    """

    def dual(self, covariance: Array, left_variance: Array, right_variance: Array) -> Array:
        """Return E[f(u) f(v)], elementwise.

        Parameters
        ----------
        covariance, left_variance, right_variance : jax.Array
            E[u v], E[u^2] and E[v^2], of shapes that broadcast.

        Returns
        -------
        jax.Array of the shape of ``covariance``
        """
        raise NotImplementedError

    def sample_moments(self, variance: Array) -> tuple[Array, Array, Statistics]:
        return *self.pair_moments(variance, variance, variance), variance

    def pair_moments(
        self, covariance: Array, left: Statistics, right: Statistics
    ) -> tuple[Array, Array]:
        value, slope = jax.jvp(
            lambda k: self.dual(k, left, right), (covariance,), (jnp.ones_like(covariance),)
        )
        return value, slope
