"""The faulty server really does what its faults are named for."""

from __future__ import annotations

import contextlib
import http.client
import json
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from collector.demo.apiserver import serve
from tests.lib import faulty
from tests.lib.recordings import recorded_api

PODS = "/api/v1/pods"


@contextlib.contextmanager
def connected(
    fault: faulty.Fault, *, times: int | None = None, skip: int = 0, timeout: float = 5.0
) -> Iterator[_Client]:
    api = faulty.FaultyApi(recorded_api()).on(f"{PODS}*", fault, times=times, skip=skip)
    with serve(api) as url:
        client = _Client(url, api, timeout)
        with contextlib.closing(client.connection):
            yield client


class _Client:
    def __init__(self, url: str, api: faulty.FaultyApi, timeout: float) -> None:
        parts = urlsplit(url)
        self.connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=timeout)
        self.api = api

    def open(self, target: str = PODS) -> http.client.HTTPResponse:
        self.connection.request("GET", target)
        return self.connection.getresponse()

    def ask(self, target: str = PODS) -> tuple[int, bytes]:
        response = self.open(target)
        return response.status, response.read()

    def statuses(self) -> list[int]:
        return [int(served.status) for served in self.api.requests]


@pytest.mark.parametrize(
    ("fault", "status", "content_type"),
    [
        (faulty.forbidden(), 403, "application/json"),
        (faulty.not_found(), 404, "application/json"),
        (faulty.server_error(), 500, "application/json"),
        (faulty.unavailable(), 503, "text/plain; charset=utf-8"),
        (faulty.throttled(), 429, "text/plain; charset=utf-8"),
        (faulty.redirect("http://example.com/login"), 302, "text/plain; charset=utf-8"),
        (faulty.wrong_json(), 200, "application/json"),
        (faulty.wrong_type(), 200, "text/html"),
    ],
)
def test_refusals_strike_their_path_only(fault: faulty.Fault, status: int, content_type: str) -> None:
    with connected(fault) as client:
        response = client.open()
        response.read()
        assert (response.status, response.headers["Content-Type"]) == (status, content_type)
        assert client.ask("/api/v1/nodes")[0] == 200
        assert client.statuses() == [status, 200]


def test_a_fault_strikes_as_often_as_it_was_told() -> None:
    with connected(faulty.throttled(retry_after=7), times=2, skip=1) as client:
        response = client.open()
        response.read()
        assert response.headers["Retry-After"] is None
        response = client.open()
        response.read()
        assert response.headers["Retry-After"] == "7"
        assert [client.ask()[0] for _ in range(3)] == [429, 200, 200]


def test_gone_offers_a_token_that_goes_on() -> None:
    with connected(faulty.gone(), times=1) as client:
        _, whole = client.ask()
        first = json.loads(client.ask(f"{PODS}?limit=20")[1])
        status, body = client.ask(f"{PODS}?limit=20&continue={first['metadata']['continue']}")
        refusal = json.loads(body)
        assert (status, refusal["reason"]) == (410, "Expired")
        fresh = refusal["metadata"]["continue"]
        assert fresh != first["metadata"]["continue"]
        status, body = client.ask(f"{PODS}?continue={fresh}")
        assert status == 200
        assert first["items"] + json.loads(body)["items"] == json.loads(whole)["items"]


@pytest.mark.parametrize("fault", [faulty.half_body(), faulty.half_chunked()])
def test_half_a_body_is_noticed(fault: faulty.Fault) -> None:
    with connected(fault) as client:
        response = client.open()
        with pytest.raises(http.client.IncompleteRead):
            response.read()


def test_silence() -> None:
    with connected(faulty.silent(), timeout=0.2) as client:
        with pytest.raises(TimeoutError):
            client.ask()
        assert client.statuses() == [faulty.NO_ANSWER]


def test_stall() -> None:
    with connected(faulty.stalled(), timeout=0.2) as client:
        response = client.open()
        assert response.status == 200
        assert response.read(100)
        with pytest.raises(TimeoutError):
            response.read()


def test_reset() -> None:
    with connected(faulty.reset()) as client, pytest.raises(ConnectionResetError) as caught:
        client.ask()
    # An orderly end would be RemoteDisconnected, which is a ConnectionResetError too.
    assert not isinstance(caught.value, http.client.RemoteDisconnected)


def test_endless_body_ends_with_the_server() -> None:
    started = time.monotonic()
    with connected(faulty.endless()) as client:
        response = client.open()
        assert len(response.read(1_000_000)) == 1_000_000
    assert time.monotonic() - started < 2


def test_drip_is_slow_but_whole() -> None:
    with connected(faulty.drip(size=100_000, pause=0.02)) as client:
        _, dripped = client.ask()
    assert dripped == recorded_api().recording.answers[PODS].body
