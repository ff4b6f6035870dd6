"""The same finding is told once a day unless it got worse, over restarts, and a crash loses no line."""

from __future__ import annotations

import fcntl
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from collector.delivery.deliver import Delivery, DeliveryState, deliver
from collector.delivery.ledger import NAME, Ledger
from collector.delivery.notice import Notice
from collector.findings import Impact, JudgedFinding, Outcome, Subject
from collector.receiver import Receiver
from tests.lib import receivers
from tests.lib.receivers import (
    Bundle,
    FakeClock,
    closed_port,
    deadline,
    judged,
    kept,
    new_clock,
    no_proxy,
    report,
    running,
    settings,
    spool_path,
)

_no_proxy = pytest.fixture(autouse=True)(no_proxy)
clock = pytest.fixture(new_clock)
spool = pytest.fixture(spool_path)
endpoint = pytest.fixture(receivers.endpoint)

HOUR = 3600.0


def _run(
    url: str, clock: FakeClock, spool: Path, *found: JudgedFinding, number: int = 0, **changes: Any
) -> Delivery:
    return deliver(
        report(*found, bundle_id=f"cnd{number}"),
        Bundle(),
        settings(url, spool, **changes),
        clock=clock,
        deadline=deadline(clock),
    )


def _told(receiver: Receiver) -> list[str]:
    return [notice.error_class for notice in receiver.notices() if notice.error_class != "diagnostic.bundle"]


def test_a_finding_is_told_once_a_day_and_the_bundle_always(
    endpoint: tuple[Receiver, str], clock: FakeClock, spool: Path
) -> None:
    receiver, url = endpoint
    _run(url, clock, spool, judged(), number=1)
    clock.sleep(HOUR)
    again = _run(url, clock, spool, judged(), number=2)
    assert (again.state, again.sent, again.held) == (DeliveryState.DELIVERED, 1, 1)
    assert again.reason.endswith("1 finding not repeated (told within a day, or waiting)")
    assert _told(receiver) == ["finding.CND-APP-001"]
    assert [notice.error_class for notice in receiver.notices()].count("diagnostic.bundle") == 2


@pytest.mark.parametrize(("hours", "count"), [(23.5, 1), (23.9, 2), (24.1, 2)])
def test_a_day_later_it_is_told_again(
    endpoint: tuple[Receiver, str], clock: FakeClock, spool: Path, hours: float, count: int
) -> None:
    receiver, url = endpoint
    _run(url, clock, spool, judged(), number=1)
    clock.sleep(hours * HOUR)
    _run(url, clock, spool, judged(), number=2)
    assert len(_told(receiver)) == count


@pytest.mark.parametrize(
    ("then", "now", "count"),
    [
        ({"outcome": Outcome.WARN}, {"outcome": Outcome.FAIL}, 2),
        ({"impact": Impact.RISK}, {"impact": Impact.OUTAGE}, 2),
        ({"outcome": Outcome.FAIL}, {"outcome": Outcome.WARN}, 1),
        ({"impact": Impact.OUTAGE}, {"impact": Impact.RISK}, 1),
        ({"summary": "14 restarts"}, {"summary": "15 restarts"}, 1),
        ({}, {"subject": Subject(kind="Pod", name="other")}, 2),
        ({}, {"rule": "CND-APP-002"}, 2),
    ],
)
def test_only_what_got_worse_or_is_another_is_told_within_the_day(
    endpoint: tuple[Receiver, str],
    clock: FakeClock,
    spool: Path,
    then: dict[str, Any],
    now: dict[str, Any],
    count: int,
) -> None:
    receiver, url = endpoint
    _run(url, clock, spool, judged(**then), number=1)
    _run(url, clock, spool, judged(**now), number=2)
    assert len(_told(receiver)) == count


def test_better_and_then_as_bad_as_before_is_no_news(
    endpoint: tuple[Receiver, str], clock: FakeClock, spool: Path
) -> None:
    receiver, url = endpoint
    for number, outcome in enumerate((Outcome.FAIL, Outcome.WARN, Outcome.FAIL)):
        _run(url, clock, spool, judged(outcome=outcome), number=number)
    assert len(_told(receiver)) == 1


def test_another_endpoint_or_environment_has_heard_nothing(clock: FakeClock, spool: Path) -> None:
    with running() as (one, first), running() as (two, second):
        _run(first, clock, spool, judged(), number=1)
        _run(second, clock, spool, judged(), number=2)
        _run(first, clock, spool, judged(), number=3, environment="staging")
        assert (len(_told(one)), len(_told(two))) == (2, 1)


