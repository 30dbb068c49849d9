"""Who follows a run learns how many pairs of samples are finished."""

import builtins
import sys
import threading

import numpy as np
import pytest

from skntk import gram_matrix
from skntk.architecture import GlobalAvgPool
from skntk.gram.tiling.symmetrization import number_of_pairs, symmetrized_matrices
from tests.gram.interrupted_run import CASES, compute, cut_small, images
from tests.gram.networks import NETWORK, samples
from tests.gram.test_compilation import counted_compilations


@pytest.fixture(autouse=True)
def many_tiles(monkeypatch):
    cut_small(monkeypatch.setattr)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("n_jobs", [1, 3])
def test_reports(case, n_jobs):
    reports = []
    matrices = compute(case, n_jobs=n_jobs, progress=lambda *numbers: reports.append(numbers))
    finished, totals = zip(*reports, strict=True)
    assert list(finished) == sorted(finished)
    assert len(set(finished)) > 3
    assert set(totals) == {finished[-1]}
    for ours, expected in zip(matrices, compute(case), strict=True):
        np.testing.assert_array_equal(ours, expected)


@pytest.mark.parametrize("case", CASES)
def test_the_total_is_what_the_views_ask_for(case):
    (architecture, *inputs), _ = CASES[case]
    counted = []

    def evaluate(left, right=None):
        n_left = len(left)
        counted.append(n_left * (n_left + 1) // 2 if right is None else n_left * len(right))
        return [np.zeros((n_left, n_left if right is None else len(right)))]

    if architecture.n_transforms == 1:
        evaluate(*inputs)
    else:
        symmetrized_matrices(architecture, evaluate, *inputs)
    assert number_of_pairs(architecture, *inputs) == sum(counted)


def test_the_end_of_what_has_no_tiles(tmp_path):
    """A matrix of one image is its diagonal, and a finished one is read from its file."""
    for _ in range(2):
        last = {}
        options = {"checkpoint": tmp_path / "tiles", "progress": last.__setitem__}
        gram_matrix(GlobalAvgPool(), images(1), **options)
        assert last == {1: 1}


def test_kept_tiles_are_reported(tmp_path):
    def stop(finished, total):
        if finished > total / 2:
            raise KeyboardInterrupt

    reports, path = [], tmp_path / "tiles"
    with pytest.raises(KeyboardInterrupt):
        compute("images", n_jobs=1, checkpoint=path, progress=stop)
    compute("images", checkpoint=path, progress=lambda *numbers: reports.append(numbers))
    assert reports[0][0] < reports[0][1] / 4
    assert reports[-1][0] == reports[-1][1]


def test_one_report_at_a_time():
    entered = threading.Lock()

    def report(finished, total):
        assert entered.acquire(blocking=False)
        entered.release()

    compute("vectors", n_jobs=3, progress=report)


def test_bar(capsys):
    gram_matrix(NETWORK, samples(20), progress=True)
    shown = capsys.readouterr().err
    assert "kernel matrix: 100%" in shown and "210/210" in shown


def test_without_tqdm(monkeypatch):
    find = builtins.__import__

    def missing(name, *arguments):
        if name.startswith("tqdm"):
            raise ImportError(name)
        return find(name, *arguments)

    monkeypatch.setattr(builtins, "__import__", missing)
    monkeypatch.delitem(sys.modules, "tqdm.auto", raising=False)
    with (
        counted_compilations() as names,
        pytest.raises(ImportError, match="tqdm, which is not installed: install it"),
    ):
        gram_matrix(NETWORK, samples(3), progress=True)
    assert not names


@pytest.mark.parametrize("progress", ["yes", None, 1])
def test_other_values(progress):
    with pytest.raises(TypeError, match=r"progress must be True, False, or a callable"):
        gram_matrix(NETWORK, samples(3), progress=progress)
