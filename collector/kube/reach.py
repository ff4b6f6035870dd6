"""Finds out how far one gets towards an API server that cannot be read: name, TCP, proxy, TLS, HTTP, login.

It looks with connections of its own and sends no request. The order of the steps is that of a request, so the
first one that fails is where to look.
"""

from __future__ import annotations

import ipaddress
import socket
import ssl
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from collector.core.bounded import call_within
from collector.core.text import display
from collector.kube.config import Connection
from collector.kube.place import Place, joined, place_of
from collector.kube.tlsfacts import presented
from collector.records import Json

RESOLVE, TCP, PROXY, TLS, HTTP, LOGIN = "name resolution", "tcp", "proxy", "tls", "http", "credentials"
STEPS = (RESOLVE, TCP, PROXY, TLS, HTTP, LOGIN)
_SECONDS = 5.0
_MOST_ADDRESSES = 4
_TEXT = 300
_PROXY_ANSWER = 16 * 1024

Resolver = Callable[[str, int], Sequence[str]]


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """Why the server could not be read. ``status`` is the HTTP status, 0 without an answer.

    ``login`` is True when it never came to a request, because there are no credentials to send.
    """

    message: str
    status: int = 0
    login: bool = False


@dataclass(frozen=True, kw_only=True)
class Step:
    """One step. ``status`` is ok, failed, not tried or not needed; ``detail`` says what was seen."""

    name: str
    status: str
    seconds: float = 0.0
    detail: str = ""
    facts: Mapping[str, Json] = field(default_factory=dict)


class _FailedError(Exception):
    def __init__(self, detail: str, facts: Mapping[str, Json] | None = None) -> None:
        super().__init__(detail)
        self.detail = display(detail, _TEXT)
        self.facts = dict(facts or {})


def trace(
    connection: Connection, refusal: Refusal, *, resolve: Resolver | None = None, seconds: float = _SECONDS
) -> tuple[Step, ...]:
    """Returns every step in order. Never raises for what the network does.

    Args:
        connection: the connection that could not be read.
        refusal: what became of the attempt to read it.
        resolve: looks up (host, port); the system's resolver if None.
        seconds: the most that each step may take.
    """
    place = place_of(connection)
    if place is None:
        return _filled([Step(name=RESOLVE, status="failed", detail="the server's address cannot be read")])
    return _filled(list(_Trace(connection, place, resolve or _addresses, seconds).steps(refusal)))


def _filled(steps: list[Step]) -> tuple[Step, ...]:
    """Returns all steps; those behind a failure were not tried."""
    known = {step.name: step for step in steps}
    return tuple(known.get(name, Step(name=name, status="not tried")) for name in STEPS)


