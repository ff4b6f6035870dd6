"""Endpoints that say no, or that must not be talked to: when sending ends and what is told."""

from __future__ import annotations

import json
import socket
import ssl
from pathlib import Path

import pytest
import trustme

from collector.delivery.deliver import DeliveryState, deliver, resend_spool
from collector.delivery.errbit import ErrbitClient
from collector.delivery.notice import Site
from collector.delivery.notices import notices
from collector.delivery.verdict import Verdict
from collector.receiver import Fault, Receiver, Store, serve
from collector.web.http import HttpClient
from tests.lib import receivers
from tests.lib.receivers import (
    KEY,
    Bundle,
    FakeClock,
    LogLines,
    closed_port,
    deadline,
    kept,
    new_clock,
    no_proxy,
    report,
    running,
    send,
    settings,
    spool_path,
)

_no_proxy = pytest.fixture(autouse=True)(no_proxy)
clock = pytest.fixture(new_clock)
spool = pytest.fixture(spool_path)
endpoint = pytest.fixture(receivers.endpoint)


def test_a_wrong_key_ends_it_after_one_request(clock: FakeClock, spool: Path) -> None:
    with running(key="another") as (receiver, url):
        receiver.faults.add(Fault(kind="slow"), times=10)
        delivery = send(url, clock, spool, findings=5)
        left = sum(1 for _ in iter(receiver.faults.take, None))
    assert left == 9
    assert (delivery.state, delivery.rejected, delivery.cause) == (DeliveryState.REJECTED, 6, "wrong-key")
    assert delivery.reason.endswith("6 turned away and kept: the endpoint does not know the API key")
    assert delivery.hint == (
        "check the API key on the application's page in Errbit; "
        "then deliver what was kept: conductor-diag upload"
    )
    assert len(kept(spool)) == 6


def test_a_wrong_key_does_not_cost_what_was_kept(clock: FakeClock, spool: Path) -> None:
    send(closed_port(), clock, spool)
    with running(key="another") as (_, url):
        assert resend_spool(settings(url, spool), clock=clock, deadline=deadline(clock)).state is (
            DeliveryState.REJECTED
        )
    assert len(kept(spool)) == 2


def test_an_old_application_version_is_told_to_the_operator(clock: FakeClock, spool: Path) -> None:
    with running(app_version="9.0") as (receiver, url):
        delivery = send(url, clock, spool, findings=2)
    assert (delivery.state, delivery.rejected) == (DeliveryState.REJECTED, 3)
    assert "latest version" in delivery.hint
    assert receiver.notices() == []
    assert kept(spool) == []


def test_an_old_server_says_so_with_200(endpoint: tuple[Receiver, str], clock: FakeClock) -> None:
    receiver, url = endpoint
    receiver.faults.add(
        Fault(status=200, body="Notice for old app version ignored", content_type="text/plain")
    )
    assert send(url, clock).state is DeliveryState.PARTLY


def test_a_refused_payload_is_reported_and_not_kept(
    endpoint: tuple[Receiver, str], clock: FakeClock, spool: Path
) -> None:
    receiver, url = endpoint
    receiver.faults.add(Fault(status=400, body="Invalid request", content_type="text/plain"))
    delivery = send(url, clock, spool)
    assert (delivery.state, delivery.sent, delivery.rejected) == (DeliveryState.PARTLY, 1, 1)
    assert "400: Invalid request" in delivery.reason
    assert kept(spool) == []


def test_a_kept_notice_that_is_refused_leaves_the_spool(clock: FakeClock, spool: Path) -> None:
    send(closed_port(), clock, spool)
    with running() as (receiver, url):
        receiver.faults.add(Fault(status=422, body="no", content_type="text/plain"))
        delivery = resend_spool(settings(url, spool), clock=clock, deadline=deadline(clock))
    assert (delivery.sent, delivery.rejected) == (1, 1)
    assert kept(spool) == []


@pytest.mark.parametrize("body", ["<html>Sign in</html>", "{}", '{"id": 5}', "[" * 60_000, '{"id": "a b"}'])
def test_a_200_of_something_else_is_no_delivery(
    endpoint: tuple[Receiver, str], clock: FakeClock, body: str
) -> None:
    receiver, url = endpoint
    receiver.faults.add(Fault(status=200, body=body), times=2)
    delivery = send(url, clock)
    assert delivery.state is DeliveryState.REJECTED
    assert "is not an Errbit-compatible server (it said 200)" in delivery.reason
    assert receiver.faults.take() is not None


@pytest.mark.parametrize(
    ("status", "body"), [(200, '{"notice": {"id": "6b006b4f1a8d5479bc813fae"}}'), (202, "queued"), (204, "")]
)
def test_other_servers_ways_to_say_yes(
    endpoint: tuple[Receiver, str], clock: FakeClock, status: int, body: str
) -> None:
    receiver, url = endpoint
    receiver.faults.add(Fault(status=status, body=body), times=2)
    assert send(url, clock).state is DeliveryState.DELIVERED


