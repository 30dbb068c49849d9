"""Kernel matrices in pieces of a few rows, each of them a file."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import numpy as np

from benchmarks.cifar10_study.images import Images
from skntk import gram_matrix
from skntk.architecture import Layer

KINDS = ("nngp", "ntk")


@dataclass(frozen=True)
class Piece:
    """Rows of the test images, or of the training images up to and including the diagonal."""

    part: str
    start: int
    stop: int

    def __str__(self) -> str:
        return f"{self.part}_{self.start:04d}_{self.stop:04d}"


class KernelPieces:
    """The kernels of one network.

    Parameters
    ----------
    folder : Path
        Where the pieces are kept.
    name : str
        Of the network.
    network : layer
    images : Images
    dtype : str
    rows : int
        Rows of a piece.
    """

    def __init__(
        self, folder: Path, name: str, network: Layer, images: Images, dtype: str, rows: int
    ) -> None:
        self.name = name
        self._network, self._images, self._dtype, self._rows = network, images, dtype, rows
        # Pieces of other training images, networks or precisions are in other folders.
        digest = _digest(repr(network).encode(), images.X_train.tobytes(), dtype.encode())
        self._folder = folder / f"{name.replace(',', '').replace(' ', '_')}-{digest}"

    def missing(self) -> Iterator[Piece]:
        """Yield the pieces that have no file yet."""
        for piece in self._pieces():
            if not self._file(piece).exists():
                yield piece

    def compute(self, piece: Piece) -> float:
        """Compute a piece and write its file; return the seconds."""
        start = perf_counter()
        arrays = (
            self._training_kernels(piece) if piece.part == "train" else self._test_kernels(piece)
        )
        seconds = perf_counter() - start
        self._folder.mkdir(parents=True, exist_ok=True)
        unfinished = self._folder / "unfinished.npz"
        np.savez(unfinished, **arrays)
        unfinished.replace(self._file(piece))
        return seconds

    def assembled(self, kind: str) -> tuple[np.ndarray, np.ndarray]:
        """Return the kernel of the training images, and that of test with training images."""
        n_train, n_test = len(self._images.X_train), len(self._images.X_test)
        kernels = {"train": np.zeros((n_train, n_train)), "test": np.zeros((n_test, n_train))}
        for piece in self._pieces():
            with np.load(self._file(piece)) as arrays:
                values = arrays[kind]
                kernels[piece.part][piece.start : piece.stop, : values.shape[1]] = values
        below = np.tril(kernels["train"], -1)
        return below + below.T + np.diag(np.diagonal(kernels["train"])), kernels["test"]

    def _pieces(self) -> Iterator[Piece]:
        for part, X in (("train", self._images.X_train), ("test", self._images.X_test)):
            for start in range(0, len(X), self._rows):
                yield Piece(part, start, min(start + self._rows, len(X)))

    def _piece_rows(self, piece: Piece) -> np.ndarray:
        X = self._images.X_train if piece.part == "train" else self._images.X_test
        return X[piece.start : piece.stop]

    def _file(self, piece: Piece) -> Path:
        # With the images in the name, more test images need only their own pieces.
        return self._folder / f"{piece}-{_digest(self._piece_rows(piece).tobytes())}.npz"

    def _training_kernels(self, piece: Piece) -> dict[str, np.ndarray]:
        rows = self._piece_rows(piece)
        square = self._kernels(rows)
        if not piece.start:
            return square
        before = self._kernels(rows, self._images.X_train[: piece.start])
        return {kind: np.hstack([before[kind], square[kind]]) for kind in KINDS}

    def _test_kernels(self, piece: Piece) -> dict[str, np.ndarray]:
        return self._kernels(self._piece_rows(piece), self._images.X_train)

    def _kernels(self, X: np.ndarray, Y: np.ndarray | None = None) -> dict[str, np.ndarray]:
        kernels = gram_matrix(self._network, X, Y, kind=KINDS, dtype=self._dtype)
        return dict(zip(KINDS, kernels, strict=True))


def compute_missing(pieces: Iterable[KernelPieces], minutes: float) -> bool:
    """Compute missing pieces until the minutes are over; return whether all are there now."""
    start = perf_counter()
    for network in pieces:
        for task in network.missing():
            if perf_counter() - start > 60 * minutes:
                print("Pieces are missing: run again to go on.")
                return False
            seconds = network.compute(task)
            print(f"{network.name}: {task}, {seconds:.1f} s", flush=True)
    return True


def _digest(*parts: bytes) -> str:
    return hashlib.sha256(b"".join(parts)).hexdigest()[:12]
