"""Access to the tar stream inside a compressed file: by the seek table where it has one, else in order.

Both trust nothing: sizes are checked before memory is taken, and damage is a ``BundleError``.
"""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Protocol

import zstandard

from collector.bundle.frames import FrameTable, Pread, read_table
from collector.bundle.limits import MAX_WINDOW, MIB, most_content
from collector.core.errors import BundleError

_STEP = MIB
_AGAIN = "ask the sender for the file and its sha256 again"
_OURS = "try: the path that collect printed on its last line"
_ZSTD = b"\x28\xb5\x2f\xfd"
_SKIPPABLE = b"\x2a\x4d\x18"
_AGE = b"age-encryption.org/"


def damaged(why: str) -> BundleError:
    """Returns the error for content that is not what it should be."""
    return BundleError("the bundle is damaged", why=why, hint=_AGAIN)


def check_kind(file: InputFile) -> None:
    """Raises BundleError for what is no bundle, not even a damaged one: it does not begin as zstd does."""
    start = file.pread(0, len(_AGE))
    if start[:4] == _ZSTD or start[1:4] == _SKIPPABLE:
        return
    if start == _AGE:
        why, hint = "it is encrypted with age", f"decrypt it first: age --decrypt -i IDENTITY {file.path}"
    else:
        why, hint = "it is empty" if not start else "it is no zstd file", _OURS
    raise BundleError(f"{file.path} is not a bundle", why=why, hint=hint)


class Source(Protocol):
    """Reads ranges of an uncompressed tar stream."""

    def pieces(self, offset: int, size: int) -> Iterator[bytes]:
        """Yields exactly ``size`` bytes in pieces. Raises BundleError if they are not there."""
        ...

    def rest(self, offset: int) -> Iterator[bytes]:
        """Yields everything from ``offset`` on."""
        ...


def read(source: Source, offset: int, size: int) -> bytes:
    """Returns exactly ``size`` bytes; the caller has bounded them."""
    return b"".join(source.pieces(offset, size))


class InputFile:
    """A regular file opened for reading. ``bytes_read`` counts what ``pread`` returned so far.

    Raises:
        BundleError: it is not there, not readable or not a regular file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.bytes_read = 0
        try:
            # Opening a named pipe would otherwise wait for its other end.
            descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            self._file: BinaryIO = os.fdopen(descriptor, "rb", buffering=0)
        except (OSError, ValueError) as cause:
            reason = cause.strerror if isinstance(cause, OSError) else str(cause)
            raise BundleError(
                f"cannot open {path}",
                why=reason or str(cause),
                hint=_OURS,
            ) from cause
        state = os.fstat(descriptor)
        self.size = state.st_size
        if not stat.S_ISREG(state.st_mode):
            self.close()
            raise BundleError(
                f"{path} is not a bundle",
                why="it is not a regular file",
                hint=_OURS,
            )

    def pread(self, offset: int, size: int) -> bytes:
        """Returns up to ``size`` bytes; fewer only at the end of the file."""
        try:
            data = os.pread(self._file.fileno(), size, offset)
        except OSError as cause:
            raise BundleError(f"cannot read {self.path}", why=cause.strerror or str(cause)) from cause
        self.bytes_read += len(data)
        return data

    def rewound(self) -> BinaryIO:
        """Returns the file itself for reading in order, from its start."""
        self._file.seek(0)
        return self._file

    def close(self) -> None:
        """Closes the file; a second call does nothing."""
        self._file.close()


class FrameSource:
    """Random access: only the frames that hold a range are read. Threads may share it."""

    def __init__(self, pread: Pread, table: FrameTable) -> None:
        self._pread = pread
        self._table = table
        self._recent: tuple[int, bytes] = (-1, b"")  # small neighbours share a frame

    def pieces(self, offset: int, size: int) -> Iterator[bytes]:
        end = offset + size
        if size and end > self._table.content:
            raise damaged("it ends early")
        while offset < end:
            index = self._table.index_at(offset)
            start = self._table[index].start
            piece = self.frame(index)[offset - start : end - start]
            yield piece
            offset += len(piece)

    def rest(self, offset: int) -> Iterator[bytes]:
        return self.pieces(offset, self._table.content - offset)

    def frame(self, index: int) -> bytes:
        """Returns the content of one frame, which must be exactly what the table says."""
        known, content = self._recent
        if known == index:
            return content
        frame = self._table[index]
        content = _unpack(self._pread(frame.at, frame.compressed), frame.content)
        self._recent = (index, content)
        return content


def _unpack(data: bytes, size: int) -> bytes:
    try:
        facts = zstandard.get_frame_parameters(data)
        if facts.content_size != size or facts.window_size > max(MAX_WINDOW, size):
            raise damaged("a frame is not what the seek table says")
        content = zstandard.ZstdDecompressor().decompress(data, allow_extra_data=False)
    except zstandard.ZstdError as cause:
        raise damaged(str(cause)) from cause
    if len(content) != size:
        raise damaged("a frame is not what the seek table says")
    return content


def tar_content(path: Path) -> Iterator[bytes]:
    """Yields the tar stream of a bundle of ours, whatever its name, a frame at a time. Raises BundleError."""
    file = InputFile(path)
    try:
        table = read_table(file.pread, file.size)
        if table is None:
            raise damaged("it has no seek table")
        yield from FrameSource(file.pread, table).rest(0)
    finally:
        file.close()


class StreamSource:
    """Reads any zstd file from its start; going back means starting again. Threads may share it.

    How much content is believed depends on the size of the file.
    """

    def __init__(self, file: InputFile) -> None:
        self._file = file
        self._limit = most_content(file.size)
        self._lock = threading.Lock()
        self._start()

    def pieces(self, offset: int, size: int) -> Iterator[bytes]:
        end = offset + size
        while offset < end:
            piece = self._at(offset, min(end - offset, _STEP))
            if not piece:
                raise damaged("it ends early")
            yield piece
            offset += len(piece)

    def rest(self, offset: int) -> Iterator[bytes]:
        while piece := self._at(offset, _STEP):
            yield piece
            offset += len(piece)

    def _at(self, offset: int, size: int) -> bytes:
        with self._lock:
            if offset < self._position:
                self._start()
            while self._position < offset:
                if not self._next(min(offset - self._position, _STEP)):
                    return b""
            return self._next(size)

    def _start(self) -> None:
        unpacker = zstandard.ZstdDecompressor(max_window_size=MAX_WINDOW)
        self._stream = unpacker.stream_reader(self._file.rewound(), read_across_frames=True, closefd=False)
        self._position = 0

    def _next(self, size: int) -> bytes:
        try:
            piece = self._stream.read(size)
        except (zstandard.ZstdError, OSError) as cause:
            raise damaged(str(cause)) from cause
        self._position += len(piece)
        if self._position > self._limit:
            raise BundleError(
                "the bundle expands to more than a bundle may",
                why=f"more than {self._limit} bytes, the limit for a file of this size",
                hint="do not unpack this archive; ask its sender for the original file",
            )
        return piece
