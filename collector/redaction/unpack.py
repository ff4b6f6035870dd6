"""Opens compressed streams, so that a rotated log is redacted as the text it is, or withheld."""

from __future__ import annotations

import itertools
import zlib
from collections.abc import Iterable, Iterator

from collector.redaction.errors import RedactionError

MAX_UNPACKED = 1024 * 1024 * 1024
"""Most bytes that one compressed stream may become."""

_GZIP = b"\x1f\x8b"
_CLOSED = (_GZIP, b"\x28\xb5\x2f\xfd", b"\xfd7zXZ\x00", b"BZh", b"PK\x03\x04", b"7z\xbc\xaf\x27\x1c")
_LONGEST_MARK = max(map(len, _CLOSED))
_PIECE = 256 * 1024
_GZIP_WINDOW = 31


def opened(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Yields text: ``chunks`` as they are, or unpacked if they are gzip.

    Raises:
        RedactionError: they are packed in another way, twice, too much or incompletely.
    """
    stream = iter(chunks)
    head = _head(stream)
    whole = itertools.chain((head,), stream) if head else stream
    if not head.startswith(_GZIP):
        _refuse_packed(head)
        yield from whole
        return
    inner = _unpacked(whole)
    start = _head(inner)
    _refuse_packed(start)
    yield start
    yield from inner


def _head(stream: Iterator[bytes]) -> bytes:
    """Returns what the stream begins with, long enough to recognise it."""
    head = b""
    for chunk in stream:
        head += chunk
        if len(head) >= _LONGEST_MARK:
            break
    return head


def _refuse_packed(head: bytes) -> None:
    if head.startswith(_CLOSED):
        raise RedactionError("it is packed in a way that is not opened")


def _unpacked(chunks: Iterable[bytes]) -> Iterator[bytes]:
    unpacker = zlib.decompressobj(_GZIP_WINDOW)
    left = MAX_UNPACKED
    for chunk in chunks:
        waiting = chunk
        while waiting:
            if unpacker.eof:
                waiting = waiting.lstrip(b"\0")  # padding between and after members
                if not waiting:
                    break
                unpacker = zlib.decompressobj(_GZIP_WINDOW)
            try:
                piece = unpacker.decompress(waiting, _PIECE)
            except zlib.error:
                raise RedactionError("its compression is damaged") from None
            left -= len(piece)
            if left < 0:
                raise RedactionError(f"it unpacks to more than {MAX_UNPACKED} bytes")
            if piece:
                yield piece
            waiting = unpacker.unused_data if unpacker.eof else unpacker.unconsumed_tail
    if not unpacker.eof:
        raise RedactionError("its compression ends too early")
