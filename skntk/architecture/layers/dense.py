"""The fully connected layer."""

from __future__ import annotations

from typing import Any, ClassVar

import jax
import jax.numpy as jnp

from skntk._validation import check_integer, check_real
from skntk.architecture.core.layer import Layer
from skntk.architecture.core.protocols import Parameters
from skntk.architecture.core.pytree import zero_if_none
from skntk.architecture.propagation.correlation import (
    CorrelationState,
    mixed,
    shares,
)
from skntk.architecture.propagation.finite import as_channels
from skntk.architecture.propagation.pixel_covariance import (
    Grid,
    Offsets,
    PixelCovariance,
)
from skntk.architecture.propagation.state import Array, PairState, SampleState, Statistics

__all__ = ["Dense"]

PARAMETERIZATIONS = ("ntk", "standard")


class Dense(Layer):
    """A fully connected layer; on images and sequences, the same one at every position.

    Each output is ``weight_std / sqrt(fan_in) * sum_j w_j x_j + bias_std * b`` with independent
    standard normal ``w_j`` and ``b``. With many inputs the outputs are independent Gaussian
    processes, and the kernels map as ``K' = weight_std^2 K + bias_std^2`` and ``T' = K' +
    weight_std^2 T`` [1]_. In the standard parameterization the outputs are the same, but the
    trained parameters are the weights and biases themselves, ``sum_j u_j x_j + c``, and ``T' =
    fan_in K + weight_std^2 T + 1``, without the 1 if there is no bias [2]_.

    Parameters
    ----------
    weight_std : float, default=1.0
        Standard deviation of the weights, at least 0; that of a single one is ``weight_std /
        sqrt(fan_in)``.
    bias_std : float or None, default=0.0
        Standard deviation of the biases, at least 0. None is no bias: the same as 0, but for the
        standard parameterization, which trains biases that start at 0.
    parameterization : {"ntk", "standard"}, default="ntk"
        Which numbers are trained, and so which have the learning rate of the training: the
        standard normal ones, or the weights and biases.
    fan_in : int or None, default=None
        Number of channels before the layer in the finite network that is meant. The standard
        parameterization needs it, as a layer with more inputs trains faster; the other one does not
        depend on it.

    References
    ----------
    .. [1] Jacot, Gabriel, Hongler, "Neural Tangent Kernel: Convergence and generalization in
       neural networks", NeurIPS 2018.
    .. [2] Sohl-Dickstein, Novak, Schoenholz, Lee, "On the infinite width limit of neural networks
       with a standard parameterization", 2020.

    Examples
    --------
    >>> import numpy as np
    >>> from skntk import gram_matrix
    >>> from skntk.architecture import Dense
    >>> gram_matrix(Dense(weight_std=2.0, bias_std=1.0), np.eye(2), kind="nngp")
    array([[3., 1.],
           [1., 3.]])
    """

    category: ClassVar[str | None] = "layer"
    static: ClassVar[tuple[str, ...]] = ("parameterization", "fan_in")

    def __init__(
        self,
        weight_std: float = 1.0,
        bias_std: float | None = 0.0,
        parameterization: str = "ntk",
        fan_in: int | None = None,
    ) -> None:
        self.weight_std = weight_std
        self.bias_std = bias_std
        self.parameterization = parameterization
        self.fan_in = fan_in

    @classmethod
    def examples(cls) -> list[Dense]:
        return [
            cls(weight_std=1.3, bias_std=0.4),
            cls(1.2, 0.3, parameterization="standard", fan_in=7),
        ]

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        if input_shape[-1] < 1:
            raise ValueError("Dense needs at least one feature, got 0 feature(s).")
        check_real(self, "weight_std", minimum=0)
        if self.bias_std is not None:
            check_real(self, "bias_std", minimum=0)
        self._check_parameterization()
        return input_shape

    def _check_parameterization(self) -> None:
        if self.parameterization not in PARAMETERIZATIONS:
            raise ValueError(
                f"Dense(parameterization={self.parameterization!r}): parameterization must be one "
                f"of {PARAMETERIZATIONS}."
            )
        if self.fan_in is not None:
            check_integer(self, "fan_in", minimum=1)
        elif self._is_standard:
            raise ValueError(
                "Dense(parameterization='standard') needs fan_in, the number of channels before "
                "the layer, such as Dense(parameterization='standard', fan_in=512)."
            )

    @property
    def _is_standard(self) -> bool:
        return self.parameterization == "standard"

    def outputs_are_gaussian(self, inputs_are_gaussian: bool = False) -> bool:
        return True

    def input_offsets(self, offsets: Offsets, grid: Grid, is_diagonal: bool) -> Offsets:
        return offsets

    def propagate_sample_pixels(
        self, covariance: PixelCovariance, offsets: Offsets
    ) -> tuple[PixelCovariance, Statistics]:
        if not all(offsets):  # no offset is needed
            return covariance, ()
        return super().propagate_sample_pixels(covariance, offsets)

    def propagate_samples(self, state: SampleState) -> tuple[SampleState, Statistics]:
        return SampleState(*self._map(state.nngp, state.ntk)), ()

    def propagate_pairs(self, state: PairState, left: Statistics, right: Statistics) -> PairState:
        return PairState(*self._map(state.nngp, state.ntk))

    def propagate_scales(self, state: SampleState) -> tuple[SampleState, Statistics]:
        outputs = SampleState(*self._map(state.nngp, state.ntk))
        weight_variance = self.weight_std * self.weight_std
        bias_part = jnp.broadcast_to(jnp.square(self._bias_std()), outputs.nngp.shape)
        scales = shares([weight_variance * state.nngp, bias_part], outputs.nngp)
        ntk_parts = [self._ntk_of(state.nngp, outputs.nngp), weight_variance * state.ntk]
        if self._trains_biases_alone:
            ntk_parts.append(jnp.ones_like(outputs.ntk))
        return outputs, (scales, shares(ntk_parts, outputs.ntk))

    def propagate_correlations(
        self, state: CorrelationState, left: Statistics, right: Statistics
    ) -> CorrelationState:
        (left_shares, left_ntk), (right_shares, right_ntk) = left, right
        nngp = mixed([state.nngp, None], left_shares, right_shares)
        ntk_parts = [state.nngp if self._is_standard else nngp, state.ntk, None]
        return CorrelationState(nngp, mixed(ntk_parts[: len(left_ntk)], left_ntk, right_ntk))

    def _bias_std(self) -> Any:
        return zero_if_none(self.canonical("bias_std"))

    @property
    def _trains_biases_alone(self) -> bool:
        """Whether the NTK has a part of the biases that the NNGP kernel does not have."""
        return self._is_standard and self.canonical("bias_std") is not None

    def _map(self, nngp: Array, ntk: Array) -> tuple[Array, Array]:
        weight_variance, bias_std = self.weight_std * self.weight_std, self.canonical("bias_std")
        outputs = weight_variance * nngp
        if bias_std is not None:
            outputs += bias_std * bias_std
        ntk = self._ntk_of(nngp, outputs) + weight_variance * ntk
        return outputs, ntk + 1 if self._trains_biases_alone else ntk

    def _ntk_of(self, inputs: Array, outputs: Array) -> Array:
        """Return the NTK of the weights of this layer, and of biases in the default form."""
        return self._fan_in() * inputs if self._is_standard else outputs

    def _fan_in(self) -> int:
        assert self.fan_in is not None  # checked in output_shape
        return self.fan_in

    def initialize(
        self, key: Array, input_shape: tuple[int, ...], width: int, outputs: int
    ) -> Parameters:
        weight_key, bias_key = jax.random.split(key)
        weights = jax.random.normal(weight_key, (input_shape[-1], outputs))
        biases = jax.random.normal(bias_key, (outputs,))
        if not self._is_standard:
            return weights, biases
        weights *= self.weight_std / jnp.sqrt(self._fan_in())
        return weights, None if self.bias_std is None else self.bias_std * biases

    def apply(self, parameters: Parameters, inputs: Array, key: Array | None = None) -> Array:
        weights, biases = parameters
        means = jnp.matmul(inputs, weights, precision="highest") / jnp.sqrt(inputs.shape[-1])
        if not self._is_standard:
            return self.weight_std * means + self.canonical("bias_std") * as_channels(biases, means)
        # In a network of another width the layer acts, and trains, as if it were of this one.
        sums = jnp.sqrt(self._fan_in()) * means
        return sums if biases is None else sums + as_channels(biases, sums)

    def finite_output_shape(self, input_shape: tuple[int, ...], outputs: int) -> tuple[int, ...]:
        return (*input_shape[:-1], outputs)

    def canonical(self, name: str) -> Any:
        value = super().canonical(name)
        # In the standard parameterization the NTK has a bias of size 0 too.
        return zero_if_none(value) if name == "bias_std" and not self._is_standard else value
