"""The one writer of bundles: many entries open at once, one file, nothing but redacted bytes.

Entries compress in their own threads; only finished ones take their turn in the file.
"""

from __future__ import annotations

import contextlib
import enum
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from collector.bundle import layout
from collector.bundle.archive import Archive
from collector.bundle.entry import NONE, EntryWriter, require_redacted
from collector.bundle.limits import MAX_MANIFEST, MAX_MEMBERS, MAX_TOP, MAX_TOTAL
from collector.bundle.names import folded, validate_path
from collector.bundle.output import output_error
from collector.bundle.spool import Spool
from collector.core.errors import BundleError, OutputError
from collector.records import Entry, EvidenceReader, Redacted

SUFFIX = ".tar.zst"

_OVERHEAD = 2048  # tar blocks a member takes beside its content, at most


@dataclass(frozen=True, kw_only=True)
class Sealed:
    """A finished bundle. ``size`` and ``sha256`` are of the file, ``entries`` counts without the manifest."""

    path: Path
    sha256: str
    size: int
    entries: int


class _State(enum.Enum):
    OPEN = "open"
    SEALING = "being sealed"
    SEALED = "sealed"
    ABORTED = "given up"


class BundleWriter:
    """Writes ``<path>.partial`` and names it ``path`` when sealed; leaving the ``with`` block aborts.

    All methods may be called from any thread. ``failure`` is the disk's refusal that ended the bundle, if one
    did; what other calls raise afterwards only says that it was given up.

    Args:
        path: ends in ``.tar.zst``; the rest of the name is the top directory inside.
        mtime: the start of the run; every member carries it.

    Raises:
        OutputError: the place cannot be written or is taken.
    """

    def __init__(self, path: Path, *, mtime: datetime) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._state = _State.OPEN
        self._taken = {folded(layout.MANIFEST_JSON)}
        self._open: list[EntryWriter] = []
        self.failure: OutputError | None = None
        self._claimed = 0
        self._archive = Archive(path, top=_top(path), mtime=int(mtime.timestamp()))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.abort()
        # What ended the bundle is told, not what failed later because of it.
        if self.failure and isinstance(error, OutputError) and error is not self.failure:
            raise self.failure from error

    def open(self, path: str, *, collector: str, keep: int = 0) -> EntryWriter:
        """Starts an entry. With ``keep``, only so many bytes of its end stay; what was cut is ``dropped``.

        Raises:
            BundleError: no reader would accept the path, it is taken, or the bundle has too many entries.
            OutputError: the bundle was sealed or given up.
        """
        validate_path(path)
        entry = EntryWriter(path, collector=collector, spool=Spool(self._path.parent, keep), owner=self)
        with self._lock:
            self._require_open()
            if folded(path) in self._taken:
                raise BundleError(f"the bundle has an entry {path} already")
            if len(self._taken) >= MAX_MEMBERS:
                raise BundleError("the bundle has too many entries", why=f"the limit is {MAX_MEMBERS}")
            self._taken.add(folded(path))
            self._open.append(entry)
        return entry

    def add(
        self, path: str, piece: Redacted, *, collector: str, redactions: Mapping[str, int] = NONE
    ) -> Entry:
        """Writes an entry of one piece. Raises what ``open``, ``write`` and ``commit`` raise."""
        entry = self.open(path, collector=collector)
        try:
            entry.write(piece)
            return entry.commit(redactions=redactions)
        finally:
            entry.discard()

    @property
    def entries(self) -> tuple[Entry, ...]:
        """The committed entries in the order of the archive."""
        return tuple(self._archive.entries())

    @property
    def stored(self) -> int:
        """About how many bytes of the file the committed entries take."""
        return self._archive.stored

    def reader(self) -> EvidenceReader:
        """Returns access to what is committed, now and later, until the bundle is sealed."""
        return self._archive

    def seal(
        self,
        manifest: Callable[[Sequence[Entry]], Iterable[Redacted]],
        *,
        prove: Callable[[Path, Sequence[Entry]], None] = lambda *_: None,
    ) -> Sealed:
        """Adds the manifest, ends the file and gives it its name. Entries still open are left out.

        Args:
            manifest: gets the entries, yields the content of manifest.json.
            prove: gets the finished file and the entries before the file has its name; what it raises leaves
                nothing behind.

        Raises:
            OutputError: the disk refuses or the name is taken meanwhile; nothing is left behind.
        """
        with self._lock:
            self._require_open()
            self._state = _State.SEALING
            late = tuple(self._open)
        for entry in late:
            entry.discard()
        with self._all_or_nothing(), contextlib.closing(Spool(self._path.parent)) as spool:
            entries = self.entries
            for piece in manifest(entries):
                spool.write(require_redacted(piece))
            if spool.size > MAX_MANIFEST:
                raise OutputError("the manifest is too large", why=f"the limit is {MAX_MANIFEST} bytes")
            sha256, size = self._archive.publish(
                layout.MANIFEST_JSON, spool, lambda path: prove(path, entries)
            )
            self._state = _State.SEALED
        return Sealed(path=self._path, sha256=sha256, size=size, entries=len(entries))

    def abort(self) -> None:
        """Removes the file and ends all entries. Does nothing after ``seal``; never fails."""
        with self._lock:
            if self._state in (_State.SEALED, _State.ABORTED):
                return
            self._state = _State.ABORTED
            late = tuple(self._open)
        # Without the lock: an entry that is about to commit holds its own and waits for ours.
        for entry in late:
            entry.discard()
        self._archive.discard()

    def append(self, entry: Entry, content: Spool) -> Entry:
        """Takes a finished entry from its writer. Not for other callers."""
        with self._lock:
            self._claimed += entry.size + _OVERHEAD
            if self._claimed > MAX_TOTAL - MAX_MANIFEST:
                self._claimed -= entry.size + _OVERHEAD
                raise BundleError("the bundle is full", why=f"it holds at most {MAX_TOTAL} bytes")
        with self._all_or_nothing():
            return self._archive.append(entry, content)

    def release(self, entry: EntryWriter, *, committed: bool) -> None:
        """Forgets an entry that ended. Not for other callers."""
        with self._lock:
            self._open.remove(entry)
            if not committed:
                self._taken.discard(folded(entry.path))

    def failed(self, cause: OSError) -> OutputError:
        """Gives the bundle up and returns the error to raise. Not for other callers."""
        error = output_error(self._path, cause)
        self.failure = self.failure or error
        self.abort()
        return error

    @contextlib.contextmanager
    def _all_or_nothing(self) -> Iterator[None]:
        """After a failure half-way the file is worth nothing, whatever interrupted it."""
        try:
            yield
        except OSError as cause:
            raise self.failed(cause) from cause
        except BaseException:
            self.abort()
            raise

    def _require_open(self) -> None:
        if self._state is not _State.OPEN:
            raise OutputError(
                f"the bundle {self._path.name} is {self._state.value}",
                why="nothing can be added to it any more",
            )


def _top(path: Path) -> str:
    """Returns the name of the top directory: the file's name without its suffix."""
    top = path.name.removesuffix(SUFFIX)
    hint = "use the name that is chosen by default, or a shorter one"
    if top == path.name:
        raise OutputError(f"cannot write {path}", why=f"a bundle's name ends in {SUFFIX}", hint=hint)
    try:
        validate_path(top, MAX_TOP)
    except BundleError as cause:
        raise OutputError(f"cannot write {path}", why=f"its name: {cause.why}", hint=hint) from cause
    return top
