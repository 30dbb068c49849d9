"""Classifiers on 30 small sets of the UCI repository: accuracy, log-loss, calibration, seconds.

Run ``python -m benchmarks.compare_classifiers_on_uci uci_small.npz results.jsonl``. Every result
is written when it is found and not computed again: an interrupted run goes on, the smallest sets
first. ``--table`` prints the tables of the sets that all methods have finished, ``--methods``
chooses them, and ``--xrfm FOLDER`` adds the predictions that
`benchmarks/uci_study/xrfm_predictions.py` has made.

Two protocols. The published one (Arora et al., ICLR 2020) chooses hyperparameters on one split of
all rows, and then trains and tests with them in four folds, whose test rows have been among those
that chose. The nested one chooses within the training rows of each fold, by
five-fold cross-validation. A method that tunes itself within its training rows is the same in both.
"""

from __future__ import annotations

import argparse
import json
import os
import warnings
from collections import defaultdict
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

import numpy as np
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.pipeline import Pipeline

from benchmarks.timing import machine, markdown_table
from benchmarks.uci_study.data import UCISet, uci_sets
from benchmarks.uci_study.methods import METHODS, Method
from skntk.metrics import expected_calibration_error

PROTOCOLS = ("published", "nested")
# What `benchmarks/uci_study/xrfm_predictions.py` keeps: defaults, and what a protocol has tuned.
XRFM = {"defaults": "xRFM 0.4.5, defaults", "tuned": "xRFM 0.4.5, tuned"}


def run(dataset: UCISet, method: Method, protocol: str) -> dict[str, float]:
    """Return the scores of a method on a set, averaged over the folds, and its seconds."""
    start = perf_counter()
    shared_choice = None
    if protocol == "published":
        shared_choice = tuned(method, dataset.X, dataset.y, [dataset.tuning])
    predictions = []
    for train, test in dataset.folds:
        X, y = dataset.X[train], dataset.y[train]
        inner = StratifiedKFold(5, shuffle=True, random_state=0)
        chosen = tuned(method, X, y, inner) if shared_choice is None else shared_choice
        model = clone(chosen).fit(X, y)
        predictions.append((model.predict(dataset.X[test]), probabilities(model, dataset, test)))
    return {**scores(dataset, predictions), "seconds": perf_counter() - start}


def tuned(method: Method, X: np.ndarray, y: np.ndarray, splits):
    """Return the classifier with the hyperparameters that score best on the splits."""
    if not method.grid:
        return method.estimator
    with TemporaryDirectory() as folder:
        estimator = clone(method.estimator)
        if isinstance(estimator, Pipeline):
            # Features serve all values of what comes after them.
            estimator.set_params(memory=folder)
        search = GridSearchCV(
            estimator,
            method.grid,
            cv=splits,
            scoring=method.scoring,
            refit=False,
            error_score=-np.inf,
        )
        best = search.fit(X, y).best_params_
    return clone(method.estimator).set_params(**best, **method.final)


def probabilities(model, dataset: UCISet, test: np.ndarray) -> np.ndarray:
    """Return the probabilities of all classes, 0 for those that the training rows lack."""
    complete = np.zeros((len(test), dataset.y.max() + 1))
    complete[:, model.classes_] = model.predict_proba(dataset.X[test])
    return complete


def scores(dataset: UCISet, predictions) -> dict[str, float]:
    """Return accuracy and log-loss as means over folds, and calibration over all their rows."""
    accuracy, log_loss = [], []
    for (_, test), (classes, proba) in zip(dataset.folds, predictions, strict=True):
        truth = dataset.y[test]
        accuracy.append(np.mean(classes == truth))
        likelihood = np.maximum(proba[np.arange(len(test)), truth], 1e-15)
        log_loss.append(-np.log(likelihood).mean())
    truth = np.concatenate([dataset.y[test] for _, test in dataset.folds])
    labels = np.arange(dataset.y.max() + 1)
    proba = np.concatenate([proba for _, proba in predictions])
    return {
        "accuracy": float(np.mean(accuracy)),
        "log_loss": float(np.mean(log_loss)),
        "calibration": expected_calibration_error(truth, proba, labels=labels),
    }


def add_xrfm(results: dict, dataset: UCISet, folder: Path) -> None:
    """Add the scores of the predictions of xRFM, if there are any for this set."""
    for protocol in PROTOCOLS:
        for kind, name in {"defaults": XRFM["defaults"], protocol: XRFM["tuned"]}.items():
            path = folder / kind / f"{dataset.name}.npz"
            if path.exists():
                results[protocol, name][dataset.name] = prediction_scores(dataset, path)


