"""Models trained on some rows of a kernel matrix, that predict other rows of it.

:class:`PrecomputedKernel` holds the matrix and trains models on any of its rows, in one of two ways
with one result: from an eigendecomposition of all rows that every model shares, or by a Cholesky
factorization of the model's own rows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from skntk.inference.linalg.arrays import (
    FloatArray,
    as_targets,
    as_training_kernel,
    as_training_nngp,
)
from skntk.inference.posteriors.ensemble import EnsemblePosterior
from skntk.inference.posteriors.gaussian_process import GaussianProcessPosterior
from skntk.inference.subsets.noise_spectrum import NoiseSpectrum
from skntk.inference.subsets.spectral_subset import (
    RowIndices,
    SpectralPosterior,
    SpectralRows,
    SubsetPosterior,
)


@dataclass(frozen=True, eq=False)
class PrecomputedKernel:
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
    find_prior : callable or None
        Returns the NNGP kernel where `kernel` is the NTK of an ensemble of trained networks, which
        variances depend on and means do not. None makes the models Gaussian processes.

    Examples
    --------
    >>> import numpy as np
    >>> from skntk.inference.subsets.precomputed_kernel import PrecomputedKernel
    >>> shared = PrecomputedKernel.of(np.array([[2.0, 1.0, 0.0], [1.0, 2.0, 0.0], [0.0, 0.0, 1.0]]))
    >>> spectrum = shared.decompose(np.arange(3), np.ones(3))
    >>> train, noise, targets = np.array([1, 2]), np.full(2, 0.5), np.array([5.0, 3.0])
    >>> for either in (None, spectrum):
    ...     model = shared.condition(train, noise, targets, either)
    ...     print(model.mean(np.array([0])).round(9), model.variance(np.array([0])).round(9))
    [2.] [1.6]
    [2.] [1.6]
    """

    kernel: FloatArray
    find_prior: Callable[[], npt.ArrayLike] | None = None

    @classmethod
    def of(
        cls, kernel: npt.ArrayLike, find_prior: Callable[[], npt.ArrayLike] | None = None
    ) -> PrecomputedKernel:
        """Check the matrix: a ValueError if it is not square, or an entry is not finite."""
        return cls(as_training_kernel(kernel), find_prior)

    @cached_property
    def prior(self) -> FloatArray | None:
        """The NNGP kernel of an ensemble, checked on first access; None of a process."""
        if self.find_prior is None:
            return None
        return as_training_nngp(self.find_prior(), self.kernel.shape)

    def decompose(self, rows: RowIndices, pattern: FloatArray) -> NoiseSpectrum:
        """Decompose the kernel of rows once, for all models whose noise follows one pattern.

        Parameters
        ----------
        rows : ndarray of shape (m,)
            Ascending; models are trained on some of them.
        pattern : ndarray of shape (m,)
            Positive: noise of each row at level 1.
        """
        return NoiseSpectrum.decompose(self.kernel, rows, pattern)

    def train_on(
        self, rows: RowIndices, targets: FloatArray, spectrum: NoiseSpectrum | None = None
    ) -> TrainingSubset:
        """Prepare models on the same rows and targets, for any noise.

        Parameters
        ----------
        rows : ndarray of shape (m,)
            Training rows.
        targets : ndarray of shape (m,) or (m, outputs)
            One target, or one row of targets, for each.
        spectrum : NoiseSpectrum or None, default=None
            Made by `decompose`. Used where the rows are some of its own, each once, and the noise
            follows its pattern at a level above its rounding; the rows have a factorization of
            their own otherwise.

        Raises
        ------
        ValueError
            If the shapes do not fit, or targets are not finite.
        """
        y = as_targets(targets, len(rows))
        left = None if spectrum is None else SpectralRows.of(spectrum, rows, y)
        return TrainingSubset(self, rows, y, left)

    def condition(
        self,
        rows: RowIndices,
        noise: FloatArray,
        targets: FloatArray,
        spectrum: NoiseSpectrum | None = None,
    ) -> SubsetPosterior:
        """Train one model on rows: `train_on` and `TrainingSubset.condition`."""
        return self.train_on(rows, targets, spectrum).condition(noise)


