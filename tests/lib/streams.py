"""Logs of any size and content, sent as an API server sends them: in chunks, without a stated length."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tests.lib.faulty import Exchange, Fault

PIECE = 64 * 1024


def sends(pieces: Iterable[bytes]) -> Fault:
    """The log consists of these pieces, sent anew to each who asks."""

    def fault(exchange: Exchange) -> bool:
        exchange.start("text/plain", {"Transfer-Encoding": "chunked"})
        for piece in pieces:
            exchange.wire.write_chunk(piece)
        exchange.wire.write_chunk(b"")
        return True

    return fault


class Repeated:
    """A block of text again and again until there are ``size`` bytes of it, then ``last``."""

    def __init__(self, block: bytes, size: int, last: bytes = b"") -> None:
        self._block = block * max(PIECE // len(block), 1)
        self._count = size // len(self._block)
        self._last = last

    def __iter__(self) -> Iterator[bytes]:
        for _ in range(self._count):
            yield self._block
        if self._last:
            yield self._last
