"""A thousand deliveries to an endpoint that fails in every way, by a client that is killed at random."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from collector.core.deadline import Deadline
from collector.delivery import private
from collector.delivery.deliver import deliver, resend_spool
from collector.delivery.notice import Notice, Site
from collector.delivery.notices import notices
from collector.delivery.spool import Spool
from collector.findings import Impact, JudgedFinding, Outcome, Subject
from collector.receiver import Fault, Receiver, Store, serve
from collector.receiver.model import Answer, Request
from collector.web.http import HttpClient
from tests.lib.receivers import (
    KEY,
    START,
    Bundle,
    FakeClock,
    judged,
    kept,
    no_proxy,
    report,
    settings,
    spool_path,
)

_no_proxy = pytest.fixture(autouse=True)(no_proxy)
spool = pytest.fixture(spool_path)

RUNS = 1000
FAULTS = (
    Fault(status=429),
    Fault(status=429, retry_after="7"),
    Fault(status=413),
    Fault(status=500),
    Fault(status=503),
    Fault(kind="reset"),
    Fault(kind="slow", seconds=0.001),
    Fault(kind="half"),
)
_DAY = timedelta(hours=23, minutes=45)


class KilledError(BaseException):
    """Ends the client as a signal would."""


class QuickClock:
    """Waiting passes at once; time goes on by itself only between runs."""

    def __init__(self) -> None:
        self._passed = 0.0

    def now(self) -> datetime:
        return START + timedelta(seconds=self._passed)

    def monotonic(self) -> float:
        return self._passed

    def sleep(self, seconds: float) -> None:
        self._passed += seconds


class Watched(Receiver):
    """Counts how many requests are answered at the same time."""

    busy = 0
    most = 0

    def handle(self, request: Request, base: str) -> Answer:
        self.busy += 1
        self.most = max(self.most, self.busy)
        try:
            return super().handle(request, base)
        finally:
            self.busy -= 1


@dataclass
class World:
    """What was promised: every notice that was put on disk, with its finding, rank and time."""

    chance: random.Random
    promised: dict[str, tuple[str, int, datetime]] = field(default_factory=dict)
    killing: bool = True
    kills: int = 0

    def may_die(self) -> None:
        if self.killing and self.chance.random() < 0.004:
            self.kills += 1
            raise KilledError


def _mortal(monkeypatch: pytest.MonkeyPatch, world: World, clock: QuickClock) -> None:
    """Lets the client die before and after all that it does to the disk and the network."""

    def wrap(owner: Any, name: str) -> None:
        original: Callable[..., Any] = getattr(owner, name)

        def mortal(*arguments: Any, **named: Any) -> Any:
            world.may_die()
            result = original(*arguments, **named)
            world.may_die()
            return result

        monkeypatch.setattr(owner, name, mortal)

    put = Spool.put

    def promising(self: Spool, notice: Notice) -> None:
        put(self, notice)
        world.promised[notice.uid] = (notice.finding, notice.rank, clock.now())

    monkeypatch.setattr(Spool, "put", promising)
    for owner, name in ((private, "append"), (Spool, "put"), (Spool, "remove"), (HttpClient, "request")):
        wrap(owner, name)


def _found(chance: random.Random) -> Iterator[JudgedFinding]:
    for number in chance.sample(range(40), chance.randint(1, 3)):
        yield judged(
            rule=f"CND-APP-00{number % 4}",
            subject=Subject(kind="Pod", name=f"p{number}"),
            outcome=chance.choice((Outcome.FAIL, Outcome.WARN)),
            impact=chance.choice((Impact.OUTAGE, Impact.RISK)),
        )


@pytest.mark.timeout(300)
def test_a_thousand_deliveries_lose_nothing_and_repeat_nothing(
    spool: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        os, "fsync", lambda _: None
    )  # a killed process loses no page; that would take a power cut
    chance, clock = random.Random(20261121), QuickClock()
    world = World(chance)
    _mortal(monkeypatch, world, clock)
    receiver = Watched(KEY, store=Store(max_notices=10_000), clock=clock)
    wanted: list[tuple[str, int, datetime]] = []
    with serve(receiver) as url:
        here = settings(url, spool)
        for number in range(RUNS):
            clock.sleep(chance.uniform(60, 3 * 3600))
            for fault in chance.sample(FAULTS, chance.randint(0, 3)):
                receiver.faults.add(fault, times=chance.randint(1, 6))
            findings = tuple(_found(chance))
            try:
                deliver(
                    report(*findings, bundle_id=f"cnd{number}"),
                    Bundle(),
                    here,
                    clock=clock,
                    deadline=Deadline(clock, chance.choice((2, 60, 600))),
                )
            except KilledError:
                continue  # what it had not put on disk yet died with it
            at = clock.now()
            wanted += [(j.finding.fingerprint, _rank(j), at) for j in findings]
        world.killing = False
        receiver.faults.clear()
        end = clock.now()
        waiting = {json.loads(path.read_text())["uid"] for path in spool.glob("2*.json")}
        assert resend_spool(here, clock=clock, deadline=Deadline(clock, 3600)).complete
    arrivals: dict[str, list[datetime]] = {}
    for notice in receiver.notices():
        arrivals.setdefault(notice.params["notice_uid"], []).append(notice.received)

    assert world.kills > 10
    assert receiver.most == 1
    assert kept(spool) == []
    # Killed between the endpoint's yes and the ledger's line, a notice is sent once more, with the same uid.
    assert sum(len(times) - 1 for times in arrivals.values()) <= world.kills
    assert set(arrivals) <= set(world.promised)
    told: dict[str, list[tuple[datetime, int]]] = {}
    for uid, times in arrivals.items():
        finding, rank, _ = world.promised[uid]
        told.setdefault(finding, []).append((times[0], rank))
    lost = [
        (finding, rank, at)
        for finding, rank, at in wanted
        if not any(r <= rank and moment > at - timedelta(days=1) for moment, r in told.get(finding, []))
    ]
    assert lost == []
    unasked = [
        (finding, first, second)
        for finding, moments in told.items()
        if finding
        for first, second in zip(sorted(moments), sorted(moments)[1:], strict=False)
        if second[0] - first[0] < _DAY and second[1] >= first[1]
    ]
    assert unasked == []
    assert len(waiting) < 50
    assert end > START + timedelta(days=30)
    groups = Counter((p.error_class, p.message, p.where, p.environment) for p in receiver.problems())
    assert set(groups.values()) == {1}
    assert len(groups) == 5


def _rank(item: JudgedFinding) -> int:
    outcomes, impacts = (Outcome.FAIL, Outcome.WARN, Outcome.UNKNOWN), tuple(Impact)
    return outcomes.index(item.finding.outcome) * len(impacts) + impacts.index(item.finding.impact)


@pytest.mark.timeout(120)
def test_a_real_process_killed_three_times_delivers_all(tmp_path: Path) -> None:
    clock = FakeClock()
    folder = tmp_path / "conductor-diag-spool"
    found = [judged(subject=Subject(kind="Pod", name=f"p{number}")) for number in range(40)]
    receiver = Receiver(KEY, store=Store(), clock=clock)
    (tmp_path / "key").write_text(KEY)
    with serve(receiver) as url:
        now = Spool(folder, clock=_Now())
        for notice in _notices(found):
            now.put(notice)
        command = [
            *(sys.executable, "-m", "collector", "upload", "--dest-dir", str(tmp_path)),
            *("--errbit-url", url, "--errbit-key-file", str(tmp_path / "key")),
        ]
        for wanted in (3, 12, 25):
            with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
                _until(lambda wanted=wanted: len(receiver.notices()) >= wanted)  # type: ignore[misc] # bound at once
                process.send_signal(signal.SIGKILL)
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    uids = Counter(notice.params["notice_uid"] for notice in receiver.notices())
    assert len(uids) == 41
    assert sum(uids.values()) <= 41 + 3
    assert list(folder.glob("2*.json")) == []
    assert KEY not in "".join(path.read_text() for path in folder.iterdir())


def _notices(found: list[JudgedFinding]) -> list[Notice]:
    return notices(report(*found), Bundle(), Site(environment="e", hostname="h"))


class _Now(FakeClock):
    def now(self) -> datetime:
        return datetime.now(tz=START.tzinfo)


def _until(reached: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not reached():
        assert time.monotonic() < end
        threading.Event().wait(0.005)
