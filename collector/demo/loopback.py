"""Speaks HTTP/1.1 on 127.0.0.1 for an API that only thinks in requests and answers."""

from __future__ import annotations

import contextlib
import gzip
import socket
import struct
import sys
import threading
from collections.abc import Iterator
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Protocol

from collector.core.clock import Clock
from collector.demo.messages import Request, Response

_HOST = "127.0.0.1"
_MAX_BODY = 64 * 1024
_IDLE_SECONDS = 60.0
_STOP_SECONDS = 1.0
_CHUNK = 16 * 1024
# Servers leave small answers alone and take the fastest level for the others.
_COMPRESS_FROM = 128 * 1024
_LEVEL = 1
_BODILESS = ("HEAD",)


class Handles(Protocol):
    """Something that answers requests at its own time of day."""

    clock: Clock

    def handle(self, request: Request, wire: Wire) -> None:
        """Answers one request on the wire. Called from many threads."""
        ...


class Wire:
    """One exchange on one connection, for well-formed answers and, in tests, for malformed ones."""

    def __init__(self, handler: _Handler, request: Request) -> None:
        self._handler = handler
        self._request = request

    @property
    def stopping(self) -> threading.Event:
        """Set once the server stops; whoever keeps a client waiting waits on this."""
        return self._handler.server.stopping

    def send(self, response: Response) -> None:
        """Sends a whole answer; the connection stays open for the next request."""
        body, headers = response.body, dict(response.headers)
        if len(body) >= _COMPRESS_FROM and not response.chunked and self._takes_gzip():
            body = gzip.compress(body, _LEVEL, mtime=0)
            headers |= {"Content-Encoding": "gzip", "Vary": "Accept-Encoding"}
        length = {"Transfer-Encoding": "chunked"} if response.chunked else {"Content-Length": str(len(body))}
        self.start(response.status, {"Content-Type": response.content_type, **length, **headers})
        if self._request.method in _BODILESS:
            return
        if not response.chunked:
            self.write(body)
            return
        for start in range(0, len(body), _CHUNK):
            self.write_chunk(body[start : start + _CHUNK])
        self.write_chunk(b"")

    def start(self, status: int, headers: dict[str, str]) -> None:
        """Sends the status line and headers, ``Date`` before the given ones."""
        handler = self._handler
        handler.send_response_only(status)
        handler.send_header("Date", format_datetime(handler.server.api.clock.now(), usegmt=True))
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.end_headers()

    def write(self, data: bytes) -> None:
        """Sends bytes as they are."""
        self._handler.wfile.write(data)
        self._handler.wfile.flush()

    def write_chunk(self, data: bytes) -> None:
        """Sends one chunk; an empty one ends the body."""
        self.write(b"%x\r\n%b\r\n" % (len(data), data))

    def close(self) -> None:
        """Ends the connection after this exchange."""
        self._handler.close_connection = True

    def reset(self) -> None:
        """Ends the connection with a TCP reset."""
        self.close()
        self._handler.server.abort(self._handler.connection)

    def _takes_gzip(self) -> bool:
        accepted = self._request.headers.get("accept-encoding", "")
        return "gzip" in (part.partition(";")[0].strip() for part in accepted.split(","))


@contextlib.contextmanager
def serve(api: Handles, port: int = 0) -> Iterator[str]:
    """Serves until the block ends. Yields the base URL, without a final slash.

    Raises OSError when the port is taken.
    """
    server = _Server(api, port)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), name="recorded-api", daemon=True)
    thread.start()
    try:
        yield f"http://{_HOST}:{server.server_port}"
    finally:
        server.stop()
        thread.join(_STOP_SECONDS)


class _Server(ThreadingHTTPServer):
    """A server that ends the connections it still has when it stops."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, api: Handles, port: int) -> None:
        self.api = api
        self.stopping = threading.Event()
        self._open: set[Any] = set()
        self._aborted: set[Any] = set()
        self._idle = threading.Condition()
        super().__init__((_HOST, port), _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._idle:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        if request in self._aborted:
            self.close_request(request)  # an orderly shutdown would come before the reset
        else:
            super().shutdown_request(request)
        with self._idle:
            self._open.discard(request)
            self._aborted.discard(request)
            self._idle.notify_all()

    def abort(self, request: Any) -> None:
        """Makes the end of this connection a TCP reset."""
        request.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        with self._idle:
            self._aborted.add(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no error; anything else is a defect and is shown."""
        if not isinstance(sys.exception(), ConnectionError | TimeoutError):
            super().handle_error(request, client_address)

    def stop(self) -> None:
        """Stops listening, ends open connections and waits, at most a second, for their threads."""
        self.stopping.set()
        self.shutdown()
        self.server_close()
        with self._idle:
            for connection in self._open:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
            self._idle.wait_for(lambda: not self._open, _STOP_SECONDS)


class _Handler(BaseHTTPRequestHandler):
    """Reads requests off a connection, one after another."""

    protocol_version = "HTTP/1.1"
    timeout = _IDLE_SECONDS
    disable_nagle_algorithm = True
    wbufsize = -1
    server: _Server

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is inherited
        """Writes nothing: requests are kept by the API, and stderr belongs to the program."""

    def _handle(self) -> None:
        body = self._body()
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(method=self.command, target=self.path, headers=headers, body=body)
        self.server.api.handle(request, Wire(self, request))

    def _body(self) -> bytes:
        stated = self.headers.get("Content-Length", "0")
        length = int(stated) if stated.isascii() and stated.isdecimal() else _MAX_BODY + 1
        if length > _MAX_BODY or "Transfer-Encoding" in self.headers:
            self.close_connection = True  # what follows on the wire cannot be told from the next request
            return b""
        return self.rfile.read(length)

    def __getattr__(self, name: str) -> Any:
        """The base class looks for ``do_GET`` and the like; every method, known or not, goes one way."""
        if name.startswith("do_"):
            return self._handle
        raise AttributeError(name)
