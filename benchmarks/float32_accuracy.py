"""Kernels of vectors in single precision against those in double precision.

Run ``python -m benchmarks.float32_accuracy``. For every activation and every preset of vectors, and
inputs that are nearly parallel, equal, opposite, or of very different norms, the table has the
largest error as a fraction of the largest entry, and the lowest eigenvalue as a fraction of the
mean of the diagonal. ``--saved FILE`` writes the numbers as JSON; ``--before FILE`` adds columns
with those that another version of the package has saved.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from benchmarks.timing import markdown_table
from skntk import gram_matrix
from skntk.architecture import FullyConnected, Layer, Rbf
from skntk.architecture.core.registry import registered

BOUNDS = {"error": 2e-6, "lowest": -3e-6}
KINDS = ("nngp", "ntk")
N_ROWS = 400
GAUSSIAN = "Gaussian kernel"


def inputs() -> dict[str, np.ndarray]:
    """Return the inputs by name, each of `N_ROWS` rows."""
    rng = np.random.default_rng(0)
    directions = rng.normal(size=(N_ROWS, 3))
    few = directions[: N_ROWS // 4]
    return {
        "one feature, steps of 0.001": 1e-3 * np.arange(N_ROWS)[:, None],
        "one feature in -31..31": np.linspace(-31, 31, N_ROWS)[:, None],
        "three features in 10..12": rng.uniform(10, 12, size=(N_ROWS, 3)),
        "equal and opposite rows": np.concatenate([few, few, -few, few * (1 + 1e-9)]),
        "norms of 1e-3 to 1e3": directions * 10 ** rng.uniform(-3, 3, size=(N_ROWS, 1)),
    }


def inputs_of(network_name: str) -> dict[str, np.ndarray]:
    """Return the inputs of a network: the Gaussian kernel is shown rows far from the origin too.

    In double precision, the digits of such rows are lost with other networks.
    """
    if network_name != GAUSSIAN:
        return inputs()
    far = {
        f"one feature in {start}..{start + 1}": np.linspace(start, start + 1, N_ROWS)[:, None]
        for start in (500, 10000)
    }
    return {**inputs(), **far}


def networks() -> dict[str, Layer]:
    """Return a network of every activation, and every preset of vectors, by name."""
    activations = {
        f"{name}, depth 3": FullyConnected(3, cls.examples()[0])
        for name, cls in registered("activation").items()
    }
    presets = {
        f"{name} {position}": example
        for name, cls in registered("preset").items()
        for position, example in enumerate(cls.examples())
    }
    gaussian = {GAUSSIAN: FullyConnected(1, Rbf(), 1.0, 1.0)}
    return {**activations, **presets, **gaussian}


def measure(only: Sequence[str] = ()) -> Iterator[tuple[str, dict[str, float]]]:
    """Yield a name and the two numbers for every network, input and kind of kernel."""
    for network_name, network in networks().items():
        if only and not any(network_name.startswith(start) for start in only):
            continue
        for input_name, X in inputs_of(network_name).items():
            try:
                exact, single = (
                    gram_matrix(network, X, kind=KINDS, dtype=dtype)
                    for dtype in ("float64", "float32")
                )
            except ValueError:  # the kernel of such inputs is not finite
                continue
            for kind, ours, reference in zip(KINDS, single, exact, strict=True):
                scale = np.abs(reference).max()
                if scale > 0:
                    yield (
                        f"{network_name} | {input_name} | {kind}",
                        {
                            "error": float(np.abs(ours - reference).max() / scale),
                            "lowest": float(
                                np.linalg.eigvalsh(ours.astype(float))[0]
                                / np.diagonal(reference).mean()
                            ),
                        },
                    )


def holds(numbers: dict[str, float]) -> bool:
    """Return whether a kernel is as accurate as promised."""
    return numbers["error"] <= BOUNDS["error"] and numbers["lowest"] >= BOUNDS["lowest"]


def report(found: dict[str, dict[str, float]], before: dict[str, dict[str, float]]) -> str:
    """Return the results as Markdown: how many are beyond the bounds, and a table."""
    header = ["network", "input", "kernel"]
    for when in (["before: "] if before else []) + [""]:
        header += [f"{when}error", f"{when}lowest eigenvalue"]
    rows = []
    for name, numbers in found.items():
        columns = ([before.get(name, {})] if before else []) + [numbers]
        cells = [
            f"{column[number]:.1e}" if column else ""
            for column in columns
            for number in ("error", "lowest")
        ]
        rows.append([*name.split(" | "), *cells])
    beyond = f"{sum(not holds(numbers) for numbers in found.values())} of {len(found)}"
    summary = f"Beyond the bounds: {beyond}."
    if before:
        beyond = f"{sum(not holds(numbers) for numbers in before.values())} of {len(before)}"
        summary += f" Before: {beyond}."
    return f"{summary}\n\n{markdown_table(header, rows)}"


def main() -> None:
    """Measure everything and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--before", type=Path, help="numbers of another version, as JSON")
    parser.add_argument("--saved", type=Path, help="where to write the numbers as JSON")
    parser.add_argument("--only", nargs="+", default=(), help="how the names of networks begin")
    arguments = parser.parse_args()

    found = dict(measure(arguments.only))
    if arguments.saved:
        arguments.saved.write_text(json.dumps(found))
    before = json.loads(arguments.before.read_text()) if arguments.before else {}
    print(report(found, before))


if __name__ == "__main__":
    main()
