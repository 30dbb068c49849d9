"""From a table to an ensemble: candidates are cross-fitted, averaged, and fitted to all rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np
from sklearn.utils import gen_batches

from skntk.recipes.candidates import CANDIDATES
from skntk.recipes.columns import Table
from skntk.recipes.cross_fitting import CrossFit, CrossFitter, FittedFeatures
from skntk.recipes.deadline import Deadline
from skntk.recipes.effort import Effort, choose_effort
from skntk.recipes.encoded_table import EncodedTable, TableEncodings
from skntk.recipes.ensemble import greedy_weights
from skntk.recipes.ridge import LinearModel
from skntk.recipes.tasks import Folds, Task

__all__ = ["EnsembleMember", "HeldOut", "SelectedEnsemble", "select_ensemble"]

T = TypeVar("T", bound=Task)

_BLOCK = 8192
# A refit takes at most about this part of the time that the folds have taken.
_REFIT = 0.3


@dataclass(frozen=True)
class EnsembleMember:
    """A candidate that was fitted to all rows, with its models and their weights."""

    features: FittedFeatures
    models: tuple[LinearModel, ...]
    weights: np.ndarray
    penalties: tuple[float, ...]


@dataclass(frozen=True)
class HeldOut(Generic[T]):
    """Rows on which candidates were compared, and what the ensemble predicted without them.

    Attributes
    ----------
    task : task
        Their targets and weights.
    table : EncodedTable
        The rows.
    folds : list of tuple of ndarray
        Their folds.
    predictions : ndarray of shape (n_rows,) or (n_rows, n_classes)
        What the average of the members predicts for rows that were held out.
    """

    task: T
    table: EncodedTable
    folds: Folds
    predictions: np.ndarray


@dataclass(frozen=True)
class SelectedEnsemble:
    """An average of linear models on the features of networks.

    Attributes
    ----------
    link : callable
        Makes predictions of the values of a linear model.
    leaderboard : list of dict
        What was tried, best first.
    """

    encodings: TableEncodings
    members: tuple[EnsembleMember, ...]
    link: Callable[[np.ndarray], np.ndarray]
    leaderboard: list[dict[str, Any]]

    def predict(self, table: Table) -> np.ndarray:
        """Return the average prediction for rows."""
        blocks = gen_batches(len(table), _BLOCK)
        return np.concatenate([self._predict_block(table.take(rows)) for rows in blocks])

    def _predict_block(self, table: Table) -> np.ndarray:
        encoded = self.encodings.transform(table)
        average: Any = 0.0
        for member in self.members:
            values = member.features(encoded)
            for model, weight in zip(member.models, member.weights, strict=True):
                average = average + weight * self.link(model(values))
        return np.asarray(average)


def select_ensemble(
    table: Table,
    task: T,
    random_state: np.random.RandomState,
    *,
    deadline: Deadline,
    n_jobs: int | None,
    report: Callable[[str], None],
) -> tuple[SelectedEnsemble, HeldOut[T]]:
    """Compare the candidates on held-out rows, and fit the best average of them to all rows."""
    encodings = TableEncodings.fit(table)
    shuffled = random_state.permutation(len(table))
    seeds = random_state.randint(np.iinfo(np.int32).max, size=2)

    def start(effort: Effort) -> CrossFitter:
        rows = shuffled[: effort.n_rows]
        folds = task.take(rows).folds(np.random.RandomState(seeds[0]))
        orders = np.random.RandomState(seeds[1])
        return CrossFitter(
            encodings,
            encodings.transform(table.take(rows)),
            task.take(rows),
            folds,
            orders.permutation(len(rows))[: min(effort.n_points, task.most_points)],
            orders.permutation(len(rows))[: min(effort.n_scale_rows, 500 + len(rows) // 10)],
            n_jobs,
        )

    def seconds(effort: Effort) -> float:
        pilot = next(candidate for candidate in CANDIDATES if candidate.n_fits == 1)
        return start(effort).cross_fit(pilot).seconds

    n_fits = sum(candidate.n_fits for candidate in CANDIDATES)
    fitter = start(choose_effort(len(table), n_fits, deadline.left, seconds))
    rows = shuffled[: len(fitter.table)]
    compared = task.take(rows)
    results = _cross_fit(fitter, deadline, report)
    models = [(result, i) for result in results for i in range(len(result.penalties))]
    predictions = [result.predictions[i] for result, i in models]
    weights = greedy_weights(predictions, compared.loss)
    members = []
    for result in results:
        member_weights = np.array(
            [w for w, (r, _) in zip(weights, models, strict=True) if r is result]
        )
        if member_weights.any():
            members.append(_refit(fitter, result, member_weights, encodings, table, task, rows))
            report(f"{result.candidate.name}, all rows")
    ensemble = SelectedEnsemble(
        encodings, tuple(members), task.predictions, _leaderboard(results, models, weights)
    )
    average = np.tensordot(weights, np.array(predictions), axes=1)
    return ensemble, HeldOut(compared, fitter.table, fitter.folds, average)


def _cross_fit(
    fitter: CrossFitter, deadline: Deadline, report: Callable[[str], None]
) -> list[CrossFit]:
    """Return the candidates' predictions; those that the time does not allow are left out."""
    results: list[CrossFit] = []
    for candidate in CANDIDATES:
        units = [r.seconds / r.candidate.n_fits for r in results if r.candidate.n_fits >= 1]
        unit = max(units, default=0.0)
        refits = _REFIT * (sum(r.seconds for r in results) + unit * candidate.n_fits)
        if results and deadline.left < unit * candidate.n_fits + refits:
            continue
        results.append(fitter.cross_fit(candidate))
        report(candidate.name)
    return results


def _refit(
    fitter: CrossFitter,
    result: CrossFit,
    weights: np.ndarray,
    encodings: TableEncodings,
    table: Table,
    task: Task,
    rows: np.ndarray,
) -> EnsembleMember:
    """Return a chosen candidate, fitted to all rows."""
    fitted = fitter.features(result.candidate)
    moments = fitted.moments * (len(table) / len(rows))
    if len(rows) == len(table):
        path = task.take(rows).path([(slice(None), fitted.values)], moments)
    else:
        path = task.path(_blocks(fitted.features, encodings, table), moments)
    chosen = np.flatnonzero(weights)
    # Every model starts from the one before.
    models = [path.advance(penalty) for penalty in result.penalties[: chosen[-1] + 1]]
    return EnsembleMember(
        fitted.features,
        tuple(models[i] for i in chosen),
        weights[chosen],
        tuple(result.penalties[i] for i in chosen),
    )


def _blocks(
    fitted: FittedFeatures, encodings: TableEncodings, table: Table
) -> Iterator[tuple[slice, np.ndarray]]:
    for rows in gen_batches(len(table), _BLOCK):
        yield rows, fitted(encodings.transform(table.take(rows)))


def _leaderboard(
    results: Sequence[CrossFit], models: Sequence[tuple[CrossFit, int]], weights: np.ndarray
) -> list[dict[str, Any]]:
    """Return a line for every candidate, the least loss of its penalties first."""
    lines = []
    for result in sorted(results, key=lambda result: min(result.losses)):
        best = int(np.argmin(result.losses))
        lines.append(
            {
                "model": result.candidate.name,
                "kernel": result.candidate.kind,
                "alpha": result.penalties[best],
                "loss": result.losses[best],
                "weight": float(
                    sum(w for w, (r, _) in zip(weights, models, strict=True) if r is result)
                ),
                "seconds": result.seconds,
            }
        )
    return lines
