"""What a model depends on: importances of features as bars, and the matrix behind them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from skntk._final_estimator import FinalEstimator
from skntk._validation import is_integer
from skntk.displays.drawing import (
    COLORS,
    Keywords,
    axes_or_new,
    check_choice,
    require_matplotlib,
    with_defaults,
)
from skntk.estimators import average_gradient_outer_product

_KINDS = ("importances", "matrix")

# More names than these do not fit beside an image.
_MOST_NAMES = 30


@dataclass(kw_only=True, eq=False, repr=False)
class FeatureMatrixDisplay:
    """The average gradient outer product of a model, or its diagonal as importances.

    It is recommended to use `from_estimator` to create a display. All parameters are stored as
    attributes.

    Parameters
    ----------
    matrix : ndarray of shape (n_features, n_features)
        The average gradient outer product.
    feature_names : sequence of str, default=None
        Names of the features. None is their numbers.
    name : str, default=None
        Name of the model, the title of the axes. None is no title.

    Attributes
    ----------
    bars_ : matplotlib BarContainer or None
        The bars, the most important feature first; None where the matrix was drawn.
    im_ : matplotlib AxesImage or None
        The image, None where importances were drawn.
    colorbar_ : matplotlib Colorbar or None
        The color bar of the image.
    ax_ : matplotlib Axes
        Axes with the picture.
    figure_ : matplotlib Figure
        Figure with the axes.

    See Also
    --------
    skntk.average_gradient_outer_product : Computes the matrix.
    skntk.FeatureLearningRegressor : Learns features from it.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> import numpy as np
    >>> from skntk.displays import FeatureMatrixDisplay
    >>> FeatureMatrixDisplay(matrix=np.diag([3.0, 1.0])).plot()
    <...>
    >>> plt.show()
    """

    matrix: np.ndarray
    feature_names: Sequence[str] | None = None
    name: str | None = None

    @property
    def importances(self) -> np.ndarray:
        """The diagonal of the matrix, divided by its sum."""
        diagonal = np.diagonal(self.matrix)
        total = diagonal.sum()
        shares: np.ndarray = diagonal / total if total > 0 else np.zeros(len(diagonal))
        return shares

    def plot(
        self,
        ax: Any = None,
        *,
        kind: str = "importances",
        max_features: int = 20,
        bar_kwargs: Keywords = None,
        im_kwargs: Keywords = None,
    ) -> Self:
        """Draw importances or the matrix.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw into. None is a new figure.
        kind : {"importances", "matrix"}, default="importances"
            Bars for the most important features, or the matrix of all as an image, divided by the
            sum of its diagonal: positive entries are directions in which features count together,
            negative ones those in which they count against one another.
        max_features : int, default=20
            The most bars, at least 1.
        bar_kwargs : dict, default=None
            Keywords of the `matplotlib.axes.Axes.barh` call.
        im_kwargs : dict, default=None
            Keywords of the `matplotlib.axes.Axes.imshow` call.

        Returns
        -------
        display : `FeatureMatrixDisplay`
            The display itself.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If ``kind`` or ``max_features`` is not valid.
        """
        require_matplotlib(f"{type(self).__name__}.plot")
        _check(kind, max_features)
        ax = axes_or_new(ax)
        self.bars_, self.im_, self.colorbar_ = None, None, None
        if kind == "importances":
            self._draw_importances(ax, max_features, bar_kwargs)
        else:
            self._draw_matrix(ax, im_kwargs)
        if self.name is not None:
            ax.set_title(self.name)
        self.ax_ = ax
        self.figure_ = ax.figure
        return self

    def _draw_importances(self, ax: Any, max_features: int, bar_kwargs: Keywords) -> None:
        from matplotlib.patches import Rectangle

        importances = self.importances
        order = np.argsort(-importances, kind="stable")[:max_features]
        style = with_defaults(Rectangle, bar_kwargs, color=COLORS[0])
        places = np.arange(len(order))
        self.bars_ = ax.barh(places, importances[order], **style)
        ax.set_yticks(places, [self._names()[feature] for feature in order])
        ax.tick_params("y", length=0)
        ax.invert_yaxis()
        ax.set(xlabel="importance", xlim=(0, None))
        if self.feature_names is None:
            ax.set_ylabel("feature")

    def _draw_matrix(self, ax: Any, im_kwargs: Keywords) -> None:
        from matplotlib.image import AxesImage

        total = np.trace(self.matrix)
        shown = self.matrix / total if total > 0 else self.matrix
        largest = np.abs(shown).max() or 1.0
        style = with_defaults(
            AxesImage,
            im_kwargs,
            cmap="RdBu_r",
            interpolation="nearest",
            clim=(-largest, largest),
        )
        limits = style.pop("clim")
        image = ax.imshow(shown, **style)
        if "norm" not in style:
            image.set_clim(*limits)
        self.im_ = image
        self.colorbar_ = ax.figure.colorbar(image, ax=ax, label="gradient outer product")
        if self.feature_names is None or len(self.matrix) > _MOST_NAMES:
            ax.set(xlabel="feature", ylabel="feature")
            for axis in (ax.xaxis, ax.yaxis):
                axis.get_major_locator().set_params(integer=True)
            return
        places = np.arange(len(self.matrix))
        ax.set_xticks(places, self._names(), rotation=90)
        ax.set_yticks(places, self._names())
        ax.tick_params(length=0)

    def _names(self) -> list[str]:
        names = range(len(self.matrix)) if self.feature_names is None else self.feature_names
        return [str(name) for name in names]

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any = None,
        *,
        feature_names: ArrayLike | None = None,
        name: str | None = None,
        ax: Any = None,
        kind: str = "importances",
        max_features: int = 20,
        bar_kwargs: Keywords = None,
        im_kwargs: Keywords = None,
    ) -> Self:
        """Draw what a fitted estimator depends on.

        Parameters
        ----------
        estimator : estimator
            Fitted: one that has a ``feature_matrix_``, such as `FeatureLearningRegressor` or
            `LearnedFeatures`, or any that `average_gradient_outer_product` takes; a pipeline that
            ends with one, or a search.
        X : array-like of shape (n_samples, n_features), default=None
            Samples over which gradients are averaged, as the pipeline takes them. None takes the
            ``feature_matrix_`` of the estimator, which is that of its training rows.
        feature_names : array-like of str of shape (n_features,), default=None
            Names of the features as they reach the estimator. None is its ``feature_names_in_``,
            or without these their numbers.
        name : str, default=None
            Title of the axes. None is the name of the estimator's class.
        ax, kind, max_features, bar_kwargs, im_kwargs
            As `plot` takes them.

        Returns
        -------
        display : `FeatureMatrixDisplay`
            The display, drawn.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        TypeError
            If the estimator has neither a matrix nor gradients.
        ValueError
            If X is None and the estimator has no ``feature_matrix_``, if there are more or fewer
            names than features, or a parameter is not valid.

        Examples
        --------
        >>> import matplotlib.pyplot as plt
        >>> from sklearn.datasets import load_diabetes
        >>> from sklearn.pipeline import make_pipeline
        >>> from sklearn.preprocessing import StandardScaler
        >>> from skntk import NNGPRegressor
        >>> from skntk.displays import FeatureMatrixDisplay
        >>> data = load_diabetes()
        >>> model = make_pipeline(StandardScaler(), NNGPRegressor()).fit(data.data, data.target)
        >>> FeatureMatrixDisplay.from_estimator(
        ...     model, data.data, feature_names=data.feature_names
        ... )
        <...>
        >>> plt.show()
        """
        caller = f"{cls.__name__}.from_estimator"
        require_matplotlib(caller)
        _check(kind, max_features)
        model = FinalEstimator(estimator)
        fitted = model.estimator
        if X is not None:
            matrix = average_gradient_outer_product(estimator, X)
        elif hasattr(fitted, "feature_matrix_"):
            matrix = fitted.feature_matrix_
        else:
            raise ValueError(
                f"{model.name} has no feature_matrix_ of its own: give {caller} the samples X over "
                "which gradients are averaged, such as the training rows."
            )
        names = (
            getattr(fitted, "feature_names_in_", None) if feature_names is None else feature_names
        )
        if names is not None and len(np.asarray(names)) != len(matrix):
            raise ValueError(
                f"feature_names has {len(np.asarray(names))} names for {len(matrix)} features."
            )
        display = cls(
            matrix=matrix,
            feature_names=None if names is None else [str(name) for name in np.asarray(names)],
            name=model.name if name is None else name,
        )
        return display.plot(
            ax,
            kind=kind,
            max_features=max_features,
            bar_kwargs=bar_kwargs,
            im_kwargs=im_kwargs,
        )


def _check(kind: str, max_features: int) -> None:
    check_choice("kind", kind, _KINDS)
    if not is_integer(max_features) or max_features < 1:
        raise ValueError(f"max_features must be an integer of at least 1, got {max_features!r}.")
