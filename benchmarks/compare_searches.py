"""A grid search in closed form, by refits with and without the cache, and of neural-tangents.

Run ``python -m benchmarks.compare_searches --peer-python ENVIRONMENT/bin/python``.

3 networks x 10 values of alpha x 5 folds of 1000 samples, R^2. neural-tangents needs an old JAX and
so an environment of its own. It is wrapped for `GridSearchCV` in two ways: naively, as its README
calls kernel functions, and with care, so that each is compiled once. All searches take turns for
several rounds and the shortest time of each counts; a round before them, in which neural-tangents
has one value of alpha, compiles. Every search with the cache begins with an empty one. The scores
have to agree.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np
from sklearn.model_selection import GridSearchCV

from benchmarks.timing import machine, markdown_table
from skntk import ClosedFormSearchCV, NTKRegressor
from skntk.architecture import FullyConnected
from skntk.gram.cache.kernel_cache import KERNEL_CACHE

PEER_SCRIPT = Path(__file__).with_name("search_of_neural_tangents.py")
DEPTHS = (1, 2, 3)
ALPHAS = np.logspace(-3, 1, 10)
N_FOLDS = 5
N_SAMPLES, N_FEATURES = 1000, 64
NAIVE, CAREFUL = "as its README calls it", "compiled once"
PEERS = {NAIVE: "README", CAREFUL: "compiled"}
TOLERANCE = 1e-9


class Search(NamedTuple):
    """A search of ours, and how many times faster than the naive wrapper it should be."""

    kind: Any
    goal: str
    cache_size: float | None = None


SEARCHES = {
    "ClosedFormSearchCV": Search(ClosedFormSearchCV, "30"),
    "GridSearchCV": Search(GridSearchCV, ""),
    "GridSearchCV, cache_size=200": Search(GridSearchCV, "5", cache_size=200),
}


def problem() -> tuple[np.ndarray, np.ndarray]:
    """Return inputs and targets."""
    random = np.random.default_rng(0)
    X = random.standard_normal((N_SAMPLES, N_FEATURES))
    noise = 0.1 * random.standard_normal(N_SAMPLES)
    return X, np.sin(X[:, 0]) + 0.3 * X[:, 1] + noise


Answer = tuple[float, np.ndarray]


def our_search(search: Search, X: np.ndarray, y: np.ndarray, alphas: np.ndarray) -> Answer:
    """Return the seconds of one search and its scores, by depth and alpha."""
    networks = [FullyConnected(depth, weight_std=1.5, bias_std=0.1) for depth in DEPTHS]
    grid = {"alpha": alphas, "architecture": networks}
    KERNEL_CACHE.clear()
    estimator = NTKRegressor(alpha_scale="absolute", cache_size=search.cache_size)
    start = perf_counter()
    fitted = search.kind(estimator, grid, cv=N_FOLDS).fit(X, y)
    return perf_counter() - start, fitted.cv_results_["mean_test_score"]


def peer_search(peer: subprocess.Popen[str], wrapper: str, alphas: np.ndarray) -> Answer:
    """Return the same of a search over neural-tangents."""
    assert peer.stdin is not None and peer.stdout is not None
    print(json.dumps({"wrapper": wrapper, "n_alphas": len(alphas)}), file=peer.stdin, flush=True)
    answer = json.loads(peer.stdout.readline())
    return answer["seconds"], np.array(answer["scores"])


def measure(peer_python: str, rounds: int) -> tuple[dict[str, float], dict[str, np.ndarray]]:
    """Return the shortest time and the scores of each search."""
    X, y = problem()
    times: dict[str, list[float]] = {name: [] for name in (*SEARCHES, *PEERS)}
    scores: dict[str, np.ndarray] = {}
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "problem.npz"
        np.savez(data, X=X, y=y, depths=np.array(DEPTHS), alphas=ALPHAS)
        command = [peer_python, str(PEER_SCRIPT), str(data), str(N_FOLDS)]
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as peer:
            assert peer.stdin is not None
            for number in range(rounds + 1):
                for name in times:
                    is_short = number == 0 and name in PEERS
                    alphas = ALPHAS[:1] if is_short else ALPHAS
                    seconds, scores[name] = (
                        our_search(SEARCHES[name], X, y, alphas)
                        if name in SEARCHES
                        else peer_search(peer, PEERS[name], alphas)
                    )
                    times[name].append(seconds)
                    print(f"{name}: {seconds:.2f} s", file=sys.stderr)
                print(f"round {number} of {rounds}", file=sys.stderr)
            peer.stdin.close()
    return {name: min(seconds[1:]) for name, seconds in times.items()}, scores


def compare(peer_python: str, rounds: int) -> list[list[str]]:
    """Return the rows of the table."""
    best, scores = measure(peer_python, rounds)
    rows = []
    for name in (*PEERS, *SEARCHES):
        difference = float(np.abs(scores[name] - scores[NAIVE]).max())
        if difference > TOLERANCE:
            raise SystemExit(f"{name}: the scores differ by {difference:.1e}.")
        ratios = [f"{best[peer] / best[name]:.1f}" for peer in PEERS]
        is_peer = name in PEERS
        label = f"GridSearchCV, neural-tangents {name}" if is_peer else f"{name} of skntk"
        goal = "" if is_peer else SEARCHES[name].goal
        rows.append([label, f"{best[name]:.2f}", ratios[0], goal, ratios[1], f"{difference:.0e}"])
    return rows


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peer-python", required=True, help="interpreter with neural-tangents")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    print(machine(), end="\n\n")
    header = (
        "search",
        "s",
        f"times faster than {NAIVE}",
        "goal",
        f"than {CAREFUL}",
        "difference of scores",
    )
    print(markdown_table(header, compare(options.peer_python, options.rounds)))


if __name__ == "__main__":
    main()
