"""The receiver itself: routes a request, applies Errbit's rules in Errbit's order, stores, answers."""

from __future__ import annotations

import hmac
import json
import re
import secrets

from collector.core.clock import Clock
from collector.receiver import ingest
from collector.receiver.faults import Faults
from collector.receiver.model import HTML, JSON, Answer, Problem, RejectedError, Request, StoredNotice
from collector.receiver.page import index
from collector.receiver.store import Store
from collector.records.model import Json

_NOTICES = re.compile(r"/api/v3/projects/([^/.]+)/(?:create-notice|notices)(?:\.json)?")
_PAGE_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
    "X-Content-Type-Options": "nosniff",
}


class Receiver:
    """One Errbit with one application.

    Args:
        key: the application's API key.
        store: where notices go.
        clock: gives notices their time.
        app_version: the application's latest version; notices of an older one are turned away.
    """

    def __init__(self, key: str, *, store: Store, clock: Clock, app_version: str | None = None) -> None:
        self._key = key
        self._store = store
        self._clock = clock
        self._app_version = app_version
        self._app_id = secrets.token_hex(12)
        self.faults = Faults()

    def __repr__(self) -> str:
        return f"Receiver(app_version={self._app_version!r})"

    def handle(self, request: Request, base: str) -> Answer:
        """Returns the answer; ``base`` is the server's own address. Raises OSError from the disk."""
        try:
            return self._route(request, base)
        except RejectedError as refusal:
            return refusal.answer(as_json=request.wants_json)

    def notices(self) -> list[StoredNotice]:
        """Returns the notices kept, oldest first."""
        return self._store.notices()

    def problems(self) -> list[Problem]:
        """Returns the groups, in the order of their first notice."""
        return self._store.problems()

    def _route(self, request: Request, base: str) -> Answer:
        if request.method == "GET" and request.path == "/":
            page = index(self.problems(), self.notices())
            return Answer(status=200, content_type=HTML, body=page.encode(), headers=_PAGE_HEADERS)
        found = _NOTICES.fullmatch(request.path)
        # A user's token in the address is looked up before anything else, and there are no users here.
        if not found or request.method != "POST" or "auth_token" in request.query:
            raise RejectedError(404)
        notice = self._accept(request, found[1])
        url = f"{base}/apps/{self._app_id}/problems/{notice.problem_id}"
        body = json.dumps({"id": notice.id, "url": url}, separators=(",", ":"))
        return Answer(status=201, content_type=JSON, body=body.encode())

    def _accept(self, request: Request, project: str) -> StoredNotice:
        incoming = ingest.interpret(request, project)
        if not self._knows(incoming.api_key):
            raise RejectedError(422, ingest.UNKNOWN_KEY)
        if self._app_version:
            ingest.check_version(incoming, self._app_version)
        ingest.check_fields(incoming)
        return self._store.add(incoming, len(request.body), self._clock.now())

    def _knows(self, key: Json) -> bool:
        return isinstance(key, str) and hmac.compare_digest(
            key.encode("utf-8", "replace"), self._key.encode("utf-8")
        )
