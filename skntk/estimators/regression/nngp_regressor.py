"""Regression with the posterior of an infinitely wide Bayesian network."""

from __future__ import annotations

from collections.abc import Callable
from os import PathLike
from typing import Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils.validation import check_is_fitted

from skntk._sklearn import fit_context, fit_tasks
from skntk.architecture.core.layer import Layer
from skntk.estimators.data.defaults import ALPHA_SCALE, AUTO, NORMALIZE_Y, Alpha, AlphaScale
from skntk.estimators.kernel_machines.exact_score import KernelScore
from skntk.estimators.kernel_machines.hyperparameter_search import Optimizer
from skntk.estimators.kernel_machines.inducing import SparseFit
from skntk.estimators.kernel_machines.initial_function import InitialFunction, ShiftedProcess
from skntk.estimators.kernel_machines.iterative import fit_iteratively
from skntk.estimators.kernel_machines.kernels import NetworkKernels
from skntk.estimators.kernel_machines.learned_hyperparameters import HyperparameterScore
from skntk.estimators.kernel_machines.machine import (
    TrainingMethodName,
)
from skntk.estimators.kernel_machines.posteriors import (
    bayesian_posterior,
    log_marginal_likelihood,
)
from skntk.estimators.kernel_machines.rows_at_points import InducingKernels
from skntk.estimators.kernel_machines.solver_choice import Solver, inducing_points, iterative_solver
from skntk.estimators.kernel_machines.sparse_criteria import Bound
from skntk.estimators.kernel_machines.sparse_fit import fit_through_points
from skntk.estimators.kernel_machines.sparse_learning import sparse_objective
from skntk.estimators.kernel_machines.sparse_process import SparseProcess
from skntk.estimators.kernel_machines.sparse_rows import SparseRows
from skntk.estimators.regression.observation_noise import AssumedNoise
from skntk.estimators.regression.regression import NetworkRegressor
from skntk.gram.matrix import Kind
from skntk.inference import leave_one_out_density, marginal_likelihood
from skntk.inference.inducing.gaussian_process import bound_at_scale
from skntk.inference.inducing.noise_level import (
    Criterion,
    bound,
    left_out_density,
    noise_variance,
    process_variance,
)
from skntk.inference.noise_level.leave_one_out import (
    LeaveOneOutDensity,
    NoiseVariance,
    ProcessVariance,
)
from skntk.inference.noise_level.likelihood import ProfiledLikelihood
from skntk.inference.noise_level.problem import LevelCriterion
from skntk.inference.posteriors.protocol import Posterior
from skntk.kernels.hyperparameters import DEFAULT_BOUNDS, Bounds

CriterionName = Literal["marginal_likelihood", "leave_one_out"]
_SCORES: dict[CriterionName, KernelScore] = {
    "marginal_likelihood": marginal_likelihood,
    "leave_one_out": leave_one_out_density,
}
_LEVEL_CRITERIA: dict[CriterionName, LevelCriterion] = {
    "marginal_likelihood": ProfiledLikelihood(),
    "leave_one_out": LeaveOneOutDensity(ProcessVariance()),
}


