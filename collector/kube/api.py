"""The transport: GET requests only, each inside a deadline, retried where that makes sense, and noted.

The one POST that exists is a SelfSubject*Review, which asks about our own rights and changes nothing.
Anything else is refused here, whatever a caller may want.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from email.utils import parsedate_to_datetime
from typing import TypeVar
from urllib.parse import urlencode

import msgspec
import tenacity
import urllib3

from collector import __version__
from collector.core.clock import Clock
from collector.core.deadline import Deadline, DeadlineExceededError
from collector.kube import errors, wire
from collector.kube.config import Connection
from collector.kube.exchange import Answer, Recorder
from collector.kube.guard import (
    JSON,
    METADATA_ONLY,
    NO_LEAVE,
    HelmRecord,
    Leave,
    Params,
    RefusedRequestError,
    check,
)
from collector.kube.manners import Manners
from collector.kube.page import Page, decode_page
from collector.kube.requestlog import RequestLog
from collector.records import Json
from collector.records.access import mapping, string

__all__ = ["JSON", "MAX_BODY", "METADATA_ONLY", "Api", "HelmRecord", "Leave", "Params", "RefusedRequestError"]

MAX_BODY = 64 * 1024 * 1024
# A Secret holds 1 MiB at most, in base64; the rest is metadata.
_MAX_RECORD = 4 * 1024 * 1024
_RECORD_TYPE = "helm.sh/release.v1"
_METADATA_KIND = "PartialObjectMetadataList"
_CONNECT_SECONDS = 5.0
_NO_TIME = "no time left before the deadline"
# How often each kind of failure is tried in all. A 5xx mostly means a dead node or a broken aggregated API,
# which a second attempt rarely mends; a full queue does empty. A server that says when to come back means it.
_ATTEMPTS = {errors.ThrottledError: 5, errors.ConnectionFailedError: 3, errors.ServerError: 2}
_ATTEMPTS_WHEN_ASKED = 5

T = TypeVar("T")


class Api:
    """One collector's view of the API server.

    Threads may share it. All requests of a run share the pool, the log and the manners.
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
        manners: Manners | None = None,
        leave: Leave = NO_LEAVE,
    ) -> None:
        self.connection = connection
        self.clock = clock
        self.deadline = deadline
        self.log = log
        self._bundle_id = bundle_id
        self._collector = collector
        self._manners = manners or Manners(clock)
        self._leave = leave

    def view(self, collector: str, deadline: Deadline) -> Api:
        """Returns the same API seen by another collector with its own deadline."""
        return Api(
            self.connection,
            clock=self.clock,
            deadline=deadline,
            log=self.log,
            bundle_id=self._bundle_id,
            collector=collector,
            manners=self._manners,
            leave=self._leave,
        )

    def within(self, seconds: float) -> Api:
        """Returns the same view with at most so many seconds left."""
        return self.view(self._collector, self.deadline.child(seconds))

    def get_json(
        self, path: str, params: Params | None = None, *, accept: str = JSON, limit: int = MAX_BODY
    ) -> Json:
        """Returns the decoded body, of at most ``limit`` bytes. Raises a subclass of ApiError.

        With ``METADATA_ONLY`` as ``accept``, an answer that holds more is thrown away.
        """
        body = self._retrying(lambda: self._body(path, params, accept, limit))
        answer = _decoded(path, body, msgspec.json.decode)
        _refuse_more_than_asked(path, accept, string(answer, "kind"))
        return answer

    def get_page(self, path: str, params: Params, *, accept: str = JSON, limit: int = MAX_BODY) -> Page:
        """Returns one answer to a list request, its objects undecoded; otherwise as ``get_json``."""
        body = self._retrying(lambda: self._body(path, params, accept, limit))
        page = _decoded(path, body, decode_page)
        _refuse_more_than_asked(path, accept, page.kind)
        return page

    def get_helm_record(self, record: HelmRecord) -> str:
        """Returns a Helm 3 release as its Secret holds it, encoded and full of secrets of its own.

        Raises:
            RefusedRequestError: the operator has not allowed it.
            MalformedError: what came is another object, or no record of Helm's.
            ApiError: otherwise as ``get_json``.
        """
        body = self._retrying(lambda: self._body(record.path, None, JSON, _MAX_RECORD, record))
        answer = _decoded(record.path, body, msgspec.json.decode)
        metadata = mapping(answer, "metadata")
        named = string(metadata, "namespace"), string(metadata, "name")
        if string(answer, "type") != _RECORD_TYPE or named != (record.namespace, record.name):
            raise errors.MalformedError(record.path, "this Secret is no release record of Helm 3")
        return string(mapping(answer, "data"), "release")

    def get_text(self, path: str, params: Params | None = None) -> str:
        """Returns the body as text; undecodable bytes are replaced. Raises a subclass of ApiError."""
        body = self._retrying(lambda: self._body(path, params, "*/*", MAX_BODY))
        return body.decode("utf-8", "replace")

    @contextlib.contextmanager
    def stream(self, path: str, params: Params | None = None) -> Iterator[Iterator[bytes]]:
        """Opens a body of any size as chunks. Only the opening is retried.

        The iterator raises a subclass of ApiError when the stream stalls, breaks or outlives the deadline;
        what came before stays valid.
        """
        with self._slot(path, lasting=True):
            answer = self._retrying(lambda: self._open("GET", path, params, "*/*"))
            try:
                yield answer.chunks()
            finally:
                answer.close()

    def review(self, path: str, body: Json) -> Json:
        """Asks about our own rights. Raises RefusedRequestError for any other path, else as ``get_json``."""
        sent = msgspec.json.encode(body)

        def ask() -> bytes:
            with self._slot(path):
                return self._open("POST", path, None, JSON, sent).whole(MAX_BODY)

        return _decoded(path, self._retrying(ask), msgspec.json.decode)

    def _body(
        self, path: str, params: Params | None, accept: str, limit: int, secret: HelmRecord | None = None
    ) -> bytes:
        with self._slot(path):
            return self._open("GET", path, params, accept, secret=secret).whole(limit)

    @contextlib.contextmanager
    def _slot(self, path: str, *, lasting: bool = False) -> Iterator[None]:
        with contextlib.ExitStack() as stack:
            try:
                stack.enter_context(self._manners.slot(self.deadline, lasting=lasting))
            except DeadlineExceededError as error:
                raise errors.ResponseTimeoutError(path, _NO_TIME) from error
            yield

    def _retrying(self, work: Callable[[], T]) -> T:
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(tuple(_ATTEMPTS)),
            wait=_wait,
            stop=self._stop,
            sleep=lambda seconds: self.log.note_wait(self._manners.rest(seconds, self.deadline)),
            reraise=True,
        )
        return retrying(work)

    def _stop(self, state: tenacity.RetryCallState) -> bool:
        error = _error_of(state)
        attempts = next((count for kind, count in _ATTEMPTS.items() if isinstance(error, kind)), 1)
        asked = error.retry_after if error else None
        if asked:
            attempts = max(attempts, _ATTEMPTS_WHEN_ASKED)
        return state.attempt_number >= attempts or (asked or 0.0) >= self.deadline.left()

    def _open(
        self,
        method: str,
        path: str,
        params: Params | None,
        accept: str,
        body: bytes | None = None,
        secret: HelmRecord | None = None,
    ) -> Answer:
        check(method, path, params, accept, leave=self._leave, record=secret)
        target = f"{path}?{urlencode(params)}" if params else path
        try:
            self.log.note_wait(self._manners.admit(self.deadline))
        except DeadlineExceededError as error:
            raise errors.ResponseTimeoutError(target, _NO_TIME) from error
        record = Recorder(self.log, self.clock, collector=self._collector, method=method, target=target)
        left = self.deadline.left()
        read = min(left, self.connection.request_timeout)
        try:
            with wire.ending_in(left):
                response = self.connection.pool.request(
                    method,
                    self.connection.server + target,
                    headers=self._headers(accept, body),
                    body=body,
                    preload_content=False,
                    redirect=False,
                    retries=False,
                    timeout=urllib3.Timeout(connect=min(read, _CONNECT_SECONDS), read=max(read, 0.001)),
                )
        except urllib3.exceptions.HTTPError as error:
            raise record.failed(error) from error
        answer = Answer(response, record, self.deadline)
        self._note_headers(answer)
        if answer.status in (200, 201):
            return answer
        refusal = answer.refusal()
        if refusal.retry_after is not None:
            self._manners.pause(refusal.retry_after)
        raise refusal

    def _headers(self, accept: str, body: bytes | None) -> dict[str, str]:
        headers = {
            **self.connection.headers(),
            "Accept": accept,
            "Accept-Encoding": "gzip",
            "User-Agent": f"conductor-diag/{__version__} (run={self._bundle_id})",
        }
        return headers if body is None else headers | {"Content-Type": JSON}

    def _note_headers(self, answer: Answer) -> None:
        with contextlib.suppress(ValueError, TypeError, OverflowError):
            date = parsedate_to_datetime(answer.header("Date"))
            self.log.note_skew((date - self.clock.now()).total_seconds())
        self.log.note_fairness(
            schema=answer.header("X-Kubernetes-PF-FlowSchema-UID"),
            level=answer.header("X-Kubernetes-PF-PriorityLevel-UID"),
        )


def _decoded(path: str, body: bytes, decode: Callable[[bytes], T]) -> T:
    try:
        return decode(body)
    except (msgspec.ValidationError, msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        what = "no list of objects" if isinstance(error, msgspec.ValidationError) else "not JSON"
        raise errors.MalformedError(path, f"the answer is {what}") from error


def _refuse_more_than_asked(path: str, accept: str, kind: Json) -> None:
    if accept == METADATA_ONLY and kind != _METADATA_KIND:
        raise errors.MalformedError(path, "the server sent whole objects where only names were asked for")


def _error_of(state: tenacity.RetryCallState) -> errors.ApiError | None:
    error = state.outcome.exception() if state.outcome else None
    return error if isinstance(error, errors.ApiError) else None


def _wait(state: tenacity.RetryCallState) -> float:
    """Returns the seconds until the next attempt; where the server named them, every request waits anyway."""
    error = _error_of(state)
    if error and error.retry_after:
        return 0.0
    return tenacity.wait_random_exponential(multiplier=0.2, max=5)(state)
