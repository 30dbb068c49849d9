"""Tables of the study: what each choice gains or loses against the decision."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from benchmarks.timing import markdown_table

FACTORS = ("depth", "weight_std", "bias_std", "alpha")
KINDS = {"nngp": "NNGP", "ntk": "NTK"}
Decision = Mapping[str, Any]


class Metric(NamedTuple):
    """How a score is shown; ``unit`` is 100 for points."""

    heading: str
    task: str
    larger_is_better: bool
    unit: int
    digits: int


METRICS = {
    "accuracy": Metric("accuracy", "classification", True, 100, 1),
    "log_loss": Metric("log-loss", "classification", False, 1, 3),
    "r2": Metric("R2", "regression", True, 100, 1),
    "nlpd": Metric("NLPD", "regression", False, 1, 2),
    "nlpd_with_alpha": Metric("NLPD, alpha as noise", "regression", False, 1, 2),
}


def report(scores: pd.DataFrame, decision: Decision) -> str:
    """Return all tables under their headings, in Markdown."""
    most_rows = scores.max_rows.max()
    relu = scores[scores.activation == "relu"]
    main, large = relu[relu.max_rows < most_rows], relu[relu.max_rows == most_rows]
    sections = {}
    for kind, name in KINDS.items():
        sections[f"{name}: one change at a time"] = changes(
            main, {**decision, "kind": kind}, FACTORS
        )
    for kind, name in KINDS.items():
        for metric in ("accuracy", "r2"):
            title = f"{name}: the best of all combinations by {METRICS[metric].heading}"
            sections[title] = best_combinations(main, {**decision, "kind": kind}, metric)
    for metric in ("accuracy", "r2"):
        title = f"One alpha for all networks: what it loses in {METRICS[metric].heading}, points"
        sections[title] = cost_of_one_alpha(main, metric)
    for kind, name in KINDS.items():
        factors = ("depth", "bias_std", "alpha", "centered")
        title = f"{name}: sets of up to {most_rows} rows, and targets that are not centered"
        sections[title] = changes(large, {**decision, "kind": kind}, factors)
    for activation, kind in product(("erf", "gelu"), KINDS):
        title = f"{KINDS[kind]}, {activation}: one change at a time"
        activation_scores = scores[scores.activation == activation]
        factors = ("weight_std", "bias_std", "alpha")
        sections[title] = changes(activation_scores, {**decision, "kind": kind}, factors)
    return "\n\n".join(f"### {title}\n\n{table}" for title, table in sections.items())


def changes(scores: pd.DataFrame, decision: Decision, factors: Sequence[str]) -> str:
    """Return the table of what other values of each factor gain or lose.

    The row of the decision has its scores; every other row the mean over the data sets of the
    difference to it, with the standard error over the sets. In brackets the mean rank over the sets
    among the values of the factor.
    """
    rows = []
    for factor in factors:
        others = {name: value for name, value in decision.items() if name != factor}
        chosen = select(scores, others)
        columns = [_cells(chosen, factor, decision[factor], metric) for metric in METRICS]
        for value in columns[0]:
            mark = " (chosen)" if value == decision[factor] else ""
            rows.append([f"{factor}={value:g}{mark}", *(cells[value] for cells in columns)])
    return markdown_table(["change", *(metric.heading for metric in METRICS.values())], rows)


def _cells(scores: pd.DataFrame, factor: str, decided: Any, metric: str) -> dict[Any, str]:
    values = by_data(scores, factor, metric)
    gains = Gains(values, decided, metric)
    rank = ranks(values, metric)
    return {
        value: f"{gains.mean(value) if value == decided else gains.gain(value)} ({rank[value]:.1f})"
        for value in values.index
    }


def select(scores: pd.DataFrame, fixed: Decision) -> pd.DataFrame:
    """Return the rows in which every column of ``fixed`` has its value."""
    kept = np.logical_and.reduce([scores[name] == value for name, value in fixed.items()])
    return scores[kept]


def by_data(scores: pd.DataFrame, factor: str | list[str], metric: str) -> pd.DataFrame:
    """Return a metric with a row for each value of ``factor`` and a column for each data set."""
    task_scores = scores[scores.task == METRICS[metric].task]
    return task_scores.pivot_table(metric, factor, "data")


def ranks(values: pd.DataFrame, metric: str) -> pd.Series:
    """Return the mean rank of each row over the data sets; 1 is best."""
    return values.rank(ascending=not METRICS[metric].larger_is_better).mean(axis=1)


class Gains:
    """Differences to the decision, data set by data set."""

    def __init__(self, values: pd.DataFrame, decided: Any, metric: str) -> None:
        self.metric = METRICS[metric]
        self.values = values * self.metric.unit
        self.difference = self.values - self.values.loc[decided]

    def mean(self, candidate: Any) -> str:
        """Return the mean score over the data sets."""
        return f"{self.values.loc[candidate].mean():.{self.metric.digits}f}"

    def gain(self, candidate: Any) -> str:
        """Return the mean difference and its standard error."""
        difference = self.difference.loc[candidate]
        digits = self.metric.digits
        error = difference.std() / np.sqrt(len(difference))
        return f"{difference.mean():+.{digits}f} ± {error:.{digits}f}"


def best_combinations(scores: pd.DataFrame, decision: Decision, metric: str) -> str:
    """Return the table of the five best combinations by mean score, and of the decision."""
    factors = list(FACTORS)
    others = {name: value for name, value in decision.items() if name not in factors}
    values = by_data(select(scores, others), factors, metric)
    decided = tuple(decision[factor] for factor in factors)
    gains, rank = Gains(values, decided, metric), ranks(values, metric)
    best_first = values.mean(axis=1).sort_values(ascending=not METRICS[metric].larger_is_better)
    places = list(best_first.index)
    rows = [
        [
            str(places.index(candidate) + 1),
            *(f"{value:g}" for value in candidate),
            gains.mean(candidate),
            gains.gain(candidate),
            f"{rank[candidate]:.0f}",
        ]
        for candidate in dict.fromkeys([*places[:5], decided])
    ]
    place = f"place of {len(places)}"
    heading = METRICS[metric].heading
    return markdown_table([place, *factors, heading, "against the decision", "mean rank"], rows)


def cost_of_one_alpha(scores: pd.DataFrame, metric: str) -> str:
    """Return what one alpha for all networks loses against the best alpha of each network.

    The mean and the worst over the networks, of scores that are means over the data sets.
    """
    networks = [factor for factor in FACTORS if factor != "alpha"]
    best_first = 1 if METRICS[metric].larger_is_better else -1
    losses = []
    for kind in KINDS:
        values = select(scores, {"kind": kind, "centered": True}).pivot_table(
            metric, networks, ["alpha_scale", "alpha"]
        )
        values *= best_first * METRICS[metric].unit
        losses.append(values.rsub(values.max(axis=1), axis=0))
    rows = [
        [
            f"{scale}, {alpha:g}",
            *(f"{loss[scale, alpha].agg(how):.1f}" for loss in losses for how in ("mean", "max")),
        ]
        for scale, alpha in losses[0].columns
    ]
    header = [f"{name}: {how}" for name in KINDS.values() for how in ("mean loss", "worst")]
    return markdown_table(["alpha_scale, alpha", *header], rows)
