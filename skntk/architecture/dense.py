"""The fully connected layer."""

from __future__ import annotations

from typing import Any, ClassVar

import jax
import jax.numpy as jnp

from skntk.architecture.layer import Layer, Parameters
from skntk.architecture.state import Array, PairState, SampleState, Statistics
from skntk.architecture.validation import check_real, check_vector_input

__all__ = ["Dense"]


class Dense(Layer):
    """A fully connected layer in the NTK parameterization.

    Each output is ``weight_std / sqrt(fan_in) * sum_j w_j x_j + bias_std * b`` with independent
    standard normal ``w_j`` and ``b``. With many inputs the outputs are independent Gaussian
    processes, and the kernels map as ``K' = weight_std^2 K + bias_std^2`` and ``T' = K' +
    weight_std^2 T`` [1]_.

    Parameters
    ----------
    weight_std : float, default=1.0
        Standard deviation of the weights, at least 0.
    bias_std : float or None, default=0.0
        Standard deviation of the biases, at least 0; None is 0.

    References
    ----------
    .. [1] Jacot, Gabriel, Hongler, "Neural Tangent Kernel: Convergence and generalization in
       neural networks", NeurIPS 2018.

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

    def __init__(self, weight_std: float = 1.0, bias_std: float | None = 0.0) -> None:
        self.weight_std = weight_std
        self.bias_std = bias_std

    @classmethod
    def examples(cls) -> list[Dense]:
        return [cls(), cls(weight_std=1.3, bias_std=0.4)]

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        check_vector_input(self, input_shape)
        check_real(self, "weight_std", minimum=0)
        if self.bias_std is not None:
            check_real(self, "bias_std", minimum=0)
        return input_shape

    def outputs_are_gaussian(self, inputs_are_gaussian: bool = False) -> bool:
        return True

    def propagate_samples(self, state: SampleState) -> tuple[SampleState, Statistics]:
        return SampleState(*self._map(state.nngp, state.ntk)), ()

    def propagate_pairs(self, state: PairState, left: Statistics, right: Statistics) -> PairState:
        return PairState(*self._map(state.nngp, state.ntk))

    def _map(self, nngp: Array, ntk: Array) -> tuple[Array, Array]:
        weight_variance = self.weight_std * self.weight_std
        bias_std = self._field("bias_std")
        outputs = weight_variance * nngp + bias_std * bias_std
        return outputs, outputs + weight_variance * ntk

    def initialize(
        self, key: Array, input_shape: tuple[int, ...], width: int, outputs: int
    ) -> Parameters:
        weight_key, bias_key = jax.random.split(key)
        weights = jax.random.normal(weight_key, (input_shape[-1], outputs))
        return weights, jax.random.normal(bias_key, (outputs,))

    def apply(self, parameters: Parameters, inputs: Array, key: Array | None = None) -> Array:
        weights, biases = parameters
        scale = self.weight_std / jnp.sqrt(inputs.shape[-1])
        return scale * jnp.matmul(inputs, weights, precision="highest") + (
            self._field("bias_std") * biases
        )

    def width_behind(self, input_shape: tuple[int, ...], outputs: int) -> tuple[int, ...]:
        return (*input_shape[:-1], outputs)

    def _field(self, name: str) -> Any:
        value = super()._field(name)
        # No bias and a bias of size 0 are one network, and so one compiled program.
        return 0.0 if name == "bias_std" and value is None else value
