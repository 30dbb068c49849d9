"""How a layer maps covariances: those of samples, of pairs, and of pairs of positions."""

from __future__ import annotations

from skntk.architecture.propagation.correlation import (
    CorrelationState,
    pairs_in_double,
    samples_in_double,
)
from skntk.architecture.propagation.pixel_covariance import (
    NO_OFFSETS,
    Grid,
    Offset,
    Offsets,
    PixelCovariance,
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
            Kernels of the inputs, arrays of shape (..., n).

        Returns
        -------
        state : SampleState
            Kernels of the outputs.
        statistics : pytree of arrays of shape (..., n)
            What `propagate_pairs` needs to know of each sample.
        """
        raise NotImplementedError(f"{type(self).__name__} does not define propagate_samples.")

    def propagate_pairs(self, state: PairState, left: Statistics, right: Statistics) -> PairState:
        """Map the kernels of pairs of samples.

        Parameters
        ----------
        state : PairState
            Kernels of the inputs, arrays of shape (..., n_left, n_right).
        left, right : pytrees of arrays of shapes (..., n_left, 1) and (..., 1, n_right)
            The statistics of `propagate_samples`, aligned with the pairs.

        Returns
        -------
        PairState
            Kernels of the outputs.
        """
        raise NotImplementedError(f"{type(self).__name__} does not define propagate_pairs.")

    # Vectors in single precision -------------------------------------------------------------

    def propagate_scales(self, state: SampleState) -> tuple[SampleState, Statistics]:
        """Map the kernels of vectors with themselves, where those of pairs are single precision.

        Parameters
        ----------
        state : SampleState
            Kernels of the inputs, arrays of shape (n,) in double precision.

        Returns
        -------
        state : SampleState
            Kernels of the outputs, in double precision.
        statistics : pytree of arrays of shape (..., n)
            What `propagate_correlations` needs to know of each sample, in the precision in which it
            is needed.
        """
        return samples_in_double(self, state)

    def propagate_correlations(
        self, state: CorrelationState, left: Statistics, right: Statistics
    ) -> CorrelationState:
        """Map the kernels of pairs of vectors in single precision.

        What is inherited evaluates `propagate_pairs` in double precision, which is right for every
        layer, and takes the time of double precision. Layers override it together with
        `propagate_scales` where their formulas can be written without a difference of numbers that
        are nearly equal.

        Parameters
        ----------
        state : CorrelationState
            Kernels of the inputs, arrays of shape (n_left, n_right).
        left, right : pytrees of arrays of shapes (..., n_left, 1) and (..., 1, n_right)
            The statistics of `propagate_scales`, aligned with the pairs.

        Returns
        -------
        CorrelationState
            Kernels of the outputs.
        """
        return pairs_in_double(self, state, left, right)

    # Many positions --------------------------------------------------------------------------

    def smallest_period(
        self, sizes: tuple[int, ...]
    ) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
        """Return what the layer asks of the padding: offsets are counted modulo a period.

        Parameters
        ----------
        sizes : tuple of int
            Pixels of the inputs along every spatial axis.

        Returns
        -------
        sizes : tuple of int
            Pixels of the outputs.
        strides : tuple of int
            The period is a multiple of these, and that of the outputs is divided by them.
        smallest : tuple of int
            Least number of padded positions.
        """
        return sizes, (1,) * len(sizes), sizes

    def output_grid(self, grid: Grid) -> Grid:
        """Return the grid of the outputs.

        Parameters
        ----------
        grid : Grid
            Pixels and padded positions of the inputs, along every spatial axis.

        Returns
        -------
        Grid
            Both of the outputs, as `smallest_period` announces them.
        """
        return grid

    def input_offsets(self, offsets: Offsets, grid: Grid, is_diagonal: bool) -> Offsets:
        """Return the input offsets that some output offsets need.

        Parameters
        ----------
        offsets : Offsets
            What the network above asks for; `NO_OFFSETS` if nothing but the statistics of samples.
        grid : Grid
            The grid of the inputs.
        is_diagonal : bool
            Whether pairs are samples with themselves, whose statistics are read at offset 0.

        Returns
        -------
        Offsets
            For each axis, in ascending order.
        """
        if not is_diagonal:
            return offsets
        needed = ((),) * len(grid.sizes) if offsets == NO_OFFSETS else offsets
        return tuple(tuple(sorted({0, *axis})) for axis in needed)

    def propagate_sample_pixels(
        self, covariance: PixelCovariance, offsets: Offsets
    ) -> tuple[PixelCovariance, Statistics]:
        """Map the kernels of samples with themselves at all pairs of positions.

        Parameters
        ----------
        covariance : PixelCovariance
            Kernels of the inputs, arrays of shape ``(*period, n)``.
        offsets : Offsets
            The offsets that will be asked for.

        Returns
        -------
        covariance : PixelCovariance
            Kernels of the outputs.
        statistics : pytree of arrays of shape ``(..., *period, n)``
            What `propagate_pair_pixels` needs to know of each sample.
        """
        state, statistics = self.propagate_samples(SampleState(*covariance.at(covariance.zero)))
        shifted = Shifted(statistics, len(covariance.grid.sizes))

        def compute(offset: Offset) -> PairState:
            if offset == covariance.zero:
                return PairState(*state)
            return self.propagate_pairs(covariance.at(offset), statistics, shifted.at(offset))

        return covariance.mapped(compute), statistics

    def propagate_pair_pixels(
        self, covariance: PixelCovariance, offsets: Offsets, left: Statistics, right: Statistics
    ) -> PixelCovariance:
        """Map the kernels of pairs of samples at all pairs of positions.

        Parameters
        ----------
        covariance : PixelCovariance
            Kernels of the inputs, arrays of shape ``(*period, pairs)``.
        offsets : Offsets
            The offsets that will be asked for.
        left, right : pytrees of arrays of shape ``(..., *period, pairs)``
            The statistics of `propagate_sample_pixels`, of the left and of the right samples.

        Returns
        -------
        PixelCovariance
            Kernels of the outputs.
        """
        shifted = Shifted(right, len(covariance.grid.sizes))

        def compute(offset: Offset) -> PairState:
            return self.propagate_pairs(covariance.at(offset), left, shifted.at(offset))

        return covariance.mapped(compute)
