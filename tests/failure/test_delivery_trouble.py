"""Networks and servers that fail: what is tried again, how often, what is kept and sent later."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest

from collector.core.clock import SystemClock
from collector.core.deadline import Deadline
from collector.delivery.deliver import DeliveryState, deliver, resend_spool
from collector.delivery.errbit import ErrbitClient
from collector.delivery.notice import Site
from collector.delivery.notices import notices
from collector.delivery.verdict import Verdict
from collector.receiver import Fault, Receiver
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
    many,
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


def test_all_is_well(endpoint: tuple[Receiver, str], clock: FakeClock, spool: Path) -> None:
    receiver, url = endpoint
    delivery = send(url, clock, spool, findings=3)
    assert (delivery.state, delivery.sent, delivery.complete) == (DeliveryState.DELIVERED, 4, True)
    assert delivery.reason == "4 of 4 notices delivered to 127.0.0.1"
    assert delivery.link == f"{url}/locate/{receiver.notices()[-1].id}"
    assert [notice.error_class for notice in receiver.notices()] == ["finding.CND-APP-001"] * 3 + [
        "diagnostic.bundle"
    ]
    assert [problem.count for problem in receiver.problems()] == [3, 1]
    assert kept(spool) == []


def test_notices_are_spaced(endpoint: tuple[Receiver, str], clock: FakeClock) -> None:
    send(endpoint[1], clock, findings=3)
    assert clock.sleeps == pytest.approx([0.1, 0.1, 0.1])


def test_one_connection_carries_all(
    endpoint: tuple[Receiver, str], clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[object] = []

    class Counting(socket.socket):
        def connect(self, address: Any) -> None:
            opened.append(address)
            super().connect(address)

    monkeypatch.setattr(socket, "socket", Counting)
    assert send(endpoint[1], clock, findings=5).complete
    assert len(opened) == 1


@pytest.mark.parametrize("status", [408, 420, 429, 502, 503, 504])
def test_a_busy_server_is_asked_again(endpoint: tuple[Receiver, str], clock: FakeClock, status: int) -> None:
    receiver, url = endpoint
    receiver.faults.add(Fault(status=status), times=4)
    assert send(url, clock).state is DeliveryState.DELIVERED
    assert len(receiver.notices()) == 2
    bounds = [(1, 2), (2, 3), (4, 5), (8, 9)]
    assert len(clock.backoffs) == 4
    assert all(low <= slept <= high for slept, (low, high) in zip(clock.backoffs, bounds, strict=True))


def test_the_server_says_how_long_to_wait(endpoint: tuple[Receiver, str], clock: FakeClock) -> None:
    receiver, url = endpoint
    receiver.faults.add(Fault(status=429, retry_after="37"))
    assert send(url, clock).complete
    assert clock.backoffs == [37]


@pytest.mark.parametrize("nonsense", ["soon", "-5", "Fri, 20 Nov 2026 22:00:00 GMT", "1.5", "²"])
def test_nonsense_for_a_wait_counts_as_nothing_said(
    endpoint: tuple[Receiver, str], clock: FakeClock, nonsense: str
) -> None:
    receiver, url = endpoint
    receiver.faults.add(Fault(status=503, retry_after=nonsense))
    assert send(url, clock).complete
    assert len(clock.backoffs) == 1
    assert 1 <= clock.backoffs[0] <= 2


def test_a_wait_longer_than_the_deadline_is_not_begun(
    endpoint: tuple[Receiver, str], clock: FakeClock, spool: Path
) -> None:
    receiver, url = endpoint
    receiver.faults.add(Fault(status=429, retry_after="3600"))
    delivery = send(url, clock, spool, findings=4)
    assert (delivery.state, delivery.spooled) == (DeliveryState.SPOOLED, 5)
    assert clock.backoffs == []
    assert receiver.notices() == []
    assert receiver.faults.take() is None


def test_five_tries_and_three_failures_end_it(
    endpoint: tuple[Receiver, str], clock: FakeClock, spool: Path
) -> None:
    receiver, url = endpoint
    receiver.faults.add(Fault(status=503), times=100)
    delivery = send(url, clock, spool, findings=9)
    left = sum(1 for _ in iter(receiver.faults.take, None))
    assert 100 - left == 15
    assert (delivery.state, delivery.spooled) == (DeliveryState.SPOOLED, 10)
    assert delivery.hint == "deliver what was kept: conductor-diag upload"
    assert kept(spool) == ["diagnostic.bundle", *["finding.CND-APP-001"] * 9]


def test_failures_between_successes_end_nothing(
    endpoint: tuple[Receiver, str], clock: FakeClock, spool: Path
) -> None:
    receiver, url = endpoint
    for _ in range(4):
        receiver.faults.add(Fault(status=503), times=5)
        receiver.faults.add(Fault(kind="slow"))  # no fault: answers at once
    delivery = send(url, clock, spool, findings=7)
    assert (delivery.state, delivery.sent, delivery.spooled) == (DeliveryState.PARTLY, 4, 4)


def test_a_server_error_gets_two_more_tries_and_then_less(
    endpoint: tuple[Receiver, str], clock: FakeClock, spool: Path
) -> None:
    receiver, url = endpoint
    receiver.faults.add(Fault(status=500), times=3)
    delivery = send(url, clock, spool)
    assert delivery.state is DeliveryState.DELIVERED
    assert "sent without details" in delivery.reason
    first, second = receiver.notices()
    assert set(first.params) == {"notice_uid", "reduced"}
    assert second.params["sha256"] == Bundle().sha256
    assert len(clock.backoffs) == 2


def test_a_server_that_fails_on_everything_is_down(
    endpoint: tuple[Receiver, str], clock: FakeClock, spool: Path
) -> None:
    receiver, url = endpoint
    receiver.faults.add(Fault(status=500), times=100)
    delivery = send(url, clock, spool, findings=5)
    assert sum(1 for _ in iter(receiver.faults.take, None)) == 100 - 3 * 4
    assert (delivery.state, delivery.spooled) == (DeliveryState.SPOOLED, 6)


def test_too_large_is_tried_without_details(endpoint: tuple[Receiver, str], clock: FakeClock) -> None:
    receiver, url = endpoint
    receiver.faults.add(Fault(status=413))
    assert send(url, clock).state is DeliveryState.DELIVERED
    assert set(receiver.notices()[0].params) == {"notice_uid", "reduced"}
    assert clock.backoffs == []


def test_a_reset_connection_is_opened_again(endpoint: tuple[Receiver, str], clock: FakeClock) -> None:
    receiver, url = endpoint
    receiver.faults.add(Fault(kind="reset"), times=2)
    assert send(url, clock).state is DeliveryState.DELIVERED
    assert len(receiver.notices()) == 2
    assert len(clock.backoffs) == 2


def test_half_an_answer_makes_no_second_notice(endpoint: tuple[Receiver, str], clock: FakeClock) -> None:
    receiver, url = endpoint
    receiver.faults.add(Fault(kind="half"), times=2)
    delivery = send(url, clock)
    assert (delivery.state, delivery.link) == (DeliveryState.DELIVERED, "")
    assert len(receiver.notices()) == 2


def test_a_slow_server_is_given_up_by_the_read_limit(
    endpoint: tuple[Receiver, str], clock: FakeClock
) -> None:
    receiver, url = endpoint
    receiver.faults.add(Fault(kind="slow", seconds=5), times=5)
    notice = notices(report(), Bundle(), Site(environment="e", hostname="h"))[0]
    with HttpClient(read_seconds=0.05) as http:
        receipt = ErrbitClient(settings(url), http, clock).send(notice, deadline(clock))
    assert receipt.verdict is Verdict.UNAVAILABLE
    assert receipt.reason == "the endpoint did not answer in time"


def test_the_deadline_cuts_a_slow_server_short(endpoint: tuple[Receiver, str], spool: Path) -> None:
    receiver, url = endpoint
    receiver.faults.add(Fault(kind="slow", seconds=30), times=5)
    real = SystemClock()
    start = real.monotonic()
    delivery = deliver(many(3), Bundle(), settings(url, spool), clock=real, deadline=Deadline(real, 0.3))
    assert real.monotonic() - start < 2
    assert (delivery.state, delivery.spooled) == (DeliveryState.SPOOLED, 4)


def test_no_time_at_all_keeps_everything(
    endpoint: tuple[Receiver, str], clock: FakeClock, spool: Path
) -> None:
    receiver, url = endpoint
    delivery = deliver(many(2), Bundle(), settings(url, spool), clock=clock, deadline=deadline(clock, 0))
    assert (delivery.state, delivery.spooled) == (DeliveryState.SPOOLED, 3)
    assert receiver.notices() == []
    assert clock.sleeps == []


def test_nobody_there_then_resend(clock: FakeClock, spool: Path) -> None:
    delivery = send(closed_port(), clock, spool, findings=3)
    assert (delivery.state, delivery.spooled) == (DeliveryState.SPOOLED, 4)
    assert not any(KEY in path.read_text() for path in spool.iterdir())
    with running() as (receiver, url):
        resent = resend_spool(settings(url, spool), clock=clock, deadline=deadline(clock))
        assert (resent.state, resent.sent) == (DeliveryState.DELIVERED, 4)
        assert resend_spool(settings(url, spool), clock=clock, deadline=deadline(clock)).sent == 0
    assert [notice.error_class for notice in receiver.notices()][-1] == "diagnostic.bundle"
    assert kept(spool) == []


def test_the_next_run_sends_first_what_was_left(clock: FakeClock, spool: Path) -> None:
    send(closed_port(), clock, spool)
    with running() as (receiver, url):
        later = report(bundle_id="cnd20261121t220041zffffffff")
        delivery = deliver(later, Bundle(), settings(url, spool), clock=clock, deadline=deadline(clock))
    assert (delivery.state, delivery.sent, delivery.resent) == (DeliveryState.DELIVERED, 2, 2)
    assert [notice.params["bundle_id"][-4:] for notice in receiver.notices()] == ["2c3d"] * 2 + ["ffff"] * 2
    assert kept(spool) == []


def test_without_a_spool_the_endpoint_is_unreachable(clock: FakeClock) -> None:
    delivery = send(closed_port(), clock)
    assert (delivery.state, delivery.spooled) == (DeliveryState.UNREACHABLE, 0)


def test_a_spool_that_cannot_be_written_costs_only_itself(clock: FakeClock, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    log = LogLines()
    delivery = deliver(
        report(),
        Bundle(),
        settings(closed_port(), tmp_path / "file" / "spool"),
        clock=clock,
        deadline=deadline(clock),
        log=log,
    )
    assert delivery.state is DeliveryState.UNREACHABLE
    assert any("could not be kept" in line for line in log.lines)
