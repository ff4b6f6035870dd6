"""Carries one collector's records through redaction into the bundle, until the pen is taken away."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any, TypeVar

from collector.bundle.entry import EntryWriter
from collector.bundle.writer import BundleWriter
from collector.records import (
    ContentError,
    Document,
    Entry,
    EntryStatus,
    Gap,
    Lines,
    Objects,
    Record,
    Redacted,
    Status,
)
from collector.redaction import RedactionError, Redactor

T = TypeVar("T")
_WITHHELD = "could not be redacted and was withheld"


class RevokedError(Exception):
    """The collector's time is over; nothing it still delivers is taken."""


class Pen:
    """Thread-safe. After ``revoke`` every further record is refused and open entries leave no trace."""

    def __init__(self, collector: str, *, redactor: Redactor, writer: BundleWriter) -> None:
        self._collector = collector
        self._redactor = redactor
        self._writer = writer
        self._lock = threading.Lock()
        self._open: set[EntryWriter] = set()
        self._revoked = False
        self.gaps: list[Gap] = []
        self.entries = 0
        self.size = 0
        self.withheld = 0

    def take(self, record: Record) -> None:
        """Writes one record. Raises RevokedError once the pen is taken away."""
        if isinstance(record, Gap):
            self._note_if_ours(record)
        elif isinstance(record, Document):
            counts: Counter[str] = Counter()
            self._write(record.path, _Source((), self), _once(self._redactor, record, counts), counts)
        elif isinstance(record, Objects):
            objects = _Source(record.items, self)
            counts = Counter()
            pieces = self._redactor.objects(replace(record, items=objects), counts)
            self._write(record.path, objects, pieces, counts)
        else:
            self._take_lines(record)

    def _take_lines(self, record: Lines) -> None:
        chunks = _Limited(record.chunks, self, record.limit)
        counts: Counter[str] = Counter()
        self._write(record.path, chunks, self._redactor.lines(chunks, counts), counts)

    def note(self, gap: Gap) -> None:
        """Keeps a gap, its texts redacted."""
        counts: Counter[str] = Counter()
        try:
            clean = replace(
                gap,
                subject=self._redactor.text(gap.subject, counts),
                reason=self._redactor.text(gap.reason, counts),
                needs=self._redactor.text(gap.needs, counts),
            )
        except RedactionError:
            clean = replace(gap, subject="a record", reason=_WITHHELD, needs="")
        self.gaps.append(clean)

    def revoke(self) -> None:
        """Takes the pen away; entries that are still open are dropped."""
        with self._lock:
            self._revoked = True
            dropped, self._open = self._open, set()
        for entry in dropped:
            entry.discard()

    def check(self) -> None:
        """Raises RevokedError once the pen is taken away."""
        if self._revoked:
            raise RevokedError(self._collector)

    def _note_if_ours(self, gap: Gap) -> None:
        with self._lock:
            self.check()
            self.note(gap)

    def _write(
        self, path: str, source: _Source[Any], pieces: Iterator[Redacted], counts: Counter[str]
    ) -> None:
        with self._lock:
            self.check()
            entry = self._writer.open(path, collector=self._collector)
            self._open.add(entry)
        try:
            for piece in pieces:
                entry.write(piece)
        except RedactionError as error:
            self._withhold(entry, path, str(error))
            return
        except BaseException:
            self._drop(entry)
            raise
        if source.gap is not None:
            self._note_if_ours(source.gap)
            if source.empty:
                self._drop(entry)
                return
        self._close(entry, source.status, source.note, counts)

    def _close(self, entry: EntryWriter, status: EntryStatus, note: str, counts: Counter[str]) -> None:
        with self._lock:
            self.check()
            self._open.discard(entry)
            written: Entry = entry.commit(status=status, note=note, redactions=dict(counts))
            self.entries += 1
            self.size += written.size

    def _drop(self, entry: EntryWriter) -> None:
        with self._lock:
            self._open.discard(entry)
        entry.discard()

    def _withhold(self, entry: EntryWriter, path: str, reason: str) -> None:
        """Puts an empty, marked entry in the place of what could not be redacted."""
        self._drop(entry)
        with self._lock:
            self.check()
            self.withheld += 1
            self._writer.open(path, collector=self._collector).commit(
                status=EntryStatus.WITHHELD, note=_WITHHELD
            )
            self.note(Gap(subject=path, status=Status.FAILED, reason=f"{_WITHHELD} ({reason})"))


class _Source(Iterable[T]):
    """Content that may end early: it then simply ends, and remembers why."""

    def __init__(self, items: Iterable[T], pen: Pen) -> None:
        self._items = items
        self._pen = pen
        self.gap: Gap | None = None
        self.empty = True
        self.status = EntryStatus.OK
        self.note = ""

    def __iter__(self) -> Iterator[T]:
        try:
            for item in self._items:
                self._pen.check()
                self.empty = False
                yield item
        except ContentError as error:
            self.gap = error.gap
            self.status = EntryStatus.PARTIAL
            self.note = f"ends early: {error.gap.status}"


class _Limited(_Source[bytes]):
    """Bytes up to a limit; what is beyond it is cut and said so."""

    def __init__(self, items: Iterable[bytes], pen: Pen, limit: int) -> None:
        super().__init__(items, pen)
        self._limit = limit

    def __iter__(self) -> Iterator[bytes]:
        left = self._limit
        for chunk in super().__iter__():
            yield chunk[:left]
            left -= len(chunk)
            if left < 0:
                self.status = EntryStatus.TRUNCATED
                self.note = f"cut after {self._limit} bytes"
                return


def _once(redactor: Redactor, record: Document, counts: Counter[str]) -> Iterator[Redacted]:
    yield redactor.document(record.value, counts)
