"""What importing the package does, and what it leaves alone."""

import subprocess
import sys

import pytest

# What `import skntk` may load beyond `import jax, sklearn`: it then takes little longer, on any
# machine. `make benchmark` times it.
ALLOWED = {
    "fractions",  # and the next three by scikit-learn
    "colorsys",
    "timeit",
    "threadpoolctl",
    "rich",  # by sklearn.callback, where it is installed
    "sklearn.callback",
    "sklearn.pipeline",  # training_time_curve looks into one
    "sklearn.preprocessing",  # labels as columns of targets
    "sklearn.utils",
}
# Of ours, what not every user needs comes when it is used first. So do sklearn.model_selection,
# sklearn.gaussian_process and what they load, which would take as long as all of skntk.
ON_DEMAND = {
    *("skntk.displays", "skntk.features", "skntk.finite", "skntk.metrics", "skntk.recipes"),
}

ADDED = """
import sys, jax, sklearn
before = set(sys.modules)
import skntk
print(*(set(sys.modules) - before))
"""


def run(program: str) -> str:
    """Return what a program prints in a new process, where nothing has been imported yet."""
    command = [sys.executable, "-W", "error", "-c", program]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def package_of(module: str) -> str:
    """Return the distribution's package, and for the large ones which part of it."""
    parts = module.split(".")
    return ".".join(parts[: 2 if parts[0] in ("jax", "scipy", "skntk", "sklearn") else 1])


def test_loads_little_beyond_jax_and_sklearn():
    packages = {package_of(module) for module in run(ADDED).split()}
    assert "skntk.estimators" in packages
    ours = {package for package in packages if package.startswith("skntk")}
    assert not ours & ON_DEMAND
    assert packages - ours <= ALLOWED


@pytest.mark.parametrize(
    "module", ["skntk", "skntk.architecture", "skntk.inference", "skntk.displays"]
)
def test_loads_no_optional_package(module):
    # Not pandas: scikit-learn imports it where it is installed.
    optional = {"dask", "distributed", "matplotlib", "polars"}
    program = f"import sys, {module}; print(*{optional} & set(sys.modules))"
    assert run(program).split() == []


def test_leaves_the_configuration_of_jax_alone():
    program = """
import jax
before = dict(jax.config.values)
import numpy as np, skntk, skntk.architecture
network = skntk.architecture.FullyConnected()
assert skntk.gram_matrix(network, np.eye(3)).dtype == np.float64
assert dict(jax.config.values) == before
print(jax.numpy.ones(3).dtype)
"""
    assert run(program).split() == ["float32"]
