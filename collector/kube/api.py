"""The transport: GET requests only, each inside a deadline, retried where that makes sense, and noted.

The one POST that exists is a SelfSubject*Review, which asks about our own rights and changes nothing.
Anything else is refused here, whatever a caller may want.
"""

from __future__ import annotations

import contextlib
import re
import threading
import time
from collections.abc import Iterator, Mapping
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlencode

import msgspec
import tenacity
import urllib3

from collector import __version__
from collector.core.clock import Clock
from collector.core.deadline import Deadline
from collector.kube import errors
from collector.kube.config import Connection
from collector.kube.requestlog import Request, RequestLog
from collector.records import Json

MAX_BODY = 64 * 1024 * 1024
_CHUNK = 64 * 1024
_ERROR_BODY = 16 * 1024
_CONNECT_SECONDS = 5.0
_LONGEST_WAIT = 20.0
_PATH = re.compile(r"/[A-Za-z0-9._~:/%-]*")
_REVIEW = re.compile(r"/apis/authorization\.k8s\.io/v1(beta1)?/selfsubject(access|rules)reviews")
# How often each kind of failure is tried in all. A 5xx mostly means a dead node or a broken aggregated API,
# which a second attempt rarely mends; a full queue does empty.
_ATTEMPTS = {errors.ThrottledError: 5, errors.ConnectionFailedError: 3, errors.ServerError: 2}

Params = Mapping[str, str]


class RefusedRequestError(Exception):
    """The program itself tried something that is not read-only; a defect, never the cluster's fault."""


