"""The memory of one process that computes kernels of thousands of different networks.

Run ``python -m benchmarks.many_networks``. The networks differ in their activations, so that none
shares compiled programs with another.
"""

from __future__ import annotations

import argparse
import re
import sys
from itertools import islice, product
from pathlib import Path

import numpy as np

from benchmarks.timing import machine, markdown_table
from skntk import gram_matrix, set_program_cache_size
from skntk.architecture import (
    ABRelu,
    Abs,
    Cos,
    Dense,
    Erf,
    Exp,
    Gaussian,
    Gelu,
    Identity,
    LeakyRelu,
    Monomial,
    Rbf,
    RectifiedMonomial,
    Relu,
    Serial,
    Sign,
    Sin,
)

ACTIVATIONS = [
    Abs(),
    ABRelu(0.5, 1.0),
    Cos(),
    Erf(),
    Exp(),
    Gaussian(),
    Gelu(),
    Identity(),
    LeakyRelu(),
    Monomial(2),
    Rbf(),
    RectifiedMonomial(2),
    Relu(),
    Sign(),
    Sin(),
]


def memory() -> tuple[int, int]:
    """Return the mappings and the resident MiB of this process, as Linux tells them."""
    process = Path("/proc/self")
    resident = re.search(r"VmRSS:\s+(\d+) kB", (process / "status").read_text())
    assert resident is not None
    return len((process / "maps").read_text().splitlines()), int(resident[1]) // 1024


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--networks", type=int, default=3000)
    parser.add_argument("--kept", type=int, default=128)
    arguments = parser.parse_args()
    set_program_cache_size(arguments.kept)

    X = np.random.default_rng(0).normal(size=(8, 5))
    rows = []
    depths = (product(ACTIVATIONS, repeat=depth) for depth in range(1, 4))
    networks = islice((chosen for depth in depths for chosen in depth), arguments.networks)
    for number, activations in enumerate(networks, 1):
        # Small weights, with which `Exp` behind `Exp` does not overflow.
        hidden = [layer for activation in activations for layer in (Dense(0.5), activation)]
        gram_matrix(Serial([*hidden, Dense()]), X)
        if number in (1, arguments.kept, 2 * arguments.kept) or number % 500 == 0:
            rows.append([str(number), *map(str, memory())])
            print(*rows[-1], file=sys.stderr, flush=True)
    print(machine(), end="\n\n")
    print(markdown_table(["networks", "memory mappings", "resident MiB"], rows))


if __name__ == "__main__":
    main()
