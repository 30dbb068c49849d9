"""What the package computes on a GPU: reference values, kernels, and fits of many rows.

Run ``python -m benchmarks.on_gpu`` with a JAX that sees a GPU, or ``--small`` on any machine. It
takes eight minutes at most (``--seconds``), needs no network, and prints tables in Markdown; with
``--results FILE`` it writes them too. The parts, one or some of which ``--only`` chooses:

- "reference": the kernels of ``tests/reference`` on the device, in both precisions
- "speed": kernels and fits on the device, and the same on the CPU of this machine
- "conjugate_gradient": 100,000 rows, and a step of 300,000
- "inducing_points": 1,000,000 rows

Today kernels are computed on the device, tile by tile, and return to the memory of the CPU. What
solvers do with them is computed by BLAS on the CPU: factorizations, the steps of conjugate
gradients, the sums of products of inducing points. So a fit is faster on a GPU as far as its time
is that of kernels, and no more. A step of conjugate gradients that computes the kernel anew
(``storage="none"``) moves the whole kernel from the device to the CPU.
"""

from __future__ import annotations

import os

# Processes share the device: each takes what it needs, not most of it at once.
os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")

import argparse
from collections.abc import Callable, Iterator
from pathlib import Path
from time import perf_counter
from typing import Any

import jax
import numpy as np

from benchmarks.many_rows_study.cases import Case, run_case
from benchmarks.many_rows_study.data import N_FEATURES
from benchmarks.timing import best_of_rounds, machine, markdown_table, seconds
from skntk import NTKRegressor, gram_matrix
from skntk.architecture import ConvNet, FullyConnected, Myrtle
from tests.reference_data import load
from tests.reference_network import NotSupportedError, build_network

QUANTITIES = ("nngp", "ntk", "nngp_x1x1", "ntk_x1x1")
# In single precision, of the sum of an entry and the largest one.
TOLERANCE_OF_SINGLE, TOLERANCE_OF_KINKED = 1e-4, 1e-3
KINKED = {"ABRelu", "Abs", "LeakyRelu", "RectifiedMonomial", "Relu", "Sign"}
SHARES = {"reference": 0.3, "speed": 0.15, "conjugate_gradient": 0.3, "inducing_points": 0.25}


# Reference values --------------------------------------------------------------------------------


def reference(limit: float, *, small: bool) -> str:
    """Compare as many cases as the time allows, in an order that mixes their kinds."""
    cases = [
        (case, arrays) for source in ("kernels", "nt_failures") for case, arrays in _cases(source)
    ]
    order = np.random.default_rng(0).permutation(len(cases))[: 10 if small else None]
    start, reached, missing = perf_counter(), 0, 0
    worst: dict[str, list[tuple[float, str]]] = {"float64": [], "float32": []}
    for position in order:
        case, arrays = cases[position]
        if perf_counter() - start > limit:
            break
        reached += 1
        try:
            network = build_network(case["layers"], case.get("input_shape", [None])[-1])
        except NotSupportedError:
            missing += 1
            continue
        for dtype, found in worst.items():
            if dtype == "float64" or not case["name"].startswith("special_"):
                found.append((_excess(network, case, arrays, dtype), case["name"]))
    body = [
        [
            dtype,
            f"{len(found)}",
            f"{sum(excess <= 1 for excess, _ in found)}",
            f"{max(found)[0]:.2g}",
            max(found)[1],
        ]
        for dtype, found in worst.items()
        if found
    ]
    header = ["precision", "cases", "within tolerance", "largest error / tolerance", "of case"]
    note = f"{reached} of {len(cases)} cases reached in {perf_counter() - start:.0f} s, {missing} "
    return f"{markdown_table(header, body)}\n\n{note}of layers that are not supported."


def _cases(source: str) -> Iterator[tuple[dict[str, Any], dict[str, np.ndarray]]]:
    described, arrays = load(source)
    for case in described:
        prefix = case["name"] + "/"
        own = {
            name.removeprefix(prefix): values
            for name, values in arrays.items()
            if name.startswith(prefix)
        }
        yield case, own


