"""Draw the pictures of the page "Inside skntk": ``python docs/figures/draw_inside.py``."""

from itertools import pairwise
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch, Rectangle

mpl.use("agg")
plt.rcParams |= {"svg.fonttype": "path", "svg.hashsalt": "skntk", "font.size": 9}

FOLDER = Path(__file__).parent
BLUE, ORANGE, GRAY = "#0072B2", "#D55E00", "#666666"
PALE_BLUE, PALE_ORANGE, PALE_GRAY = "#CCE3F0", "#F7DDCC", "#EEEEEE"


def empty_axes(ax, width, height):
    """Let the axes show a drawing of a size, in which y grows downward."""
    ax.set(xlim=(0, width), ylim=(height, 0), aspect="equal")
    ax.axis("off")


def box(ax, center, size, name, note="", face=PALE_GRAY, edge=GRAY):
    """Draw a box with a name, and below it what it holds or does."""
    (x, y), (width, height) = center, size
    corner = x - width / 2, y - height / 2
    style = {"boxstyle": "round,pad=0,rounding_size=0.12", "facecolor": face, "edgecolor": edge}
    ax.add_patch(FancyBboxPatch(corner, width, height, linewidth=1.2, **style))
    centered = {"ha": "center", "va": "center"}
    ax.text(x, y - (0.2 * height if note else 0), name, weight="bold", **centered)
    if note:
        ax.text(x, y + 0.18 * height, note, fontsize=8, linespacing=1.25, **centered)


def arrow(ax, start, end, text="", offset=(0, -0.18), color=GRAY, curve=0.0, **options):
    """Draw an arrow with a text beside its middle."""
    style = {"arrowstyle": "-|>", "mutation_scale": 11, "linewidth": 1.3, "color": color}
    connection = f"arc3,rad={curve}"
    shrink = {"shrinkA": 0, "shrinkB": 0}
    ax.add_patch(FancyArrowPatch(start, end, connectionstyle=connection, **style, **shrink))
    if text:
        x, y = (start[0] + end[0]) / 2 + offset[0], (start[1] + end[1]) / 2 + offset[1]
        aligned = {"ha": "center", "va": "center", "fontsize": 8} | options
        ax.text(x, y, text, color=color, **aligned)


def grid(ax, corner, n_rows, n_columns, size=1.0, color="white"):
    """Draw the squares of a matrix; ``color`` is one color or a function of row and column."""
    for row in range(n_rows):
        for column in range(n_columns):
            face = color(row, column) if callable(color) else color
            left, top = corner[0] + column * size, corner[1] + row * size
            square = {"facecolor": face, "edgecolor": GRAY, "linewidth": 0.6}
            ax.add_patch(Rectangle((left, top), size, size, **square))


