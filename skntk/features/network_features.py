"""The features of a whole network: what has been drawn, applied to samples in blocks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np
from scipy import sparse
from sklearn.utils import gen_batches

from skntk.architecture.core.layer import Layer
from skntk.features.drawing import Drawing
from skntk.features.sketches import CountSketch
from skntk.features.state import Features, FeatureState, joined
from skntk.features.steps import Step

# Numbers between two layers for one block of samples: 8 MiB in double precision.
BLOCK = 2**20
FEWEST_ROWS = 64


@dataclass(frozen=True)
class NetworkFeatures:
    """Random features of one kernel of a network.

    Attributes
    ----------
    network : layer
        The network, for the inputs that it reads.
    step : Step
        All layers.
    sketches : tuple of CountSketch
        From the parts of the features after the last layer to parts of the outputs.
    n_outputs : int
    sample_shape : tuple of int
        Of one sample as the network reads it.
    largest : int
        Most numbers between two layers that one sample has.
    with_ntk : bool
        Whether the kernel is the NTK.
    dtype : numpy.dtype
    """

    network: Layer
    step: Step
    sketches: tuple[CountSketch, ...]
    n_outputs: int
    sample_shape: tuple[int, ...]
    largest: int
    with_ntk: bool
    dtype: np.dtype

    @classmethod
    def draw(
        cls, network: Layer, sample_shape: tuple[int, ...], n_outputs: int, drawing: Drawing
    ) -> NetworkFeatures:
        """Draw the features of a network that has been checked for samples of a shape."""
        no_samples = FeatureState(np.empty((0, *sample_shape), drawing.dtype))
        step = drawing.step(network, no_samples)
        parts = _parts(step(no_samples), drawing.with_ntk, n_outputs)
        n_features = [part.shape[-1] for part in parts]
        sketches = tuple(
            CountSketch.draw(drawing.random, n, size, drawing.dtype)
            for n, size in zip(n_features, shares(n_features, n_outputs), strict=True)
        )
        return cls(
            network,
            step,
            sketches,
            n_outputs,
            sample_shape,
            max(drawing.largest, 1),
            drawing.with_ntk,
            drawing.dtype,
        )

    def __call__(self, X: Features) -> np.ndarray:
        """Return the features of samples: shape (n, n_outputs)."""
        outputs = np.zeros((X.shape[0], self.n_outputs), self.dtype)
        for rows in self._blocks(X.shape[0]):
            views = self._views(X[rows])
            for view in views:
                state = FeatureState(view * self.dtype.type(1 / sqrt(self.sample_shape[-1])))
                self._add(self.step(state), outputs[rows])
            outputs[rows] /= len(views)
        return outputs

    def _add(self, state: FeatureState, outputs: np.ndarray) -> None:
        parts = _parts(state, self.with_ntk, self.n_outputs)
        start = 0
        for part, sketch in zip(parts, self.sketches, strict=True):
            outputs[:, start : start + sketch.size] += sketch(part)
            start += sketch.size

    def _blocks(self, n_samples: int) -> Iterator[slice]:
        # Rows of many features are cheap, but too few of them at once are not.
        fewest = FEWEST_ROWS if len(self.sample_shape) == 1 else 1
        blocks: Iterator[slice] = gen_batches(n_samples, max(fewest, BLOCK // self.largest))
        return blocks

    def _views(self, X: Features) -> list[Features]:
        """Return a block of samples as the network reads them, and all their transforms."""
        if sparse.issparse(X):
            rows = sparse.csr_array(X)
            if len(self.sample_shape) == 1:
                return [rows]
            X = rows.toarray()
        samples = self.network.reshape_inputs(X)
        return list(self.network.transforms(samples))


def _parts(state: FeatureState, with_ntk: bool, n_outputs: int) -> tuple[Features, ...]:
    """Return the parts of the features of the kernel, each of which has outputs of its own."""
    parts = state.ntk if with_ntk else (state.nngp,)
    return parts if len(parts) <= n_outputs else (joined(parts),)


def shares(n_features: Sequence[int], n_outputs: int) -> list[int]:
    """Return the numbers of outputs of parts: as many as features, or else equally many."""
    left, sizes = n_outputs, dict.fromkeys(range(len(n_features)), 0)
    for rank, part in enumerate(sorted(sizes, key=lambda part: n_features[part])):
        sizes[part] = min(n_features[part], left // (len(sizes) - rank))
        left -= sizes[part]
    return list(sizes.values())