def _excess(network: Any, case: dict[str, Any], arrays: dict[str, Any], dtype: str) -> float:
    """Return the largest error of all kernels in units of what is tolerated."""
    kinds = ("nngp", "ntk")
    pair = gram_matrix(network, arrays["x1"], arrays["x2"], kind=kinds, dtype=dtype)
    itself = gram_matrix(network, arrays["x1"], kind=kinds, dtype=dtype)
    excess = 0.0
    for quantity, actual in zip(QUANTITIES, pair + itself, strict=True):
        exact = arrays[quantity]
        if dtype == "float32":
            exact = arrays.get(f"{quantity}_exact", exact)
        known = ~np.isnan(exact)
        errors = np.abs(actual - exact)[known] / _tolerance(case, quantity, exact, dtype)[known]
        excess = max(excess, float(errors.max()) if np.isfinite(actual).all() else np.inf)
    return excess


def _tolerance(case: dict[str, Any], quantity: str, exact: np.ndarray, dtype: str) -> np.ndarray:
    """Return that of the tests of the package."""
    size, largest = np.abs(exact), np.nanmax(np.abs(exact))
    if dtype == "float32":
        has_kink = KINKED & set(case["layer_types"]) and quantity == "ntk_x1x1"
        return (TOLERANCE_OF_KINKED if has_kink else TOLERANCE_OF_SINGLE) * (size + largest)
    if "tolerance" not in case:
        floor = case.get("float64_floor", {}).get(quantity, 0.0)
        return 1e-9 * size + 4 * floor + 1e-11 * largest
    if case["name"].startswith("special_magnitudes"):
        return case["entrywise_rtol"][quantity] * size
    tolerance = case["tolerance"][quantity]
    return tolerance["atol"] + tolerance["rtol"] * size


# Speed -------------------------------------------------------------------------------------------


def speed_cases(*, small: bool) -> dict[str, Callable[[], Any]]:
    """Return the calls, which are those of `compare_states`."""
    random = np.random.default_rng(0)
    sizes = (500,) if small else (4000, 20_000)
    X = random.normal(size=(sizes[-1], 64))
    y = np.sin(X[:, 0])
    images = random.normal(size=(8, 8, 8, 3) if small else (64, 16, 16, 3))
    calls: dict[str, Callable[[], Any]] = {
        f"gram_matrix, FullyConnected, n = {n}, {dtype}": (
            lambda n=n, dtype=dtype: gram_matrix(FullyConnected(3), X[:n], dtype=dtype)
        )
        for n in sizes
        for dtype in ("float32", "float64")
    }
    for network in (ConvNet(2, pooling="global"),) + (() if small else (Myrtle(5),)):
        calls[f"gram_matrix, {type(network).__name__}, {len(images)} images, float32"] = (
            lambda network=network: gram_matrix(network, images, dtype="float32")
        )
    n = sizes[0] // 2
    model = NTKRegressor(FullyConnected(3), alpha=0.1).fit(X[:n], y[:n])
    calls[f"NTKRegressor.fit, n = {n}"] = lambda: NTKRegressor(FullyConnected(3), alpha=0.1).fit(
        X[:n], y[:n]
    )
    calls[f"NTKRegressor.predict(return_std=True), n = {n}"] = lambda: model.predict(
        X[:200], return_std=True
    )
    return calls


def speed(limit: float, *, small: bool) -> str:
    """Time calls on the device and on the CPU, which is the same where there is no other."""
    start, body = perf_counter(), []
    cpu = jax.devices("cpu")[0]
    is_cpu = jax.default_backend() == "cpu"
    for name, call in speed_cases(small=small).items():
        if perf_counter() - start > limit:
            body.append([name, "no time left", "", ""])
            continue
        on_device = best_of_rounds({name: call}, 3)[name]
        cells = [f"{1e3 * on_device:.3g}", "", ""]
        if not is_cpu:
            with jax.default_device(cpu):
                on_cpu = best_of_rounds({name: call}, 1)[name]
            cells[1:] = [f"{1e3 * on_cpu:.3g}", f"{on_cpu / on_device:.2f}"]
        body.append([name, *cells])
        print(f"  {name}: {cells}", flush=True)
    return markdown_table(["call", "device, ms", "CPU, ms", "times faster"], body)


