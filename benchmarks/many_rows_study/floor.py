"""What a fit through inducing points cannot be faster than: kernel entries and products."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
from scipy.linalg import blas

from benchmarks.many_rows_study.data import Rows
from benchmarks.timing import seconds
from skntk import gram_matrix

_BLOCK = 8192
_ROUNDS = 3


def floor_of_fit(model: Any, rows: Rows, n_points: int) -> dict[str, dict[str, float]]:
    """Return seconds of `fit` and `predict` by rates that are measured here, and the rates.

    A fit through m points computes n m kernel entries, solves with their triangular factor and adds
    products: n m^2 multiplications and additions for each of the two. The spread of a prediction
    takes both kernels and 3 m^2 products.
    """
    network, m = model.architecture_, n_points
    # Rows serve as points, and the rates do not depend on which they are.
    points, block = rows.X[:m], rows.X[:_BLOCK]
    b = len(block)
    rates = {
        "ns_an_entry": 1e9 / (b * m) * _least(lambda: _kernel(network, block, points, "ntk")),
        "ns_a_pair": 1e9
        / (b * m)
        * _least(lambda: _kernel(network, block, points, ("ntk", "nngp"))),
        **_rates_of_blas(m, b),
    }
    print(f"rates: {rates}", file=sys.stderr, flush=True)
    n, t = len(rows.X), len(rows.X_test)
    giga = 1e-9 * m**2
    return {
        "rates": rates,
        "fit": {
            "kernel entries": 1e-9 * n * m * rates["ns_an_entry"],
            "triangular solutions": n * giga / rates["strsm"],
            "sums of products": n * giga / rates["ssyrk"],
        },
        "predict": {
            "kernel entries": 1e-9 * t * m * rates["ns_a_pair"],
            "products": 2 * t * giga / rates["sgemm"] + t * giga / rates["strmm"],
        },
    }


def _kernel(network: Any, block: np.ndarray, points: np.ndarray, kind: Any) -> Any:
    return gram_matrix(network, block, points, kind=kind, dtype="float32")


def _rates_of_blas(m: int, b: int) -> dict[str, float]:
    """Return GFlop/s of products of m x m with m x b numbers, and of m x m numbers in float64."""
    random = np.random.default_rng(0)
    square = np.asfortranarray(np.tril(random.normal(size=(m, m))), dtype=np.float32)
    np.fill_diagonal(square, 2 * np.sqrt(m))
    block = np.asfortranarray(random.normal(size=(m, b)), dtype=np.float32)
    double = np.asfortranarray(square, dtype=np.float64)
    giga = 1e-9 * m**2 * b
    return {
        "strsm": giga / _least(lambda: blas.strsm(1.0, square, block, lower=1)),
        "ssyrk": giga / _least(lambda: blas.ssyrk(1.0, block, lower=1)),
        "sgemm": 2 * giga / _least(lambda: blas.sgemm(1.0, square, block)),
        "strmm": giga / _least(lambda: blas.strmm(1.0, square, block, lower=1)),
        "dgemm": 2e-9 * m**3 / _least(lambda: blas.dgemm(1.0, double, double)),
    }


def _least(call: Any) -> float:
    return min(seconds(call) for _ in range(_ROUNDS))
