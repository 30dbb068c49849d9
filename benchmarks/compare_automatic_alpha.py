"""What ``alpha="auto"`` is worth beside ``alpha=0.1`` and beside other regressors.

Run ``python -m benchmarks.compare_automatic_alpha --tables FOLDER``. The folder holds a parquet
file for each table, with a column "target", and an ``index.json`` with the "kind" of each, which is
"regression" or "classification". ``--only`` measures one part and leaves the other sections of the
results as they are; only the times want a quiet machine.
"""

from __future__ import annotations

import argparse
import warnings
from pathlib import Path

from benchmarks.automatic_alpha import intervals, surrogate, tables, times
from benchmarks.automatic_alpha.sections import write_section

RESULTS = Path(__file__).parent / "results" / "automatic_alpha.md"
TITLES = {
    "intervals": "Intervals of new observations",
    "surrogate": "A minimum found by expected improvement",
    "tables": "Tables",
    "times": "Times of fits",
}


def main() -> None:
    """Measure, and write the sections."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", choices=TITLES, nargs="+", default=list(TITLES))
    parser.add_argument("--tables", type=Path, help="folder of tables")
    parser.add_argument("--seeds", type=int, default=10, help="of generated data")
    parser.add_argument("--searches", type=int, default=40, help="for a minimum, by a surrogate")
    parser.add_argument("--splits", type=int, default=2, help="of every table")
    parser.add_argument("--rounds", type=int, default=3, help="of the longest fits")
    parser.add_argument("--sizes", type=int, nargs="+", default=times.SIZES, help="of timed fits")
    arguments = parser.parse_args()
    if "tables" in arguments.only and arguments.tables is None:
        parser.error("--tables says where they are; --only leaves them out")
    # Data without noise, or with nothing else.
    warnings.simplefilter("ignore")
    reports = {
        "intervals": lambda: intervals.report(arguments.seeds),
        "surrogate": lambda: surrogate.report(arguments.searches),
        "tables": lambda: tables.report(arguments.tables, arguments.splits),
        "times": lambda: times.report(arguments.rounds, arguments.sizes),
    }
    for name in arguments.only:
        text = reports[name]()
        write_section(RESULTS, list(TITLES.values()), TITLES[name], text)
        print(text, flush=True)


if __name__ == "__main__":
    main()
