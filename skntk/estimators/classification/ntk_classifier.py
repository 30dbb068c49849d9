"""Classification with an ensemble of trained infinitely wide networks."""

from __future__ import annotations

from os import PathLike
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike

from skntk._memory import require_memory
from skntk._sklearn import fit_context, fit_tasks
from skntk.architecture.core.layer import Layer
from skntk.estimators.classification.classification import NetworkClassifier
from skntk.estimators.classification.log_loss import LogLossScores
from skntk.estimators.classification.sparse_log_loss import fit_log_loss_through_points
from skntk.estimators.data.classes import ClassWeight
from skntk.estimators.data.defaults import ALPHA_SCALE, AUTO, NORMALIZE_Y, Alpha, AlphaScale
from skntk.estimators.kernel_machines.hyperparameter_search import Optimizer
from skntk.estimators.kernel_machines.iterative import fit_iteratively
from skntk.estimators.kernel_machines.kernels import NetworkKernels
from skntk.estimators.kernel_machines.machine import (
    TrainingMethodName,
)
from skntk.estimators.kernel_machines.posteriors import ensemble_kernels, ensemble_posterior
from skntk.estimators.kernel_machines.solver_choice import Solver, inducing_points, iterative_solver
from skntk.estimators.kernel_machines.sparse_fit import fit_through_points
from skntk.gram.matrix import Kind
from skntk.inference import LossFlow, SoftmaxCrossEntropy, ensemble_leave_one_out_density
from skntk.inference.losses.losses import LossName
from skntk.kernels.hyperparameters import DEFAULT_BOUNDS, Bounds


