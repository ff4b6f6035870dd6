"""Reads sealed bundles that anybody may have made or changed, without ever unpacking one to disk."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from collector.bundle import layout
from collector.bundle.contents import Contents, locate
from collector.bundle.frames import FrameTable, read_table
from collector.bundle.manifest import Manifest
from collector.bundle.source import FrameSource, InputFile, Source, StreamSource, check_kind, damaged
from collector.bundle.verify import Verification, verify
from collector.core.errors import BundleError
from collector.core.text import display
from collector.records import Entry


class BundleReader:
    """A sealed bundle, or one that was unpacked and packed again by ``tar --zstd``. Threads may share it.

    With a sound seek table only the frames that are asked for are read; without one the file is read from
    its start, so ask in the order of ``entries()``. Content is checked against the manifest's digests.

    Raises:
        BundleError: it cannot be opened, is damaged, or holds what no bundle may hold.
    """

    def __init__(self, path: Path) -> None:
        self._file = InputFile(path)
        try:
            check_kind(self._file)
            self._table, self._table_problem = _table(self._file)
            self._source: Source = (
                FrameSource(self._file.pread, self._table) if self._table else StreamSource(self._file)
            )
            self._contents: Contents = locate(self._source, self._table)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes the file; a second call does nothing."""
        self._file.close()

    @property
    def bytes_read(self) -> int:
        """Bytes of the compressed file read by random access so far."""
        return self._file.bytes_read

    def names(self) -> tuple[str, ...]:
        """Returns the paths that ``read`` takes: those of the entries and the manifest's."""
        return (*self._contents.entries, layout.MANIFEST_JSON)

    def entries(self) -> Sequence[Entry]:
        return tuple(self._contents.entries.values())

    def manifest(self) -> Manifest:
        """Returns what the bundle says of itself."""
        return self._contents.manifest

    def read(self, path: str) -> bytes:
        return b"".join(self.open(path))

    def open(self, path: str) -> Iterator[bytes]:
        """Returns an iterator over an entry's content, in pieces of up to a frame.

        Raises:
            KeyError: there is no such entry.
            BundleError: (while iterating, at the end at the latest) the content is damaged.
        """
        if path == layout.MANIFEST_JSON:
            place = self._contents.place
            return self._source.pieces(place.offset, place.size)
        return self._checked(self._contents.entries[path])

    def verify(self) -> Verification:
        """Reads the whole file and returns what does not fit; damage is a problem here, not an error."""
        result = verify(self._file, self._source, self._table, self._contents)
        if not self._table_problem:
            return result
        return dataclasses.replace(result, problems=(self._table_problem, *result.problems))

    def _checked(self, entry: Entry) -> Iterator[bytes]:
        digest = hashlib.sha256()
        for piece in self._source.pieces(entry.tar_offset, entry.size):
            digest.update(piece)
            yield piece
        if digest.hexdigest() != entry.sha256:
            raise damaged(f"{display(entry.path, 200)} is not what the manifest says")


def _table(file: InputFile) -> tuple[FrameTable | None, str]:
    """Returns the seek table and, if there is none to trust, why."""
    try:
        table = read_table(file.pread, file.size)
    except BundleError as error:
        return None, f"{error.message}: {error.why}"
    return table, "" if table else "no seek table: the file is cut short, or was packed again by another tool"
