"""Models trained on some rows of a kernel matrix, that predict other rows of it.

:class:`SharedKernel` holds the matrix and trains models on any of its rows, in one of two ways
with one result: from an eigendecomposition of all rows that every model shares, or by a Cholesky
factorisation of the model's own rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
import numpy.typing as npt

from .arrays import FloatArray, as_targets, as_training_kernel, as_training_kernels
from .cholesky import cholesky_factor, inverse, solve, whiten
from .initialization_noise import ensemble_variance
from .nngp import GaussianProcessPosterior
from .noise_spectrum import NoiseSpectrum
from .ntk import EnsemblePosterior
from .products import product, product_with_transpose

Rows = npt.NDArray[np.intp]


class RowPosterior(Protocol):
    """A model trained on rows of a kernel matrix."""

    def mean(self, rows: Rows) -> FloatArray:
        """Return its mean at rows, shape (m,) or (m, outputs)."""
        ...

    def variance(self, rows: Rows) -> FloatArray:
        """Return its variance at rows, shape (m,)."""
        ...

    def leave_one_out_mean(self, targets: npt.ArrayLike) -> FloatArray:
        """Return the means of the models that leave out one training row each."""
        ...

    def leave_one_out(self, targets: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
        """Return the means and the variances of the models that leave out one training row each."""
        ...

    @property
    def dual_coef(self) -> FloatArray:
        """Coefficients of the training rows in the mean, shape (n,) or (n, outputs)."""
        ...


@dataclass(frozen=True, eq=False)
class SharedKernel:
    r"""The kernel matrix of all samples, and models trained on any of them.

    With :math:`B = K + A` over all rows, J those that a model leaves out and :math:`M = B^{-1}`,
    the model trained on the others predicts rows J by

    .. math::

        y_J - (M_{JJ})^{-1} (M y)_J,

    which does not depend on :math:`y_J`. For a single row it is the known formula for leaving one
    out (C. E. Rasmussen and C. K. I. Williams, Gaussian Processes for Machine Learning, equation
    5.12). The posterior covariance of a Gaussian process at J is
    :math:`(M_{JJ})^{-1} - A_{JJ}`. That of an ensemble of trained networks, where K is the NTK and
    Q the NNGP kernel, is :math:`(M_{JJ})^{-1} M_{J:} Q M_{:J} (M_{JJ})^{-1}`, because the initial
    functions enter the prediction as the targets do.

    Attributes
    ----------
    kernel : ndarray of shape (n, n)
        The kernel of the mean: the NNGP kernel or the NTK.
    prior : ndarray of shape (n, n) or None
        The NNGP kernel where `kernel` is the NTK of an ensemble of trained networks. None makes the
        models Gaussian processes.

    Examples
    --------
    >>> import numpy as np
    >>> from skntk.inference.held_out_rows import SharedKernel
    >>> shared = SharedKernel.of(np.array([[2.0, 1.0, 0.0], [1.0, 2.0, 0.0], [0.0, 0.0, 1.0]]))
    >>> spectrum = shared.decompose(np.arange(3), np.ones(3))
    >>> train, noise, targets = np.array([1, 2]), np.full(2, 0.5), np.array([5.0, 3.0])
    >>> for either in (None, spectrum):
    ...     model = shared.condition(train, noise, targets, either)
    ...     print(model.mean(np.array([0])).round(9), model.variance(np.array([0])).round(9))
    [2.] [1.6]
    [2.] [1.6]
    """

    kernel: FloatArray
    prior: FloatArray | None = None

    @classmethod
    def of(cls, kernel: npt.ArrayLike, prior: npt.ArrayLike | None = None) -> SharedKernel:
        """Check the matrices.

        Raises
        ------
        ValueError
            If a matrix is not square, an entry is not finite, or the shapes differ.
        """
        if prior is None:
            return cls(as_training_kernel(kernel))
        return cls(*as_training_kernels(kernel, prior))

    def decompose(self, rows: Rows, pattern: FloatArray) -> NoiseSpectrum:
        """Decompose the kernel of rows once, for all models whose noise follows one pattern.

        Parameters
        ----------
        rows : ndarray of shape (m,)
            Ascending; models are trained on some of them.
        pattern : ndarray of shape (m,)
            Positive: noise of each row at level 1.
        """
        return NoiseSpectrum.decompose(self.kernel, rows, pattern)

    def condition(
        self,
        rows: Rows,
        noise: FloatArray,
        targets: FloatArray,
        spectrum: NoiseSpectrum | None = None,
    ) -> RowPosterior:
        """Train a model on rows.

        Parameters
        ----------
        rows : ndarray of shape (m,)
            Training rows.
        noise : ndarray of shape (m,)
            Nonnegative values added to the diagonal of the kernel.
        targets : ndarray of shape (m,) or (m, outputs)
            One target, or one row of targets, for each.
        spectrum : NoiseSpectrum or None, default=None
            Made by `decompose`. Used where the rows are some of its own, each once, and the noise
            follows its pattern at a level above its rounding; the rows have a factorisation of
            their own otherwise.

        Returns
        -------
        RowPosterior
            The trained model.

        Raises
        ------
        SingularKernelError
            If the kernel of the rows with its noise is singular to working precision.
        ValueError
            If the shapes do not fit, or targets are not finite.
        """
        if spectrum is not None and len(rows) < len(spectrum.rows):
            positions = _positions(spectrum.rows, rows)
            if positions is not None:
                level = spectrum.level(positions, noise)
                if level is not None:
                    return _SpectralPosterior(
                        self, spectrum, level, positions, rows, noise, targets
                    )
        return self.refit(rows, noise, targets)

    def refit(self, rows: Rows, noise: FloatArray, targets: FloatArray) -> RowPosterior:
        """Train a model on rows by a factorisation of its own.

        Parameters
        ----------
        rows, noise, targets : ndarray
            As `condition`.

        Returns
        -------
        RowPosterior
            The trained model.

        Raises
        ------
        SingularKernelError, ValueError
            As `condition`.
        """
        process = GaussianProcessPosterior.condition(
            self.kernel[np.ix_(rows, rows)], noise, targets, overwrite_kernel=True
        )
        return _FactorizedPosterior(self, rows, process)


def _positions(all_rows: Rows, rows: Rows) -> Rows | None:
    """Return where rows are in ascending ones; None if one is not there or there are two of it."""
    positions = np.minimum(np.searchsorted(all_rows, rows), len(all_rows) - 1)
    found = np.array_equal(all_rows[positions], rows) and len(np.unique(rows)) == len(rows)
    return positions if found else None


@dataclass(frozen=True, eq=False)
class _FactorizedPosterior:
    """A model on rows that have a factorisation of their own."""

    shared: SharedKernel
    rows: Rows
    # Its means are also those of the ensemble: both are ridge regressions.
    process: GaussianProcessPosterior

    def mean(self, rows: Rows) -> FloatArray:
        return self.process.mean(self._cross(self.shared.kernel, rows))

    def variance(self, rows: Rows) -> FloatArray:
        kernel, prior = self.shared.kernel, self.shared.prior
        cross = self._cross(kernel, rows)
        if prior is None:
            return self.process.variance(cross, np.diagonal(kernel)[rows])
        prediction = solve(self.process.factor, cross.T).T
        within = prior[np.ix_(self.rows, self.rows)]
        return ensemble_variance(
            prediction, within, self._cross(prior, rows), np.diagonal(prior)[rows]
        )

    def leave_one_out_mean(self, targets: npt.ArrayLike) -> FloatArray:
        return self.process.leave_one_out_mean(targets)

    def leave_one_out(self, targets: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
        process, prior = self.process, self.shared.prior
        if prior is None:
            return process.leave_one_out(targets)
        within = prior[np.ix_(self.rows, self.rows)]
        ensemble = EnsemblePosterior(process.factor, within, process.noise, process.dual_coef)
        return ensemble.leave_one_out(targets)

    @property
    def dual_coef(self) -> FloatArray:
        return self.process.dual_coef

    def _cross(self, kernel: FloatArray, rows: Rows) -> FloatArray:
        return kernel[np.ix_(rows, self.rows)]


@dataclass(frozen=True, eq=False)
class _SpectralPosterior:
    """A model on all rows of a decomposition but some."""

    shared: SharedKernel
    spectrum: NoiseSpectrum
    level: float
    positions: Rows
    rows: Rows
    noise: FloatArray
    targets: FloatArray

    def mean(self, rows: Rows) -> FloatArray:
        places = self._places(rows)
        if places is None:
            # A row that the model was trained on, or that no model of the decomposition has.
            return self.shared.refit(self.rows, self.noise, self.targets).mean(rows)
        return self._held_out_mean[places]

    def variance(self, rows: Rows) -> FloatArray:
        places = self._places(rows)
        if places is None:
            return self.shared.refit(self.rows, self.noise, self.targets).variance(rows)
        return self._held_out_variance[places]

    def leave_one_out_mean(self, targets: npt.ArrayLike) -> FloatArray:
        """Return y_i - [B_T^-1 y]_i / [B_T^-1]_ii for the training rows T."""
        y = as_targets(targets, len(self.rows))
        return y - (self._solve(y).T / self._precision).T

    def leave_one_out(self, targets: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
        """Return the means with their variances, by the formulas of the posteriors."""
        mean, prior = self.leave_one_out_mean(targets), self.shared.prior
        if prior is None:
            return mean, np.maximum(1.0 / self._precision - self.noise, 0.0)
        half = whiten(self._factor, self._held_out_vectors * self._weights)
        rows = self.spectrum.vectors[self.positions] * self._weights
        rows -= product(self._explained.T, half)
        spread = np.einsum("ij,ij->i", product(rows, self.spectrum.in_basis(prior)), rows)
        return mean, np.maximum(spread, 0.0) / np.square(self._precision)

    @property
    def dual_coef(self) -> FloatArray:
        return self._solve(as_targets(self.targets, len(self.rows)))

    def _solve(self, y: FloatArray) -> FloatArray:
        r"""Return B_T^-1 y, where :math:`B_T^{-1} = M_{TT} - M_{TJ} (M_{JJ})^{-1} M_{JT}`."""
        vectors = self.spectrum.vectors[self.positions]
        coordinates = product(vectors.T, y.reshape(len(y), -1))
        weighted = self._weights[:, np.newaxis] * coordinates
        outside = whiten(self._factor, product(self._held_out_vectors, weighted))
        inside = product(vectors, weighted)
        return (inside - product(self._explained.T, outside)).reshape(y.shape)

    @cached_property
    def _explained(self) -> FloatArray:
        """L^-1 M_JT, with L the factor of M_JJ."""
        vectors = self.spectrum.vectors[self.positions]
        weighted = self._held_out_vectors * self._weights
        return whiten(self._factor, product(weighted, vectors.T))

    @cached_property
    def _precision(self) -> FloatArray:
        """The diagonal of B_T^-1."""
        of_all = product(np.square(self.spectrum.vectors[self.positions]), self._weights)
        return of_all - np.einsum("ij,ij->j", self._explained, self._explained)

    @cached_property
    def _weights(self) -> FloatArray:
        """The eigenvalues of M in the basis of the decomposition."""
        return 1.0 / (self.spectrum.eigenvalues + self.level)

    @cached_property
    def _held_out(self) -> Rows:
        """Positions J of the rows that the model leaves out."""
        is_held_out = np.ones(len(self.spectrum.rows), dtype=bool)
        is_held_out[self.positions] = False
        return np.flatnonzero(is_held_out)

    @cached_property
    def _held_out_vectors(self) -> FloatArray:
        return self.spectrum.vectors[self._held_out]

    @cached_property
    def _factor(self) -> FloatArray:
        """The Cholesky factor of M_JJ."""
        half = self._held_out_vectors * np.sqrt(self._weights)
        # The factorisation reads the lower triangle alone.
        return cholesky_factor(product_with_transpose(half), np.zeros(len(half)), overwrite=True)

    @cached_property
    def _held_out_mean(self) -> FloatArray:
        y = as_targets(self.targets, len(self.rows))
        coordinates = self.spectrum.coordinates(self.positions, y.reshape(len(y), -1))
        # The targets of the rows in J count as 0 here, so that nothing remains of y_J.
        known = product(self._held_out_vectors, self._weights[:, np.newaxis] * coordinates)
        return -solve(self._factor, known).reshape(-1, *y.shape[1:])

    @cached_property
    def _held_out_variance(self) -> FloatArray:
        if self.shared.prior is None:
            noise = self.level * self.spectrum.pattern[self._held_out]
            return np.maximum(np.diagonal(inverse(self._factor)) - noise, 0.0)
        map_of_prior = solve(self._factor, self._held_out_vectors * self._weights)
        spread = product(map_of_prior, self.spectrum.in_basis(self.shared.prior))
        return np.maximum(np.einsum("ij,ij->i", spread, map_of_prior), 0.0)

    def _places(self, rows: Rows) -> Rows | None:
        """Return where rows are among those left out, None if one is not."""
        held_out = self.spectrum.rows[self._held_out]
        places = np.minimum(np.searchsorted(held_out, rows), len(held_out) - 1)
        return places if np.array_equal(held_out[places], rows) else None