@dataclass(frozen=True, eq=False)
class TrainingSubset:
    """Rows of a kernel matrix with their targets, on which models of any noise are trained.

    Made by :meth:`PrecomputedKernel.train_on`.

    Attributes
    ----------
    shared : PrecomputedKernel
        The kernel matrix.
    rows : ndarray of shape (m,)
        Training rows.
    targets : ndarray of shape (m,) or (m, outputs)
        One target, or one row of targets, for each.
    spectral : SpectralRows or None
        Their place in a decomposition, if there is one that they are all of.

    Examples
    --------
    >>> import numpy as np
    >>> from skntk.inference import PrecomputedKernel
    >>> shared = PrecomputedKernel.of(np.array([[2.0, 1.0, 0.0], [1.0, 2.0, 0.0], [0.0, 0.0, 1.0]]))
    >>> training = shared.train_on(np.array([1, 2]), np.array([5.0, 3.0]))
    >>> for level in (0.0, 0.5):
    ...     print(training.condition(np.full(2, level)).mean(np.array([0])))
    [2.5]
    [2.]
    """

    shared: PrecomputedKernel
    rows: RowIndices
    targets: FloatArray
    spectral: SpectralRows | None

    def condition(self, noise: FloatArray) -> SubsetPosterior:
        """Train a model.

        Parameters
        ----------
        noise : ndarray of shape (m,)
            Nonnegative values added to the diagonal of the kernel.

        Raises
        ------
        SingularKernelError
            If the kernel of the rows with its noise is singular to working precision.
        """
        level = None if self.spectral is None else self.spectral.level(noise)
        if self.spectral is None or level is None:
            return self.refit(noise)
        return SpectralPosterior(
            self.spectral, level, noise, lambda: self.shared.prior, lambda: self.refit(noise)
        )

    def refit(self, noise: FloatArray) -> SubsetPosterior:
        """Train a model by a factorization of its own rows; arguments as for `condition`."""
        within = self.shared.kernel[np.ix_(self.rows, self.rows)]
        process = GaussianProcessPosterior.condition(
            within, noise, self.targets, overwrite_kernel=True
        )
        return _FactorizedPosterior(self.shared, self.rows, process)


@dataclass(frozen=True, eq=False)
class _FactorizedPosterior:
    """A model on rows that have a factorization of their own."""

    shared: PrecomputedKernel
    rows: RowIndices
    # Its means are also those of the ensemble: both are ridge regressions.
    process: GaussianProcessPosterior

    def mean(self, rows: RowIndices) -> FloatArray:
        return self.process.mean(self._cross(self.shared.kernel, rows))

    def variance(self, rows: RowIndices) -> FloatArray:
        kernel, prior = self.shared.kernel, self.shared.prior
        cross = self._cross(kernel, rows)
        if prior is None:
            return self.process.variance(cross, np.diagonal(kernel)[rows])
        return self._ensemble(prior).variance(
            cross, self._cross(prior, rows), np.diagonal(prior)[rows]
        )

    def leave_one_out_mean(
        self, targets: npt.ArrayLike, repetitions: npt.ArrayLike | None = None
    ) -> FloatArray:
        return self.process.leave_one_out_mean(targets, repetitions)

    def leave_one_out(self, targets: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
        prior = self.shared.prior
        model = self.process if prior is None else self._ensemble(prior)
        return model.leave_one_out(targets)

    @property
    def dual_coef(self) -> FloatArray:
        return self.process.dual_coef

    def _ensemble(self, prior: FloatArray) -> EnsemblePosterior:
        process, within = self.process, self._cross(prior, self.rows)
        return EnsemblePosterior(process.system, within, process.noise, process.dual_coef)

    def _cross(self, kernel: FloatArray, rows: RowIndices) -> FloatArray:
        return kernel[np.ix_(rows, self.rows)]