@pytest.mark.parametrize("status", [301, 307, 308])
def test_a_redirect_is_not_followed(clock: FakeClock, status: int) -> None:
    with running() as (receiver, url), running() as (other, elsewhere):
        location = f"{elsewhere}/api/v3/projects/1/notices"
        receiver.faults.add(Fault(status=status, location=location), times=9)
        delivery = send(url, clock, findings=3)
        assert sum(1 for _ in iter(receiver.faults.take, None)) == 8
    assert other.notices() == []
    assert (delivery.state, delivery.rejected) == (DeliveryState.REJECTED, 4)
    assert "redirects are not followed" in delivery.hint


def test_a_wrong_path_ends_it_after_one_request(endpoint: tuple[Receiver, str], clock: FakeClock) -> None:
    delivery = send(endpoint[1] + "/errbit", clock, findings=3)
    assert (delivery.state, delivery.rejected) == (DeliveryState.REJECTED, 4)
    assert "address" in delivery.hint


@pytest.mark.parametrize(
    "url", ["http://errbit.example.com", "https://[::1", "https://u:p@errbit.example.com"]
)
def test_an_unfit_address_is_refused_before_anything_is_sent(
    clock: FakeClock, spool: Path, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbidden(*arguments: object, **named: object) -> None:
        raise AssertionError("a connection was tried")

    monkeypatch.setattr(socket, "getaddrinfo", forbidden)
    delivery = send(url, clock, spool)
    assert (delivery.state, delivery.rejected, delivery.cause) == (
        DeliveryState.REJECTED,
        2,
        "unsafe-address",
    )
    assert delivery.hint
    assert len(kept(spool)) == 2


def test_a_plain_request_to_this_machine_goes_through_no_proxy(
    endpoint: tuple[Receiver, str], clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", closed_port())
    assert send(endpoint[1], clock).complete


def test_a_netrc_entry_does_not_replace_the_key(
    endpoint: tuple[Receiver, str], clock: FakeClock, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login someone password else\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    assert send(endpoint[1], clock).complete


def test_a_server_that_repeats_the_key_does_not_get_it_into_our_words(
    endpoint: tuple[Receiver, str], clock: FakeClock
) -> None:
    receiver, url = endpoint
    receiver.faults.add(Fault(status=400, body=f"{'x' * 190}{KEY}"))
    receiver.faults.add(Fault(status=201, body=json.dumps({"id": KEY})))
    log = LogLines()
    delivery = deliver(report(), Bundle(), settings(url), clock=clock, deadline=deadline(clock), log=log)
    told = f"{delivery!r} {log.lines}"
    assert KEY not in told
    assert KEY[:10] not in told
    assert log.lines


def test_control_characters_of_a_server_are_not_passed_on(
    endpoint: tuple[Receiver, str], clock: FakeClock
) -> None:
    receiver, url = endpoint
    receiver.faults.add(Fault(status=400, body="\x1b[2J\u202ehidden"))
    assert "?[2J?hidden" in send(url, clock).reason


def _tls(authority: trustme.CA, name: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    return context


def test_tls_needs_a_trusted_certificate_for_the_right_host(
    clock: FakeClock, tmp_path: Path, spool: Path
) -> None:
    authority = trustme.CA()
    trusted = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(trusted))
    for name, ca_file, state in (
        ("127.0.0.1", None, DeliveryState.SPOOLED),
        ("errbit.example.com", trusted, DeliveryState.SPOOLED),
        ("127.0.0.1", trusted, DeliveryState.DELIVERED),
    ):
        receiver = Receiver(KEY, store=Store(), clock=clock)
        with serve(receiver, tls=_tls(authority, name)) as url:
            delivery = deliver(
                report(),
                Bundle(),
                settings(url, spool, ca_file=ca_file),
                clock=clock,
                deadline=deadline(clock),
            )
        assert delivery.state is state
        assert bool(receiver.notices()) is (state is DeliveryState.DELIVERED)
        assert state is DeliveryState.DELIVERED or "certificate" in delivery.reason
        assert clock.backoffs == []


def test_an_untrusted_endpoint_is_not_tried_again(clock: FakeClock) -> None:
    notice = notices(report(), Bundle(), Site(environment="e", hostname="h"))[0]
    receiver = Receiver(KEY, store=Store(), clock=clock)
    with serve(receiver, tls=_tls(trustme.CA(), "127.0.0.1")) as url, HttpClient() as http:
        client = ErrbitClient(settings(url), http, clock)
        assert client.send(notice, deadline(clock)).verdict is Verdict.UNAVAILABLE
        assert client.ended


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_a_ca_file_that_is_none_is_told(
    endpoint: tuple[Receiver, str], clock: FakeClock, tmp_path: Path, content: str | None
) -> None:
    ca_file = tmp_path / "ca.pem"
    if content:
        ca_file.write_text(content)
    delivery = deliver(
        report(),
        Bundle(),
        settings(endpoint[1], ca_file=ca_file),
        clock=clock,
        deadline=deadline(clock),
    )
    assert delivery.state is DeliveryState.REJECTED
    assert "ca.pem" in delivery.reason
