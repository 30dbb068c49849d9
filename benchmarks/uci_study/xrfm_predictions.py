"""Predictions of xRFM, in an environment of its own: ``pip install xrfm==0.4.5``.

Run ``python benchmarks/uci_study/xrfm_predictions.py uci_small.npz predictions``. A fifth of the
training rows is what xRFM stops by and calibrates on; its other parameters are its defaults. Sets
that are finished are kept, so that an interrupted run goes on.
"""

from __future__ import annotations

import argparse
import warnings
from pathlib import Path
from time import perf_counter

import numpy as np
from data import uci_sets
from sklearn.model_selection import train_test_split
from xrfm import xRFM


def fold_predictions(X, y, train, test):
    """Return the probabilities of all classes for the test rows."""
    counts = np.bincount(y[train], minlength=y.max() + 1)
    stratify = y[train] if counts[counts > 0].min() > 1 else None
    fitted, held_out = train_test_split(train, test_size=0.2, random_state=0, stratify=stratify)
    # xRFM wants every class among the rows that it trains on.
    missing = np.setdiff1d(y[train], y[fitted])
    fitted = np.concatenate([fitted, held_out[np.isin(y[held_out], missing)]])
    model = xRFM(device="cpu", tuning_metric="brier", verbose=False, random_state=0)
    inputs = X.astype(np.float32)
    model.fit(inputs[fitted], y[fitted], inputs[held_out], y[held_out])
    return np.asarray(model.predict_proba(inputs[test]))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("folder", type=Path)
    arguments = parser.parse_args()
    arguments.folder.mkdir(exist_ok=True)
    warnings.simplefilter("ignore")
    for dataset in uci_sets(arguments.data):
        path = arguments.folder / f"{dataset.name}.npz"
        if path.exists():
            continue
        start = perf_counter()
        folds = {
            f"fold{fold}": fold_predictions(dataset.X, dataset.y, train, test)
            for fold, (train, test) in enumerate(dataset.folds)
        }
        np.savez(path, seconds=perf_counter() - start, **folds)
        print(dataset.name, round(perf_counter() - start, 1), flush=True)


if __name__ == "__main__":
    main()
