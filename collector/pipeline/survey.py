"""Asks the server, before anything is collected, whether it can be read at all and what it offers.

Each question has its own short time, so that a slow server costs seconds and not the run. What a server
refuses or cannot say is done without; only one that does not answer, or knows nobody, ends the attempt.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any

from collector.core.bounded import call_within
from collector.core.log import Logger
from collector.kube.api import Api
from collector.kube.discovery import ApiResource, Discovery, discover
from collector.kube.errors import (
    ApiError,
    ConnectionFailedError,
    ForbiddenError,
    MalformedError,
    NotFoundError,
    UnauthorizedError,
)
from collector.kube.reach import Refusal
from collector.kube.wellknown import well_known
from collector.records import Gap
from collector.records.access import string

# Seconds, and the part of the time for collecting that they may be at most: well below two thirds in all, so
# that a server which only costs time leaves enough to find out where it does.
_VERSION = (5.0, 1 / 8)
_WELLNESS = (2.5, 1 / 16)
_DISCOVERY = (30.0, 1 / 3)
_GRACE_SECONDS = 2.0
_HEALTH = ("/readyz", "/healthz")
_ERRNO = re.compile(r"^\[Errno -?\d+\] ")
_FAILED_CHECK = re.compile(r"\[-\]([\w./-]+)")
# After these, asking something else is no use: nobody answers, or whoever does is no API server.
_FINAL = (UnauthorizedError, ConnectionFailedError, MalformedError)
_NOTHING = Discovery(groups=(), documents=(), resources=(), gaps=())


@dataclass(frozen=True, kw_only=True)
class Survey:
    """What the server said. ``refusal`` is None when it can be read, however badly.

    ``version`` is the answer to /version, empty if that could not be had.
    """

    version: dict[str, Any]
    discovery: Discovery
    refusal: Refusal | None = None


def unread(refusal: Refusal) -> Survey:
    """Returns the survey of a server that cannot be read."""
    return Survey(version={}, discovery=_NOTHING, refusal=refusal)


def survey(api: Api, log: Logger) -> Survey:
    """Returns what the server says within a part of the API's time. Raises nothing the server could cause."""
    most = sum(_seconds(api, part) for part in (_VERSION, *(_WELLNESS,) * len(_HEALTH), _DISCOVERY))
    try:
        return call_within(most + _GRACE_SECONDS, lambda: _ask(api, log), name="survey")
    except TimeoutError as error:
        return unread(Refusal(message=str(error)))


def _ask(api: Api, log: Logger) -> Survey:
    version: dict[str, Any] = {}
    failure: ApiError | None = None
    try:
        answer = api.within(_seconds(api, _VERSION)).get_json("/version")
        version = answer if isinstance(answer, dict) else {}
    except (ForbiddenError, NotFoundError):
        pass  # an answer too: the server is there
    except ApiError as error:
        failure = error
    if isinstance(failure, _FINAL):
        return unread(_refusal(failure))
    if failure is not None:
        log.warning(
            "the server does not state its version",
            say=f"no answer to /version ({failure.message}); asking further",
            reason=failure.message,
        )
    _tell_health(api, log)
    try:
        found = discover(api.within(_seconds(api, _DISCOVERY)))
    except ApiError as error:
        if isinstance(error, UnauthorizedError) or failure is not None:
            return unread(_refusal(failure or error))
        log.warning("the server does not say what it offers", reason=error.message)
        found = replace(_NOTHING, gaps=(_undiscovered(error),))
    return Survey(version=version, discovery=_completed(found))


def _seconds(api: Api, part: tuple[float, float]) -> float:
    most, share = part
    return min(most, api.deadline.left() * share)


def _refusal(error: ApiError) -> Refusal:
    return Refusal(message=_ERRNO.sub("", error.message), status=error.status)


def _tell_health(api: Api, log: Logger) -> None:
    """Warns at once when the server itself says that it is not well; the collectors keep the whole answer."""
    for path in _HEALTH:
        try:
            api.within(_seconds(api, _WELLNESS)).get_text(path, {"verbose": ""})
        except (ForbiddenError, NotFoundError):
            continue
        except ApiError as error:
            checks = ", ".join(_FAILED_CHECK.findall(error.message)[:10])
            log.warning("the API server is not well", path=path, reason=checks or error.message)
        return


def _undiscovered(error: ApiError) -> Gap:
    return Gap(
        subject="API discovery",
        status=error.outcome,
        reason=f"{error.message}; only the best known resources were asked for",
        needs="kubectl get --raw /apis",
    )


def _completed(found: Discovery) -> Discovery:
    """Adds well-known resources of group versions whose documents could not be had."""
    read = {string(document, "groupVersion") for document in found.documents}
    listed = {string(group, "name") for group in found.groups}
    missing = [
        resource
        for resource in well_known()
        if resource.api_version not in read and _may_exist(resource, listed)
    ]
    return replace(found, resources=(*found.resources, *missing)) if missing else found


def _may_exist(resource: ApiResource, listed: set[str]) -> bool:
    return not resource.group or not listed or resource.group in listed
