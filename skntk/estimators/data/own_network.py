"""The network of an estimator, where None is the default one."""

from __future__ import annotations

from typing import Any, TypeVar

from sklearn.base import clone

from skntk._sklearn import BaseEstimator
from skntk.architecture import FullyConnected
from skntk.architecture.core.layer import Layer

EstimatorT = TypeVar("EstimatorT", bound=BaseEstimator)


def copy_of_architecture(architecture: Layer | None) -> Layer:
    """Return a copy of the network, or the default network for None."""
    copy: Layer = FullyConnected() if architecture is None else clone(architecture)
    return copy


def set_params(self: EstimatorT, **params: Any) -> EstimatorT:
    """Set parameters of the estimator, and of its network as ``architecture__<parameter>``.

    Parameters
    ----------
    **params : dict
        Values by name.

    Returns
    -------
    self

    Raises
    ------
    ValueError
        If a name is unknown, or belongs to the network where ``architecture`` is None.
    """
    nested = [name for name in params if name.startswith("architecture__")]
    given = self.get_params(deep=False) | params
    if nested and given["architecture"] is None:
        name = type(self).__name__
        raise ValueError(
            f"{nested[0]} cannot be set, because {name}(architecture=None) has no network of "
            f"its own yet: start from {name}(FullyConnected())."
        )
    BaseEstimator.set_params(self, **params)
    return self
