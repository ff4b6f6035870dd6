"""Keeps what a run notes about everything it touched, in a tenth of the room that the texts take."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

_BLOCK = 32 * 1024
_FASTEST = 1


class PackedLines:
    """Lines in the order they were added, compressed in blocks. Not for several threads at once."""

    def __init__(self) -> None:
        self._blocks: list[bytes] = []
        self._fresh: list[bytes] = []
        self._fresh_size = 0
        self._count = 0

    def append(self, line: bytes) -> None:
        """Adds a line, which holds no newline."""
        self._fresh.append(line)
        self._fresh_size += len(line)
        self._count += 1
        if self._fresh_size >= _BLOCK:
            self._blocks.append(zlib.compress(b"\n".join(self._fresh), _FASTEST))
            self._fresh, self._fresh_size = [], 0

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[bytes]:
        """Yields the lines that there are now, whatever is added meanwhile."""
        return _unpacked(tuple(self._blocks), tuple(self._fresh))


def _unpacked(blocks: tuple[bytes, ...], fresh: tuple[bytes, ...]) -> Iterator[bytes]:
    for block in blocks:
        yield from zlib.decompress(block).split(b"\n")
    yield from fresh
