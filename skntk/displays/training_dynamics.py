"""Predictions of an ensemble while its networks are trained."""

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
    draw_points,
    require_matplotlib,
    set_time_scale,
    shades,
)
from skntk.displays.feature_grid import FeatureGrid, values_of_samples
from skntk.displays.networks import DisplayedEstimator
from skntk.displays.stages import staged_predictions

_KINDS = ("prediction_vs_input", "prediction_vs_time")


@dataclass(kw_only=True, eq=False, repr=False)
class TrainingDynamicsDisplay:
    """Predictions with their bands while networks are trained.

    It is recommended to use `from_estimator` to create a display. All parameters are stored as
    attributes.

    Parameters
    ----------
    training_times : ndarray of shape (n_times,)
        Times in steps of gradient descent, ascending.
    x : ndarray of shape (n_points,)
        Values of the input.
    y_pred : ndarray of shape (n_times, n_points)
        Mean of the predictions at each time.
    y_std : ndarray of shape (n_times, n_points), default=None
        Their standard deviation. None draws no bands.
    x_train : ndarray of shape (n_samples,), default=None
        Input of samples whose targets are drawn.
    y_train : ndarray of shape (n_samples,), default=None
        Their targets. None draws none.
    xlabel : str, default=None
        Name of the input. None is "input".
    ylabel : str, default=None
        Label of the vertical axis. None is "output".

    Attributes
    ----------
    lines_ : list of matplotlib Line2D
        The means: one for each time against the input, one for each point against time.
    fill_between_ : list of matplotlib PolyCollection or None
        Their bands, None without ``y_std``.
    scatter_ : list of matplotlib PathCollection or None
        The targets, None without ``y_train``: in one collection against the input, in one for each
        point against time.
    ax_ : matplotlib Axes
        Axes with the predictions.
    figure_ : matplotlib Figure
        Figure with the axes.

    See Also
    --------
    PredictionBandDisplay : Predictions at one time.
    TrainingHistoryDisplay : Training and test loss over time.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> import numpy as np
    >>> from skntk.displays import TrainingDynamicsDisplay
    >>> times = np.array([0.0, 1.0, 10.0])
    >>> x = np.linspace(-2, 2, 50)
    >>> learned = 1 - np.exp(-times[:, np.newaxis])
    >>> TrainingDynamicsDisplay(
    ...     training_times=times, x=x, y_pred=learned * np.sin(x), y_std=(1 - learned) + 0.0 * x
    ... ).plot()
    <...>
    >>> plt.show()
    """

    training_times: np.ndarray
    x: np.ndarray
    y_pred: np.ndarray
    y_std: np.ndarray | None = None
    x_train: np.ndarray | None = None
    y_train: np.ndarray | None = None
    xlabel: str | None = None
    ylabel: str | None = None

    def plot(
        self,
        ax: Any = None,
        *,
        kind: str = "prediction_vs_input",
        n_std: float = 2.0,
        legend: bool = True,
        line_kwargs: Keywords = None,
        fill_between_kwargs: Keywords = None,
        scatter_kwargs: Keywords = None,
    ) -> Self:
        """Draw the predictions.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw into. None is a new figure.
        kind : {"prediction_vs_input", "prediction_vs_time"}, default="prediction_vs_input"
            Against the input there is one line for each time, against time one for each point.
        n_std : float, default=2.0
            Half of a band's width in standard deviations, at least 0.
        legend : bool, default=True
            Whether to draw a legend.
        line_kwargs : dict, default=None
            Keywords of the `matplotlib.axes.Axes.plot` calls that draw the means.
        fill_between_kwargs : dict, default=None
            Keywords of the `matplotlib.axes.Axes.fill_between` calls that draw the bands.
        scatter_kwargs : dict, default=None
            Keywords of the `matplotlib.axes.Axes.scatter` calls that draw the targets. Against time
            they are at the last time, in the colors of their lines.

        Returns
        -------
        display : `TrainingDynamicsDisplay`
            The display itself.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If ``kind`` is unknown, or ``n_std`` is negative or not finite.
        """
        require_matplotlib(f"{type(self).__name__}.plot")
        check_choice("kind", kind, _KINDS)
        check_n_std(n_std)
        ax = axes_or_new(ax)
        against_input = kind == "prediction_vs_input"
        curves = self._against_input() if against_input else self._against_time()
        self.lines_, bands = draw_curves(ax, curves, n_std, line_kwargs, fill_between_kwargs)
        self.fill_between_ = None if self.y_std is None else bands
        self.scatter_ = None
        if self.y_train is not None and against_input:
            self.scatter_ = [draw_points(ax, self.x_train, self.y_train, "data", scatter_kwargs)]
        elif self.y_train is not None:
            self.scatter_ = self._draw_targets(ax, scatter_kwargs)
        if against_input:
            ax.set_xlabel(self._input_name())
        else:
            set_time_scale(ax, self.training_times)
        ax.set_ylabel("output" if self.ylabel is None else self.ylabel)
        if legend:
            ax.legend()
        self.ax_ = ax
        self.figure_ = ax.figure
        return self

    def _input_name(self) -> str:
        return "input" if self.xlabel is None else self.xlabel

    def _against_input(self) -> list[Curve]:
        times = self.training_times
        stds = [None] * len(times) if self.y_std is None else self.y_std
        labels = [f"time {time:,g}" for time in times]
        columns = zip(self.y_pred, stds, labels, shades(len(times)), strict=True)
        return [Curve(self.x, *column) for column in columns]

    def _against_time(self) -> list[Curve]:
        stds = [None] * len(self.x) if self.y_std is None else self.y_std.T
        labels = [f"{self._input_name()} {value:.3g}" for value in self.x]
        columns = zip(self.y_pred.T, stds, labels, strict=True)
        return [Curve(self.training_times, *column) for column in columns]

    def _draw_targets(self, ax: Any, scatter_kwargs: Keywords) -> list[Any]:
        """Draw the targets of each point at the last time, in the color of its line."""
        drawn = []
        for value, line in zip(self.x, self.lines_, strict=True):
            targets = np.asarray(self.y_train)[self.x_train == value]
            times = np.full(len(targets), self.training_times[-1])
            color = line.get_color()
            drawn.append(draw_points(ax, times, targets, "_target", scatter_kwargs, color))
        return drawn

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: ArrayLike | None = None,
        *,
        training_times: ArrayLike,
        kind: str = "prediction_vs_input",
        feature: int | str = 0,
        grid: int | ArrayLike = 200,
        target: Any = None,
        ax: Any = None,
        n_std: float = 2.0,
        legend: bool = True,
        line_kwargs: Keywords = None,
        fill_between_kwargs: Keywords = None,
        scatter_kwargs: Keywords = None,
    ) -> Self:
        """Draw the predictions of a fitted ensemble at several training times.

        Parameters
        ----------
        estimator : estimator
            A fitted regressor with a ``staged_predict`` that returns standard deviations, or a
            classifier with a ``staged_predict_proba``, infinitely wide or finite; a pipeline that
            ends with one, or a search over one of these.
        X : array-like or dataframe of shape (n_samples, n_features)
            Samples: against the input, those over whose range to draw, against time, those whose
            predictions to follow.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs), default=None
            Their targets, to be drawn as points.
        training_times : array-like of shape (n_times,)
            Times in steps of gradient descent, at least 0 and ascending.
        kind : {"prediction_vs_input", "prediction_vs_time"}, default="prediction_vs_input"
            What is on the horizontal axis: one feature, with one line for each time, or the time,
            with one line for each sample. Choose about five times for the first, and about
            five samples for the second.
        feature : int or str, default=0
            Against the input, the feature that varies, by its position or its name in a dataframe.
            Others are held at their medians, or at what is most frequent if they are not numbers.
        grid : int or array-like of shape (n_points,), default=200
            Against the input, the number of values of this feature over its range widened by a
            quarter on either side, or the values themselves in ascending order.
        target : object, default=None
            The number of the output, or the class whose probability to draw. Has to be given where
            there are several outputs or more than two classes; of two classes None is the second.
        ax, n_std, legend, line_kwargs, fill_between_kwargs, scatter_kwargs
            As `plot` takes them. Probabilities have no band.

        Returns
        -------
        display : `TrainingDynamicsDisplay`
            The display, drawn.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        TypeError
            If the estimator cannot predict at several times.
        ValueError
            If X, the times or another parameter are not valid.

        Examples
        --------
        >>> import matplotlib.pyplot as plt
        >>> import numpy as np
        >>> from skntk import NTKRegressor
        >>> from skntk.displays import TrainingDynamicsDisplay
        >>> X = np.linspace(-2, 2, 9)[:, np.newaxis]
        >>> y = np.sin(X[:, 0])
        >>> model = NTKRegressor(alpha=0.0).fit(X, y)
        >>> TrainingDynamicsDisplay.from_estimator(model, X, y, training_times=[0, 1, 10, 100])
        <...>
        >>> TrainingDynamicsDisplay.from_estimator(
        ...     model, X[::4], y[::4], training_times=np.logspace(-2, 3, 40),
        ...     kind="prediction_vs_time",
        ... )
        <...>
        >>> plt.show()
        """
        caller = f"{cls.__name__}.from_estimator"
        require_matplotlib(caller)
        check_choice("kind", kind, _KINDS)
        check_n_std(n_std)
        model = DisplayedEstimator(estimator)
        if kind == "prediction_vs_input":
            line = FeatureGrid(X, feature, grid)
            rows, x, x_train, xlabel = line.rows, line.values, line.sample_values, line.label
        else:
            rows = X
            x, xlabel = values_of_samples(X)
            x_train = x
        stages = staged_predictions(model, rows, y, training_times, target, caller)
        if stages.y is not None and len(stages.y) != len(x_train):
            raise ValueError(f"X has {len(x_train)} samples, but y has {len(stages.y)}.")
        display = cls(
            training_times=np.asarray(training_times, dtype=np.float64),
            x=x,
            y_pred=stages.y_pred,
            y_std=stages.y_std,
            x_train=x_train,
            y_train=stages.y,
            xlabel=xlabel,
            ylabel=stages.label,
        )
        return display.plot(
            ax,
            kind=kind,
            n_std=n_std,
            legend=legend,
            line_kwargs=line_kwargs,
            fill_between_kwargs=fill_between_kwargs,
            scatter_kwargs=scatter_kwargs,
        )
