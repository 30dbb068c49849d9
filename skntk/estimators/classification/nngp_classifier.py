"""Classification with the posterior of an infinitely wide Bayesian network."""

from __future__ import annotations

from os import PathLike
from typing import Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils.validation import check_is_fitted

from skntk._memory import require_memory
from skntk._sklearn import UnobservedFit, fit_context, fit_tasks
from skntk.architecture.core.layer import Layer
from skntk.estimators.classification.classification import NetworkClassifier
from skntk.estimators.classification.evidence import (
    ClassEvidence,
    ObservedClasses,
    find_alpha_by_evidence,
    rows_of_evidence,
)
from skntk.estimators.classification.softmax_likelihood import SoftmaxLikelihoodScores
from skntk.estimators.classification.sparse_softmax import LogitsAtPoints
from skntk.estimators.data.classes import ClassWeight
from skntk.estimators.data.defaults import ALPHA_SCALE, AUTO, NORMALIZE_Y, Alpha, AlphaScale
from skntk.estimators.kernel_machines.hyperparameter_search import Optimizer
from skntk.estimators.kernel_machines.iterative import fit_iteratively
from skntk.estimators.kernel_machines.kernels import NetworkKernels
from skntk.estimators.kernel_machines.machine import (
    TrainingMethodName,
)
from skntk.estimators.kernel_machines.posteriors import bayesian_posterior, log_marginal_likelihood
from skntk.estimators.kernel_machines.solver_choice import Solver, inducing_points, iterative_solver
from skntk.estimators.kernel_machines.sparse_fit import fit_through_points
from skntk.estimators.kernel_machines.sparse_process import SparseProcess
from skntk.gram.matrix import Kind
from skntk.inference import marginal_likelihood
from skntk.inference.inducing.gaussian_process import bound_at_scale
from skntk.inference.posteriors.protocol import Posterior
from skntk.kernels.hyperparameters import DEFAULT_BOUNDS, Bounds
from skntk.solvers.inducing_points import InducingPoints

LikelihoodName = Literal["gaussian", "softmax"]


