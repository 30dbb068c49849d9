"""The fits that are measured, and how each is run in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

SECONDS_AT_MOST = 600.0

Record = dict[str, Any]


@dataclass(frozen=True)
class Case:
    """One fit.

    Attributes
    ----------
    name : str
        What the record is found by.
    solver : {"cholesky", "conjugate_gradient", "inducing_points"}
    rows : int
        Of generated data; of a table all there are.
    parameters : dict
        Of the solver.
    estimator : str
    alpha : float or "auto"
    dtype : str
    table : str or None
        The path of a parquet file in place of generated rows.
    test_rows : int
    with_std : bool
        Whether to time the predictions of the test rows with their standard deviations.
    with_floor : bool
        Whether to measure the rates of kernels and products in the same process.
    seconds : float
        What the process may take.
    """

    name: str
    solver: str
    rows: int = 0
    parameters: dict[str, Any] | None = None
    estimator: str = "NTKRegressor"
    alpha: float | str = 0.01
    dtype: str = "float64"
    table: str | None = None
    test_rows: int = 10_000
    with_std: bool = False
    with_floor: bool = False
    seconds: float = SECONDS_AT_MOST


def run(cases: Iterable[Case], records: Path) -> dict[str, Record]:
    """Measure cases one after the other, and keep the records of all in a file."""
    found: dict[str, Record] = json.loads(records.read_text()) if records.exists() else {}
    for case in cases:
        print(f"{case.name}, at most {case.seconds:.0f} s ... ", end="", flush=True)
        start = perf_counter()
        record = run_case(case)
        result = record.get("error") or f"fit {record['seconds']:.3g} s"
        print(f"{result} ({perf_counter() - start:.0f} s in all)", flush=True)
        found[case.name] = record
        records.write_text(json.dumps(found, indent=1) + "\n")
    return found


def run_case(case: Case) -> Record:
    """Return what a process of its own found, or why it did not finish."""
    command = [sys.executable, "-m", "benchmarks.many_rows_study.one_fit", json.dumps(asdict(case))]
    try:
        finished = subprocess.run(
            command, timeout=case.seconds, stdout=subprocess.PIPE, text=True, check=False
        )
    except subprocess.TimeoutExpired:
        return {"rows": case.rows, "error": f"more than {case.seconds:.0f} s"}
    if finished.returncode != 0:
        return {"rows": case.rows, "error": f"exit status {finished.returncode}, see above"}
    record: Record = json.loads(finished.stdout.splitlines()[-1])
    return record