def fit_and_predict():
    """Draw what a fit makes of the training data, and a prediction of new rows."""
    figure, ax = plt.subplots(figsize=(9.6, 4.6), layout="constrained")
    empty_axes(ax, 19.2, 9.2)
    size, top, bottom = (3.3, 2.0), 2.2, 6.9
    places = [1.85, 6.35, 11.25, 16.9]
    ax.text(0.1, 0.45, "fit(X, y)", color=BLUE, weight="bold", fontsize=11)
    ax.text(0.1, 5.15, "predict(X_test)", color=ORANGE, weight="bold", fontsize=11)
    ax.axhline(4.45, color=GRAY, linewidth=0.6, linestyle=":")

    blue = {"face": PALE_BLUE, "edge": BLUE}
    box(ax, (places[0], top), size, "TrainingRows", "checked rows of X,\ny, alpha, weights", **blue)
    box(
        ax,
        (places[1], top),
        size,
        "NetworkKernels",
        "holds KernelFunction:\nT(X, X), K(X, X)",
        **blue,
    )
    box(
        ax, (places[2], top), size, "Posterior", "solves (T + A) c = y\nwith a LinearSolver", **blue
    )
    box(
        ax,
        (places[3], top),
        (4.2, 2.0),
        "PosteriorProcess",
        "kernels + X + posterior:\na function of inputs",
        **blue,
    )
    pairs = zip(places, places[1:], ["rows", "matrices", "dual_coef"], strict=False)
    for number, (left, right, text) in enumerate(pairs):
        start = left + size[0] / 2 + 0.05
        end = right - (2.1 if number == 2 else size[0] / 2) - 0.05
        arrow(ax, (start, top), (end, top), text, color=BLUE, offset=(0, -0.3))
    # The targets are scaled before the posterior reads them.
    targets = "y  →  TargetScaling.normalize"
    path = {"arrowstyle": "-|>", "mutation_scale": 11, "linewidth": 1.3, "color": BLUE}
    ax.plot([places[0], places[0], places[2]], [3.25, 3.85, 3.85], color=BLUE, linewidth=1.3)
    ax.add_patch(
        FancyArrowPatch((places[2], 3.85), (places[2], 3.25), shrinkA=0, shrinkB=0, **path)
    )
    ax.text((places[0] + places[2]) / 2, 3.62, targets, color=BLUE, ha="center", fontsize=8)

    orange = {"face": PALE_ORANGE, "edge": ORANGE}
    box(ax, (places[0], bottom), size, "validated", "checked rows\nof X_test", **orange)
    box(
        ax,
        (places[1], bottom),
        size,
        "NetworkKernels",
        "T and K of X_test, X\nin blocks; K(x, x)",
        **orange,
    )
    box(
        ax,
        (places[2], bottom),
        size,
        "Posterior",
        "mean and variance\nin normalized units",
        **orange,
    )
    box(
        ax,
        (places[3], bottom),
        (4.2, 2.0),
        "TargetScaling",
        "restore, restore_std:\nin the units of y",
        **orange,
    )
    for number, (left, right) in enumerate(pairwise(places)):
        start = left + size[0] / 2 + 0.05
        end = right - (2.1 if number == 2 else size[0] / 2) - 0.05
        arrow(ax, (start, bottom), (end, bottom), color=ORANGE)
    note = "PosteriorProcess.mean_and_variance"
    left, right = places[1] - size[0] / 2 - 0.2, places[2] + size[0] / 2 + 0.2
    frame = {"facecolor": "none", "edgecolor": GRAY, "linestyle": "--", "linewidth": 1.0}
    ax.add_patch(Rectangle((left, bottom - 1.3), right - left, 2.6, **frame))
    ax.text(
        (left + right) / 2, bottom + 1.62, note, ha="center", va="center", fontsize=8, color=GRAY
    )
    # The process of the fit is what a prediction calls.
    ax.plot([places[3], places[3]], [3.25, 4.9], color=GRAY, linewidth=1.3)
    ax.plot([places[3], (left + right) / 2], [4.9, 4.9], color=GRAY, linewidth=1.3)
    arrow(ax, ((left + right) / 2, 4.9), ((left + right) / 2, bottom - 1.33))
    ax.text(places[3] - 0.2, 4.68, "held as _process", color=GRAY, ha="right", fontsize=8)
    return figure


