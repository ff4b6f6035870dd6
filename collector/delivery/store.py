"""Puts the bundle into a store: one PUT to an address signed beforehand, or signed here for a bucket.

The signed address is itself a key: it is shown nowhere and kept nowhere; the reference is without its query.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import tenacity

from collector.core.clock import Clock
from collector.core.deadline import Deadline
from collector.core.errors import UsageError
from collector.core.extra import library
from collector.core.secret import Secret
from collector.delivery import encrypt, private
from collector.delivery.settings import Bucket, StoreSettings
from collector.delivery.upload import Uploaded
from collector.delivery.verdict import Cause, Verdict, receipt_for
from collector.web.errors import BrokenError, DeliveryError, RefusedError, RetryLaterError
from collector.web.http import Answer, HttpClient

_TRIES = 3
_VALID = timedelta(hours=1)
_LONGEST_BACKOFF = 60


@dataclass(frozen=True, kw_only=True)
class Stored:
    """How it ended; ``location`` is a reference without credentials, empty if the store has nothing."""

    result: Uploaded
    location: str = ""


def put(path: Path, settings: StoreSettings, *, clock: Clock, deadline: Deadline) -> Stored:
    """Stores the file. Never raises for network or disk."""
    try:
        with (
            _sealed(path, settings) as file,
            HttpClient(ca_file=settings.ca_file, allow_http=settings.allow_http) as http,
        ):
            base, _, query = _address(settings, file.name).reveal().partition("?")
            _patiently(http, base, query, file, clock, deadline)
    except DeliveryError as error:
        return _failed(error)
    except (OSError, UsageError) as error:
        words = error.message if isinstance(error, UsageError) else error.strerror or "the disk failed"
        return Stored(result=Uploaded(words=f"not stored: {words}", cause=Cause.REFUSED))
    how = " encrypted" if settings.recipient else ""
    return Stored(result=Uploaded(words=f"stored{how} at {urlsplit(base).hostname}"), location=base)


def check_library() -> None:
    """Raises UsageError where buckets cannot be addressed."""
    _library()


@contextlib.contextmanager
def _sealed(path: Path, settings: StoreSettings) -> Iterator[Path]:
    """Gives the file to send: the bundle, or its encrypted form for as long as it is needed."""
    if not settings.recipient:
        yield path
        return
    folder = settings.scratch or path.parent
    private.prepare(folder)
    file = folder / f"{path.name}{encrypt.SUFFIX}"
    file.unlink(missing_ok=True)
    try:
        encrypt.encrypt(path, file, settings.recipient)
        yield file
    finally:
        file.unlink(missing_ok=True)


def _patiently(
    http: HttpClient, base: str, query: str, path: Path, clock: Clock, deadline: Deadline
) -> Answer:
    def once() -> Answer:
        with path.open("rb") as stream:
            headers = {"Content-Type": "application/zstd"}
            return http.request("PUT", base, headers, deadline, query=query, body=stream, secret=query)

    retrying = tenacity.Retrying(
        retry=tenacity.retry_if_exception_type((RetryLaterError, BrokenError)),
        wait=tenacity.wait_exponential_jitter(initial=1, max=_LONGEST_BACKOFF, jitter=1),
        stop=lambda state: state.attempt_number >= _TRIES or state.upcoming_sleep >= deadline.left(),
        sleep=clock.sleep,
        reraise=True,
    )
    return retrying(once)


def _failed(error: DeliveryError) -> Stored:
    receipt = receipt_for(Verdict.REFUSED, error)
    hint = receipt.hint
    if isinstance(error, RefusedError):
        hint = "have a new address signed for PUT; they hold for a limited time and for one name"
    words = error.reason.replace("the endpoint", "the store")
    return Stored(result=Uploaded(words=f"not stored: {words}", cause=receipt.cause, hint=hint))


def _address(settings: StoreSettings, name: str) -> Secret:
    if settings.url is not None:
        return settings.url
    if settings.bucket is None:
        raise UsageError("no store was named", hint="try: --store-url-file FILE")
    return _signed(settings.bucket, name)


def _signed(bucket: Bucket, name: str) -> Secret:
    parts = urlsplit(bucket.endpoint)
    # The region is given, so signing asks nobody; the library sends nothing.
    client = _library().Minio(
        endpoint=parts.netloc,
        access_key=bucket.access_key,
        secret_key=bucket.secret_key.reveal(),
        session_token=bucket.session_token.reveal() if bucket.session_token else None,
        region=bucket.region,
        secure=parts.scheme == "https",
    )
    key = "/".join(part for part in (bucket.prefix.strip("/"), name) if part)
    try:
        made = client.presigned_put_object(bucket_name=bucket.name, object_name=key, expires=_VALID)
    except ValueError as cause:
        raise UsageError("the bucket's address or name is not usable", why=str(cause)) from None
    return Secret(made, "the signed address", longest=4096)


def _library() -> Any:
    return library(
        "minio",
        "s3",
        without="buckets cannot be addressed here",
        instead="a signed address: --store-url-file FILE",
    )
