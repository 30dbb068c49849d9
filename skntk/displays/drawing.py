"""What all displays draw alike: colors, lines with bands, points, and the axis of time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from numbers import Real
from typing import Any, NamedTuple

import numpy as np

# Okabe and Ito, "Color universal design", 2008, without its black and its yellow: distinct to
# readers of every color vision, and dark enough for lines.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00")

Keywords = Mapping[str, Any] | None


def require_matplotlib(caller: str) -> None:
    """Raise an ImportError if matplotlib, which a caller needs, is missing; before any work."""
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise ImportError(
            f"{caller} requires matplotlib. You can install it with `pip install matplotlib`, or "
            "with the extra 'plot' of skntk."
        ) from error


def axes_or_new(ax: Any) -> Any:
    """Return the axes given, or those of a new figure."""
    if ax is not None:
        return ax
    import matplotlib.pyplot as plt

    return plt.subplots(layout="constrained")[1]


def next_color(ax: Any) -> str:
    """Return the first of the colors that no line in the axes has yet."""
    from matplotlib.colors import to_hex

    taken = {to_hex(line.get_color()).upper() for line in ax.lines}
    free = [color for color in COLORS if color not in taken]
    return free[0] if free else COLORS[len(ax.lines) % len(COLORS)]


def shades(n_colors: int) -> list[Any]:
    """Return colors for what has an order, from dark to light, none too light for a line."""
    import matplotlib as mpl

    return list(mpl.colormaps["viridis"](np.linspace(0.0, 0.85, n_colors)))


def with_defaults(artist: type, given: Keywords, **defaults: Any) -> dict[str, Any]:
    """Return keywords for an artist: those given, by whichever name, and the defaults of others."""
    from matplotlib.cbook import normalize_kwargs

    return defaults | normalize_kwargs(dict(given or {}), artist)


def check_n_std(n_std: Any) -> None:
    """Raise a ValueError unless it is a number of standard deviations."""
    if not isinstance(n_std, Real) or not 0 <= float(n_std) < np.inf:
        raise ValueError(f"n_std must be a finite number of at least 0, got {n_std!r}.")


def check_choice(name: str, value: Any, choices: tuple[str, ...]) -> None:
    """Raise a ValueError unless the value is one of the choices."""
    if value not in choices:
        listed = ", ".join(map(repr, choices))
        raise ValueError(f"{name} must be one of {listed}; got {value!r}.")


class Curve(NamedTuple):
    """A mean with its standard deviation, both of shape (n,); no color is the next of the axes.

    In the place of a standard deviation an interval, of shape (2, n), bounds the band.
    """

    x: np.ndarray
    mean: np.ndarray
    std: np.ndarray | None
    label: str
    color: Any = None
    interval: np.ndarray | None = None

    def band(self, n_std: float) -> tuple[np.ndarray, np.ndarray, str] | None:
        """Return the bounds of the band and what the legend calls it, or None."""
        if self.interval is not None:
            lower, upper = self.interval
            return lower, upper, "interval"
        if self.std is None:
            return None
        width = n_std * self.std
        return self.mean - width, self.mean + width, f"± {n_std:g} std"


def draw_curves(
    ax: Any,
    curves: Sequence[Curve],
    n_std: float,
    line_kwargs: Keywords,
    fill_between_kwargs: Keywords,
    *,
    in_legend: bool = True,
    lowest: float = -np.inf,
) -> tuple[list[Any], list[Any]]:
    """Draw a line for each mean, with a band of its color, and return both; no std is no band.

    The legend names the last band, if ``in_legend``. A band ends at ``lowest`` where the values
    cannot be lower.
    """
    from matplotlib.collections import PolyCollection
    from matplotlib.lines import Line2D

    lines: list[Any] = []
    bands: list[Any] = []
    for curve in curves:
        color = next_color(ax) if curve.color is None else curve.color
        line_style = with_defaults(
            Line2D, line_kwargs, color=color, linewidth=2.0, label=curve.label
        )
        lines += ax.plot(curve.x, curve.mean, **line_style)
        band = curve.band(n_std)
        if band is None:
            bands.append(None)
            continue
        lower, upper, name = band
        is_named = in_legend and len(lines) == len(curves)
        band_label = name if is_named else "_band"
        style = with_defaults(
            PolyCollection, fill_between_kwargs, alpha=0.2, linewidth=0.0, label=band_label
        )
        if "color" not in style:
            style.setdefault("facecolor", lines[-1].get_color())
        bands.append(ax.fill_between(curve.x, np.maximum(lower, lowest), upper, **style))
    return lines, bands


def draw_functions(
    ax: Any, x: np.ndarray, values: np.ndarray, label: str, line_kwargs: Keywords, color: Any
) -> list[Any]:
    """Draw a thin line for each column of the values; the legend names the first of them alone."""
    from matplotlib.lines import Line2D

    style = with_defaults(Line2D, line_kwargs, color=color, linewidth=0.8, alpha=0.6, zorder=1.5)
    lines: list[Any] = ax.plot(x, values, **{"label": "_function"} | style)
    if lines and "label" not in style:
        lines[0].set_label(label)
    return lines


def draw_points(
    ax: Any, x: Any, y: Any, label: str, scatter_kwargs: Keywords, color: Any = "black"
) -> Any:
    """Draw data over everything else, with a rim that keeps points apart."""
    from matplotlib.collections import PathCollection

    style = with_defaults(
        PathCollection,
        scatter_kwargs,
        s=26,
        edgecolor="white",
        linewidth=0.7,
        zorder=5,
        label=label,
    )
    if not {"c", "color", "facecolor"} & set(style):
        style["facecolor"] = color
    return ax.scatter(x, y, **style)


def set_time_scale(ax: Any, times: np.ndarray) -> None:
    """Make the axis of time logarithmic, linear between 0 and the first time where 0 is drawn."""
    ax.set_xlabel("training time (steps)")
    positive = times[times > 0]
    if len(positive) == 0:
        return
    if len(positive) == len(times) and ax.get_xscale() != "symlog":
        ax.set_xscale("log")
        return
    ax.set_xscale("symlog", linthresh=positive.min(), linscale=0.5)
