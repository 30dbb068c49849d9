"""What fits of a thousand to a million rows take: time, memory and error of all solvers.

Run ``python -m benchmarks.many_rows`` on a quiet machine. Every fit has a process of its own, whose
peak of memory it tells. Records are kept beside the results, so that ``--only`` and ``--cases``
measure a part anew and leave the others as they are:

- "rows": time against rows of every solver; the table of the guide and its figure (20 minutes)
- "million": 1,000,000 rows through 5,000 inducing points, and the floor (10 minutes)
- "flights": four fifths of the 327,346 rows of a table, through 3,000 inducing points; needs
  ``--tables`` (3 minutes)

Fifty thousand rows by conjugate gradients are measured by `benchmarks.conjugate_gradient`.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from benchmarks.automatic_alpha.sections import write_section
from benchmarks.many_rows_study.cases import SECONDS_AT_MOST, Case, Record, run
from benchmarks.many_rows_study.figure import draw
from benchmarks.timing import machine, markdown_table

ROOT = Path(__file__).parents[1]
EXACT = {
    "Cholesky": "everything",
    "ConjugateGradient": "the equations, to a relative residual of 1e-6",
    "InducingPoints(500)": "sums over all rows, of a kernel through 500 points",
    "InducingPoints(2000)": "sums over all rows, of a kernel through 2,000 points",
}
TITLES = {
    "million": "A million rows",
    "flights": "Arrival delays of flights",
}
ESTIMATORS = ("NTKRegressor", "NNGPRegressor")


def row_cases(seconds: float) -> list[Case]:
    """Return the fits of the table and the figure."""
    cases = [Case(f"Cholesky, {n}", "cholesky", n) for n in (1000, 3000, 10_000, 20_000)]
    cases += [
        Case(f"ConjugateGradient, {n}", "conjugate_gradient", n, {"random_state": 0})
        for n in (3000, 10_000, 20_000)
    ]
    for m in (500, 2000):
        chosen = {"n_points": m, "random_state": 0}
        cases += [
            Case(f"InducingPoints({m}), {n}", "inducing_points", n, chosen, dtype="float32")
            for n in (1000, 3000, 10_000, 30_000, 100_000, 300_000, 1_000_000)
            if n >= m
        ]
    return [Case(**{**vars(case), "seconds": seconds}) for case in cases]


def million_case(n_rows: int, n_points: int, n_test: int) -> Case:
    """Return the fit of a million rows."""
    parameters = {"n_points": n_points, "random_state": 0}
    return Case(
        "million",
        "inducing_points",
        n_rows,
        parameters,
        dtype="float32",
        test_rows=n_test,
        with_std=True,
        with_floor=True,
        seconds=1500.0,
    )


def flight_cases(folder: Path | None, n_points: int) -> list[Case]:
    """Return the fits of the table of flights."""
    parameters = {"n_points": n_points, "random_state": 0}
    return [
        Case(
            f"flights, {estimator}, alpha={alpha}",
            "inducing_points",
            parameters=parameters,
            estimator=estimator,
            alpha=alpha,
            dtype="float32",
            table=str(folder / "flights_delay.parquet"),
        )
        for estimator in ESTIMATORS
        for alpha in (0.01, "auto")
    ]


# Reports -----------------------------------------------------------------------------------------


def lines(records: Mapping[str, Record]) -> dict[str, list[tuple[int, float]]]:
    """Return (rows, seconds) of every solver."""
    found: dict[str, list[tuple[int, float]]] = {}
    for name, record in records.items():
        solver = name.rpartition(", ")[0]
        if solver in EXACT and "error" not in record:
            found.setdefault(solver, []).append((record["rows"], record["seconds"]))
    return {solver: found[solver] for solver in EXACT if solver in found}


def slope(points: list[tuple[int, float]], low: float = 1e5) -> float | None:
    """Return the slope of log time against log rows from 1e5 rows on."""
    chosen = np.log([point for point in sorted(points) if point[0] >= low])
    if len(chosen) < 2:
        return None
    return float(np.polyfit(chosen[:, 0], chosen[:, 1], 1)[0])


def row_report(records: Mapping[str, Record]) -> str:
    """Return the table of all rows and solvers."""
    body, machines = [], []
    for solver, exact in EXACT.items():
        of_solver = {
            record["rows"]: record
            for name, record in records.items()
            if name.rpartition(", ")[0] == solver
        }
        for n, record in sorted(of_solver.items()):
            if "error" in record:
                cells = [record["error"], "", ""]
            else:
                time, memory = number(record["seconds"]), number(record["memory"])
                cells = [time, memory, f"{record['error_of_mean']:.3f}"]
                machines.append(record["machine"])
            body.append([f"{n:,}", f"`{solver}`", *cells, exact])
    header = ["rows", "solver", "seconds of fit", "GiB at the peak", "RMSE / std", "what is exact"]
    text = [markdown_table(header, body)]
    for solver, points in lines(records).items():
        found = slope(points)
        if found is not None:
            text.append(f"`{solver}`, slope of log time against log rows, 1e5 to 1e6: {found:.3f}")
    return "\n\n".join([*text, machines[-1] if machines else ""]) + "\n"


def number(value: float) -> str:
    return f"{value:.2f}" if value < 10 else f"{value:.0f}"


def million_report(records: Mapping[str, Record]) -> str:
    record = records["million"]
    if "error" in record:
        return str(record["error"])
    floor = record["floor"]
    body = []
    for call, found, goal in (
        ("fit", record["seconds"], 600),
        ("predict", record["predict"], 60),
    ):
        parts, limit = floor[call], sum(floor[call].values())
        body += [[call, what, f"{value:.1f}", "", ""] for what, value in parts.items()]
        body.append([f"{call}, all", "", f"{limit:.1f}", f"{found:.1f}", f"{goal}"])
        body.append([f"{call}, of the floor", "", "", f"{found / limit:.2f} times", ""])
    rates = floor["rates"]
    blas = ", ".join(f"{name} {rates[name]:.0f}" for name in rates if not name.startswith("ns_"))
    return "\n\n".join(
        [
            f"{record['rows']:,} x {record['features']} generated rows; the predictions of "
            f"{record['test_rows']:,} rows have their standard deviations.",
            markdown_table(["call", "part", "floor, s", "found, s", "goal, s"], body),
            f"Peak of the process: {record['memory']:.2f} GiB in the fit (goal: 6), "
            f"{record['memory_of_predict']:.2f} GiB with the predictions. RMSE of the mean over "
            f"the standard deviation of the function: {record['error_of_mean']:.3f}.",
            f"Rates in the same process, which the floor is made of: {rates['ns_an_entry']:.2f} ns "
            f"an entry of the NTK, {rates['ns_a_pair']:.2f} ns of both kernels; GFlop/s of BLAS: "
            f"{blas}.",
        ]
    )


def flights_report(records: Mapping[str, Record]) -> str:
    body = []
    for estimator in ESTIMATORS:
        for alpha in (0.01, "auto"):
            record = records.get(f"flights, {estimator}, alpha={alpha}")
            if record is None or "error" in record:
                continue
            found = f"auto: {record['alpha']:.3g}" if "alpha" in record else str(alpha)
            body.append(
                [
                    f"`{estimator}`",
                    found,
                    f"{record['rows']:,} x {record['features']}",
                    f"{record['seconds']:.1f}",
                    f"{record['memory']:.2f}",
                    f"{record['error_of_mean']:.4f}",
                ]
            )
    header = ["estimator", "alpha", "rows", "seconds of fit (goal: 30)", "GiB", "RMSE / std"]
    return markdown_table(header, body)


def main() -> None:
    """Measure, and write table, figure and sections."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    everything = ("rows", *TITLES)
    parser.add_argument("--only", choices=everything, nargs="+", default=["rows"])
    parser.add_argument("--cases", default="", help='of "rows": those with this in their names')
    parser.add_argument("--most-rows", type=int, default=1_000_000, help="in any case")
    parser.add_argument("--points", type=int, default=0, help="of million and flights; 0: as above")
    parser.add_argument("--tables", type=Path, help="folder with flights_delay.parquet")
    parser.add_argument("--seconds", type=float, default=SECONDS_AT_MOST, help="of a case of rows")
    parser.add_argument("--no-run", action="store_true", help="write from what was measured before")
    parser.add_argument("--results", type=Path, default=ROOT / "benchmarks" / "results")
    parser.add_argument("--figure", type=Path, default=ROOT / "docs" / "figures" / "many_rows.svg")
    arguments = parser.parse_args()
    if "flights" in arguments.only and not arguments.no_run and arguments.tables is None:
        parser.error("--tables says where flights_delay.parquet is")

    most, points = arguments.most_rows, arguments.points
    cases = {
        "rows": lambda: [
            case
            for case in row_cases(arguments.seconds)
            if case.rows <= most and arguments.cases in case.name
        ],
        "million": lambda: [million_case(most, points or 5000, most // 10)],
        "flights": lambda: flight_cases(arguments.tables, points or 3000),
    }
    reports = {
        "million": million_report,
        "flights": flights_report,
    }
    print(machine(), flush=True)
    records_path = arguments.results / "many_rows.json"
    for part in arguments.only:
        records = run([] if arguments.no_run else cases[part](), records_path)
        if part == "rows":
            text = row_report(records)
            (arguments.results / "many_rows.md").write_text(text)
            draw(lines(records), arguments.figure)
        else:
            text = reports[part](records)
            goals = arguments.results / "many_rows_goals.md"
            write_section(goals, list(TITLES.values()), TITLES[part], text)
        print(f"\n{text}\n", flush=True)


if __name__ == "__main__":
    main()
