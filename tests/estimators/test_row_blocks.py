"""Blocks of rows from arrays, files and dask collections, and fits on them."""

import dask.array
import dask.dataframe
import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone

from skntk import NNGPRegressor, NTKClassifier, NTKRegressor, row_blocks
from skntk.architecture import FullyConnected
from skntk.solvers import InducingPoints

NETWORK = FullyConnected(1, "erf", bias_std=0.2)


def data(n=250):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, 2))
    return X, np.sin(X[:, 0]) + 0.1 * rng.normal(size=n)


def model(X):
    return NTKRegressor(NETWORK, alpha=0.05, solver=InducingPoints(selection=X[:20]))


def joined(blocks):
    return [np.concatenate(parts) for parts in zip(*blocks, strict=True)]


def on_disk(X, folder):
    stored = np.memmap(folder / "X", dtype=X.dtype, mode="w+", shape=X.shape)
    stored[:] = X
    stored.flush()
    return np.memmap(folder / "X", dtype=X.dtype, mode="r", shape=X.shape)


def sources(X, y, folder):
    table = pd.DataFrame(X, columns=["a", "b"]).assign(t=y)
    return {
        "array": row_blocks(X, y, n_rows=60),
        "memmap": row_blocks(on_disk(X, folder), y, n_rows=60),
        "dask array": row_blocks(dask.array.from_array(X, chunks=(70, 1)), y),
        "dask targets": row_blocks(
            dask.array.from_array(X, chunks=60), dask.array.from_array(y, chunks=50)
        ),
        "dask frame": row_blocks(dask.dataframe.from_pandas(table, npartitions=3), target="t"),
    }


def test_all_sources_give_the_same_rows_and_model(tmp_path):
    X, y = data()
    whole = model(X).fit(X, y).predict(X[:9])
    for source, blocks in sources(X, y, tmp_path).items():
        blocks = [(np.asarray(inputs), targets) for inputs, targets in blocks]
        assert len(blocks) > 2, source
        found, targets = joined(blocks)
        assert_array_equal(found, X, err_msg=source)
        assert_array_equal(targets, y, err_msg=source)
        assert_allclose(model(X).fit_blocks(blocks).predict(X[:9]), whole, rtol=1e-8)


def test_a_parquet_file_comes_in_batches(tmp_path):
    pytest.importorskip("pyarrow")
    X, y = data()
    weight = np.arange(1.0, len(y) + 1)
    table = pd.DataFrame({"t": y, "a": X[:, 0], "w": weight, "b": X[:, 1]})
    table.to_parquet(tmp_path / "rows.parquet", row_group_size=40)
    options = {"target": "t", "sample_weight": "w", "n_rows": 90}
    blocks = list(row_blocks(tmp_path / "rows.parquet", **options))
    assert [len(block[1]) for block in blocks] == [90, 90, 70]
    for found, expected in zip(joined(blocks), (X, y, weight), strict=True):
        assert_array_equal(found, expected)
    streamed = model(X).fit_blocks(
        row_blocks(str(tmp_path / "rows.parquet"), transform=lambda X: X.to_numpy(), **options)
    )
    assert_allclose(streamed.predict(X[:9]), model(X).fit(X, y, weight).predict(X[:9]), rtol=1e-8)


def test_a_file_without_pyarrow_says_what_to_install(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pyarrow.parquet", None)
    with pytest.raises(ImportError, match="pip install pyarrow"):
        next(row_blocks("rows.parquet", target="t"))


def test_a_transform_makes_the_inputs():
    X, y = data(100)
    table = pd.DataFrame({"kind": np.where(X[:, 0] > 0, "yes", "no"), "b": X[:, 1], "t": y})
    frame = dask.dataframe.from_pandas(table, npartitions=2)

    def encode(table):
        return np.column_stack([table["kind"] == "yes", table["b"]]).astype(float)

    found, _ = joined(row_blocks(frame, target="t", transform=encode))
    assert_array_equal(found, np.column_stack([X[:, 0] > 0, X[:, 1]]))


def test_blocks_train_as_partial_fit_does():
    X, y = data()
    blocks = list(row_blocks(X, y, n_rows=80))
    streamed = clone(model(X)).fit_blocks(iter(blocks))
    added = model(X)
    for block in blocks:
        added.partial_fit(*block)
    assert_array_equal(streamed.predict(X[:9]), added.predict(X[:9]))
    labels = (y > 0).astype(int)
    classifier = NTKClassifier(NETWORK, solver=InducingPoints(selection=X[:20]))
    streamed = clone(classifier).fit_blocks(row_blocks(X, labels, n_rows=80), classes=[0, 1])
    whole = classifier.fit(X, labels)
    assert_allclose(streamed.decision_function(X[:9]), whole.decision_function(X[:9]), rtol=1e-6)


def test_the_block_with_an_error_is_named():
    X, y = data()
    X[170, 1] = np.nan
    with pytest.raises(ValueError, match="NaN") as error:
        model(X).fit_blocks(row_blocks(X, y, n_rows=80))
    assert "block 2 of the rows" in "".join(error.value.__notes__)
    with pytest.raises(ValueError, match="no block"):
        model(X).fit_blocks([])


@pytest.mark.parametrize(
    ("arguments", "options", "error", "message"),
    [
        ((np.zeros((4, 2)),), {}, ValueError, "y is missing"),
        ((np.zeros((4, 2)), np.zeros(3)), {}, ValueError, "y has 3 rows, but source has 4"),
        ((np.zeros((4, 2)), np.zeros(4)), {"target": "t"}, ValueError, "y"),
        ((object(),), {}, TypeError, "source is of type object"),
        ((np.zeros((4, 2)), np.zeros(4)), {"n_rows": 0}, ValueError, "at least 1"),
        ((np.zeros((4, 2)), np.zeros(4)), {"n_rows": 1.5}, TypeError, "integer"),
        (("rows.parquet",), {}, ValueError, "target is missing"),
    ],
)
def test_what_has_no_blocks_is_refused(arguments, options, error, message):
    with pytest.raises(error, match=message):
        next(row_blocks(*arguments, **options))


def test_a_column_that_is_missing_is_named():
    frame = dask.dataframe.from_pandas(pd.DataFrame({"a": [1.0], "b": [2.0]}), npartitions=1)
    with pytest.raises(ValueError, match=r"no column 't': the columns are \['a', 'b'\]"):
        next(row_blocks(frame, target="t"))


def test_memory_does_not_grow_with_rows():
    # The stream holds sums and a sample; only their sizes are looked at.
    rng = np.random.default_rng(0)

    def blocks(n_blocks):
        for _ in range(n_blocks):
            X = rng.normal(size=(500, 2))
            yield X, X[:, 0]

    points = rng.normal(size=(10, 2))
    fitted = NNGPRegressor(NETWORK, alpha=0.05, solver=InducingPoints(selection=points))
    few = fitted.fit_blocks(blocks(21))._stream
    many = clone(fitted).fit_blocks(blocks(40))._stream
    for stream in (few, many):
        assert len(stream.kept_rows()[0]) == 10_000
        assert stream.n_points == 10
