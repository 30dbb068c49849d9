"""The base class of everything a network is made of."""

from __future__ import annotations

from typing import Any, ClassVar, Self

import jax
import numpy as np

from skntk.architecture.core.categories import check_category
from skntk.architecture.core.pytree import ParameterTree
from skntk.architecture.propagation.infinite_width import InfiniteWidth
from skntk.architecture.propagation.state import Array

__all__ = ["Layer"]

Parameters = Any
"""A pytree of arrays: the weights of one finite network."""


class Layer(InfiniteWidth, ParameterTree):
    """One step of a network: how it maps covariances, and how it maps activations.

    A layer is a scikit-learn object (``get_params``, ``set_params``, ``clone``, ``repr``) and a JAX
    pytree at once. Its constructor arguments are its fields. Those named in ``static`` change the
    structure of the program that computes the kernel; all others are numbers, or layers, whose
    values can change without compiling anew. Numbers named in ``not_learned`` are no scales, and
    are learned only where a user asks for it.

    Subclasses define

    * ``output_shape(input_shape)``: validation of hyperparameters and shapes,
    * ``propagate_samples`` and ``propagate_pairs``: the layer at infinite width,
    * ``initialize`` and ``apply``: the layer at finite width,
    * ``category``, which enters them in the registry, and ``examples`` for its tests.

    The constructor only assigns its arguments to attributes of the same names. What a subclass
    leaves out is that of a layer that has no parameters, keeps the shape, and treats every position
    of an image alike.

    Attributes
    ----------
    category : str or None
        Of the class: where the registry lists it. None, the default, leaves it out of the registry.
    static : tuple of str
        Of the class: names of the arguments that decide the structure of the program.
    not_learned : tuple of str
        Of the class: names of the numbers that estimators do not learn by themselves.

    Examples
    --------
    >>> import numpy as np
    >>> from skntk import gram_matrix
    >>> from skntk.architecture import Dense, Layer, Serial
    >>> class Damp(Layer):  # multiplies by a number c: K' = c^2 K and T' = c^2 T
    ...     def __init__(self, factor=0.5):
    ...         self.factor = factor
    ...
    ...     def _damped(self, state):
    ...         return type(state)(*(self.factor**2 * kernel for kernel in state))
    ...
    ...     def propagate_samples(self, state):
    ...         return self._damped(state), ()
    ...
    ...     def propagate_pairs(self, state, left, right):
    ...         return self._damped(state)
    ...
    ...     def apply(self, parameters, inputs, key=None):
    ...         return self.factor * inputs
    >>> gram_matrix(Serial([Dense(2.0), Damp(0.5)]), np.eye(2), kind="nngp")
    array([[0.5, 0. ],
           [0. , 0.5]])
    """

    category: ClassVar[str | None] = None
    not_learned: ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if cls.category is not None:
            check_category(cls.category)

    @classmethod
    def examples(cls) -> list[Self]:
        """Return instances that stand for the class in the tests of every invariant.

        Returns
        -------
        list of instances of the class
            One with the default parameters, unless a subclass overrides it: where these alone do
            not show everything, or some arguments have no default.
        """
        return [cls()]

    # Structure -------------------------------------------------------------------------------

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        """Validate the hyperparameters and return the shape of one sample behind the layer.

        Parameters
        ----------
        input_shape : tuple of int
            Shape of one sample before the layer, channels last.

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

    def arrange(self, X: np.ndarray) -> np.ndarray:
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
            Inputs as `arrange` returns them.

        Returns
        -------
        array of shape (n, ..., channels)
            X itself, unless ``scales_inputs``.
        """
        return X

    @property
    def n_views(self) -> int:
        """Number of `views`."""
        return 1

    def views(self, X: np.ndarray) -> list[np.ndarray]:
        """Return the inputs over which the outputs of the network are averaged.

        The kernel of the average is the mean of the kernels of all pairs of views: those of one
        sample with those of the other.

        Parameters
        ----------
        X : ndarray of shape (n, ...)
            Inputs as `arrange` returns them.

        Returns
        -------
        list of ndarray of shape (n, ...)
            The inputs themselves come first.
        """
        return [X]

    def views_are_equivalent(self, input_shape: tuple[int, ...]) -> bool:
        """Return whether the mean over all pairs is that over pairs with a first view on the left.

        Then the matrices of these pairs are symmetric as well.

        Parameters
        ----------
        input_shape : tuple of int
            Shape of one sample, as `arrange` returns it.

        Returns
        -------
        bool
            Always True where there is one view.
        """
        return True

    def tells_equal_samples_apart(self) -> bool:
        """Return whether a sample with itself is more than a pair of equal ones, as to `Dropout`.

        Returns
        -------
        bool
            Whether any layer within this one says so; overridden by those that do.
        """
        parts = jax.tree.leaves(
            [self.canonical(name) for name in self._numeric],
            is_leaf=lambda part: isinstance(part, Layer),
        )
        return any(part.tells_equal_samples_apart() for part in parts if isinstance(part, Layer))

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

    # Finite width ----------------------------------------------------------------------------

    def initialize(
        self, key: Array, input_shape: tuple[int, ...], width: int, outputs: int
    ) -> Parameters:
        """Draw the parameters of a finite network: independent standard normal numbers.

        Parameters
        ----------
        key : jax.Array
            A key of `jax.random`.
        input_shape : tuple of int
            Shape of one sample before the layer.
        width : int
            Number of channels of hidden layers.
        outputs : int
            Number of channels behind this layer, where it can choose them.

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
            Activations before the layer.
        key : jax.Array, default=None
            A key of `jax.random`, needed by layers that are random themselves (`Dropout`).

        Returns
        -------
        array of shape (n, ..., channels)
            Activations behind the layer.
        """
        raise NotImplementedError(f"{type(self).__name__} does not define apply.")

    def width_behind(self, input_shape: tuple[int, ...], outputs: int) -> tuple[int, ...]:
        """Return the shape of one sample behind the layer in a finite network.

        Parameters
        ----------
        input_shape : tuple of int
            Shape of one sample before the layer.
        outputs : int
            Number of channels behind this layer, where it can choose them.

        Returns
        -------
        tuple of int
            Channels last.
        """
        return input_shape
