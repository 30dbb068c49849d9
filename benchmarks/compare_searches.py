"""A grid search in closed form, by refits, and by refits of neural-tangents.

Run ``python -m benchmarks.compare_searches --peer-python ENVIRONMENT/bin/python``.

3 networks x 10 values of alpha x 5 folds of 1000 samples, R^2. neural-tangents needs an old JAX and
so an environment of its own. All three searches take turns for several rounds and the shortest
time of each counts; the first round, which compiles, does not. The scores have to agree.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from sklearn.model_selection import GridSearchCV

from benchmarks.timing import machine, markdown_table
from skntk import ClosedFormSearchCV, NTKRegressor
from skntk.architecture import FullyConnected

PEER_SCRIPT = Path(__file__).with_name("search_of_neural_tangents.py")
DEPTHS = (1, 2, 3)
ALPHAS = np.logspace(-3, 1, 10)
N_FOLDS = 5
N_SAMPLES, N_FEATURES = 1000, 64
# How many times faster than refits of neural-tangents.
GOALS = {ClosedFormSearchCV: 30, GridSearchCV: 5}
TOLERANCE = 1e-9


def problem() -> tuple[np.ndarray, np.ndarray]:
    """Return inputs and targets."""
    random = np.random.default_rng(0)
    X = random.standard_normal((N_SAMPLES, N_FEATURES))
    noise = 0.1 * random.standard_normal(N_SAMPLES)
    return X, np.sin(X[:, 0]) + 0.3 * X[:, 1] + noise


def search_of_ours(kind: Any, X: np.ndarray, y: np.ndarray) -> tuple[float, np.ndarray]:
    """Return the seconds of one search and its scores, by depth and alpha."""
    networks = [FullyConnected(depth, weight_std=1.5, bias_std=0.1) for depth in DEPTHS]
    grid = {"alpha": ALPHAS, "architecture": networks}
    start = perf_counter()
    search = kind(NTKRegressor(alpha_scale="absolute"), grid, cv=N_FOLDS).fit(X, y)
    return perf_counter() - start, search.cv_results_["mean_test_score"]


def compare(peer_python: str, rounds: int) -> list[list[str]]:
    """Return the rows of the table."""
    X, y = problem()
    times: dict[Any, list[float]] = {kind: [] for kind in (*GOALS, "peer")}
    scores: dict[Any, np.ndarray] = {}
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "problem.npz"
        np.savez(data, X=X, y=y, depths=np.array(DEPTHS), alphas=ALPHAS)
        command = [peer_python, str(PEER_SCRIPT), str(data), str(N_FOLDS)]
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as peer:
            assert peer.stdin is not None and peer.stdout is not None
            for _ in range(rounds + 1):
                for kind in GOALS:
                    seconds, scores[kind] = search_of_ours(kind, X, y)
                    times[kind].append(seconds)
                print("search", file=peer.stdin, flush=True)
                answer = json.loads(peer.stdout.readline())
                times["peer"].append(answer["seconds"])
                scores["peer"] = np.array(answer["scores"])
            peer.stdin.close()
    best = {kind: min(seconds[1:]) for kind, seconds in times.items()}
    rows = [["GridSearchCV of neural-tangents", f"{best['peer']:.2f}", "1", "", ""]]
    for kind, goal in GOALS.items():
        difference = float(np.abs(scores[kind] - scores["peer"]).max())
        if difference > TOLERANCE:
            raise SystemExit(f"{kind.__name__}: the scores differ by {difference:.1e}.")
        faster = f"{best['peer'] / best[kind]:.1f}"
        rows.append(
            [
                f"{kind.__name__} of skntk",
                f"{best[kind]:.2f}",
                faster,
                str(goal),
                f"{difference:.0e}",
            ]
        )
    return rows


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peer-python", required=True, help="interpreter with neural-tangents")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    print(machine(), end="\n\n")
    header = ("search", "s", "times faster", "goal", "difference of scores")
    print(markdown_table(header, compare(options.peer_python, options.rounds)))


if __name__ == "__main__":
    main()
