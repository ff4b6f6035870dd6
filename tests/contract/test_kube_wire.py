"""However slowly or densely a server sends, a request ends at its deadline and holds little memory."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
import tracemalloc

import pytest
import urllib3

from collector.kube import errors
from collector.kube.api import Api
from collector.kube.wire import bounded, ending_in
from tests.lib import faulty, hostile
from tests.lib.clusters import served
from tests.lib.faulty import Fault
from tests.lib.recordings import recording

LIST = "/api/v1/pods"
# Without a bound, each of these would go on for ever; a busy machine may well take a while.
SLACK = 8.0


def timed(api: Api) -> float:
    started = time.monotonic()
    with pytest.raises(errors.ResponseTimeoutError):
        api.get_json(LIST)
    return time.monotonic() - started


@pytest.mark.parametrize(
    "fault",
    [
        faulty.drip(size=1, pause=0.1),
        hostile.dripping_headers(),
        hostile.only_informing(),
        hostile.dripping_chunk_size(),
        hostile.hollow_gzip(),
    ],
    ids=["body", "headers", "informing", "chunk size", "hollow gzip"],
)
def test_a_server_that_drips_costs_no_more_than_the_deadline(fault: Fault) -> None:
    with served(recording(), seconds=0.4, request_timeout=5) as (server, api):
        server.on(f"{LIST}*", fault)
        assert timed(api) < 0.4 + SLACK


def test_headers_have_to_be_whole_within_the_time_of_one_answer() -> None:
    with served(recording(), seconds=30, request_timeout=0.3) as (server, api):
        server.on(f"{LIST}*", hostile.dripping_headers())
        assert timed(api) < 0.3 + SLACK


def test_a_body_may_take_longer_than_one_answer_as_long_as_it_comes() -> None:
    with served(recording(), seconds=30, request_timeout=0.3) as (server, api):
        server.on("/version*", faulty.drip(size=20, pause=0.05))
        started = time.monotonic()
        assert api.get_json("/version")["gitVersion"]
        assert time.monotonic() - started > 0.3


def test_a_stream_that_stalls_near_the_deadline_does_not_outlive_it() -> None:
    with served(recording(), seconds=0.5, request_timeout=5) as (server, api):
        server.on(f"{LIST}*", faulty.stalled(0.5))
        started = time.monotonic()
        with pytest.raises(errors.ResponseTimeoutError), api.stream(LIST) as chunks:
            assert len(b"".join(chunks)) > 0
        assert time.monotonic() - started < 0.5 + SLACK


def test_a_gzip_bomb_is_left_at_the_limit() -> None:
    limit = 4 * 1024 * 1024
    with served(recording()) as (server, api):
        server.on(f"{LIST}*", hostile.bomb(256 << 20))
        tracemalloc.start()
        with pytest.raises(errors.TooLargeError):
            api.get_json(LIST, limit=limit)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak < 4 * limit


def test_connections_are_kept_for_the_next_request() -> None:
    with served(recording()) as (_, api):
        for _ in range(5):
            api.get_json("/version")
        assert len(list(api.log)) == 5
        pool = api.connection.pool.connection_from_url(api.connection.server)
        assert pool.num_connections == 1


def test_a_proxy_that_drips_its_answer_costs_no_more_than_the_deadline() -> None:
    over = threading.Event()

    def drip(server: socket.socket) -> None:
        with contextlib.suppress(OSError), server.accept()[0] as connection:
            connection.sendall(b"HTTP/1.1 200 Connection established\r\nX-Long: ")
            while not over.wait(0.02):
                connection.sendall(b"a")

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=drip, args=(server,), daemon=True).start()
        proxy = bounded(urllib3.ProxyManager(f"http://127.0.0.1:{server.getsockname()[1]}"))
        started = time.monotonic()
        with pytest.raises(urllib3.exceptions.HTTPError), ending_in(0.4):
            proxy.request("GET", "https://api.example.com/version", retries=False, timeout=5.0)
        assert time.monotonic() - started < 0.4 + SLACK
        over.set()
