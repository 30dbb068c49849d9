"""Predictions of xRFM, in an environment of its own: ``pip install xrfm==0.4.5``.

Run ``python benchmarks/uci_study/xrfm_predictions.py uci_small.npz predictions``. Three kinds of
hyperparameters have a folder each in ``predictions``: the defaults, those that do best on the
tuning split (published), and those that do best on the rows that xRFM stops by in each fold
(nested). These rows are a fifth of the training rows, and xRFM calibrates on them too. Sets that
are finished are kept, so that an interrupted run goes on.
"""

from __future__ import annotations

import argparse
import warnings
from itertools import product
from pathlib import Path
from time import perf_counter

import numpy as np
from data import uci_sets
from sklearn.model_selection import train_test_split
from xrfm import xRFM

# Kernel, bandwidth and regularization. The first are the defaults: "l2_high_dim" is "l2" with less
# memory.
GRID = list(product(["l2", "l1"], [10.0, 3.0, 30.0], [1e-3, 1e-2, 1e-1, 1.0]))


class Model:
    """xRFM that trains on four fifths of the rows and stops by the rest."""

    def __init__(self, X, y, rows):
        self.X, self.y = X.astype(np.float32), y
        counts = np.bincount(y[rows], minlength=y.max() + 1)
        stratify = y[rows] if counts[counts > 0].min() > 1 else None
        fitted, self.held_out = train_test_split(
            rows, test_size=0.2, random_state=0, stratify=stratify
        )
        # xRFM wants every class among the rows that it trains on.
        missing = np.setdiff1d(y[rows], y[fitted])
        added = self.held_out[np.isin(y[self.held_out], missing)]
        self.fitted = np.concatenate([fitted, added])

    def probabilities(self, parameters, *row_arrays):
        """Return the probabilities of all classes for each array of rows."""
        kernel, bandwidth, regularization = parameters
        model = xRFM(
            {
                "model": {
                    "kernel": kernel,
                    "bandwidth": bandwidth,
                    "exponent": 1.0,
                    "diag": False,
                    "bandwidth_mode": "constant",
                },
                "fit": {
                    "reg": regularization,
                    "iters": 5,
                    "get_agop_best_model": True,
                    "return_best_params": True,
                    "early_stop_rfm": False,
                },
            },
            device="cpu",
            tuning_metric="brier",
            verbose=False,
            random_state=0,
        )
        X, y = self.X, self.y
        model.fit(X[self.fitted], y[self.fitted], X[self.held_out], y[self.held_out])
        return [self._complete(model.predict_proba(X[rows])) for rows in row_arrays]

    def _complete(self, probabilities):
        """Return the probabilities with a column for the classes after the last that is known."""
        known = np.asarray(probabilities)
        return np.pad(known, ((0, 0), (0, self.y.max() + 1 - known.shape[1])))

    def quality(self, probabilities, rows):
        """Return the accuracy, and what decides between equal ones: minus the Brier score."""
        truth = np.eye(self.y.max() + 1)[self.y[rows]]
        right = probabilities.argmax(axis=1) == self.y[rows]
        return right.mean(), -((probabilities - truth) ** 2).sum(axis=1).mean()


def with_defaults(dataset):
    """Return the probabilities of the test rows of each fold."""
    return with_parameters(dataset, GRID[0])


def by_published_protocol(dataset):
    """Return the same with the parameters that do best on the tuning split."""
    train, valid = dataset.tuning
    model = Model(dataset.X, dataset.y, train)
    best = max(GRID, key=lambda choice: model.quality(model.probabilities(choice, valid)[0], valid))
    return with_parameters(dataset, best)


def by_nested_protocol(dataset):
    """Return the same with the parameters that do best on the rows that xRFM stops by."""
    best = []
    for train, test in dataset.folds:
        model = Model(dataset.X, dataset.y, train)
        tried = [model.probabilities(choice, model.held_out, test) for choice in GRID]
        best.append(max(tried, key=lambda proba: model.quality(proba[0], model.held_out))[1])
    return best


def with_parameters(dataset, parameters):
    """Return the probabilities of the test rows of each fold."""
    return [
        Model(dataset.X, dataset.y, train).probabilities(parameters, test)[0]
        for train, test in dataset.folds
    ]


KINDS = {
    "defaults": with_defaults,
    "published": by_published_protocol,
    "nested": by_nested_protocol,
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--kinds", nargs="*", default=list(KINDS), choices=list(KINDS))
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    for kind, dataset in product(arguments.kinds, uci_sets(arguments.data)):
        path = arguments.folder / kind / f"{dataset.name}.npz"
        if path.exists():
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        start = perf_counter()
        folds = {f"fold{fold}": proba for fold, proba in enumerate(KINDS[kind](dataset))}
        np.savez(path, seconds=perf_counter() - start, **folds)
        print(kind, dataset.name, round(perf_counter() - start, 1), flush=True)


if __name__ == "__main__":
    main()