class NTKClassifier(NetworkClassifier):
    r"""Classification with an ensemble of infinitely wide networks trained by gradient descent.

    A network of infinite width changes, while it is trained on squared error, as a linear model
    whose kernel is the neural tangent kernel T [1]_. After a time t at the rate :math:`\eta`, the
    mean of an ensemble of such networks, each from its own random initialization, is [2]_

    .. math::

        \text{score}(x) = T(x, X) (T(X, X) + A)^{-1}
            \left(I - e^{-\eta t (T(X, X) + A) / n}\right) Y,

    with Y the one-hot targets, A the diagonal matrix of ``alpha`` and n the sum of the weights. For
    ``training_time=None`` the exponential vanishes.

    Each class is an output, whose target is 1 for the samples of the class and 0 for the others.
    Scores are the predicted targets; the class of the largest is predicted. Probabilities are the
    softmax of scores / ``temperature_``, where the temperature minimizes the log-loss, with targets
    smoothed by the rule of succession so that it stays positive where every row is right, of
    held-out scores [3]_. Training to convergence has leave-one-out scores in closed form; with a
    finite ``training_time`` they are those of three stratified folds, found from the same kernel
    matrix. The folds depend on the rows alone, not on their order or on a random state.

    With ``loss="log_loss"`` the outputs are logits, trained for a finite time on the mean
    cross-entropy of their softmax p instead of on one-hot targets [1]_,

    .. math::

        \text{score}(x) = T(x, X)\, c, \qquad
            \dot c = -\frac{\eta}{n} \bigl(W (p - Y) + A c\bigr), \qquad c(0) = 0,

    with W the diagonal matrix of the weights. Probabilities are the softmax of the scores, with
    nothing else fitted: before training that of each class is the same. This is the network whose
    initial outputs are 0; unlike for squared error it is not the mean of an ensemble, whose mean
    and spread have no closed form.

    Parameters
    ----------
    architecture : layer or None, default=None
        The network, for example ``FullyConnected(depth=3, activation="erf")`` or layers composed
        with `Serial`; it ends with a `Dense` layer. None is ``FullyConnected()``. Its
        hyperparameters are reached as ``architecture__depth`` and so on.
    alpha : "auto", float or array-like of shape (n_samples,), default="auto"
        Regularization, added to the diagonal of the training NTK. "auto" finds one number for all
        samples in `fit`: the number that makes the squared error of leave-one-out scores small,
        between 1e-6 (with ``dtype="float32"`` 1e-4) and 1000 times the mean of that diagonal, see
        Notes. A number, at least 0, is taken as it is. An array has a number for each sample.
    alpha_scale : {"absolute", "relative"}, default="relative"
        Whether ``alpha`` is added as it is or multiplied by the mean of the training kernel's
        diagonal. One grid of relative values serves architectures whose kernels differ in scale.
        The value that "auto" finds has this unit too.
    normalize_y : bool, default=True
        Whether to center the one-hot targets by the frequencies of the classes and to divide them
        by their standard deviation before training. The prior of the scores is then centered at
        the frequencies, otherwise at 0. Cross-entropy has no targets to normalize: with
        ``loss="log_loss"`` it changes nothing.
    loss : {"squared_error", "log_loss"}, default="squared_error"
        What the networks are trained on: half the squared error of one-hot targets, or the
        cross-entropy of the softmax of the scores. The second needs a ``training_time``.
    training_time : float or None, default=None
        How long the networks are trained, at least 0. None is until convergence, which
        ``loss="log_loss"`` does not have where classes can be separated.
    learning_rate : float, default=1.0
        Speed of training, greater than 0, where ``training_time`` is not None; of gradient flow
        without momentum only their product matters.
    training_method : {"gradient_flow", "gradient_descent"}, default="gradient_flow"
        Whether the steps are infinitely small or those of full-batch gradient descent, in which
        case ``training_time`` is a whole number of them and ``learning_rate`` must be below
        ``max_learning_rate_``.
    momentum : float, default=0.0
        At least 0 and below 1. Steps are those of the heavy ball; infinitely small ones follow an
        equation of second order, in which a friction in proportion to ``1 - momentum`` acts.
    solver : {"cholesky", "inducing_points", "conjugate_gradient"} or object, default="cholesky"
        How the equations of training are solved: by a Cholesky factorization; for any number of
        rows approximately, as `skntk.solvers.InducingPoints` says; or for more rows exactly, as
        `skntk.solvers.ConjugateGradient` says. A name stands for an object of `skntk.solvers` with
        its defaults. Another object has a method ``factorize``, as `skntk.inference.CholeskySolver`
        has it.
    class_weight : "balanced", dict or None, default=None
        Factor on the weights of the samples of each class: a dict from classes to factors (1 where
        missing), or "balanced" for factors inverse to the frequencies of the classes. None is 1.
    optimizer : "fmin_l_bfgs_b", callable or None, default=None
        How hyperparameters are learned in `fit`: the numbers of the network, and ``alpha`` unless
        it has a value for each sample. The density of one-hot targets given all others is made
        large. ``alpha="auto"`` is found anew for the network that was learned. As for
        `NTKRegressor` otherwise.
    n_restarts_optimizer : int, default=0
        Further searches, from values drawn within the bounds.
    architecture_bounds : pair of float, "fixed" or mapping, default=(1e-5, 1e5)
        Bounds of the numbers of the network, as for `NNGPKernel`.
    alpha_bounds : pair of float or "fixed", default=(1e-5, 1e5)
        Bounds of ``alpha``; one value for each sample is always fixed.
    random_state : int, RandomState instance or None, default=None
        Draws where searches restart, and which rows are inducing points unless the solver has a
        ``random_state`` of its own. An int makes both the same in every call of `fit`.
    dtype : {"float64", "float32"}, default="float64"
        Precision of the kernels. The equations are solved in float64 in any case.
    n_jobs : int or None, default=None
        Number of threads, or of workers of the backend of ``joblib.parallel_config``, that compute
        the kernels. None is every core.
    cache_size : float or None, default=None
        Megabytes, greater than 0, in which this process keeps kernel entries for estimators that
        ask for them again: folds and values of ``alpha`` of a `GridSearchCV` compute each entry
        once, as far as their rows are the same. For networks of images, whose entries take longer
        to compute than to look up. None keeps nothing.
    cache_location : str, PathLike or None, default=None
        Folder in which other processes, as the workers of joblib, find the same entries: one file
        of at most ``cache_size`` for each network. None is the memory of this process alone.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The classes, sorted.
    temperature_ : float
        Positive number by which scores are divided before the softmax; 1 with
        ``loss="log_loss"``.
    architecture_ : layer
        The network that was trained, a copy of ``architecture``.
    X_train_ : ndarray of shape (n_distinct, n_features)
        The distinct training rows of positive weight: rows equal in X and y are one row, with the
        sum of their weights.
    y_train_ : ndarray of shape (n_distinct, n_classes)
        The one-hot targets, normalized if ``normalize_y`` is True and the loss is squared error.
    alpha_ : ndarray of shape (n_distinct,)
        What was added to the diagonal of the training kernel: ``alpha``, or what was found in its
        place, scaled as ``alpha_scale`` says, divided by the weight of each row.
    alpha_score_ : float
        What ``alpha="auto"`` made large, in nats, see Notes. Only with ``alpha="auto"``.
    n_iter_ : int
        Steps of conjugate gradients. Only with this solver.
    residual_ : ndarray of shape (n_classes,)
        The relative residuals that they have ended with. Only with this solver.
    hyperparameters_ : dict
        What was found or learned, by name, as `set_params` takes it: ``alpha``, and with an
        ``optimizer`` the numbers of the network. Only with ``alpha="auto"`` or an ``optimizer``.
    theta_ : ndarray of shape (n_dims,)
        What the ``optimizer`` learned, as it saw it: logarithms, or numbers whose lower bound is
        not positive. Only with an ``optimizer``.
    dual_coef_ : ndarray of shape (n_distinct, n_classes)
        Coefficients of the kernel functions in the mean of the normalized targets, or in the
        scores with ``loss="log_loss"``; with inducing points of shape (n_points, n_classes).
    max_learning_rate_ : float
        2 (1 + ``momentum``) n over the largest eigenvalue of the training kernel with its
        regularization, n the sum of the weights: the rate above which discrete steps diverge. It is
        computed when it is first read. With ``loss="log_loss"`` half of the training kernel
        counts, half being the largest curvature of the softmax: below this rate steps are stable.
    n_features_in_ : int
        Number of features seen in `fit`; of images and sequences ``X.shape[1]``, as in all of
        scikit-learn.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Their names, if X had any that are all strings.

    See Also
    --------
    NNGPClassifier : All weights inferred instead of trained.
    sklearn.kernel_ridge.KernelRidge : The scores of this model for ``training_time=None``.

    Notes
    -----
    `fit` takes time in proportion to the cube of the number of training rows, and memory for three
    matrices of their number squared, with ``alpha="auto"`` four. Standardize the features first:
    the kernel depends on their scale. Training on the log-loss integrates a differential equation
    in as many unknowns as there are rows times classes, explicitly with two products with a matrix
    of n x n numbers in each evaluation, and in stiff phases (long training, ``alpha`` above 0)
    implicitly with a factorization and a matrix for each class. With m inducing points and C
    classes there are m C unknowns. Up to three arrays of n x m numbers are held then, the features
    of all rows among them, and in stiff phases a matrix of m (C - 1) rows; ``alpha`` is one for all
    rows.

    A sample of weight k is the same as k equal samples, for predictions, standard deviations,
    probabilities and what ``alpha="auto"`` finds, also at finite training times.
    Of equal samples one at a time is left out. The only sample of a class says nothing about
    ``alpha`` and the temperature: the model that leaves it out does not know the class.

    With ``alpha="auto"`` every observation is predicted by the ensemble trained on all others, in
    closed form: the residuals of the one-hot targets are :math:`(B^{-1} Y)_{ik} / (B^{-1})_{ii}`
    with :math:`B = T + A` ([4]_, equation 5.12), with ``normalize_y`` after the others have
    centered their targets anew. What is made small is the mean E of their squares, over
    observations and classes. It is written as the log density of errors of this variance,
    ``alpha_score_`` = :math:`-\tfrac n2 \log(2 \pi e\, E)`. A finite ``training_time`` has the
    ``alpha`` of training to convergence, and ``loss="log_loss"`` that of squared error.

    To the score a weak prior of ``alpha`` is added, log-normal around 0.01 in relative units with a
    standard deviation of two decades. Dozens of rows outweigh it; a handful, which often have their
    best score without noise or with nothing else, do not. Of many rows some hundred are decomposed;
    which ones depends on the values of X alone, not on their order. Two factorizations of all rows
    then tell how far the maximum moves.

    References
    ----------
    .. [1] Jacot, Gabriel, Hongler, "Neural tangent kernel: convergence and generalization in neural
       networks", NeurIPS 2018.
    .. [2] Lee et al., "Wide neural networks of any depth evolve as linear models under gradient
       descent", NeurIPS 2019, section 2.3.
    .. [3] Guo, Pleiss, Sun, Weinberger, "On calibration of modern neural networks", ICML 2017.
    .. [4] Rasmussen and Williams, "Gaussian processes for machine learning", MIT Press 2006,
       section 5.4.2.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skntk import NTKClassifier
    >>> from skntk.architecture import FullyConnected
    >>> X, y = load_wine(return_X_y=True)
    >>> network = FullyConnected(depth=2, activation="erf")
    >>> model = make_pipeline(StandardScaler(), NTKClassifier(network)).fit(X[::2], y[::2])
    >>> model.score(X[1::2], y[1::2]) > 0.95
    True
    >>> model.predict_proba(X[:1]).shape
    (1, 3)

    Trained on the log-loss instead, with the probabilities during training:

    >>> X = StandardScaler().fit_transform(X)
    >>> model = NTKClassifier(network, loss="log_loss", training_time=30.0).fit(X[::2], y[::2])
    >>> model.score(X[1::2], y[1::2]) > 0.95
    True
    >>> for probabilities in model.staged_predict_proba(X[:1], [0.0, 1.0, 10.0]):
    ...     print(probabilities.round(2)[0, y[0]])
    0.33
    0.5
    0.92
    """

    kinds: ClassVar[tuple[Kind, ...]] = ("ntk", "nngp")
    _peak_matrices: ClassVar[int] = 3

    loss: LossName

    def __init__(
        self,
        architecture: Layer | None = None,
        *,
        alpha: Alpha = AUTO,
        alpha_scale: AlphaScale = ALPHA_SCALE,
        normalize_y: bool = NORMALIZE_Y,
        loss: LossName = "squared_error",
        training_time: float | None = None,
        learning_rate: float = 1.0,
        training_method: TrainingMethodName = "gradient_flow",
        momentum: float = 0.0,
        solver: Solver = "cholesky",
        class_weight: ClassWeight = None,
        optimizer: Optimizer | None = None,
        n_restarts_optimizer: int = 0,
        architecture_bounds: Bounds = DEFAULT_BOUNDS,
        alpha_bounds: Any = DEFAULT_BOUNDS,
        random_state: int | np.random.RandomState | None = None,
        dtype: str = "float64",
        n_jobs: int | None = None,
        cache_size: float | None = None,
        cache_location: str | PathLike[str] | None = None,
    ) -> None:
        self.architecture = architecture
        self.alpha = alpha
        self.alpha_scale = alpha_scale
        self.normalize_y = normalize_y
        self.loss = loss
        self.training_time = training_time
        self.learning_rate = learning_rate
        self.training_method = training_method
        self.momentum = momentum
        self.solver = solver
        self.class_weight = class_weight
        self.optimizer = optimizer
        self.n_restarts_optimizer = n_restarts_optimizer
        self.architecture_bounds = architecture_bounds
        self.alpha_bounds = alpha_bounds
        self.random_state = random_state
        self.dtype = dtype
        self.n_jobs = n_jobs
        self.cache_size = cache_size
        self.cache_location = cache_location

    @fit_context
    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        *,
        alpha: float | ArrayLike | None = None,
    ) -> Self:
        """Train on samples and their classes.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training inputs.
        y : array-like of shape (n_samples,)
            Classes, of any type that can be sorted.
        sample_weight : float or array-like of shape (n_samples,), default=None
            Weight of each sample, at least 0. A weight of k is the same as k repetitions, 0 the
            same as removal. None is 1 for every sample. To find ``alpha``, weights that are not
            all whole numbers are precisions of one observation each.
        alpha : float or array-like of shape (n_samples,), default=None
            In place of the parameter ``alpha``, in its units. Cross-validation gives each fold its
            part of an array that is passed here, and cannot divide a parameter. None is the
            parameter.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If the data, the weights or a parameter are not valid, if fewer than two classes have a
            positive weight, if the inputs do not fit the architecture, or if the kernel with
            ``alpha`` on its diagonal is singular.
        ConvergenceError
            If conjugate gradients do not reach the residual that is asked for; a ValueError.
        MemoryError
            If the kernel matrices of so many samples do not fit the memory that is free.

        Warns
        -----
        ConvergenceWarning
            If ``alpha="auto"`` ends at the upper end of its range, where the inputs tell nothing
            about the classes; if a number that an ``optimizer`` learned is at one of its bounds, or
            the search does not converge.
        """
        to_train_with = self._alpha_to_train_with(alpha)
        X, y, rows = self._checked_rows(X, y, to_train_with, sample_weight)
        tasks, points = fit_tasks(self, X, y), inducing_points(self.solver)
        if self.loss == "log_loss":
            self._require_feasible_logits()
            if points is None:
                self._require_memory_of_logits(*rows.targets.shape)
        kernels = self._prepared_kernels(rows.X, rows.targets)
        self._normalize(rows, normalize_y=self.normalize_y and self.loss == "squared_error")
        if points is not None and self.loss == "log_loss":
            fit_log_loss_through_points(self, kernels, points, tasks)
            return self
        if points is not None:
            fit_through_points(self, kernels, points, tasks, is_centered=self.normalize_y)
            return self
        kernels, learned = self._learn(kernels, ensemble_leave_one_out_density, tasks)
        iterative = iterative_solver(self.solver)
        if iterative is not None:
            fit_iteratively(self, kernels, iterative, learned, tasks)
            return self
        with tasks.kernel_matrix() as progress:
            ntk, nngp = ensemble_kernels(self, kernels, progress)
        self._scale_noise(learned, np.diagonal(ntk))
        with tasks.training(), self._solving():
            solver = self._solver_for(ntk, nngp)
            if self.loss == "log_loss":
                self._hold_scores(self._log_loss_scores(kernels, ntk), kernels)
                return self
            calibrate = self._calibration(ntk)
            posterior = ensemble_posterior(self, ntk, nngp, self.y_train_, solver)
            self._hold_scores(self._one_hot_scores(kernels, posterior, calibrate), kernels)
        return self

    def _require_feasible_logits(self) -> None:
        if self.training_time is None:
            raise ValueError(
                'loss="log_loss" needs a finite training_time: the logits of classes that can be '
                "separated grow for ever. Set training_time, for example by a GridSearchCV over "
                'powers of ten, or use loss="squared_error", which can be trained to convergence.'
            )

    def _require_memory_of_logits(self, n_samples: int, n_classes: int) -> None:
        # In stiff phases of training a matrix for each class is held beside those of squared error.
        require_memory(
            (self._peak_matrices + n_classes + 4) * n_samples**2 * 8,
            f'{type(self).__name__}.fit on {n_samples} samples with loss="log_loss"',
            "Set solver='inducing_points', which holds no square matrix of all rows; train on "
            'fewer rows; or use loss="squared_error", which needs less for many classes.',
        )

    def _log_loss_scores(self, kernels: NetworkKernels, ntk: np.ndarray) -> LogLossScores:
        flow = LossFlow.condition(
            ntk,
            self._noise.single(self.alpha_),
            SoftmaxCrossEntropy(self.y_train_),
            overwrite_kernel=True,
            **self._training_options(),
        )
        process = self._posterior_process(kernels, self.y_train_, flow, is_centered=False)
        return LogLossScores(process, flow, self._rows)
