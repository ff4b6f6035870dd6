"""The bundle in a store: one PUT to a signed address, of which nothing but the place is ever shown."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pyrage
import pytest

from collector.core.errors import UsageError
from collector.delivery import Secret, StoreSettings
from collector.delivery.deliver import DeliveryState, deliver, store_bundle
from collector.delivery.settings import Bucket
from collector.delivery.store import put
from tests.lib.receivers import (
    FakeClock,
    closed_port,
    deadline,
    new_clock,
    no_proxy,
    report,
    running,
    settings,
    spool_path,
)
from tests.lib.uploads import MEBI, bundle

_no_proxy = pytest.fixture(autouse=True)(no_proxy)
clock = pytest.fixture(new_clock)
spool = pytest.fixture(spool_path)
SIGNATURE = "X-Amz-Signature=5ec7e75ec7e7&X-Amz-Expires=3600"


class Shelf(ThreadingHTTPServer):
    """Takes PUTs; answers with the planned statuses first."""

    def __init__(self, *statuses: int) -> None:
        super().__init__(("127.0.0.1", 0), _Put)
        self.statuses = list(statuses)
        self.kept: dict[str, bytes] = {}
        self.asked = 0


class _Put(BaseHTTPRequestHandler):
    server: Shelf

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.asked += 1
        status = self.server.statuses.pop(0) if self.server.statuses else 200
        if status == 200:
            self.server.kept[self.path] = body
        self.send_response(status)
        if status == 307:
            self.send_header("Location", "http://elsewhere.example.com/")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@contextlib.contextmanager
def shelf(*statuses: int) -> Iterator[tuple[Shelf, str]]:
    server = Shelf(*statuses)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server, f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


def _signed(base: str, **changes: Any) -> StoreSettings:
    return StoreSettings(url=Secret(f"{base}/b/x.tar.zst?{SIGNATURE}", longest=4096), **changes)


def test_the_bundle_is_stored_and_the_announcement_names_the_place_without_the_signature(
    clock: FakeClock, spool: Path, tmp_path: Path
) -> None:
    file = bundle(tmp_path, MEBI)
    with shelf() as (server, base), running() as (receiver, url):
        delivery = deliver(
            report(),
            file,
            settings(url, spool),
            clock=clock,
            deadline=deadline(clock),
            store=_signed(base),
        )
    assert server.kept == {f"/b/x.tar.zst?{SIGNATURE}": file.path.read_bytes()}
    assert delivery.complete
    assert delivery.reason.endswith("; bundle: stored at 127.0.0.1")
    params = receiver.notices()[-1].params
    assert (params["location"], params["store"]) == (f"{base}/b/x.tar.zst", "stored at 127.0.0.1")
    everything = f"{delivery!r}{[notice.params for notice in receiver.notices()]}"
    everything += "".join(path.read_text() for path in spool.iterdir())
    assert "5ec7e7" not in everything


def test_a_busy_store_is_asked_again_with_the_whole_file(clock: FakeClock, tmp_path: Path) -> None:
    file = bundle(tmp_path, MEBI)
    with shelf(503, 500) as (server, base):
        stored = put(file.path, _signed(base), clock=clock, deadline=deadline(clock))
    assert server.asked == 3
    assert list(server.kept.values()) == [file.path.read_bytes()]
    assert stored.location == f"{base}/b/x.tar.zst"


@pytest.mark.parametrize(
    ("statuses", "words", "cause", "asked"),
    [
        ((403,), "not stored: the store answered 403", "refused", 1),
        ((307,), "not stored: the store answered 307", "refused", 1),
        ((503, 503, 503), "not stored: the store answered 503", "unavailable", 3),
    ],
)
def test_a_store_that_refuses_costs_only_itself(
    clock: FakeClock,
    spool: Path,
    tmp_path: Path,
    statuses: tuple[int, ...],
    words: str,
    cause: str,
    asked: int,
) -> None:
    file = bundle(tmp_path, 1000)
    with shelf(*statuses) as (server, base), running() as (receiver, url):
        delivery = deliver(
            report(),
            file,
            settings(url, spool),
            clock=clock,
            deadline=deadline(clock),
            store=_signed(base),
        )
    assert server.asked == asked
    assert (delivery.state, delivery.sent, delivery.cause) == (DeliveryState.PARTLY, 2, cause)
    assert words in delivery.reason
    params = receiver.notices()[-1].params
    assert params["location"] == "bundle.tar.zst"
    assert words in params["store"]
    assert "5ec7e7" not in f"{delivery!r}{params}"


def test_nobody_there_and_no_endpoint_either(clock: FakeClock, tmp_path: Path) -> None:
    file = bundle(tmp_path, 1000)
    delivery = store_bundle(file, _signed(closed_port()), clock=clock, deadline=deadline(clock))
    assert (delivery.state, delivery.cause) == (DeliveryState.PARTLY, "unavailable")
    assert "not stored: the store could not be reached" in delivery.reason


@pytest.mark.parametrize(
    "base", ["http://store.example.com", "ftp://127.0.0.1", "https://u:p@store.example.com"]
)
def test_an_unsafe_address_is_sent_nothing(clock: FakeClock, tmp_path: Path, base: str) -> None:
    stored = put(bundle(tmp_path, 10).path, _signed(base), clock=clock, deadline=deadline(clock))
    assert stored.result.cause == "unsafe-address"
    assert stored.location == ""


def test_what_is_stored_for_a_recipient_is_encrypted(clock: FakeClock, tmp_path: Path) -> None:
    file = bundle(tmp_path, 1000)
    identity = pyrage.x25519.Identity.generate()
    wanted = {"recipient": str(identity.to_public()), "scratch": tmp_path / "scratch"}
    with shelf() as (server, base):
        stored = put(file.path, _signed(base, **wanted), clock=clock, deadline=deadline(clock))
    (sent,) = server.kept.values()
    assert pyrage.decrypt(sent, [identity]) == file.path.read_bytes()
    assert stored.result.words == "stored encrypted at 127.0.0.1"
    assert list((tmp_path / "scratch").iterdir()) == []


def test_a_bucket_gets_an_address_signed_here(clock: FakeClock, tmp_path: Path) -> None:
    file = bundle(tmp_path, 1000)
    with shelf() as (server, base):
        bucket = Bucket(
            endpoint=base,
            name="diagnostics",
            region="eu-central-1",
            access_key="AKEXAMPLE",
            secret_key=Secret("s3cr3ts3cr3t"),
            prefix="conductor/",
        )
        stored = put(file.path, StoreSettings(bucket=bucket), clock=clock, deadline=deadline(clock))
    ((target, body),) = server.kept.items()
    query = parse_qs(urlsplit(target).query)
    assert urlsplit(target).path == "/diagnostics/conductor/bundle.tar.zst"
    assert query["X-Amz-Credential"][0].startswith("AKEXAMPLE/")
    assert len(query["X-Amz-Signature"][0]) == 64
    assert body == file.path.read_bytes()
    assert stored.location == f"{base}/diagnostics/conductor/bundle.tar.zst"
    assert "s3cr3t" not in target


@pytest.mark.parametrize("name", ["", "Upper", "a", "has space", "x/../y"])
def test_a_name_that_is_no_buckets_is_refused(name: str) -> None:
    with pytest.raises(UsageError):
        Bucket(endpoint="https://s", name=name, region="r", access_key="a", secret_key=Secret("s"))
