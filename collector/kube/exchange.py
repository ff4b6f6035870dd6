"""One exchange with the server: noted once, its body read within bounds, its refusal given a meaning."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from typing import Any

import msgspec
import urllib3

from collector.core.clock import Clock
from collector.core.deadline import Deadline
from collector.kube import chunked, errors
from collector.kube.requestlog import Request, RequestLog

_ERROR_BODY = 16 * 1024


class Recorder:
    """Notes one attempt exactly once, however it ends."""

    def __init__(self, log: RequestLog, clock: Clock, *, collector: str, method: str, target: str) -> None:
        self.target = target
        self._log = log
        self._collector = collector
        self._method = method
        self._started = clock.now()
        self._from = time.monotonic()
        self._done = False

    def note(self, status: int, size: int, error: str = "") -> None:
        """Notes the end of the attempt; later calls change nothing."""
        if self._done:
            return
        self._done = True
        self._log.add(
            Request(
                collector=self._collector,
                started=self._started,
                method=self._method,
                path=self.target,
                status=status,
                size=size,
                seconds=time.monotonic() - self._from,
                error=error,
            )
        )

    def failed(self, error: Exception, status: int = 0, size: int = 0) -> errors.ApiError:
        """Returns our error for one of urllib3's, with words that hold no address book of internals."""
        self.note(status, size, type(error).__name__)
        # A refused connection is a kind of timeout to urllib3, and says more by its cause.
        if isinstance(error, urllib3.exceptions.NewConnectionError):
            return errors.ConnectionFailedError(self.target, _root_cause(error))
        if isinstance(error, urllib3.exceptions.ConnectTimeoutError):
            return errors.ConnectionFailedError(self.target, "no connection within the time limit")
        if isinstance(error, urllib3.exceptions.TimeoutError | TimeoutError):
            return errors.ResponseTimeoutError(self.target, "no answer within the time limit")
        if isinstance(error, urllib3.exceptions.SSLError):
            return errors.MalformedError(self.target, f"TLS failed: {_root_cause(error)}")
        return errors.ConnectionFailedError(self.target, _root_cause(error))


class Answer:
    """A response whose body is read once, within bounds."""

    def __init__(self, response: Any, record: Recorder, deadline: Deadline) -> None:
        self._response = response
        self._record = record
        self._deadline = deadline
        self._size = 0

    @property
    def status(self) -> int:
        """The HTTP status."""
        return int(self._response.status)

    def header(self, name: str) -> str:
        """Returns a header's value, empty if there is none."""
        return str(self._response.headers.get(name) or "")

    def chunks(self) -> Iterator[bytes]:
        """Yields the body; raises when it stalls, breaks, or the deadline passes."""
        try:
            for chunk in chunked.joined(chunked.pieces(self._response)):
                self._size += len(chunk)
                yield chunk
                if self._deadline.expired:
                    raise errors.ResponseTimeoutError(
                        self._record.target, "the deadline passed while reading"
                    )
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise self._record.failed(error, self._response.status, self._size) from error
        self._record.note(self._response.status, self._size)

    def whole(self, limit: int) -> bytes:
        """Returns the whole body, at most ``limit`` bytes. Raises TooLargeError beyond."""
        parts: list[bytes] = []
        try:
            for chunk in self.chunks():
                parts.append(chunk)
                if self._size > limit:
                    raise errors.TooLargeError(
                        self._record.target, f"the answer is larger than {limit} bytes"
                    )
        finally:
            self.close()
        return b"".join(parts)

    def refusal(self) -> errors.ApiError:
        """Returns the error that a non-2xx answer means."""
        body = b""
        with contextlib.suppress(errors.ApiError):
            for chunk in self.chunks():
                body += chunk
                if len(body) > _ERROR_BODY:
                    break
        self.close()
        return _refusal(self._record.target, self.status, body, self._retry_after())

    def close(self) -> None:
        """Ends the exchange; a connection whose body was read to the end is already back in the pool."""
        self._record.note(self._response.status, self._size)
        self._response.close()

    def _retry_after(self) -> float | None:
        """Returns seconds; a server may state a date instead, which its own clock makes a length of time."""
        stated = self.header("Retry-After")
        if stated.isascii() and stated.isdecimal():
            return float(stated)
        with contextlib.suppress(ValueError, TypeError, OverflowError):
            until, now = (parsedate_to_datetime(text) for text in (stated, self.header("Date")))
            return max((until - now).total_seconds(), 0.0)
        return None


def _refusal(target: str, status: int, body: bytes, retry_after: float | None) -> errors.ApiError:
    message, fresh = _status_message(body)
    message = message or f"HTTP {status}"
    match status:
        case 401:
            return errors.UnauthorizedError(target, message, status=status)
        case 403:
            return errors.ForbiddenError(target, message, status=status)
        case 404:
            return errors.NotFoundError(target, message, status=status)
        case 410:
            return errors.GoneError(target, message, fresh_token=fresh)
        case 429:
            return errors.ThrottledError(target, message, status=status, retry_after=retry_after)
        case _ if 500 <= status < 600:  # noqa: PLR2004 - the class of server errors
            return errors.ServerError(target, message, status=status, retry_after=retry_after)
        case _ if 300 <= status < 400:  # noqa: PLR2004 - the class of redirects
            return errors.MalformedError(target, "the server redirects, which is not followed", status=status)
        case _:
            return errors.RejectedError(target, message, status=status)


def _status_message(body: bytes) -> tuple[str, str]:
    """Returns the message of a Status object, or plain text, and a continue token if there is one."""
    try:
        status = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return body.decode("utf-8", "replace").strip(), ""
    if not isinstance(status, dict):
        return "", ""
    metadata = status.get("metadata")
    fresh = metadata.get("continue", "") if isinstance(metadata, dict) else ""
    return str(status.get("message", "")), str(fresh or "")


def _root_cause(error: BaseException) -> str:
    seen = error
    while True:
        inner = getattr(seen, "reason", None) or seen.__cause__ or seen.__context__
        if not isinstance(inner, BaseException) or inner is seen:
            break
        seen = inner
    text = str(seen).split(": ", 1)[-1]
    return text or type(seen).__name__