def tiles_and_programs():
    """Draw the tiles of a symmetric matrix, and the shifts of two blocks of images."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(9.6, 4.4), layout="constrained")
    figure.get_layout_engine().set(wspace=0.06)
    draw_tiles(left)
    draw_shifts(right)
    return figure


def draw_tiles(ax):
    """Draw the blocks of samples, the tiles of their matrix, and the programs of both."""
    empty_axes(ax, 10.6, 9.6)
    ax.set_title("Vectors: a tile is all pairs of two blocks")
    corner, size = (2.9, 2.9), 1.35
    names = "ABCD"

    def color(row, column):
        return PALE_GRAY if row > column else PALE_ORANGE if row == column else PALE_BLUE

    grid(ax, corner, 4, 4, size, color)
    for position, name in enumerate(names):
        middle = (position + 0.5) * size
        for center in [
            (corner[0] - 0.85, corner[1] + middle),
            (corner[0] + middle, corner[1] - 0.85),
        ]:
            ax.add_patch(
                Rectangle(
                    (center[0] - 0.4, center[1] - 0.4),
                    0.8,
                    0.8,
                    facecolor="white",
                    edgecolor=BLUE,
                    linewidth=1.2,
                )
            )
            ax.text(*center, name, ha="center", va="center", color=BLUE, weight="bold")
    for row, first in enumerate(names):
        for column, second in enumerate(names):
            at = corner[0] + (column + 0.5) * size, corner[1] + (row + 0.5) * size
            text = f"{first}{second}" if row <= column else f"{second}{first}ᵀ"
            ax.text(*at, text, ha="center", va="center", color="black" if row <= column else GRAY)
    ax.text(
        corner[0] + 2 * size,
        0.55,
        "blocks of samples, each with the statistics",
        ha="center",
        color=BLUE,
        fontsize=8,
    )
    ax.text(
        corner[0] + 2 * size,
        1.1,
        "that the sample program computes once",
        ha="center",
        color=BLUE,
        fontsize=8,
    )
    below = corner[1] + 4 * size
    ax.text(
        corner[0] + 2 * size,
        below + 0.55,
        "pair program: tiles on and above the diagonal;",
        ha="center",
        fontsize=8,
    )
    ax.text(
        corner[0] + 2 * size,
        below + 1.0,
        "the others are their transposes",
        ha="center",
        fontsize=8,
        color=GRAY,
    )


def draw_shifts(ax):
    """Draw which pairs of a block of images with itself are computed, and at which shift."""
    empty_axes(ax, 10.6, 9.6)
    ax.set_title("Images: pairs of one block, shift by shift")
    corner, size, n = (2.4, 2.3), 0.95, 6
    shades = ["#F0B48F", PALE_BLUE, "#8DC1E0", "#4FA0CE"]

    def shift_of(row, column):
        shift = (column - row) % n
        if 2 * shift < n or (2 * shift == n and row < shift):
            return shift
        return None

    def color(row, column):
        shift = shift_of(row, column)
        return PALE_GRAY if shift is None else shades[shift]

    grid(ax, corner, n, n, size, color)
    for row in range(n):
        for column in range(n):
            shift = shift_of(row, column)
            at = corner[0] + (column + 0.5) * size, corner[1] + (row + 0.5) * size
            if shift is not None:
                ax.text(*at, str(shift), ha="center", va="center")
    for position in range(n):
        middle = (position + 0.5) * size
        ax.text(
            corner[0] - 0.3, corner[1] + middle, str(position), ha="center", va="center", color=BLUE
        )
        ax.text(
            corner[0] + middle, corner[1] - 0.3, str(position), ha="center", va="center", color=BLUE
        )
    ax.text(
        corner[0] - 0.85,
        corner[1] + n * size / 2,
        "left image i",
        ha="center",
        va="center",
        color=BLUE,
        rotation=90,
        fontsize=8,
    )
    ax.text(
        corner[0] + n * size / 2,
        corner[1] - 0.85,
        "right image j",
        ha="center",
        va="center",
        color=BLUE,
        fontsize=8,
    )
    below = corner[1] + n * size
    lines = [
        "number: the shift d at which i meets j = (i + d) mod 6",
        "gray: known by symmetry, half of the shifts is enough",
    ]
    for number, line in enumerate(lines):
        ax.text(
            corner[0] + n * size / 2,
            below + 0.55 + 0.45 * number,
            line,
            ha="center",
            fontsize=8,
            color=GRAY if number else "black",
        )


def offsets():
    """Draw the covariance of the pixels of two images by offset, and a loop that is not fused."""
    figure, (left, right) = plt.subplots(
        1, 2, figsize=(9.6, 4.4), layout="constrained", width_ratios=[1, 1.1]
    )
    draw_pixel_covariance(left)
    draw_barrier(right)
    return figure


def draw_pixel_covariance(ax):
    """Draw the matrix of all pairs of pixels of two sequences, with an offset as a diagonal."""
    empty_axes(ax, 10.0, 9.6)
    ax.set_title("Pixel-pixel covariance of two sequences x, z")
    n, size, corner = 6, 0.95, (2.4, 2.3)

    def color(row, column):
        return {0: "#F0B48F", 1: "#8DC1E0"}.get((column - row) % n, "white")

    grid(ax, corner, n, n, size, color)
    for row in range(n):
        for column in range(n):
            at = corner[0] + (column + 0.5) * size, corner[1] + (row + 0.5) * size
            offset = (column - row) % n
            ax.text(
                *at, str(offset), ha="center", va="center", color="black" if offset < 2 else GRAY
            )
    for position in range(n):
        middle = (position + 0.5) * size
        ax.text(
            corner[0] - 0.3, corner[1] + middle, str(position), ha="center", va="center", color=BLUE
        )
        ax.text(
            corner[0] + middle, corner[1] - 0.3, str(position), ha="center", va="center", color=BLUE
        )
    ax.text(
        corner[0] - 0.85,
        corner[1] + n * size / 2,
        "pixel h of x",
        ha="center",
        va="center",
        color=BLUE,
        rotation=90,
        fontsize=8,
    )
    ax.text(
        corner[0] + n * size / 2,
        corner[1] - 0.85,
        "pixel of z",
        ha="center",
        va="center",
        color=BLUE,
        fontsize=8,
    )
    below = corner[1] + n * size
    lines = {
        "number: the offset, from h to pixel (h + offset) mod 6": "black",
        "offset 0: all that Conv, ReLU and Flatten need": ORANGE,
        "all offsets: what a global pool needs": GRAY,
    }
    for number, (line, shade) in enumerate(lines.items()):
        at = corner[0] + n * size / 2, below + 0.55 + 0.45 * number
        ax.text(*at, line, ha="center", fontsize=8, color=shade)


def draw_barrier(ax):
    """Draw a pool behind an activation, with and without a barrier between the loops."""
    empty_axes(ax, 11.0, 9.6)
    ax.set_title("ReLU, then a pool of three pixels")
    for x, name, middle in [(2.6, "fused", 3), (8.4, "with a barrier", 1)]:
        ax.text(x, 0.95, name, ha="center", weight="bold", fontsize=9)
        box(ax, (x, 2.0), (3.6, 1.1), "state of one offset", face="white")
        box(ax, (x, 7.6), (3.6, 1.1), "pool: one sum", face=PALE_BLUE, edge=BLUE)
        if middle == 3:
            for column in (-1.55, 0.0, 1.55):
                box(ax, (x + column, 4.8), (1.35, 1.1), "arcsine", face=PALE_ORANGE, edge=ORANGE)
                arrow(ax, (x + 0.6 * column, 2.6), (x + column, 4.2))
                arrow(ax, (x + column, 5.4), (x + 0.6 * column, 7.0))
            ax.text(
                x,
                8.75,
                "one loop: each pixel pair\nis computed three times",
                ha="center",
                va="center",
                fontsize=8,
            )
            continue
        box(ax, (x, 3.9), (1.35, 1.1), "arcsine", face=PALE_ORANGE, edge=ORANGE)
        arrow(ax, (x, 2.6), (x, 3.3))
        arrow(ax, (x, 4.5), (x, 5.0), color=GRAY)
        box(ax, (x, 5.5), (3.6, 0.9), "kept in memory", face="white")
        ax.plot([x - 2.2, x + 2.2], [6.25, 6.25], color=ORANGE, linewidth=2.2)
        for column in (-1.2, 0.0, 1.2):
            arrow(ax, (x + column, 6.0), (x + 0.7 * column, 7.0))
        ax.text(
            x,
            8.75,
            "two loops: each pixel pair\nis computed once, read three times",
            ha="center",
            va="center",
            fontsize=8,
        )


if __name__ == "__main__":
    pictures = {
        "inside_fit_and_predict": fit_and_predict,
        "inside_tiles": tiles_and_programs,
        "inside_offsets": offsets,
    }
    for name, draw in pictures.items():
        draw().savefig(
            FOLDER / f"{name}.svg", bbox_inches="tight", pad_inches=0.1, metadata={"Date": None}
        )
