"""A kernel matrix as an image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import check_array, check_consistent_length, column_or_1d

from skntk.architecture import FullyConnected
from skntk.architecture.core.layer import Layer
from skntk.displays.drawing import Keywords, axes_or_new, require_matplotlib, with_defaults
from skntk.displays.networks import DisplayedEstimator
from skntk.gram import gram_matrix
from skntk.gram.matrix import Kind

# More names than these do not fit beside an image.
_MOST_CLASSES = 20


@dataclass(kw_only=True, eq=False, repr=False)
class GramDisplay:
    """A kernel matrix as an image, its samples in the order of their classes or targets.

    It is recommended to use `from_estimator`, `from_architecture` or `from_matrix` to create a
    display. All parameters are stored as attributes.

    Parameters
    ----------
    matrix : ndarray of shape (n_samples, n_samples)
        The kernel of each pair of samples, in the order in which they are drawn.
    y : ndarray of shape (n_samples,), default=None
        Classes or targets of the samples, in the same order. Classes, which are anything but
        floating-point numbers, are named at the axes and separated by lines, if they are at most
        20.
    name : str, default=None
        Label of the color bar. None is "kernel".

    Attributes
    ----------
    im_ : matplotlib AxesImage
        The image.
    colorbar_ : matplotlib Colorbar or None
        The color bar, None with ``colorbar=False``.
    separators_ : list of matplotlib Line2D
        The lines between the classes.
    ax_ : matplotlib Axes
        Axes with the image.
    figure_ : matplotlib Figure
        Figure with the axes.

    See Also
    --------
    skntk.gram_matrix : Compute a kernel matrix.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> import numpy as np
    >>> from skntk import gram_matrix
    >>> from skntk.architecture import FullyConnected
    >>> from skntk.displays import GramDisplay
    >>> X = np.linspace(-2, 2, 20)[:, np.newaxis]
    >>> GramDisplay(matrix=gram_matrix(FullyConnected(), X)).plot()
    <...>
    >>> plt.show()
    """

    matrix: np.ndarray
    y: np.ndarray | None = None
    name: str | None = None

    def plot(self, ax: Any = None, *, colorbar: bool = True, im_kwargs: Keywords = None) -> Self:
        """Draw the matrix.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw into. None is a new figure.
        colorbar : bool, default=True
            Whether to draw a color bar.
        im_kwargs : dict, default=None
            Keywords of the `matplotlib.axes.Axes.imshow` call, such as ``{"cmap": "magma"}``.

        Returns
        -------
        display : `GramDisplay`
            The display itself.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        require_matplotlib(f"{type(self).__name__}.plot")
        from matplotlib.image import AxesImage

        ax = axes_or_new(ax)
        style = with_defaults(AxesImage, im_kwargs, cmap="viridis", interpolation="nearest")
        self.im_ = ax.imshow(self.matrix, **style)
        self.colorbar_ = None
        if colorbar:
            label = "kernel" if self.name is None else self.name
            self.colorbar_ = ax.figure.colorbar(self.im_, ax=ax, label=label)
        self.separators_ = self._name_classes(ax)
        self.ax_ = ax
        self.figure_ = ax.figure
        return self

    def _name_classes(self, ax: Any) -> list[Any]:
        """Label both axes, and return the lines between the classes."""
        if self.y is None:
            ax.set(xlabel="sample", ylabel="sample")
            return []
        classes, starts, counts = np.unique(self.y, return_index=True, return_counts=True)
        if self.y.dtype.kind == "f" or len(classes) > _MOST_CLASSES:
            ax.set(xlabel="sample, by its target", ylabel="sample, by its target")
            return []
        centers = starts + (counts - 1) / 2
        ax.set(xlabel="class", ylabel="class")
        ax.set_yticks(centers, classes)
        ax.set_xticks(centers, classes)
        if sum(map(len, map(str, classes))) > 30:
            ax.tick_params("x", rotation=90)
        ax.tick_params(length=0)
        style = {"color": "white", "linewidth": 0.8}
        edges = starts[1:] - 0.5
        return [draw(edge, **style) for edge in edges for draw in (ax.axhline, ax.axvline)]

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: ArrayLike | None = None,
        *,
        kind: Kind | None = None,
        ax: Any = None,
        colorbar: bool = True,
        im_kwargs: Keywords = None,
    ) -> Self:
        """Draw the kernel of an estimator's network, as it sees the samples.

        Parameters
        ----------
        estimator : estimator
            An estimator with an ``architecture``, such as `NTKRegressor`, fitted or not; a fitted
            pipeline that ends with one, or a search over one of these. Of `FiniteWidthRegressor`
            the kernel is that of infinite width; that of one finite network is drawn by
            `from_architecture` with `LinearizedNetwork`.
        X : array-like of shape (n_samples, n_features)
            Samples, which pass through the steps before the network.
        y : array-like of shape (n_samples,), default=None
            Classes or targets by which the samples are ordered. None leaves them as they are.
        kind : {"ntk", "nngp"} or None, default=None
            Which kernel. None is the one with which the estimator predicts its mean: the NNGP
            kernel of `NNGPRegressor` and `NNGPClassifier`, the NTK of others.
        ax, colorbar, im_kwargs
            As `plot` takes them.

        Returns
        -------
        display : `GramDisplay`
            The display, drawn.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        TypeError
            If the estimator has no architecture.
        ValueError
            As `skntk.gram_matrix`, or if X and y differ in length.

        Examples
        --------
        >>> import matplotlib.pyplot as plt
        >>> from sklearn.datasets import load_wine
        >>> from sklearn.pipeline import make_pipeline
        >>> from sklearn.preprocessing import StandardScaler
        >>> from skntk import NTKClassifier
        >>> from skntk.displays import GramDisplay
        >>> X, y = load_wine(return_X_y=True)
        >>> model = make_pipeline(StandardScaler(), NTKClassifier()).fit(X, y)
        >>> GramDisplay.from_estimator(model, X, y)
        <...>
        >>> plt.show()
        """
        caller = f"{cls.__name__}.from_estimator"
        require_matplotlib(caller)
        model = DisplayedEstimator(estimator)
        if not hasattr(model.estimator, "architecture"):
            raise TypeError(
                f"{caller} needs an estimator with an architecture, such as NTKRegressor, not "
                f"{model.name}. A matrix of any other kernel is drawn by from_matrix."
            )
        if kind is None:
            kinds: tuple[Kind, ...] = getattr(model.estimator, "kinds", ("ntk",))
            kind = kinds[0]
        architecture = model.estimator.architecture
        return cls.from_architecture(
            FullyConnected() if architecture is None else architecture,
            model.inputs(X),
            y,
            kind=kind,
            ax=ax,
            colorbar=colorbar,
            im_kwargs=im_kwargs,
        )

    @classmethod
    def from_architecture(
        cls,
        architecture: Layer,
        X: ArrayLike,
        y: ArrayLike | None = None,
        *,
        kind: Kind = "ntk",
        ax: Any = None,
        colorbar: bool = True,
        im_kwargs: Keywords = None,
    ) -> Self:
        """Draw the kernel of an infinitely wide network.

        Parameters
        ----------
        architecture : layer
            The network, for example ``FullyConnected(depth=3)``.
        X : array-like of shape (n_samples, n_features)
            Samples; images and sequences as for `skntk.gram_matrix`.
        y : array-like of shape (n_samples,), default=None
            Classes or targets by which the samples are ordered. None leaves them as they are.
        kind : {"ntk", "nngp"}, default="ntk"
            Which kernel.
        ax, colorbar, im_kwargs
            As `plot` takes them.

        Returns
        -------
        display : `GramDisplay`
            The display, drawn.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        TypeError, ValueError
            As `skntk.gram_matrix`, or if ``kind`` is not one of the two, or X and y differ in
            length.

        Examples
        --------
        >>> import matplotlib.pyplot as plt
        >>> import numpy as np
        >>> from skntk.architecture import FullyConnected
        >>> from skntk.displays import GramDisplay
        >>> X = np.linspace(-2, 2, 20)[:, np.newaxis]
        >>> GramDisplay.from_architecture(FullyConnected(bias_std=1.0), X, kind="nngp")
        <...>
        >>> plt.show()
        """
        require_matplotlib(f"{cls.__name__}.from_architecture")
        if kind not in ("ntk", "nngp"):
            raise ValueError(f"kind must be 'ntk' or 'nngp', one for a picture; got {kind!r}.")
        matrix = gram_matrix(architecture, X, kind=kind)
        name = f"{kind.upper()} kernel" if kind == "nngp" else "NTK"
        return cls.from_matrix(matrix, y, name=name, ax=ax, colorbar=colorbar, im_kwargs=im_kwargs)

    @classmethod
    def from_matrix(
        cls,
        matrix: ArrayLike,
        y: ArrayLike | None = None,
        *,
        name: str | None = None,
        ax: Any = None,
        colorbar: bool = True,
        im_kwargs: Keywords = None,
    ) -> Self:
        """Draw a kernel matrix that was computed before, of any kernel.

        Parameters
        ----------
        matrix : array-like of shape (n_samples, n_samples)
            The kernel of each pair of samples.
        y : array-like of shape (n_samples,), default=None
            Classes or targets by which the samples are ordered. None leaves them as they are.
        name : str, default=None
            Label of the color bar. None is "kernel".
        ax, colorbar, im_kwargs
            As `plot` takes them.

        Returns
        -------
        display : `GramDisplay`
            The display, drawn.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If the matrix is not square, or y does not have a value for each of its rows.

        Examples
        --------
        >>> import matplotlib.pyplot as plt
        >>> from sklearn.datasets import load_wine
        >>> from sklearn.gaussian_process.kernels import RBF
        >>> from sklearn.preprocessing import scale
        >>> from skntk.displays import GramDisplay
        >>> X, y = load_wine(return_X_y=True)
        >>> GramDisplay.from_matrix(RBF(3.0)(scale(X)), y)
        <...>
        >>> plt.show()
        """
        require_matplotlib(f"{cls.__name__}.from_matrix")
        kernel = check_array(matrix, input_name="matrix")
        if kernel.shape[0] != kernel.shape[1]:
            raise ValueError(
                f"matrix must hold the kernel of each pair of the same samples, and be square; got "
                f"shape {kernel.shape}."
            )
        if y is None:
            display = cls(matrix=kernel, name=name)
        else:
            targets = column_or_1d(y)
            check_consistent_length(kernel, targets)
            order = np.argsort(targets, kind="stable")
            display = cls(matrix=kernel[np.ix_(order, order)], y=targets[order], name=name)
        return display.plot(ax, colorbar=colorbar, im_kwargs=im_kwargs)
