"""Cuts a stream of chunks into blocks of whole lines, in bounded memory whatever the chunks are."""

from __future__ import annotations

import hmac
import re
from collections.abc import Iterable, Iterator

from collector.redaction.causes import Counts
from collector.redaction.linefilter import MAX_LINE, OVERLONG
from collector.redaction.marker import Marker

_BLOCK = 256 * 1024
_LONGEST_WAIT = 4096
_VALUE = re.compile(rb"""(?:\S{20,40}Z )?[+-]?\s*(?:- )?["']?value["']?\s*:""")


def blocks(chunks: Iterable[bytes], marker: Marker, counts: Counts) -> Iterator[bytes]:
    """Yields the stream as blocks that end with a newline (the last one perhaps not).

    A line longer than ``MAX_LINE`` comes as the placeholder that withholds it; it is never held whole.
    """
    cutter = _Cutter(marker, counts)
    for chunk in chunks:
        for at in range(0, len(chunk), _BLOCK):
            block = cutter.add(chunk if len(chunk) <= _BLOCK else bytes(chunk[at : at + _BLOCK]))
            if block:
                yield block
    rest = cutter.close()
    if rest:
        yield rest


class _Cutter:
    """Holds the line that is not complete yet, or only the digest of it once it is too long."""

    def __init__(self, marker: Marker, counts: Counts) -> None:
        self._marker = marker
        self._counts = counts
        self._rest: list[bytes] = []
        self._length = 0
        self._digest: hmac.HMAC | None = None

    def add(self, piece: bytes) -> bytes:
        """Returns the lines that ``piece`` completes."""
        cut = piece.rfind(b"\n") + 1
        if not cut:
            self._hold(piece)
            return b""
        first = piece.find(b"\n")
        if self._digest is None and self._length + first <= MAX_LINE:
            block = b"".join((*self._rest, piece[:cut]))
            self._rest, self._length = [], 0
            block = self._but_values(block)
        else:
            self._hold(piece[:first])
            block = self.close() + piece[first:cut]
        if cut < len(piece):
            self._hold(piece[cut:])
        return block

    def _but_values(self, block: bytes) -> bytes:
        """Holds a ``value:`` at the end of ``block`` back: the next line may name it."""
        last = block.rfind(b"\n", 0, len(block) - 1) + 1
        if len(block) - last > _LONGEST_WAIT or not _VALUE.match(block, last):
            return block
        self._hold(block[last:])
        return block[:last]

    def close(self) -> bytes:
        """Returns the line held, and holds nothing any more."""
        if self._digest is not None:
            line = self._marker.close(OVERLONG, self._digest, self._counts)
        else:
            line = b"".join(self._rest)
        self._rest, self._length, self._digest = [], 0, None
        return line

    def _hold(self, piece: bytes) -> None:
        self._length += len(piece)
        self._rest.append(piece)
        if self._digest is None and self._length > MAX_LINE:
            self._digest = self._marker.digest()
        if self._digest is not None:
            for held in self._rest:
                self._digest.update(held)
            self._rest = []
