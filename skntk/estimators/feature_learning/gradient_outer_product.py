"""The average gradient outer product of a fitted model: what its predictions depend on."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import gen_batches
from sklearn.utils.validation import check_is_fitted

from skntk._final_estimator import FinalEstimator
from skntk._sample_weight import as_sample_weight
from skntk.estimators.feature_learning.rescaling import Rescaling
from skntk.estimators.kernel_machines.initial_function import ShiftedProcess
from skntk.estimators.kernel_machines.machine import KernelMachine
from skntk.estimators.kernel_machines.process import PredictiveProcess
from skntk.gram.input_gradient import contracted_input_gradient

# The gradients of all outputs at a block of rows take so much memory.
_BYTES_IN_BLOCK = 64 * 2**20


def average_gradient_outer_product(
    estimator: Any,
    X: ArrayLike,
    *,
    sample_weight: ArrayLike | None = None,
    diagonal: bool = False,
) -> np.ndarray:
    r"""Compute the average gradient outer product of a fitted model.

    With :math:`J_i` the derivatives of all outputs by the d inputs, of shape (n_outputs, d), at the
    row :math:`x_i`, it is

    .. math::

        M = \frac1n \sum_{i=1}^n J_i^T J_i.

    Its diagonal says how much predictions change with each input, its eigenvectors along which
    directions they change [1]_. Derivatives are in closed form: those of the kernel by its inputs,
    times the coefficients of the model.

    Parameters
    ----------
    estimator : estimator
        Fitted: `NNGPRegressor`, `NTKRegressor`, `NNGPClassifier`, `NTKClassifier`,
        `FeatureLearningRegressor` or `FeatureLearningClassifier`, a pipeline that ends with one,
        or a search over one of these.
    X : array-like of shape (n_samples, n_features) or (n_samples, ..., channels)
        Where derivatives are averaged, such as the training rows. Of a pipeline they are those by
        the inputs of its last step.
    sample_weight : array-like of shape (n_samples,), default=None
        Weight of each row in the average. None is 1 for every row.
    diagonal : bool, default=False
        Whether to return the diagonal alone, without ever holding the matrix.

    Returns
    -------
    ndarray of shape (d, d), with ``diagonal=True`` (d,)
        In squared units of the outputs over units of inputs. d is the number of features; those of
        images and sequences are flattened, ``X[0].size`` in all.

    Raises
    ------
    NotFittedError
        Before `fit`.
    TypeError
        If the estimator has no kernel of an infinitely wide network.
    ValueError
        If X or the weights are not valid, or the model starts from an ``initial_function``, of
        which derivatives are not known.

    Notes
    -----
    Outputs are those of `predict` of a regressor. Those of a classifier are the scores of all
    classes, which predict one-hot targets, or the logits of a model of log-loss or of a softmax
    likelihood.

    It takes the time of a few kernel matrices between X and the training rows, or the inducing
    points, and 2 n n_train n_outputs d multiplications. Rows are worked off in blocks. Derivatives
    are in double precision, whatever ``dtype`` the model has.

    The kernel of a network with a kinked activation has a kink where both inputs are equal. If X
    has training rows, the derivative there is the mean of those from both sides.

    References
    ----------
    .. [1] Radhakrishnan, Beaglehole, Pandit, Belkin, "Mechanism for feature learning in neural
       networks and backpropagation-free machine learning models", Science, 2024.

    Examples
    --------
    Of three features one matters:

    >>> import numpy as np
    >>> from skntk import NNGPRegressor, average_gradient_outer_product
    >>> X = np.random.default_rng(0).normal(size=(200, 3))
    >>> model = NNGPRegressor().fit(X, np.sin(X[:, 1]))
    >>> matrix = average_gradient_outer_product(model, X)
    >>> int(np.argmax(np.diagonal(matrix)))
    1
    """
    model = FinalEstimator(estimator)
    fitted, rows = model.estimator, model.inputs(X)
    if isinstance(fitted, KernelMachine):
        return _gradient_outer_product(fitted, rows, sample_weight, diagonal)
    rescaling = getattr(fitted, "_rescaling", None)
    if isinstance(rescaling, Rescaling):
        inputs = fitted._checked_inputs(rows)
        within = rescaling.has_one_scale_each and diagonal
        matrix = _gradient_outer_product(
            fitted.estimator_, rescaling(inputs), sample_weight, diagonal=within
        )
        outer = rescaling.outer_product_by_inputs(matrix)
        return np.diagonal(outer).copy() if diagonal and not within else outer
    check_is_fitted(fitted)
    raise TypeError(
        "average_gradient_outer_product needs a model with the kernel of an infinitely wide "
        f"network, such as NNGPRegressor or NTKClassifier, not {model.name}."
    )


def _gradient_outer_product(
    model: KernelMachine, X: ArrayLike, sample_weight: ArrayLike | None, diagonal: bool
) -> np.ndarray:
    check_is_fitted(model, "_process")
    inputs = np.asarray(model._process.validated(model, X), np.float64)
    weight = as_sample_weight(sample_weight, len(inputs))
    process = _process_with_gradient(model)
    unit = np.atleast_1d(model._scaling.scale)
    coefficients = process.dual_coef.reshape(len(process.X_train), -1) * unit
    n_features = inputs[0].size
    total = np.zeros(n_features if diagonal else (n_features, n_features))
    n_rows = max(1, _BYTES_IN_BLOCK // (8 * n_features * coefficients.shape[1]))
    for rows in gen_batches(len(inputs), n_rows):
        gradient = contracted_input_gradient(
            process.kernels.architecture,
            inputs[rows],
            np.asarray(process.X_train, np.float64),
            coefficients,
            kind=process.kernels.kinds[0],
            n_jobs=model.n_jobs,
        )
        gradient *= np.sqrt(weight[rows])[:, np.newaxis, np.newaxis]
        flat = gradient.reshape(-1, n_features)
        total += np.einsum("ij,ij->j", flat, flat) if diagonal else flat.T @ flat
    average: np.ndarray = total / weight.sum()
    return average


def _process_with_gradient(model: KernelMachine) -> PredictiveProcess:
    """Return the process whose mean is a sum of kernels."""
    process = model._process
    if isinstance(process, ShiftedProcess):
        raise ValueError(
            "The derivatives of initial_function are not known, and those of the predictions not "
            "without them: fit with initial_function=None."
        )
    if not isinstance(process, PredictiveProcess):
        raise TypeError(
            f"This {type(model).__name__} was not fitted to inputs that it could be differentiated "
            "by: fit it by its own fit."
        )
    return process
