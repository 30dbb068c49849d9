"""Sums over rows by the workers of a joblib backend, such as those of a dask cluster."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields

import joblib
import numpy as np
from joblib.parallel import get_active_backend
from sklearn.utils import gen_even_slices

from skntk._processes import refuse_to_fork
from skntk.estimators.kernel_machines.joblib_workers import (
    PARTS_PER_WORKER,
    arrays_in_tasks,
    number_of_workers,
)
from skntk.estimators.kernel_machines.kernels import NetworkKernels
from skntk.estimators.kernel_machines.rows_at_points import InducingKernels, RowsAtPoints
from skntk.gram.engine.progress import Report
from skntk.inference.inducing.sums import RowSums
from skntk.inference.inducing.whitening import Whitening

_ARRAYS = [field.name for field in fields(RowsAtPoints) if field.name != "inducing"]


def sums_of(rows: RowsAtPoints, variance: np.ndarray, progress: bool | Report = False) -> RowSums:
    """Return the sums over rows with these prior variances, by all workers that there are.

    Threads of this process work on one block after the other. The processes of a backend that
    ``joblib.parallel_config`` names get parts of the rows, and send back their sums; the parts are
    added in their order, so that the result does not depend on who is ready first. A scheduler that
    notices the end of a worker, as that of dask does, gives its part to another.
    """
    n_jobs = rows.inducing.kernels.function.n_jobs
    backend, _ = get_active_backend(prefer="threads")
    if getattr(backend, "supports_sharedmem", False):
        return rows.sums(variance, progress)
    refuse_to_fork(n_jobs)
    n_workers = number_of_workers(backend, n_jobs)
    sums = RowSums.zero(len(rows.inducing.points), rows.targets.shape[1])
    parts = list(gen_even_slices(len(rows.X), min(len(rows.X), PARTS_PER_WORKER * n_workers)))
    with arrays_in_tasks(backend):
        for part, found in zip(parts, _sums_of_parts(rows, variance, parts, n_jobs), strict=True):
            sums.merge(found)
            if callable(progress):
                m = len(rows.inducing.points)
                progress(part.stop * m, len(rows.X) * m)
    return sums


def _sums_of_parts(
    rows: RowsAtPoints, variance: np.ndarray, parts: list[slice], n_jobs: int | None
) -> Iterator[RowSums]:
    inducing, whitening = rows.inducing, rows.inducing.whitening
    backend, _ = get_active_backend()
    streams = getattr(backend, "supports_return_generator", False)
    parallel = joblib.Parallel(n_jobs=n_jobs, return_as="generator" if streams else "list")
    tasks = (
        _Part(
            inducing.kernels,
            inducing.points,
            whitening.factor,
            whitening.shift,
            variance[part],
            [getattr(rows, name)[part] for name in _ARRAYS],
        )
        for part in parts
    )
    sums: Iterator[RowSums] = iter(parallel(joblib.delayed(_sums_of_part)(task) for task in tasks))
    return sums


@dataclass(frozen=True, eq=False)
class _Part:
    """All that a worker needs to know.

    One object and not several arrays: those the backend of dask would scatter, and what a worker
    holds of them would be lost with it. The factor is as large as the sums that come back.
    """

    kernels: NetworkKernels
    points: np.ndarray
    factor: np.ndarray
    shift: float
    variance: np.ndarray
    arrays: list[np.ndarray]


def _sums_of_part(part: _Part) -> RowSums:
    """Return the sums over a part of the rows, in the process of a worker."""
    inducing = InducingKernels(part.kernels, part.points)
    dtype = np.dtype(part.kernels.function.dtype)
    # The factorization of the process that asks: sums of others would not add up to rounding.
    inducing.__dict__["whitening"] = Whitening(part.factor, part.shift, dtype)
    with joblib.parallel_config(backend="threading"):
        return RowsAtPoints(inducing, *part.arrays).sums(part.variance)
