"""Holds the content of one entry, already compressed, until its size is known.

A tar header states the size first, and a log's size is known last. What is kept is five to ten times
smaller than the content, and past 2 MiB it lies in an unnamed file beside the bundle.
"""

from __future__ import annotations

import contextlib
import hashlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

import zstandard

from collector.bundle.frames import FRAME, compressor
from collector.bundle.limits import MIB

_IN_MEMORY = 2 * MIB


class Spool:
    """Cuts content into frames of exactly ``FRAME`` bytes, whatever the pieces it came in.

    The rest stays uncompressed in ``tail``, so that it can share a frame with what follows. Not for
    several threads at once. Compression and hashing let other threads run.

    Raises:
        OSError: the place beside the bundle cannot be written.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = str(directory)
        self._resources = contextlib.ExitStack()
        self._hash = hashlib.sha256()
        self._compressor: zstandard.ZstdCompressor | None = None
        self._frames: list[int] = []
        self._file: tempfile.SpooledTemporaryFile[bytes] | None = None
        self._buffer = bytearray()

    @property
    def size(self) -> int:
        """Bytes of content so far."""
        return len(self._frames) * FRAME + len(self._buffer)

    @property
    def tail(self) -> bytes:
        """Content after the last whole frame."""
        return bytes(self._buffer)

    def write(self, data: bytes) -> None:
        """Appends content."""
        view = memoryview(data)
        while view:
            if not self._buffer and len(view) >= FRAME:
                self._cut(view[:FRAME])
                view = view[FRAME:]
                continue
            room = FRAME - len(self._buffer)
            self._buffer += view[:room]
            view = view[room:]
            if len(self._buffer) == FRAME:
                self._cut(self._buffer)
                self._buffer.clear()

    def sha256(self) -> str:
        """Returns the digest of the content so far."""
        digest = self._hash.copy()
        digest.update(self._buffer)
        return digest.hexdigest()

    def frames(self) -> Iterator[bytes]:
        """Yields the compressed frames, each of ``FRAME`` bytes of content."""
        if self._file is None:
            return
        self._file.seek(0)
        for size in self._frames:
            yield self._file.read(size)

    def close(self) -> None:
        """Lets go of everything; a second call does nothing. What it held is lost in any case."""
        self._buffer.clear()
        with contextlib.suppress(OSError):
            self._resources.close()

    def _cut(self, content: memoryview | bytearray) -> None:
        # Most entries are small and never get here: what is heavy is made on first need.
        if self._file is None or self._compressor is None:
            self._compressor = compressor()
            with contextlib.ExitStack() as stack:
                self._file = stack.enter_context(
                    tempfile.SpooledTemporaryFile(_IN_MEMORY, dir=self._directory)
                )
                self._resources = stack.pop_all()
        self._hash.update(content)
        frame = self._compressor.compress(content)
        self._file.write(frame)
        self._frames.append(len(frame))
