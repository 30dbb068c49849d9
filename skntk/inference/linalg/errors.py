"""The errors raised when linear systems with a kernel matrix cannot be solved."""

from __future__ import annotations

import numpy as np

__all__ = ["ConvergenceError", "SingularKernelError"]


class SingularKernelError(np.linalg.LinAlgError):
    """A training kernel matrix is singular, or not positive definite, to working precision.

    Raised instead of returning predictions without a correct digit. The usual causes are
    duplicate rows in the training data and noise on the diagonal (`alpha`) that is too
    small for the kernel; the message says which, where the kernel matrix shows it. A
    `numpy.linalg.LinAlgError` is a `ValueError`, so this error is one too.

    Examples
    --------
    >>> import numpy as np
    >>> from skntk.inference import GaussianProcessPosterior, SingularKernelError
    >>> duplicate_rows = np.ones((2, 2))
    >>> try:
    ...     GaussianProcessPosterior.condition(duplicate_rows, 0.0, np.zeros(2))
    ... except SingularKernelError as error:
    ...     print("Increase `alpha`" in str(error))
    True
    """


class ConvergenceError(np.linalg.LinAlgError):
    """An iterative solver has not reached the residual that was asked for.

    Raised instead of returning what it has reached. The message says how many steps were made, how
    large the residual is, and what helps. A `numpy.linalg.LinAlgError` is a `ValueError`, so this
    error is one too.

    Examples
    --------
    >>> import numpy as np
    >>> from skntk.inference import (
    ...     ConjugateGradientSolver, ConvergenceError, GaussianProcessPosterior
    ... )
    >>> solver = ConjugateGradientSolver(rank=1, max_iter=1)
    >>> kernel = np.diag(np.arange(1.0, 9.0))
    >>> try:
    ...     GaussianProcessPosterior.condition(kernel, 0.1, np.ones(8), solver=solver)
    ... except ConvergenceError as error:
    ...     print("after 1 step" in str(error))
    True
    """
