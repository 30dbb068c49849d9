"""What importing the package does, and what it leaves alone."""

import subprocess
import sys

import pytest


def run(program: str) -> str:
    """Return what a program prints in a new process, where nothing has been imported yet."""
    command = [sys.executable, "-W", "error", "-c", program]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


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
