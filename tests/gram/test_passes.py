"""The loops of the program for pairs of images stay on the thread that asks for a tile."""

import re
import sys
from pathlib import Path

import jax
import numpy as np
import pytest

from skntk.architecture import ConvNet
from skntk.gram.engine.prepared_network import NetworkArguments
from skntk.gram.engine.programs import sample_program, shift_program

N, SIZE, TOGETHER = 32, 16, 2
DEVICE = jax.devices()[0]


def program(pooling):
    """Return the compiled program and its inputs: so many pairs that XLA would share the loops."""
    network = NetworkArguments.of(ConvNet(2, pooling=pooling), np.dtype("float32"))
    X = np.random.default_rng(0).normal(size=(N, SIZE, SIZE, 3)).astype("float32")
    _, statistics = sample_program.on(DEVICE, network.structure)(network, X, with_kernels=False)
    block, numbers = (X, statistics), (np.int32(0), np.int32(4))
    memory = (np.zeros((N // TOGETHER, TOGETHER * N), np.float32),)
    inputs = network, block, block, memory, *numbers
    options = {"kinds": ("ntk",), "shifts_per_step": TOGETHER}
    return shift_program.on(DEVICE, network.structure).lower(*inputs, **options).compile(), inputs


def cpu_time_of_threads():
    """Return the nanoseconds that each thread of this process has computed."""
    files = Path("/proc/self/task").glob("*/schedstat")
    return {file.parent.name: int(file.read_text().split()[0]) for file in files}


@pytest.mark.skipif(sys.platform != "linux", reason="reads the times of threads from /proc")
def test_the_loop_over_offsets_stays_on_one_thread():
    compute, inputs = program("global")
    jax.block_until_ready(compute(*inputs))
    before = cpu_time_of_threads()
    jax.block_until_ready(compute(*inputs))
    used = [time - before.get(thread, 0) for thread, time in cpu_time_of_threads().items()]
    # Where XLA shares the loops, another thread takes nearly as much as the first.
    assert max(used) > 0.85 * sum(used)


def loops(text):
    """Yield the lines of loops over states, which hold two kernels in a complex array."""
    pattern = re.compile(rf"= c64\[\d+,{SIZE},{TOGETHER * N}\]\S* fusion\(")
    return [line for line in text.splitlines() if pattern.search(line)]


def test_passes_without_offsets_are_written_in_place():
    # In the compiler's text: XLA runs several such passes at a time, so that times tell nothing.
    found = loops(program("none")[0].as_text())
    assert len([line for line in found if "dynamic-update-slice" in line]) >= 2
    assert not [line for line in found if "outer_dimension_partitions" in line]
