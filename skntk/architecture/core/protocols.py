"""What a layer can say of itself, by subject, and what holds where it says nothing.

A layer made of layers has something to say on every subject: `hooks_of` lists them.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from skntk.architecture.propagation.state import Array

Parameters = Any
"""A pytree of arrays: the weights of one finite network."""


class Structure:
    """Which inputs a layer takes, and what it makes of them."""

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        """Validate the hyperparameters and return the shape of one output sample.

        Parameters
        ----------
        input_shape : tuple of int
            Shape of one input sample, channels last.

        Returns
        -------
        tuple of int
            Channels last; the number of channels counts only where the input is.

        Raises
        ------
        TypeError, ValueError
            If a hyperparameter is not valid or the shape does not fit.
        """
        return input_shape

    def outputs_are_gaussian(self, inputs_are_gaussian: bool = False) -> bool:
        """Return whether the outputs at infinite width are Gaussian, as those of `Dense` are.

        Parameters
        ----------
        inputs_are_gaussian : bool, default=False
            Whether what comes in is. The samples themselves are not: they are given.

        Returns
        -------
        bool
            False, unless the layer makes its outputs Gaussian or keeps them so.
        """
        return False

    @property
    def reads_features(self) -> bool:
        """Whether the layer reads the features of the inputs, and not their covariance alone.

        Nothing that changes the inputs may stand before it, other than their scales.
        """
        return False


class InputTransform:
    """What becomes of the inputs of a network before its kernels are computed."""

    def reshape_inputs(self, X: np.ndarray) -> np.ndarray:
        """Return inputs as the network reads them: the one place where flat rows become images.

        Parameters
        ----------
        X : ndarray of shape (n, ...)
            Inputs as a user passes them.

        Returns
        -------
        ndarray of shape (n, ...)
            X itself, or X with samples of another shape.

        Raises
        ------
        ValueError
            If the network was told the shape of its samples and these have another.
        """
        return X

    @property
    def scales_inputs(self) -> bool:
        """Whether `scale_inputs` does anything: such a layer is the first of a network."""
        return False

    def scale_inputs(self, X: Array) -> Array:
        """Return the inputs that the kernels are computed of.

        Parameters
        ----------
        X : array of shape (n, ..., channels)
            Inputs as `reshape_inputs` returns them.

        Returns
        -------
        array of shape (n, ..., channels)
            X itself, unless ``scales_inputs``.
        """
        return X


class Symmetrized:
    """The mean of the outputs of a network over transformed inputs, as of `FlipAverage`."""

    @property
    def n_transforms(self) -> int:
        """Number of `transforms`."""
        return 1

    def transforms(self, X: np.ndarray) -> list[np.ndarray]:
        """Return the inputs over which the outputs of the network are averaged.

        The kernel of the average is the mean of the kernels of all pairs of transformed inputs, of
        one sample and of the other.

        Parameters
        ----------
        X : ndarray of shape (n, ...)
            Inputs as `reshape_inputs` returns them.

        Returns
        -------
        list of ndarray of shape (n, ...)
            The inputs themselves come first.
        """
        return [X]

    def transforms_are_equivalent(self, input_shape: tuple[int, ...]) -> bool:
        """Return whether the mean over all pairs is that over transforms of the right inputs.

        Then the matrices of these pairs are symmetric as well.

        Parameters
        ----------
        input_shape : tuple of int
            Shape of one sample, as `reshape_inputs` returns it.

        Returns
        -------
        bool
            Always True where nothing is averaged.
        """
        return True


class FiniteWidth:
    """The layer as a part of a network of finite width."""

    def initialize(
        self, key: Array, input_shape: tuple[int, ...], width: int, outputs: int
    ) -> Parameters:
        """Draw the parameters of a finite network: independent standard normal numbers.

        Parameters
        ----------
        key : jax.Array
            A key of `jax.random`.
        input_shape : tuple of int
            Shape of one input sample.
        width : int
            Number of channels of hidden layers.
        outputs : int
            Number of output channels, where it can choose them.

        Returns
        -------
        pytree of arrays
            Empty for a layer without parameters.
        """
        return ()

    def apply(self, parameters: Parameters, inputs: Array, key: Array | None = None) -> Array:
        """Map the activations of a finite network.

        Parameters
        ----------
        parameters : pytree of arrays
            Made by `initialize`.
        inputs : array of shape (n, ..., channels)
            Activations of the inputs.
        key : jax.Array, default=None
            A key of `jax.random`, needed by layers that are random themselves (`Dropout`).

        Returns
        -------
        array of shape (n, ..., channels)
            Activations of the outputs.
        """
        raise NotImplementedError(f"{type(self).__name__} does not define apply.")

    def finite_output_shape(self, input_shape: tuple[int, ...], outputs: int) -> tuple[int, ...]:
        """Return the shape of one output sample in a finite network.

        Parameters
        ----------
        input_shape : tuple of int
            Shape of one input sample.
        outputs : int
            Number of output channels, where it can choose them.

        Returns
        -------
        tuple of int
            Channels last.
        """
        return input_shape


def hooks_of(*protocols: type) -> tuple[str, ...]:
    """Return the names of the methods and properties that some protocols declare."""
    return tuple(
        name for protocol in protocols for name in vars(protocol) if not name.startswith("_")
    )
