"""A WebSocket client (RFC 6455) of the few frames that pods/exec needs: bounded in bytes and in time.

Nothing the server announces is believed: a frame of ten gigabytes is read in pieces, and no further than
the caller goes on asking.
"""

from __future__ import annotations

import base64
import hashlib
import os
import socket
import ssl
import struct
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus

_GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_HEAD_LIMIT = 64 * 1024
_PIECE = 64 * 1024
_CONTROL_LIMIT = 125
_BINARY, _CLOSE, _PING, _PONG = 0x2, 0x8, 0x9, 0xA
_FIN, _MASK = 0x80, 0x80
_SHORT, _LONG, _LONGER = 125, 126, 127
_CONNECT_SECONDS = 5.0


class HandshakeError(Exception):
    """The server answered with something else than a WebSocket. ``status`` is its HTTP status."""

    def __init__(self, status: int, body: bytes) -> None:
        super().__init__(f"HTTP {status}")
        self.status = status
        self.body = body


class BrokenError(OSError):
    """The connection ended early, or what came is no WebSocket frame."""


@dataclass(frozen=True, kw_only=True)
class Piece:
    """A part of a message. ``first`` is True for its beginning."""

    data: bytes
    first: bool


class WebSocket:
    """One connection. Every method raises OSError when it breaks, TimeoutError when ``ends`` has come.

    Args:
        address: host and port.
        tls: the context, None for plain.
        tls_name: the name to check the certificate against.
        ends: a moment of ``time.monotonic()``.
    """

    def __init__(
        self, address: tuple[str, int], *, tls: ssl.SSLContext | None, tls_name: str, ends: float
    ) -> None:
        self._ends = ends
        self._buffer = b""
        plain = socket.create_connection(address, timeout=min(self._left(), _CONNECT_SECONDS))
        try:
            plain.settimeout(self._left())
            self._socket = tls.wrap_socket(plain, server_hostname=tls_name) if tls else plain
        except BaseException:
            plain.close()
            raise

    def close(self) -> None:
        """Ends the connection at once; the other side's process gets no more input."""
        self._socket.close()

    def open(self, host: str, target: str, headers: Mapping[str, str], protocol: str) -> None:
        """Sends the handshake. Raises HandshakeError when it is refused."""
        key = base64.b64encode(os.urandom(16)).decode()
        lines = {
            "Host": host,
            **headers,
            "Connection": "Upgrade",
            "Upgrade": "websocket",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": key,
            "Sec-WebSocket-Protocol": protocol,
        }
        request = f"GET {target} HTTP/1.1\r\n" + "".join(
            f"{name}: {value}\r\n" for name, value in lines.items()
        )
        self._send(request.encode("latin-1") + b"\r\n")
        status, answer = self._head()
        if status != HTTPStatus.SWITCHING_PROTOCOLS:
            raise HandshakeError(status, self._buffer[:_HEAD_LIMIT])
        digest = hashlib.sha1(f"{key}{_GUID}".encode()).digest()  # noqa: S324 - the protocol's own choice
        if answer.get("sec-websocket-accept") != base64.b64encode(digest).decode():
            raise BrokenError("the handshake's answer is not to our question")
        if answer.get("sec-websocket-protocol") != protocol:
            raise BrokenError("the server does not speak the protocol asked for")

    def _head(self) -> tuple[int, dict[str, str]]:
        while b"\r\n\r\n" not in self._buffer:
            if len(self._buffer) > _HEAD_LIMIT:
                raise BrokenError("an answer without end")
            self._buffer += self._receive()
        head, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
        first, *rest = head.decode("latin-1").split("\r\n")
        words = first.split(" ", 2)
        if len(words) < 2 or not words[1].isdecimal():  # noqa: PLR2004 - version and status
            raise BrokenError("no HTTP")
        pairs = (line.partition(":") for line in rest)
        return int(words[1]), {name.strip().lower(): value.strip() for name, _, value in pairs}

    def send(self, message: bytes) -> None:
        """Sends one binary message."""
        self._frame(_BINARY, message)

    def _frame(self, opcode: int, data: bytes) -> None:
        length = len(data)
        if length <= _SHORT:
            head = struct.pack("!BB", _FIN | opcode, _MASK | length)
        elif length < 1 << 16:
            head = struct.pack("!BBH", _FIN | opcode, _MASK | _LONG, length)
        else:
            head = struct.pack("!BBQ", _FIN | opcode, _MASK | _LONGER, length)
        mask = os.urandom(4)
        repeated = (mask * (length // 4 + 1))[:length]
        masked = (int.from_bytes(data, "big") ^ int.from_bytes(repeated, "big")).to_bytes(length, "big")
        self._send(head + mask + masked)

    def messages(self) -> Iterator[Piece]:
        """Yields what comes until the other side closes, in pieces of at most 64 KiB."""
        first = True
        while True:
            opening, second = self._take(2)
            opcode, final = opening & 0x0F, bool(opening & _FIN)
            length = second & 0x7F
            if second & _MASK:
                raise BrokenError("a masked frame from a server")
            if opcode & 0x8:
                if length > _CONTROL_LIMIT:
                    raise BrokenError("a control frame that is too long")
                data = self._take(length)
                if opcode == _CLOSE:
                    return
                if opcode == _PING:
                    self._frame(_PONG, data)
                continue
            if length == _LONG:
                (length,) = struct.unpack("!H", self._take(2))
            elif length == _LONGER:
                (length,) = struct.unpack("!Q", self._take(8))
            while length:
                data = self._some(length)
                length -= len(data)
                yield Piece(data=data, first=first)
                first = False
            first = final

    def _take(self, count: int) -> bytes:
        while len(self._buffer) < count:
            self._buffer += self._receive()
        found, self._buffer = self._buffer[:count], self._buffer[count:]
        return found

    def _some(self, most: int) -> bytes:
        data = self._buffer or self._receive()
        found, self._buffer = data[:most], data[most:]
        return found

    def _receive(self) -> bytes:
        self._socket.settimeout(self._left())
        data = self._socket.recv(_PIECE)
        if not data:
            raise BrokenError("the connection ended early")
        return data

    def _send(self, data: bytes) -> None:
        self._socket.settimeout(self._left())
        self._socket.sendall(data)

    def _left(self) -> float:
        left = self._ends - time.monotonic()
        if left <= 0:
            raise TimeoutError("the time is over")
        return left