class NNGPRegressor(NetworkRegressor):
    r"""Regression with an infinitely wide Bayesian neural network: an exact Gaussian process.

    With independent normal priors on its weights, a network of infinite width is a Gaussian process
    before training. Its covariance, the NNGP kernel K, follows from the architecture [1]_ [2]_. The
    exact posterior of the network, given targets y with noise of variance A (a diagonal matrix), is
    then [3]_

    .. math::

        \text{mean}(x) = K(x, X) (K(X, X) + A)^{-1} y, \qquad
        \text{cov}(x, x') = K(x, x') - K(x, X) (K(X, X) + A)^{-1} K(X, x').

    By default `fit` finds the noise and the scale of the prior, see Notes. With an ``optimizer`` it
    learns the numbers of the architecture first.

    Parameters
    ----------
    architecture : layer or None, default=None
        The network, for example ``FullyConnected(depth=3, activation="erf")`` or layers composed
        with `Serial`; it ends with a `Dense` layer. None is ``FullyConnected()``. Its
        hyperparameters are reached as ``architecture__depth`` and so on.
    alpha : "auto", float or array-like of shape (n_samples,), default="auto"
        Variance of the noise of the targets, added to the diagonal of the training kernel. "auto"
        finds one number for all samples in `fit`, and ``output_scale_`` with it: the number that
        makes ``criterion`` large, between 1e-6 (with ``dtype="float32"`` 1e-4) and 1000 times the
        mean of that diagonal, see Notes. A number, at least 0, is taken as it is. An array has a
        number for each sample.
    alpha_scale : {"absolute", "relative"}, default="relative"
        Whether ``alpha`` is added as it is or multiplied by the mean of the training kernel's
        diagonal. One grid of relative values serves architectures whose kernels differ in scale.
        The value that "auto" finds has this unit too.
    normalize_y : bool, default=True
        Whether to center the targets by their mean and to divide them by their standard deviation,
        for each output, before training. Predictions are in the units of the targets either way.
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
    initial_function : callable or None, default=None
        A function from inputs of shape (n, n_features) to outputs of shape (n,) or (n, n_outputs),
        in the units of the targets, from which a single network is trained. Its predictions are not
        random: standard deviations are 0. None is an ensemble of networks, each with a random
        initial function.
    optimizer : "fmin_l_bfgs_b", callable or None, default=None
        How hyperparameters are learned in `fit`: the numbers of the network, and ``alpha`` unless
        it is an array. With ``alpha="auto"`` the search starts from the value that is found for
        the network as it is given, and ``output_scale_`` is the best one at every step. None
        learns nothing. A callable is called as that of
        `sklearn.gaussian_process.GaussianProcessRegressor`: ``optimizer(obj_func, initial_theta,
        bounds)``, where ``obj_func`` returns what is to be minimized and its gradient, and returns
        the best theta and its value.
        With `skntk.solvers.InducingPoints` it takes any number of rows: the likelihood is then the
        collapsed bound on it. Inducing points are chosen for the network as it is given, and stay.
    n_restarts_optimizer : int, default=0
        Further searches, from values drawn within the bounds.
    architecture_bounds : pair of float, "fixed" or mapping, default=(1e-5, 1e5)
        Bounds of the numbers of the network, as for `NNGPKernel`.
    alpha_bounds : pair of float or "fixed", default=(1e-5, 1e5)
        Bounds of ``alpha``; one value for each sample is always fixed.
    criterion : {"marginal_likelihood", "leave_one_out"}, default="marginal_likelihood"
        What ``alpha="auto"`` and an ``optimizer`` make large: the density of all targets, or that
        of each given all others, which trusts the assumptions of the model less. Through inducing
        points it is estimated from random rows, up to 2000 of them, each given all others.
    random_state : int, RandomState instance or None, default=None
        Draws where searches restart, and which rows are inducing points unless the solver has a
        ``random_state`` of its own. An int makes both the same in every call of `fit`.
    n_targets : int or None, default=None
        Number of outputs before `fit`, for `predict` and `sample_y` of the prior; None is 1. `fit`
        finds the number in the targets, which has to be this one unless it is None.
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
    architecture_ : layer
        The network that was trained, a copy of ``architecture``.
    X_train_ : ndarray of shape (n_train, n_features)
        The training rows of positive weight.
    y_train_ : ndarray of shape (n_train,) or (n_train, n_outputs)
        Their targets, normalized if ``normalize_y`` is True.
    alpha_ : ndarray of shape (n_train,)
        What was added to the diagonal of the training kernel: ``alpha``, or what was found in its
        place, scaled as ``alpha_scale`` says, divided by the weight of each row.
    output_scale_ : ndarray of shape () or (n_outputs,)
        What the prior covariance and the noise of every normalized output are multiplied by: c in
        Notes. The variance of the noise of a normalized target is ``output_scale_ * alpha_``. It is
        1 where ``alpha`` is a number or an array.
    alpha_score_ : float
        What ``alpha="auto"`` made large, in nats, summed over outputs; NaN where all targets are
        constant. Only with ``alpha="auto"``.
    dual_coef_ : ndarray of shape (n_train,) or (n_train, n_outputs)
        Coefficients of the kernel functions in the mean of the normalized targets.
    log_marginal_likelihood_value_ : float
        Log density of ``y_train_`` under the prior with its noise, both times ``output_scale_``, in
        nats, summed over outputs. Models can be compared by it. Conjugate gradients do not find it.
    max_learning_rate_ : float
        2 (1 + ``momentum``) n over the largest eigenvalue of the training kernel with its
        regularization, n the sum of the weights: the rate above which discrete steps diverge. It is
        computed when it is first read.
    n_iter_ : int
        Steps of conjugate gradients. Only with this solver.
    residual_ : ndarray of shape () or (n_outputs,)
        The relative residuals that they have ended with. Only with this solver.
    hyperparameters_ : dict
        What was found or learned, by name, as `set_params` takes it: ``alpha``, and with an
        ``optimizer`` the numbers of the network. Only with ``alpha="auto"`` or an ``optimizer``.
    theta_ : ndarray of shape (n_dims,)
        What the ``optimizer`` learned, as it saw it: logarithms, or numbers whose lower bound is
        not positive. Only with an ``optimizer``.
    n_features_in_ : int
        Number of features seen in `fit`; of images and sequences ``X.shape[1]``, as in all of
        scikit-learn.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Their names, if X had any that are all strings.

    See Also
    --------
    NTKRegressor : Networks trained by gradient descent instead of inferred.
    sklearn.gaussian_process.GaussianProcessRegressor : With kernels that are not of networks.

    Notes
    -----
    `fit` takes time in proportion to the cube of the number of training rows, and memory for two
    matrices of their number squared, with ``alpha="auto"`` three. Standardize the features first:
    the kernel depends on their scale.

    A sample of weight k is the same as k equal samples, for predictions, standard deviations,
    ``log_marginal_likelihood_value_`` and, where there are not many, what ``alpha="auto"`` finds.

    To find ``alpha``, equal samples whose targets agree are one observation, as precise as they are
    together: copies, as those in a bootstrap sample, are no proof that there is no noise. Where any
    two samples of equal X differ in y, a sample of whole weight k is k measurements of one value.

    With ``alpha="auto"`` the normalized targets of every output have a prior scale c of their own,

    .. math::

        y \sim N\bigl(0,\; c\, B\bigr), \qquad B = K + \alpha u W^{-1},

    where u is the unit of ``alpha`` (the mean of the diagonal of K, or 1 with
    ``alpha_scale="absolute"``) and W the diagonal matrix of the weights. For given :math:`\alpha`
    the density is greatest at :math:`c = y^T B^{-1} y / n`, n the number of observations. What is
    left is the *profile* of the marginal likelihood, a function of :math:`\alpha` alone, for
    weights of 1

    .. math::

        \log p(y) = -\tfrac12 \bigl(n \log (2 \pi e\, c) + \log |B|\bigr),

    summed over outputs: equation 5.8 of [3]_ at the best c. With ``criterion="leave_one_out"`` it
    is the sum of the log densities of all observations, each given all others (equations 5.10 to
    5.12), again at the best c. With an ``initial_function``, whose network is not random, it is
    the same sum with the noise alone as variance. Of a weighted row one observation is left out.

    To the score a weak prior of ``alpha`` is added, log-normal around 0.01 in relative units with a
    standard deviation of two decades. Dozens of rows outweigh it; a handful, which often have their
    best score without noise or with nothing else, do not. Of many rows some hundred are decomposed;
    which ones depends on the values of X alone, not on their order. Two factorizations of all rows
    then tell how far the maximum moves. A finite ``training_time`` has the ``alpha`` and
    the scale of training to convergence.

    References
    ----------
    .. [1] Neal, "Priors for infinite networks", 1994.
    .. [2] Lee et al., "Deep neural networks as Gaussian processes", ICLR 2018.
    .. [3] Rasmussen and Williams, "Gaussian processes for machine learning", MIT Press 2006,
       algorithm 2.1.

    Examples
    --------
    >>> import numpy as np
    >>> from skntk import NNGPRegressor
    >>> from skntk.architecture import FullyConnected
    >>> X = np.linspace(-2, 2, 9)[:, np.newaxis]
    >>> network = FullyConnected(depth=2, activation="erf")
    >>> model = NNGPRegressor(network, alpha=1e-3).fit(X, np.sin(X[:, 0]))
    >>> mean, std = model.predict([[0.5], [10.0]], return_std=True)
    >>> np.abs(mean[0] - np.sin(0.5)) < 0.1, std[0] < std[1]
    (np.True_, np.True_)

    By default the noise is found, here with a standard deviation of 0.3:

    >>> rng = np.random.default_rng(0)
    >>> X = rng.uniform(-2, 2, size=(200, 1))
    >>> y = np.sin(2 * X[:, 0]) + 0.3 * rng.normal(size=200)
    >>> model = NNGPRegressor().fit(X, y)
    >>> noise_variance = model.output_scale_ * model.alpha_[0]  # of normalized targets
    >>> print(f"{np.std(y) * np.sqrt(noise_variance):.1f}")
    0.3
    """

    kinds: ClassVar[tuple[Kind, ...]] = ("nngp",)
    _peak_matrices: ClassVar[int] = 2

    log_marginal_likelihood_value_: float

    def __init__(
        self,
        architecture: Layer | None = None,
        *,
        alpha: Alpha = AUTO,
        alpha_scale: AlphaScale = ALPHA_SCALE,
        normalize_y: bool = NORMALIZE_Y,
        training_time: float | None = None,
        learning_rate: float = 1.0,
        training_method: TrainingMethodName = "gradient_flow",
        momentum: float = 0.0,
        solver: Solver = "cholesky",
        initial_function: InitialFunction | None = None,
        optimizer: Optimizer | None = None,
        n_restarts_optimizer: int = 0,
        architecture_bounds: Bounds = DEFAULT_BOUNDS,
        alpha_bounds: Any = DEFAULT_BOUNDS,
        criterion: CriterionName = "marginal_likelihood",
        random_state: int | np.random.RandomState | None = None,
        n_targets: int | None = None,
        dtype: str = "float64",
        n_jobs: int | None = None,
        cache_size: float | None = None,
        cache_location: str | PathLike[str] | None = None,
    ) -> None:
        self.architecture = architecture
        self.alpha = alpha
        self.alpha_scale = alpha_scale
        self.normalize_y = normalize_y
        self.training_time = training_time
        self.learning_rate = learning_rate
        self.training_method = training_method
        self.momentum = momentum
        self.solver = solver
        self.initial_function = initial_function
        self.optimizer = optimizer
        self.n_restarts_optimizer = n_restarts_optimizer
        self.architecture_bounds = architecture_bounds
        self.alpha_bounds = alpha_bounds
        self.criterion = criterion
        self.random_state = random_state
        self.n_targets = n_targets
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
        """Train on samples and their targets.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training inputs.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Targets.
        sample_weight : float or array-like of shape (n_samples,), default=None
            Weight of each sample, at least 0. A weight of k is the same as k repetitions, 0 the
            same as removal. None is 1 for every sample. Notes say what weights and repetitions mean
            to find ``alpha``: weights that are not all whole are precisions of one observation.
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
            If the data, the weights or a parameter are not valid, if the inputs do not fit the
            architecture, or if the kernel with ``alpha`` on its diagonal is singular.
        ConvergenceError
            If conjugate gradients do not reach the residual that is asked for; a ValueError.
        MemoryError
            If the kernel matrices of so many samples do not fit the memory that is free.

        Warns
        -----
        ConvergenceWarning
            If ``alpha="auto"`` ends at the lower end of its range, where no noise is seen, or at
            the upper one, where the inputs tell nothing about the targets; if a number that an
            ``optimizer`` learned is at one of its bounds, or the search does not converge.
        UserWarning
            If ``alpha="auto"`` and all targets are equal, which tells nothing about their noise:
            0.1 is taken.
        """
        to_train_with = self._alpha_to_train_with(alpha)
        X, y, rows = self._checked_rows(X, y, to_train_with, sample_weight)
        tasks = fit_tasks(self, X, y)
        kernels = self._prepared_kernels(rows.X, rows.targets)
        self._normalize(rows, normalize_y=self.normalize_y)
        points = inducing_points(self.solver)
        if points is not None:
            is_centered = self._targets_of_criterion()[1]
            self._hold_bound(
                fit_through_points(self, kernels, points, tasks, is_centered=is_centered)
            )
            return self
        kernels, learned = self._learn(kernels, _SCORES[self.criterion], tasks)
        iterative = iterative_solver(self.solver)
        if iterative is not None:
            fit_iteratively(self, kernels, iterative, learned, tasks)
            return self
        with tasks.kernel_matrix() as progress:
            (kernel,) = kernels.training(rows.X, self.kinds, progress)
        self._scale_noise(learned, np.diagonal(kernel))
        targets = self._targets_to_learn()
        with tasks.training(), self._solving():
            solver = self._solver_for(kernel, kernel)
            posterior = bayesian_posterior(self, kernel, targets, solver)
            self._hold_factorized(kernels, posterior)
        return self

    def _hold_factorized(self, kernels: NetworkKernels, posterior: Posterior) -> None:
        self.log_marginal_likelihood_value_ = log_marginal_likelihood(self, posterior)
        super()._hold_factorized(kernels, posterior)

    def _criterion(self, nngp: np.ndarray | Callable[[], np.ndarray]) -> LevelCriterion:
        if self.initial_function is not None:
            return LeaveOneOutDensity(NoiseVariance())
        return _LEVEL_CRITERIA[self.criterion]

    def _hold_bound(self, process: SparseProcess) -> None:
        scale = self._scaling.output_scale
        self.log_marginal_likelihood_value_ = bound_at_scale(process.system, scale)

    def _sparse_criterion(self, fit: SparseFit) -> Criterion:
        if self.initial_function is None and self.criterion == "marginal_likelihood":
            return bound
        rows = fit.sampled_rows()
        alone = self.initial_function is not None
        variance = noise_variance(rows) if alone else process_variance(rows)
        return left_out_density(rows, self._centering_weight(fit), variance)

    @property
    def _learns_by_leaving_out(self) -> bool:
        return self.criterion == "leave_one_out"

    def _noise_given_alpha(self) -> AssumedNoise:
        alpha = getattr(self, "hyperparameters_", {}).get("alpha", self._alpha)
        return AssumedNoise(alpha, self._alpha_unit, self._scaling)

    def log_marginal_likelihood(
        self, theta: ArrayLike | None = None, eval_gradient: bool = False
    ) -> float | tuple[float, np.ndarray]:
        """Return the log density of the training targets for any hyperparameters.

        Through inducing points it is the collapsed bound on it, with the points of the model.

        Parameters
        ----------
        theta : array-like of shape (n_dims,), default=None
            The hyperparameters that are not fixed: those of the network in the order of
            ``architecture.get_params()``, then ``alpha``. Logarithms of the values, or the values
            themselves where the lower bound is not positive. None is the fitted model.
        eval_gradient : bool, default=False
            Whether to return the gradient by theta as well.

        Returns
        -------
        log_likelihood : float
            In nats, of the normalized targets ``y_train_``, summed over outputs.
        gradient : ndarray of shape (n_dims,)
            Only with ``eval_gradient=True``.

        Raises
        ------
        NotFittedError
            Before `fit`.
        ValueError
            If theta has another number of entries, or a gradient is asked for without theta, or the
            kernel is singular or overflows, or rows were added by `partial_fit`, which does not
            hold them all.

        Examples
        --------
        >>> import numpy as np
        >>> from skntk import NNGPRegressor
        >>> X = np.linspace(-2, 2, 20)[:, np.newaxis]
        >>> y = np.sin(X[:, 0]) + 0.1 * np.random.default_rng(0).normal(size=20)
        >>> model = NNGPRegressor(optimizer="fmin_l_bfgs_b").fit(X, y)
        >>> list(model.hyperparameters_)
        ['architecture__bias_std', 'architecture__weight_std', 'alpha']
        >>> at_optimum = model.log_marginal_likelihood(model.theta_)
        >>> at_optimum > model.log_marginal_likelihood(model.theta_ + 0.1)
        True
        """
        check_is_fitted(self, "_process")
        if theta is None:
            if eval_gradient:
                raise ValueError("Gradient can only be evaluated for theta!=None")
            if not hasattr(self, "log_marginal_likelihood_value_"):
                raise ValueError(
                    "The marginal likelihood takes the determinant of the training kernel, which "
                    "conjugate gradients do without. Use solver='cholesky', on fewer rows if need "
                    "be."
                )
            return self.log_marginal_likelihood_value_
        score, gradient = self._likelihood_of_theta()(np.asarray(theta, float))
        return (score, gradient) if eval_gradient else score

    def _likelihood_of_theta(self) -> HyperparameterScore:
        """Return the likelihood as a function of theta, through inducing points its bound."""
        start = self._given_alpha()
        if inducing_points(self.solver) is None:
            return self._hyperparameter_score(self.architecture_, start, marginal_likelihood)
        if "_stream" in self.__dict__:
            raise ValueError(
                "The likelihood of other hyperparameters takes all training rows, which "
                "partial_fit does not hold: use fit, or log_marginal_likelihood_value_."
            )
        process = self._process
        if isinstance(process, ShiftedProcess):
            process = process.process
        assert isinstance(process, SparseProcess)
        rows = SparseRows.of(self, InducingKernels(process.kernels, process.X_train))
        criterion = Bound(self._alpha_is_found)
        return sparse_objective(self, self.architecture_, start, rows, criterion)
