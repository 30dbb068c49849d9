"""The public functions: kernel matrices and diagonals of an architecture."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from os import PathLike
from typing import Any, Literal, overload

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import check_array

from skntk._memory import require_memory
from skntk.architecture.core.layer import Layer
from skntk.architecture.layers.linearized import LinearizedNetwork
from skntk.gram.engine.checkpoint import open_checkpoint
from skntk.gram.engine.engine import Engine, engine_for
from skntk.gram.engine.fingerprint import fingerprint
from skntk.gram.engine.programs import as_arguments
from skntk.gram.engine.progress import Report, reporting
from skntk.gram.engine.working_memory import working_memory_in_bytes
from skntk.gram.tiling.chunks import cross_in_groups, diagonals_in_groups, symmetric_in_groups
from skntk.gram.tiling.empirical import empirical_diagonals, empirical_matrices
from skntk.gram.tiling.symmetrization import (
    MATRICES_OF_A_SUM,
    averaged_diagonals,
    averaged_matrices,
    number_of_pairs,
)

Kind = Literal["nngp", "ntk"]
Path = str | PathLike[str]
DTYPES = ("float32", "float64")


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
        result, and a diagonal that knows each sample to be identical with itself (which matters to
        `Dropout`).
    kind : {"ntk", "nngp"} or sequence of these, default="ntk"
        The covariance of the network's outputs before training ("nngp"), or the neural tangent
        kernel ("ntk"). A sequence gives both for little more than the cost of one.
    dtype : {"float64", "float32"}, default="float64"
        Precision of the computation and of the result. Single precision takes about a third of the
        time and is accurate to about 1e-6 of the largest entry.
    n_jobs : int, default=None
        Number of threads, or of workers of the backend of ``joblib.parallel_config``. None is every
        core. Where JAX sees several devices of its default platform, tiles are spread over them.
    working_memory : float, default=None
        The most MiB that the computation takes beside inputs and results, in all threads of a
        process together; None is ``sklearn.get_config()["working_memory"]``, which is 1024 unless
        set otherwise. Where it would take more, fewer pairs are computed at once, and many large
        samples in groups.
    checkpoint : path-like, default=None
        A file in which finished tiles are kept, so that a run that was interrupted goes on where it
        stopped: call the function again with the same arguments. A run that is killed loses the
        tiles that were being computed, at most one for each worker. When all are finished, the
        matrices themselves take the place of the tiles, and another call returns them. The file is
        for one computation; see the notes.
    progress : bool or callable, default=False
        True shows a bar of tqdm, which has to be installed. A callable is called after every tile
        with the number of finished pairs of samples and the number of all, from the thread that
        finished the tile, one call at a time. There are no levels of verbosity to choose from: a
        bar says how far the run is and how long it will take, and there is nothing else to say.

    Returns
    -------
    ndarray of shape (n_samples_X, n_samples_Y), or a tuple of these in the order of ``kind``

    Raises
    ------
    TypeError
        If the architecture is not a layer object or a hyperparameter has the wrong type.
    ValueError
        If inputs, hyperparameters, ``kind`` or ``dtype`` are not valid, if the inputs do not fit
        the architecture, if the kernel overflows, or if the file of ``checkpoint`` belongs to
        another computation.
    OSError
        If the file of ``checkpoint`` cannot be used, or is in use by another run.
    MemoryError
        If the result does not fit the memory that is free, or a single pair of samples does not fit
        ``working_memory``.
    ImportError
        If ``progress=True`` and tqdm is not installed.

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
    inputs = [
        _check_inputs(architecture, name, values, dtype)
        for name, values in (("X", X), ("Y", Y))
        if values is not None
    ]
    _check_shapes(architecture, *inputs)
    n_bytes = working_memory_in_bytes(working_memory)
    shape = (len(inputs[0]), len(inputs[-1]))
    at_once = 1 if architecture.n_transforms == 1 else MATRICES_OF_A_SUM
    require_memory(
        at_once * len(kinds) * shape[0] * shape[1] * inputs[0].itemsize,
        f"The kernel matrix of {shape[0]} x {shape[1]} samples",
        "Use fewer samples, or dtype='float32' for half of it.",
    )
    with ExitStack() as stack:
        total = number_of_pairs(architecture, *inputs)
        count = stack.enter_context(reporting(progress, total))
        kept = None
        if checkpoint is not None:
            of_call = fingerprint(architecture, *inputs, kinds=kinds)
            kept = stack.enter_context(open_checkpoint(checkpoint, of_call))
        matrices = None if kept is None else kept.matrices(len(kinds))
        if matrices is None:
            engine = stack.enter_context(engine_for(n_jobs, n_bytes, kept, count))
            matrices = _matrices(architecture, inputs, kinds, engine)
            if kept is not None:
                kept.finish(matrices)
        if count is not None:
            count.finish()
    return matrices[0] if isinstance(kind, str) else tuple(matrices)


def _matrices(
    architecture: Layer, inputs: Sequence[np.ndarray], kinds: Sequence[str], engine: Engine
) -> list[np.ndarray]:
    if isinstance(architecture, LinearizedNetwork):
        return empirical_matrices(architecture, kinds, engine, *inputs)
    arguments = as_arguments(architecture, inputs[0].dtype)

    def evaluate(left: np.ndarray, right: np.ndarray | None = None) -> list[np.ndarray]:
        if right is None:
            return symmetric_in_groups(arguments, left, kinds, engine)
        return cross_in_groups(arguments, left, right, kinds, engine)

    return averaged_matrices(architecture, evaluate, *inputs)


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
    inputs = _check_inputs(architecture, "X", X, dtype)
    _check_shapes(architecture, inputs)
    with engine_for(n_jobs, working_memory_in_bytes(working_memory)) as engine:
        diagonals = _diagonals(architecture, inputs, kinds, engine)
    return diagonals[0] if isinstance(kind, str) else tuple(diagonals)


def _diagonals(
    architecture: Layer, inputs: np.ndarray, kinds: Sequence[str], engine: Engine
) -> list[np.ndarray]:
    if isinstance(architecture, LinearizedNetwork):
        return empirical_diagonals(architecture, kinds, engine, inputs)
    arguments = as_arguments(architecture, inputs.dtype)

    def evaluate(left: np.ndarray, right: np.ndarray | None = None) -> list[np.ndarray]:
        if right is None:
            return diagonals_in_groups(arguments, left, kinds, engine)
        return cross_in_groups(arguments, left, right, kinds, engine)

    return averaged_diagonals(architecture, evaluate, inputs)


def _check_kinds(kind: Kind | Sequence[Kind]) -> tuple[Kind, ...]:
    several = isinstance(kind, Iterable) and not isinstance(kind, str)
    kinds: tuple[Any, ...] = tuple(kind) if several else (kind,)
    if not kinds or any(each not in ("nngp", "ntk") for each in kinds):
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


def _check_inputs(architecture: Layer, name: str, values: ArrayLike, dtype: str) -> np.ndarray:
    checked = check_array(
        values, dtype=_check_dtype(dtype), allow_nd=True, order="C", input_name=name
    )
    return architecture.reshape_inputs(checked)


def _check_dtype(dtype: str) -> np.dtype:
    try:
        checked = np.dtype(dtype)
    except TypeError:
        checked = None
    if dtype is None or checked is None or checked.name not in DTYPES:
        raise ValueError(f"dtype must be 'float64' or 'float32', got {dtype!r}.")
    return checked


def _check_shapes(architecture: Layer, *inputs: np.ndarray) -> None:
    for samples in inputs:
        shape = architecture.output_shape(samples.shape[1:])
        if len(shape) != 1:
            raise ValueError(
                f"The network ends with {len(shape) - 1} spatial axes, in samples of shape {shape}."
                " Let it end in Flatten() or GlobalAvgPool(), or one of these and a Dense layer."
                " Is it a network of vectors? Flatten the samples with X.reshape(len(X), -1)."
            )
    if inputs[0].shape[1:] != inputs[-1].shape[1:]:
        raise ValueError(
            f"X and Y must have samples of one shape, got {inputs[0].shape[1:]} and "
            f"{inputs[-1].shape[1:]}."
        )
