"""Whether kernels in single precision are precise enough for the equations of a fit."""

from __future__ import annotations

import numpy as np

from skntk._warnings import warn
from skntk.estimators.kernel_machines.kernels import NetworkKernels
from skntk.gram.kernel_function import KernelFunction

# Rows of the kernel matrix that are computed again, at most: some percent of the work of a fit.
_MOST_ROWS = 32
_FEWEST_ROWS = 4
_ROWS_PER_ROW = 64

# The largest residual that is not reported, as a fraction of the targets.
_TOLERANCE = 0.01


def check_training_residual(
    kernels: NetworkKernels,
    X: np.ndarray,
    targets: np.ndarray,
    noise: np.ndarray,
    dual_coef: np.ndarray,
) -> None:
    """Warn if (K + A) dual_coef is not equal to the targets with K in double precision.

    The equations were solved with K in single precision. Some rows of them are evaluated again, in
    double precision.

    Parameters
    ----------
    kernels : NetworkKernels
    X : ndarray of shape (n, ...)
        Training rows.
    targets, dual_coef : ndarray of shape (n,) or (n, n_outputs)
    noise : ndarray of shape (n,) or (1,)
        The diagonal of A.
    """
    n_rows = min(max(len(X) // _ROWS_PER_ROW, _FEWEST_ROWS), _MOST_ROWS, len(X))
    rows = np.linspace(0, len(X) - 1, n_rows).astype(int)
    single = kernels.function
    exact = KernelFunction(
        single.architecture, single.sample_shape, dtype="float64", n_jobs=single.n_jobs
    )
    (kernel,) = exact.gram(np.ascontiguousarray(X[rows], float), X, kinds=kernels.kinds[:1])
    noise = np.broadcast_to(noise, len(X))[rows]
    weighted = (noise * dual_coef[rows].T).T
    residual = _root_mean_square(kernel @ dual_coef + weighted - targets[rows])
    scale = _root_mean_square(targets)
    if residual > _TOLERANCE * scale:
        warn(
            f"dtype='float32' is not precise enough for this network and data: the residual of the "
            f"equations that were solved, (K + alpha I) dual_coef_ - y with K in float64, is "
            f"{residual / scale:.2g} times as large as the targets. Set dtype='float64', or a "
            "larger alpha.",
            UserWarning,
        )


def _root_mean_square(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(values))))
