"""Metadata, such as weights, on their way to estimators, scorers and splitters."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from sklearn import get_config
from sklearn.exceptions import UnsetMetadataPassedError
from sklearn.utils import Bunch
from sklearn.utils.metadata_routing import (
    MetadataRequest,
    MetadataRouter,
    MethodMapping,
    process_routing,
)


def routed_to_folds(
    function: str, estimator: Any, scorer: Any, cv: Any, groups: Any, metadata: dict[str, Any]
) -> Bunch:
    """Return what a function of cross-validation passes on of its metadata, as scikit-learn's do.

    It is in ``splitter.split``, ``estimator.fit`` and ``scorer.score``. Errors name the function.
    """
    if not get_config()["enable_metadata_routing"]:
        return Bunch(
            splitter=Bunch(split={"groups": groups}),
            estimator=Bunch(fit=metadata),
            scorer=Bunch(score={}),
        )
    if groups is not None:
        raise ValueError(
            "`groups` can only be passed if metadata routing is not enabled via "
            "`sklearn.set_config(enable_metadata_routing=True)`. When routing is enabled, pass "
            "`groups` alongside other metadata via the `params` argument instead."
        )
    router = MetadataRouter(owner=function)
    parts = {"splitter": cv, "estimator": estimator, "scorer": scorer}
    for (name, part), method in zip(parts.items(), ("split", "fit", "score"), strict=True):
        mapping = MethodMapping().add(caller="fit", callee=method)
        router.add(method_mapping=mapping, **{name: part})
    try:
        routed: Bunch = process_routing(router, "fit", **metadata)
    except UnsetMetadataPassedError as error:
        # Users do not call `fit` of a function.
        raise UnsetMetadataPassedError(
            message=str(error).replace(f"{function}.fit", function),
            unrequested_params=error.unrequested_params,
            routed_params=error.routed_params,
        ) from None
    return routed


class RoutedScorer:
    """A function ``score(estimator, X, y, sample_weight=None)`` and its request for the weights.

    Instances, and functions that `takes_weights` decorates, are what scikit-learn's scorers are to
    metadata routing and to searches.
    """

    def __init__(self, score: Callable[..., float], sample_weight: bool | str | None) -> None:
        self._score = score
        self._request = MetadataRequest(owner=score.__name__)
        self._request.score.add_request(param="sample_weight", alias=sample_weight)

    def __call__(self, estimator: Any, X: Any, y: Any, **metadata: Any) -> float:
        """Return the score."""
        return self._score(estimator, X, y, **metadata)

    def __repr__(self) -> str:
        return self._score.__name__

    def set_score_request(self, *, sample_weight: bool | str | None) -> RoutedScorer:
        """Return the scorer with another request for the weights."""
        if not get_config()["enable_metadata_routing"]:
            raise RuntimeError(
                "This method is only available when metadata routing is enabled. You can enable it "
                "using sklearn.set_config(enable_metadata_routing=True)."
            )
        return RoutedScorer(self._score, sample_weight)

    def get_metadata_routing(self) -> MetadataRequest:
        """Return the request."""
        return self._request

    def _accept_sample_weight(self) -> bool:
        return True


Scorer = TypeVar("Scorer", bound=Callable[..., float])


def takes_weights(score: Scorer) -> Scorer:
    """Let searches and metadata routing know that a scorer takes ``sample_weight``.

    The function stays a function, with the methods of a `RoutedScorer`.
    """
    routed = RoutedScorer(score, None)
    for name in ("set_score_request", "get_metadata_routing", "_accept_sample_weight"):
        setattr(score, name, getattr(routed, name))
    return score
