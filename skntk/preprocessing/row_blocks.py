"""Blocks of rows from where they are: arrays, files and dask collections."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from os import PathLike, fspath
from typing import Any

import numpy as np
from sklearn.utils import gen_batches

from skntk._validation import is_integer

__all__ = ["row_blocks"]

Transform = Callable[[Any], Any]


def row_blocks(
    source: Any,
    y: Any = None,
    *,
    target: str | None = None,
    sample_weight: str | None = None,
    transform: Transform | None = None,
    n_rows: int = 65_536,
) -> Iterator[tuple[Any, ...]]:
    """Yield blocks of rows as `fit_blocks` and `partial_fit` take them.

    Of ``source`` one block at a time is read into memory.

    Parameters
    ----------
    source : array, dask array, dask DataFrame, str or PathLike
        Inputs: an array of shape (n_samples, n_features), such as a `numpy.memmap`; a dask array,
        which comes chunk by chunk; a dask DataFrame, partition by partition; or the path of a
        parquet file, which takes pyarrow.
    y : array or dask array of shape (n_samples,) or (n_samples, n_outputs), default=None
        Targets of the rows of an array.
    target : str, default=None
        The column of the targets in a DataFrame or a file.
    sample_weight : str, default=None
        The column of the weights in a DataFrame or a file; None is 1 for every row.
    transform : callable, default=None
        What makes inputs of a block, such as the ``transform`` of a fitted encoder. It gets the
        rows of an array, or a pandas DataFrame of the columns that are neither target nor weight.
    n_rows : int, default=65536
        Rows in a block of an array or a file, at least 1.

    Yields
    ------
    X, y : array-like of shape (n, n_features), ndarray of shape (n,) or (n, n_outputs)
        And with ``sample_weight`` the weights, shape (n,).

    Raises
    ------
    ValueError
        If targets are missing, do not belong to the rows, or a column does not exist.
    TypeError
        If ``source`` is of another kind, or ``n_rows`` no integer.
    ImportError
        If a file is given and pyarrow is not installed.

    Examples
    --------
    >>> import numpy as np
    >>> from skntk import NNGPRegressor, row_blocks
    >>> from skntk.solvers import InducingPoints
    >>> X = np.random.default_rng(0).normal(size=(1000, 2))
    >>> model = NNGPRegressor(alpha=0.01, solver=InducingPoints(100, random_state=0))
    >>> model = model.fit_blocks(row_blocks(X, X[:, 0] * X[:, 1], n_rows=300))
    >>> model.predict([[1.0, -1.0]]).round(1)
    array([-1.])
    """
    if not is_integer(n_rows):
        raise TypeError(f"n_rows must be an integer, got {type(n_rows).__name__}.")
    if n_rows < 1:
        raise ValueError(f"n_rows must be at least 1, got {n_rows}.")
    if isinstance(source, str | PathLike):
        tables = _parquet(fspath(source), n_rows)
        return _of_tables(tables, target, sample_weight, transform)
    if hasattr(source, "partitions") and hasattr(source, "columns"):
        tables = (part.compute() for part in source.partitions)
        return _of_tables(tables, target, sample_weight, transform)
    if target is not None or sample_weight is not None:
        raise ValueError(
            "target and sample_weight are columns of a DataFrame or a file: give the targets of an "
            "array as y."
        )
    if hasattr(source, "to_delayed"):
        return _dask_array(source, y, transform)
    if hasattr(source, "shape"):
        return _array(source, y, transform, n_rows)
    raise TypeError(
        f"source is of type {type(source).__name__}: give an array, a dask array or DataFrame, or "
        "the path of a parquet file. Any other iterator of (X, y) needs no row_blocks."
    )


def _require_targets(y: Any, n_samples: int) -> None:
    if y is None:
        raise ValueError("y is missing: give the targets of the rows.")
    if len(y) != n_samples:
        raise ValueError(f"y has {len(y)} rows, but source has {n_samples}.")


def _array(
    X: Any, y: Any, transform: Transform | None, n_rows: int
) -> Iterator[tuple[Any, np.ndarray]]:
    _require_targets(y, X.shape[0])
    for rows in gen_batches(X.shape[0], n_rows):
        block = np.asarray(X[rows])
        yield block if transform is None else transform(block), np.asarray(y[rows])


def _dask_array(X: Any, y: Any, transform: Transform | None) -> Iterator[tuple[Any, np.ndarray]]:
    import dask
    import dask.array

    _require_targets(y, X.shape[0])
    # Whole rows, and the targets cut as they are.
    whole = X.rechunk({axis: -1 for axis in range(1, X.ndim)})
    lengths = (whole.chunks[0], *((-1,) for _ in range(1, np.ndim(y))))
    targets = dask.array.asarray(y).rechunk(lengths)
    for position in range(whole.numblocks[0]):
        block, of_block = dask.compute(whole.blocks[position], targets.blocks[position])
        yield block if transform is None else transform(block), of_block


def _parquet(path: str, n_rows: int) -> Iterator[Any]:
    try:
        from pyarrow.parquet import ParquetFile
    except ImportError as error:
        raise ImportError(
            "Reading a parquet file block by block takes pyarrow and pandas: pip install pyarrow "
            "pandas."
        ) from error
    with ParquetFile(path) as file:
        for batch in file.iter_batches(batch_size=n_rows):
            yield batch.to_pandas()


def _of_tables(
    tables: Iterator[Any],
    target: str | None,
    sample_weight: str | None,
    transform: Transform | None,
) -> Iterator[tuple[Any, ...]]:
    if target is None:
        raise ValueError("target is missing: give the name of the column that is predicted.")
    columns = [target] if sample_weight is None else [target, sample_weight]
    for table in tables:
        missing = [column for column in columns if column not in table.columns]
        if missing:
            raise ValueError(
                f"There is no column {missing[0]!r}: the columns are {list(table.columns)}."
            )
        inputs = table.drop(columns=columns)
        made = inputs if transform is None else transform(inputs)
        yield made, *(table[column].to_numpy() for column in columns)
