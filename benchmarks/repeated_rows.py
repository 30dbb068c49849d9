"""The log-loss of classifiers on tables whose rows repeat, beside that of rows that all differ.

Run ``python -m benchmarks.repeated_rows --titanic FILE``. The file is a parquet table of categories
with a column "target": its 800 training rows have 12 different values. Generated tables have 3, 10
and 50 different rows, of 2 and of 5 classes. To the inputs of each the second column adds noise
with a standard deviation of 1e-5, so that no two rows are equal and all else stays as it is.

Generated tables have 200 training rows, all of which tell their `alpha` where they differ as well.
With finite times they have 800, because the temperature comes from folds that are drawn anew.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars
from sklearn.base import ClassifierMixin, clone
from sklearn.gaussian_process import GaussianProcessClassifier
from sklearn.gaussian_process.kernels import RBF
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.preprocessing import OneHotEncoder

from skntk import ClosedFormSearchCV, NNGPClassifier, NTKClassifier, make_tabular_classifier
from skntk.architecture import FullyConnected

RESULTS = Path(__file__).parent / "results" / "repeated_rows.md"
N_TRAIN = 800
N_TRAIN_GENERATED = 200
NOISE = 1e-5
# Takes a model for each row, where all differ.
LEAVING_ONE_OUT = "search over NTKClassifier, leaving one out of 100 rows"
N_LEFT_OUT = 100
GRID = {"architecture__depth": [1, 3], "alpha": ["auto", 0.01, 1.0]}
SCORING = "neg_log_loss"

Table = tuple[str, np.ndarray, np.ndarray]


def models() -> dict[str, ClassifierMixin]:
    """Return what is compared, by name."""
    nngp, ntk = NNGPClassifier(), NTKClassifier()
    search = {"param_grid": GRID, "scoring": SCORING}
    softmax = NNGPClassifier(likelihood="softmax")
    return {
        "NNGPClassifier()": nngp,
        "NTKClassifier()": ntk,
        'NNGPClassifier(likelihood="softmax")': softmax,
        'the same, alpha=1, alpha_scale="absolute"': clone(softmax).set_params(
            alpha=1.0, alpha_scale="absolute"
        ),
        "NNGPClassifier(training_time=100)": NNGPClassifier(training_time=100.0),
        "NTKClassifier(training_time=100)": NTKClassifier(training_time=100.0),
        'NTKClassifier(loss="log_loss", training_time=100)': NTKClassifier(
            loss="log_loss", training_time=100.0
        ),
        "search over NNGPClassifier, 5 folds": ClosedFormSearchCV(
            NNGPClassifier(FullyConnected()), cv=5, **search
        ),
        LEAVING_ONE_OUT: ClosedFormSearchCV(NTKClassifier(FullyConnected()), cv=None, **search),
        "make_tabular_classifier()": make_tabular_classifier(random_state=0),
    }


def peers() -> dict[str, ClassifierMixin]:
    """Return classifiers of scikit-learn, by name."""
    return {
        "GaussianProcessClassifier": GaussianProcessClassifier(1.0 * RBF()),
        "LogisticRegression": LogisticRegression(),
    }


def tables(titanic: Path) -> Iterator[Table]:
    """Yield tables: their names, inputs, and classes as numbers."""
    frame = polars.read_parquet(titanic)
    categories = frame.drop("target").cast(polars.String).to_numpy()
    X = OneHotEncoder(sparse_output=False).fit_transform(categories)
    yield "titanic", X, np.unique(frame["target"].to_numpy(), return_inverse=True)[1]
    for n_distinct in (3, 10, 50):
        for n_classes in (2, 5):
            name = f"{n_distinct} different rows, {n_classes} classes"
            yield name, *generated(n_distinct, n_classes)


def generated(n_distinct: int, n_classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Return rows that repeat, and classes whose probabilities depend on them."""
    random = np.random.default_rng(10 * n_distinct + n_classes)
    rows, logits = random.normal(size=(n_distinct, 3)), random.normal(size=(n_distinct, n_classes))
    drawn = random.integers(n_distinct, size=2 * N_TRAIN)
    noisy = 1.5 * logits[drawn] + random.gumbel(size=(2 * N_TRAIN, n_classes))
    return rows[drawn], noisy.argmax(axis=1)


def loss(model: ClassifierMixin, X: np.ndarray, y: np.ndarray, n_train: int) -> float:
    """Return the log-loss of the rows that a model is not trained on."""
    order = np.random.default_rng(0).permutation(len(y))
    train, test = order[:n_train], order[n_train:]
    fitted = clone(model).fit(X[train], y[train])
    return float(log_loss(y[test], fitted.predict_proba(X[test])))


def number_of_rows(table: str, model: str) -> int:
    """Return how many rows of a table a model is trained on."""
    if model == LEAVING_ONE_OUT:
        return N_LEFT_OUT
    has_folds = "training_time" in model and "log_loss" not in model
    return N_TRAIN if table == "titanic" or has_folds else N_TRAIN_GENERATED


def report(titanic: Path, n_generated: int) -> Iterator[str]:
    """Yield the lines of a table."""
    yield "| table | model | rows repeat | all rows differ |"
    yield "| --- | --- | --- | --- |"
    for position, (name, X, y) in enumerate(tables(titanic)):
        if position > n_generated:
            return
        differing = X + NOISE * np.random.default_rng(1).normal(size=X.shape)
        # Of five classes, the peers take minutes.
        compared = models() | (peers() if name == "titanic" else {})
        for label, model in compared.items():
            n_train = number_of_rows(name, label)
            repeated, alone = (loss(model, inputs, y, n_train) for inputs in (X, differing))
            yield f"| {name} | `{label}` | {repeated:.4f} | {alone:.4f} |"


def main() -> None:
    """Measure, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--titanic", type=Path, required=True, help="a parquet file")
    parser.add_argument("--generated", type=int, default=6, help="number of generated tables")
    arguments = parser.parse_args()
    # Data without noise, or with nothing else.
    warnings.simplefilter("ignore")
    lines = []
    for line in report(arguments.titanic, arguments.generated):
        print(line, flush=True)
        lines.append(line)
    RESULTS.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
