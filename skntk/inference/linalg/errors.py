"""The error raised when a kernel matrix cannot be inverted to working precision."""

from __future__ import annotations

import numpy as np

__all__ = ["SingularKernelError"]


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