def prediction_scores(dataset: UCISet, path: Path) -> dict[str, float]:
    """Return the scores of predictions that were made elsewhere."""
    archive = np.load(path)
    proba = [archive[f"fold{fold}"] for fold in range(len(dataset.folds))]
    predictions = [(probabilities.argmax(axis=1), probabilities) for probabilities in proba]
    return {**scores(dataset, predictions), "seconds": float(archive["seconds"])}


def table(results: dict, names: list[str], protocol: str) -> str:
    """Return the means over the sets that all of the named methods have finished."""
    finished = [set(results[protocol, name]) for name in names]
    common = sorted(set.intersection(*finished))
    rows = []
    for name in names:
        set_results = [results[protocol, name][dataset] for dataset in common]
        mean = {key: np.mean([result[key] for result in set_results]) for key in set_results[0]}
        rows.append(
            [
                name,
                f"{100 * mean['accuracy']:.2f}",
                f"{mean['log_loss']:.4f}",
                f"{mean['calibration']:.4f}",
                f"{sum(result['seconds'] for result in set_results):.0f}",
            ]
        )
    header = ["method", "accuracy %", "log-loss", "calibration error", "seconds in total"]
    return f"### {protocol}, {len(common)} sets\n\n" + markdown_table(header, rows)


def set_table(results: dict, names: list[str], protocol: str) -> str:
    """Return the accuracy of every method on every set of the first."""
    sets = sorted(results[protocol, names[0]])
    rows = [
        [dataset]
        + [
            f"{100 * found['accuracy']:.1f}"
            if (found := results[protocol, name].get(dataset))
            else ""
            for name in names
        ]
        for dataset in sets
    ]
    return markdown_table([f"accuracy %, {protocol}", *names], rows)


def print_tables(results: dict, methods: list[str]) -> None:
    """Print means over the sets of the recipe, over those of slower methods, and every accuracy."""
    for protocol in PROTOCOLS:
        names = [name for name in [*methods, *XRFM.values()] if results[protocol, name]]
        if not names:
            continue
        recipe_sets = set(results[protocol, names[0]])
        complete = [name for name in names if recipe_sets <= set(results[protocol, name])]
        others = [name for name in names if name not in complete]
        for chosen in [complete, *([*complete, name] for name in others)]:
            print(table(results, chosen, protocol), end="\n\n")
        print(set_table(results, names, protocol), end="\n\n")


def load(path: Path) -> dict:
    """Return the results by (protocol, method) and set."""
    results: dict = defaultdict(dict)
    if path.exists():
        for line in path.read_text().splitlines():
            found = json.loads(line)
            name, protocol, dataset = (found.pop(key) for key in ("method", "protocol", "set"))
            for same in [protocol] if METHODS[name].grid else PROTOCOLS:
                results[same, name][dataset] = found
    return results


def main() -> None:
    """Compute what is missing, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("results", type=Path)
    parser.add_argument("--methods", nargs="*", default=list(METHODS), choices=list(METHODS))
    parser.add_argument("--protocols", nargs="*", default=PROTOCOLS, choices=PROTOCOLS)
    parser.add_argument("--max-rows", type=int, default=10**9)
    parser.add_argument("--xrfm", type=Path)
    parser.add_argument("--table", action="store_true")
    arguments = parser.parse_args()
    # Classes with fewer rows than folds, and the deprecation of probabilities by SVC.
    warnings.simplefilter("ignore")
    os.environ["PYTHONWARNINGS"] = "ignore"
    results = load(arguments.results)
    for dataset in uci_sets(arguments.data):
        for name in [] if arguments.table else arguments.methods:
            method = METHODS[name]
            if len(dataset.y) > arguments.max_rows:
                continue
            for protocol in arguments.protocols:
                if dataset.name in results[protocol, name]:
                    continue
                found = run(dataset, method, protocol)
                for same in [protocol] if method.grid else PROTOCOLS:
                    results[same, name][dataset.name] = found
                keys = {"protocol": protocol, "method": name, "set": dataset.name}
                with arguments.results.open("a") as file:
                    file.write(json.dumps({**keys, **found}) + "\n")
                print(dataset.name, name, protocol, found, flush=True)
        if arguments.xrfm is not None:
            add_xrfm(results, dataset, arguments.xrfm)
    print(machine(), end="\n\n")
    print_tables(results, arguments.methods)


if __name__ == "__main__":
    main()
