"""Takes a chunked body off the buffered socket itself: servers send logs in chunks of a line or a few.

The client library spends more on each such chunk than everything else spends on the text in it.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from typing import Any

from urllib3.exceptions import ProtocolError

_READ = 64 * 1024
_JOINED = 256 * 1024
_JOINED_SECONDS = 0.1
_LONGEST_LINE = 4096
_LONGEST_TRAILER = 64 * 1024
_HEX = frozenset(b"0123456789abcdefABCDEF")
_LONGEST_SIZE = 15  # hexadecimal digits
_END = b"\r\n"


class Unframer:
    """Takes the framing off a chunked body that arrives in pieces of any size (RFC 9112, 7.1).

    Attributes:
        ended: the body is complete, trailers and all.
        surplus: something came after the end, so the connection must not be used again.
    """

    def __init__(self) -> None:
        self.ended = False
        self.surplus = False
        self._left = 0  # bytes of the present chunk, the line end after it included
        self._line = b""
        self._in_trailer = False
        self._trailer = 0

    def feed(self, data: bytes) -> bytes:
        """Returns the content in ``data``. Raises ProtocolError for framing that is none."""
        if self._line:
            data, self._line = self._line + data, b""
        parts: list[bytes] = []
        at, size = 0, len(data)
        while at < size and not self.ended:
            if self._left:
                at = self._content(data, at, parts)
                continue
            newline = data.find(b"\n", at)
            if newline < 0:
                self._line = data[at:]
                at = size
                if len(self._line) > _LONGEST_LINE:
                    raise ProtocolError("a chunk's head is too long")
                break
            self._take_line(data[at:newline])
            at = newline + 1
        self.surplus = at < size
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _content(self, data: bytes, at: int, parts: list[bytes]) -> int:
        """Takes what belongs to the present chunk; returns where the rest starts."""
        content = self._left - len(_END)
        if content > 0:
            taken = data[at : at + content]
            parts.append(taken)
        else:
            taken = data[at : at + self._left]
            if not _END[-self._left :].startswith(taken):
                raise ProtocolError("a chunk does not end where it should")
        self._left -= len(taken)
        return at + len(taken)

    def _take_line(self, line: bytes) -> None:
        line = line.removesuffix(b"\r")
        if self._in_trailer:
            self._trailer += len(line)
            self.ended = not line
            if self._trailer > _LONGEST_TRAILER:
                raise ProtocolError("the trailer is too long")
            return
        digits = line.partition(b";")[0].strip()
        if not digits or len(digits) > _LONGEST_SIZE or not _HEX.issuperset(digits):
            raise ProtocolError("a chunk's size is not a number")
        length = int(digits, 16)
        self._in_trailer = length == 0
        self._left = length + len(_END) if length else 0


def pieces(response: Any) -> Iterator[bytes]:
    """Yields the body of a urllib3 response, whole at any moment, and gives the connection back at its end.

    Raises:
        urllib3.exceptions.HTTPError: the server does not keep to the protocol, or goes away.
        OSError: the socket fails or stalls.
    """
    source = _buffered_socket(response)
    if source is None:
        while piece := response.read1(_READ):
            yield piece
        return
    frame = Unframer()
    while not frame.ended:
        data = source.read1(_READ)
        if not data:
            raise ProtocolError("the connection ended within the body")
        content = frame.feed(data)
        if content:
            yield content
    if not frame.surplus:
        response._fp.close()  # noqa: SLF001 - the end that urllib3 would have seen itself
        response.release_conn()


def joined(parts: Iterable[bytes]) -> Iterator[bytes]:
    """Yields the same bytes in larger pieces. What was received before an error comes before the error."""
    held: list[bytes] = []
    size, since = 0, 0.0
    try:
        for part in parts:
            if not held:
                since = time.monotonic()
            held.append(part)
            size += len(part)
            if size >= _JOINED or time.monotonic() - since > _JOINED_SECONDS:
                whole, held, size = b"".join(held), [], 0
                yield whole
    except Exception:
        if held:
            yield b"".join(held)
        raise
    if held:
        yield b"".join(held)


def _buffered_socket(response: Any) -> Any:
    """Returns the reader below a chunked, uncompressed response; None where urllib3 has to do the work."""
    if response.headers.get("Transfer-Encoding", "").lower() != "chunked":
        return None
    if response.headers.get("Content-Encoding", "identity").lower() != "identity":
        return None
    return getattr(getattr(response, "_fp", None), "fp", None)
