"""Logs read off the socket: the connection serves again afterwards, and what came before a stall is kept."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from collector.kube import errors
from collector.kube.api import Api
from tests.lib.clusters import served
from tests.lib.faulty import Exchange, Fault
from tests.lib.recordings import log_path, recording


def read(api: Api, target: str) -> bytes:
    path, _, query = target.partition("?")
    with api.stream(path, dict(pair.split("=") for pair in query.split("&"))) as chunks:
        return b"".join(chunks)


def test_one_connection_serves_log_after_log() -> None:
    known = recording()
    target = log_path(known, "postgresql")
    with served(known) as (_, api):
        logs = [read(api, target) for _ in range(5)]
        pools = api.connection.pool.pools
        opened = [pools[key].num_connections for key in list(pools.keys())]  # not iterable itself
    assert logs[0].count(b"\n") > 10
    assert set(logs) == {logs[0]}
    assert opened == [1]


def half_a_chunk_then(end: Callable[[Exchange], bool]) -> Fault:
    def fault(exchange: Exchange) -> bool:
        exchange.start("text/plain", {"Transfer-Encoding": "chunked"})
        exchange.wire.write_chunk(b"the first line\n")
        exchange.wire.write(b"20\r\nthe last wor")
        return end(exchange)

    return fault


def hang_up(exchange: Exchange) -> bool:
    exchange.wire.close()
    return True


@pytest.mark.parametrize(
    ("end", "error"),
    [(Exchange.silence, errors.ResponseTimeoutError), (hang_up, errors.ConnectionFailedError)],
    ids=["stalls", "hangs up"],
)
def test_a_log_that_breaks_off_is_kept_to_its_last_byte(
    end: Callable[[Exchange], bool], error: type[errors.ApiError]
) -> None:
    known = recording()
    path = log_path(known, "postgresql").partition("?")[0]
    got: list[bytes] = []
    with served(known, request_timeout=0.3) as (server, api):
        server.on("*/log*", half_a_chunk_then(end))
        with pytest.raises(error), api.stream(path) as chunks:
            got.extend(chunks)
    assert b"".join(got) == b"the first line\nthe last wor"
