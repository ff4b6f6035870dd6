"""Runs commands of the fixed list inside pods, if it was switched on. Nothing else in the program can."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, Protocol
from urllib.parse import quote, urlencode, urlsplit

import msgspec

from collector import __version__
from collector.core.clock import Clock
from collector.core.deadline import Deadline
from collector.core.text import display
from collector.kube.commands import Command
from collector.kube.config import Connection
from collector.kube.exchange import Recorder
from collector.kube.requestlog import RequestLog
from collector.kube.websocket import HandshakeError, WebSocket
from collector.records.access import mapping, sequence, string

PROTOCOL = "v4.channel.k8s.io"
_STDIN, _STDOUT, _STDERR, _STATUS = 0, 1, 2, 3
_STDERR_LIMIT = 4096
_STATUS_LIMIT = 16 * 1024
_MOST_BESIDE = 1024 * 1024
_MOST_IN_ALL = 96 * 1024 * 1024
_STDIN_PIECE = 32 * 1024
_PORTS = {"https": 443, "http": 80}
_DENIED = (401, 403)
_ABSENT = 404
_NOT_FOUND_CODES = (126, 127)
GONE = "the pod is not there any more"
"""Why a command did not run in a pod that was replaced or removed since it was listed."""

RunStatus = Literal["ok", "denied", "missing", "timeout", "error"]
Sink = Callable[[bytes], None]
"""Takes output piece by piece as it comes, where there may be more of it than should be held."""

_Ending = Literal["ended", "truncated", "timeout", "broken"]
_STATUSES: Mapping[_Ending, RunStatus] = {
    "ended": "ok",
    "truncated": "ok",
    "timeout": "timeout",
    "broken": "error",
}
_REASONS = {"timeout": "no answer in time", "broken": "the connection ended before the command did"}


@dataclass(frozen=True, kw_only=True)
class Target:
    """A container of a pod."""

    namespace: str
    pod: str
    container: str


@dataclass(frozen=True, kw_only=True)
class Ran:
    """How a command ended.

    ``status`` is ok even when the command failed by itself: ``code`` is its exit status, None if it is not
    known. It is missing when the program is not in the container; a pod that is gone is an error.
    ``truncated`` is True when there was more output than is read. ``reason`` says why it did not run.
    """

    status: RunStatus
    code: int | None = None
    output: bytes = b""
    errors: bytes = b""
    truncated: bool = False
    seconds: float = 0.0
    reason: str = ""


class Runner(Protocol):
    """Something that runs commands of the list: in a pod, or in tests on this machine."""

    def run(self, target: Target, command: Command, stdin: bytes = b"", sink: Sink | None = None) -> Ran:
        """Returns how it ended; raises nothing that the other side could cause.

        With a ``sink`` the output goes there and not into what is returned.
        """
        ...


class PodRunner:
    """Runs commands through the API server's exec endpoint."""

    def __init__(
        self,
        connection: Connection,
        *,
        clock: Clock,
        deadline: Deadline,
        log: RequestLog,
        bundle_id: str = "",
    ) -> None:
        self._connection = connection
        self._clock = clock
        self._deadline = deadline
        self._log = log
        self._bundle_id = bundle_id
        self._received = 0

    def run(self, target: Target, command: Command, stdin: bytes = b"", sink: Sink | None = None) -> Ran:
        if getattr(self._connection.pool, "proxy", None) is not None:
            return Ran(
                status="error", reason="commands cannot be run through a proxy; reach the server directly"
            )
        if self._received > _MOST_IN_ALL:
            return Ran(status="error", reason="the most that is read out of pods in one run was reached")
        path = f"/api/v1/namespaces/{quote(target.namespace)}/pods/{quote(target.pod)}/exec"
        record = Recorder(self._log, self._clock, collector="postgres", method="GET", target=path)
        began = time.monotonic()
        ends = began + self._deadline.left(cap=command.seconds)
        try:
            ran = self._exchange(path, target, command, stdin, ends, sink)
        except HandshakeError as error:
            record.note(error.status, len(error.body), "refused")
            return _refused(error, target)
        except TimeoutError:
            record.note(0, 0, "timeout")
            return Ran(status="timeout", seconds=time.monotonic() - began, reason="no answer in time")
        except OSError as error:
            record.note(0, 0, type(error).__name__)
            return Ran(status="error", reason=display(str(error), 200))
        self._received += len(ran.output)
        record.note(101, len(ran.output) + len(ran.errors), "" if ran.status == "ok" else ran.status)
        return ran

    def _exchange(
        self,
        path: str,
        target: Target,
        command: Command,
        stdin: bytes,
        ends: float,
        sink: Sink | None,
    ) -> Ran:
        began = time.monotonic()
        server = urlsplit(self._connection.server)
        host = server.hostname or ""
        port = server.port or _PORTS.get(server.scheme, 443)
        query = [("container", target.container), ("stdout", "true"), ("stderr", "true")]
        query += [("stdin", "true")] if stdin else []
        query += [("command", word) for word in command.argv]
        link = WebSocket(
            (host, port),
            tls=self._connection.tls,
            tls_name=self._connection.tls_server_name or host,
            ends=ends,
        )
        try:
            link.open(server.netloc, f"{server.path}{path}?{urlencode(query)}", self._headers(), PROTOCOL)
            for at in range(0, len(stdin), _STDIN_PIECE):
                link.send(bytes([_STDIN]) + stdin[at : at + _STDIN_PIECE])
            return _read(link, command.limit, lambda: time.monotonic() - began, sink)
        finally:
            link.close()

    def _headers(self) -> dict[str, str]:
        agent = f"conductor-diag/{__version__} (run={self._bundle_id})"
        return {**self._connection.headers(), "User-Agent": agent}


