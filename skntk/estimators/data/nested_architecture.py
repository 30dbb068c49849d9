"""Parameters of the network within an estimator."""

from __future__ import annotations

from typing import Any, Self

from sklearn.base import clone

from skntk.architecture import FullyConnected
from skntk.architecture.core.layer import Layer
from skntk.estimators.data.validation import ValidatedEstimator


class NestedArchitecture(ValidatedEstimator):
    """An estimator with an ``architecture``, None being the default one."""

    architecture: Layer | None

    def set_params(self, **params: Any) -> Self:
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
        if nested and params.get("architecture", self.architecture) is None:
            name = type(self).__name__
            raise ValueError(
                f"{nested[0]} cannot be set, because {name}(architecture=None) has no network of "
                f"its own yet: start from {name}(FullyConnected())."
            )
        super().set_params(**params)
        return self

    def _copy_of_architecture(self) -> Layer:
        architecture: Layer = (
            FullyConnected() if self.architecture is None else clone(self.architecture)
        )
        return architecture
