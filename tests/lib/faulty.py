"""An API server that misbehaves on chosen paths, in every way a real one was seen or feared to.

faulty = FaultyApi(RecordedApi(recording, clock))
faulty.on("/api/v1/pods*", throttled(retry_after=1), times=2)
with serve(faulty) as url: ...
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from http import HTTPStatus

from collector.core.clock import Clock
from collector.demo import messages, selecting
from collector.demo.apiserver import RecordedApi, Served
from collector.demo.loopback import Wire
from collector.demo.messages import TEXT_TYPE, Request, Response
from collector.demo.recording import JSON_TYPE

# No test may wait longer than this for a server that keeps it waiting.
_PATIENCE = 120.0

NO_ANSWER = 0
"""The status noted for an exchange that had none."""


@dataclass(frozen=True, kw_only=True)
class Exchange:
    """What a fault works with. ``normal`` gets, and notes, the answer of the healthy server."""

    request: Request
    wire: Wire
    normal: Callable[[], Response]
    note: Callable[[int], None]

    def send(self, response: Response) -> bool:
        self.note(response.status)
        self.wire.send(response)
        return True

    def start(self, content_type: str, headers: Mapping[str, str]) -> None:
        self.note(HTTPStatus.OK)
        self.wire.start(HTTPStatus.OK, {"Content-Type": content_type, **headers})

    def silence(self) -> bool:
        """Waits until the server stops, then ends the connection."""
        self.wire.stopping.wait(_PATIENCE)
        self.wire.close()
        return True


Fault = Callable[[Exchange], bool]
"""Misbehaves and returns True, or returns False to leave the request to the healthy server."""


class FaultyApi:
    """A recorded API with faults switched on; the first one that strikes answers alone."""

    def __init__(self, api: RecordedApi) -> None:
        self.api = api
        self.clock: Clock = api.clock
        self.requests: deque[Served] = api.requests
        self._switches: list[_Switch] = []

    def on(self, pattern: str, fault: Fault, *, times: int | None = None, skip: int = 0) -> FaultyApi:
        """Switches a fault on for request targets (query included) that match a shell pattern.

        ``skip`` lets the first matching requests pass, ``times`` ends the fault after so many strikes.
        """
        self._switches.append(_Switch(pattern, fault, skip, times))
        return self

    def handle(self, request: Request, wire: Wire) -> None:
        def note(status: int) -> None:
            self.requests.append(Served(method=request.method, path=request.target, status=status))

        exchange = Exchange(request=request, wire=wire, normal=lambda: self.api.answer(request), note=note)
        if not any(switch.strike(exchange) for switch in self._switches):
            wire.send(exchange.normal())


class _Switch:
    """One fault on one pattern. A request that the fault leaves alone counts for nothing."""

    def __init__(self, pattern: str, fault: Fault, skip: int, times: int | None) -> None:
        self._pattern = pattern
        self._fault = fault
        self._skip = skip
        self._times = times
        self._lock = threading.Lock()

    def strike(self, exchange: Exchange) -> bool:
        if not fnmatchcase(exchange.request.target, self._pattern) or not self._take():
            return False
        if self._fault(exchange):
            return True
        self._give_back()
        return False

    def _take(self) -> bool:
        with self._lock:
            if self._skip > 0 or self._times == 0:
                self._skip = max(self._skip - 1, 0)
                return False
            if self._times is not None:
                self._times -= 1
            return True

    def _give_back(self) -> None:
        with self._lock:
            if self._times is not None:
                self._times += 1


def refused(response: Response) -> Fault:
    """Always this answer."""
    return lambda exchange: exchange.send(response)


def forbidden(message: str = "forbidden by a policy of the test") -> Fault:
    """403 with a Status."""
    return refused(messages.failure(HTTPStatus.FORBIDDEN, "Forbidden", message, details={}))


def not_found() -> Fault:
    """404 with a Status, as for an unknown resource."""
    return refused(messages.unknown_resource())


def server_error(message: str = "etcdserver: request timed out") -> Fault:
    """500 with a Status."""
    return refused(messages.failure(HTTPStatus.INTERNAL_SERVER_ERROR, "InternalError", message))


def unavailable() -> Fault:
    """503 as a broken aggregated API gives it: text."""
    return refused(Response.text("service unavailable\n", HTTPStatus.SERVICE_UNAVAILABLE))


def throttled(retry_after: int = 1) -> Fault:
    """429 as 1.17 gives it once too many requests are in flight: text, and when to come back."""
    response = Response(
        status=HTTPStatus.TOO_MANY_REQUESTS,
        content_type=TEXT_TYPE,
        body=b"Too many requests, please try again later.\n",
        headers={"Retry-After": str(retry_after)},
    )
    return refused(response)


def redirect(location: str) -> Fault:
    """302 to somewhere else, as a proxy with a login page gives it."""
    return refused(
        Response(status=HTTPStatus.FOUND, content_type=TEXT_TYPE, body=b"", headers={"Location": location})
    )


def gone() -> Fault:
    """410 for a continue token, with a fresh one for an inconsistent rest, which is then honoured."""
    message = (
        "The provided continue parameter is too old to display a consistent list result. You can start a new "
        "list without the continue parameter, or use the continue token in this response to retrieve the "
        "remainder of the results. Continuing with the provided token results in an inconsistent list - "
        "objects that were created, modified, or deleted between the time the first chunk was returned and "
        "now may show up in the list."
    )

    def fault(exchange: Exchange) -> bool:
        token = exchange.request.query.get("continue", "")
        if not token or selecting.is_inconsistent(token):
            return False
        metadata = {"continue": selecting.inconsistent(token)}
        return exchange.send(messages.failure(HTTPStatus.GONE, "Expired", message, metadata=metadata))

    return fault


def wrong_json(body: bytes = b'{"kind":"PodList","items":[{"metadata":') -> Fault:
    """200 with JSON that is none."""
    return refused(Response(status=HTTPStatus.OK, content_type=JSON_TYPE, body=body))


def wrong_type(body: bytes = b"<html><body>Please sign in</body></html>") -> Fault:
    """200 with a page instead of an answer, as a captive portal gives it."""
    return refused(Response(status=HTTPStatus.OK, content_type="text/html", body=body))


def half_body(share: float = 0.5) -> Fault:
    """The normal answer with its true length stated, cut off by an orderly end of the connection."""

    def fault(exchange: Exchange) -> bool:
        whole = exchange.normal()
        length = {"Content-Type": whole.content_type, "Content-Length": str(len(whole.body))}
        exchange.wire.start(whole.status, length)
        exchange.wire.write(whole.body[: int(len(whole.body) * share)])
        exchange.wire.close()
        return True

    return fault


def half_chunked(share: float = 0.5) -> Fault:
    """The normal answer in chunks, without the chunk that would end it."""

    def fault(exchange: Exchange) -> bool:
        whole = exchange.normal()
        chunked = {"Content-Type": whole.content_type, "Transfer-Encoding": "chunked"}
        exchange.wire.start(whole.status, chunked)
        part = whole.body[: int(len(whole.body) * share)]
        if part:
            exchange.wire.write_chunk(part)
        exchange.wire.close()
        return True

    return fault


def silent() -> Fault:
    """Takes the request and never answers, as behind a kubelet that hangs."""

    def fault(exchange: Exchange) -> bool:
        exchange.note(NO_ANSWER)
        return exchange.silence()

    return fault


def reset() -> Fault:
    """Takes the request and resets the connection."""

    def fault(exchange: Exchange) -> bool:
        exchange.note(NO_ANSWER)
        exchange.wire.reset()
        return True

    return fault


def stalled(share: float = 0.5) -> Fault:
    """Starts the normal answer, then says nothing more and keeps the connection open."""

    def fault(exchange: Exchange) -> bool:
        whole = exchange.normal()
        length = {"Content-Type": whole.content_type, "Content-Length": str(len(whole.body))}
        exchange.wire.start(whole.status, length)
        exchange.wire.write(whole.body[: int(len(whole.body) * share)])
        return exchange.silence()

    return fault


def endless(line: bytes = b"2026-11-20T15:50:00.000000000Z and on and on\n") -> Fault:
    """A chunked body without an end, as fast as the client reads."""

    def fault(exchange: Exchange) -> bool:
        exchange.start("text/plain", {"Transfer-Encoding": "chunked"})
        chunk = line * max(16 * 1024 // len(line), 1)
        while not exchange.wire.stopping.is_set():
            exchange.wire.write_chunk(chunk)
        exchange.wire.close()
        return True

    return fault


def drip(size: int = 1, pause: float = 0.05) -> Fault:
    """The normal answer, whole, but ``size`` bytes at a time with a pause after each."""

    def fault(exchange: Exchange) -> bool:
        whole = exchange.normal()
        length = {"Content-Type": whole.content_type, "Content-Length": str(len(whole.body))}
        exchange.wire.start(whole.status, length)
        for start in range(0, len(whole.body), size):
            exchange.wire.write(whole.body[start : start + size])
            if exchange.wire.stopping.wait(pause):
                exchange.wire.close()
                break
        return True

    return fault
