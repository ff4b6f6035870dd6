"""What can be read back: Errbit's JSON API, its redirect to a notice, and the page with a notice's params."""

from __future__ import annotations

import hmac
import json
import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import TypeVar

from collector.core.clock import parse_rfc3339
from collector.receiver.model import HTML, JSON, Answer, Problem, RejectedError, Request, StoredNotice
from collector.receiver.page import PAGE_HEADERS, index, problem_page, sign_in_page
from collector.receiver.store import Store
from collector.records.model import Json

_SIGN_IN = b'{"error":"You need to sign in or sign up before continuing."}'
_LIST = re.compile(r"/api/v1/(problems|notices)(?:\.json)?")
_ONE = re.compile(r"/api/v1/problems/([0-9a-f]{24})(?:\.json)?")
_NOTICE = re.compile(r"/(?:notices|locate)/([0-9a-f]{24})")
_PAGE = re.compile(r"/apps/[0-9a-f]{24}/problems/([0-9a-f]{24})")
_STATS = "/api/v1/stats/app.json"
_TESTER = "/health/api-key-tester"
_SIGN_IN_PAGE = "/users/sign_in"
_DIGITS = 6

T = TypeVar("T")


class Reading:
    """Answers GET requests.

    Args:
        store: what is shown.
        app: id and name of the one application.
        key: its API key, which opens its statistics.
        token: the user's token, which opens everything; empty for no user, then only the plain page is open.
    """

    def __init__(self, store: Store, *, app: tuple[str, str], key: str, token: str) -> None:
        self._store = store
        self._app_id, self._app_name = app
        self._key = key
        self._token = token

    def answer(self, request: Request, base: str) -> Answer:
        """Returns the answer. Raises RejectedError with 404."""
        given = request.query.get("auth_token")
        # A token in the address is looked up before anything else; one that nobody has finds nothing.
        if given is not None and not self.is_user(given):
            raise RejectedError(404)
        if request.path == "/up":
            return Answer(
                status=200, content_type=HTML, body=b'<body style="background-color: green"></body>'
            )
        if request.path == _TESTER:
            known = _same(request.query.get("api_key", ""), self._key)
            return _json({"ok": known}, 200 if known else 403)
        if request.path == _STATS and _same(request.query.get("api_key", ""), self._key):
            return _json(self._statistics())
        signed_in = given is not None
        if request.path == _SIGN_IN_PAGE:
            return _page(sign_in_page(token_known=bool(self._token)))
        if request.path == "/" and (signed_in or not self._token):
            return _page(index(self._store.problems(), self._store.notices(), token=given or ""))
        return self._private(request, base) if signed_in else self._turned_away(request, base)

    def is_user(self, token: str) -> bool:
        """True for the token of the one user."""
        return bool(self._token) and _same(token, self._token)

    def _private(self, request: Request, base: str) -> Answer:
        if found := _LIST.fullmatch(request.path):
            return self._list(found[1], request)
        if found := _ONE.fullmatch(request.path):
            return _json(self._described(self._problem(found[1])))
        if found := _NOTICE.fullmatch(request.path):
            return self._redirect(found[1], base)
        if found := _PAGE.fullmatch(request.path):
            return self._show(found[1], request)
        raise RejectedError(404)

    def _list(self, what: str, request: Request) -> Answer:
        start, end = (_moment(request.query.get(name, "")) for name in ("start_date", "end_date"))
        if what == "notices":
            chosen = (n for n in self._store.notices() if _within(n.received, n.received, start, end))
            return _json([_brief(notice) for notice in chosen])
        found = (p for p in self._store.problems() if _within(p.first, p.last, start, end))
        return _json([self._described(problem) for problem in found])

    def _redirect(self, notice_id: str, base: str) -> Answer:
        notice = _first(self._store.notices(), lambda notice: notice.id == notice_id)
        where = f"{base}/apps/{self._app_id}/problems/{notice.problem_id}?notice_id={notice.id}"
        return Answer(status=302, content_type=HTML, headers={"Location": where})

    def _show(self, problem_id: str, request: Request) -> Answer:
        problem = self._problem(problem_id)
        own = [notice for notice in self._store.notices() if notice.problem_id == problem_id]
        if wanted := request.query.get("notice_id"):
            return _page(problem_page(problem, _first(own, lambda notice: notice.id == wanted)))
        number = request.query.get("notice", "1")
        place = int(number) if number.isascii() and number.isdigit() and len(number) <= _DIGITS else 1
        if not 1 <= place <= len(own):
            raise RejectedError(404)
        return _page(problem_page(problem, own[-place]))  # the newest is the first

    def _problem(self, problem_id: str) -> Problem:
        return _first(self._store.problems(), lambda problem: problem.id == problem_id)

    def _turned_away(self, request: Request, base: str) -> Answer:
        if _LIST.fullmatch(request.path) or _ONE.fullmatch(request.path) or request.path == _STATS:
            return Answer(status=401, content_type=JSON, body=_SIGN_IN)
        if _NOTICE.fullmatch(request.path) or _PAGE.fullmatch(request.path) or request.path == "/":
            return Answer(status=302, content_type=HTML, headers={"Location": base + _SIGN_IN_PAGE})
        raise RejectedError(404)

    def _statistics(self) -> Json:
        notices = self._store.notices()
        return {
            "name": self._app_name,
            "id": self._app_id,
            "last_error_time": _stamp(notices[-1].received) if notices else None,
            "unresolved_errors": len(self._store.problems()),
        }

    def _described(self, problem: Problem) -> Json:
        return {
            "_id": problem.id,
            "app_id": self._app_id,
            "app_name": self._app_name,
            "environment": problem.environment,
            "first_notice_at": _stamp(problem.first),
            "last_notice_at": _stamp(problem.last),
            "message": problem.message,
            "notices_count": problem.count,
            "resolved": False,
            "resolved_at": None,
            "where": problem.where,
        }


def _first(items: Iterable[T], fits: Callable[[T], bool]) -> T:
    found = next((item for item in items if fits(item)), None)
    if found is None:
        raise RejectedError(404)
    return found


def _brief(notice: StoredNotice) -> Json:
    return {
        "_id": notice.id,
        "created_at": _stamp(notice.received),
        "error_class": notice.error_class,
        "message": notice.message,
    }


def _within(first: datetime, last: datetime, start: datetime | None, end: datetime | None) -> bool:
    return (end is None or first <= end) and (start is None or last >= start)


def _moment(text: str) -> datetime | None:
    return parse_rfc3339(text.replace(" ", "+"))


def _stamp(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03}Z"


def _same(given: str, known: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "replace"), known.encode())


def _json(value: Json, status: int = 200) -> Answer:
    body = json.dumps(value, separators=(",", ":")).encode()
    return Answer(status=status, content_type=JSON, body=body)


def _page(text: str) -> Answer:
    return Answer(status=200, content_type=HTML, body=text.encode(), headers=PAGE_HEADERS)
