"""Print how deep a fit and a prediction go: classes, functions, and work that is done twice.

Run it with ``python tools/measure_structure.py``; with the folder of another state in PYTHONPATH it
measures that state. Functions are known by their names in a profile of all calls: nothing private
is imported.
"""

from __future__ import annotations

import sys
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import numpy as np
import sklearn
from sklearn.base import BaseEstimator
from sklearn.gaussian_process import GaussianProcessRegressor

import skntk
from skntk import ClosedFormSearchCV, NTKRegressor
from skntk.architecture import FullyConnected

N_TRAIN, N_TEST = 60, 20
OURS = Path(skntk.__file__).parent
GAUSSIAN_PROCESS = Path(sklearn.__file__).parent / "gaussian_process"


class Profile:
    """The functions of the package in a folder that a piece of work calls, in all threads.

    Comprehensions and lambdas count as functions, where Python runs them as such.
    """

    def __init__(self, folder: Path, X: np.ndarray) -> None:
        self.folder = f"{folder}/"
        self.shape = X.shape
        self.calls: list[CodeType] = []
        self.estimators: set[type] = set()
        self.depth = 0
        self.scans = 0
        self._levels = threading.local()

    def of(self, work: Callable[[], Any]) -> Profile:
        """Do the work and record it; NumPy's function is replaced because no profile shows it."""
        isfinite = np.isfinite

        def counted(values: Any, *arguments: Any, **options: Any) -> Any:
            self.scans += np.shape(values) == self.shape
            return isfinite(values, *arguments, **options)

        np.isfinite = counted  # type: ignore[assignment]
        threading.setprofile(self._watch)
        sys.setprofile(self._watch)
        try:
            work()
        finally:
            sys.setprofile(None)
            threading.setprofile(None)  # type: ignore[arg-type]
            np.isfinite = isfinite
        return self

    def count(self, name: str, folder: str = "") -> int:
        """Return how often a function of this name was called; of several, the most frequent."""
        found = [code for code in self.calls if code.co_name == name and folder in code.co_filename]
        return max(Counter(found).values(), default=0)

    def __str__(self) -> str:
        return f"{len(set(self.calls))} / {self.depth}"

    def _watch(self, frame: FrameType, event: str, argument: Any) -> None:
        code = frame.f_code
        if event == "call" and code.co_name == "check_array":
            self.scans += np.shape(frame.f_locals["array"]) == self.shape
        if not code.co_filename.startswith(self.folder):
            return
        level = getattr(self._levels, "now", 0)
        if event == "call":
            level += 1
            self.calls.append(code)
            self.depth = max(self.depth, level)
            if isinstance(frame.f_locals.get("self"), BaseEstimator):
                self.estimators.add(type(frame.f_locals["self"]))
        elif event == "return":
            level -= 1
        self._levels.now = level


def own_classes(cls: type) -> int:
    """Return how many classes of this package the class is made of."""
    return sum(base.__module__.partition(".")[0] == "skntk" for base in cls.__mro__)


def is_built_at_run_time(cls: type) -> bool:
    return getattr(sys.modules[cls.__module__], cls.__name__, None) is not cls


def search_row(X: np.ndarray, y: np.ndarray) -> list[str]:
    """Return the row on the classes of the estimators that closed-form searches fit."""
    found: set[type] = set()
    for folds in (3, None):
        search = ClosedFormSearchCV(NTKRegressor(), {"alpha": [0.1, 1.0]}, cv=folds)
        profile = Profile(OURS, X).of(lambda search=search: search.fit(X, y))
        found |= {cls for cls in profile.estimators if issubclass(cls, NTKRegressor)}
    built = sum(map(is_built_at_run_time, found))
    return [f"{max(map(own_classes, found or [NTKRegressor]))} ({built} built at run time)", ""]


def rows() -> list[list[str]]:
    """Return the rows of the table: what, of this package, of scikit-learn."""
    random = np.random.default_rng(0)
    X, X_test = random.normal(size=(N_TRAIN, 5)), random.normal(size=(N_TEST, 5))
    y = np.sin(X[:, 0])
    # A number, which both have: finding alpha is work of its own.
    ours, theirs = NTKRegressor(FullyConnected(), alpha=0.1), GaussianProcessRegressor()
    # Once before, so that nothing is compiled or imported while calls are counted.
    for model in (ours, theirs):
        model.fit(X, y).predict(X_test, return_std=True)
    fits = [
        Profile(folder, X).of(lambda model=model: model.fit(X, y))
        for model, folder in ((ours, OURS), (theirs, GAUSSIAN_PROCESS))
    ]
    predictions = [
        Profile(folder, X_test).of(lambda model=model: model.predict(X_test, return_std=True))
        for model, folder in ((ours, OURS), (theirs, GAUSSIAN_PROCESS))
    ]
    table = [
        ["own classes in the MRO", str(own_classes(NTKRegressor)), "0"],
        ["the same, of what a closed-form search fits", *search_row(X, y)],
    ]
    for name, (mine, other) in (("fit", fits), ("predict(return_std=True)", predictions)):
        table += [
            [f"{name}: distinct functions / depth", str(mine), str(other)],
            [f"{name}: network built", str(mine.count("build", "presets")), ""],
            [f"{name}: tile sizes found", str(mine.count("tile_sizes")), ""],
            [f"{name}: X scanned", str(mine.scans), str(other.scans)],
        ]
    return table


def main() -> None:
    """Print the table."""
    print(f"{OURS}; {N_TRAIN} rows to fit, {N_TEST} to predict\n")
    print("| | NTKRegressor | GaussianProcessRegressor |")
    print("| --- | --- | --- |")
    for row in rows():
        print("| " + " | ".join(row) + " |")


if __name__ == "__main__":
    main()
