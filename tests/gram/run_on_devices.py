"""Compute matrices on several virtual devices, and print where their tiles were computed.

Run with ``XLA_FLAGS=--xla_force_host_platform_device_count=3``.
"""

import json
from collections import Counter

import jax
import jax.numpy as jnp
import numpy as np

from skntk import FiniteWidthRegressor, NNGPRegressor, gram_diagonal, gram_matrix
from skntk.architecture import Conv, Dense, Elementwise, GlobalAvgPool, Relu, Serial
from skntk.gram.tiling import tiles
from tests.gram.interrupted_run import compute, cut_small, images
from tests.jax_settings import mesh_of_all_devices

POOLED = Serial([Conv((3, 3), bias_std=0.2), Relu(), GlobalAvgPool(), Dense()])


def watch_tiles():
    """Count the tiles of every device."""
    counts, compute_task = Counter(), tiles.compute_task

    def counted(*arguments):
        results = compute_task(*arguments)
        for array in results.arrays:
            counts[str(array.device)] += 1
        return results

    tiles.compute_task = counted
    return counts


def watch_copies():
    """Count the blocks that are copied to a device."""
    # Objects that are held keep their identities to themselves.
    copies, held, device_put = Counter(), [], jax.device_put

    def counted(values, device=None, **options):
        # A block is a pair of inputs and statistics; single arrays are new.
        if isinstance(values, tuple):
            held.append(values)
            copies[id(values[0]), str(device)] += 1
        return device_put(values, device, **options)

    jax.device_put = counted
    return copies


def main():
    cut_small(setattr)
    tile_counts, copies, found = watch_tiles(), watch_copies(), {}
    for case in ("vectors", "images", "views"):
        found[case] = computed(lambda case=case, **options: compute(case, **options), tile_counts)
    X = images(14)
    found["pooled"] = computed(lambda **options: (gram_matrix(POOLED, X, **options),), tile_counts)
    found["diagonal"] = computed(
        lambda **options: (gram_diagonal(POOLED, X, **options),), Counter()
    )
    devices = [str(device) for device in jax.devices()]
    result = {"devices": devices, "cases": found, "copies": max(copies.values())}
    print(json.dumps({**result, "under a mesh": equal_under_a_mesh()}))


def equal_under_a_mesh():
    """Return by name whether results are the same where the user spreads arrays over a mesh."""
    X = images(6)
    rows = X.reshape(len(X), -1)
    own_function = Serial([Dense(), Elementwise(jnp.tanh), Dense()])
    finite = FiniteWidthRegressor(
        Serial([Dense(), Relu(), Dense()]), width=4, n_networks=2, random_state=0
    )
    computations = {
        "float32": lambda: gram_matrix(own_function, rows, dtype="float32"),
        "images": lambda: gram_matrix(POOLED, X),
        "learned": lambda: NNGPRegressor(alpha=0.1).fit(rows, rows[:, 0]).predict(rows),
        "finite width": lambda: finite.fit(rows, rows[:, 0]).predict(rows),
    }
    equal = {}
    for name, computation in computations.items():
        with mesh_of_all_devices():
            under_mesh = computation()
        equal[name] = bool(np.array_equal(under_mesh, computation()))
    return equal


def computed(function, tile_counts):
    tile_counts.clear()
    matrices = function()
    spread = dict(tile_counts)
    tile_counts.clear()
    one_job = function(n_jobs=1)
    spread_of_one_job = dict(tile_counts)
    tile_counts.clear()
    with jax.default_device(jax.devices()[1]):
        alone = function()
    pairs = [*zip(matrices, alone, strict=True), *zip(one_job, alone, strict=True)]
    return {
        "equal": all(np.array_equal(*pair) for pair in pairs),
        "spread": spread,
        "spread of one job": spread_of_one_job,
        "alone": dict(tile_counts),
    }


if __name__ == "__main__":
    main()