class Api:
    """One collector's view of the API server.

    Threads may share it. All requests of a run share the pool, the log and the limit on parallel requests.
    """

    def __init__(
        self,
        connection: Connection,
        *,
        clock: Clock,
        deadline: Deadline,
        log: RequestLog,
        bundle_id: str,
        collector: str = "survey",
        slots: threading.BoundedSemaphore | None = None,
    ) -> None:
        self.connection = connection
        self.clock = clock
        self.deadline = deadline
        self.log = log
        self._bundle_id = bundle_id
        self._collector = collector
        self._slots = slots or threading.BoundedSemaphore(8)

    def view(self, collector: str, deadline: Deadline) -> Api:
        """Returns the same API seen by another collector with its own deadline."""
        return Api(
            self.connection,
            clock=self.clock,
            deadline=deadline,
            log=self.log,
            bundle_id=self._bundle_id,
            collector=collector,
            slots=self._slots,
        )

    def get_json(self, path: str, params: Params | None = None) -> Json:
        """Returns the decoded body. Raises a subclass of ApiError."""
        body = self._retrying(lambda: self._body(path, params, "application/json"))
        try:
            return msgspec.json.decode(body)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
            raise errors.MalformedError(path, "the answer is not JSON") from error

    def get_text(self, path: str, params: Params | None = None) -> str:
        """Returns the body as text; undecodable bytes are replaced. Raises a subclass of ApiError."""
        body: bytes = self._retrying(lambda: self._body(path, params, "*/*"))
        return body.decode("utf-8", "replace")

    @contextlib.contextmanager
    def stream(self, path: str, params: Params | None = None) -> Iterator[Iterator[bytes]]:
        """Opens a body of any size as chunks. Only the opening is retried.

        The iterator raises a subclass of ApiError when the stream stalls, breaks or outlives the deadline;
        what came before stays valid.
        """
        with self._slots:
            answer = self._retrying(lambda: self._open("GET", path, params, "*/*"))
            try:
                yield answer.chunks()
            finally:
                answer.close()

    def review(self, path: str, body: Json) -> Json:
        """Asks about our own rights. Raises RefusedRequestError for any other path."""
        if not _REVIEW.fullmatch(path):
            raise RefusedRequestError(f"POST {path}")
        with self._slots:
            answer = self._open("POST", path, None, "application/json", msgspec.json.encode(body))
            return msgspec.json.decode(answer.whole())

    def _body(self, path: str, params: Params | None, accept: str) -> bytes:
        with self._slots:
            return self._open("GET", path, params, accept).whole()

    def _retrying(self, work: Any) -> Any:
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(tuple(_ATTEMPTS)),
            wait=self._wait,
            stop=self._stop,
            sleep=self.clock.sleep,
            reraise=True,
        )
        return retrying(work)

    def _wait(self, state: tenacity.RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        asked = error.retry_after if isinstance(error, errors.ApiError) else None
        backoff = tenacity.wait_random_exponential(multiplier=0.2, max=5)(state)
        return min(backoff if asked is None else max(asked, 0.0), _LONGEST_WAIT)

    def _stop(self, state: tenacity.RetryCallState) -> bool:
        error = state.outcome.exception() if state.outcome else None
        attempts = next((count for kind, count in _ATTEMPTS.items() if isinstance(error, kind)), 1)
        asked = error.retry_after or 0.0 if isinstance(error, errors.ApiError) else 0.0
        return state.attempt_number >= attempts or asked >= self.deadline.left()

    def _open(
        self, method: str, path: str, params: Params | None, accept: str, body: bytes | None = None
    ) -> _Answer:
        if (
            not _PATH.fullmatch(path)
            or "/../" in f"{path}/"
            or (method != "GET" and not _REVIEW.fullmatch(path))
        ):
            raise RefusedRequestError(f"{method} {path}")
        target = f"{path}?{urlencode(params)}" if params else path
        if self.deadline.expired:
            raise errors.ResponseTimeoutError(target, "no time left before the deadline")
        record = _Recorder(self, method, target)
        headers = {
            **self.connection.headers(),
            "Accept": accept,
            "Accept-Encoding": "gzip",
            "User-Agent": f"conductor-diag/{__version__} (run={self._bundle_id})",
        }
        if body is not None:
            headers["Content-Type"] = "application/json"
        read = self.deadline.left(cap=self.connection.request_timeout)
        try:
            response = self.connection.pool.request(
                method,
                self.connection.server + target,
                headers=headers,
                body=body,
                preload_content=False,
                redirect=False,
                retries=False,
                timeout=urllib3.Timeout(connect=min(read, _CONNECT_SECONDS), read=max(read, 0.001)),
            )
        except urllib3.exceptions.HTTPError as error:
            raise record.failed(error) from error
        answer = _Answer(response, record, self.deadline)
        self._note_skew(response.headers.get("Date"))
        if response.status not in (200, 201):
            raise answer.refusal()
        return answer

    def _note_skew(self, date: str | None) -> None:
        if date:
            with contextlib.suppress(ValueError, TypeError):
                self.log.note_skew((parsedate_to_datetime(date) - self.clock.now()).total_seconds())


class _Recorder:
    """Notes one attempt exactly once, however it ends."""

    def __init__(self, api: Api, method: str, target: str) -> None:
        self.target = target
        self._api = api
        self._method = method
        self._started = api.clock.now()
        self._from = time.monotonic()
        self._done = False

    def note(self, status: int, size: int, error: str = "") -> None:
        if self._done:
            return
        self._done = True
        self._api.log.add(
            Request(
                collector=self._api._collector,  # noqa: SLF001 - same module
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
        if isinstance(error, urllib3.exceptions.ConnectTimeoutError):
            return errors.ConnectionFailedError(self.target, "no connection within the time limit")
        if isinstance(error, urllib3.exceptions.TimeoutError):
            return errors.ResponseTimeoutError(self.target, "no answer within the time limit")
        if isinstance(error, urllib3.exceptions.SSLError):
            return errors.MalformedError(self.target, f"TLS failed: {_root_cause(error)}")
        return errors.ConnectionFailedError(self.target, _root_cause(error))


class _Answer:
    """A response whose body is read once, within bounds."""

    def __init__(self, response: Any, record: _Recorder, deadline: Deadline) -> None:
        self._response = response
        self._record = record
        self._deadline = deadline
        self._size = 0

    def chunks(self) -> Iterator[bytes]:
        """Yields the body; raises when it stalls, breaks, or the deadline passes."""
        try:
            while chunk := self._response.read1(_CHUNK):
                self._size += len(chunk)
                yield chunk
                if self._deadline.expired:
                    raise errors.ResponseTimeoutError(
                        self._record.target, "the deadline passed while reading"
                    )
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise self._record.failed(error, self._response.status, self._size) from error
        self._record.note(self._response.status, self._size)

    def whole(self, limit: int = MAX_BODY) -> bytes:
        """Returns the whole body, at most ``limit`` bytes."""
        parts: list[bytes] = []
        try:
            for chunk in self.chunks():
                parts.append(chunk)
                if self._size > limit:
                    raise errors.MalformedError(
                        self._record.target, f"the answer is larger than {limit} bytes"
                    )
        finally:
            self.close()
        return b"".join(parts)

    def refusal(self) -> errors.ApiError:
        """Returns the error that a non-2xx answer means."""
        status, headers = self._response.status, self._response.headers
        with contextlib.suppress(errors.ApiError):
            return _refusal(self._record.target, status, self._limited(), headers.get("Retry-After"))
        return _refusal(self._record.target, status, b"", headers.get("Retry-After"))

    def _limited(self) -> bytes:
        body = b""
        for chunk in self.chunks():
            body += chunk
            if len(body) > _ERROR_BODY:
                break
        self.close()
        return body

    def close(self) -> None:
        """Ends the exchange; a connection whose body was read to the end is already back in the pool."""
        self._record.note(self._response.status, self._size)
        self._response.close()


def _refusal(target: str, status: int, body: bytes, retry_after: str | None) -> errors.ApiError:
    message, fresh = _status_message(body)
    message = message or f"HTTP {status}"
    seconds = float(retry_after) if retry_after and retry_after.isdigit() else None
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
            return errors.ThrottledError(target, message, status=status, retry_after=seconds)
        case _ if 500 <= status < 600:  # noqa: PLR2004 - the class of server errors
            return errors.ServerError(target, message, status=status, retry_after=seconds)
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
