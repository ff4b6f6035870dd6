"""Where notices go and with which key, and where the bundle goes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from collector.core import ids
from collector.core.errors import UsageError
from collector.core.secret import Secret

_PROJECT = re.compile(r"[A-Za-z0-9_-]{1,64}")
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_DEFAULT_MAX = 16 * 1024 * 1024
_DEFAULT_CHUNK = 524_288
_SMALLEST_CHUNK = 45_000
_LARGEST_CHUNK = 8 * 1024 * 1024
RESEND = "conductor-diag upload"
"""The verb that delivers what had to be kept; with the flags of the run it is the whole command."""


@dataclass(frozen=True, kw_only=True)
class UploadSettings:
    """That the bundle itself goes to the endpoint, in pieces.

    Attributes:
        key: API key of an application of its own for bundles; None takes that of the notices.
        recipient: age public key to encrypt for; empty for none.
        max_bytes: a larger bundle is announced only.
        chunk_bytes: raw bytes of a piece, 45,000 to 8 MiB; the endpoint's proxy may enforce smaller ones.

    Raises:
        UsageError: for a size out of its range.
    """

    key: Secret | None = None
    recipient: str = ""
    max_bytes: int = _DEFAULT_MAX
    chunk_bytes: int = _DEFAULT_CHUNK

    def __post_init__(self) -> None:
        if not _SMALLEST_CHUNK <= self.chunk_bytes <= _LARGEST_CHUNK:
            raise UsageError(
                "the size of the bundle's pieces is out of range",
                why=f"it is {_SMALLEST_CHUNK} bytes to 8 MiB",
                hint="leave it out: 512Ki passes the usual limits",
            )


@dataclass(frozen=True, kw_only=True)
class ErrbitSettings:
    """One Errbit-compatible endpoint.

    Attributes:
        url: base address, without the API's path, such as ``https://errbit.example.com``.
        project_id: free text for Errbit, a number for some other servers; stands in the address.
        environment: the environment under which problems are grouped.
        hostname: the site's name; shown, never grouped by.
        ca_file: PEM file with the endpoint's CA; None trusts the public ones.
        allow_http: lets the key cross a network in clear; loopback needs no permission.
        spool_dir: keeps what could not be delivered; None keeps nothing.
        upload: sends the bundle itself as well; needs ``spool_dir``; None sends notices only.
        resend: the command that delivers what had to be kept, as a person would type it.

    Raises:
        UsageError: for a project id that cannot stand in an address.
    """

    url: str
    key: Secret
    project_id: str = "1"
    environment: str = "production"
    hostname: str = "conductor"
    ca_file: Path | None = None
    allow_http: bool = False
    spool_dir: Path | None = None
    upload: UploadSettings | None = None
    resend: str = RESEND

    def __post_init__(self) -> None:
        if not _PROJECT.fullmatch(self.project_id):
            raise UsageError(
                "the Errbit project id is not usable",
                why="it is 1 to 64 of A-Z a-z 0-9 _ -",
                hint="leave it out; Errbit finds the application by its key",
            )

    @property
    def base(self) -> str:
        """The address without a slash at its end."""
        return self.url.rstrip("/")

    @property
    def identity(self) -> str:
        """What identifies the endpoint in files: 16 hex digits without the address in them."""
        return ids.fingerprint(self.base, self.project_id, self.environment)


@dataclass(frozen=True, kw_only=True)
class Bucket:
    """A bucket of an S3-compatible store.

    ``endpoint`` is the store's address, ``prefix`` what object names begin with.
    """

    endpoint: str
    name: str
    region: str
    access_key: str
    secret_key: Secret
    session_token: Secret | None = None
    prefix: str = ""

    def __post_init__(self) -> None:
        if not _BUCKET.fullmatch(self.name):
            raise UsageError(
                f"{self.name!r} is no name of a bucket", hint="try: --store-bucket NAME, or NAME/PREFIX"
            )


@dataclass(frozen=True, kw_only=True)
class StoreSettings:
    """Where the bundle goes: to a signed address (``url``) or into a ``bucket``; exactly one of them.

    ``recipient`` is an age public key to encrypt for, empty for none; ``scratch`` is the folder in which
    that is done. ``ca_file`` and ``allow_http`` are as for the endpoint of the notices.
    """

    url: Secret | None = None
    bucket: Bucket | None = None
    recipient: str = ""
    scratch: Path | None = None
    ca_file: Path | None = None
    allow_http: bool = False