class _Trace:
    """One walk. Each method is a step and raises _FailedError where it ends the walk."""

    def __init__(self, connection: Connection, place: Place, resolve: Resolver, seconds: float) -> None:
        self._connection = connection
        self._place = place
        self._resolve = resolve
        self._seconds = seconds
        self._found: Sequence[str] = ()

    def steps(self, refusal: Refusal) -> Iterator[Step]:
        work: tuple[tuple[str, Callable[[], tuple[str, Mapping[str, Json]] | None]], ...] = (
            (RESOLVE, self._resolved),
            (TCP, self._connected),
            (PROXY, self._through),
            (TLS, self._secured),
        )
        for name, act in work:
            started = time.monotonic()
            try:
                done = act()
            except _FailedError as error:
                spent = round(time.monotonic() - started, 3)
                yield Step(name=name, status="failed", seconds=spent, detail=error.detail, facts=error.facts)
                return
            spent = round(time.monotonic() - started, 3)
            if done is None:
                yield Step(name=name, status="not needed")
            else:
                yield Step(name=name, status="ok", seconds=spent, detail=done[0], facts=done[1])
        yield from _answers(refusal)

    @property
    def _first(self) -> tuple[str, int]:
        return self._place.proxy or (self._place.host, self._place.port)

    def _resolved(self) -> tuple[str, Mapping[str, Json]] | None:
        host, port = self._first
        if _is_address(host):
            self._found = (host,)
            return None
        try:
            found = call_within(self._seconds, lambda: self._resolve(host, port), name="resolver")
        except OSError as error:
            raise _FailedError(f"{host}: {error.strerror or error}") from error
        except UnicodeError as error:
            raise _FailedError(f"{host}: no name that could be looked up") from error
        self._found = tuple(dict.fromkeys(found))[:_MOST_ADDRESSES]
        return f"{host} is {', '.join(self._found)}", {"addresses": list(self._found)}

    def _connected(self) -> tuple[str, Mapping[str, Json]]:
        attempts: list[Json] = []
        for address in self._found:
            where = joined(address, self._first[1])
            try:
                self._open(address).close()
            except OSError as error:
                attempts.append({"address": where, "result": _reason(error)})
            else:
                attempts.append({"address": where, "result": "connected"})
                self._found = (address,)
                return f"connected to {where}", {"attempts": attempts}
        told = "; ".join(f"{entry['address']}: {entry['result']}" for entry in attempts)
        raise _FailedError(told, {"attempts": attempts})

    def _through(self) -> tuple[str, Mapping[str, Json]] | None:
        if self._place.proxy is None:
            return None
        if self._place.scheme == "https":
            with closing(self._channel()):
                pass
        return f"the proxy {joined(*self._place.proxy)} lets requests through", {}

    def _secured(self) -> tuple[str, Mapping[str, Json]] | None:
        if self._place.scheme != "https":
            return None
        facts: dict[str, Json] = {"certificates": [], "protocol": ""}
        try:
            look = ssl.create_default_context()
            look.check_hostname = False
            look.verify_mode = ssl.CERT_NONE  # nothing is trusted for it: it is there to be looked at
            facts |= self._shaken(look)
            if not self._connection.tls_verified:
                return "a handshake is possible; verification is switched off", facts
            self._shaken(self._connection.tls or ssl.create_default_context())
        except ssl.SSLCertVerificationError as error:
            raise _FailedError(
                f"the certificate was not accepted: {error.verify_message}",
                facts | {"verification": display(error.verify_message, _TEXT)},
            ) from error
        except OSError as error:
            raise _FailedError(f"no TLS handshake: {_reason(error)}", facts) from error
        return f"{facts['protocol']}, the certificate was accepted", facts | {"verification": "accepted"}

    def _shaken(self, context: ssl.SSLContext) -> dict[str, Json]:
        name = self._connection.tls_server_name or self._place.host
        with closing(self._channel()) as raw, context.wrap_socket(raw, server_hostname=name) as secured:
            return {"certificates": presented(secured), "protocol": secured.version() or ""}

    def _channel(self) -> socket.socket:
        """Returns a connection on which the server itself would answer. Raises OSError or _FailedError."""
        raw = self._open(self._found[0])
        if self._place.proxy is None:
            return raw
        try:
            _tunnel(raw, self._place, getattr(self._connection.pool, "proxy_headers", None) or {})
        except BaseException:
            raw.close()
            raise
        return raw

    def _open(self, address: str) -> socket.socket:
        return socket.create_connection((address, self._first[1]), timeout=self._seconds)


def _answers(refusal: Refusal) -> Iterator[Step]:
    if refusal.login:
        yield Step(name=LOGIN, status="failed", detail=display(refusal.message, _TEXT))
    elif refusal.status == HTTPStatus.UNAUTHORIZED:
        yield Step(name=HTTP, status="ok", detail="the server answers")
        yield Step(name=LOGIN, status="failed", detail=f"HTTP 401: {display(refusal.message, _TEXT)}")
    else:
        told = f"HTTP {refusal.status}: " if refusal.status else ""
        yield Step(name=HTTP, status="failed", detail=f"{told}{display(refusal.message, _TEXT)}")


def _tunnel(raw: socket.socket, place: Place, headers: Mapping[str, Any]) -> None:
    """Asks the proxy for a way to the server, as an HTTPS request would."""
    target = joined(place.host, place.port)
    lines = [f"CONNECT {target} HTTP/1.1", f"Host: {target}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    try:
        raw.sendall("\r\n".join([*lines, "", ""]).encode("latin-1", "replace"))
        answer = b""
        while b"\r\n\r\n" not in answer and len(answer) < _PROXY_ANSWER:
            chunk = raw.recv(4096)
            if not chunk:
                break
            answer += chunk
    except OSError as error:
        raise _FailedError(f"the proxy gives no answer: {_reason(error)}") from error
    status = answer.partition(b"\r\n")[0].decode("latin-1")
    if status.split(" ")[1:2] != ["200"]:
        raise _FailedError(f"the proxy refuses to connect to {target}: {display(status, 100) or 'no answer'}")


def _addresses(host: str, port: int) -> Sequence[str]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(entry[4][0]) for entry in found]


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _reason(error: OSError) -> str:
    if isinstance(error, TimeoutError):
        return "no answer within the time limit"
    if isinstance(error, ssl.SSLError):
        return (error.reason or "").replace("_", " ").lower() or "the handshake was broken off"
    return display(error.strerror or str(error) or type(error).__name__, _TEXT)
