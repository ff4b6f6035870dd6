"""A server that goes away for good in the middle of a run: nobody listens any more, connections are reset."""

from __future__ import annotations

import contextlib
import itertools
import threading

from collector.demo.loopback import Wire
from tests.lib.faulty import NO_ANSWER, Exchange, Fault


def dies_after(requests: int) -> Fault:
    """Answers so many requests; the next one ends the server, and no other is answered meanwhile."""
    counter = itertools.count()
    lock = threading.Lock()

    def fault(exchange: Exchange) -> bool:
        with lock:
            number = next(counter)
        if number == requests:
            threading.Thread(target=_end, args=(exchange.wire,), name="last breath", daemon=True).start()
        if number >= requests:
            exchange.note(NO_ANSWER)
            exchange.wire.reset()
        return number >= requests

    return fault


def _end(wire: Wire) -> None:
    server = wire._handler.server
    for connection in tuple(server._open):
        with contextlib.suppress(OSError):
            server.abort(connection)
    server.stop()
