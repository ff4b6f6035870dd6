"""What has been committed so far: the one file, its tar stream, and reading back while it grows."""

from __future__ import annotations

import dataclasses
import itertools
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from collector.bundle.frames import USUAL_RATIO
from collector.bundle.output import OutputFile
from collector.bundle.source import FrameSource, read
from collector.bundle.spool import Spool
from collector.bundle.tarstream import TarStream
from collector.core.errors import OutputError
from collector.records import Entry


class Archive:
    """A bundle under way; also the ``EvidenceReader`` of what it already holds. Safe for several threads.

    Raises:
        OutputError: the place cannot be written, or the archive is closed.
        OSError: from whatever writes; the archive is then useless and has to be discarded.
    """

    def __init__(self, path: Path, *, top: str, mtime: int) -> None:
        self._lock = threading.Lock()
        self._entries: dict[str, Entry] = {}
        self._closed = False
        self._output = OutputFile(path)
        self._tar = TarStream(self._output, top=top, mtime=mtime)
        self._frames = FrameSource(self._pread, self._tar.table)

    def append(self, entry: Entry, content: Spool) -> Entry:
        """Writes an entry and returns it with its offset."""
        with self._lock:
            self._require_open()
            placed = dataclasses.replace(entry, tar_offset=self._tar.add(entry.path, content))
            self._entries[entry.path] = placed
            return placed

    def entries(self) -> Sequence[Entry]:
        with self._lock:
            return tuple(self._entries.values())

    def read(self, path: str) -> bytes:
        with self._lock:
            self._require_open()
            entry = self._entries[path]
            pending = self._tar.pending(entry.tar_offset, entry.size)
        return read(self._frames, entry.tar_offset, entry.size - len(pending)) + pending

    def open(self, path: str) -> Iterator[bytes]:
        with self._lock:
            self._require_open()
            entry = self._entries[path]
            pending = self._tar.pending(entry.tar_offset, entry.size)
        pieces = self._frames.pieces(entry.tar_offset, entry.size - len(pending))
        return itertools.chain(pieces, (pending,) if pending else ())

    @property
    def stored(self) -> int:
        """Bytes of the file so far; what is in no frame yet counts as logs usually compress."""
        with self._lock:
            waiting = self._tar.position - self._tar.table.content
            return self._tar.table.compressed + waiting // USUAL_RATIO

    def publish(self, manifest_path: str, manifest: Spool, prove: Callable[[Path], None]) -> tuple[str, int]:
        """Writes the manifest as the last member, ends the file and names it. Returns sha256 and size.

        ``prove`` sees the finished file before it has its name; what it raises keeps it from getting one.
        """
        with self._lock:
            self._require_open()
            self._tar.flush()  # readers look for the manifest at the start of a frame
            self._tar.add(manifest_path, manifest)
            self._tar.finish()
            prove(self._output.partial)
            self._output.publish()
            self._closed = True
            return self._output.sha256, self._output.size

    def discard(self) -> None:
        """Removes the file, unless it was published."""
        with self._lock:
            if not self._closed:
                self._closed = True
                self._output.discard()

    def _pread(self, offset: int, size: int) -> bytes:
        with self._lock:
            self._require_open()
            return self._output.pread(offset, size)

    def _require_open(self) -> None:
        if self._closed:
            raise OutputError(
                f"the bundle {self._output.path.name} is closed",
                why="it was sealed or given up; what it holds can only be read from the sealed file",
            )
