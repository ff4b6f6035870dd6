"""A real WebSocket exec endpoint on top of the recorded API, with every kind of hostile output."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.lib.faulty import Exchange, Fault

GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
STDOUT, STDERR, STATUS = b"\x01", b"\x02", b"\x03"
SUCCESS = json.dumps({"metadata": {}, "status": "Success"}).encode()


def failure(code: int) -> bytes:
    causes = [{"reason": "ExitCode", "message": str(code)}]
    return json.dumps(
        {"status": "Failure", "reason": "NonZeroExitCode", "details": {"causes": causes}}
    ).encode()


def frame(data: bytes, opcode: int = 2, *, final: bool = True) -> bytes:
    head = bytes([(0x80 if final else 0) | opcode])
    if len(data) < 126:
        return head + bytes([len(data)]) + data
    if len(data) < 1 << 16:
        return head + struct.pack("!BH", 126, len(data)) + data
    return head + struct.pack("!BQ", 127, len(data)) + data


class Session:
    """One command: its words, what it was given, and the socket to answer on."""

    def __init__(self, link: socket.socket, query: dict[str, list[str]]) -> None:
        self.link = link
        self.command = query.get("command", [])
        self.container = query.get("container", [""])[0]

    def send(self, channel: bytes, data: bytes) -> None:
        self.link.sendall(frame(channel + data))

    def end(self, status: bytes = SUCCESS) -> None:
        self.send(STATUS, status)
        self.link.sendall(frame(b"\x03\xe8", 8))

    def stdin(self) -> bytes:
        """Returns what has been sent so far, until the words that end a psql session."""
        found, data = b"", b""
        while b"\\q\n" not in found:
            more = self.link.recv(65536)
            if not more:
                break
            data += more
            while len(data) >= 6:
                length, at = data[1] & 0x7F, 2
                if length == 126:
                    (length,), at = struct.unpack("!H", data[2:4]), 4
                if length == 127:
                    (length,), at = struct.unpack("!Q", data[2:10]), 10
                if len(data) < at + 4 + length:
                    break
                mask, body = data[at : at + 4], data[at + 4 : at + 4 + length]
                found += bytes(byte ^ mask[i % 4] for i, byte in enumerate(body))[1:]
                data = data[at + 4 + length :]
        return found


Behaviour = Callable[[Session], Any]


def upgrade(key: str) -> bytes:
    """Returns the answer that opens a session."""
    accept = hashlib.sha1((key + GUID).encode()).digest()
    return (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + base64.b64encode(accept) + b"\r\n"
        b"Sec-WebSocket-Protocol: v4.channel.k8s.io\r\n\r\n"
    )


def execs(behaviour: Behaviour) -> Fault:
    """Makes a recorded API run commands: a fault for targets that end in exec."""

    def answer(exchange: Exchange) -> bool:
        request, link = exchange.request, exchange.wire._handler.connection
        exchange.note(101)
        link.sendall(upgrade(request.headers["sec-websocket-key"]))
        behaviour(Session(link, parse_qs(urlsplit(request.target).query, keep_blank_values=True)))
        exchange.wire.close()
        return True

    return answer


class ExecServer:
    """Accepts the handshake and lets a behaviour answer. ``status`` other than 101 refuses it."""

    def __init__(self, behaviour: Behaviour, *, status: int = 101) -> None:
        self._behaviour = behaviour
        self._status = status
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.commands: list[list[str]] = []
        self.targets: list[str] = []
        self.port = self._listening.getsockname()[1]

    def serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                link, _ = self._listening.accept()
                threading.Thread(target=self._answer, args=(link,), daemon=True).start()

    def _answer(self, link: socket.socket) -> None:
        with link, contextlib.suppress(OSError):
            head = b""
            while b"\r\n\r\n" not in head:
                head += link.recv(65536)
            first, *lines = head.split(b"\r\n\r\n")[0].decode().split("\r\n")
            headers = {
                name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)
            }
            target = urlsplit(first.split(" ")[1])
            session = Session(link, parse_qs(target.query, keep_blank_values=True))
            self.commands.append(session.command)
            self.targets.append(target.path)
            if self._status != 101:
                link.sendall(f"HTTP/1.1 {self._status} No\r\nContent-Length: 2\r\n\r\n{{}}".encode())
                return
            link.sendall(upgrade(headers["sec-websocket-key"]))
            self._behaviour(session)
            # Closing with something unread would reset the connection and lose what was sent.
            link.shutdown(socket.SHUT_WR)
            link.settimeout(1.0)
            while link.recv(65536):
                pass

    def close(self) -> None:
        self._listening.close()


@contextlib.contextmanager
def exec_server(behaviour: Behaviour, *, status: int = 101) -> Iterator[ExecServer]:
    server = ExecServer(behaviour, status=status)
    thread = threading.Thread(target=server.serve, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.close()
