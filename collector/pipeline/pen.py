"""Carries one collector's records through redaction into the bundle, until the pen is taken away."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from collector.bundle import layout
from collector.bundle.entry import EntryWriter
from collector.bundle.limits import MAX_ENTRY
from collector.bundle.writer import BundleWriter
from collector.core.errors import BundleError
from collector.pipeline.budget import Budget
from collector.pipeline.content import Content
from collector.records import Batch, Document, EntryStatus, Gap, Lines, Objects, Record, Redacted, Status
from collector.redaction import Counts, Ledger, RedactionError, Redactor, by_kind

_WITHHELD = "could not be redacted and was withheld"
_NO_ROOM = "the bundle's budget was used by more telling entries"
_MORE_ROOM = "more room: set limits.bundle in the spec, or --max-size"
_TOO_MANY = "the bundle holds as many entries as readers accept"
_FEWER = "fewer of them: set namespaces or resources in the spec"
_LEFT_OUT = 200  # named one by one up to here, then counted
_LARGEST = (
    MAX_ENTRY // 4 * 3
)  # of a list or a log: another object still fits, and what a spool holds for a while


class RevokedError(Exception):
    """The collector's time is over; nothing it still delivers is taken."""


class Pen:
    """Thread-safe. After ``revoke`` every further record is refused and open entries leave no trace.

    Args:
        collector: whose records these are.
        redactor: what every byte passes.
        writer: where entries go.
        ledger: takes what was hidden in them.
        budget: the room in the bundle.
        vital: entries are kept whatever room is left.
    """

    def __init__(
        self,
        collector: str,
        *,
        redactor: Redactor,
        writer: BundleWriter,
        ledger: Ledger,
        budget: Budget,
        vital: bool,
    ) -> None:
        self._collector = collector
        self._redactor = redactor
        self._writer = writer
        self._ledger = ledger
        self._budget = budget
        self._vital = vital
        self._lock = threading.Lock()
        self._open: set[EntryWriter] = set()
        self._revoked = False
        self._left_out = 0
        self.gaps: list[Gap] = []
        self.entries = 0
        self.size = 0
        self.withheld = 0

    @property
    def reading(self) -> int:
        """Bytes written so far, those of entries still open included."""
        with self._lock:
            return self.size + sum(entry.size for entry in self._open)

    def take(self, record: Record) -> None:
        """Writes one record. Raises RevokedError once the pen is taken away."""
        if isinstance(record, Gap):
            self._note_if_ours(record)
        elif isinstance(record, Batch):
            for inner in record.records:
                self.take(inner)
        elif isinstance(record, Document):
            self._take_document(record)
        elif isinstance(record, Objects):
            self._take_objects(record)
        else:
            self._take_lines(record)

    def note(self, gap: Gap) -> None:
        """Keeps a gap, its texts redacted."""
        counts: Counts = Counter()
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
            unnamed, self._left_out = self._left_out - _LEFT_OUT, 0
        for entry in dropped:
            entry.discard()
        if unnamed > 0:
            self.note(
                Gap(
                    subject=f"{unnamed} more entries",
                    status=Status.TRUNCATED,
                    reason=_NO_ROOM,
                    needs=_MORE_ROOM,
                )
            )

    def check(self) -> None:
        """Raises RevokedError once the pen is taken away."""
        if self._revoked:
            raise RevokedError(self._collector)

    def _take_document(self, record: Document) -> None:
        counts: Counts = Counter()
        entry = self._begin(record.path, counts)
        if entry:
            pieces = (self._redactor.document(value, counts, record.path) for value in (record.value,))
            self._fill(entry, Content[Any]((), check=self.check), pieces, counts)

    def _take_objects(self, record: Objects) -> None:
        if not self._has_room():
            self._leave_out(record.path)
            return
        counts: Counts = Counter()
        entry = self._begin(record.path, counts)
        if entry:
            objects = Content(record.items, check=self.check, full=lambda: self._full(entry))
            whole = replace(record, items=objects)
            self._fill(entry, objects, self._redactor.objects(whole, counts), counts)

    def _has_room(self) -> bool:
        if self._vital:
            return True
        with self._lock:
            under_way = sum(entry.stored for entry in self._open)
        return self._budget.left > under_way

    def _full(self, entry: EntryWriter) -> str:
        if entry.size > _LARGEST:
            return f"an entry holds at most {_LARGEST} bytes"
        return "" if self._has_room() else _NO_ROOM

    def _take_lines(self, record: Lines) -> None:
        limit = min(record.limit, _LARGEST)
        if self._vital:
            self._write_lines(record, limit)
            return
        granted = self._budget.grant(limit, record.share)
        if not granted:
            self._leave_out(record.subject or record.path, record.namespace)
            return
        size = stored = 0
        try:
            size, stored = self._write_lines(record, granted)
        finally:
            self._budget.settle(granted, content=size, stored=stored)

    def _write_lines(self, record: Lines, keep: int) -> tuple[int, int]:
        counts: Counts = Counter()
        entry = self._begin(record.path, counts, keep=keep)
        if entry is None:
            return 0, 0
        content = Content(record.chunks, check=self.check)
        return self._fill(entry, content, self._redactor.lines(content, counts, record.path), counts)

    def _leave_out(
        self, subject: str, namespace: str = "", reason: str = _NO_ROOM, needs: str = _MORE_ROOM
    ) -> None:
        with self._lock:
            self._left_out += 1
            named = self._left_out <= _LEFT_OUT
        if named:
            self._note_if_ours(
                Gap(subject=subject, status=Status.TRUNCATED, reason=reason, needs=needs, namespace=namespace)
            )

    def _note_if_ours(self, gap: Gap) -> None:
        with self._lock:
            self.check()
            self.note(gap)

    def _begin(self, path: str, counts: Counts, keep: int = 0) -> EntryWriter | None:
        """Opens an entry, its path redacted; None, and a gap, where the bundle cannot have it."""
        if not self._budget.take_entry():
            self._leave_out(path, reason=_TOO_MANY, needs=_FEWER)
            return None
        try:
            name = self._redactor.name(path, counts, own=layout.own_segments(path))
            with self._lock:
                self.check()
                entry = self._writer.open(name, collector=self._collector, keep=keep)
                self._open.add(entry)
                return entry
        except RedactionError as error:
            self.withheld += 1
            self._note_if_ours(Gap(subject="an entry", status=Status.FAILED, reason=f"{_WITHHELD} ({error})"))
        except BundleError as error:
            self._refused(path, error)
        return None

    def _fill(
        self, entry: EntryWriter, content: Content[Any], pieces: Iterator[Redacted], counts: Counts
    ) -> tuple[int, int]:
        """Returns the bytes of content that were committed, and about how many of the file they take."""
        try:
            for piece in pieces:
                entry.write(piece)
            if content.gap is not None:
                self._note_if_ours(content.gap)
            if content.gap is None or not content.empty:
                return self._close(entry, content, counts)
            self._drop(entry)
        except RedactionError as error:
            self._withhold(entry, str(error))
        except BundleError as error:
            self._drop(entry)
            self._refused(entry.path, error)
        except BaseException:
            self._drop(entry)
            raise
        return 0, 0

    def _refused(self, path: str, error: BundleError) -> None:
        reason = f"{error.message}: {error.why}" if error.why else error.message
        self._note_if_ours(Gap(subject=path, status=Status.FAILED, reason=reason))

    def _close(self, entry: EntryWriter, content: Content[Any], counts: Counts) -> tuple[int, int]:
        self.check()
        entry.finish()
        status, note, stored = content.status, content.note, entry.stored
        if entry.dropped:
            cut = f"cut: the newest {entry.size} bytes of {entry.size + entry.dropped} are kept"
            status = EntryStatus.TRUNCATED if status is EntryStatus.OK else status
            note = f"{note}; {cut}" if note else cut
        with self._lock:
            self.check()
            written = entry.commit(status=status, note=note, redactions=by_kind(counts))
            self._ledger.note(entry.path, self._collector, counts)
            self._open.discard(entry)
            self.entries += 1
            self.size += written.size
        self._budget.note(self._writer.stored)
        if content.cut:
            self._leave_out(f"the rest of {entry.path}", reason=content.cut)
        return written.size, stored

    def _drop(self, entry: EntryWriter) -> None:
        with self._lock:
            self._open.discard(entry)
        entry.discard()

    def _withhold(self, entry: EntryWriter, reason: str) -> None:
        """Puts an empty, marked entry in the place of what could not be redacted."""
        self._drop(entry)
        with self._lock:
            self.check()
            self.withheld += 1
            self._writer.open(entry.path, collector=self._collector).commit(
                status=EntryStatus.WITHHELD, note=_WITHHELD
            )
            self.note(Gap(subject=entry.path, status=Status.FAILED, reason=f"{_WITHHELD} ({reason})"))
