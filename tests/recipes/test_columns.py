"""Columns of frames and arrays become numbers and codes."""

import datetime

import numpy as np
import pandas as pd
import polars as pl
import pytest

from skntk.recipes.columns import MISSING, UNKNOWN, TableColumns, named_columns


def read(train, test=None):
    columns = TableColumns.learn(named_columns(train))
    return columns.read(named_columns(train if test is None else test))


MIXED = {
    "number": [1.5, None, 3.0],
    "text": ["b", None, "a"],
    "flag": [True, False, None],
    "day": [datetime.date(1970, 1, 2), None, datetime.date(1971, 1, 1)],
}


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame])
def test_frames(frame):
    table = read(frame(MIXED))
    np.testing.assert_array_equal(table.numbers, [[1.5, 1], [np.nan, np.nan], [3, 365]])
    np.testing.assert_array_equal(table.codes, [[1, 1], [MISSING, 0], [0, MISSING]])


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (pd.Series([1, 2, None], dtype="Int64"), "numbers"),
        (pd.Series(["x", "y", None], dtype="string"), "codes"),
        (pd.Series(["x", "y", None], dtype="category"), "codes"),
        (pd.Series([True, False, None], dtype="boolean"), "codes"),
        (pd.Series(pd.to_datetime(["2020-01-01", "2020-01-02", None])), "numbers"),
        (pd.Series(pd.to_datetime(["2020-01-01", "2020-01-02", None], utc=True)), "numbers"),
        (pd.Series([None, None, np.nan]), "numbers"),
        (pl.Series(["x", "y", None], dtype=pl.Categorical), "codes"),
    ],
)
def test_types_of_columns(values, kind):
    frame = (pl if isinstance(values, pl.Series) else pd).DataFrame({"column": values})
    table = read(frame)
    assert getattr(table, kind).shape == (3, 1)
    last = getattr(table, kind)[2, 0]
    assert np.isnan(last) if kind == "numbers" else last == MISSING


def test_dates_are_days():
    times = pd.to_datetime(["1970-01-01 00:00", "1970-01-02 12:00"])
    np.testing.assert_array_equal(read(pd.DataFrame({"time": times})).numbers, [[0], [1.5]])


def test_arrays_of_objects_are_read_by_column():
    table = read(np.array([[1, "a"], [2, "b"], [None, None]], dtype=object))
    np.testing.assert_array_equal(table.numbers, [[1], [2], [np.nan]])
    np.testing.assert_array_equal(table.codes, [[0], [1], [MISSING]])


def test_levels_that_are_numbers_have_one_name():
    train = pd.DataFrame({"level": pd.Series([1, "x", 2.0], dtype=object)})
    test = pd.DataFrame({"level": pd.Series([1.0, np.int64(2), "y"], dtype=object)})
    np.testing.assert_array_equal(read(train, test).codes.ravel(), [0, 1, UNKNOWN])


@pytest.mark.parametrize(
    ("train", "test", "message"),
    [
        ([1.0, 2.0], ["a", "b"], "'column' held numbers in fit, and holds categories now"),
        ([1.0, 2.0], [1.0, np.inf], "infinity in column 'column'.*NaN, which counts as missing"),
    ],
)
def test_columns_that_cannot_be_read(train, test, message):
    with pytest.raises(ValueError, match=message):
        read(pd.DataFrame({"column": train}), pd.DataFrame({"column": test}))


def test_sparse_tables_are_refused():
    from scipy.sparse import csr_array

    with pytest.raises(TypeError, match=r"Sparse input is not supported.*toarray"):
        named_columns(csr_array(np.eye(3)))
