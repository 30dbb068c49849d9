"""Turning what a caller passes into the float64 arrays that LAPACK works on."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]


def as_finite(array: npt.ArrayLike, what: str, remedy: str) -> FloatArray:
    """Return `array` in float64, refusing NaN and infinity.

    Parameters
    ----------
    array : array-like
        Any shape.
    what : str
        What the array is, to begin the error message with.
    remedy : str
        What to change, to end the error message with.

    Returns
    -------
    ndarray of float64
        The array itself when it already is one.

    Raises
    ------
    ValueError
        If an entry is NaN or infinite.
    """
    values = np.asarray(array, dtype=np.float64)
    # The sum needs no temporary array; entries near the largest double may overflow in it.
    with np.errstate(all="ignore"):
        finite = bool(np.isfinite(values.sum())) or bool(np.isfinite(values).all())
    if not finite:
        raise ValueError(f"{what} must be finite, without NaN or infinity: {remedy}.")
    return values


def as_kernel(kernel: npt.ArrayLike, what: str = "The kernel matrix") -> FloatArray:
    """Return a kernel matrix in float64, refusing NaN and infinity.

    Parameters
    ----------
    kernel : array-like
        Any shape.
    what : str, default="The kernel matrix"
        Which kernel matrix, to begin the error message with.

    Returns
    -------
    ndarray of float64
        The matrix itself when it already is one.

    Raises
    ------
    ValueError
        If an entry is NaN or infinite.
    """
    return as_finite(kernel, what, "rescale the inputs or reduce `weight_std`")


def as_training_kernel(kernel: npt.ArrayLike, what: str = "The training kernel") -> FloatArray:
    """Return a square kernel matrix in float64, refusing NaN and infinity.

    Parameters
    ----------
    kernel : array-like of shape (n, n)
        Kernel between the training samples.
    what : str, default="The training kernel"
        Which kernel matrix, to begin the error message with.

    Returns
    -------
    ndarray of shape (n, n)
        The matrix itself when it already is of float64.

    Raises
    ------
    ValueError
        If the matrix is not square, or an entry is NaN or infinite.
    """
    values = as_kernel(kernel, what)
    if values.ndim != 2 or values.shape[0] != values.shape[1]:
        raise ValueError(f"{what} must be a square matrix, got an array of shape {values.shape}.")
    return values


def as_training_kernels(ntk: npt.ArrayLike, nngp: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Return the two kernel matrices of the training samples, checked.

    Parameters
    ----------
    ntk : array-like of shape (n, n)
        NTK between the training samples.
    nngp : array-like of shape (n, n)
        NNGP kernel between the training samples.

    Returns
    -------
    ntk, nngp : ndarray of shape (n, n)
        The matrices themselves when they already are of float64.

    Raises
    ------
    ValueError
        If a matrix is not square, an entry is not finite, or the shapes differ.
    """
    tangent = as_training_kernel(ntk, "The training NTK")
    prior = as_training_kernel(nngp, "The training NNGP kernel")
    return tangent, require_equal_shapes(tangent.shape, prior)


def require_equal_shapes(ntk_shape: tuple[int, ...], nngp: FloatArray) -> FloatArray:
    """Return an NNGP kernel matrix, refusing one that is not of the samples of the NTK."""
    if nngp.shape != ntk_shape:
        raise ValueError(
            f"The NNGP kernel has shape {nngp.shape} and the NTK {ntk_shape}: pass both for "
            "the same training samples."
        )
    return nngp


def as_targets(targets: npt.ArrayLike, n_samples: int) -> FloatArray:
    """Return training targets in float64, refusing NaN, infinity and a wrong length.

    Parameters
    ----------
    targets : array-like of shape (n,) or (n, outputs)
        One target, or one row of targets, for each sample.
    n_samples : int
        n, the number of training samples.

    Returns
    -------
    ndarray of shape (n,) or (n, outputs)
        The targets.

    Raises
    ------
    ValueError
        If the length is not `n_samples`, or an entry is NaN or infinite.
    """
    values = as_finite(targets, "The targets", "remove these samples or impute their targets")
    if values.ndim not in (1, 2) or values.shape[0] != n_samples:
        raise ValueError(
            f"The targets must have shape ({n_samples},) or ({n_samples}, outputs) for a kernel "
            f"matrix of {n_samples} samples, got {values.shape}."
        )
    return values


def per_sample(
    values: npt.ArrayLike | None, n_samples: int, what: str, *, default: float = 0.0
) -> FloatArray:
    """Return one nonnegative number for each sample.

    Parameters
    ----------
    values : float, array-like of shape (n,) or None
        A float is meant for every sample, None means `default` for every sample.
    n_samples : int
        n, the number of samples.
    what : str
        Name of the parameter, for the error message.
    default : float, default=0.0
        The value that None stands for.

    Returns
    -------
    ndarray of shape (n,)
        A new array.

    Raises
    ------
    ValueError
        If the shape is neither () nor (n,), or an entry is negative, NaN or infinite.
    """
    given = np.asarray(default if values is None else values, dtype=np.float64)
    if given.shape not in ((), (n_samples,)):
        raise ValueError(
            f"`{what}` must be a float or have shape ({n_samples},), got shape {given.shape}."
        )
    if not (np.isfinite(given).all() and (given >= 0).all()):
        raise ValueError(
            f"`{what}` must be finite and nonnegative: its values range from {given.min()} "
            f"to {given.max()}."
        )
    return np.array(np.broadcast_to(given, (n_samples,)))


def as_fortran(symmetric: FloatArray, *, overwrite: bool) -> FloatArray:
    """Return a symmetric matrix in the memory order of LAPACK, writable in place.

    The transpose of a C-ordered matrix is Fortran-ordered, and a symmetric matrix equals its
    transpose: neither order costs a copy.

    Parameters
    ----------
    symmetric : ndarray of shape (n, n)
        Symmetric matrix.
    overwrite : bool
        Whether the memory of `symmetric` may be written to. It is copied otherwise, and also
        when it is read-only or a strided view.

    Returns
    -------
    ndarray of shape (n, n)
        Fortran-ordered and writable.
    """
    transposed = symmetric if symmetric.flags.f_contiguous else symmetric.T
    if overwrite and transposed.flags.f_contiguous and transposed.flags.writeable:
        return transposed
    return np.array(transposed, order="F")


def diagonal_view(matrix: FloatArray) -> FloatArray:
    """Return the diagonal of a square matrix as a writable view.

    Parameters
    ----------
    matrix : ndarray of shape (n, n)
        Square matrix.

    Returns
    -------
    ndarray of shape (n,)
        Writing to it writes to the matrix.
    """
    return np.einsum("ii->i", matrix)
