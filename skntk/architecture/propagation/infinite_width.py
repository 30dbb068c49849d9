"""How a layer maps covariances: those of samples, of pairs, and of pairs of positions."""

from __future__ import annotations

from skntk.architecture.propagation.pixel_covariance import (
    NO_OFFSETS,
    Field,
    Grid,
    Offset,
    Offsets,
    Shifted,
)
from skntk.architecture.propagation.state import PairState, SampleState, Statistics


class InfiniteWidth:
    """The infinite width of a layer that treats every position of an image alike.

    It defines ``propagate_samples`` and ``propagate_pairs``; the rest follows. A layer that reads
    several positions overrides the rest instead.
    """

    def propagate_samples(self, state: SampleState) -> tuple[SampleState, Statistics]:
        """Map the kernels of samples with themselves.

        Parameters
        ----------
        state : SampleState
            Kernels before the layer, arrays of shape (..., n).

        Returns
        -------
        state : SampleState
            Kernels behind the layer.
        statistics : pytree of arrays of shape (..., n)
            What `propagate_pairs` needs to know of each sample.
        """
        raise NotImplementedError(f"{type(self).__name__} does not define propagate_samples.")

    def propagate_pairs(self, state: PairState, left: Statistics, right: Statistics) -> PairState:
        """Map the kernels of pairs of samples.

        Parameters
        ----------
        state : PairState
            Kernels before the layer, arrays of shape (..., n_left, n_right).
        left, right : pytrees of arrays of shapes (..., n_left, 1) and (..., 1, n_right)
            The statistics of `propagate_samples`, aligned with the pairs.

        Returns
        -------
        PairState
            Kernels behind the layer.
        """
        raise NotImplementedError(f"{type(self).__name__} does not define propagate_pairs.")

    # Many positions --------------------------------------------------------------------------

    def smallest_canvas(
        self, sizes: tuple[int, ...]
    ) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
        """Return what the layer asks of the circle on which offsets of positions are counted.

        Parameters
        ----------
        sizes : tuple of int
            Pixels along every spatial axis before the layer.

        Returns
        -------
        sizes : tuple of int
            Pixels behind the layer.
        strides : tuple of int
            The canvas is a multiple of these, and behind the layer that part of it.
        smallest : tuple of int
            Least number of places.
        """
        return sizes, (1,) * len(sizes), sizes

    def grid_behind(self, grid: Grid) -> Grid:
        """Return pixels and places behind the layer.

        Parameters
        ----------
        grid : Grid
            Pixels of the image and places of the canvas, along every spatial axis, before the
            layer.

        Returns
        -------
        Grid
            Both behind it, as `smallest_canvas` announces them.
        """
        return grid

    def offsets_below(self, offsets: Offsets, grid: Grid, of_samples: bool) -> Offsets:
        """Return the offsets before the layer that are needed for some behind it.

        Parameters
        ----------
        offsets : Offsets
            What the network above asks for; `NO_OFFSETS` if nothing but the statistics of samples.
        grid : Grid
            Pixels and places before the layer.
        of_samples : bool
            Whether pairs are samples with themselves, whose statistics are read at offset 0.

        Returns
        -------
        Offsets
            For each axis, in ascending order.
        """
        if not of_samples:
            return offsets
        of_axes = ((),) * len(grid.sizes) if offsets == NO_OFFSETS else offsets
        return tuple(tuple(sorted({0, *each})) for each in of_axes)

    def field_of_samples(self, field: Field, offsets: Offsets) -> tuple[Field, Statistics]:
        """Map the kernels of samples with themselves at all pairs of positions.

        Parameters
        ----------
        field : Field
            Kernels before the layer, arrays of shape ``(*canvas, n)``.
        offsets : Offsets
            The offsets that will be asked for.

        Returns
        -------
        field : Field
            Kernels behind the layer.
        statistics : pytree of arrays of shape ``(..., *canvas, n)``
            What `field_of_pairs` needs to know of each sample.
        """
        state, statistics = self.propagate_samples(SampleState(*field.at(field.zero)))
        shifted = Shifted(statistics, len(field.grid.sizes))

        def compute(offset: Offset) -> PairState:
            if offset == field.zero:
                return PairState(*state)
            return self.propagate_pairs(field.at(offset), statistics, shifted.at(offset))

        return field.mapped(compute), statistics

    def field_of_pairs(
        self, field: Field, offsets: Offsets, left: Statistics, right: Statistics
    ) -> Field:
        """Map the kernels of pairs of samples at all pairs of positions.

        Parameters
        ----------
        field : Field
            Kernels before the layer, arrays of shape ``(*canvas, pairs)``.
        offsets : Offsets
            The offsets that will be asked for.
        left, right : pytrees of arrays of shape ``(..., *canvas, pairs)``
            The statistics of `field_of_samples` of the left and of the right sample of each pair.

        Returns
        -------
        Field
            Kernels behind the layer.
        """
        shifted = Shifted(right, len(field.grid.sizes))

        def compute(offset: Offset) -> PairState:
            return self.propagate_pairs(field.at(offset), left, shifted.at(offset))

        return field.mapped(compute)
