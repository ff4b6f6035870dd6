"""Ends an exchange in time, however slowly the server sends: urllib3's limits start anew at every byte.

A server that drips its headers, the lines between chunks, or gzip data that expands to nothing would
otherwise keep a thread for days. Large reads come for free: fewer calls for the same bytes.
"""

from __future__ import annotations

import contextlib
import http.client
import io
import math
import time
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any

_BUFFER = 64 * 1024
# urllib3 has no parameter that reaches the socket's reader, so the moment travels beside the call.
_ENDS: ContextVar[float] = ContextVar("ends", default=math.inf)


def bounded(manager: Any) -> Any:
    """Makes every connection of a urllib3 PoolManager obey ``ending_in``; returns the manager."""
    manager.pool_classes_by_scheme = {
        scheme: type(f"Bounded{pool.__name__}", (pool,), {"ConnectionCls": _connection(pool.ConnectionCls)})
        for scheme, pool in manager.pool_classes_by_scheme.items()
    }
    return manager


def _connection(plain: type) -> type:
    return type(f"Bounded{plain.__name__}", (plain,), {"response_class": _Response})


@contextlib.contextmanager
def ending_in(seconds: float) -> Iterator[None]:
    """Exchanges begun inside the block, bodies read later included, raise TimeoutError after ``seconds``."""
    token = _ENDS.set(time.monotonic() + seconds)
    try:
        yield
    finally:
        _ENDS.reset(token)


class _Response(http.client.HTTPResponse):
    """Reads through a reader that knows when to stop."""

    def __init__(self, sock: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp.close()
        self._ends = _ENDS.get()
        self._reader = _Reader(sock)
        # Until the headers are there, all of it has the time that one read may take; a proxy's answer too.
        self._reader.ends = min(self._ends, time.monotonic() + self._reader.idle)
        self.fp = io.BufferedReader(self._reader, _BUFFER)

    def begin(self) -> None:
        """Reads status and headers; the body then has all the time there is."""
        super().begin()
        self._reader.ends = self._ends


class _Reader(io.RawIOBase):
    """The bytes of a socket until ``ends``. ``idle`` is how long a single read may wait, in seconds."""

    def __init__(self, sock: Any) -> None:
        self._socket = sock
        # As long as this is open, closing the connection leaves the answer readable.
        self._held = sock.makefile("rb", buffering=0)
        stated = sock.gettimeout()
        self.idle = math.inf if stated is None else float(stated)
        self.ends = math.inf

    def readable(self) -> bool:
        return True

    def fileno(self) -> int:
        return int(self._socket.fileno())

    def readinto(self, buffer: Any) -> int:
        """Fills ``buffer`` with what has come. Raises TimeoutError at the end of the time."""
        left = self.ends - time.monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        if left < self.idle:
            self._socket.settimeout(left)
        return int(self._socket.recv_into(buffer))

    def close(self) -> None:
        self._held.close()
        super().close()