def test_what_waits_in_the_spool_is_not_put_there_again(clock: FakeClock, spool: Path) -> None:
    url = closed_port()
    _run(url, clock, spool, judged(outcome=Outcome.WARN), number=1)
    _run(url, clock, spool, judged(outcome=Outcome.WARN), number=2)
    assert kept(spool) == ["diagnostic.bundle", "diagnostic.bundle", "finding.CND-APP-001"]
    worse = _run(url, clock, spool, judged(outcome=Outcome.FAIL), number=3)
    assert (worse.spooled, kept(spool).count("finding.CND-APP-001")) == (2, 2)


def test_the_day_rule_counts_before_the_limit_of_fifty(
    endpoint: tuple[Receiver, str], clock: FakeClock, spool: Path
) -> None:
    receiver, url = endpoint
    found = [judged(subject=Subject(kind="Pod", name=f"p{number}")) for number in range(60)]
    _run(url, clock, spool, *found, number=1)
    assert _told(receiver).count("finding.CND-APP-001") == 50
    _run(url, clock, spool, *found, number=2)
    assert _told(receiver).count("finding.CND-APP-001") == 60
    assert _told(receiver).count("finding.rest") == 1


def test_what_arrived_before_the_process_died_is_not_sent_again(
    endpoint: tuple[Receiver, str], clock: FakeClock, spool: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    receiver, url = endpoint
    with monkeypatch.context() as patched:
        patched.setattr("collector.delivery.spool.Spool.remove", lambda *_: None)  # died just before
        _run(url, clock, spool, judged(), number=1)
    assert len(kept(spool)) == 2
    _run(url, clock, spool, judged(), number=2)
    assert len(receiver.notices()) == 3
    assert kept(spool) == []


def _notice(uid: str) -> Notice:
    return Notice(uid=uid, name="n", document={}, finding=f"f-{uid}", rank=1)


def test_a_torn_or_foreign_line_costs_only_itself(clock: FakeClock, spool: Path) -> None:
    ledger = Ledger(spool, endpoint="e", clock=clock)
    ledger.note(_notice("a"))
    with (spool / NAME).open("ab") as stream:
        stream.write(b'[1]\n"x"\n\xff\n{"at": 5}\n' + b"[" * 5000 + b'\n{"at": "2026')
    Ledger(spool, endpoint="e", clock=clock).note(_notice("b"))
    again = Ledger(spool, endpoint="e", clock=clock)
    assert again.arrived("a")
    assert again.arrived("b")
    assert again.told("f-b", 1)
    assert not again.told("f-b", 0)


def test_the_ledger_is_private_and_stays_small(clock: FakeClock, spool: Path) -> None:
    ledger = Ledger(spool, endpoint="e", clock=clock)
    for number in range(150):
        ledger.note(_notice(str(number)))
    clock.sleep(9 * 24 * HOUR)
    Ledger(spool, endpoint="e", clock=clock)
    assert (spool / NAME).read_bytes() == b""
    assert stat.S_IMODE((spool / NAME).stat().st_mode) == 0o600


def test_a_ledger_that_is_a_link_is_not_followed(
    endpoint: tuple[Receiver, str], clock: FakeClock, spool: Path, tmp_path: Path
) -> None:
    spool.mkdir(mode=0o700)
    (tmp_path / "elsewhere").write_text("mine")
    (spool / NAME).symlink_to(tmp_path / "elsewhere")
    assert _run(endpoint[1], clock, spool, judged()).complete
    assert (tmp_path / "elsewhere").read_text() == "mine"


def test_two_deliveries_from_one_folder_do_not_meet(
    endpoint: tuple[Receiver, str], clock: FakeClock, spool: Path
) -> None:
    receiver, url = endpoint
    spool.mkdir(mode=0o700)
    other = os.open(spool / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(other, fcntl.LOCK_EX)
    try:
        waiting = _run(url, clock, spool, judged(), number=1)
        assert (waiting.state, waiting.spooled) == (DeliveryState.SPOOLED, 2)
        assert "another process" in waiting.reason
        assert receiver.notices() == []
    finally:
        os.close(other)
    assert _run(url, clock, spool, judged(), number=2).resent == 2
