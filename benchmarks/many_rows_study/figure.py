"""The figure of the guide: time against rows, on logarithmic axes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt

COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7")
MARKERS = "osD^"


def draw(lines: Mapping[str, Sequence[tuple[int, float]]], path: Path) -> None:
    """Draw a line of (rows, seconds) for every solver."""
    mpl.use("agg")
    plt.rcParams |= {"svg.fonttype": "path", "svg.hashsalt": "skntk", "font.size": 9}
    figure, ax = plt.subplots(figsize=(6.4, 3.6), layout="constrained")
    for (name, points), color, marker in zip(lines.items(), COLORS, MARKERS, strict=False):
        rows, times = zip(*sorted(points), strict=True)
        ax.loglog(rows, times, marker=marker, color=color, label=name, markersize=4)
    ax.set(xlabel="training rows", ylabel="seconds of fit")
    ax.grid(visible=True, which="major", color="#DDDDDD")
    ax.spines[["top", "right"]].set_visible(False)
    ax.legend(frameon=False)
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)
