"""Answers that are meant to hurt: endless headers, bombs, whole objects where names were asked for."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from http import HTTPStatus

from collector.demo import messages
from collector.demo.messages import Response
from collector.demo.recording import JSON_TYPE
from tests.lib.faulty import Exchange, Fault, refused

PAUSE = 0.02


def bomb(size: int) -> Fault:
    """A gzip body that expands to ``size`` bytes of a JSON string, in a thousandth of them."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
    block = b"0" * (1 << 20)
    packed = packer.compress(b'{"kind":"')
    packed += b"".join(packer.compress(block) for _ in range(size >> 20)) + packer.flush()

    def fault(exchange: Exchange) -> bool:
        headers = {"Content-Encoding": "gzip", "Content-Length": str(len(packed))}
        exchange.start(JSON_TYPE, headers)
        exchange.wire.write(packed)
        return True

    return fault


def _for_ever(exchange: Exchange, piece: bytes, pause: float) -> bool:
    while not exchange.wire.stopping.wait(pause):
        exchange.wire.write(piece)
    exchange.wire.close()
    return True


def dripping_headers(pause: float = PAUSE) -> Fault:
    """A status line, then one header that never ends, a byte at a time."""

    def fault(exchange: Exchange) -> bool:
        exchange.note(HTTPStatus.OK)
        exchange.wire.write(b"HTTP/1.1 200 OK\r\nX-Long: ")
        return _for_ever(exchange, b"a", pause)

    return fault


def only_informing(pause: float = PAUSE) -> Fault:
    """Informational answers without end, none of them the answer."""

    def fault(exchange: Exchange) -> bool:
        exchange.note(HTTPStatus.CONTINUE)
        return _for_ever(exchange, b"HTTP/1.1 100 Continue\r\n\r\n", pause)

    return fault


def dripping_chunk_size(pause: float = PAUSE) -> Fault:
    """A chunked body whose first line never ends."""

    def fault(exchange: Exchange) -> bool:
        exchange.start(JSON_TYPE, {"Transfer-Encoding": "chunked"})
        return _for_ever(exchange, b"0", pause)

    return fault


def hollow_gzip(pause: float = PAUSE) -> Fault:
    """Gzip data that goes on and on and expands to nothing."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
    start = packer.compress(b"") + packer.flush(zlib.Z_FULL_FLUSH)
    empty = b"\x00\x00\x00\xff\xff"

    def fault(exchange: Exchange) -> bool:
        exchange.start(JSON_TYPE, {"Content-Encoding": "gzip", "Transfer-Encoding": "chunked"})
        exchange.wire.write_chunk(start)
        while not exchange.wire.stopping.wait(pause):
            exchange.wire.write_chunk(empty)
        exchange.wire.close()
        return True

    return fault


def lost(condition: Callable[[str], bool] = bool) -> Fault:
    """410 for a continue token that ``condition`` takes, without any to go on with."""

    def fault(exchange: Exchange) -> bool:
        if not condition(exchange.request.query.get("continue", "")):
            return False
        return exchange.send(messages.failure(HTTPStatus.GONE, "Expired", "too old", metadata={}))

    return fault


def whatever_the_form() -> Fault:
    """The whole objects, whatever the Accept header says: a proxy that drops it."""

    def fault(exchange: Exchange) -> bool:
        request, headers = exchange.request, exchange.request.headers
        object.__setattr__(request, "headers", {**headers, "accept": JSON_TYPE})
        whole = exchange.normal()
        object.__setattr__(request, "headers", headers)
        return exchange.send(whole)

    return fault


def asking_back(status: int, retry_after: str) -> Fault:
    """A refusal that says when to come back."""
    headers = {"Retry-After": retry_after}
    return refused(Response(status=status, content_type="text/plain", body=b"later\n", headers=headers))
