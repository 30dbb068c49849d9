"""Turning what a caller passes into the float64 arrays that LAPACK works on."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]


def as_finite(array: npt.ArrayLike, what: str, remedy: str) -> FloatArray:
    """Return an array in float64, refusing NaN and infinity: `what` it is and the `remedy`."""
    values = np.asarray(array, dtype=np.float64)
    # The sum needs no temporary array; entries near the largest double may overflow in it.
    with np.errstate(all="ignore"):
        finite = bool(np.isfinite(values.sum())) or bool(np.isfinite(values).all())
    if not finite:
        raise ValueError(f"{what} must be finite, without NaN or infinity: {remedy}.")
    return values


def as_kernel(kernel: npt.ArrayLike, what: str = "The kernel matrix") -> FloatArray:
    """Return a kernel matrix of any shape in float64, refusing NaN and infinity."""
    return as_finite(kernel, what, "rescale the inputs or reduce `weight_std`")


def as_training_kernel(kernel: npt.ArrayLike, what: str = "The training kernel") -> FloatArray:
    """Return a square kernel matrix in float64, refusing NaN and infinity."""
    values = as_kernel(kernel, what)
    if values.ndim != 2 or values.shape[0] != values.shape[1]:
        raise ValueError(f"{what} must be a square matrix, got an array of shape {values.shape}.")
    return values


def as_training_kernels(ntk: npt.ArrayLike, nngp: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Return the two kernel matrices of the training samples, of equal shape, checked."""
    tangent = as_training_kernel(ntk, "The training NTK")
    return tangent, as_training_nngp(nngp, tangent.shape)


def as_training_nngp(nngp: npt.ArrayLike, ntk_shape: tuple[int, ...]) -> FloatArray:
    """Return the NNGP kernel matrix beside an NTK of the same training samples, checked."""
    values = as_training_kernel(nngp, "The training NNGP kernel")
    if values.shape != ntk_shape:
        raise ValueError(
            f"The NNGP kernel has shape {values.shape} and the NTK {ntk_shape}: pass both for "
            "the same training samples."
        )
    return values


def as_targets(targets: npt.ArrayLike, n_samples: int) -> FloatArray:
    """Return targets of shape (n,) or (n, outputs) in float64, refusing NaN and infinity."""
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
    """Return one nonnegative number for each sample, in a new array of shape (n,).

    A float is meant for every sample; None stands for `default`. `what` names the parameter.
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
    transpose: neither order costs a copy. It is copied unless `overwrite` allows to write to its
    memory, and also when it is read-only or a strided view.
    """
    transposed = symmetric if symmetric.flags.f_contiguous else symmetric.T
    if overwrite and transposed.flags.f_contiguous and transposed.flags.writeable:
        return transposed
    return np.array(transposed, order="F")


def diagonal_view(matrix: FloatArray) -> FloatArray:
    """Return the diagonal of a square matrix as a writable view."""
    return np.einsum("ii->i", matrix)


def with_nonnegative_variances(covariance: FloatArray) -> FloatArray:
    """Return a covariance whose variances made negative by rounding are 0, in place."""
    variance = diagonal_view(covariance)
    np.maximum(variance, 0.0, out=variance)
    return covariance


def unit_of(values: FloatArray) -> float:
    """Return the power of two just below the largest magnitude, 1 where there is none.

    Squares of a kernel may be too small or too large for a number. In this unit they are not, and
    no division by it rounds.
    """
    largest = float(np.abs(values).max(initial=0.0))
    return float(np.ldexp(0.5, np.frexp(largest)[1])) if largest else 1.0
