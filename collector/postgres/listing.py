"""Reads the listing of a WAL archive piece by piece, so that memory does not grow with the archive."""

from __future__ import annotations

import re

from collector.postgres import wal
from collector.postgres.decode import OutputError, moment
from collector.postgres.model import Archive

_ENTRY = re.compile(rb'"((?:[^"\\]|\\.){1,1024})":\{([^{}]{0,1024})\}')
_FILE = re.compile(rb'"type":"file"')
_TIME = re.compile(rb'"time":(\d{1,12})')
_PIECE = 64 * 1024
_LONGEST = 4096
_MOST_RANGES = 5000


class ArchiveListing:
    """What ``pgbackrest repo-ls --output=json`` prints, of which only ranges of segments are kept.

    Args:
        archive_id: such as ``15-1``: keeps to the current database where several were archived.
    """

    def __init__(self, archive_id: str = "") -> None:
        self._inside = f"/{archive_id}/".encode() if archive_id else b""
        self._pending = bytearray()
        self._opened = self._other = self._torn = False
        self._segments = wal.Segments()
        self._histories: set[int] = set()
        self._newest = 0

    def feed(self, data: bytes) -> None:
        """Takes the next piece, of any size."""
        for at in range(0, len(data), _PIECE):
            self._pending += data[at : at + _PIECE]
            if len(self._pending) >= _PIECE:
                self._read()

    def archive(self, *, repository: str, segment_size: int, complete: bool = True, tool: str) -> Archive:
        """Returns the archive as ranges. Raises OutputError if what was fed is no listing.

        ``segment_size`` is bytes, 0 if not known. ``complete`` is False if there was more than was fed.
        """
        self._read()
        if not self._opened or self._other:
            raise OutputError("not a listing")
        whole = complete and not self._torn and bytes(self._pending).strip(b" \r\n\t,{") == b"}"
        found = self._segments
        size = segment_size if found.fit(segment_size) else found.likely_size()
        first, ranges = found.ranges(size, most=_MOST_RANGES)
        return Archive(
            tool=tool,
            repository=repository,
            first=first,
            last=ranges[-1].last if ranges else "",
            listed=True,
            truncated=not whole or found.full,
            ranges=ranges,
            histories=tuple(sorted(self._histories)),
            newest=moment(self._newest),
            segment_size=size,
        )

    def _read(self) -> None:
        if not self._opened:
            start = bytes(self._pending[:_LONGEST]).lstrip()
            self._opened = bool(start)
            self._other = self._opened and not start.startswith(b"{")
        if self._other:
            self._pending.clear()
        end = 0
        for found in _ENTRY.finditer(self._pending):
            self._take(found[1], found[2])
            end = found.end()
        del self._pending[:end]
        if len(self._pending) > _LONGEST:
            # No entry is so long: what stands here is something else, and the listing not to be relied on.
            self._torn = True
            del self._pending[:-_LONGEST]

    def _take(self, path: bytes, facts: bytes) -> None:
        if not _FILE.search(facts) or self._inside not in b"/" + path:
            return
        name = path.rpartition(b"/")[2].decode("ascii", "replace")
        if segment := wal.stored_segment(name):
            self._segments.add(segment)
            time = _TIME.search(facts)
            self._newest = max(self._newest, int(time[1]) if time else 0)
        elif (timeline := wal.history_timeline(name)) and len(self._histories) < _MOST_RANGES:
            self._histories.add(timeline)
