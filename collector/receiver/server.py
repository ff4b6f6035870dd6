"""Puts a receiver on a loopback port: bounded bodies, bounded waits, a clean and quick end."""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from collector.receiver.app import Receiver
from collector.receiver.model import TEXT, Answer, RejectedError, Request

MAX_BODY = 16 * 1024 * 1024
_DRAINED = 4 * 1024 * 1024
_PIECE = 64 * 1024
_LINGER_SECONDS = 1.0
_MAX_DIGITS = 12
_IDLE_SECONDS = 30.0
_POLL_SECONDS = 0.02
_LINGER_NONE = struct.pack("ii", 1, 0)


class _Server(ThreadingHTTPServer):
    """Knows its open connections, so that closing does not wait for idle clients."""

    daemon_threads = False  # closing joins them; their sockets are shut first
    request_queue_size = 64

    def __init__(self, receiver: Receiver, port: int, tls: ssl.SSLContext | None, max_body: int) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        if tls:
            # The handshake runs in the connection's own thread, so a silent client blocks nobody.
            self.socket = tls.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)
        self.receiver = receiver
        self.max_body = max_body
        self.base = f"{'https' if tls else 'http'}://127.0.0.1:{self.server_port}"
        self.stopping = threading.Event()
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()

    def finish_request(self, request: Any, client_address: Any) -> None:
        with self._lock:
            if self.stopping.is_set():
                return
            self._open.add(request)
        try:
            # A client that hangs up or does not trust our certificate is its own business.
            with contextlib.suppress(OSError):
                super().finish_request(request, client_address)
        finally:
            with self._lock:
                self._open.discard(request)

    def stop(self) -> None:
        self.stopping.set()
        self.shutdown()
        with self._lock:
            for connection in self._open:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    """Reads one request whole, asks the receiver, writes one answer, or the planned fault."""

    protocol_version = "HTTP/1.1"
    server_version = "receiver"
    sys_version = ""
    timeout = _IDLE_SECONDS
    disable_nagle_algorithm = True
    _unread = 0
    server: _Server

    def do_POST(self) -> None:
        request = self._read()
        if isinstance(request, Answer):
            self.close_connection = True
            self._write(request)
            self._linger()
            return
        receiver = self.server.receiver
        fault = receiver.faults.take() if request.method == "POST" or receiver.faults_on_reading else None
        if fault and fault.kind == "reset":
            self._reset()
        elif fault and fault.kind == "status":
            self._write(fault.answer())
        else:
            if fault:
                self.server.stopping.wait(fault.seconds)
            answer = self._ask(request)
            self._write(answer, half=fault is not None and fault.kind == "half")

    def do_GET(self) -> None:
        self.do_POST()  # which method fits which path is the receiver's to say

    def log_message(self, *_: object) -> None:
        """Logs nothing: a request line may hold a key."""

    def _ask(self, request: Request) -> Answer:
        try:
            return self.server.receiver.handle(request, self.server.base)
        except OSError:
            return RejectedError(500).answer(as_json=request.wants_json)

    def _read(self) -> Request | Answer:
        length = self.headers.get("Content-Length", "0")
        if "Transfer-Encoding" in self.headers or not (length.isascii() and length.isdigit()):
            return Answer(status=411, content_type=TEXT, body=b"Length Required")
        if len(length) > _MAX_DIGITS or int(length) > self.server.max_body:
            self._unread = min(int(length[:_MAX_DIGITS]), _DRAINED)
            return Answer(status=413, content_type=TEXT, body=b"Request Entity Too Large")
        body = self.rfile.read(int(length))
        headers = {name.lower(): value for name, value in self.headers.items()}
        return Request(method=self.command, target=self.path, headers=headers, body=body)

    def _linger(self) -> None:
        """Reads what a client is still sending, as proxies do, so that it comes to reading the answer."""
        self.connection.settimeout(_LINGER_SECONDS)
        with contextlib.suppress(OSError):
            while self._unread > 0 and (chunk := self.rfile.read1(min(self._unread, _PIECE))):
                self._unread -= len(chunk)

    def _write(self, answer: Answer, *, half: bool = False) -> None:
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(answer.body)))
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if half or self.close_connection:
            self.close_connection = True
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(answer.body[: len(answer.body) // 2] if half else answer.body)

    def _reset(self) -> None:
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NONE)
        self.connection.close()
        self.close_connection = True


@contextlib.contextmanager
def serve(
    receiver: Receiver, port: int = 0, *, tls: ssl.SSLContext | None = None, max_body: int = MAX_BODY
) -> Iterator[str]:
    """Serves on 127.0.0.1 (a free port for 0) and gives the base URL; on leaving, ends within a moment.

    A body of more than ``max_body`` bytes is answered with 413, as by a proxy.

    Raises OSError when the port is taken.
    """
    server = _Server(receiver, port, tls, max_body)
    thread = threading.Thread(
        target=server.serve_forever, args=(_POLL_SECONDS,), name="receiver", daemon=True
    )
    thread.start()
    try:
        yield server.base
    finally:
        server.stop()
        thread.join(5)
