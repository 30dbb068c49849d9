"""The loops of the program for pairs of images, as the compiler leaves them."""

import re

import jax
import numpy as np
import pytest

from skntk.architecture import ConvNet
from skntk.gram.engine.prepared_network import NetworkArguments
from skntk.gram.engine.programs import sample_program, shift_program

N, SIZE, TOGETHER = 32, 16, 2


@pytest.fixture(scope="module", params=["none", "global"])
def program(request):
    """The compiled text, for enough pairs that XLA would share the loops among threads."""
    network = NetworkArguments.of(ConvNet(2, pooling=request.param), np.dtype("float32"))
    X = np.zeros((N, SIZE, SIZE, 3), np.float32)
    device = jax.devices()[0]
    _, statistics = sample_program.on(device)(network, X, with_kernels=False)
    memory = (np.zeros((N // TOGETHER, TOGETHER * N), np.float32),)
    of_block, numbers = (X, statistics), (np.int32(0), np.int32(1))
    options = {"kinds": ("ntk",), "shifts_per_step": TOGETHER}
    lowered = shift_program.on(device).lower(
        network, of_block, of_block, memory, *numbers, **options
    )
    return lowered.compile().as_text()


def loops(program):
    """Yield the lines of loops over states, which hold two kernels in a complex array."""
    pattern = re.compile(rf"= c64\[\d+,{SIZE},{TOGETHER * N}\]\S* fusion\(")
    return [line for line in program.splitlines() if pattern.search(line)]


def test_passes_stay_on_one_thread(program):
    assert loops(program)
    shared = [line for line in loops(program) if "outer_dimension_partitions" in line]
    assert not shared


def test_activations_are_written_in_place(program):
    in_place = [line for line in loops(program) if "dynamic-update-slice" in line]
    assert len(in_place) >= 2
