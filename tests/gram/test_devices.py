"""Tiles are spread over devices, and programs compiled as a platform wants it."""

import json
import os
import pickle
import subprocess
import sys
from pathlib import Path

import jax
import pytest

from skntk.gram.engine.compilation import Program
from skntk.gram.engine.devices import Devices
from skntk.gram.engine.execution import workers
from skntk.gram.engine.prepared_network import PreparedNetwork
from skntk.gram.engine.sizes import ACCELERATOR, layout_of, tile_sizes
from tests.gram import run_on_devices
from tests.gram.interrupted_run import CONVOLUTION, images
from tests.gram.networks import NETWORK, samples


@pytest.fixture(scope="module")
def on_three_devices():
    root = Path(run_on_devices.__file__).parents[2]
    flags = "--xla_force_host_platform_device_count=3"
    environment = {**os.environ, "PYTHONPATH": str(root), "XLA_FLAGS": flags}
    process = subprocess.run(
        [sys.executable, run_on_devices.__file__],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(process.stdout)


CASES = ["vectors", "images", "views", "pooled"]


@pytest.mark.parametrize("case", CASES)
def test_every_device_computes_tiles(case, on_three_devices):
    found = on_three_devices["cases"][case]
    assert len(on_three_devices["devices"]) == 3
    for spread in (found["spread"], found["spread of one job"]):
        assert sorted(spread) == sorted(on_three_devices["devices"])
    # One worker takes the devices in turns.
    counts = found["spread of one job"].values()
    assert max(counts) - min(counts) <= 2


@pytest.mark.parametrize("case", [*CASES, "diagonal"])
def test_several_devices_give_the_matrix_of_one(case, on_three_devices):
    found = on_three_devices["cases"][case]
    assert found["equal"]


def test_a_mesh_of_several_devices_changes_nothing(on_three_devices):
    equal = on_three_devices["under a mesh"]
    assert equal == dict.fromkeys(equal, True)


@pytest.mark.parametrize("case", CASES)
def test_the_default_device_of_the_user_is_the_only_one(case, on_three_devices):
    assert list(on_three_devices["cases"][case]["alone"]) == [on_three_devices["devices"][1]]


def test_blocks_are_copied_to_a_device_once(on_three_devices):
    assert on_three_devices["copies"] == 1


class OtherDevice:
    """A device that is not there."""

    platform = "gpu"


def test_the_device_with_least_to_do_comes_next():
    one, other = OtherDevice(), OtherDevice()
    devices = Devices([one, other])
    with devices.borrowed() as first, devices.borrowed() as second:
        assert {first, second} == {one, other}
    with devices.borrowed() as busy:
        taken = []
        for _ in range(3):
            with devices.borrowed() as free:
                taken.append(free)
        assert busy not in taken


def test_another_process_has_its_own_devices():
    assert pickle.loads(pickle.dumps(Devices([]))).all[0] == jax.local_devices()[0]


def test_a_default_device_may_be_named_by_its_platform():
    with jax.default_device("cpu"):
        assert Devices.local().all[0].platform == "cpu"


def test_options_of_one_platform_are_not_passed_to_another(monkeypatch):
    passed = []

    def record(function, *, compiler_options, **options):
        passed.append((compiler_options, options))
        return function

    monkeypatch.setattr(jax, "jit", record)
    program = Program(abs, donate_argnames="x")
    for device in (jax.local_devices()[0], OtherDevice(), OtherDevice()):
        assert program.on(device, None)(-1) == 1
    (on_cpu, _), (elsewhere, options) = passed
    assert all(name.startswith("xla_cpu_") for name in on_cpu)
    assert elsewhere is None and options == {"donate_argnames": "x"}


@pytest.mark.parametrize("n_devices", [1, 4])
def test_threads_for_accelerators(n_devices):
    devices = Devices([OtherDevice() for _ in range(n_devices)])
    for n_jobs, expected in ((None, 2 * n_devices), (3, 3)):
        with workers(n_jobs, devices) as (_, n_threads):
            assert n_threads == expected


def test_accelerators_take_larger_tiles():
    assert layout_of("gpu") is ACCELERATOR
    for network, X in ((NETWORK, samples(20_000)), (CONVOLUTION, images(500))):
        signature = PreparedNetwork.of(network, X.shape[1:], "float64").signature
        shape = len(X), len(X)
        here, there = (
            tile_sizes(signature, shape, layout_of(platform)) for platform in ("cpu", "gpu")
        )
        assert there.pairs_at_once > here.pairs_at_once
        assert there.n_steps >= here.n_steps
