"""The members that an ensemble for tables is chosen from: networks, and how they read a table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from skntk.architecture import AxisAlignedNet, Dense, FullyConnected, Relu, Serial
from skntk.architecture.core.layer import Layer
from skntk.gram.kernel_function import Kind
from skntk.recipes.encodings import RANK_RANGE
from skntk.recipes.product_evidence import ProductScales

__all__ = ["CANDIDATES", "Candidate"]

MakeNetwork = Callable[[ProductScales, np.ndarray], Layer]


@dataclass(frozen=True)
class Candidate:
    """A network with one of its kernels.

    Attributes
    ----------
    name : str
        What the leaderboard calls it.
    encoding : {"axes", "steps", "normal"}
        How it reads a table.
    kind : {"nngp", "ntk"}
        Its kernel.
    learned : bool
        Whether the scales of its columns are learned from targets.
    network : callable
        Makes the network, given the scales of the columns, and the column of every input.
    points_per_input : int or None
        Inducing points beyond so many for every input change nothing, as the rank of the kernel is
        the number of inputs. None is no such limit.
    """

    name: str
    encoding: str
    kind: Kind
    learned: bool
    network: MakeNetwork
    points_per_input: int | None = None

    @property
    def n_fits(self) -> float:
        """About how many times as long as an ordinary candidate it takes."""
        if self.points_per_input is not None:
            return 0.1
        # Every fold has features of its own.
        return 4.0 if self.learned else 1.0


def _product(scales: ProductScales, columns: np.ndarray) -> Layer:
    return scales.layer()


def _layers_on_product(scales: ProductScales, columns: np.ndarray) -> Layer:
    return Serial([scales.layer(), *[Dense(), Relu()] * 2, Dense()])


def _stumps(scales: ProductScales, columns: np.ndarray) -> Layer:
    # Two indicators differ between two categories.
    n_numbers = len(scales.length_scales)
    weights = scales.slopes[columns] * np.where(columns < n_numbers, RANK_RANGE, 0.5)
    return AxisAlignedNet(3, feature_weights=weights, low=0.0, high=RANK_RANGE)


def _fully_connected(scales: ProductScales, columns: np.ndarray) -> Layer:
    return FullyConnected(2)


def _linear(scales: ProductScales, columns: np.ndarray) -> Layer:
    return Dense()


CANDIDATES = (
    Candidate("linear", "normal", "nngp", False, _linear, points_per_input=5),
    Candidate("product, learned scales", "axes", "nngp", True, _product),
    Candidate("stumps, three layers", "steps", "ntk", False, _stumps),
    Candidate("two layers", "normal", "ntk", False, _fully_connected),
    Candidate("stumps, three layers, learned scales", "steps", "ntk", True, _stumps),
    Candidate("two layers on product, learned scales", "axes", "ntk", True, _layers_on_product),
    Candidate("product", "axes", "nngp", False, _product),
)
