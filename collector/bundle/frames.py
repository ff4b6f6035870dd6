"""Independent zstd frames and the table that finds them again.

The table is the official one (zstd, contrib/seekable_format/zstd_seekable_compression_format.md): a
skippable frame at the end of the file, which ``zstd`` and ``tar --zstd`` pass over.
"""

from __future__ import annotations

import struct
from bisect import bisect_right
from collections.abc import Callable
from typing import NamedTuple

import zstandard

from collector.bundle.limits import MAX_FRAME, MIB, most_content
from collector.core.errors import BundleError

FRAME = MIB
"""Content after which a frame ends: smaller costs ratio, larger costs random access (measured)."""

USUAL_RATIO = 5
"""Content against what it takes in the file, of redacted logs (measured)."""

_LEVEL = 1
_TABLE_MAGIC = 0x184D2A5E
_FILLER_MAGIC = 0x184D2A50
_FOOTER_MAGIC = 0x8F92EAB1
_SKIPPABLE = struct.Struct("<II")
_ENTRY = struct.Struct("<II")
_FOOTER = struct.Struct("<IBI")

Pread = Callable[[int, int], bytes]
"""Reads up to so many bytes at an offset of the compressed file."""


class Frame(NamedTuple):
    """Where a frame stands in the compressed file (``at``) and in its content (``start``)."""

    at: int
    compressed: int
    start: int
    content: int


def compressor() -> zstandard.ZstdCompressor:
    """Returns a compressor for one thread's use; its ``compress`` makes one whole frame."""
    return zstandard.ZstdCompressor(level=_LEVEL, write_checksum=True)


def filler(size: int) -> bytes:
    """Returns a skippable frame of at least ``size`` bytes without meaning."""
    body = max(size - _SKIPPABLE.size, 0)
    return _SKIPPABLE.pack(_FILLER_MAGIC, body) + bytes(body)


class FrameTable:
    """The frames of a file in order, with the sums that make a lookup a binary search."""

    def __init__(self) -> None:
        self._compressed = [0]
        self._content = [0]

    def __len__(self) -> int:
        return len(self._compressed) - 1

    def __getitem__(self, index: int) -> Frame:
        at, start = self._compressed[index], self._content[index]
        return Frame(at, self._compressed[index + 1] - at, start, self._content[index + 1] - start)

    def append(self, compressed: int, content: int) -> None:
        """Adds the next frame."""
        self._compressed.append(self._compressed[-1] + compressed)
        self._content.append(self._content[-1] + content)

    @property
    def compressed(self) -> int:
        """Bytes of all frames in the file."""
        return self._compressed[-1]

    @property
    def content(self) -> int:
        """Bytes of all frames' content."""
        return self._content[-1]

    def index_at(self, offset: int) -> int:
        """Returns the number of the frame that holds this byte of the content."""
        return bisect_right(self._content, offset) - 1

    @property
    def packed_size(self) -> int:
        """Bytes that ``pack`` returns."""
        return _SKIPPABLE.size + _ENTRY.size * len(self) + _FOOTER.size

    def pack(self) -> bytes:
        """Returns the table as the skippable frame that ends the file."""
        entries = b"".join(
            _ENTRY.pack(frame.compressed, frame.content) for frame in (self[i] for i in range(len(self)))
        )
        head = _SKIPPABLE.pack(_TABLE_MAGIC, len(entries) + _FOOTER.size)
        return head + entries + _FOOTER.pack(len(self), 0, _FOOTER_MAGIC)


def read_table(pread: Pread, file_size: int) -> FrameTable | None:
    """Returns the table at the end of a file, None if the file has none.

    Raises:
        BundleError: there is one that does not fit the file, or promises more than a bundle may hold.
    """
    if file_size < _FOOTER.size:
        return None
    count, descriptor, magic = _FOOTER.unpack(_exactly(pread, file_size - _FOOTER.size, _FOOTER.size))
    if magic != _FOOTER_MAGIC:
        return None
    size = _SKIPPABLE.size + _ENTRY.size * count + _FOOTER.size
    if descriptor != 0 or size > file_size:
        raise _forged("its length does not fit")
    packed = _exactly(pread, file_size - size, size)
    if _SKIPPABLE.unpack_from(packed) != (_TABLE_MAGIC, size - _SKIPPABLE.size):
        raise _forged("it does not start where it should")
    table = FrameTable()
    for compressed, content in _ENTRY.iter_unpack(packed[_SKIPPABLE.size : -_FOOTER.size]):
        if content > MAX_FRAME:
            raise _forged(f"a frame claims more than {MAX_FRAME} bytes")
        table.append(compressed, content)
    if table.compressed != file_size - size:
        raise _forged("its frames do not fill the file")
    if table.content > most_content(file_size):
        raise _forged("it claims more content than a bundle of this size may hold")
    return table


def _exactly(pread: Pread, offset: int, size: int) -> bytes:
    data = pread(offset, size)
    if len(data) != size:
        raise _forged("the file became shorter while it was read")
    return data


def _forged(why: str) -> BundleError:
    return BundleError(
        "the seek table is damaged", why=why, hint="ask the sender for the file and its sha256 again"
    )
