"""The tables and the figure of the comparison."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np

from benchmarks.timing import markdown_table

# By network and kernel, for each size of the training set: draws x test images.
Hits = Mapping[tuple[str, str], Sequence[np.ndarray]]


def accuracy_table(hits: Hits, sizes: Sequence[int]) -> str:
    """Return the accuracies in percent, with standard errors over the draws of training images."""
    return _table(hits, sizes, [list(map(_over_draws, row)) for row in hits.values()])


def gain_table(hits: Hits, sizes: Sequence[int], baseline: str) -> str:
    """Return by how many points the others are better, with standard errors over test images."""
    others = {key: row for key, row in hits.items() if key[0] != baseline}
    cells = [
        [_gain(better, base) for better, base in zip(row, hits[baseline, kind], strict=True)]
        for (_, kind), row in others.items()
    ]
    return _table(others, sizes, cells)


def _table(hits: Hits, sizes: Sequence[int], cells: Sequence[Sequence[str]]) -> str:
    header = ["network", "kernel", *map(str, sizes)]
    keys = ([name, kind.upper()] for name, kind in hits)
    return markdown_table(header, [[*key, *row] for key, row in zip(keys, cells, strict=True)])


def _over_draws(hits: np.ndarray) -> str:
    mean, error = _mean_and_error(hits)
    return f"{mean:.1f} ±\u00a0{error:.1f}" if len(hits) > 1 else f"{mean:.1f}"


def _mean_and_error(hits: np.ndarray) -> tuple[float, float]:
    accuracies = 100 * hits.mean(axis=1)
    error = accuracies.std(ddof=1) / np.sqrt(len(hits)) if len(hits) > 1 else 0.0
    return float(accuracies.mean()), float(error)


def _gain(hits: np.ndarray, base: np.ndarray) -> str:
    gains = 100 * (hits - base).mean(axis=0)
    error = gains.std(ddof=1) / np.sqrt(len(gains))
    return f"{gains.mean():+.1f} ±\u00a0{error:.1f}"


def draw(hits_by_title: Mapping[str, Hits], sizes: Sequence[int], path: Path) -> None:
    """Draw the accuracies over the size of the training set, a row of panels for each title."""
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    kinds = list(dict.fromkeys(kind for hits in hits_by_title.values() for _, kind in hits))
    shape = (len(hits_by_title), len(kinds))
    figure, panels = plt.subplots(
        *shape,
        figsize=(8, 3 * shape[0]),
        sharex=True,
        sharey=True,
        layout="constrained",
        squeeze=False,
    )
    for row, (title, hits) in zip(panels, hits_by_title.items(), strict=True):
        for ax, kind in zip(row, kinds, strict=True):
            for name in dict.fromkeys(name for name, _ in hits):
                means, errors = zip(*map(_mean_and_error, hits[name, kind]), strict=True)
                ax.errorbar(sizes, means, errors, marker="o", markersize=3, label=name)
            ax.set(title=f"{kind.upper()}, {title}", xscale="log")
            ax.set_xticks(sizes, _labels(sizes))
            ax.minorticks_off()
            ax.spines[["top", "right"]].set_visible(False)
        row[0].set_ylabel("test accuracy (%)")
    for ax in panels[-1]:
        ax.set_xlabel("training images")
    panels[0, 0].legend(frameon=False, fontsize="small")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=100)
    plt.close(figure)


def _labels(sizes: Sequence[int]) -> list[str]:
    """Return the labels of a logarithmic axis, without those that the next one would overlap."""
    free = [following > 1.5 * size for size, following in pairwise(sizes)]
    return [str(size) if room else "" for size, room in zip(sizes, [*free, True], strict=True)]
