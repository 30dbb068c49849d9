"""Cases for the tests of checkpoints, and a process that computes one of them until it is killed.

Run as ``python interrupted_run.py CASE FILE N_JOBS``; prints a line for every tile that it starts
and for every tile that is finished.
"""

import sys
import time

import jax.numpy as jnp
import numpy as np

from skntk import gram_matrix
from skntk.architecture import Conv, Dense, Erf, Flatten, FlipAverage, FullyConnected, Serial
from skntk.gram.engine import sizes
from skntk.gram.tiling import tiles
from tests.gram.networks import BOTH, NETWORK, samples


def images(n_samples, seed=0):
    return np.random.default_rng(seed).normal(size=(n_samples, 4, 3, 1))


def own_activation(x):
    return jnp.tanh(x) + 0.1 * x


CONVOLUTION = Serial([Conv((3, 2), bias_std=0.5), Erf(), Flatten(), Dense()])

CASES = {
    "vectors": ((NETWORK, samples(30)), {"kind": BOTH}),
    "own function": ((FullyConnected(1, own_activation), samples(30)), {}),
    "images": ((CONVOLUTION, images(14)), {"kind": BOTH}),
    "cross": ((CONVOLUTION, images(9), images(14, 1)), {"kind": "ntk", "dtype": "float32"}),
    "views": ((FlipAverage(CONVOLUTION), images(9)), {"kind": ("ntk", "nngp")}),
    "equivalent views": (
        (FlipAverage(Serial([Conv((3, 3)), Erf(), Flatten(), Dense()])), images(9)),
        {"kind": "nngp"},
    ),
}


def compute(case, **options):
    """Return the matrices of a case, in many tiles."""
    arguments, given = CASES[case]
    found = gram_matrix(*arguments, **given, **options)
    return found if isinstance(found, tuple) else (found,)


def cut_small(set_attribute):
    """Have every case computed in many tiles, by a function like `setattr`."""
    set_attribute(sizes, "BLOCK_SIZES", (5,))
    set_attribute(sizes, "IMAGE_BLOCK_SIZES", (4,))


def _report(word):
    # One write, so that lines of several threads stay apart.
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


def _main(case, path, n_jobs):
    cut_small(setattr)
    compute_task = tiles.compute_task

    def compute_slowly(*arguments):
        _report("started")
        time.sleep(0.02)
        return compute_task(*arguments)

    tiles.compute_task = compute_slowly
    compute(
        case,
        checkpoint=path,
        n_jobs=int(n_jobs),
        progress=lambda finished, total: _report("finished"),
    )


if __name__ == "__main__":
    _main(*sys.argv[1:])
