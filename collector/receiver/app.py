"""The receiver itself: routes a request, applies Errbit's rules in Errbit's order, stores, answers."""

from __future__ import annotations

import hmac
import json
import re
import secrets

from collector.core.clock import Clock
from collector.receiver import ingest, xmlv2
from collector.receiver.faults import Faults
from collector.receiver.model import (
    JSON,
    TEXT,
    XML,
    Answer,
    Incoming,
    Problem,
    RejectedError,
    Request,
    StoredNotice,
)
from collector.receiver.reading import Reading
from collector.receiver.store import Store
from collector.records.model import Json

_NOTICES = re.compile(r"/api/v3/projects/([^/.]+)/(?:create-notice|notices)(?:\.json)?")
_NOTICES_V2 = "/notifier_api/v2/notices"


class Receiver:
    """One Errbit with one application.

    Args:
        key: the application's API key.
        store: where notices go.
        clock: gives notices their time.
        app_version: the application's latest version; notices of an older one are turned away.
        token: opens what can be read back; empty for nobody.
        app_name: the application's name.

    Attributes:
        faults: what goes wrong with the next answers to notices.
        faults_on_reading: True lets what is read back take its part of the faults.
    """

    def __init__(
        self,
        key: str,
        *,
        store: Store,
        clock: Clock,
        app_version: str | None = None,
        token: str = "",
        app_name: str = "conductor-diag receiver",
    ) -> None:
        self._key = key
        self._store = store
        self._clock = clock
        self._app_version = app_version
        self.app_id = secrets.token_hex(12)
        self._reading = Reading(store, app=(self.app_id, app_name), key=key, token=token)
        self.faults = Faults()
        self.faults_on_reading = False

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
        if request.path == _NOTICES_V2:
            return self._older(request, base)
        if request.method == "GET":
            return self._reading.answer(request, base)
        found = _NOTICES.fullmatch(request.path)
        # A user's token in the address is looked up before anything else.
        token = request.query.get("auth_token")
        if not found or request.method != "POST" or (token is not None and not self._reading.is_user(token)):
            raise RejectedError(404)
        notice = self._accept(ingest.interpret(request, found[1]), len(request.body))
        body = json.dumps({"id": notice.id, "url": self._link(notice, base)}, separators=(",", ":"))
        return Answer(status=201, content_type=JSON, body=body.encode())

    def _older(self, request: Request, base: str) -> Answer:
        """The v2 protocol: it says 200 where v3 says 201, also to what it ignores for its version."""
        try:
            notice = self._accept(xmlv2.interpret(request), len(request.body))
        except RejectedError as refusal:
            if refusal.text == ingest.OLD_VERSION:
                return Answer(status=200, content_type=TEXT, body=refusal.text.encode())
            raise
        body = f"<notice><id>{notice.id}</id><url>{self._link(notice, base)}</url></notice>"
        return Answer(status=200, content_type=XML, body=body.encode())

    def _link(self, notice: StoredNotice, base: str) -> str:
        return f"{base}/apps/{self.app_id}/problems/{notice.problem_id}"

    def _accept(self, incoming: Incoming, size: int) -> StoredNotice:
        if not self._knows(incoming.api_key):
            raise RejectedError(422, ingest.UNKNOWN_KEY)
        if self._app_version:
            ingest.check_version(incoming, self._app_version)
        ingest.check_fields(incoming)
        return self._store.add(incoming, size, self._clock.now())

    def _knows(self, key: Json) -> bool:
        return isinstance(key, str) and hmac.compare_digest(
            key.encode("utf-8", "replace"), self._key.encode("utf-8")
        )
