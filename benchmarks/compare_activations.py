"""The kernel matrix with each activation that has no closed form, in units of relu's time.

Run ``python -m benchmarks.compare_activations``.
"""

from __future__ import annotations

import argparse

import jax.numpy as jnp
import numpy as np

from benchmarks.timing import best_of_rounds, machine, markdown_table
from skntk import gram_matrix
from skntk.architecture import FullyConnected
from skntk.architecture.activations.smooth import Elementwise, QuadratureActivation
from skntk.architecture.core.registry import registered

RELU = "Relu"
LIMIT = 3


def bump(x):
    """Stand for a function that a user wrote."""
    return x / (1 + jnp.square(x))


def activations() -> dict[str, object]:
    """Return relu, every activation whose kernel is found by quadrature, and a user's function."""
    classes = registered("activation").values()
    by_quadrature = [cls for cls in classes if issubclass(cls, QuadratureActivation)]
    named = {cls.__name__: cls() for cls in by_quadrature if cls is not Elementwise}
    return {RELU: "relu", **named, "x / (1 + x^2)": bump}


def main() -> None:
    """Time all activations in turns and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()

    X = np.random.default_rng(0).standard_normal((arguments.rows, 64))
    networks = {name: FullyConnected(3, activation) for name, activation in activations().items()}
    print(machine(), end="\n\n")
    for dtype in ("float64", "float32"):
        calls = {
            name: lambda network=network, dtype=dtype: gram_matrix(network, X, dtype=dtype)
            for name, network in networks.items()
        }
        times = best_of_rounds(calls, arguments.rounds)
        rows = [
            [name, dtype, f"{time:.4f}", f"{time / times[RELU]:.2f}", str(LIMIT)]
            for name, time in times.items()
        ]
        header = ["activation", "dtype", "s", "in units of relu", "limit"]
        print(markdown_table(header, rows), end="\n\n")
    print(machine())


if __name__ == "__main__":
    main()
