"""Predictions of a regressor along one input, with their standard deviation as a band."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from skntk.displays.arrays import (
    number_of_outputs,
    one_feature,
    one_or_several_outputs,
    optional,
    select_output,
)
from skntk.displays.drawing import (
    Curve,
    Keywords,
    axes_or_new,
    check_n_std,
    draw_curves,
    draw_functions,
    draw_points,
    require_matplotlib,
)
from skntk.displays.feature_grid import FeatureGrid
from skntk.displays.networks import DisplayedEstimator

_REGRESSORS = "NTKRegressor, NNGPRegressor or GaussianProcessRegressor"
_WITH_NOISE = "NTKRegressor, NNGPRegressor or WarpedTargetRegressor"


@dataclass(kw_only=True, eq=False, repr=False)
class PredictionBandDisplay:
    """Predictions along one input, with a band of standard deviations around their mean.

    It is recommended to use `from_estimator` or `from_predictions` to create a display. All
    parameters are stored as attributes.

    Parameters
    ----------
    x : ndarray of shape (n_points,)
        Values of the input.
    y_pred : ndarray of shape (n_points,) or (n_points, n_outputs)
        Mean of the predictions.
    y_std : ndarray of the shape of ``y_pred``, default=None
        Their standard deviation. None draws no band, unless there is an interval.
    y_interval : ndarray of shape (2, n_points) or (2, n_points, n_outputs), default=None
        Lower and upper bound of the band, in the place of ``y_std``.
    samples : ndarray of shape (n_points, n_samples) or (n_points, n_outputs, n_samples), \
            default=None
        Functions to draw as thin lines, as `sample_y` returns them.
    x_train : ndarray of shape (n_train,), default=None
        Input of the data that are drawn as points.
    y_train : ndarray of shape (n_train,) or (n_train, n_outputs), default=None
        Targets of these data. None draws no points.
    name : str, default=None
        Name of the mean in the legend. None is "mean".
    xlabel : str, default=None
        Label of the horizontal axis. None is "input".

    Attributes
    ----------
    lines_ : list of matplotlib Line2D
        The mean of each output.
    fill_between_ : list of matplotlib PolyCollection or None
        The band of each output, None without ``y_std`` and ``y_interval``.
    sample_lines_ : list of list of matplotlib Line2D or None
        The samples of each output, None without ``samples``.
    scatter_ : list of matplotlib PathCollection or None
        The data of each output, None without ``y_train``.
    ax_ : matplotlib Axes
        Axes with the predictions.
    figure_ : matplotlib Figure
        Figure with the axes.

    See Also
    --------
    TrainingDynamicsDisplay : Predictions while a network is trained.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> import numpy as np
    >>> from skntk import NNGPRegressor
    >>> from skntk.displays import PredictionBandDisplay
    >>> X = np.linspace(-2, 2, 9)[:, np.newaxis]
    >>> model = NNGPRegressor().fit(X, np.sin(X[:, 0]))
    >>> x = np.linspace(-3, 3, 50)
    >>> y_pred, y_std = model.predict(x[:, np.newaxis], return_std=True)
    >>> PredictionBandDisplay(x=x, y_pred=y_pred, y_std=y_std).plot()
    <...>
    >>> plt.show()
    """

    x: np.ndarray
    y_pred: np.ndarray
    y_std: np.ndarray | None = None
    y_interval: np.ndarray | None = None
    samples: np.ndarray | None = None
    x_train: np.ndarray | None = None
    y_train: np.ndarray | None = None
    name: str | None = None
    xlabel: str | None = None

    def plot(
        self,
        ax: Any = None,
        *,
        n_std: float = 2.0,
        legend: bool = True,
        line_kwargs: Keywords = None,
        fill_between_kwargs: Keywords = None,
        sample_kwargs: Keywords = None,
        scatter_kwargs: Keywords = None,
    ) -> Self:
        """Draw the predictions.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw into. None is a new figure.
        n_std : float, default=2.0
            Half of the band's width in standard deviations, at least 0. Of a Gaussian, 2 cover 95 %
            and 1.645 cover 90 %, from the 5th to the 95th percentile. An interval stays as it is.
        legend : bool, default=True
            Whether to draw a legend.
        line_kwargs : dict, default=None
            Keywords of the `matplotlib.axes.Axes.plot` call that draws the mean.
        fill_between_kwargs : dict, default=None
            Keywords of the `matplotlib.axes.Axes.fill_between` call that draws the band.
        sample_kwargs : dict, default=None
            Keywords of the `matplotlib.axes.Axes.plot` call that draws the samples.
        scatter_kwargs : dict, default=None
            Keywords of the `matplotlib.axes.Axes.scatter` call that draws the data.

        Returns
        -------
        display : `PredictionBandDisplay`
            The display itself.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If ``n_std`` is negative or not finite.
        """
        require_matplotlib(f"{type(self).__name__}.plot")
        check_n_std(n_std)
        ax = axes_or_new(ax)
        lines: list[Any] = []
        bands: list[Any] = []
        sample_lines, points = [], []
        for output in range(number_of_outputs(self.y_pred)):
            curves, is_first = [self._curve(output)], output == 0
            line, band = draw_curves(
                ax, curves, n_std, line_kwargs, fill_between_kwargs, in_legend=is_first
            )
            lines += line
            bands += band
            color = lines[-1].get_color()
            sample_lines.append(self._draw_samples(ax, output, color, sample_kwargs))
            points.append(self._draw_data(ax, output, color, scatter_kwargs))
        self.lines_ = lines
        self.fill_between_ = None if bands[0] is None else bands
        self.sample_lines_ = None if self.samples is None else sample_lines
        self.scatter_ = None if self.y_train is None else points
        ax.set_xlabel("input" if self.xlabel is None else self.xlabel)
        ax.set_ylabel("output")
        if legend:
            ax.legend()
        self.ax_ = ax
        self.figure_ = ax.figure
        return self

    def _curve(self, output: int) -> Curve:
        std = None if self.y_std is None else select_output(self.y_std, output)
        interval = self.y_interval
        if interval is not None:
            interval = np.stack([select_output(bound, output) for bound in interval])
        name = "mean" if self.name is None else self.name
        label = name if number_of_outputs(self.y_pred) == 1 else f"{name}, output {output}"
        mean = select_output(self.y_pred, output)
        return Curve(self.x, mean, std, label, interval=interval)

    def _draw_samples(self, ax: Any, output: int, color: Any, given: Keywords) -> Any:
        if self.samples is None:
            return None
        samples = self.samples if self.samples.ndim == 2 else self.samples[:, output]
        label = "samples" if output == 0 else "_sample"
        return draw_functions(ax, self.x, samples, label, given, color)

    def _draw_data(self, ax: Any, output: int, color: Any, given: Keywords) -> Any:
        if self.y_train is None:
            return None
        color = "black" if number_of_outputs(self.y_pred) == 1 else color
        label = "data" if output == 0 else "_data"
        targets = select_output(self.y_train, output)
        return draw_points(ax, self.x_train, targets, label, given, color)

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: ArrayLike | None = None,
        *,
        feature: int | str = 0,
        grid: int | ArrayLike = 200,
        n_samples: int = 0,
        random_state: int | np.random.RandomState | None = 0,
        observation_noise: bool = False,
        name: str | None = None,
        ax: Any = None,
        n_std: float = 2.0,
        legend: bool = True,
        line_kwargs: Keywords = None,
        fill_between_kwargs: Keywords = None,
        sample_kwargs: Keywords = None,
        scatter_kwargs: Keywords = None,
    ) -> Self:
        """Draw the predictions of a regressor along one of its features.

        Parameters
        ----------
        estimator : estimator
            A regressor with ``predict(X, return_std=True)``, a pipeline that ends with one, or a
            search over one of these. `NTKRegressor` and `NNGPRegressor` that have not been fitted
            show their prior.
        X : array-like or dataframe of shape (n_samples, n_features)
            Samples that say where to draw: over their range, widened by a quarter on either side.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs), default=None
            Their targets, to be drawn as points.
        feature : int or str, default=0
            The feature along which to draw, by its position or its name in a dataframe. Other
            features, if there are any, are held at their medians, or at what is most frequent if
            they are not numbers; the points of y are those of all samples nevertheless.
        grid : int or array-like of shape (n_points,), default=200
            The number of values of this feature, or the values themselves in ascending order.
        n_samples : int, default=0
            How many functions to draw: by ``sample_y`` from the predictive distribution, of
            `FiniteWidthRegressor` the first of its networks.
        random_state : int, RandomState instance or None, default=0
            For the samples; an int gives the same functions on every call.
        observation_noise : bool, default=False
            Whether the band is that of new observations, noise included, and not that of the
            function alone. The samples remain functions.
        name : str, default=None
            Name of the mean in the legend. None is the name of the estimator's class.
        ax, n_std, legend, line_kwargs, fill_between_kwargs, sample_kwargs, scatter_kwargs
            As `plot` takes them. Of `skntk.WarpedTargetRegressor`, whose distributions are not
            symmetric, the band is the interval with the probability of ``n_std`` standard
            deviations of a normal distribution: 95.4 % for 2.

        Returns
        -------
        display : `PredictionBandDisplay`
            The display, drawn.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        TypeError
            If the estimator predicts no standard deviation, that of new observations where it is
            asked for, or has no samples to draw.
        NotFittedError
            If a search has not been fitted, or ``observation_noise=True`` before `fit`.
        ValueError
            If X, ``feature``, ``grid`` or another parameter is not valid, or if the noise of new
            observations is asked for and not known.

        See Also
        --------
        from_predictions : From predictions that were computed before.

        Examples
        --------
        >>> import matplotlib.pyplot as plt
        >>> import numpy as np
        >>> from skntk import NTKRegressor
        >>> from skntk.displays import PredictionBandDisplay
        >>> X = np.linspace(-2, 2, 9)[:, np.newaxis]
        >>> y = np.sin(X[:, 0])
        >>> model = NTKRegressor(alpha=1e-3).fit(X, y)
        >>> PredictionBandDisplay.from_estimator(model, X, y, n_samples=3)
        <...>
        >>> plt.show()
        """
        caller = f"{cls.__name__}.from_estimator"
        require_matplotlib(caller)
        check_n_std(n_std)
        model = DisplayedEstimator(estimator)
        model.require("predict", "return_std", caller, _REGRESSORS)
        if observation_noise:
            model.require("predict", "observation_noise", caller, _WITH_NOISE)
        if n_samples:
            model.require_functions(f"{caller} with n_samples", _REGRESSORS)
        line = FeatureGrid(X, feature, grid)
        rows = model.inputs(line.rows)
        y_pred, y_std, y_interval = model.band(rows, n_std, observation_noise)
        samples = model.functions(rows, n_samples, random_state) if n_samples else None
        return cls.from_predictions(
            line.values,
            y_pred,
            y_std,
            y_interval=y_interval,
            samples=samples,
            x_train=line.sample_values,
            y_train=y,
            name=model.name if name is None else name,
            xlabel=line.label,
            ax=ax,
            n_std=n_std,
            legend=legend,
            line_kwargs=line_kwargs,
            fill_between_kwargs=fill_between_kwargs,
            sample_kwargs=sample_kwargs,
            scatter_kwargs=scatter_kwargs,
        )

    @classmethod
    def from_predictions(
        cls,
        x: ArrayLike,
        y_pred: ArrayLike,
        y_std: ArrayLike | None = None,
        *,
        y_interval: ArrayLike | None = None,
        samples: ArrayLike | None = None,
        x_train: ArrayLike | None = None,
        y_train: ArrayLike | None = None,
        name: str | None = None,
        xlabel: str | None = None,
        ax: Any = None,
        n_std: float = 2.0,
        legend: bool = True,
        line_kwargs: Keywords = None,
        fill_between_kwargs: Keywords = None,
        sample_kwargs: Keywords = None,
        scatter_kwargs: Keywords = None,
    ) -> Self:
        """Draw predictions that were computed before, by any model.

        Parameters
        ----------
        x : array-like of shape (n_points,) or (n_points, 1)
            Values of the input, in ascending order.
        y_pred : array-like of shape (n_points,) or (n_points, n_outputs)
            Mean of the predictions.
        y_std : array-like of the shape of ``y_pred``, default=None
            Their standard deviation. For new observations add the noise's:
            ``np.sqrt(y_std**2 + noise_variance)``. None draws no band, unless there is an interval.
        y_interval : array-like of shape (2, n_points) or (2, n_points, n_outputs), default=None
            Lower and upper bound of the band, in the place of ``y_std``.
        samples : array-like of shape (n_points, n_samples) or (n_points, n_outputs, n_samples), \
                default=None
            Functions to draw as thin lines, as `sample_y` returns them.
        x_train : array-like of shape (n_train,) or (n_train, 1), default=None
            Input of the data that are drawn as points.
        y_train : array-like of shape (n_train,) or (n_train, n_outputs), default=None
            Targets of these data. None draws no points.
        name : str, default=None
            Name of the mean in the legend. None is "mean".
        xlabel : str, default=None
            Label of the horizontal axis. None is "input".
        ax, n_std, legend, line_kwargs, fill_between_kwargs, sample_kwargs, scatter_kwargs
            As `plot` takes them.

        Returns
        -------
        display : `PredictionBandDisplay`
            The display, drawn.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If the shapes do not fit each other, if ``y_std`` and ``y_interval`` are both given, or
            if ``n_std`` is negative.

        Examples
        --------
        >>> import matplotlib.pyplot as plt
        >>> import numpy as np
        >>> from skntk.displays import PredictionBandDisplay
        >>> x = np.linspace(0, 6, 50)
        >>> PredictionBandDisplay.from_predictions(x, np.sin(x), np.full(50, 0.1))
        <...>
        >>> plt.show()
        """
        require_matplotlib(f"{cls.__name__}.from_predictions")
        line = one_feature("x", x)
        n_points = len(line)
        mean = one_or_several_outputs("y_pred", y_pred, n_points)
        outputs = mean.shape[1:]
        if y_std is not None and y_interval is not None:
            raise ValueError("y_std and y_interval cannot both be given: the band is one of them.")
        if y_train is not None and x_train is None:
            raise ValueError("y_train needs x_train, the input of the same data.")
        inputs = None if y_train is None else one_feature("x_train", x_train)
        n_train = 0 if inputs is None else len(inputs)
        n_samples = 0 if samples is None else np.shape(samples)[-1]
        display = cls(
            x=line,
            y_pred=mean,
            y_std=optional("y_std", y_std, mean.shape),
            y_interval=optional("y_interval", y_interval, (2, *mean.shape)),
            samples=optional("samples", samples, (n_points, *outputs, n_samples)),
            x_train=inputs,
            y_train=optional("y_train", y_train, (n_train, *outputs)),
            name=name,
            xlabel=xlabel,
        )
        return display.plot(
            ax,
            n_std=n_std,
            legend=legend,
            line_kwargs=line_kwargs,
            fill_between_kwargs=fill_between_kwargs,
            sample_kwargs=sample_kwargs,
            scatter_kwargs=scatter_kwargs,
        )
