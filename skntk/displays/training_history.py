"""Training and test loss of an ensemble over time, with the spread between its networks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from skntk.displays.drawing import (
    Curve,
    Keywords,
    axes_or_new,
    check_choice,
    check_n_std,
    draw_curves,
    require_matplotlib,
    set_time_scale,
)
from skntk.displays.networks import DisplayedEstimator

_LOSS_NAMES = {
    "squared_error": "loss (half the mean squared error)",
    "log_loss": "loss (cross-entropy)",
}
_LOSSES = {"train": ("train",), "test": ("test",), "both": ("train", "test")}


@dataclass(kw_only=True, eq=False, repr=False)
class TrainingHistoryDisplay:
    """Training and test loss over time, with a band for the spread between networks.

    It is recommended to use `from_estimator` to create a display; several may share one axes. All
    parameters are stored as attributes. Each network of an ensemble has a loss of its own: the line
    is their mean and the band their standard deviation.

    Parameters
    ----------
    training_times : ndarray of shape (n_times,)
        Times in steps of gradient descent, ascending.
    train_loss : ndarray of shape (n_times,)
        Mean loss on the training data, in squared units of the targets.
    test_loss : ndarray of shape (n_times,)
        Mean loss on the test data.
    train_loss_std : ndarray of shape (n_times,), default=None
        Standard deviation of the training loss over the networks. None draws no band.
    test_loss_std : ndarray of shape (n_times,), default=None
        Standard deviation of the test loss. None draws no band.
    name : str, default=None
        Legend prefix; None for no prefix.
    loss_name : str, default=None
        Label of the vertical axis. None is "loss".

    Attributes
    ----------
    lines_ : list of matplotlib Line2D
        The mean losses, in the order of the legend.
    fill_between_ : list of matplotlib PolyCollection or None
        Their bands, None where there is no standard deviation.
    ax_ : matplotlib Axes
        Axes with the losses.
    figure_ : matplotlib Figure
        Figure with the axes.

    See Also
    --------
    TrainingDynamicsDisplay : The predictions over time.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> import numpy as np
    >>> from skntk.displays import TrainingHistoryDisplay
    >>> times = np.logspace(0, 3, 30)
    >>> loss = 1 / (1 + times)
    >>> TrainingHistoryDisplay(
    ...     training_times=times, train_loss=loss, test_loss=loss + 0.1, test_loss_std=0.2 * loss
    ... ).plot()
    <...>
    >>> plt.show()
    """

    training_times: np.ndarray
    train_loss: np.ndarray
    test_loss: np.ndarray
    train_loss_std: np.ndarray | None = None
    test_loss_std: np.ndarray | None = None
    name: str | None = None
    loss_name: str | None = None

    def plot(
        self,
        ax: Any = None,
        *,
        loss_type: str = "both",
        n_std: float = 1.0,
        legend: bool = True,
        line_kwargs: Keywords = None,
        fill_between_kwargs: Keywords = None,
    ) -> Self:
        """Draw the losses.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw into. None is a new figure.
        loss_type : {"train", "test", "both"}, default="both"
            Which losses to draw.
        n_std : float, default=1.0
            Half of a band's width in standard deviations, at least 0. A band ends at 0, below which
            no loss can be.
        legend : bool, default=True
            Whether to draw a legend.
        line_kwargs : dict, default=None
            Keywords of the `matplotlib.axes.Axes.plot` calls that draw the means.
        fill_between_kwargs : dict, default=None
            Keywords of the `matplotlib.axes.Axes.fill_between` calls that draw the bands.

        Returns
        -------
        display : `TrainingHistoryDisplay`
            The display itself.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If ``loss_type`` is unknown, or ``n_std`` is negative or not finite.
        """
        require_matplotlib(f"{type(self).__name__}.plot")
        check_choice("loss_type", loss_type, tuple(_LOSSES))
        check_n_std(n_std)
        ax = axes_or_new(ax)
        curves = [self._curve(which) for which in _LOSSES[loss_type]]
        self.lines_, self.fill_between_ = draw_curves(
            ax, curves, n_std, line_kwargs, fill_between_kwargs, lowest=0.0
        )
        set_time_scale(ax, self.training_times)
        ax.set_ylabel("loss" if self.loss_name is None else self.loss_name)
        if legend:
            ax.legend()
        self.ax_ = ax
        self.figure_ = ax.figure
        return self

    def _curve(self, which: str) -> Curve:
        loss = {"train": "training loss", "test": "test loss"}[which]
        label = loss if self.name is None else f"{self.name}, {loss}"
        mean, std = getattr(self, f"{which}_loss"), getattr(self, f"{which}_loss_std")
        return Curve(self.training_times, mean, std, label)

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: ArrayLike,
        *,
        training_times: ArrayLike,
        name: str | None = None,
        ax: Any = None,
        loss_type: str = "both",
        n_std: float = 1.0,
        legend: bool = True,
        line_kwargs: Keywords = None,
        fill_between_kwargs: Keywords = None,
    ) -> Self:
        r"""Draw the losses of a fitted ensemble, infinitely wide or finite.

        They are half the mean squared error, :math:`\frac{1}{2N} \sum_i |f(x_i) - y_i|^2`, of
        classifiers with ``loss="log_loss"`` the cross-entropy.

        Parameters
        ----------
        estimator : estimator
            Fitted, with a ``training_history``, such as `NTKRegressor` or
            `FiniteWidthRegressor`, a pipeline that ends with one, or a search over one of these.
        X : array-like of shape (n_samples, n_features)
            Test inputs.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Their targets.
        training_times : array-like of shape (n_times,)
            Times in steps of gradient descent, at least 0 and ascending. The axis is logarithmic,
            for which times such as ``np.logspace(0, 4, 50)`` are evenly spaced.
        name : str, default=None
            Legend prefix. None is the name of the estimator's class.
        ax, loss_type, n_std, legend, line_kwargs, fill_between_kwargs
            As `plot` takes them.

        Returns
        -------
        display : `TrainingHistoryDisplay`
            The display, drawn.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        TypeError
            If the estimator has no training history.
        ValueError
            If the data, the times or another parameter are not valid.

        Examples
        --------
        >>> import matplotlib.pyplot as plt
        >>> import numpy as np
        >>> from skntk import NTKRegressor
        >>> from skntk.displays import TrainingHistoryDisplay
        >>> X = np.linspace(-2, 2, 40)[:, np.newaxis]
        >>> y = np.sin(2 * X[:, 0])
        >>> model = NTKRegressor(alpha=0.0).fit(X[::2], y[::2])
        >>> TrainingHistoryDisplay.from_estimator(
        ...     model, X[1::2], y[1::2], training_times=np.logspace(-1, 3, 30)
        ... )
        <...>
        >>> plt.show()
        """
        caller = f"{cls.__name__}.from_estimator"
        require_matplotlib(caller)
        check_choice("loss_type", loss_type, tuple(_LOSSES))
        check_n_std(n_std)
        model = DisplayedEstimator(estimator)
        model.require(
            "training_history", None, caller, "NTKRegressor, NNGPRegressor or FiniteWidthRegressor"
        )
        history = model.estimator.training_history(model.inputs(X), y, training_times)
        display = cls(
            training_times=history.training_times,
            train_loss=history.train_loss,
            test_loss=history.test_loss,
            train_loss_std=history.train_loss_std,
            test_loss_std=history.test_loss_std,
            name=model.name if name is None else name,
            loss_name=_LOSS_NAMES[getattr(model.estimator, "loss", "squared_error")],
        )
        return display.plot(
            ax,
            loss_type=loss_type,
            n_std=n_std,
            legend=legend,
            line_kwargs=line_kwargs,
            fill_between_kwargs=fill_between_kwargs,
        )
