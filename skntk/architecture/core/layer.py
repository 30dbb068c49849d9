"""The base class of everything a network is made of."""

from __future__ import annotations

from typing import Any, ClassVar, Self

import jax

from skntk.architecture.core.categories import check_category
from skntk.architecture.core.protocols import (
    FiniteWidth,
    InputTransform,
    Structure,
    Symmetrized,
    hooks_of,
)
from skntk.architecture.core.pytree import ParameterTree
from skntk.architecture.propagation.infinite_width import InfiniteWidth

__all__ = ["Layer"]


class Layer(Structure, InputTransform, Symmetrized, InfiniteWidth, FiniteWidth, ParameterTree):
    """One step of a network: how it maps covariances, and how it maps activations.

    A layer is a scikit-learn object (``get_params``, ``set_params``, ``clone``, ``repr``) and a JAX
    pytree at once. Its constructor arguments are its fields. Those named in ``static`` change the
    structure of the program that computes the kernel; all others are numbers, or layers, whose
    values can change without compiling anew. Numbers named in ``fixed_by_default`` are no scales,
    and are learned only where a user asks for it.

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
    fixed_by_default : tuple of str
        Of the class: names of the numbers that estimators do not learn by themselves.
    ends_loop : bool
        Of the class: whether so much is computed of each pair of vectors in single precision that
        the layers up to this one get a loop of their own.

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
    fixed_by_default: ClassVar[tuple[str, ...]] = ()
    ends_loop: ClassVar[bool] = False

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

    def is_stochastic(self) -> bool:
        """Return whether a sample with itself is more than a pair of equal ones, as to `Dropout`.

        Returns
        -------
        bool
            Whether any layer within this one says so; overridden by those that do.
        """
        return any(part.is_stochastic() for part in self._inner_layers())

    def magnifies_rounding(self) -> bool:
        """Return whether the kernel of a sample with itself shows the rounding of its correlation.

        Returns
        -------
        bool
            Whether any layer within this one says so; overridden by those that jump, as `Sign`:
            their kernel has the angle of two samples in it, and so the root of that rounding.
        """
        return any(part.magnifies_rounding() for part in self._inner_layers())

    def _inner_layers(self) -> list[Layer]:
        """Return the layers that are hyperparameters of this one."""
        leaves = jax.tree.leaves(
            [self.canonical(name) for name in self._numeric],
            is_leaf=lambda part: isinstance(part, Layer),
        )
        return [leaf for leaf in leaves if isinstance(leaf, Layer)]

    def resolve(self) -> Layer:
        """Return the network of public layers that a preset stands for; else the layer itself.

        Returns
        -------
        layer
            Computes what this layer does, with the hyperparameters of now. Whoever asks a network
            several questions builds it once by asking the resolved one.
        """
        return self


HOOKS = hooks_of(Structure, InputTransform, InfiniteWidth, FiniteWidth)
"""What a layer made of layers has to define: it knows what its parts make of it."""
