"""The table and the figure of the comparison."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.cifar10_study.accuracy import Accuracy
from benchmarks.timing import markdown_table

Scores = Mapping[tuple[str, str], Sequence[Accuracy]]


def table(scores: Scores, sizes: Sequence[int], seconds: Mapping[str, float]) -> str:
    """Return the accuracies in percent, with standard errors where there are several draws."""
    header = ["network", "kernel", *(f"n = {size}" for size in sizes), "s, both kernels"]
    rows = []
    for (name, kind), accuracies in scores.items():
        time = f"{seconds[name]:.0f}" if kind == "nngp" else ""
        rows.append([name, kind.upper(), *map(_cell, accuracies), time])
    return markdown_table(header, rows)


def _cell(accuracy: Accuracy) -> str:
    spread = f" ± {100 * accuracy.error:.1f}" if accuracy.error else ""
    return f"{100 * accuracy.mean:.1f}{spread}"


def draw(scores: Scores, sizes: Sequence[int], path: Path) -> None:
    """Draw the accuracies over the size of the training set."""
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    names = list(dict.fromkeys(name for name, _ in scores))
    colors = dict(zip(names, plt.get_cmap("tab10").colors, strict=False))
    figure, panels = plt.subplots(
        1, 2, figsize=(8, 3.4), sharex=True, sharey=True, layout="constrained"
    )
    for ax, kind in zip(panels, ("nngp", "ntk"), strict=True):
        for name in names:
            accuracies = scores[name, kind]
            ax.errorbar(
                sizes,
                [100 * each.mean for each in accuracies],
                [100 * each.error for each in accuracies],
                color=colors[name],
                marker="o",
                markersize=3,
                label=name,
            )
        ax.set(title=kind.upper(), xlabel="training images", xscale="log")
        ax.set_xticks(sizes, map(str, sizes))
        ax.minorticks_off()
        ax.spines[["top", "right"]].set_visible(False)
    panels[0].set_ylabel("test accuracy (%)")
    panels[0].legend(frameon=False, fontsize="small")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120)
    plt.close(figure)
