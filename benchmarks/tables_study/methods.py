"""What is compared on tables, each with its defaults: made for a kind of target.

All but the first need packages that this one does not depend on. They are imported when a model is
made, so that an environment with some of them runs these.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

N_RANDOM_CONFIGURATIONS = 30


def recipe(is_regression: bool) -> Any:
    """Return the recipe of this package."""
    from skntk import make_tabular_classifier, make_tabular_regressor

    return (make_tabular_regressor if is_regression else make_tabular_classifier)(random_state=0)


def lightgbm(is_regression: bool) -> Any:
    """Return LightGBM with its defaults."""
    import lightgbm

    model = lightgbm.LGBMRegressor if is_regression else lightgbm.LGBMClassifier
    return model(verbose=-1, random_state=0)


class CatBoost:
    """CatBoost, with missing categories as one of their own, and parameters other than defaults."""

    def __init__(self, is_regression: bool, **parameters: Any) -> None:
        import catboost

        model = catboost.CatBoostRegressor if is_regression else catboost.CatBoostClassifier
        self._model = model(verbose=0, random_seed=0, allow_writing_files=False, **parameters)

    def fit(self, X: Any, y: np.ndarray) -> CatBoost:
        self._categories = [name for name in X if str(X[name].dtype) == "category"]
        self._model.fit(self._read(X), y, cat_features=self._categories)
        return self

    def predict(self, X: Any) -> np.ndarray:
        return np.asarray(self._model.predict(self._read(X)))

    def predict_proba(self, X: Any) -> np.ndarray:
        return np.asarray(self._model.predict_proba(self._read(X)))

    def _read(self, X: Any) -> Any:
        X = X.copy()
        for name in self._categories:
            X[name] = X[name].astype(object).where(X[name].notna(), "missing").astype(str)
        return X


class TunedCatBoost:
    """The best of 30 random configurations of CatBoost on a quarter of the training rows."""

    def __init__(self, is_regression: bool) -> None:
        self._is_regression = is_regression

    def fit(self, X: Any, y: np.ndarray) -> TunedCatBoost:
        from sklearn.metrics import log_loss, mean_squared_error
        from sklearn.model_selection import train_test_split

        rng = np.random.default_rng(0)
        stratify = None if self._is_regression else y
        train, held_out = train_test_split(
            np.arange(len(y)), test_size=0.25, random_state=0, stratify=stratify
        )
        losses, configurations = [], []
        for _ in range(N_RANDOM_CONFIGURATIONS):
            configurations.append(
                {
                    "iterations": int(rng.choice([250, 500, 1000, 2000])),
                    "learning_rate": float(np.exp(rng.uniform(np.log(0.005), np.log(0.3)))),
                    "depth": int(rng.integers(3, 9)),
                    "l2_leaf_reg": float(np.exp(rng.uniform(0, np.log(30)))),
                    "random_strength": float(rng.uniform(0.5, 5)),
                    "bagging_temperature": float(rng.uniform(0, 1)),
                }
            )
            model = CatBoost(self._is_regression, **configurations[-1])
            model.fit(X.iloc[train], y[train])
            rest = X.iloc[held_out]
            losses.append(
                mean_squared_error(y[held_out], model.predict(rest))
                if self._is_regression
                else log_loss(y[held_out], model.predict_proba(rest), labels=np.unique(y))
            )
        best = configurations[int(np.argmin(losses))]
        self._best = CatBoost(self._is_regression, **best).fit(X, y)
        return self

    def predict(self, X: Any) -> np.ndarray:
        return self._best.predict(X)

    def predict_proba(self, X: Any) -> np.ndarray:
        return self._best.predict_proba(X)


def forest(is_regression: bool) -> Any:
    """Return a random forest of 500 trees on numbered categories."""
    from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

    model = RandomForestRegressor if is_regression else RandomForestClassifier
    return _behind_encoders(model(500, random_state=0, n_jobs=-1), one_hot=False)


def linear(is_regression: bool) -> Any:
    """Return ridge or logistic regression on indicators."""
    from sklearn.linear_model import LogisticRegression, Ridge

    model = Ridge() if is_regression else LogisticRegression(max_iter=1000)
    return _behind_encoders(model, one_hot=True)


def realmlp(is_regression: bool) -> Any:
    """Return RealMLP with its tuned defaults."""
    from pytabkit import RealMLP_TD_Classifier, RealMLP_TD_Regressor

    return (RealMLP_TD_Regressor if is_regression else RealMLP_TD_Classifier)(random_state=0)


def _behind_encoders(model: Any, one_hot: bool) -> Any:
    from sklearn.compose import make_column_selector, make_column_transformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

    categories: Any = OrdinalEncoder(
        handle_unknown="use_encoded_value", unknown_value=-1, encoded_missing_value=-1
    )
    if one_hot:
        categories = OneHotEncoder(
            min_frequency=20, handle_unknown="infrequent_if_exist", sparse_output=False
        )
    numbers = make_pipeline(SimpleImputer(strategy="median", add_indicator=True), StandardScaler())
    return make_pipeline(
        make_column_transformer(
            (categories, make_column_selector(dtype_include="category")),
            (numbers, make_column_selector(dtype_exclude="category")),
        ),
        model,
    )


METHODS: dict[str, Callable[[bool], Any]] = {
    "recipe": recipe,
    "CatBoost": CatBoost,
    "CatBoost, tuned": TunedCatBoost,
    "LightGBM": lightgbm,
    "random forest": forest,
    "linear": linear,
    "RealMLP": realmlp,
}
