"""The study behind the defaults of the presets: what does each value score on jobs of its kind?

Run ``python -m benchmarks.choose_preset_defaults --scores scores.csv --cifar10 cifar10_small.npz``
to compute the scores that the file lacks, and without ``--cifar10`` to print the tables from it.

The archive holds ``X_train``, images of 32 x 32 x 3 bytes, and ``y_train``; all other data come
with scikit-learn or are generated. Scores are RMSEs in units of the standard deviation of the test
targets, and log-losses, of the estimators with their default ``alpha="auto"``.
"""

from __future__ import annotations

import argparse
import csv
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.metrics import log_loss

from benchmarks.preset_study.jobs import Job, image_jobs, sequence_jobs, vector_jobs
from benchmarks.preset_study.variants import STUDIES, Study, variant_name
from benchmarks.timing import markdown_table
from skntk import NNGPClassifier, NNGPRegressor, NTKClassifier, NTKRegressor
from skntk.architecture.core.layer import Layer

KEY = ["preset", "variant", "job", "seed", "kernel"]
REGRESSORS = {"NNGP": NNGPRegressor, "NTK": NTKRegressor}
CLASSIFIERS = {"NNGP": NNGPClassifier, "NTK": NTKClassifier}


def score(network: Layer, job: Job, kernel: str) -> float:
    """Return the RMSE in standard deviations of the test targets, or the log-loss."""
    estimators = CLASSIFIERS if job.is_classification else REGRESSORS
    model = estimators[kernel](network).fit(job.X_train, job.y_train)
    if job.is_classification:
        return log_loss(job.y_test, model.predict_proba(job.X_test), labels=model.classes_)
    errors = model.predict(job.X_test) - job.y_test
    return float(np.sqrt(np.mean(errors**2)) / np.std(job.y_test))


def jobs_of_kind(kind: str, cifar10: Path, seed: int) -> list[Job]:
    """Return the jobs of "vectors", "images" or "sequences"."""
    if kind == "images":
        return image_jobs(cifar10, seed)
    return vector_jobs(seed) if kind == "vectors" else sequence_jobs(seed)


def add_scores(study: Study, cifar10: Path, seed: int, path: Path) -> None:
    """Append the scores that the file lacks, each as soon as it is there."""
    known = set() if not path.exists() else set(pd.read_csv(path)[KEY].itertuples(index=False))
    known = {tuple(row) for row in known}
    if not known:
        path.write_text(",".join([*KEY, "score"]) + "\n")
    with path.open("a", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        for name, network in study.networks().items():
            for job in jobs_of_kind(study.kind, cifar10, seed):
                for kernel in REGRESSORS:
                    key = (study.preset.__name__, name, job.name, seed, kernel)
                    if key not in known:
                        writer.writerow([*key, f"{score(network, job, kernel):.6g}"])
                        file.flush()


def relative_scores(scores: pd.DataFrame) -> pd.DataFrame:
    """Return the geometric means over seeds and kernels of score / best variant's score.

    Parameters
    ----------
    scores : DataFrame
        Those of one preset.

    Returns
    -------
    DataFrame
        One row a variant in the order of the file; one column a job, and "mean" over the jobs.
    """
    table = scores.pivot(index="variant", columns=["job", "seed", "kernel"], values="score")
    table = np.log(table.loc[scores["variant"].unique()])
    relative = (table - table.min()).T.groupby(level="job", sort=False).mean().T
    return np.exp(relative.assign(mean=relative.mean(axis=1)))


def report(scores: pd.DataFrame) -> str:
    """Return one table for each preset."""
    parts = []
    for study in STUDIES:
        name = study.preset.__name__
        is_ours = (scores["preset"] == name) & scores["variant"].isin(list(study.networks()))
        table = relative_scores(scores[is_ours])
        rows = [
            [variant, *(f"{value:.3f}" for value in values)]
            for variant, *values in table.itertuples()
        ]
        start = " ".join(variant_name(study.start).split())
        parts.append(
            f"### `{name}`\n\nBefore: `{start}`.\n\n"
            + markdown_table(["variant", *table.columns], rows)
        )
    return "\n\n".join(parts)


def main() -> None:
    """Compute the scores if asked to, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cifar10", type=Path, help="archive of images: compute scores")
    parser.add_argument("--scores", type=Path, required=True, help="CSV file, written or read")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--presets", nargs="+", help="names of those to compute; all by default")
    arguments = parser.parse_args()
    # Ends of the range of alpha, which variants that suit a job badly reach.
    warnings.simplefilter("ignore")
    if arguments.cifar10:
        for seed in arguments.seeds:
            for study in STUDIES:
                if not arguments.presets or study.preset.__name__ in arguments.presets:
                    add_scores(study, arguments.cifar10, seed, arguments.scores)
    print(report(pd.read_csv(arguments.scores)))


if __name__ == "__main__":
    main()
