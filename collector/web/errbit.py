"""Reads an Errbit with a user's token: lists of problems and notices, and the params of one notice.

Errbit takes such a token in the address only. So it is shown nowhere, sent over TLS or to this machine alone
unless plain http is allowed, and never along a redirect: where one leads is rebuilt on our own address.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import tenacity

from collector import __version__
from collector.core.clock import Clock, parse_rfc3339, rfc3339
from collector.core.deadline import Deadline
from collector.core.secret import Secret
from collector.records import Json
from collector.records.access import integer, string
from collector.web.errors import BrokenError, DeliveryError, RefusedError, RetryLaterError
from collector.web.http import Answer, HttpClient
from collector.web.rubyhash import Scalar, params_of

_MAX_LIST = 32 * 1024 * 1024
_MAX_PAGE = 24 * 1024 * 1024
_TRIES = 4
_LONGEST_BACKOFF = 30
_SHORTEST_PERIOD = 3600
_ID = re.compile(r"[0-9a-f]{24}")
_PROBLEM_PAGE = re.compile(r"/apps/[^/?#]{1,100}/problems/[^/?#]{1,100}")
_NO_SUCH = HTTPStatus.NOT_FOUND


class ReadError(DeliveryError):
    """The endpoint's answer is not what an Errbit gives."""


@dataclass(frozen=True, kw_only=True)
class ListedNotice:
    """One notice as the API lists it, without params."""

    id: str
    created: datetime
    error_class: str
    message: str


@dataclass(frozen=True, kw_only=True)
class ListedProblem:
    """One problem as the API lists it."""

    id: str
    app: str
    environment: str
    message: str
    where: str
    first: datetime
    last: datetime
    count: int
    resolved: bool
    resolved_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class ErrbitSource:
    """An Errbit to read evidence from. ``url`` is empty where it is to be found in the cluster."""

    token: Secret
    url: str = ""
    ca_file: Path | None = None
    allow_http: bool = False


