"""One entry while it is being written: takes redacted pieces only, and leaves no trace unless committed."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from types import MappingProxyType
from typing import Protocol

from collector.bundle.limits import MAX_ENTRY
from collector.bundle.spool import Spool
from collector.core.errors import BundleError, OutputError
from collector.records import Entry, EntryStatus, Redacted

NONE: Mapping[str, int] = MappingProxyType({})


class Owner(Protocol):
    """What an entry needs of the bundle it belongs to."""

    def append(self, entry: Entry, content: Spool) -> Entry:
        """Puts a finished entry into the archive and returns it with its place."""
        ...

    def release(self, entry: EntryWriter, *, committed: bool) -> None:
        """Forgets an entry that ended."""
        ...

    def failed(self, cause: OSError) -> OutputError:
        """Gives the bundle up and returns the error to raise."""
        ...


def require_redacted(piece: Redacted) -> bytes:
    """Returns the bytes of a redacted piece. Raises TypeError for anything else, whatever its type says."""
    if type(piece) is not Redacted or type(piece.data) is not bytes:
        raise TypeError("only redacted bytes may enter a bundle")
    return piece.data


class EntryWriter:
    """Made by ``BundleWriter.open``. One thread writes; another may discard."""

    def __init__(self, path: str, *, collector: str, spool: Spool, owner: Owner) -> None:
        self.path = path
        self._collector = collector
        self._spool = spool
        self._owner = owner
        self._lock = threading.RLock()  # re-entered when a full disk ends the bundle inside ``write``
        self._closed = False

    @property
    def size(self) -> int:
        """Redacted bytes written so far."""
        return self._spool.size

    @property
    def stored(self) -> int:
        """About how many bytes of the file the entry will take."""
        return self._spool.stored

    @property
    def dropped(self) -> int:
        """Bytes that were let go of, so far, because only the end is kept."""
        return self._spool.dropped

    def write(self, piece: Redacted) -> None:
        """Appends a piece, wholly or not at all.

        Raises:
            TypeError: the piece has not passed redaction.
            BundleError: the entry would become larger than readers accept; it can still be committed.
            OutputError: the disk refuses (the whole bundle is given up), or the entry has ended.
        """
        data = require_redacted(piece)
        with self._lock:
            self._require_open()
            if self._spool.size + len(data) > MAX_ENTRY:
                raise BundleError(
                    f"{self.path} is too large", why=f"an entry holds at most {MAX_ENTRY} bytes"
                )
            try:
                self._spool.write(data)
            except OSError as cause:
                raise self._owner.failed(cause) from cause
            except BaseException:
                self.discard()  # interrupted half-way: nobody knows what the spool holds
                raise

    def finish(self) -> None:
        """Cuts what is over, where only an end is kept; ``commit`` does it too. Raises OutputError."""
        with self._lock:
            self._require_open()
            try:
                self._spool.finish()
            except OSError as cause:
                raise self._owner.failed(cause) from cause

    def commit(
        self, *, status: EntryStatus = EntryStatus.OK, note: str = "", redactions: Mapping[str, int] = NONE
    ) -> Entry:
        """Puts the entry into the bundle and returns what the manifest will say of it.

        Raises:
            BundleError: the bundle would become larger than readers accept.
            OutputError: the disk refuses (the whole bundle is given up), or the entry has ended.
        """
        with self._lock:
            self.finish()
            entry = Entry(
                path=self.path,
                size=self._spool.size,
                sha256=self._spool.sha256(),
                collector=self._collector,
                status=status,
                note=note,
                redactions=dict(redactions) if redactions else NONE,
            )
            placed = self._owner.append(entry, self._spool)
            self._end(committed=True)
            return placed

    def discard(self) -> None:
        """Forgets the entry: its path is free again. Does nothing if it was committed or discarded."""
        with self._lock:
            if not self._closed:
                self._end(committed=False)

    def _end(self, *, committed: bool) -> None:
        self._closed = True
        self._spool.close()
        self._owner.release(self, committed=committed)

    def _require_open(self) -> None:
        if self._closed:
            raise OutputError(
                f"the entry {self.path} has ended",
                why="it was committed, discarded or given up with the bundle",
            )
