"""The classification sets of Fernandez-Delgado et al. with the splits of Arora et al."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

N_FOLDS = 4


@dataclass(frozen=True)
class UCISet:
    """Inputs, classes and splits as pairs of (training rows, test rows)."""

    name: str
    X: np.ndarray
    y: np.ndarray
    tuning: tuple[np.ndarray, np.ndarray]
    folds: list[tuple[np.ndarray, np.ndarray]]


def uci_sets(path: Path) -> Iterator[UCISet]:
    """Yield the sets, the smallest first."""
    archive = np.load(path)
    names = {key.split("/")[0] for key in archive.files}
    for name in sorted(names, key=lambda name: len(archive[f"{name}/y"])):
        yield UCISet(
            name,
            archive[f"{name}/X"].astype(float),
            np.unique(archive[f"{name}/y"], return_inverse=True)[1],
            (archive[f"{name}/tune_train"], archive[f"{name}/tune_valid"]),
            [
                (archive[f"{name}/fold{fold}_train"], archive[f"{name}/fold{fold}_test"])
                for fold in range(N_FOLDS)
            ],
        )
