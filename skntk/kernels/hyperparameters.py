"""The numbers of a network that can be learned: their names, bounds and the space of the search.

Every numeric leaf of an architecture has the name under which ``get_params`` shows it. A search
sees one vector theta. As in scikit-learn's kernels it holds logarithms of the numbers; where the
bounds of a number include 0 or negative values, for which there is no logarithm, it holds the
number itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any

import jax
import numpy as np
from sklearn.base import clone

from skntk.architecture.combinators.serial import Composition
from skntk.architecture.core.layer import Layer

Bounds = Any
"""A pair of numbers, an array of pairs, "fixed", or a mapping of these by name."""

DEFAULT_BOUNDS = (1e-5, 1e5)


@dataclass(frozen=True, eq=False)
class LearnedNumbers:
    """A hyperparameter: one number, or an array of them."""

    # As in ``get_params``.
    name: str
    # Shape (n_elements,).
    values: np.ndarray
    # Lower and upper bounds, shape (n_elements, 2); None if it is fixed.
    bounds: np.ndarray | None

    @property
    def _logarithmic(self) -> np.ndarray:
        assert self.bounds is not None
        return np.asarray(self.bounds[:, 0] > 0)

    def to_search(self, numbers: np.ndarray) -> np.ndarray:
        """Return numbers as the search sees them, shape (n_elements,)."""
        logarithmic = self._logarithmic
        if (numbers[logarithmic] <= 0).any():
            raise ValueError(
                f"{self.name} is {_printed(self.values)}, but its bounds {self.bounds.tolist()} "  # type: ignore[union-attr]
                "are positive: give it a value within the bounds, or a lower bound of 0, which is "
                "searched without logarithms."
            )
        result = numbers.astype(float)
        result[logarithmic] = np.log(result[logarithmic])
        return result

    def from_search(self, theta: np.ndarray) -> np.ndarray:
        """Undo `to_search`."""
        result = np.array(theta, float)
        result[self._logarithmic] = np.exp(result[self._logarithmic])
        return result

    def slopes(self) -> np.ndarray:
        """Return the derivatives of the numbers by what the search sees of them."""
        return np.where(self._logarithmic, self.values, 1.0)

    def search_bounds(self) -> np.ndarray:
        """Return the bounds of what the search sees, shape (n_elements, 2)."""
        assert self.bounds is not None
        return np.column_stack([self.to_search(column) for column in self.bounds.T])


class ArchitectureHyperparameters:
    """The hyperparameters of a network, those that are learned and those that are fixed.

    Bounds are those of all hyperparameters, or of those that are named; see `NNGPKernel`.
    """

    def __init__(self, architecture: Layer, bounds: Bounds = DEFAULT_BOUNDS) -> None:
        self.architecture = architecture
        self._leaf_names = _names_of_leaves(architecture)
        params = architecture.get_params(deep=True)
        named = dict(bounds) if isinstance(bounds, Mapping) else {}
        general = DEFAULT_BOUNDS if isinstance(bounds, Mapping) else bounds
        # In the order of `get_params`; names of one object that stands twice come once.
        names = [name for name in params if name in set(self._leaf_names)]
        _check_names(named, names, params)
        self.all = [
            _learned_numbers(architecture, name, params[name], named, general) for name in names
        ]

    @property
    def learned(self) -> list[LearnedNumbers]:
        """Those that are not fixed."""
        return [numbers for numbers in self.all if numbers.bounds is not None]

    @property
    def theta(self) -> np.ndarray:
        """The numbers that are learned, as the search sees them."""
        return _joined([numbers.to_search(numbers.values) for numbers in self.learned], (0,))

    @property
    def bounds(self) -> np.ndarray:
        """The bounds of theta, shape (n_dims, 2)."""
        return _joined([numbers.search_bounds() for numbers in self.learned], (0, 2))

    def architecture_at(self, theta: np.ndarray) -> Layer:
        """Return a copy of the network with other numbers."""
        theta = np.asarray(theta, float)
        n_dims = len(self.bounds)
        if theta.shape != (n_dims,):
            raise ValueError(
                f"theta must have one entry for each number that is learned, shape ({n_dims},), "
                f"got shape {theta.shape}. Fixed hyperparameters have no entry."
            )
        params = self.architecture.get_params(deep=True)
        changed: dict[str, Any] = {}
        for numbers in self.learned:
            entries, theta = np.split(theta, [numbers.values.size])
            changed[numbers.name] = _as_before(params[numbers.name], numbers.from_search(entries))
        architecture: Layer = clone(self.architecture)
        return architecture.set_params(**changed)

    def directions(self) -> list[Layer]:
        """Return the derivatives of the network by the entries of theta, in its own structure."""
        leaves, structure = jax.tree.flatten(self.architecture)
        directions = []
        for numbers in self.learned:
            positions = [i for i, name in enumerate(self._leaf_names) if name == numbers.name]
            for slopes in np.diag(numbers.slopes()):
                changes = [np.zeros(np.shape(leaf)) for leaf in leaves]
                for position in positions:
                    entries, slopes = np.split(slopes, [np.size(leaves[position])])
                    changes[position] = entries.reshape(np.shape(leaves[position]))
                directions.append(jax.tree.unflatten(structure, changes))
        return directions


def _names_of_leaves(architecture: Layer) -> list[str]:
    """Return the name in ``get_params`` of every leaf; numbers in one list have one name."""
    paths, _ = jax.tree_util.tree_flatten_with_path(architecture)
    return [_name(architecture, path) for path, _ in paths]


def _name(node: Any, path: Sequence[Any]) -> str:
    parts = []
    for key in path:
        if isinstance(key, jax.tree_util.GetAttrKey):
            if not (isinstance(node, Composition) and key.name == node.sequence):
                parts.append(key.name)
            node = node.canonical(key.name)
        elif isinstance(node[key.idx], Layer):
            parts.append(str(key.idx))
            node = node[key.idx]
    return "__".join(parts)


def _check_names(
    named: Mapping[str, Bounds], names: Sequence[str], params: Mapping[str, Any]
) -> None:
    for name in named:
        if name in names:
            continue
        if name in params:
            reason = (
                f"{name} = {params[name]!r} is no number that a kernel changes smoothly with. "
                "Search over it with GridSearchCV."
            )
        else:
            reason = f"The architecture has no hyperparameter {name!r}."
        raise ValueError(f"architecture_bounds: {reason} Those with bounds are {list(names)}.")


def _learned_numbers(
    architecture: Layer, name: str, value: Any, named: Mapping[str, Bounds], general: Bounds
) -> LearnedNumbers:
    if value is None:
        if name in named and not _is_fixed(named[name]):
            raise ValueError(
                f"architecture_bounds: {name} is None, which stays as it is. Give the "
                "architecture a number to start from."
            )
        return LearnedNumbers(name, np.empty(0), None)
    numbers = np.ravel(np.asarray(value, float))
    if name in named:
        return LearnedNumbers(name, numbers, checked_bounds(name, named[name], numbers.size))
    bounds = checked_bounds("architecture_bounds", general, 1)
    if bounds is None or not _is_learned_by_default(architecture, name, numbers, bounds[0, 0]):
        return LearnedNumbers(name, numbers, None)
    return LearnedNumbers(name, numbers, np.repeat(bounds, numbers.size, axis=0))


def _is_learned_by_default(
    architecture: Layer, name: str, numbers: np.ndarray, lower: float
) -> bool:
    owner, _, field = name.rpartition("__")
    layer = architecture.get_params(deep=True)[owner] if owner else architecture
    # A search in linear scale may arrive at its lower bound.
    has_place = (numbers > 0) if lower > 0 else (numbers >= lower)
    return bool(has_place.all()) and field not in layer.fixed_by_default


def _is_fixed(bounds: Bounds) -> bool:
    return isinstance(bounds, str) and bounds == "fixed"


def checked_bounds(name: str, bounds: Bounds, n_elements: int) -> np.ndarray | None:
    """Return checked bounds as an array of shape (n_elements, 2), or None for "fixed"."""
    if _is_fixed(bounds):
        return None
    wanted = f"The bounds of {name} must be a pair of numbers (lower, upper) or 'fixed'"
    try:
        pairs = np.atleast_2d(np.asarray(bounds, float))
    except (TypeError, ValueError):
        raise TypeError(f"{wanted}, got {bounds!r}.") from None
    if pairs.ndim != 2 or pairs.shape[1] != 2 or len(pairs) not in (1, n_elements):
        raise ValueError(f"{wanted}, or one pair for each of its {n_elements} value(s).")
    if np.isnan(pairs).any():
        raise ValueError(f"{wanted}, got {bounds!r}.")
    if (pairs[:, 0] > pairs[:, 1]).any():
        raise ValueError(
            f"The bounds of {name} cross: the lower one is greater than the upper one in "
            f"{bounds!r}. Swap them."
        )
    return np.repeat(pairs, n_elements, axis=0) if len(pairs) < n_elements else pairs


def _as_before(value: Any, numbers: np.ndarray) -> Any:
    """Return numbers in the form that a hyperparameter had."""
    if isinstance(value, Real) or np.ndim(value) == 0:
        return float(numbers[0])
    if isinstance(value, list | tuple):
        return type(value)(numbers.tolist())
    return numbers.reshape(np.shape(value))


def _printed(values: np.ndarray) -> Any:
    return values.tolist()[0] if values.size == 1 else values.tolist()


def _joined(arrays: list[np.ndarray], empty: tuple[int, ...]) -> np.ndarray:
    return np.concatenate(arrays) if arrays else np.empty(empty)
