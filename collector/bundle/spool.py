"""Holds the content of one entry, already compressed, until its size is known.

A tar header states the size first, and a log's size is known last. What is kept is five to ten times
smaller than the content, and what is large lies in an unnamed file beside the bundle. A spool may be told
to keep the end of its content only: of a log that is too long, the newest lines are worth most.
"""

from __future__ import annotations

import contextlib
import hashlib
import tempfile
from collections import deque
from collections.abc import Iterator
from pathlib import Path

import zstandard

from collector.bundle.frames import FRAME, USUAL_RATIO, compressor
from collector.bundle.limits import MIB

_IN_MEMORY = 2 * MIB
_IN_MEMORY_LATER = 64 * 1024
_STORES = 8  # a spool that keeps an end lets go of its content in parts of an eighth


class _Store:
    """Compressed frames in a row: the oldest one goes when an end is all that is kept."""

    def __init__(self, directory: str, in_memory: int) -> None:
        self.sizes: list[int] = []
        self._resources = contextlib.ExitStack()
        with contextlib.ExitStack() as stack:
            self._file = stack.enter_context(tempfile.SpooledTemporaryFile(in_memory, dir=directory))
            self._resources = stack.pop_all()

    def append(self, frame: bytes) -> None:
        self._file.write(frame)
        self.sizes.append(len(frame))

    def frames(self) -> Iterator[bytes]:
        self._file.seek(0)
        for size in self.sizes:
            yield self._file.read(size)

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._resources.close()


class Spool:
    """Cuts content into frames of exactly ``FRAME`` bytes, whatever the pieces it came in.

    The rest stays uncompressed in ``tail``, so that it can share a frame with what follows. Not for
    several threads at once. Compression and hashing let other threads run.

    Args:
        directory: where large content waits.
        keep: how many bytes of the content's end to keep, 0 for all of it. Until ``finish`` somewhat more
            is held; then the content starts with a whole line.

    Raises:
        OSError: the place beside the bundle cannot be written.
    """

    def __init__(self, directory: Path, keep: int = 0) -> None:
        self._directory = str(directory)
        self._keep = keep
        self._hash = hashlib.sha256()
        self._compressor: zstandard.ZstdCompressor | None = None
        self._stores: deque[_Store] = deque()
        self._first: tuple[bytes, int] | None = None
        self._skip = 0
        self._buffer = bytearray()
        self._stored = 0
        self._finished = False
        self.dropped = 0

    @property
    def size(self) -> int:
        """Bytes of content held."""
        first = self._first[1] if self._first else 0
        return first + self._count * FRAME + len(self._buffer)

    @property
    def stored(self) -> int:
        """Bytes the content takes in the file, as far as it is known: the tail is compressed later."""
        return self._stored + len(self._buffer) // USUAL_RATIO

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
                full, self._buffer = self._buffer, bytearray()
                self._cut(full)

    def finish(self) -> None:
        """Cuts the content down to the end that is to be kept. Nothing may be written afterwards."""
        if not self._keep or self._finished:
            return
        self._finished = True
        while self._count and self.size - FRAME >= self._keep:
            self._drop_frame()
        over = self.size - self._keep
        if over > 0 or self.dropped:
            self._trim(max(over, 0))
        if self.dropped:
            self._hash = hashlib.sha256()
            for frame, _ in self._held():
                self._hash.update(zstandard.decompress(frame, max_output_size=FRAME))

    def sha256(self) -> str:
        """Returns the digest of the content so far; with ``keep``, valid after ``finish`` only."""
        digest = self._hash.copy()
        digest.update(self._buffer)
        return digest.hexdigest()

    def frames(self) -> Iterator[tuple[bytes, int]]:
        """Yields the compressed frames, each with the bytes of content in it."""
        yield from self._held()

    def close(self) -> None:
        """Lets go of everything; a second call does nothing. What it held is lost in any case."""
        self._buffer.clear()
        self._first = None
        while self._stores:
            self._stores.popleft().close()

    @property
    def _count(self) -> int:
        return sum(len(store.sizes) for store in self._stores) - self._skip

    def _held(self) -> Iterator[tuple[bytes, int]]:
        if self._first:
            yield self._first
        skip = self._skip
        for store in self._stores:
            for frame in store.frames():
                if skip:
                    skip -= 1
                else:
                    yield frame, FRAME

    def _cut(self, content: memoryview | bytearray) -> None:
        # Most entries are small and never get here: what is heavy is made on first need.
        if self._compressor is None:
            self._compressor = compressor()
        if not self._stores or (self._keep and len(self._stores[-1].sizes) >= self._share):
            self._stores.append(_Store(self._directory, _IN_MEMORY_LATER if self._stores else _IN_MEMORY))
        self._hash.update(content)
        frame = self._compressor.compress(content)
        self._stores[-1].append(frame)
        self._stored += len(frame)
        while self._keep and self.size - len(self._stores[0].sizes) * FRAME >= self._keep:
            self._drop_store()

    @property
    def _share(self) -> int:
        return max(self._keep // FRAME // _STORES, 1)

    def _drop_store(self) -> None:
        oldest = self._stores.popleft()
        self.dropped += len(oldest.sizes) * FRAME
        self._stored -= sum(oldest.sizes)
        oldest.close()

    def _drop_frame(self) -> None:
        self._stored -= self._stores[0].sizes[self._skip]
        self._skip += 1
        self.dropped += FRAME
        if self._skip == len(self._stores[0].sizes):
            self._stores.popleft().close()
            self._skip = 0

    def _trim(self, over: int) -> None:
        """Cuts ``over`` bytes off the beginning, and the rest of the line they end in if its end is near."""
        content = self._first_piece()
        newline = content.find(b"\n", max(over - 1, 0))
        if newline < 0 and self._count and over:
            self._replace_first(content, b"")
            self._trim(0)
        else:
            self._replace_first(content, content[newline + 1 :] if newline >= 0 else content[over:])

    def _first_piece(self) -> bytes:
        if not self._count:
            return bytes(self._buffer)
        frame, _ = next(self._held())
        return zstandard.decompress(frame, max_output_size=FRAME)

    def _replace_first(self, content: bytes, kept: bytes) -> None:
        if not self._count:
            self._buffer[:] = kept
        else:
            self._drop_frame()
            self.dropped -= FRAME
            if kept and self._compressor:
                self._first = (self._compressor.compress(kept), len(kept))
        self.dropped += len(content) - len(kept)
