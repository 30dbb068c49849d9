"""An interrupted run goes on from its file, which belongs to one computation."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest

from skntk import gram_matrix
from skntk.architecture import Conv, Dense, Erf, Flatten, FullyConnected, Relu, Serial
from skntk.gram.engine import checkpoint as checkpoint_module
from skntk.gram.engine.checkpoint import open_checkpoint
from skntk.gram.tiling import tiles
from tests.gram import interrupted_run
from tests.gram.interrupted_run import CASES, CONVOLUTION, compute, cut_small, images
from tests.gram.networks import BOTH, NETWORK, samples
from tests.gram.test_compilation import counted_compilations

X = samples(12)


@pytest.fixture(autouse=True)
def many_tiles(monkeypatch):
    cut_small(monkeypatch.setattr)


@pytest.fixture
def computed(monkeypatch):
    """Keep the keys of tiles that are computed."""
    keys, compute_task = [], tiles.compute_task

    def counted(devices, architecture, kinds, task):
        keys.append(task.key)
        return compute_task(devices, architecture, kinds, task)

    monkeypatch.setattr(tiles, "compute_task", counted)
    return keys


@pytest.fixture
def path(tmp_path):
    return tmp_path / "kernel.tiles"


def assert_identical(actual, expected):
    for ours, theirs in zip(actual, expected, strict=True):
        assert ours.dtype == theirs.dtype
        np.testing.assert_array_equal(ours, theirs)


def kill_a_run(case, path, n_jobs, after):
    """Kill a process after so many finished tiles; return how many it started and finished."""
    root = Path(interrupted_run.__file__).parents[2]
    arguments = [sys.executable, interrupted_run.__file__, case, str(path), str(n_jobs)]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True, env=environment) as process:
        lines = []
        while lines.count("finished\n") < after:
            line = process.stdout.readline()
            assert line, "the run came to its end"
            lines.append(line)
        process.send_signal(signal.SIGKILL)
        lines += process.stdout.readlines()
    assert process.returncode == -signal.SIGKILL
    return lines.count("started\n"), lines.count("finished\n")


@pytest.mark.parametrize(
    ("case", "n_jobs"),
    [
        ("vectors", 1),
        ("own function", 2),
        ("images", 2),
        ("cross", 1),
        ("views", 2),
        ("equivalent views", 1),
    ],
)
def test_a_killed_run_loses_the_tiles_in_flight(case, n_jobs, path, computed):
    expected = compute(case)
    n_tiles = len(computed)
    started, finished = kill_a_run(case, path, n_jobs, after=3)
    computed.clear()
    resumed = compute(case, checkpoint=path)
    assert_identical(resumed, expected)
    kept = n_tiles - len(computed)
    assert finished <= kept <= started <= kept + n_jobs
    assert 0 < len(computed) < n_tiles


def stopping_after(number):
    """Return a report of progress that stops a run as Ctrl+C does."""
    reports = []

    def report(finished, total):
        reports.append(finished)
        if len(reports) == number:
            raise KeyboardInterrupt

    return report


def interrupt(case, path, after=4, **options):
    with pytest.raises(KeyboardInterrupt):
        compute(case, checkpoint=path, n_jobs=1, progress=stopping_after(after), **options)


@pytest.mark.parametrize("case", CASES)
def test_a_finished_run_returns_at_once(case, path):
    expected = compute(case)
    assert_identical(compute(case, checkpoint=path), expected)
    with counted_compilations() as names:
        assert_identical(compute(case, checkpoint=path), expected)
    assert not names


def test_results_of_a_finished_run_do_not_share_memory(path):
    first, second = (gram_matrix(NETWORK, X, checkpoint=path) for _ in range(2))
    first[:] = 0
    assert_identical([gram_matrix(NETWORK, X, checkpoint=path)], [second])


@pytest.mark.parametrize("cut", [1, 5, 100])
def test_a_truncated_record_is_computed_again(cut, path, computed):
    expected = compute("images")
    n_tiles = len(computed)
    interrupt("images", path, after=4)
    path.write_bytes(path.read_bytes()[:-cut])
    computed.clear()
    assert_identical(compute("images", checkpoint=path), expected)
    assert len(computed) == n_tiles - 3


def test_every_length_of_a_file_is_a_beginning(path, computed):
    """Whatever part of the last record was written, what stands before it is used."""
    expected = compute("images")
    n_tiles = len(computed)
    interrupt("images", path, after=2)
    whole = path.read_bytes()
    interrupt("images", path, after=2 + 1)
    more = path.read_bytes()
    assert more.startswith(whole)
    for length in range(len(whole), len(more), 7):
        path.write_bytes(more[:length])
        computed.clear()
        assert_identical(compute("images", checkpoint=path), expected)
        assert len(computed) == n_tiles - 2


@pytest.mark.parametrize("length", [0, 1, 30, 100])
def test_an_unfinished_header_is_written_anew(length, path):
    interrupt("images", path)
    path.write_bytes(path.read_bytes()[:length])
    assert_identical(compute("images", checkpoint=path), compute("images"))


def test_a_damaged_record_is_computed_again(path, computed):
    expected = compute("images")
    n_tiles = len(computed)
    interrupt("images", path, after=4)
    content = bytearray(path.read_bytes())
    content[-20] ^= 1
    path.write_bytes(content)
    computed.clear()
    assert_identical(compute("images", checkpoint=path), expected)
    assert len(computed) == n_tiles - 3


def test_a_damaged_result_is_computed_again(path):
    expected = compute("images", checkpoint=path)
    content = bytearray(path.read_bytes())
    content[-20] ^= 1
    path.write_bytes(content)
    for _ in range(2):
        assert_identical(compute("images", checkpoint=path), expected)


def test_a_write_that_fails_leaves_whole_records(path, computed, monkeypatch):
    expected = compute("images")
    n_tiles = len(computed)
    write, sizes = checkpoint_module._write, []

    def full_disk(file, data):
        sizes.append(len(data))
        if len(sizes) == 20:
            write(file, data[: len(data) // 2])
            raise OSError(28, "No space left on device")
        write(file, data)

    with monkeypatch.context() as patch, pytest.raises(OSError, match="No space left"):
        patch.setattr(checkpoint_module, "_write", full_disk)
        compute("images", checkpoint=path, n_jobs=1)
    computed.clear()
    assert_identical(compute("images", checkpoint=path), expected)
    assert 0 < len(computed) < n_tiles


def test_tiles_from_other_processes(path):
    import joblib

    interrupt("images", path, after=3)
    with joblib.parallel_config(backend="loky", n_jobs=2):
        resumed = compute("images", checkpoint=path)
    for ours, theirs in zip(resumed, compute("images"), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-13)


def test_the_number_of_threads_and_the_memory_may_change(path):
    expected = compute("images", n_jobs=1)
    interrupt("images", path, working_memory=100)
    resumed = compute("images", checkpoint=path, n_jobs=3, working_memory=500)
    assert_identical(resumed, expected)


def test_tiles_too_large_for_a_smaller_working_memory(path):
    interrupt("images", path)
    with pytest.raises(MemoryError, match="working_memory"):
        compute("images", checkpoint=path, working_memory=1e-3)


# Files that belong to something else ---------------------------------------------------------


def network(**changed):
    values = {"weight_std": 1.2, "activation": Erf(), "bias_std": 0.1} | changed
    return Serial([Dense(values["weight_std"], values["bias_std"]), values["activation"], Dense()])


OTHERS = {
    "inputs": ((network(), 2 * X), {}, "the inputs X"),
    "one entry": ((network(), X + np.eye(12, 4, -8) * 1e-15), {}, "the inputs X"),
    "fewer inputs": ((network(), X[:11]), {}, r"the inputs X .*\(12, 4\).*\(11, 4\)"),
    "right inputs": ((network(), X, X), {}, r"the right inputs Y \(None there"),
    "structure": ((network(activation=Relu()), X), {}, r"the architecture \(.*Erf.*Relu"),
    "a hyperparameter": ((network(weight_std=1.3), X), {}, "the architecture .*1.2.*1.3"),
    "last digit": ((network(weight_std=np.nextafter(1.2, 2)), X), {}, "the architecture"),
    "kind": ((network(), X), {"kind": "nngp"}, r"kind \(\['ntk'\] there, \['nngp'\] here\)"),
    "kinds": ((network(), X), {"kind": BOTH}, "kind"),
    "dtype": ((network(), X), {"dtype": "float32"}, "dtype .*'float64' there, 'float32' here"),
}


@pytest.mark.parametrize("other", OTHERS)
def test_refused(other, path):
    arguments, options, message = OTHERS[other]
    gram_matrix(network(), X, checkpoint=path)
    before = path.read_bytes()
    with counted_compilations() as names, pytest.raises(ValueError, match=message) as refusal:
        gram_matrix(*arguments, checkpoint=path, **options)
    assert not names
    assert "Pass the path of another file, or delete this one" in str(refusal.value)
    assert str(path) in str(refusal.value)
    assert path.read_bytes() == before


def test_other_right_inputs_are_refused(path):
    gram_matrix(NETWORK, X, X[:3], checkpoint=path)
    with pytest.raises(ValueError, match="the right inputs Y"):
        gram_matrix(NETWORK, X, X[1:4], checkpoint=path)


def test_another_version_is_refused(path, monkeypatch):
    gram_matrix(NETWORK, X, checkpoint=path)
    monkeypatch.setattr("skntk.gram.engine.fingerprint.__version__", "99.0")
    with pytest.raises(ValueError, match=r"the version of skntk \(.*'99.0' here"):
        gram_matrix(NETWORK, X, checkpoint=path)


def test_equal_computations_are_accepted(path):
    """The same numbers in other types, and an equal network, are the same computation."""
    gram_matrix(network(weight_std=2.0), X, checkpoint=path)
    same = network(weight_std=np.float32(2), bias_std=0.1)
    gram_matrix(same, X.tolist(), checkpoint=str(path), kind=["ntk"])


def function(code, **names):
    """Return the function ``f`` of a source, as a module with these names would define it."""
    space = {"jnp": jnp, "__name__": "users_module", **names}
    exec(code, space)
    return space["f"]


CODE = "def f(x):\n    return jnp.tanh(x) * SCALE"
INNER = "def g(x):\n    return {}\ndef f(x):\n    return jnp.tanh(g(x))"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (function(CODE, SCALE=1.0), function(CODE, SCALE=2.0)),
        (function(CODE, SCALE=1.0), function(CODE.replace("tanh", "sin"), SCALE=1.0)),
        (function(CODE, SCALE=1.0), function(CODE.replace("*", "/"), SCALE=1.0)),
        (function(INNER.format("x")), function(INNER.format("2 * x"))),
        (jnp.tanh, jnp.sin),
        ((lambda scale: lambda x: scale * x)(2.0), (lambda scale: lambda x: scale * x)(3.0)),
    ],
)
def test_code_of_functions_counts(one, other, path):
    for _ in range(2):
        gram_matrix(FullyConnected(1, one), X, checkpoint=path)
    with pytest.raises(ValueError, match="the architecture"):
        gram_matrix(FullyConnected(1, other), X, checkpoint=path)


def test_the_same_code_is_the_same_function(path):
    for _ in range(2):
        gram_matrix(FullyConnected(1, function(CODE, SCALE=1.5)), X, checkpoint=path)


def test_code_of_layers_counts(path):
    def layer(scale):
        class Mine(FullyConnected):
            category = None

            def reshape_inputs(self, X):
                return X * scale

        return Mine()

    gram_matrix(layer(1.0), X, checkpoint=path)
    gram_matrix(layer(1.0), X, checkpoint=path)
    # The inputs as the network reads them are the same.
    with pytest.raises(ValueError, match="with other values, or other code of its own functions"):
        gram_matrix(layer(2.0), X / 2, checkpoint=path)


def test_other_files_are_refused_and_left_alone(path):
    for content in (b"precious", b"\0" * 100, b"skntk tiles of something else\n"):
        path.write_bytes(content)
        with pytest.raises(ValueError, match="is a file of another kind: pass a path where no"):
            gram_matrix(NETWORK, X, checkpoint=path)
        assert path.read_bytes() == content


def test_paths_where_no_file_can_be(tmp_path):
    with pytest.raises(IsADirectoryError, match="is a folder: pass the path of a file"):
        gram_matrix(NETWORK, X, checkpoint=tmp_path)
    with pytest.raises(FileNotFoundError, match=r"there is no folder .*missing.*create it first"):
        gram_matrix(NETWORK, X, checkpoint=tmp_path / "missing" / "file")


def test_one_run_at_a_time(path):
    pytest.importorskip("fcntl")
    fingerprints = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "skntk.gram.kernel_function.open_checkpoint",
            lambda path, found: fingerprints.append(found) or open_checkpoint(path, found),
        )
        gram_matrix(CONVOLUTION, images(5), checkpoint=path)
    with (
        open_checkpoint(path, fingerprints[0]),
        pytest.raises(BlockingIOError, match="in use by another run: wait for it"),
    ):
        gram_matrix(CONVOLUTION, images(5), checkpoint=path)
    gram_matrix(CONVOLUTION, images(5), checkpoint=path)


def test_without_locks(path, monkeypatch):
    """As on Windows, where an open file is not replaced either."""
    monkeypatch.setattr(checkpoint_module, "fcntl", None)
    for _ in range(2):
        assert_identical(compute("images", checkpoint=path), compute("images"))


def test_the_first_line_is_for_readers(path):
    gram_matrix(Serial([Conv((2, 2)), Flatten()]), images(3), checkpoint=path)
    line = path.read_bytes().split(b"\n")[0].decode()
    assert line.startswith("skntk tiles of a kernel matrix, format 1: {")
    assert "Conv(filter_shape=(2, 2))" in line and "shape (3, 4, 3, 1)" in line
