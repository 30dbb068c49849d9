"""A network of finite width with given parameters: one's own model in the place of a layer."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import clone
from sklearn.utils import check_array, gen_batches

from skntk._jax_settings import own_placement
from skntk.architecture.core.layer import Layer
from skntk.architecture.core.protocols import Parameters
from skntk.architecture.core.pytree import with_arrays
from skntk.architecture.propagation.state import Array, PairState, SampleState, Statistics

__all__ = ["LinearizedNetwork"]

# Rows that pass through the network at once.
_ROWS_AT_ONCE = 256


class LinearizedNetwork(Layer):
    r"""A network of finite width, linearized at given parameters.

    With f the network and :math:`\theta_0` the parameters, training

    .. math::

        f_{lin}(x) = f(x, \theta_0) + \nabla_\theta f(x, \theta_0) \cdot (\theta - \theta_0)

    by gradient descent is the training of a kernel method with the empirical NTK, the mean over the
    outputs c of

    .. math::

        T(x, z) = \nabla_\theta f_c(x, \theta_0) \cdot \nabla_\theta f_c(z, \theta_0) ,

    from the initial function :math:`f(x, \theta_0)` [1]_. It stands wherever an architecture does:
    `gram_matrix` gives the empirical NTK, and as the NNGP kernel the mean of
    :math:`f_c(x, \theta_0) f_c(z, \theta_0)`; estimators train with them. Called with inputs, it
    returns the outputs of the network: the initial function.

    Parameters
    ----------
    network : layer or callable
        An architecture, whose finite network has the parameters, or a function
        ``network(parameters, X)`` written with JAX, as the ``apply`` of flax and similar libraries,
        that maps inputs of shape (n, ...) to outputs of shape (n, n_outputs) or (n,) and treats
        every sample by itself. A function of a module can be pickled.
    parameters : pytree of arrays
        As `Layer.initialize` draws them, or those of the function. Floating-point leaves are what
        training changes; others are left as they are.

    Notes
    -----
    With several outputs, the exact NTK is a matrix for each pair of samples. The mean over its
    diagonal stands for it; the wider the network, the nearer it is to that mean times the identity.
    Where the outputs share no parameters and are built alike, or there is one output, nothing is
    lost.

    The posterior standard deviation of a trained ensemble needs the NNGP kernel. Of one network it
    is an estimate of rank ``n_outputs``, useful only with many outputs. With the network itself as
    the initial function there is nothing random.

    Kernels are computed from the derivatives of every output by every parameter, at least one row
    of them for each of two samples at a time in every thread: the memory of a few times the
    parameters. Layers that are random themselves (`Dropout`) are refused, and so are functions that
    mix samples, as batch normalization in training does, by what their outputs depend on; the
    latter is not checked.

    References
    ----------
    .. [1] Lee et al., "Wide neural networks of any depth evolve as linear models under gradient
       descent", NeurIPS 2019.

    Examples
    --------
    >>> import jax
    >>> import numpy as np
    >>> from skntk import gram_matrix
    >>> from skntk.architecture import Dense, LinearizedNetwork, Relu, Serial
    >>> architecture = Serial([Dense(), Relu(), Dense()])
    >>> parameters = architecture.initialize(jax.random.key(0), (2,), width=1000, outputs=1)
    >>> empirical = gram_matrix(LinearizedNetwork(architecture, parameters), np.eye(2))
    >>> np.abs(empirical - gram_matrix(architecture, np.eye(2))).max() < 0.1
    np.True_

    A model of one's own:

    >>> def apply(parameters, X):
    ...     return X @ parameters["weights"] + parameters["bias"]
    >>> parameters = {"weights": np.ones((2, 1)), "bias": np.zeros(1)}
    >>> gram_matrix(LinearizedNetwork(apply, parameters), np.eye(2))
    array([[2., 1.],
           [1., 2.]])
    """

    category: ClassVar[str | None] = None

    def __init__(self, network: Layer | Callable[..., Any], parameters: Parameters) -> None:
        self.network = network
        self.parameters = parameters

    def __call__(self, X: ArrayLike) -> np.ndarray:
        """Return the outputs of the network.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Inputs, as the network takes them.

        Returns
        -------
        ndarray of shape (n_samples,) for one output, (n_samples, n_outputs) for more

        Raises
        ------
        ValueError
            If the inputs are not valid or do not fit the network.
        """
        checked = check_array(X, dtype=[np.float64, np.float32], allow_nd=True, input_name="X")
        inputs = self.reshape_inputs(checked)
        self.output_shape(inputs.shape[1:])
        with own_placement(), jax.enable_x64(inputs.dtype == np.float64):
            network = self.with_precision(inputs.dtype)
            outputs = [
                np.asarray(network.apply(network.parameters, jnp.asarray(inputs[rows])))
                for rows in gen_batches(len(inputs), _ROWS_AT_ONCE)
            ]
        joined = np.concatenate(outputs)
        return joined[:, 0] if joined.shape[1] == 1 else joined

    def with_precision(self, dtype: np.dtype) -> LinearizedNetwork:
        """Return the network with hyperparameters and parameters as arrays of a precision.

        Parameters
        ----------
        dtype : numpy.dtype
            Of floating-point parameters; others stay as they are.

        Returns
        -------
        LinearizedNetwork
        """

        def as_array(leaf: Any) -> np.ndarray:
            array = np.asarray(leaf)
            return array.astype(dtype, copy=False) if is_trained(leaf) else array

        network = self.network
        if isinstance(network, Layer):
            network = with_arrays(network, dtype)
        return LinearizedNetwork(network, jax.tree.map(as_array, self.parameters))

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        self._check_network()
        if isinstance(self.network, Layer):
            self.network.output_shape(input_shape)
            if self.network.is_stochastic():
                raise ValueError(
                    "LinearizedNetwork takes a network that is a function of its inputs, and "
                    "Dropout is random: remove it."
                )
        if not any(is_trained(leaf) for leaf in jax.tree.leaves(self.parameters)):
            raise ValueError(
                "LinearizedNetwork(parameters=...) has no array of floating-point numbers: there "
                "nothing to train."
            )
        n_samples = 3
        inputs = jax.ShapeDtypeStruct((n_samples, *input_shape), np.float32)
        network = self.with_precision(np.dtype(np.float32))
        try:
            shape = jax.eval_shape(network._call, network.parameters, inputs).shape
        except Exception as error:
            raise ValueError(
                f"The network cannot be applied to its parameters and samples of shape "
                f"{tuple(input_shape)}: {type(error).__name__}: {error}"
            ) from error
        if len(shape) not in (1, 2) or shape[0] != n_samples:
            raise ValueError(
                f"The network maps {n_samples} samples to an array of shape {shape}: it has to be "
                f"({n_samples},) or ({n_samples}, n_outputs), one row for each sample."
            )
        return tuple(shape[1:]) or (1,)

    def _check_network(self) -> None:
        if isinstance(self.network, type) or not (
            isinstance(self.network, Layer) or callable(self.network)
        ):
            raise TypeError(
                "LinearizedNetwork(network=...) takes an architecture or a function "
                f"network(parameters, X), got {self.network!r}."
            )

    def reshape_inputs(self, X: np.ndarray) -> np.ndarray:
        self._check_network()
        return self.network.reshape_inputs(X) if isinstance(self.network, Layer) else X

    def outputs_are_gaussian(self, inputs_are_gaussian: bool = False) -> bool:
        # Training moves these outputs linearly, whatever their distribution was.
        return True

    def propagate_samples(self, state: SampleState) -> tuple[SampleState, Statistics]:
        raise self._is_no_part()

    def propagate_pairs(self, state: PairState, left: Statistics, right: Statistics) -> PairState:
        raise self._is_no_part()

    def initialize(
        self, key: Array, input_shape: tuple[int, ...], width: int, outputs: int
    ) -> Parameters:
        raise self._is_no_part()

    def apply(self, parameters: Parameters, inputs: Array, key: Array | None = None) -> Array:
        outputs = self._call(parameters, inputs)
        return outputs[:, jnp.newaxis] if outputs.ndim == 1 else outputs

    def _call(self, parameters: Parameters, inputs: Array) -> Array:
        if isinstance(self.network, Layer):
            return self.network.apply(parameters, inputs)
        outputs: Array = self.network(parameters, inputs)
        return outputs

    @staticmethod
    def _is_no_part() -> ValueError:
        return ValueError(
            "LinearizedNetwork is a whole network with parameters of its own: it cannot be part of "
            "another one, and its width is given."
        )

    # scikit-learn and JAX --------------------------------------------------------------------

    def canonical(self, name: str) -> Any:
        value = super().canonical(name)
        if name == "network" and not isinstance(value, Layer):
            return jax.tree_util.Partial(value)  # a pytree without leaves, compared as the function
        return value

    def __eq__(self, other: object) -> bool:
        """Return whether the other network is the same function with equal parameters."""
        if type(other) is not type(self):
            return NotImplemented
        ours, our_structure = jax.tree.flatten(self.parameters)
        theirs, their_structure = jax.tree.flatten(other.parameters)
        return (
            bool(self.network == other.network)
            and bool(our_structure == their_structure)  # type: ignore[operator]
            and all(map(np.array_equal, ours, theirs))
        )

    __hash__ = None  # type: ignore[assignment]  # mutable through set_params

    def __sklearn_clone__(self) -> LinearizedNetwork:
        is_layer = isinstance(self.network, Layer)
        network = clone(self.network) if is_layer else self.network
        return LinearizedNetwork(network, deepcopy(self.parameters))

    def __getstate__(self) -> dict[str, Any]:
        # JAX arrays of double precision would come back in single.
        parameters = jax.tree.map(
            lambda leaf: np.asarray(leaf) if isinstance(leaf, jax.Array) else leaf, self.parameters
        )
        return {**super().__getstate__(), "parameters": parameters}


def is_trained(leaf: Any) -> bool:
    """Return whether a parameter is of floating-point numbers."""
    return bool(jnp.issubdtype(jnp.result_type(leaf), jnp.floating))
