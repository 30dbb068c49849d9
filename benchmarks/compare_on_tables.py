"""The recipes for tables beside boosted trees and others, on tables with categories and gaps.

Run ``python -m benchmarks.compare_on_tables run FOLDER RESULTS.jsonl --methods recipe``. Every
result is written when it is found and not computed again. Other methods need packages of their own:
run the same line in an environment that has them. ``table RESULTS.jsonl`` writes the tables.
"""

from __future__ import annotations

import argparse
import json
import warnings
from collections import defaultdict
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import numpy as np

from benchmarks.tables_study.data import (
    TableSet,
    classification_scores,
    read_tables,
    regression_scores,
)
from benchmarks.tables_study.methods import METHODS

RESULTS = Path(__file__).parent / "results" / "tables.md"
REFERENCE = "CatBoost"


def run(table: TableSet, method: str, split: int) -> dict[str, float]:
    """Return the scores of a method on one split of a table, and what it took."""
    train, test = table.splits[split]
    model = METHODS[method](table.is_regression)
    X, rest, y = table.X.iloc[train], table.X.iloc[test], table.y[test]
    start, start_of_processors = perf_counter(), process_time()
    model.fit(X, table.y[train])
    took = {
        "fit_seconds": perf_counter() - start,
        "fit_processor_seconds": process_time() - start_of_processors,
    }
    if not table.is_regression:
        return {**classification_scores(y, model.predict_proba(rest)), **took}
    if not hasattr(model, "predict_interval"):
        return {**regression_scores(y, model.predict(rest)), **took}
    mean, std = model.predict(rest, return_std=True)
    return {**regression_scores(y, mean, std, model.predict_interval(rest)), **took}


def compute(arguments: argparse.Namespace) -> None:
    """Compute what is missing."""
    warnings.simplefilter("ignore")
    done = {(line["table"], line["method"], line["split"]) for line in read(arguments.results)}
    for table in read_tables(arguments.folder):
        if not arguments.least_rows <= len(table.y) <= arguments.most_rows:
            continue
        for split in range(len(table.splits)):
            for method in arguments.methods:
                if (table.name, method, split) in done or split >= arguments.splits:
                    continue
                line = {
                    "table": table.name,
                    "rows": len(table.y),
                    "kind": "regression" if table.is_regression else "classification",
                    "method": method,
                    "split": split,
                    **run(table, method, split),
                }
                with arguments.results.open("a") as file:
                    file.write(json.dumps(line) + "\n")
                print(line, flush=True)


def read(path: Path) -> list[dict[str, Any]]:
    """Return the results that were kept."""
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def write_tables(arguments: argparse.Namespace) -> None:
    """Write means over the tables, and every table."""
    found: dict[str, dict[str, dict[str, float]]] = defaultdict(dict)
    for (name, method), lines in _grouped(read(arguments.results)).items():
        keys = {key for line in lines for key in line} - {"table", "method", "kind", "split"}
        found[name][method] = {
            key: float(np.mean([line[key] for line in lines if key in line])) for key in keys
        }
    methods = [name for name in METHODS if any(name in scores for scores in found.values())]
    text = "\n\n".join([_means(found, methods), _all_tables(found, methods)]) + "\n"
    arguments.output.write_text(text)
    print(text)


def _grouped(lines: list[dict[str, Any]]) -> dict[tuple[str, str], list[dict[str, Any]]]:
    groups: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for line in lines:
        groups[line["table"], line["method"]].append(line)
    return groups


def _means(found: dict[str, dict[str, dict[str, float]]], methods: list[str]) -> str:
    """Return a line for every method: its loss beside that of CatBoost, calibration, and time."""
    header = [
        "method",
        "tables",
        f"loss / that of {REFERENCE}, geometric mean",
        "standard error",
        "worst",
        "calibration error",
        "coverage of 95 %",
        "NLPD",
        "processor seconds of fits",
    ]
    rows = []
    for method in methods:
        pairs = [
            (scores[method], scores[REFERENCE])
            for scores in found.values()
            if method in scores and REFERENCE in scores
        ]
        logarithms = np.log([ours["loss"] / theirs["loss"] for ours, theirs in pairs])
        error = np.std(logarithms, ddof=1) / np.sqrt(len(logarithms))
        mean = np.exp(np.mean(logarithms))
        rows.append(
            [
                method,
                len(pairs),
                f"{mean:.4f}",
                f"{mean * error:.4f}",
                f"{np.exp(np.max(logarithms)):.3f}",
                *(
                    _mean(pairs, key, digits)
                    for key, digits in (("calibration", 4), ("coverage", 3), ("nlpd", 3))
                ),
                _total_seconds(pairs),
            ]
        )
    return _markdown(header, rows)


def _total_seconds(pairs: list[tuple[dict[str, float], Any]]) -> str:
    """Return the sum over tables of the mean seconds of a fit, if all of them were timed."""
    seconds = [ours.get("fit_processor_seconds") for ours, _ in pairs]
    return "" if None in seconds else f"{sum(seconds):.0f}"


def _mean(pairs: list[tuple[dict[str, float], Any]], key: str, digits: int) -> str:
    values = [ours[key] for ours, _ in pairs if key in ours]
    return f"{np.mean(values):.{digits}f}" if values else ""


def _all_tables(found: dict[str, dict[str, dict[str, float]]], methods: list[str]) -> str:
    """Return the losses of all methods on all tables, and the seconds of the recipe."""
    rows = []
    for name, scores in found.items():
        first = next(iter(scores.values()))
        losses = [f"{scores[method]['loss']:.4f}" if method in scores else "" for method in methods]
        seconds = scores.get("recipe", {}).get("fit_processor_seconds")
        ratio = ""
        if "recipe" in scores and REFERENCE in scores:
            ratio = f"{scores['recipe']['loss'] / scores[REFERENCE]['loss']:.3f}"
        rows.append(
            [name, int(first["rows"]), *losses, ratio, "" if seconds is None else f"{seconds:.0f}"]
        )
    header = [
        "table",
        "rows",
        *methods,
        f"recipe / {REFERENCE}",
        "processor seconds of the recipe's fit",
    ]
    return _markdown(header, rows)


def _markdown(header: list[str], rows: list[list[Any]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def main() -> None:
    """Read the command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(required=True)
    running = commands.add_parser("run", help="compute what is missing")
    running.add_argument("folder", type=Path, help="with index.json and parquet files")
    running.add_argument("results", type=Path)
    running.add_argument("--methods", nargs="+", default=["recipe"], choices=list(METHODS))
    running.add_argument("--least-rows", type=int, default=0)
    running.add_argument("--most-rows", type=int, default=10**9)
    running.add_argument("--splits", type=int, default=3, help="at most so many of every table")
    running.set_defaults(call=compute)
    showing = commands.add_parser("table", help="write the tables")
    showing.add_argument("results", type=Path)
    showing.add_argument("--output", type=Path, default=RESULTS)
    showing.set_defaults(call=write_tables)
    arguments = parser.parse_args()
    arguments.call(arguments)


if __name__ == "__main__":
    main()
