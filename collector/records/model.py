"""The records that collectors yield and the entries they become.

A record names its place in the bundle and how to read its content; it holds at most one piece of that
content at a time. Collectors never write, redact, compress, retry or sleep: the framework does.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

Json = Any
"""A decoded JSON value. Everything in it is hostile input."""


class Status(enum.StrEnum):
    """How the work of a collector ended. The words are used everywhere, in files and on screens."""

    OK = "ok"
    PARTIAL = "partial"
    DENIED = "denied"
    ABSENT = "absent"
    FAILED = "failed"
    TIMEOUT = "timeout"
    TRUNCATED = "truncated"
    SKIPPED = "skipped"


class EntryStatus(enum.StrEnum):
    """What one entry of the bundle is worth."""

    OK = "ok"
    TRUNCATED = "truncated"
    PARTIAL = "partial"
    WITHHELD = "withheld"


@dataclass(frozen=True, kw_only=True)
class Objects:
    """A list of Kubernetes objects, read page by page.

    Attributes:
        path: entry path inside the bundle.
        kind: kind of the list, such as ``PodList``; empty for a bare JSON array.
        api_version: of the list and its items, such as ``apps/v1``.
        item_kind: kind of one item; servers leave it out of list items, readers want it.
        items: the raw objects, lazily.
    """

    path: str
    kind: str
    api_version: str
    item_kind: str
    items: Iterable[Mapping[str, Json]]


@dataclass(frozen=True, kw_only=True)
class Lines:
    """Text, such as a container's log, as byte chunks cut anywhere.

    Attributes:
        path: entry path inside the bundle.
        chunks: the raw bytes, lazily.
        limit: bytes that are kept of a longer text: its end, as the newest lines are worth most.
        share: part of the bundle's room that is left when reading starts that this text may take, 0 to 1.
        subject: what to call it where it has to be left out; the path if empty.
        namespace: where it comes from, if from one namespace.
    """

    path: str
    chunks: Iterable[bytes]
    limit: int
    share: float = 1.0
    subject: str = ""
    namespace: str = ""


@dataclass(frozen=True, kw_only=True)
class Document:
    """One JSON value that the collector made itself. ``value`` must be plain JSON types."""

    path: str
    value: Json


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Records that may be read beside other batches, such as all lists of one resource, by one thread."""

    records: Iterable[Record]


@dataclass(frozen=True, kw_only=True)
class Gap:
    """Something that was asked for and not received; it becomes an ``unknown`` finding.

    Attributes:
        subject: what is missing, in the field's words: ``list backups.velero.io``.
        status: denied, absent, failed, timeout, truncated or skipped.
        reason: what the server said or what went wrong; hostile text, redacted before it is kept.
        needs: the grant or command that would fill the gap; empty if there is none.
        namespace: where, if the gap is in one namespace.
    """

    subject: str
    status: Status
    reason: str
    needs: str = ""
    namespace: str = ""


Record = Objects | Lines | Document | Gap | Batch


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """One file of the bundle as the manifest lists it. Sizes and offsets are bytes of uncompressed tar."""

    path: str
    size: int
    sha256: str
    collector: str
    status: EntryStatus = EntryStatus.OK
    note: str = ""
    tar_offset: int = 0
    redactions: Mapping[str, int] = field(default_factory=dict)


class ContentError(Exception):
    """Raised by a record's content when it ends early: what came before stays, ``gap`` tells the rest."""

    def __init__(self, gap: Gap) -> None:
        super().__init__(gap.subject)
        self.gap = gap
