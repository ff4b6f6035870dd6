"""The one module that sends HTTP to anything but the API server: one connection, no surprises.

Redirects are not followed (they would carry the key along), certificates are always verified, answers are
bounded. The environment's netrc and CA variables are ignored: they would replace our header and our trust.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Self
from urllib.parse import urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter
from requests.utils import get_environ_proxies

from collector.core.deadline import Deadline
from collector.web.errors import (
    BrokenError,
    DeliveryError,
    RefusedError,
    RetryLaterError,
    UnsafeTargetError,
    UntrustedError,
)
from collector.web.target import check_ca, check_target, is_loopback

_CONNECT_SECONDS = 10.0
_READ_SECONDS = 60.0
_MAX_BODY = 64 * 1024
_CHUNK = 65536
_MAX_LOCATION = 1000
_TEXT_LIMIT = 200
_LONGEST_WAIT = 3600
_LATER = frozenset({408, 420, 429, 502, 503, 504})
_TROUBLE = (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError)


@dataclass(frozen=True, kw_only=True)
class Answer:
    """An answer of 2xx. ``complete`` is False when the body broke off or was too long."""

    status: int
    body: bytes
    complete: bool

    @property
    def text(self) -> str:
        """The body as text, whatever bytes it holds."""
        return self.body.decode("utf-8", "replace").strip()


class HttpClient:
    """Sends requests over one kept-alive connection, one after the other. Use as a context manager.

    Args:
        ca_file: PEM file to verify the server with; None takes the public CAs.
        allow_http: permits plain http to other machines.
        read_seconds: the longest silence of the server; the deadline may cut it further.
    """

    def __init__(
        self, *, ca_file: Path | None = None, allow_http: bool = False, read_seconds: float = _READ_SECONDS
    ) -> None:
        self._ca_file = ca_file
        self._allow_http = allow_http
        self._read_seconds = read_seconds
        self._session = requests.Session()
        self._session.trust_env = False
        for scheme in ("http://", "https://"):
            adapter = HTTPAdapter(pool_connections=1, pool_maxsize=1, max_retries=0)
            self._session.mount(scheme, adapter)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._session.close()

    def post(
        self, url: str, body: bytes, headers: Mapping[str, str], deadline: Deadline, *, secret: str = ""
    ) -> Answer:
        """Posts ``body``; otherwise as ``request``."""
        return self.request("POST", url, headers, deadline, body=body, secret=secret)

    def request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        deadline: Deadline,
        *,
        query: str = "",
        body: bytes | IO[bytes] | None = None,
        secret: str = "",
        limit: int = _MAX_BODY,
    ) -> Answer:
        """Returns the answer if it is 2xx, without ``secret`` should the server repeat it to us.

        Args:
            method: GET, POST or PUT.
            url: address without a query.
            headers: of the request.
            deadline: cuts every wait.
            query: what stands after the question mark; never shown, because it may hold a token.
            body: bytes, or a file that is sent from where it stands to its end.
            secret: taken out of the answer.
            limit: bytes of the answer that are read.

        Raises:
            UnsafeTargetError, UntrustedError: nothing was sent.
            RetryLaterError, BrokenError, RefusedError: see collector.web.errors.
        """
        check_target(url, allow_http=self._allow_http)
        if self._ca_file:
            check_ca(self._ca_file)
        if deadline.expired:
            raise RetryLaterError("the time for delivery is over")
        prepared = requests.Request(
            method,
            f"{url}?{query}" if query else url,
            data=body,
            headers={**headers, "Accept-Encoding": "identity"},
        )
        outcome = self._exchange(prepared, deadline, secret, limit)
        # Raised here, not where it was caught: the original exception holds the request and so the key.
        if isinstance(outcome, DeliveryError):
            raise outcome
        return outcome

    def _exchange(
        self, request: requests.Request, deadline: Deadline, secret: str, limit: int
    ) -> Answer | DeliveryError:
        # A proxy has no business between us and this machine; it would see the key of a plain request.
        proxies = {} if is_loopback(urlsplit(request.url)) else dict(get_environ_proxies(request.url))
        try:
            with self._session.send(
                self._session.prepare_request(request),
                timeout=(deadline.left(_CONNECT_SECONDS), deadline.left(self._read_seconds)),
                verify=str(self._ca_file) if self._ca_file else True,
                proxies=proxies,
                allow_redirects=False,
                stream=True,
            ) as response:
                return _judge(response, deadline, secret, limit)
        except _TROUBLE as cause:
            return _translate(cause)


def _judge(
    response: requests.Response, deadline: Deadline, secret: str, limit: int
) -> Answer | DeliveryError:
    body, complete = _read(response, deadline, limit)
    if secret:
        body = body.replace(secret.encode(), b"***")
    status = response.status_code
    answer = Answer(status=status, body=body, complete=complete)
    if status in range(200, 300):
        return answer
    if status in _LATER:
        return RetryLaterError(f"the endpoint answered {status}", after=_after(response.headers))
    if status in range(300, 500):
        location = response.headers.get("Location", "") if status in range(300, 400) else ""
        return RefusedError(status, answer.text[:_TEXT_LIMIT], location=location[:_MAX_LOCATION])
    return BrokenError(f"the endpoint answered {status}")


def _read(response: requests.Response, deadline: Deadline, limit: int) -> tuple[bytes, bool]:
    """Returns at most ``limit`` bytes of the body, undecoded, and whether that is all of it."""
    body = bytearray()
    with contextlib.suppress(*_TROUBLE):
        while len(body) <= limit and not deadline.expired:
            chunk = response.raw.read1(_CHUNK, decode_content=False)
            if not chunk:
                return bytes(body), True
            body += chunk
    response.raw.close()  # the rest must not be taken for the next answer
    return bytes(body[:limit]), False


def _after(headers: Mapping[str, str]) -> float | None:
    """Returns the seconds that the server asks for; dates and nonsense count as nothing said."""
    for name in ("Retry-After", "X-RateLimit-Delay"):
        value = headers.get(name, "").strip()
        if value.isascii() and value.isdigit():
            return float(min(int(value[:9]), _LONGEST_WAIT))
    return None


def _translate(cause: Exception) -> DeliveryError:
    if isinstance(cause, requests.exceptions.SSLError) and "CERTIFICATE_VERIFY_FAILED" in str(cause):
        return UntrustedError(
            "the endpoint's certificate could not be verified",
            hint="give the CA that signed it (--errbit-ca-file)",
        )
    if isinstance(cause, requests.exceptions.ProxyError):
        return RetryLaterError("the proxy did not let us through", hint="check HTTPS_PROXY and NO_PROXY")
    if isinstance(cause, requests.exceptions.Timeout):
        return RetryLaterError("the endpoint did not answer in time", broke=not _unconnected(cause))
    if isinstance(cause, ValueError):
        return UnsafeTargetError("the endpoint's address is not usable")
    return RetryLaterError(
        "the endpoint could not be reached, or the connection broke", broke=not _unconnected(cause)
    )


def _unconnected(cause: Exception) -> bool:
    """True when no connection came about, so that the request's size cannot be to blame."""
    if isinstance(cause, requests.exceptions.ConnectTimeout):
        return True
    inner = getattr(cause.args[0] if cause.args else None, "reason", None)
    return isinstance(inner, urllib3.exceptions.NewConnectionError | urllib3.exceptions.NameResolutionError)