class _Received:
    """What came over the channels: of too much output the beginning, and all that came before a timeout."""

    def __init__(self, limit: int, sink: Sink | None) -> None:
        self.output, self.errors, self.status = bytearray(), bytearray(), bytearray()
        self._room = limit
        self._most = limit + _MOST_BESIDE
        self._sink: Sink = sink or self.output.extend

    def drain(self, link: WebSocket) -> _Ending:
        """Reads until the command's status comes, or something else ends it."""
        received = 0
        try:
            for channel, data in _channels(link):
                received += len(data)
                if received > self._most or not self._took(channel, data):
                    return "truncated"
        except TimeoutError:
            return "timeout"
        except OSError:
            # Some servers end the connection without a close frame once the status has been sent.
            return "ended" if self.status else "broken"
        return "ended"

    def _took(self, channel: int, data: bytes) -> bool:
        if channel == _STDOUT:
            self._sink(data[: self._room])
            self._room -= len(data)
        elif channel == _STDERR:
            self.errors += data[: _STDERR_LIMIT - len(self.errors)]
        elif channel == _STATUS:
            self.status += data[: _STATUS_LIMIT - len(self.status)]
        return self._room >= 0


def _read(link: WebSocket, limit: int, seconds: Callable[[], float], sink: Sink | None) -> Ran:
    found = _Received(limit, sink)
    ending = found.drain(link)
    code = _code(bytes(found.status)) if ending in ("ended", "broken") else None
    missing = code in _NOT_FOUND_CODES or (
        code is None and ending == "ended" and _no_such_program(found.status)
    )
    if missing:
        return Ran(status="missing", code=code, errors=bytes(found.errors), seconds=seconds())
    return Ran(
        status=_STATUSES[ending],
        code=code,
        output=bytes(found.output),
        errors=bytes(found.errors),
        truncated=ending == "truncated",
        seconds=seconds(),
        reason=_REASONS.get(ending, ""),
    )


def _channels(link: WebSocket) -> Iterator[tuple[int, bytes]]:
    channel = -1
    for piece in link.messages():
        data = piece.data
        if piece.first:
            channel, data = data[0], data[1:]
        if data:
            yield channel, data


def _code(status: bytes) -> int | None:
    """Returns the exit status that the status channel states."""
    try:
        content = msgspec.json.decode(status)
    except (msgspec.DecodeError, RecursionError):
        return None
    if string(content, "status") == "Success":
        return 0
    for cause in sequence(mapping(content, "details"), "causes"):
        stated = string(cause, "message")
        if string(cause, "reason") == "ExitCode" and stated.isascii() and stated.isdecimal():
            return int(stated[:6])
    return None


def _no_such_program(status: bytearray) -> bool:
    return b"executable file not found" in status or b"no such file or directory" in status


def _refused(error: HandshakeError, target: Target) -> Ran:
    if error.status in _DENIED:
        return Ran(status="denied", reason=f"running commands in {target.namespace} is not allowed")
    if error.status == _ABSENT:
        return Ran(status="error", reason=GONE)
    return Ran(status="error", reason=f"the server answered {error.status} instead of running the command")
