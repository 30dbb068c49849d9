"""What all displays share: missing matplotlib, colors, the axis of time."""

import sys

import numpy as np
import pytest

from skntk import displays
from skntk.displays.drawing import COLORS, next_color, set_time_scale

FACTORIES = [
    (getattr(displays, name), factory)
    for name in displays.__all__
    for factory in vars(getattr(displays, name))
    if factory.startswith("from_")
]


@pytest.mark.parametrize(
    ("cls", "factory"), FACTORIES, ids=lambda value: getattr(value, "__name__", value)
)
def test_says_that_matplotlib_is_missing_before_it_computes(monkeypatch, cls, factory):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    needed = {"training_times": []} if cls.__name__.startswith("Training") else {}
    arguments = [None] * (3 if cls is displays.TrainingHistoryDisplay else 2)
    if factory == "from_matrix":
        arguments = arguments[:1]
    with pytest.raises(ImportError, match=rf"{cls.__name__}\.{factory} requires matplotlib"):
        getattr(cls, factory)(*arguments, **needed)


def test_plot_says_that_matplotlib_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r"GramDisplay\.plot requires matplotlib"):
        displays.GramDisplay(matrix=np.eye(2)).plot()


def test_colors_repeat_only_when_all_are_taken(figures):
    _, ax = figures.subplots()
    ax.plot([0, 1], color="black")
    for color in COLORS:
        assert next_color(ax) == color
        ax.plot([0, 1], color=color)
    assert next_color(ax) in COLORS


@pytest.mark.parametrize(
    ("times", "scale"), [([1, 10], "log"), ([0, 1, 10], "symlog"), ([0], "linear")]
)
def test_time_is_logarithmic_where_it_can_be(figures, times, scale):
    _, ax = figures.subplots()
    set_time_scale(ax, np.array(times, dtype=float))
    assert ax.get_xscale() == scale


def test_zero_stays_on_an_axis_that_shows_it(figures):
    _, ax = figures.subplots()
    set_time_scale(ax, np.array([0.0, 1.0]))
    set_time_scale(ax, np.array([1.0, 2.0]))
    assert ax.get_xscale() == "symlog"