class NNGPClassifier(NetworkClassifier):
    r"""Classification with an infinitely wide Bayesian network.

    With independent normal priors on its weights, a network of infinite width is a Gaussian
    process with the NNGP kernel K of its architecture [1]_ [2]_. With ``likelihood="gaussian"`` it
    is given one-hot targets Y with noise of variance A (a diagonal matrix), and the mean of its
    outputs is exactly [3]_

    .. math::

        \text{score}(x) = K(x, X) (K(X, X) + A)^{-1} Y.

    Each class is an output, whose target is 1 for the samples of the class and 0 for the others.
    Scores are the predicted targets; the class of the largest is predicted. Probabilities are the
    softmax of scores / ``temperature_``, where the temperature minimizes the log-loss, with targets
    smoothed by the rule of succession so that it stays positive where every row is right, of
    leave-one-out scores, which have a closed form: nothing is refitted [4]_.

    With ``likelihood="softmax"`` the outputs are logits. Their posterior has no closed form; it is
    approximated by a normal distribution around its mode (Laplace's method [5]_), with one kernel
    for all classes and the correlations between the classes. Probabilities are averages of the
    softmax over it, exact for two classes and over a fixed set of 2048 points for more.

    Parameters
    ----------
    architecture : layer or None, default=None
        The network, for example ``FullyConnected(depth=3, activation="erf")`` or layers composed
        with `Serial`; it ends with a `Dense` layer. None is ``FullyConnected()``. Its
        hyperparameters are reached as ``architecture__depth`` and so on.
    alpha : "auto", float or array-like of shape (n_samples,), default="auto"
        Variance of the noise of the targets, added to the diagonal of the training kernel. "auto"
        finds one number for all samples in `fit`: the number that makes the squared error of
        leave-one-out scores small, between 1e-6 (with ``dtype="float32"`` 1e-4) and 1000 times the
        mean of that diagonal, see Notes. A number, at least 0, is taken as it is. An array has a
        number for each sample. With ``likelihood="softmax"`` it is the variance of independent
        noise of the logits of each observation, and "auto" makes the evidence large.
    alpha_scale : {"absolute", "relative"}, default="relative"
        Whether ``alpha`` is added as it is or multiplied by the mean of the training kernel's
        diagonal. One grid of relative values serves architectures whose kernels differ in scale.
        The value that "auto" finds has this unit too.
    normalize_y : bool, default=True
        Whether to center the one-hot targets by the frequencies of the classes and to divide them
        by their standard deviation before training. The prior of the scores is then centered at
        the frequencies, otherwise at 0. With ``likelihood="softmax"`` the prior of the logits is
        centered at the logarithms of the frequencies, otherwise at 0.
    likelihood : {"gaussian", "softmax"}, default="gaussian"
        Whether classes are one-hot targets with Gaussian noise, which is exact and takes one
        factorization for all classes, or drawn with the probabilities of the softmax, which takes
        one for each class in each of about ten steps, and gives probabilities that know the
        uncertainty of the logits. The scale of the kernel matters for it: it is set by the
        ``weight_std`` of the last layer, and chosen by ``log_marginal_likelihood_value_``. For
        many rows set ``solver="inducing_points"``, see Notes.
    training_time : float or None, default=None
        None is the posterior. Otherwise an ensemble of networks with random hidden layers, whose
        last layers are trained for that long by gradient descent, at least 0; the limit of long
        training is the posterior.
    learning_rate : float, default=1.0
        Speed of training, greater than 0.
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
        it has a value for each sample. The density of the one-hot targets is made large, and
        ``likelihood="softmax"`` refuses it. ``alpha="auto"`` is found anew for the network that
        was learned. As for `NNGPRegressor` otherwise.
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
        Positive number by which scores are divided before the softmax. With
        ``likelihood="softmax"`` it is 1.
    architecture_ : layer
        The network that was trained, a copy of ``architecture``.
    X_train_ : ndarray of shape (n_distinct, n_features)
        The distinct training rows of positive weight: rows equal in X and y are one row, with the
        sum of their weights.
    y_train_ : ndarray of shape (n_distinct, n_classes)
        The one-hot targets, normalized if ``normalize_y`` is True.
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
        Coefficients of the kernel functions in the mean of the normalized targets, or of the
        logits; with inducing points of shape (n_points, n_classes).
    log_marginal_likelihood_value_ : float
        Log density of ``y_train_`` under the prior with its noise, in nats, summed over classes.
        With ``likelihood="softmax"`` Laplace's approximation of the log probability of the classes,
        through inducing points under the kernel that they span. Models of one likelihood can be
        compared by it. Conjugate gradients do not find it.
    max_learning_rate_ : float
        2 (1 + ``momentum``) n over the largest eigenvalue of the training kernel with its
        regularization, n the sum of the weights: the rate above which discrete steps diverge. It is
        computed when it is first read.
    n_features_in_ : int
        Number of features seen in `fit`; of images and sequences ``X.shape[1]``, as in all of
        scikit-learn.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Their names, if X had any that are all strings.

    See Also
    --------
    NTKClassifier : Networks trained by gradient descent instead of inferred.
    sklearn.gaussian_process.GaussianProcessClassifier : With a logistic likelihood, approximated.

    Notes
    -----
    `fit` takes time in proportion to the cube of the number of training rows, and memory for two
    matrices of their number squared, with ``alpha="auto"`` three. Standardize the features first:
    the kernel depends on their scale.

    A sample of weight k is the same as k equal samples, for predictions, standard deviations,
    probabilities and what ``alpha="auto"`` finds.
    Of equal samples one at a time is left out. The only sample of a class says nothing about
    ``alpha`` and the temperature: the model that leaves it out does not know the class.

    With ``alpha="auto"`` every observation is predicted by the model of all others, in closed form:
    the residuals of the one-hot targets are :math:`(B^{-1} Y)_{ik} / (B^{-1})_{ii}` with
    :math:`B = K + A` ([3]_, equation 5.12), with ``normalize_y`` after the others have centered
    their targets anew. What is made small is the mean E of their squares, over observations and
    classes. It is written as the log density of errors of this variance,
    ``alpha_score_`` = :math:`-\tfrac n2 \log(2 \pi e\, E)` with n the sum of the weights. With
    ``likelihood="softmax"`` it is Laplace's approximation of the log evidence, of 200 rows where
    there are more.

    To the score a weak prior of ``alpha`` is added, log-normal around 0.01 in relative units with a
    standard deviation of two decades. Dozens of rows outweigh it; a handful, which often have their
    best score without noise or with nothing else, do not. Of many rows some hundred are decomposed;
    which ones depends on the values of X alone, not on their order. Two factorizations of all rows
    then tell how far the maximum moves. A finite ``training_time`` has the ``alpha`` of
    training to convergence.

    With ``likelihood="softmax"`` and m inducing points the logits are :math:`\mu + \Theta^T \phi`
    and the noise of each observation, with m features :math:`\phi` whose inner products are the
    projection Q of the kernel on the points, and standard normal coefficients :math:`\Theta`. Their
    mode is found by Newton's method. Its equations are solved by conjugate gradients, some dozens
    of passes over the rows in blocks, and their memory does not grow with the number of rows but
    for a few numbers of each row and class. The curvature at the mode, a matrix of m (C - 1) rows
    for C classes, is exact for two classes, and for more where it has at most 4000 rows. Otherwise
    the classes are taken apart: class c has the curvature
    :math:`I + \sum_i d_{ic} \phi_i \phi_i^T`, with :math:`d_{ic}` its expected counts, and the
    differences between logits have the covariance of independent classes. This is right where all
    rows have the same probabilities, and near where they differ. Test rows have the variance
    :math:`K - Q` that the points do not explain beside it. With all rows as points and an exact
    curvature, every result is that of the exact solver. ``alpha="auto"`` makes the evidence of the
    same 200 rows large, under the projected kernel. There is no `partial_fit`: the mode is no sum
    over rows.

    References
    ----------
    .. [1] Neal, "Priors for infinite networks", 1994.
    .. [2] Lee et al., "Deep neural networks as Gaussian processes", ICLR 2018.
    .. [3] Rasmussen and Williams, "Gaussian processes for machine learning", MIT Press 2006,
       algorithm 2.1, sections 5.4.2 and 6.5.
    .. [4] Guo, Pleiss, Sun, Weinberger, "On calibration of modern neural networks", ICML 2017.
    .. [5] Williams and Barber, "Bayesian classification with Gaussian processes", IEEE PAMI 1998;
       Rasmussen and Williams, section 3.5.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skntk import NNGPClassifier
    >>> from skntk.architecture import FullyConnected
    >>> X, y = load_wine(return_X_y=True)
    >>> network = FullyConnected(depth=2, activation="erf")
    >>> model = make_pipeline(StandardScaler(), NNGPClassifier(network)).fit(X[::2], y[::2])
    >>> model.score(X[1::2], y[1::2]) > 0.95
    True
    >>> model.predict_proba(X[:1]).shape
    (1, 3)

    Networks can be compared by the probability that they give to the classes:

    >>> for depth in [1, 4]:
    ...     network = FullyConnected(depth=depth)
    ...     model = make_pipeline(StandardScaler(), NNGPClassifier(network, likelihood="softmax"))
    ...     print(depth, round(model.fit(X, y)[-1].log_marginal_likelihood_value_))
    1 -47
    4 -56
    """

    kinds: ClassVar[tuple[Kind, ...]] = ("nngp",)
    _peak_matrices: ClassVar[int] = 2

    likelihood: LikelihoodName
    log_marginal_likelihood_value_: float

    def __init__(
        self,
        architecture: Layer | None = None,
        *,
        alpha: Alpha = AUTO,
        alpha_scale: AlphaScale = ALPHA_SCALE,
        normalize_y: bool = NORMALIZE_Y,
        likelihood: LikelihoodName = "gaussian",
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
        self.likelihood = likelihood
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
        if self.likelihood == "softmax":
            self._require_feasible_logits()
            if points is None:
                self._require_memory_of_logits(*rows.targets.shape)
        kernels = self._prepared_kernels(rows.X, rows.targets)
        self._normalize(rows, normalize_y=self.normalize_y and self.likelihood == "gaussian")
        if points is not None and self.likelihood == "softmax":
            self._fit_logits_through_points(kernels, points, tasks)
            return self
        if points is not None:
            self._hold_bound(
                fit_through_points(self, kernels, points, tasks, is_centered=self.normalize_y)
            )
            return self
        kernels, learned = self._learn(kernels, marginal_likelihood, tasks)
        iterative = iterative_solver(self.solver)
        if iterative is not None:
            fit_iteratively(self, kernels, iterative, learned, tasks)
            return self
        with tasks.kernel_matrix() as progress:
            (kernel,) = kernels.training(rows.X, self.kinds, progress)
        self._scale_noise(learned, np.diagonal(kernel))
        with tasks.training(), self._solving():
            if self.likelihood == "softmax":
                self._hold_scores(self._softmax_likelihood_scores(kernels, kernel), kernels)
                return self
            solver = self._solver_for(kernel, kernel)
            calibrate = self._calibration(kernel)
            posterior = bayesian_posterior(self, kernel, self.y_train_, solver)
            self.log_marginal_likelihood_value_ = log_marginal_likelihood(self, posterior)
            self._hold_scores(self._one_hot_scores(kernels, posterior, calibrate), kernels)
        return self

    def _hold_factorized(self, kernels: NetworkKernels, posterior: Posterior) -> None:
        self.log_marginal_likelihood_value_ = log_marginal_likelihood(self, posterior)
        super()._hold_factorized(kernels, posterior)

    def _hold_bound(self, process: SparseProcess) -> None:
        self.log_marginal_likelihood_value_ = bound_at_scale(process.system, 1.0)

    def _require_feasible_logits(self) -> None:
        if self.training_time is not None:
            raise ValueError(
                'likelihood="softmax" is inference, which no gradient descent leads to: set '
                'training_time=None, or use likelihood="gaussian". NTKClassifier(loss="log_loss") '
                "trains on the cross-entropy for a finite time."
            )
        if self.optimizer is not None:
            raise ValueError(
                'With likelihood="softmax" hyperparameters cannot be learned: set optimizer=None, '
                "and compare networks by log_marginal_likelihood_value_, or use "
                'likelihood="gaussian".'
            )

    def _require_memory_of_logits(self, n_samples: int, n_classes: int) -> None:
        require_memory(
            (self._peak_matrices + n_classes + 3) * n_samples**2 * 8,
            f'{type(self).__name__}.fit on {n_samples} samples with likelihood="softmax"',
            "Set solver='inducing_points', whose memory does not grow with the number of rows, "
            'train on fewer rows, or use likelihood="gaussian": it needs no matrix for each class.',
        )

    def _fit_logits_through_points(
        self, kernels: NetworkKernels, points: InducingPoints, tasks: UnobservedFit
    ) -> None:
        rows = LogitsAtPoints.of(self, kernels, points, tasks)
        with tasks.training_steps() as step, self._solving():
            process = rows.process(self, self._observed_classes(), step)
            self.log_marginal_likelihood_value_ = process.posterior.log_marginal_likelihood
            self._hold_scores(SoftmaxLikelihoodScores(process, process.posterior), kernels)

    def _observed_classes(self) -> ObservedClasses:
        counts = self._rows.sample_weight[:, np.newaxis] * self.y_train_
        frequencies = counts.sum(axis=0) / counts.sum()
        prior_mean = np.log(frequencies) if self.normalize_y else None
        return ObservedClasses(counts, prior_mean, self._rows.repetitions, self._noise)

    def _softmax_likelihood_scores(
        self, kernels: NetworkKernels, kernel: np.ndarray
    ) -> SoftmaxLikelihoodScores:
        problem = ClassEvidence(kernel, self._observed_classes())
        start = None
        if self._alpha_is_found:
            rows = rows_of_evidence(self.X_train_)
            is_part = len(rows) < len(kernel)
            found = find_alpha_by_evidence(
                problem.on(rows) if is_part else problem,
                kernel_diagonal=np.diagonal(kernel),
                noise=self._noise,
                dtype=self.dtype,
            )
            self._hold_found(found.alpha, found.score, found.end)
            start = None if is_part else found.start
        posterior = problem.posterior(self.alpha_, start)
        self.log_marginal_likelihood_value_ = posterior.log_marginal_likelihood
        process = self._posterior_process(kernels, self.y_train_, posterior, is_centered=False)
        return SoftmaxLikelihoodScores(process, posterior)

    def predict_proba(self, X: ArrayLike) -> np.ndarray:
        """Return the probability of each class.

        With ``likelihood="gaussian"`` the softmax of scores / ``temperature_``; with "softmax" the
        mean of the softmax over the posterior of the logits, less certain where they are uncertain.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Inputs.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Rows sum to 1; columns in the order of ``classes_``.

        Raises
        ------
        NotFittedError, ValueError
            As `decision_function`.
        """
        return super().predict_proba(X)

    def predict_std(self, X: ArrayLike) -> np.ndarray:
        """Return the standard deviation of each class's score, or logit.

        It grows with the distance from the training data. With ``likelihood="gaussian"`` it does
        not depend on how the classes mix, and ``predict_proba`` does not use it; with "softmax"
        it does, and probabilities are averages over it.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Inputs.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            In the units of the scores, with ``likelihood="softmax"`` of the logits, also for two
            classes.

        Raises
        ------
        NotFittedError, ValueError
            As `decision_function`.
        """
        return super().predict_std(X)

    def predict_logits(self, X: ArrayLike) -> np.ndarray:
        """Return the posterior means of the logits; only with ``likelihood="softmax"``.

        Their standard deviations are those of `predict_std`.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Inputs.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Columns in the order of ``classes_``, also for two classes.

        Raises
        ------
        NotFittedError, ValueError
            As `decision_function`, and if the likelihood is Gaussian.
        """
        check_is_fitted(self, "_process")
        return self._scores.logits(self._process.validated(self, X))
