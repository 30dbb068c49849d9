"""The public functions: kernel matrices and diagonals of an architecture."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, overload

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import check_array

from skntk._validation import require_samples
from skntk.architecture.core.layer import Layer
from skntk.gram.engine.prepared_network import check_samples
from skntk.gram.engine.progress import Report
from skntk.gram.kernel_function import KernelFunction, Kind, Path, check_dtype, dtypes_of_inputs

__all__ = ["Kind", "gram_diagonal", "gram_matrix"]


@overload
def gram_matrix(
    architecture: Layer,
    X: ArrayLike,
    Y: ArrayLike | None = ...,
    *,
    kind: Kind = ...,
    dtype: str = ...,
    n_jobs: int | None = ...,
    working_memory: float | None = ...,
    checkpoint: Path | None = ...,
    progress: bool | Report = ...,
) -> np.ndarray: ...
@overload
def gram_matrix(
    architecture: Layer,
    X: ArrayLike,
    Y: ArrayLike | None = ...,
    *,
    kind: tuple[Kind, ...] | list[Kind],
    dtype: str = ...,
    n_jobs: int | None = ...,
    working_memory: float | None = ...,
    checkpoint: Path | None = ...,
    progress: bool | Report = ...,
) -> tuple[np.ndarray, ...]: ...
def gram_matrix(
    architecture: Layer,
    X: ArrayLike,
    Y: ArrayLike | None = None,
    *,
    kind: Kind | Sequence[Kind] = "ntk",
    dtype: str = "float64",
    n_jobs: int | None = None,
    working_memory: float | None = None,
    checkpoint: Path | None = None,
    progress: bool | Report = False,
) -> np.ndarray | tuple[np.ndarray, ...]:
    """Compute the kernel matrix of an infinitely wide network.

    Parameters
    ----------
    architecture : layer
        The network, for example ``FullyConnected(depth=3)``. A `LinearizedNetwork` is one of finite
        width, and has empirical kernels.
    X : array-like of shape (n_samples_X, n_features)
        Left inputs. Networks of `Conv` layers take images of shape (n_samples_X, height, width,
        channels), or sequences of shape (n_samples_X, length, channels); presets that know their
        ``input_shape`` also take flat rows. Integers, such as the values of pixels, are taken as
        they are.
    Y : array-like of shape (n_samples_Y, n_features), default=None
        Right inputs. None means the samples of X themselves: half the work, an exactly symmetric
        result, and a diagonal of samples that are identical with themselves (which matters to
        `Dropout`).
    kind : {"ntk", "nngp"} or sequence of these, default="ntk"
        The covariance of the network's outputs before training ("nngp"), or the neural tangent
        kernel ("ntk"). A sequence gives both for little more than the cost of one.
    dtype : {"float64", "float32"}, default="float64"
        Precision of the result, and of most of the computation. Single precision is accurate to
        about 1e-6 of the largest entry, also for vectors that are nearly parallel; for images that
        are nearly multiples of one another, and kinked activations, to 5e-4. Piecewise linear
        activations, `Erf`, `Sign` and `Rbf` take a part of the time; others are
        evaluated in double precision where the inputs are vectors.
    n_jobs : int, default=None
        Number of threads, or of workers of the backend of ``joblib.parallel_config``. None is every
        core. Where JAX sees several devices of its default platform, tiles are spread over them.
    working_memory : float, default=None
        The most MiB that the computation takes beside inputs and results, in all threads of a
        process together; None is ``sklearn.get_config()["working_memory"]``, which is 1024 unless
        set otherwise. Where it would take more, fewer pairs are computed at once, and many large
        samples in chunks.
    checkpoint : path-like, default=None
        A file in which finished tiles are kept, so that a run that was interrupted goes on where it
        stopped: call the function again with the same arguments. A run that is killed loses the
        tiles that were being computed, at most one for each worker. When all are finished, the
        matrices themselves take the place of the tiles, and another call returns them. The file is
        for one computation; see the notes.
    progress : bool or callable, default=False
        True shows a bar of tqdm, which has to be installed. A callable is called after every tile
        with the number of finished pairs of samples and the number of all, from the thread that
        finished the tile, one call at a time.

    Returns
    -------
    ndarray of shape (n_samples_X, n_samples_Y), or a tuple of these in the order of ``kind``

    Raises
    ------
    TypeError
        If the architecture is not a layer object, or a hyperparameter, ``n_jobs``, ``checkpoint``
        or ``progress`` has the wrong type.
    ValueError
        If inputs, hyperparameters, ``kind`` or ``dtype`` are not valid, if the inputs do not fit
        the architecture, if the kernel overflows, or if the file of ``checkpoint`` belongs to
        another computation.
    RuntimeError
        In a process that was forked after JAX had run, or where joblib would fork this one.
    OSError
        If the file of ``checkpoint`` cannot be used or written, as on a full disk, or is in use by
        another run.
    MemoryError
        If the result does not fit the memory that is free, or a single pair of samples does not fit
        ``working_memory``.
    ImportError
        If ``progress=True`` and tqdm is not installed.

    Warns
    -----
    UserWarning
        If the finished matrices cannot be written to the file of ``checkpoint``.

    See Also
    --------
    gram_diagonal : The kernel of each sample with itself.

    Notes
    -----
    With (K, T) the NNGP and NTK kernels, the layers map K = X Y^T / n_features and T = 0 one after
    the other [1]_ [2]_; each layer's docstring says how.

    A checkpoint belongs to the inputs, the architecture with the values of its hyperparameters,
    ``kind``, ``dtype``, whether there is a ``Y``, and the version of skntk; of functions and
    layers that a user wrote, their code counts. With any other of these the file is refused before
    work starts. ``n_jobs`` and ``working_memory`` may change from run to run. One run at a time
    uses the file (on Windows this is not checked). An unfinished record at its end is cut off, a
    damaged one computed again. What is computed of each sample by itself, at most about as much as
    one pair for each, is not kept. Tiles of vectors are computed about as
    fast as a disk takes them: a checkpoint is for networks of images and sequences.

    References
    ----------
    .. [1] Lee et al., "Deep neural networks as Gaussian processes", ICLR 2018.
    .. [2] Jacot, Gabriel, Hongler, "Neural Tangent Kernel: Convergence and generalization in
       neural networks", NeurIPS 2018.

    Examples
    --------
    >>> import numpy as np
    >>> from skntk import gram_matrix
    >>> from skntk.architecture import Dense, Relu, Serial
    >>> network = Serial([Dense(), Relu(), Dense()])
    >>> gram_matrix(network, np.eye(2), kind="ntk")
    array([[0.5       , 0.07957747],
           [0.07957747, 0.5       ]])
    """
    kinds = _check_kinds(kind)
    _check_architecture(architecture, X)
    X = _check_inputs("X", X, dtype)
    Y = None if Y is None else _check_inputs("Y", Y, dtype)
    kernel_function = KernelFunction(architecture, X.shape[1:], dtype=dtype, n_jobs=n_jobs)
    if Y is not None:
        _check_right_inputs(kernel_function, Y)
    matrices = kernel_function.gram(
        X,
        Y,
        kinds=kinds,
        progress=progress,
        working_memory=working_memory,
        checkpoint=checkpoint,
    )
    return matrices[0] if isinstance(kind, str) else matrices


def gram_diagonal(
    architecture: Layer,
    X: ArrayLike,
    *,
    kind: Kind | Sequence[Kind] = "ntk",
    dtype: str = "float64",
    n_jobs: int | None = None,
    working_memory: float | None = None,
) -> Any:
    """Compute the kernel of each sample with itself: the diagonal of `gram_matrix`, in linear time.

    Parameters
    ----------
    architecture : layer
        The network.
    X : array-like of shape (n_samples, n_features)
        Inputs.
    kind : {"ntk", "nngp"} or sequence of these, default="ntk"
        Which kernel.
    dtype : {"float64", "float32"}, default="float64"
        Precision of the computation and of the result.
    n_jobs : int, default=None
        Number of workers, as for `gram_matrix`.
    working_memory : float, default=None
        The most MiB that the computation takes, as for `gram_matrix`.

    Returns
    -------
    ndarray of shape (n_samples,), or a tuple of these in the order of ``kind``

    Raises
    ------
    TypeError, ValueError, MemoryError
        As `gram_matrix`.

    Examples
    --------
    >>> import numpy as np
    >>> from skntk import gram_diagonal
    >>> from skntk.architecture import Dense, Relu, Serial
    >>> gram_diagonal(Serial([Dense(), Relu(), Dense()]), np.eye(2), kind="nngp")
    array([0.25, 0.25])
    """
    kinds = _check_kinds(kind)
    _check_architecture(architecture, X)
    X = _check_inputs("X", X, dtype)
    kernel_function = KernelFunction(architecture, X.shape[1:], dtype=dtype, n_jobs=n_jobs)
    diagonals = kernel_function.diagonals(X, kinds=kinds, working_memory=working_memory)
    return diagonals[0] if isinstance(kind, str) else diagonals


def _check_kinds(kind: Kind | Sequence[Kind]) -> tuple[Kind, ...]:
    several = isinstance(kind, Iterable) and not isinstance(kind, str)
    kinds: tuple[Any, ...] = tuple(kind) if several else (kind,)
    if not kinds or any(name not in ("nngp", "ntk") for name in kinds):
        raise ValueError(f"kind must be 'nngp', 'ntk' or a sequence of these, got {kind!r}.")
    return kinds


def _check_architecture(architecture: object, X: object) -> None:
    if isinstance(architecture, Layer):
        return
    if isinstance(X, Layer):
        raise TypeError(
            f"The architecture comes first, and the inputs follow: {type(X).__name__}(...) stands "
            f"in the place of X, and {type(architecture).__name__} in its place. Swap the two."
        )
    wanted = "an object such as FullyConnected(depth=3), not a class or another type"
    raise TypeError(f"architecture must be {wanted}; got {architecture!r}.")


def _check_inputs(name: str, values: ArrayLike, dtype: str) -> np.ndarray:
    require_samples(name, values)
    checked: np.ndarray = check_array(
        values,
        dtype=dtypes_of_inputs(check_dtype(dtype)),
        allow_nd=True,
        order="C",
        input_name=name,
    )
    return checked


def _check_right_inputs(kernel_function: KernelFunction, Y: np.ndarray) -> None:
    """Raise an error unless the network reads samples of Y in the shape of those of X."""
    if Y.shape[1:] == kernel_function.sample_shape:
        return
    shape = check_samples(kernel_function.architecture, Y.shape[1:])
    if shape != kernel_function.input_shape:
        raise ValueError(
            f"X and Y must have samples of one shape, got {kernel_function.input_shape} and "
            f"{shape}."
        )
