"""By which criterion classifiers find `alpha`, and from how many rows.

Run ``python -m benchmarks.choose_alpha_criterion --tables FOLDER --uci ARCHIVE``. The folder is
that of `benchmarks.compare_automatic_alpha`, the archive that of `benchmarks.choose_defaults`.
"""

from __future__ import annotations

import argparse
import warnings
from itertools import chain
from pathlib import Path

from benchmarks.automatic_alpha import classification_criteria, part_of_rows
from benchmarks.automatic_alpha.data import (
    N_TEST,
    N_TRAIN,
    N_UCI_ROWS,
    table_splits,
    uci_splits,
)
from benchmarks.automatic_alpha.sections import write_section
from skntk.inference.noise_level.leave_one_out import LeaveOneOutError

N_DECOMPOSED = LeaveOneOutError.n_decomposed
RESULTS = Path(__file__).parent / "results" / "alpha_criterion.md"
TITLES = {"criteria": "Criteria for classifiers", "rows": "A part of the rows"}


def criteria(tables: Path, uci: Path, n_splits: int) -> str:
    """Return the section on criteria."""
    of_tables = (
        split
        for split in chain.from_iterable(table_splits(tables, seed) for seed in range(n_splits))
        if split.is_classification
    )
    table = classification_criteria.report({"tables": of_tables, "UCI sets": uci_splits(uci)})
    return (
        f"Splits of the tables with {N_TRAIN} training rows and at most {N_TEST} test rows, and "
        f"the first fold of UCI sets of at most {N_UCI_ROWS} rows. Log-losses and accuracies are "
        f"means, ratios geometric ones.\n\n{table}"
    )


def rows(tables: Path, n_splits: int) -> str:
    """Return the section on the number of rows."""
    splits = chain.from_iterable(table_splits(tables, seed) for seed in range(n_splits))
    return (
        f"Test errors of {N_TRAIN} training rows, relative to those with the alpha that the "
        f"criterion prefers for all of them: with that of a part, and with that of `fit`, which "
        f"finds it from {N_DECOMPOSED} rows and moves it by two factorizations of all.\n\n"
        + part_of_rows.report(splits)
    )


def main() -> None:
    """Measure, and write the sections."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tables", type=Path, required=True, help="folder of tables")
    parser.add_argument("--uci", type=Path, required=True, help="archive of classification sets")
    parser.add_argument("--splits", type=int, default=2, help="of every table")
    parser.add_argument("--only", choices=TITLES, nargs="+", default=list(TITLES))
    arguments = parser.parse_args()
    # Rare classes that the training rows lack, and alphas at an end of their range.
    warnings.simplefilter("ignore")
    reports = {
        "criteria": lambda: criteria(arguments.tables, arguments.uci, arguments.splits),
        "rows": lambda: rows(arguments.tables, arguments.splits),
    }
    for name in arguments.only:
        text = reports[name]()
        write_section(RESULTS, list(TITLES.values()), TITLES[name], text)
        print(text, flush=True)


if __name__ == "__main__":
    main()
