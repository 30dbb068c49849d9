"""The symmetric NTK matrix of several networks, beside neural-tangents on the same inputs.

Run ``python -m benchmarks.compare_with_neural_tangents --peer-python ENVIRONMENT/bin/python``.

neural-tangents needs an old JAX and so an environment of its own; `--peer-script` runs in it,
takes a case, `--x64`, `--repeat` and `--save`, and prints one line of JSON with `best_s`. Both
sides take turns for several rounds and the shortest time of each counts. The ratio is to the
better of the other's two precisions. The rows of a case are printed as soon as it is measured.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from benchmarks.timing import (
    best_of_rounds,
    machine,
    markdown_head,
    markdown_row,
    markdown_table,
    seconds,
)
from skntk import gram_matrix
from skntk.architecture import ConvNet, FullyConnected, Myrtle, WideResNet

STDS = {"weight_std": 1.5, "bias_std": 0.1}

# A case of the other's script: our network.
VECTOR_CASES = {
    "fc3-relu": FullyConnected(3, "relu", **STDS),
    "fc3-erf": FullyConnected(3, "erf", **STDS),
}
IMAGE_CASES = {
    "conv3-flatten-16": ConvNet(3, pooling="none", **STDS),
    "conv3-gap-8": ConvNet(3, pooling="global", **STDS),
    "conv3-gap-16": ConvNet(3, pooling="global", **STDS),
    "conv3-gap-32": ConvNet(3, pooling="global", **STDS),
    "myrtle5-32": Myrtle(5, **STDS),
    "wrn1-16": WideResNet(1, **STDS),
}
CASES = VECTOR_CASES | IMAGE_CASES
PEER_SCRIPT = "../shared/peers/time_neural_tangents.py"
DTYPES = ("float64", "float32")
# How many times faster than the better of the other's precisions we want to be.
GOALS = {
    "fc3-relu": {"float64": 8, "float32": 20},
    "fc3-erf": {"float64": 6, "float32": 15},
    "conv3-flatten-16": {"float64": 8.3, "float32": 25},
    "conv3-gap-8": {"float64": 13.3, "float32": 40},
    "conv3-gap-16": {"float64": 16.7, "float32": 50},
    "conv3-gap-32": {"float64": 16.7, "float32": 50},
    "myrtle5-32": {"float64": 13.3, "float32": 40},
    "wrn1-16": {"float64": 100, "float32": 300},
}
# Largest difference off the diagonal, in units of the largest entry: in double precision to the
# matrix of neural-tangents, in single precision to ours in double. On the diagonal neural-tangents
# takes the arc cosine of 1, where rounding by eps shows as sqrt(eps).
TOLERANCES = {"float64": 1e-12, "float32": 2e-5}
HEADER = (
    "case",
    "dtype",
    "skntk s",
    "neural-tangents s",
    "us an entry",
    "times faster",
    "goal",
    "difference",
)


class Peer:
    """neural-tangents in its own environment."""

    def __init__(self, python: str, script: Path, repeat: int) -> None:
        self.command = [python, str(script), "--repeat", str(repeat)]

    def best_seconds(self, case: str, dtype: str, save: Path | None = None) -> float:
        """Return the shortest seconds of a few calls in a new process, compilation excluded."""
        options = ["--x64"] if dtype == "float64" else []
        options += ["--save", str(save)] if save else []
        command = [*self.command, *options, case]
        printed = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
        return float(json.loads(printed.splitlines()[-1])["best_s"])

    def inputs_and_matrix(self, case: str, dtype: str) -> tuple[np.ndarray, np.ndarray]:
        """Return the inputs of a case and the matrix that neural-tangents finds."""
        with tempfile.TemporaryDirectory() as folder:
            self.best_seconds(case, dtype, Path(folder) / "peer.npz")
            with np.load(Path(folder) / f"peer-{case}.npz") as saved:
                return saved["x"], saved["ntk"]


def check_agreement(peer: Peer, case: str) -> tuple[np.ndarray, dict[str, float]]:
    """Return the inputs, and by dtype the difference to what our matrix should be."""
    X, theirs = peer.inputs_and_matrix(case, "float64")
    ours = {dtype: gram_matrix(CASES[case], X, dtype=dtype) for dtype in DTYPES}
    differences = {}
    for dtype, reference in (("float64", theirs), ("float32", ours["float64"])):
        difference = np.abs(ours[dtype] - reference) / np.abs(reference).max()
        on_diagonal = float(difference.diagonal().max())
        np.fill_diagonal(difference, 0)
        differences[dtype] = float(difference.max())
        if differences[dtype] > TOLERANCES[dtype] or on_diagonal > np.sqrt(np.finfo(dtype).eps):
            raise SystemExit(
                f"{case} in {dtype}: the matrices differ by {differences[dtype]:.1e} of the "
                f"largest entry, on the diagonal by {on_diagonal:.1e}."
            )
    return X, differences


def compare(
    peer: Peer, case: str, rounds: int, repeat: int, peer_dtypes: Sequence[str]
) -> list[list[str]]:
    """Return the rows of the table for one case."""
    X, differences = check_agreement(peer, case)
    ours: dict[str, list[float]] = {dtype: [] for dtype in DTYPES}
    theirs: dict[str, list[float]] = {dtype: [] for dtype in peer_dtypes}
    for _ in range(rounds):
        for dtype in DTYPES:
            if dtype in theirs:
                theirs[dtype].append(peer.best_seconds(case, dtype))
            ours[dtype] += [
                seconds(lambda dtype=dtype: gram_matrix(CASES[case], X, dtype=dtype))
                for _ in range(repeat)
            ]
    better = min(map(min, theirs.values()))
    return [
        [
            case,
            dtype,
            f"{min(ours[dtype]):.4f}",
            f"{min(theirs[dtype]):.4f}" if dtype in theirs else "not timed",
            f"{min(ours[dtype]) / len(X) ** 2 * 1e6:.3g}",
            f"{better / min(ours[dtype]):.1f}",
            str(GOALS[case][dtype]),
            f"{differences[dtype]:.0e}",
        ]
        for dtype in DTYPES
    ]


def floor(n: int, n_features: int, rounds: int) -> list[list[str]]:
    """Return rows with the times that no evaluation of an n x n matrix can go below."""
    rows = []
    for dtype in DTYPES:
        X = np.random.default_rng(0).standard_normal((n, n_features)).astype(dtype)
        calls = {
            "matrix product X X^T alone": lambda X=X: X @ X.T,
            "filling a new matrix, one thread": lambda dtype=dtype: np.empty((n, n), dtype).fill(1),
            "filling a new matrix, all threads": lambda dtype=dtype: fill_in_threads(n, dtype),
        }
        times = best_of_rounds(calls, rounds)
        for name, time in times.items():
            rows.append([name, dtype, f"{time:.4f}", f"{time / n**2 * 1e9:.2f}"])
    return rows


def fill_in_threads(n: int, dtype: str) -> np.ndarray:
    """Return a new n x n matrix, written by all cores."""
    matrix = np.empty((n, n), dtype)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(lambda rows: rows.fill(1), np.array_split(matrix, 16)))
    return matrix


def main() -> None:
    """Run the comparison and print its tables."""
    root = Path(__file__).parents[1]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    python = os.environ.get("SKNTK_PEER_PYTHON")
    parser.add_argument("--peer-python", default=python, help="default: $SKNTK_PEER_PYTHON")
    parser.add_argument("--peer-script", type=Path, default=root / PEER_SCRIPT)
    parser.add_argument("--cases", nargs="+", choices=CASES, default=list(CASES), metavar="CASE")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--repeat", type=int, default=3, help="calls a round")
    parser.add_argument("--peer-repeat", type=int, default=3, help="calls of the other a round")
    parser.add_argument(
        "--peer-dtypes",
        nargs="+",
        choices=DTYPES,
        default=list(DTYPES),
        metavar="DTYPE",
        help="precisions of the other that are timed; the better one must be among them",
    )
    arguments = parser.parse_args()
    if not arguments.peer_python:
        parser.error("say with --peer-python or SKNTK_PEER_PYTHON which Python has neural-tangents")

    print(machine(), end="\n\n")
    peer = Peer(arguments.peer_python, arguments.peer_script, arguments.peer_repeat)
    print(markdown_head(HEADER), flush=True)
    for case in arguments.cases:
        measured = (arguments.rounds, arguments.repeat, arguments.peer_dtypes)
        for row in compare(peer, case, *measured):
            print(markdown_row(row), flush=True)
    print()
    rows = floor(4000, 64, 3 * arguments.rounds)
    print(markdown_table(["floor", "dtype", "s", "ns an entry"], rows), end="\n\n")
    print(machine())


if __name__ == "__main__":
    main()
