"""Objects with parameters as scikit-learn has them, which are pytrees to JAX."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar, Self, TypeVar

import jax
import numpy as np
from sklearn.base import BaseEstimator, clone

from skntk._sklearn import NamedParameters, parameter_names
from skntk.architecture.core.functions import as_reference, from_reference

Tree = TypeVar("Tree")

CanonicalForms = Mapping[str, Callable[[Any], Any]]
"""By the name of a field, a function that maps its value to the form that the pytree shows."""


class ParameterTree(NamedParameters):
    """A scikit-learn object whose constructor arguments are the fields of a JAX pytree.

    Fields named in ``static`` are part of the structure of the pytree; all others are its children.
    Values of a field that mean the same, such as no bias and a bias of size 0, have one form in the
    pytree, and so one compiled program: the functions in ``canonical_forms`` return it.
    Two objects are equal if they have the same class and equal fields.
    """

    static: ClassVar[tuple[str, ...]] = ()
    canonical_forms: ClassVar[CanonicalForms] = {}
    _numeric: ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        # Once for a class: every call of a compiled program flattens every layer.
        cls._numeric = tuple(name for name in parameter_names(cls) if name not in cls.static)
        jax.tree_util.register_pytree_with_keys(
            cls, ParameterTree._flatten_with_keys, cls._unflatten, ParameterTree._flatten
        )

    # scikit-learn ----------------------------------------------------------------------------

    def __eq__(self, other: object) -> bool:
        """Return whether the other object has the same class and equal fields."""
        if type(other) is not type(self):
            return NotImplemented
        ours, theirs = self.get_params(deep=False), other.get_params(deep=False)
        return all(_equal(ours[name], theirs[name]) for name in ours)

    __hash__ = None  # type: ignore[assignment]  # mutable through set_params

    def __sklearn_clone__(self) -> Self:
        params = self.get_params(deep=False)
        return type(self)(**{name: _clone(value) for name, value in params.items()})

    def __getstate__(self) -> dict[str, Any]:
        return {name: as_reference(value) for name, value in super().__getstate__().items()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__({name: from_reference(value) for name, value in state.items()})

    # JAX -------------------------------------------------------------------------------------

    def canonical(self, name: str) -> Any:
        """Return the value of a field as the pytree shows it, see ``canonical_forms``."""
        value = getattr(self, name)
        convert = self.canonical_forms.get(name)
        return value if convert is None else convert(value)

    def _flatten(self) -> tuple[list[Any], tuple[Any, ...]]:
        children = [self.canonical(name) for name in self._numeric]
        return children, tuple(_hashable(self.canonical(name)) for name in self.static)

    def _flatten_with_keys(self) -> tuple[list[Any], tuple[Any, ...]]:
        children, static = self._flatten()
        keys = map(jax.tree_util.GetAttrKey, self._numeric)
        return list(zip(keys, children, strict=True)), static

    @classmethod
    def _unflatten(cls, static: tuple[Any, ...], children: Iterable[Any]) -> Self:
        tree = object.__new__(cls)
        names = (*cls._numeric, *cls.static)
        for name, value in zip(names, (*children, *static), strict=True):
            setattr(tree, name, value)
        return tree


def _clone(value: Any) -> Any:
    is_function = callable(value) and not isinstance(value, type | BaseEstimator)
    return value if is_function else clone(value, safe=False)


def _hashable(value: Any) -> Any:
    return tuple(map(_hashable, value)) if isinstance(value, list) else value


def _equal(ours: Any, theirs: Any) -> bool:
    if isinstance(ours, list | tuple) and isinstance(theirs, list | tuple):
        return len(ours) == len(theirs) and all(map(_equal, ours, theirs))
    if isinstance(ours, np.ndarray) or isinstance(theirs, np.ndarray):
        return bool(np.array_equal(ours, theirs))
    return bool(ours == theirs)


def with_arrays(tree: Tree, dtype: np.dtype) -> Tree:
    """Return a pytree of numbers, such as a layer, with every number as an array of a precision."""
    arrays: Tree = jax.tree.map(lambda leaf: np.asarray(leaf, dtype), tree)
    return arrays


def zero_if_none(value: Any) -> Any:
    """Return 0 for None: no bias is a bias of size 0."""
    return 0.0 if value is None else value


def tuple_or_none(value: Any) -> tuple[Any, ...] | None:
    """Return a sequence as a tuple."""
    return None if value is None else tuple(value)


def one_leaf(value: Any) -> Any:
    """Return a list as an array, which is one leaf of a pytree instead of one for each entry."""
    return np.array(value, float) if isinstance(value, list | tuple) else value
