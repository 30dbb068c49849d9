"""Inducing points beside scikit-learn's `Nystroem` with the same kernel, and GPyTorch's SGPR.

Run ``python -m benchmarks.inducing_points_and_peers --tables FOLDER`` on a quiet machine; the
folder has diamonds.parquet (53,940 rows, log prices in the column "target"). `Nystroem` followed by
`Ridge` has the same kernel object, the same points and the same regularization, so that its
predictions are those of ours but for an intercept, which it learns without a penalty. The calls of
all take turns; the least of three rounds counts.

GPyTorch needs an environment of its own, ``--python ENVIRONMENT/bin/python``; without it its rows
are left out. It learns its inducing points and hyperparameters in 100 steps, once, as long as
``--sgpr-seconds`` allows. Its tutorial has a rate of 0.01, with which 100 steps do not get far.
The results of ``--points`` that are not named stay as they are.
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.kernel_approximation import Nystroem
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.utils import check_random_state

from benchmarks.automatic_alpha.sections import write_section
from benchmarks.many_rows_study.data import Rows, table_rows
from benchmarks.timing import best_of_rounds, markdown_table
from skntk import NNGPKernel, NNGPRegressor, NTKKernel, NTKRegressor
from skntk.architecture import FullyConnected
from skntk.metrics import negative_log_predictive_density
from skntk.solvers import InducingPoints

RESULTS = Path(__file__).parent / "results" / "inducing_points_and_peers.md"
SGPR = Path(__file__).parent / "many_rows_study" / "sgpr.py"
NUMBERS = (500, 1000, 2000)
ALPHA = 0.01
KINDS = ((NTKRegressor, NTKKernel), (NNGPRegressor, NNGPKernel))
HEADER = ["method", "fit, s", "predict, s", "RMSE / std", "NLPD", "fit and predict, times ours"]


def ours(estimator: Any, alpha: float | str, points: np.ndarray) -> Any:
    solver = InducingPoints(len(points), selection=points, random_state=0)
    return estimator(FullyConnected(3), alpha=alpha, solver=solver, dtype="float32")


def theirs(kernel: Any, X: np.ndarray, n_points: int) -> Any:
    """Return `Nystroem` and `Ridge` with the regularization of ours."""
    nystroem = Nystroem(kernel, n_components=n_points, random_state=0)
    return make_pipeline(nystroem, Ridge(alpha=ALPHA * float(kernel.diag(X).mean())))


def points_of_nystroem(X: np.ndarray, n_points: int) -> np.ndarray:
    """Return the rows that `Nystroem` takes with ``random_state=0``."""
    return X[check_random_state(0).permutation(len(X))[:n_points]]


def models(rows: Rows, n_points: int) -> dict[str, Any]:
    """Return the models of one kernel after the other, ours before theirs."""
    points = points_of_nystroem(rows.X, n_points)
    found: dict[str, Any] = {}
    for estimator, kernel in KINDS:
        found[f"`{estimator.__name__}(alpha={ALPHA})`"] = ours(estimator, ALPHA, points)
        found[f'`{estimator.__name__}(alpha="auto")`'] = ours(estimator, "auto", points)
        peer = theirs(kernel(FullyConnected(3)), rows.X, n_points)
        found[f"scikit-learn, `Nystroem({kernel.__name__}())` + `Ridge`"] = peer
    return found


def measure(rows: Rows, n_points: int, rounds: int) -> list[list[str]]:
    """Return the rows of the table, for a number of points."""
    fitted = models(rows, n_points)
    fits: dict[str, Callable[[], Any]] = {
        name: lambda model=model: model.fit(rows.X, rows.y) for name, model in fitted.items()
    }
    times = best_of_rounds(fits, rounds)
    print(f"  fits: { {name: round(time, 2) for name, time in times.items()} }", flush=True)
    predicted = best_of_rounds(
        {name: lambda model=model: model.predict(rows.X_test) for name, model in fitted.items()},
        rounds,
    )
    table = []
    for name, model in fitted.items():
        unit = next(first for first in fitted if _kind(first) == _kind(name))
        share = (times[name] + predicted[name]) / (times[unit] + predicted[unit])
        mean, std = spread(model, rows)
        seconds = [f"{times[name]:.2f}", f"{predicted[name]:.2f}"]
        table.append([name, *seconds, *scores(rows, mean, std), f"{share:.1f}"])
    return table


def _kind(name: str) -> str:
    return "NNGP" if "NNGP" in name else "NTK"


def spread(model: Any, rows: Rows) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and standard deviation of new observations."""
    if hasattr(model, "steps"):
        residuals = rows.y - model.predict(rows.X)
        mean = model.predict(rows.X_test)
        return mean, np.full(len(mean), np.std(residuals))
    return model.predict(rows.X_test, return_std=True, observation_noise=True)