class ErrbitReader:
    """One Errbit, seen as a user.

    Args:
        base: its address, without a slash at the end.
        token: the user's.
        http: carries the requests.
        clock: for the waits between tries.
    """

    def __init__(self, base: str, token: Secret, http: HttpClient, clock: Clock) -> None:
        self._base = base.rstrip("/")
        self._token = token
        self._http = http
        self._clock = clock

    def notices(self, start: datetime, end: datetime, deadline: Deadline) -> list[ListedNotice]:
        """Returns all notices of all applications in a period. Raises DeliveryError."""
        found = {}
        for entry in self._listed("notices", start, end, deadline):
            created = parse_rfc3339(entry.get("created_at"))
            if created and _ID.fullmatch(string(entry, "_id")):
                found[entry["_id"]] = ListedNotice(
                    id=entry["_id"],
                    created=created,
                    error_class=string(entry, "error_class"),
                    message=string(entry, "message"),
                )
        return sorted(found.values(), key=lambda notice: (notice.created, notice.id))

    def problems(self, start: datetime, end: datetime, deadline: Deadline) -> list[ListedProblem]:
        """Returns the problems of all applications that a period touches. Raises DeliveryError."""
        found = {}
        for entry in self._listed("problems", start, end, deadline):
            first, last = (parse_rfc3339(entry.get(key)) for key in ("first_notice_at", "last_notice_at"))
            if first and last:
                found[string(entry, "_id")] = ListedProblem(
                    id=string(entry, "_id"),
                    app=string(entry, "app_name"),
                    environment=string(entry, "environment"),
                    message=string(entry, "message"),
                    where=string(entry, "where"),
                    first=first,
                    last=last,
                    count=integer(entry, "notices_count"),
                    resolved=entry.get("resolved") is True,
                    resolved_at=parse_rfc3339(entry.get("resolved_at")),
                )
        return sorted(found.values(), key=lambda problem: (problem.last, problem.id))

    def params(self, notice_id: str, deadline: Deadline) -> dict[str, Scalar]:
        """Returns the flat params of a notice (Errbit 0.10 and later).

        Raises:
            RefusedError: with 404 from an older Errbit; see ``older_params``.
            DeliveryError: otherwise.
        """
        page = self._problem_of("notices", notice_id, deadline)
        return self._page(page, {"notice_id": notice_id}, deadline)

    def older_params(self, notice_id: str, count: int, deadline: Deadline) -> Iterator[dict[str, Scalar]]:
        """Yields the params of a problem's notices, newest first, as Errbit before 0.10 pages them.

        ``notice_id`` is any notice of the problem, ``count`` how many it has. Raises DeliveryError.
        """
        page = self._problem_of("locate", notice_id, deadline)
        for number in range(1, count + 1):
            yield self._page(page, {"notice": str(number)}, deadline)

    def _problem_of(self, route: str, notice_id: str, deadline: Deadline) -> str:
        """Returns the path of the page of a notice's problem: where the endpoint redirects to."""
        try:
            self._get(f"/{route}/{notice_id}", {}, deadline)
        except RefusedError as error:
            if error.status not in (HTTPStatus.FOUND, HTTPStatus.MOVED_PERMANENTLY, HTTPStatus.SEE_OTHER):
                raise
            path = urlsplit(error.location).path
            prefix = urlsplit(self._base).path
            inside = path[len(prefix) :] if prefix and path.startswith(prefix) else path
            if _PROBLEM_PAGE.fullmatch(inside):
                return inside
        raise ReadError("the endpoint does not lead from a notice to its problem", hint=_HINT)

    def _page(self, path: str, query: dict[str, str], deadline: Deadline) -> dict[str, Scalar]:
        answer = self._get(path, query, deadline, limit=_MAX_PAGE)
        found = params_of(answer.body.decode("utf-8", "replace")) if answer.complete else None
        if found is None:
            raise ReadError("a notice's page shows no params, or broke off", hint=_HINT)
        return found

    def _listed(self, what: str, start: datetime, end: datetime, deadline: Deadline) -> Iterator[Json]:
        """Yields the objects of a list; a period with too many is asked for in halves."""
        query = {"start_date": rfc3339(start), "end_date": rfc3339(end)}
        answer = self._get(f"/api/v1/{what}.json", query, deadline, limit=_MAX_LIST)
        if not answer.complete:
            if (end - start).total_seconds() <= _SHORTEST_PERIOD:
                raise ReadError(f"the endpoint's list of {what} is too long or broke off")
            middle = start + (end - start) / 2
            yield from self._listed(what, start, middle, deadline)
            yield from self._listed(what, middle, end, deadline)
            return
        try:
            content = json.loads(answer.body)
        except (ValueError, RecursionError):
            content = None
        if not isinstance(content, list):
            raise ReadError(f"the endpoint's list of {what} is none", hint=_HINT)
        yield from (entry for entry in content if isinstance(entry, dict))

    def _get(self, path: str, query: dict[str, str], deadline: Deadline, *, limit: int = 65_536) -> Answer:
        token = self._token.reveal()
        headers = {"Accept": "application/json, text/html", "User-Agent": f"conductor-diag/{__version__}"}
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type((RetryLaterError, BrokenError)),
            wait=tenacity.wait_exponential_jitter(initial=1, max=_LONGEST_BACKOFF, jitter=1),
            stop=lambda state: state.attempt_number >= _TRIES or state.upcoming_sleep >= deadline.left(),
            sleep=self._clock.sleep,
            reraise=True,
        )
        return retrying(
            self._http.request,
            "GET",
            f"{self._base}{path}",
            headers,
            deadline,
            query=urlencode({**query, "auth_token": token}),
            secret=token,
            limit=limit,
        )


_HINT = "check the endpoint's address; it must be an Errbit's"


def explained(error: DeliveryError) -> tuple[str, str]:
    """Returns the sentence and hint for a failed reading."""
    if isinstance(error, RefusedError):
        if error.status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, _NO_SUCH):
            return (
                f"the endpoint does not know the user's token, or is no Errbit (it said {error.status})",
                "copy the token from the user's own page in Errbit, and check the address",
            )
        if error.status < HTTPStatus.BAD_REQUEST:
            return f"the endpoint redirects elsewhere (it said {error.status})", _HINT
    return error.reason, error.hint
