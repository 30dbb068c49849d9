"""One fit in a process of its own, which tells its time and its peak of memory.

``python -m benchmarks.many_rows_study.one_fit CASE`` takes a `Case` in JSON and prints the record.
"""

from __future__ import annotations

import json
import re
import resource
import sys
from pathlib import Path
from typing import Any

import skntk
from benchmarks.many_rows_study.cases import Case, Record
from benchmarks.many_rows_study.data import Rows, generated, table_rows
from benchmarks.many_rows_study.floor import floor_of_fit
from benchmarks.timing import machine, seconds
from skntk.architecture import FullyConnected
from skntk.solvers import Cholesky, ConjugateGradient, InducingPoints

SOLVERS = {
    "cholesky": Cholesky,
    "conjugate_gradient": ConjugateGradient,
    "inducing_points": InducingPoints,
}
# Short fits are repeated: the first one compiles.
REPEATED_SECONDS, REPETITIONS = 15.0, 4


def peak_of_memory() -> float:
    """Return the peak of this process in GiB.

    Linux counts the memory of the process that started it in ``ru_maxrss``, but not in VmHWM.
    """
    status = Path("/proc/self/status")
    if status.exists():
        return int(re.search(r"VmHWM:\s+(\d+)", status.read_text())[1]) / 2**20
    unit = 2**30 if sys.platform == "darwin" else 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def data_of(case: Case) -> Rows:
    if case.table is None:
        return generated(case.rows, case.test_rows)
    path = Path(case.table)
    return table_rows(path.parent, path.stem)


def model_of(case: Case) -> Any:
    """Return the estimator, not fitted."""
    solver = SOLVERS[case.solver](**(case.parameters or {}))
    estimator = getattr(skntk, case.estimator)
    return estimator(FullyConnected(3), alpha=case.alpha, solver=solver, dtype=case.dtype)


def measure(case: Case) -> Record:
    """Fit, predict, and return what that took."""
    rows, model = data_of(case), model_of(case)
    times = [seconds(lambda: model.fit(rows.X, rows.y))]
    # Later ones hold what was fitted before.
    memory = peak_of_memory()
    while times[0] < REPEATED_SECONDS and len(times) < REPETITIONS:
        times.append(seconds(lambda: model.fit(rows.X, rows.y)))
    record = {
        "rows": len(rows.X),
        "features": rows.X.shape[1],
        "seconds": min(times),
        "memory": memory,
        "machine": machine(),
    }
    print(f"{min(times):.2f} s, {memory:.2f} GiB ... ", end="", file=sys.stderr, flush=True)
    predictions: list[Any] = []
    predicted = seconds(
        lambda: predictions.append(model.predict(rows.X_test, return_std=case.with_std))
    )
    mean, *std = predictions[0] if case.with_std else predictions
    record |= {
        "test_rows": len(mean),
        "predict": predicted,
        "error_of_mean": rows.relative_error(mean),
        "memory_of_predict": peak_of_memory(),
    }
    if std:
        record["mean_std"] = float(std[0].mean())
    if case.alpha == "auto":
        record["alpha"] = float(model.hyperparameters_["alpha"])
    if case.solver == "conjugate_gradient":
        record["steps"] = int(model.n_iter_)
    if case.with_floor:
        record["floor"] = floor_of_fit(model, rows, case.parameters["n_points"])
    return record


if __name__ == "__main__":
    print(json.dumps(measure(Case(**json.loads(sys.argv[1])))))