def scores(rows: Rows, mean: np.ndarray, std: np.ndarray) -> list[str]:
    """Return the relative error, and the NLPD of targets in units of their deviation."""
    scale = np.std(rows.y_test)
    density = negative_log_predictive_density(rows.y_test / scale, mean / scale, std / scale)
    return [f"{rows.relative_error(mean):.4f}", f"{density:.3f}"]


def sgpr(python: Path, rows: Rows, n_points: int, **training: float) -> list[str]:
    """Return the row of GPyTorch; ``training`` is what its script says of steps and time."""
    center, scale = np.mean(rows.y), np.std(rows.y)
    with tempfile.TemporaryDirectory() as folder:
        data, results = Path(folder) / "data.npz", Path(folder) / "results.npz"
        np.savez(
            data,
            X=rows.X,
            y=(rows.y - center) / scale,
            X_test=rows.X_test,
            points=points_of_nystroem(rows.X, n_points),
            **training,
        )
        # Far beyond what the script allows itself: of a step, and of the predictions.
        limit = 3 * training["most_seconds"] + 300
        try:
            subprocess.run([python, SGPR, data, results], check=True, timeout=limit)
        except (subprocess.SubprocessError, OSError) as error:
            print(f"  SGPR: {error}", flush=True)
            return ["GPyTorch, SGPR", f"failed: {type(error).__name__}", "", "", "", ""]
        with np.load(results) as stored:
            found = dict(stored)
    mean, std = center + scale * found["mean"], scale * found["std"]
    name = f"GPyTorch, SGPR, {int(found['steps'])} steps ({found['versions']})"
    times = [f"{float(found[what]):.2f}" for what in ("fit", "predict")]
    return [name, *times, *scores(rows, mean, std), ""]


def with_ratio(row: list[str], first: list[str]) -> list[str]:
    """Return the row of GPyTorch with its time in units of that of ours with an "auto" alpha."""
    if row[1].startswith("failed"):
        return row
    total, unit = (float(cells[1]) + float(cells[2]) for cells in (row, first))
    return [*row[:-1], f"{total / unit:.1f}"]


def report(table: Sequence[list[str]], rows: Rows, rounds: int) -> str:
    n, t = len(rows.X), len(rows.X_test)
    note = (
        f"{n:,} training and {t:,} test rows of {rows.X.shape[1]} features; least of {rounds} "
        "rounds, GPyTorch once. NLPD in nats, of targets in units of their standard deviation; "
        "`Ridge` has no standard deviation, that of its training residuals stands for it. Times "
        f"are in units of ours with the same kernel and `alpha={ALPHA}`, those of GPyTorch, which "
        'learns its noise, in units of `NNGPRegressor(alpha="auto")`.'
    )
    return f"{markdown_table(HEADER, table)}\n\n{note}"


def main() -> None:
    """Measure, and write a section for each number of points."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tables", type=Path, required=True, help="folder with diamonds.parquet")
    parser.add_argument("--points", type=int, nargs="+", default=NUMBERS)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--python", type=Path, help="with torch and gpytorch")
    parser.add_argument("--sgpr-steps", type=int, default=100)
    parser.add_argument("--sgpr-rate", type=float, default=0.1, help="of Adam")
    parser.add_argument("--sgpr-seconds", type=float, default=600.0, help="of training, at most")
    parser.add_argument("--most-rows", type=int, help="of training and test, for a trial")
    parser.add_argument("--results", type=Path, default=RESULTS)
    arguments = parser.parse_args()

    rows = table_rows(arguments.tables, "diamonds")
    if arguments.most_rows is not None:
        part = slice(arguments.most_rows)
        rows = Rows(rows.X[part], rows.y[part], rows.X_test[part], rows.y_test[part])
    titles = [f"{n:,} points" for n in sorted({*NUMBERS, *arguments.points})]
    for n_points in arguments.points:
        print(f"{n_points} points", flush=True)
        table = measure(rows, n_points, arguments.rounds)
        if arguments.python is None:
            print("  SGPR is left out: --python says where gpytorch is", flush=True)
        else:
            training = {
                "steps": arguments.sgpr_steps,
                "rate": arguments.sgpr_rate,
                "most_seconds": arguments.sgpr_seconds,
            }
            found = sgpr(arguments.python, rows, n_points, **training)
            unit = next(row for row in table if row[0] == '`NNGPRegressor(alpha="auto")`')
            table.append(with_ratio(found, unit))
        text = report(table, rows, arguments.rounds)
        write_section(arguments.results, titles, f"{n_points:,} points", text)
        print(f"\n{text}\n", flush=True)


if __name__ == "__main__":
    main()
