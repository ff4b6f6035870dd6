"""The way to an API server, walked on loopback: each step that can fail, fails here once."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime

import pytest
import urllib3

from collector.kube.config import Connection
from collector.kube.place import place_of
from collector.kube.reach import STEPS, Refusal, Step, trace
from tests.lib.clusters import connection
from tests.lib.sockets import AUTHORITY, Serve, listening

DENIED = Refusal(message="Unauthorized", status=401)


def tls(name: str = "api.example.com", until: datetime | None = None) -> Serve:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    since = datetime(2019, 1, 1, tzinfo=UTC)
    AUTHORITY.issue_cert(name, not_before=since, not_after=until).configure_cert(context)

    def serve(raw: socket.socket) -> None:
        with context.wrap_socket(raw, server_side=True) as secured:
            secured.recv(1)

    return serve


def trusting(port: int, host: str = "api.example.com") -> Connection:
    """Returns a connection to a name that the tests' resolver knows, trusting the tests' authority."""
    context = ssl.create_default_context()
    AUTHORITY.configure_trust(context)
    return replace(connection(f"https://user:hunter2@{host}:{port}/prefix"), tls=context)


def walk(link: Connection, refusal: Refusal = DENIED, seconds: float = 2.0) -> dict[str, Step]:
    steps = trace(link, refusal, resolve=lambda host, port: ["127.0.0.1"], seconds=seconds)
    assert tuple(step.name for step in steps) == STEPS
    return {step.name: step for step in steps}


def failed(steps: dict[str, Step]) -> Step:
    (step,) = (step for step in steps.values() if step.status == "failed")
    return step


def test_refused_credentials_are_found_behind_a_good_handshake() -> None:
    with listening(tls()) as port:
        steps = walk(trusting(port))
    assert failed(steps).name == "credentials"
    assert [steps[name].status for name in STEPS[:5]] == ["ok", "ok", "not needed", "ok", "ok"]
    facts = steps["tls"].facts
    assert facts["protocol"] == "TLSv1.3"
    assert facts["verification"] == "accepted"
    assert facts["certificates"][0]["names"] == ["DNS:api.example.com"]


@pytest.mark.parametrize(
    ("serve", "words"),
    [
        (tls(until=datetime(2020, 2, 3, tzinfo=UTC)), "expired"),
        (tls("other.example.com"), "mismatch"),
    ],
)
def test_a_certificate_that_is_not_accepted_is_shown_with_the_reason(serve: Serve, words: str) -> None:
    with listening(serve) as port:
        step = failed(walk(trusting(port)))
    assert step.name == "tls"
    assert words in step.detail
    assert step.facts["certificates"][0]["not_after"]
    assert words in step.facts["verification"]


def test_an_authority_that_the_kubeconfig_does_not_have() -> None:
    with listening(tls()) as port:
        step = failed(walk(replace(trusting(port), tls=ssl.create_default_context())))
    assert step.name == "tls"
    assert "unable to get local issuer certificate" in step.detail


def test_switched_off_verification_is_said() -> None:
    with listening(tls("other.example.com")) as port:
        steps = walk(replace(trusting(port), tls_verified=False))
    assert steps["tls"].status == "ok"
    assert "verification is switched off" in steps["tls"].detail


def test_the_name_to_check_against_may_be_another() -> None:
    with listening(tls("kubernetes.default")) as port:
        steps = walk(replace(trusting(port), tls_server_name="kubernetes.default"))
    assert steps["tls"].status == "ok"


def test_a_server_that_speaks_no_tls() -> None:
    with listening(lambda raw: raw.sendall(b"HTTP/1.0 400 Bad Request\r\n\r\n")) as port:
        step = failed(walk(trusting(port)))
    assert step.name == "tls"
    assert "no TLS handshake" in step.detail


def test_a_server_that_never_shakes_hands_costs_its_time_only() -> None:
    over = threading.Event()
    started = time.monotonic()
    with listening(lambda raw: [None][over.wait(10) :][0]) as port:
        step = failed(walk(trusting(port), seconds=0.3))
        over.set()
    assert (step.name, time.monotonic() - started < 3) == ("tls", True)


def test_a_port_where_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    steps = walk(trusting(port))
    assert failed(steps).name == "tcp"
    assert failed(steps).facts["attempts"] == [
        {"address": f"127.0.0.1:{port}", "result": "Connection refused"}
    ]
    assert steps["tls"].status == "not tried"


def test_the_second_address_is_tried_when_the_first_refuses() -> None:
    with listening(tls()) as port:
        steps = trace(trusting(port), DENIED, resolve=lambda host, _: ["::1", "127.0.0.1"])
    assert [entry["result"] for entry in steps[1].facts["attempts"]][-1] == "connected"


def test_a_name_that_is_not_known() -> None:
    def unknown(host: str, port: int) -> list[str]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    step = trace(trusting(1), DENIED, resolve=unknown)[0]
    assert (step.status, step.detail) == ("failed", "api.example.com: Name or service not known")


def test_a_resolver_that_hangs() -> None:
    released = threading.Event()

    def hang(host: str, port: int) -> list[str]:
        released.wait(10)
        return []

    step = trace(trusting(1), DENIED, resolve=hang, seconds=0.05)[0]
    released.set()
    assert "no answer" in step.detail


@pytest.mark.parametrize("server", ["", "https://", "https://x:notaport", "ftp://x", "https://[::1"])
def test_an_address_that_cannot_be_read(server: str) -> None:
    assert failed(walk(connection(server))).detail == "the server's address cannot be read"


def test_no_user_information_is_in_the_place() -> None:
    place = place_of(trusting(6443))
    assert place is not None
    assert place.server == "https://api.example.com:6443"


def test_no_request_is_a_refusal_of_its_own() -> None:
    with listening(tls()) as port:
        steps = walk(trusting(port), Refusal(message="the plugin failed", login=True))
    assert failed(steps).name == "credentials"
    assert steps["http"].status == "not tried"


def proxy(answer: bytes) -> Serve:
    """A proxy that answers every CONNECT so, and then shakes hands as the server would."""
    shake = tls()

    def serve(raw: socket.socket) -> None:
        head = b""
        while b"\r\n\r\n" not in head:
            head += raw.recv(1)
        assert head.startswith(b"CONNECT api.example.com:6443 HTTP/1.1\r\n")
        assert b"hunter2" not in head
        raw.sendall(answer)
        shake(raw)

    return serve


@pytest.mark.parametrize(
    ("answer", "step"),
    [
        (b"HTTP/1.1 200 Connection established\r\n\r\n", "credentials"),
        (b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", "proxy"),
        (b"HTTP/1.1 403 Forbidden\r\n\r\n", "proxy"),
        (b"garbage", "proxy"),
    ],
)
def test_the_way_through_a_proxy(answer: bytes, step: str) -> None:
    with listening(proxy(answer)) as port:
        link = replace(trusting(6443), pool=urllib3.ProxyManager(f"http://proxy.example.com:{port}"))
        steps = walk(link)
    assert failed(steps).name == step
    assert "proxy.example.com" in steps["name resolution"].detail
