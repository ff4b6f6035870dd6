"""Asks the server what we may do, one SelfSubjectAccessReview a right, which any authorizer answers rightly.

(The list of all rules, SelfSubjectRulesReview, is incomplete where a webhook authorizes.)
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from collector.kube.api import Api
from collector.kube.errors import ApiError, NotFoundError, UnauthorizedError
from collector.records import Json
from collector.records.access import mapping, string
from collector.records.rights import Right

_GROUP = "authorization.k8s.io"
_VERSIONS = ("v1", "v1beta1")
_PARALLEL = 8


@dataclass(frozen=True, kw_only=True)
class Answered:
    """What the server said about a right; ``allowed`` is None when it could not be asked, for ``reason``."""

    right: Right
    allowed: bool | None
    reason: str = ""


class Reviewer:
    """Asks in parallel, as far as the manners of the API allow; goes on with the version that answers."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._versions = list(_VERSIONS)
        self._lock = threading.Lock()

    def ask(self, rights: Sequence[Right]) -> tuple[Answered, ...]:
        """Returns the answers in the order of ``rights``. Raises UnauthorizedError if nobody knows us."""
        with ThreadPoolExecutor(_PARALLEL, "rights") as pool:
            return tuple(pool.map(self._ask, rights))

    def _ask(self, right: Right) -> Answered:
        failure: ApiError | None = None
        for version in tuple(self._versions):
            try:
                return _read(right, self._api.review(_path(version), _review(version, right)))
            except UnauthorizedError:
                raise
            except NotFoundError as error:
                failure = error
                self._forget(version)
            except ApiError as error:
                return Answered(right=right, allowed=None, reason=error.message)
        reason = failure.message if failure else "the server takes no reviews of access"
        return Answered(right=right, allowed=None, reason=reason)

    def _forget(self, version: str) -> None:
        with self._lock:
            if version in self._versions:
                self._versions.remove(version)


def _path(version: str) -> str:
    return f"/apis/{_GROUP}/{version}/selfsubjectaccessreviews"


def _review(version: str, right: Right) -> Json:
    return {
        "apiVersion": f"{_GROUP}/{version}",
        "kind": "SelfSubjectAccessReview",
        "spec": dict(_attributes(right)),
    }


def _attributes(right: Right) -> Iterator[tuple[str, Json]]:
    if right.is_path:
        yield "nonResourceAttributes", {"verb": right.verb, "path": right.resource}
        return
    resource, _, part = right.resource.partition("/")
    attributes = {"verb": right.verb, "group": right.group, "resource": resource}
    attributes |= {
        key: value for key, value in (("subresource", part), ("namespace", right.namespace)) if value
    }
    yield "resourceAttributes", attributes


def _read(right: Right, answer: Json) -> Answered:
    status = mapping(answer, "status")
    allowed = status.get("allowed")
    if not isinstance(allowed, bool):
        return Answered(right=right, allowed=None, reason="the server's review says neither yes nor no")
    problem = string(status, "evaluationError")
    # An authorizer that could not evaluate everything says no; that is not the same as a right not granted.
    if not allowed and problem:
        return Answered(right=right, allowed=None, reason=problem)
    return Answered(right=right, allowed=allowed)
