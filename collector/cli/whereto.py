"""From parsed flags to what else is asked, and to where the bundle itself is sent."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from urllib.parse import urlsplit

from collector.cli.bundleflags import POSTGRES_DSN, STORE_URL, TOKEN, TOKEN_PAGE
from collector.core import quantity
from collector.core.errors import UsageError
from collector.delivery import Secret, StoreSettings, UploadSettings
from collector.delivery.encrypt import check_recipient
from collector.delivery.settings import Bucket
from collector.delivery.store import check_library
from collector.sql import Database
from collector.web.errbit import ErrbitSource
from collector.web.errors import UnsafeTargetError
from collector.web.target import check_ca, check_target

_LONGEST_KEY = 4096
_LONGEST_URL = 4096


def upload_settings(arguments: argparse.Namespace) -> UploadSettings | None:
    """Returns how the bundle goes to the endpoint, None if it does not. Raises UsageError."""
    if arguments.upload_recipient:
        check_recipient(arguments.upload_recipient)
    if arguments.upload_bundle != "yes":
        return None
    key = arguments.upload_key_file
    return UploadSettings(
        key=Secret(secret_from(key, "the API key for bundles"), "the API key for bundles") if key else None,
        recipient=arguments.upload_recipient,
        max_bytes=size_of("--upload-max-size", arguments.upload_max_size),
        chunk_bytes=size_of("--upload-chunk-size", arguments.upload_chunk_size),
    )


def errbit_source(arguments: argparse.Namespace) -> ErrbitSource | None:
    """Returns the Errbit to read as evidence, None without a token. Raises UsageError."""
    file = arguments.errbit_token_file
    token = secret_from(file, "the user's token") if file else os.environ.get(TOKEN, "").strip()
    if not token and not arguments.errbit_source_url:
        return None
    if arguments.errbit_source_url:
        check_address("--errbit-source-url", arguments.errbit_source_url, arguments)
    return ErrbitSource(
        token=Secret(token, "the user's token", hint=TOKEN_PAGE),
        url=arguments.errbit_source_url,
        ca_file=Path(arguments.errbit_ca_file) if arguments.errbit_ca_file else None,
        allow_http=arguments.errbit_allow_http,
    )


def database(arguments: argparse.Namespace, named: str = "") -> Database | None:
    """Returns the database to ask over the network, None without a DSN. Raises UsageError.

    ``named`` is the file that the spec names; flag and environment win.
    """
    file = arguments.postgres_dsn_file
    given = "" if file else os.environ.get(POSTGRES_DSN, "").strip()
    if not given and (file or named):
        given = secret_from(file or named, "the database's DSN")
    if not given:
        return None
    return Database(given)


def store_settings(arguments: argparse.Namespace, spool: Path) -> StoreSettings | None:
    """Returns where the bundle is stored, None if nowhere. Raises UsageError."""
    file = arguments.store_url_file
    signed = secret_from(file, "the signed address") if file else os.environ.get(STORE_URL, "").strip()
    if signed and arguments.store_bucket:
        raise UsageError(
            "a signed address and a bucket exclude each other", hint="try: --store-bucket NAME, alone"
        )
    if not signed and not arguments.store_bucket:
        return None
    if signed:
        # Its query is a key, and its own; it stands in no message.
        check_address("--store-url-file", signed.partition("?")[0], arguments)
    return StoreSettings(
        url=Secret(signed, "the signed address", longest=_LONGEST_URL) if signed else None,
        bucket=None if signed else _bucket(arguments),
        recipient=arguments.upload_recipient,
        scratch=spool,
        ca_file=Path(arguments.errbit_ca_file) if arguments.errbit_ca_file else None,
        allow_http=arguments.errbit_allow_http,
    )


def _bucket(arguments: argparse.Namespace) -> Bucket:
    check_library()
    found = {
        name: os.environ.get(f"AWS_{name}", "")
        for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "SESSION_TOKEN")
    }
    if not (found["ACCESS_KEY_ID"] and found["SECRET_ACCESS_KEY"]):
        raise UsageError(
            "the store's keys are not in the environment",
            why="AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are both needed",
            hint="or have an address signed elsewhere: --store-url-file FILE",
        )
    parts = urlsplit(arguments.store_endpoint)
    if parts.scheme not in ("http", "https") or not parts.netloc or parts.path.strip("/"):
        raise UsageError(
            "the store's address is not usable", hint="try: --store-endpoint https://s3.example.com"
        )
    check_address("--store-endpoint", arguments.store_endpoint, arguments)
    name, _, prefix = arguments.store_bucket.partition("/")
    token = found["SESSION_TOKEN"]
    return Bucket(
        endpoint=arguments.store_endpoint,
        name=name,
        region=arguments.store_region,
        access_key=found["ACCESS_KEY_ID"],
        secret_key=Secret(found["SECRET_ACCESS_KEY"], "the store's secret key"),
        session_token=Secret(token, "the store's session token", longest=_LONGEST_URL) if token else None,
        prefix=prefix,
    )


def check_address(flag: str, url: str, arguments: argparse.Namespace) -> None:
    """Raises UsageError, before anything is sent or collected, for an address no key may be sent to."""
    try:
        check_target(url, allow_http=arguments.errbit_allow_http)
        if arguments.errbit_ca_file:
            check_ca(Path(arguments.errbit_ca_file))
    except UnsafeTargetError as error:
        raise UsageError(f"{flag}: {error.reason}", hint=error.hint) from error


def size_of(flag: str, text: str) -> int:
    """Returns bytes. Raises UsageError that names the flag."""
    try:
        return quantity.size(text)
    except ValueError as error:
        raise UsageError(f"{flag}: {error}", hint=f"try: {flag} 16Mi") from error


def secret_from(path: str, what: str) -> str:
    """Returns what a file holds, without white space around it. Raises UsageError."""
    try:
        with Path(path).open(encoding="utf-8") as stream:
            return stream.read(_LONGEST_KEY).strip()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            f"cannot read {what} from {path}",
            why=getattr(error, "strerror", "") or "it is not text",
            hint=f"put {what} alone into a file that you can read",
        ) from error
