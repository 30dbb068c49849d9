"""The base class of everything a network is made of."""

from __future__ import annotations

import inspect
from typing import Any, ClassVar, Self

import jax
import numpy as np

from skntk.architecture.pytree import ParameterTree
from skntk.architecture.registry import register
from skntk.architecture.spatial.fields import NO_OFFSETS, Field, Grid, Offset, Offsets, Shifted
from skntk.architecture.state import Array, PairState, SampleState, Statistics

__all__ = ["Layer"]

Parameters = Any
"""A pytree of arrays: the weights of one finite network."""


class Layer(ParameterTree):
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
    """

    category: ClassVar[str | None] = None
    not_learned: ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if cls.category is not None and not inspect.isabstract(cls):
            register(cls)

    @classmethod
    def examples(cls) -> list[Self]:
        """Return instances that stand for the class in the tests of every invariant."""
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
        """
        return True

    def tells_equal_samples_apart(self) -> bool:
        """Return whether a sample with itself is more than a pair of equal ones, as to `Dropout`.

        Returns
        -------
        bool
        """
        parts = jax.tree.leaves(
            [self._field(name) for name in self._numeric],
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
        """
        return False

    # Infinite width --------------------------------------------------------------------------

    def propagate_samples(self, state: SampleState) -> tuple[SampleState, Statistics]:
        """Map the kernels of samples with themselves.

        Parameters
        ----------
        state : SampleState
            Kernels before the layer, arrays of shape (..., n).

        Returns
        -------
        state : SampleState
            Kernels behind the layer.
        statistics : pytree of arrays of shape (..., n)
            What `propagate_pairs` needs to know of each sample.
        """
        raise NotImplementedError(f"{type(self).__name__} does not define propagate_samples.")

    def propagate_pairs(self, state: PairState, left: Statistics, right: Statistics) -> PairState:
        """Map the kernels of pairs of samples.

        Parameters
        ----------
        state : PairState
            Kernels before the layer, arrays of shape (..., n_left, n_right).
        left, right : pytrees of arrays of shapes (..., n_left, 1) and (..., 1, n_right)
            The statistics of `propagate_samples`, aligned with the pairs.

        Returns
        -------
        PairState
            Kernels behind the layer.
        """
        raise NotImplementedError(f"{type(self).__name__} does not define propagate_pairs.")

    # Infinite width, many positions ----------------------------------------------------------

    def smallest_canvas(
        self, sizes: tuple[int, ...]
    ) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
        """Return what the layer asks of the circle on which offsets of positions are counted.

        Parameters
        ----------
        sizes : tuple of int
            Pixels along every spatial axis before the layer.

        Returns
        -------
        sizes : tuple of int
            Pixels behind the layer.
        strides : tuple of int
            The canvas is a multiple of these, and behind the layer that part of it.
        smallest : tuple of int
            Least number of places.
        """
        return sizes, (1,) * len(sizes), sizes

    def grid_behind(self, grid: Grid) -> Grid:
        """Return pixels and places behind the layer."""
        return grid

    def offsets_below(self, offsets: Offsets, grid: Grid, of_samples: bool) -> Offsets:
        """Return the offsets before the layer that are needed for some behind it.

        Parameters
        ----------
        offsets : Offsets
            What the network above asks for; `NO_OFFSETS` if nothing but the statistics of samples.
        grid : Grid
            Pixels and places before the layer.
        of_samples : bool
            Whether pairs are samples with themselves, whose statistics are read at offset 0.

        Returns
        -------
        Offsets
        """
        if not of_samples:
            return offsets
        of_axes = ((),) * len(grid.sizes) if offsets == NO_OFFSETS else offsets
        return tuple(tuple(sorted({0, *each})) for each in of_axes)

    def field_of_samples(self, field: Field, offsets: Offsets) -> tuple[Field, Statistics]:
        """Map the kernels of samples with themselves at all pairs of positions.

        Parameters
        ----------
        field : Field
            Kernels before the layer, arrays of shape ``(*canvas, n)``.
        offsets : Offsets
            The offsets that will be asked for.

        Returns
        -------
        field : Field
        statistics : pytree of arrays of shape ``(..., *canvas, n)``
        """
        state, statistics = self.propagate_samples(SampleState(*field.at(field.zero)))
        shifted = Shifted(statistics, len(field.grid.sizes))

        def compute(offset: Offset) -> PairState:
            if offset == field.zero:
                return PairState(*state)
            return self.propagate_pairs(field.at(offset), statistics, shifted.at(offset))

        return field.mapped(compute), statistics

    def field_of_pairs(
        self, field: Field, offsets: Offsets, left: Statistics, right: Statistics
    ) -> Field:
        """Map the kernels of pairs of samples at all pairs of positions.

        Parameters
        ----------
        field : Field
            Kernels before the layer, arrays of shape ``(*canvas, pairs)``.
        offsets : Offsets
            The offsets that will be asked for.
        left, right : pytrees of arrays of shape ``(..., *canvas, pairs)``
            The statistics of `field_of_samples` of the left and of the right sample of each pair.

        Returns
        -------
        Field
        """
        shifted = Shifted(right, len(field.grid.sizes))

        def compute(offset: Offset) -> PairState:
            return self.propagate_pairs(field.at(offset), left, shifted.at(offset))

        return field.mapped(compute)

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
        """
        return input_shape
