"""What convolutions and pools share as layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from skntk._validation import check_sizes_of_axes
from skntk.architecture.core.input_shapes import check_spatial_input
from skntk.architecture.core.layer import Layer
from skntk.architecture.propagation.pixel_covariance import Grid, Offsets, PixelCovariance
from skntk.architecture.propagation.state import Statistics
from skntk.architecture.propagation.window_sums import output_grid
from skntk.architecture.propagation.windows import PADDINGS, Window


class WindowLayer(Layer):
    """A layer that sums over windows; subclasses describe the windows and map the sums."""

    static: ClassVar[tuple[str, ...]] = ("strides", "padding")
    strides: Sequence[int] | None
    padding: str

    def _windows(self, n_axes: int) -> tuple[Window, ...]:
        raise NotImplementedError

    def _map(self, covariance: PixelCovariance, offsets: Offsets) -> PixelCovariance:
        """Return the kernels after the layer, of samples and of pairs alike."""
        raise NotImplementedError

    def propagate_sample_pixels(
        self, covariance: PixelCovariance, offsets: Offsets
    ) -> tuple[PixelCovariance, Statistics]:
        return self._map(covariance, offsets), ()

    def propagate_pair_pixels(
        self, covariance: PixelCovariance, offsets: Offsets, left: Statistics, right: Statistics
    ) -> PixelCovariance:
        return self._map(covariance, offsets)

    def smallest_period(
        self, sizes: tuple[int, ...]
    ) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
        windows = self._windows(len(sizes))
        strides = tuple(window.stride for window in windows)
        outputs = tuple(w.output_size(n) for w, n in zip(windows, sizes, strict=True))
        smallest = tuple(
            max(n, stride * output)
            for n, stride, output in zip(sizes, strides, outputs, strict=True)
        )
        return outputs, strides, smallest

    def output_grid(self, grid: Grid) -> Grid:
        return output_grid(grid, self._windows(len(grid.sizes)))

    def input_offsets(self, offsets: Offsets, grid: Grid, is_diagonal: bool) -> Offsets:
        return tuple(
            window.input_offsets(axis_offsets, n, period)
            for window, axis_offsets, n, period in zip(
                self._windows(len(grid.sizes)), offsets, *grid, strict=True
            )
        )

    def check_windows(self, input_shape: tuple[int, ...], name: str) -> tuple[int, ...]:
        """Return the sizes after the windows.

        Parameters
        ----------
        input_shape : tuple of int
            Shape of one input sample, channels last.
        name : str
            The hyperparameter with the shape of the windows.

        Returns
        -------
        tuple of int
            Pixels along every spatial axis.

        Raises
        ------
        TypeError, ValueError
            If a hyperparameter is not valid, or the input too small or of the wrong dimension.
        """
        check_spatial_input(self, input_shape)
        label, sizes = type(self).__name__, input_shape[:-1]
        shape = check_sizes_of_axes(self, name, len(sizes))
        if self.strides is not None:
            check_sizes_of_axes(self, "strides", len(sizes))
        if self.padding not in PADDINGS:
            raise ValueError(f"{label}: padding must be one of {PADDINGS}, got {self.padding!r}.")
        outputs = tuple(
            w.output_size(n) for w, n in zip(self._windows(len(sizes)), sizes, strict=True)
        )
        if min(outputs) < 1:
            raise ValueError(
                f"{label}({name}={shape}, padding='VALID') does not fit into {sizes} pixels:"
                " use padding='SAME', a smaller window, or larger images."
            )
        return outputs