# Many rows ---------------------------------------------------------------------------------------


def conjugate_gradient(limit: float, *, small: bool) -> str:
    """Fit where the kernel fits memory; of more rows, time a step that computes it anew."""
    n, more = (2000, 6000) if small else (100_000, 300_000)
    body = [
        _fit_cells(n, limit) if _fits_memory(n) else [f"{n:,}", "kernel exceeds memory", "", ""]
    ]
    for rows in (n, more):
        time = _step(rows)
        body.append([f"{rows:,}", f"a step, storage='none': {time:.1f} s", "", ""])
    return markdown_table(["rows", "conjugate gradients", "GiB", "RMSE / std"], body)


def _fits_memory(n: int) -> bool:
    free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return 1.2 * 4 * n**2 + 8 * 1500 * n < free


def _fit_cells(n: int, limit: float) -> list[str]:
    parameters = {"storage_dtype": "float32", "random_state": 0, "tol": 1e-4}
    options = {"dtype": "float32", "test_rows": 1000, "seconds": limit}
    record = run_case(Case("fit", "conjugate_gradient", n, parameters, **options))
    if "error" in record:
        return [f"{n:,}", record["error"], "", ""]
    text = f"fit: {record['seconds']:.1f} s, {record['steps']} steps to 1e-4"
    return [f"{n:,}", text, f"{record['memory']:.2f}", f"{record['error_of_mean']:.3f}"]


def _step(n: int, block: int = 4096) -> float:
    """Return the seconds of a product with the kernel of all rows, from those of some."""
    random = np.random.default_rng(0)
    X = random.normal(size=(n, N_FEATURES))
    vector = random.normal(size=n).astype(np.float32)
    rows = X[: min(block, n)]

    def product() -> np.ndarray:
        return gram_matrix(FullyConnected(3), rows, X, kind="ntk", dtype="float32") @ vector

    product()
    return seconds(product) * n / len(rows)


def inducing_points(limit: float, *, small: bool) -> str:
    """Fit through inducing points, in a process of its own."""
    body = []
    for n, m in [(5000, 100)] if small else [(1_000_000, 1000), (1_000_000, 2000)]:
        options = {"dtype": "float32", "test_rows": n // 100, "with_std": True}
        parameters = {"n_points": m, "random_state": 0}
        record = run_case(
            Case("fit", "inducing_points", n, parameters, seconds=limit / 2, **options)
        )
        cells = [f"{n:,}", f"{m:,}"]
        if "error" in record:
            cells += [record["error"], "", "", ""]
        else:
            cells += [f"{record[name]:.2f}" for name in ("seconds", "predict", "memory")]
            cells.append(f"{record['error_of_mean']:.3f}")
        body.append(cells)
    header = ["rows", "points", "fit, s", "predict with std, s", "GiB", "RMSE / std"]
    return markdown_table(header, body)


PARTS = {
    "reference": ("Reference values", reference),
    "speed": ("Kernels and fits", speed),
    "conjugate_gradient": ("Conjugate gradients", conjugate_gradient),
    "inducing_points": ("Inducing points", inducing_points),
}


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", choices=PARTS, nargs="+", default=list(PARTS))
    parser.add_argument("--small", action="store_true", help="sizes for any CPU, a minute or two")
    parser.add_argument("--seconds", type=float, default=440.0, help="of all parts together")
    parser.add_argument("--results", type=Path, help="file to write")
    arguments = parser.parse_args()
    devices = ", ".join(f"{device.platform}: {device.device_kind}" for device in jax.devices())
    texts = [f"{machine()}; devices: {devices}"]
    print(texts[0], flush=True)
    share = arguments.seconds / sum(SHARES[name] for name in arguments.only)
    for name in arguments.only:
        title, part = PARTS[name]
        start = perf_counter()
        print(f"{title} ...", flush=True)
        text = part(share * SHARES[name], small=arguments.small)
        texts.append(f"### {title}\n\n{text}\n\nIn all {perf_counter() - start:.0f} s.")
        print(f"\n{texts[-1]}\n", flush=True)
        if arguments.results is not None:
            arguments.results.write_text("\n\n".join(texts) + "\n")


if __name__ == "__main__":
    main()
