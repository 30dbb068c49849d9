"""What the regressor and the classifier that learn features share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from numbers import Integral, Real
from typing import Any, ClassVar, Final

import numpy as np
from numpy.typing import ArrayLike
from sklearn.model_selection import check_cv
from sklearn.utils.validation import check_is_fitted

from skntk._sample_weight import as_sample_weight
from skntk._sklearn import CheckedParameters, HasMethods, Interval, StrOptions
from skntk._validation import is_integer, is_real
from skntk.estimators.data.validation import validate_inputs_like
from skntk.estimators.feature_learning.cross_fitting import Candidate, candidates_of, choose
from skntk.estimators.feature_learning.folds import (
    HeldOutFold,
    dealt_folds,
    given_folds,
    merged,
)
from skntk.estimators.feature_learning.gradient_outer_product import (
    average_gradient_outer_product,
)
from skntk.estimators.feature_learning.held_out import HeldOut
from skntk.estimators.feature_learning.rescaling import Rescaling
from skntk.estimators.feature_learning.rounds import (
    FeatureLearning,
    MatrixName,
    Recipe,
    WeightedRows,
)
from skntk.estimators.kernel_machines.machine import KernelMachine
from skntk.gram.kernel_function import dtypes_of_inputs

# Rotations serve smooth functions of few directions, scales serve tables.
MATRICES: Final[tuple[MatrixName, ...]] = ("full", "diagonal")

# With better features less noise is needed than alpha="auto" finds with the inputs as they are: on
# tables and generated functions a tenth or a hundredth was chosen where features matter.
ALPHA_FACTORS: Final = (1.0, 0.1, 0.01)


class FeatureLearningParameters(CheckedParameters):
    """What says how features are learned, for estimators and for the transformer."""

    _constraints: ClassVar[dict[str, list[Any]]] = {
        "estimator": [HasMethods(["fit", "predict"]), None],
        "matrix": [StrOptions({"full", "diagonal"}), "array-like"],
        "power": [Interval(Real, 0, None, closed="neither"), "array-like"],
        "n_rounds": [Interval(Integral, 0, None, closed="left")],
        "alpha_factors": [Interval(Real, 0, None, closed="neither"), "array-like"],
        "cv": ["cv_object"],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        estimator: Any = None,
        *,
        matrix: MatrixName | Sequence[MatrixName] = MATRICES,
        power: float | Sequence[float] = 0.5,
        n_rounds: int = 3,
        alpha_factors: float | Sequence[float] = ALPHA_FACTORS,
        cv: Any = 5,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.estimator = estimator
        self.matrix = matrix
        self.power = power
        self.n_rounds = n_rounds
        self.alpha_factors = alpha_factors
        self.cv = cv
        self.random_state = random_state


class FeatureLearner(FeatureLearningParameters):
    """An estimator around one of an infinitely wide network, whose inputs it re-scales."""

    _base: ClassVar[type[KernelMachine]]
    _examples: ClassVar[str]

    n_features_in_: int
    estimator_: KernelMachine
    best_params_: dict[str, Any]
    n_rounds_: int
    cv_results_: dict[str, Any]
    feature_matrix_: np.ndarray
    feature_importances_: np.ndarray
    transformation_: np.ndarray
    _rescaling: Rescaling
    _calibration: np.ndarray | float
    _sample_shape: tuple[int, ...]

    # The steps of `fit` ----------------------------------------------------------------------

    def _default(self) -> KernelMachine:
        """Return the estimator that None stands for."""
        raise NotImplementedError

    def _labels(self, y: np.ndarray) -> np.ndarray:
        """Return numbers of classes, of which folds have equal shares."""
        raise NotImplementedError

    def _counted(self, y: np.ndarray, y_train: np.ndarray) -> np.ndarray:
        """Return which held-out targets a model of others can be judged by."""
        raise NotImplementedError

    def _held_out(self, y: np.ndarray, weight: np.ndarray) -> HeldOut:
        """Return what keeps predictions of held-out rows."""
        raise NotImplementedError

    def _checked_estimator(self) -> KernelMachine:
        estimator = self._default() if self.estimator is None else self.estimator
        name = type(self).__name__
        if not isinstance(estimator, self._base):
            raise TypeError(
                f"{name}(estimator=...) takes an estimator with the kernel of an infinitely wide "
                f"network, {self._examples}, not {type(estimator).__name__}: steps before it "
                f"stand before {name}, in a pipeline."
            )
        if not isinstance(estimator.alpha, str) and np.ndim(estimator.alpha) > 0:
            raise ValueError(
                f"{name}: the estimator has one alpha for each row, which cannot be divided into "
                "folds. Use one number or alpha='auto', and weights for rows that are more precise."
            )
        if getattr(estimator, "initial_function", None) is not None:
            raise ValueError(
                f"{name}: the derivatives of initial_function are not known, by which inputs would "
                "be re-scaled: set initial_function=None."
            )
        return estimator

    def _recipes(self) -> list[Recipe]:
        """Return all combinations of what is to be chosen from."""
        matrices = [self.matrix] if isinstance(self.matrix, str) else list(self.matrix)
        for matrix in matrices:
            if matrix not in ("full", "diagonal"):
                raise ValueError(f"matrix must be 'full' or 'diagonal', or both; got {matrix!r}.")
        powers = self._positive_numbers("power")
        factors = self._positive_numbers("alpha_factors")
        # Of candidates that are equally good the plain one is chosen.
        factors.sort(key=lambda factor: factor != 1)
        return [Recipe(*recipe) for recipe in product(matrices, powers, factors)]

    def _positive_numbers(self, name: str) -> list[float]:
        given = getattr(self, name)
        numbers = [given] if np.ndim(given) == 0 else list(given)
        if not numbers or not all(is_real(number) and 0 < number < np.inf for number in numbers):
            raise ValueError(
                f"{name} must be a positive number, or several to choose from; got {given!r}."
            )
        return [float(number) for number in numbers]

    def _learn(self, X: np.ndarray, y: np.ndarray, sample_weight: ArrayLike | None) -> None:
        """Choose by cross-fitting, and fit to all rows of checked data."""
        estimator, recipes = self._checked_estimator(), self._recipes()
        weight = as_sample_weight(sample_weight, len(X))
        rows, folds = self._rows_and_folds(X, y, weight)
        candidates = candidates_of(recipes, self.n_rounds)
        choice = choose(estimator, rows, folds, candidates, self._held_out)
        self._sample_shape = X.shape[1:]
        self._calibration = choice.calibration
        self.cv_results_ = choice.table
        self._fit_all(estimator, rows, choice.candidate)

    def _rows_and_folds(
        self, X: np.ndarray, y: np.ndarray, weight: np.ndarray
    ) -> tuple[WeightedRows, list[HeldOutFold]]:
        if self.cv is None or is_integer(self.cv):
            n_folds = 5 if self.cv is None else int(self.cv)
            rows = merged(X, y, weight)
            folds = dealt_folds(rows, self._labels(rows.y), n_folds, self.random_state)
        else:
            rows = WeightedRows(X, y, weight)
            folds = given_folds(check_cv(self.cv), rows)
        judged = (self._judged(rows, fold) for fold in folds)
        return rows, [fold for fold in judged if fold.test_weight.any()]

    def _judged(self, rows: WeightedRows, fold: HeldOutFold) -> HeldOutFold:
        """Return a fold in which those held-out rows have a weight that say something."""
        trained = fold.train[fold.train_weight > 0]
        counted = self._counted(rows.y[fold.test], rows.y[trained])
        return replace(fold, test_weight=np.where(counted, fold.test_weight, 0.0))

    def _fit_all(self, estimator: KernelMachine, rows: WeightedRows, chosen: Candidate) -> None:
        """Fit to all rows, and hold what the model depends on."""
        for last in FeatureLearning(estimator, rows).rounds(chosen.recipe, chosen.n_rounds):
            self._rescaling, self.estimator_ = last
        self.best_params_ = chosen.params
        self.n_rounds_ = chosen.n_rounds
        self.transformation_ = self._rescaling.matrix
        by_mapped = average_gradient_outer_product(
            self.estimator_, self._rescaling(rows.X), sample_weight=rows.weight
        )
        self.feature_matrix_ = self._rescaling.outer_product_by_inputs(by_mapped)
        diagonal = np.diagonal(self.feature_matrix_)
        total = diagonal.sum()
        importances = diagonal / total if total > 0 else np.full(len(diagonal), 1 / len(diagonal))
        self.feature_importances_ = importances.reshape(self._sample_shape)

    # Predictions -----------------------------------------------------------------------------

    def _checked_inputs(self, X: ArrayLike) -> np.ndarray:
        check_is_fitted(self, "estimator_")
        dtypes = dtypes_of_inputs(self.estimator_.dtype)
        return validate_inputs_like(self, X, self._sample_shape, dtype=dtypes)

    def _mapped(self, X: ArrayLike) -> np.ndarray:
        """Return checked inputs as the estimator within takes them."""
        inputs = self._checked_inputs(X)
        return self._rescaling(inputs)
