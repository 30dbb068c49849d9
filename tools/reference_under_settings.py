"""Compute every reference case under a setting of JAX that finds mistakes, and compare.

Run from the root of the repository, with a name of `SETTINGS` and, to compute some cases alone, a
part of their names::

    PYTHONPATH=. python -m tools.reference_under_settings debug_nans conv2d

Beside the reference cases, an example of every layer is computed without comparison: not all of
them have a reference. Tests of a few cases are in tests/test_jax_settings.py.
"""

import sys
import traceback
import warnings
from collections import defaultdict
from pathlib import Path

import jax

import skntk
from skntk import gram_matrix
from tests.architecture.networks import (
    as_network,
    as_spatial_network,
    examples,
    inputs,
    spatial_inputs,
)
from tests.jax_settings import SETTINGS
from tests.reference_cases import assert_within, cases, kernels
from tests.test_reference import published_tolerance

PACKAGE = Path(skntk.__file__).parent


def computations(part):
    """Yield the name of every case and of every example, and a function that computes it."""
    for parameter in cases():
        if part in parameter.id:
            yield parameter.id, lambda values=parameter.values: compare(*values)
    for parameter in examples():
        if part in parameter.id:
            (layer,) = parameter.values
            yield parameter.id, lambda layer=layer: gram_matrix(as_network(layer), inputs(5))
    for parameter in examples("spatial", "spatial_preset"):
        if part in parameter.id:
            (layer,) = parameter.values
            yield (
                parameter.id,
                lambda layer=layer: gram_matrix(
                    as_spatial_network(layer), spatial_inputs(layer, 3)
                ),
            )


def compare(case, arrays):
    for quantity, actual in kernels(case, arrays, "float64").items():
        expected = arrays[quantity]
        assert_within(actual, expected, published_tolerance(case, quantity, expected))


def where(error):
    """Return the error, and the last line of the package that led to it."""
    own = [
        frame for frame in traceback.extract_tb(error.__traceback__) if "skntk" in frame.filename
    ]
    line = f"{own[-1].filename.split('skntk/')[-1]}:{own[-1].lineno} {own[-1].line}" if own else ""
    return f"{type(error).__name__}: {str(error)[:300]}\n    at {line}"


def main(setting, part=""):
    warnings.simplefilter("ignore")
    failures, n_computed = defaultdict(list), 0
    with SETTINGS[setting]():
        for name, compute in computations(part):
            try:
                compute()
            except Exception as error:
                failures[where(error)].append(name)
            n_computed += 1
            jax.clear_caches()
    for message, names in failures.items():
        print(f"{len(names)} fail: {message}\n    {' '.join(names)}")
    n_failed = sum(map(len, failures.values()))
    print(f"{setting}: {n_computed - n_failed} of {n_computed} pass")
    return min(n_failed, 1)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
