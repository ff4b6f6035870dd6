"""A thousand deliveries to an endpoint that fails in every way, by a client that is killed at random."""

from __future__ import annotations

import itertools
import json
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from collector.core.deadline import Deadline
from collector.delivery.deliver import resend_spool
from collector.delivery.notice import Notice, Site
from collector.delivery.notices import notices, rank
from collector.delivery.spool import Spool
from collector.findings import Report, Subject
from collector.receiver import Fault, Receiver, Store, serve
from collector.receiver.model import Answer, Request
from tests.lib.deliverer import RUNS, Journal, SharedClock, report_of
from tests.lib.receivers import KEY, START, Bundle, FakeClock, judged, kept, no_proxy, report, settings

_no_proxy = pytest.fixture(autouse=True)(no_proxy)

ROOT = Path(__file__).parents[2]
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


class Watched(Receiver):
    """Counts how many requests are answered at the same time; plans faults until it is told not to."""

    def watch(self, chance: random.Random) -> Watched:
        self.chance: random.Random | None = chance
        self.lock = threading.Lock()
        self.busy = self.most = 0
        return self

    def handle(self, request: Request, base: str) -> Answer:
        with self.lock:
            self.busy += 1
            self.most = max(self.most, self.busy)
            if self.chance and self.chance.random() < 0.15:
                self.faults.add(self.chance.choice(FAULTS), times=self.chance.randint(1, 4))
        try:
            return super().handle(request, base)
        finally:
            with self.lock:
                self.busy -= 1


@dataclass(frozen=True, kw_only=True)
class Told:
    """What was told, or is to be told: a finding (empty for an announcement), how bad, and when."""

    finding: str
    rank: int
    at: datetime


@dataclass
class World:
    """The processes of all runs and what they left on the disk when they died."""

    folder: Path
    url: str
    kills: int = 0
    promised: dict[str, Told] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.clock, self.journal = SharedClock(self.folder / "clock"), Journal(self.folder / "journal")

    def play(self, chance: random.Random) -> None:
        """Starts the client again and again, and kills it, until all runs have been begun."""
        command = [sys.executable, "-m", "tests.lib.deliverer", str(self.folder), self.url]
        while len(self.journal.of("begun")) < RUNS:
            enough = self.journal.lines + chance.randint(1, 120)
            with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) as process:
                while process.poll() is None and self.journal.lines < enough:
                    time.sleep(0.01)
                time.sleep(chance.uniform(0, 0.02))
                process.send_signal(signal.SIGKILL)
                _, errors = process.communicate()
            if process.returncode == -signal.SIGKILL:
                self.kills += 1
            else:
                assert process.returncode == 0, errors
            self.remember()

    def remember(self) -> None:
        """Notes what waits in the spool: from here on it is promised. Every file is whole."""
        for path in (self.folder / "spool").glob("2*.json"):
            found = json.loads(path.read_text())
            promise = Told(finding=found["finding"], rank=found["rank"], at=self.clock.now())
            self.promised.setdefault(found["uid"], promise)


@pytest.mark.timeout(300)
def test_a_thousand_deliveries_lose_nothing_and_repeat_nothing(tmp_path: Path) -> None:
    chance = random.Random()
    clock = SharedClock(tmp_path / "clock")
    receiver = Watched(KEY, store=Store(max_notices=10_000), clock=clock).watch(chance)
    with serve(receiver) as url:
        world = World(tmp_path, url)
        world.play(chance)
        receiver.chance = None
        receiver.faults.clear()
        here = settings(url, tmp_path / "spool")
        assert resend_spool(here, clock=clock, deadline=Deadline(clock, 3600)).complete
    begun, done = world.journal.of("begun"), world.journal.of("done")
    possible = {
        notice.uid: Told(finding=notice.finding, rank=notice.rank, at=begun[number])
        for number in begun
        for notice in _notices(report_of(number))
    }
    arrivals: dict[str, list[datetime]] = {}
    for notice in receiver.notices():
        arrivals.setdefault(notice.params["notice_uid"], []).append(notice.received)

    assert len(begun) == RUNS
    assert len(begun) - len(done) >= 10  # so many died in the middle of a delivery
    assert len(begun) - len(done) <= world.kills
    assert clock.now() > START + timedelta(days=30)
    assert receiver.most == 1
    assert kept(tmp_path / "spool") == []
    assert set(arrivals) <= set(possible)
    # Killed between the endpoint's yes and the ledger's line, a notice is sent once more, with the same uid.
    assert sum(len(times) - 1 for times in arrivals.values()) <= world.kills
    told = {uid: [replace(possible[uid], at=at) for at in sorted(times)] for uid, times in arrivals.items()}
    heard = list(itertools.chain.from_iterable(told.values()))
    wanted = [
        Told(finding=judged.finding.fingerprint, rank=rank(judged), at=at)
        for number, at in done.items()
        for judged in report_of(number).findings
    ]
    promises = {uid: promise for uid, promise in world.promised.items() if uid not in arrivals}
    assert [one for one in (*wanted, *promises.values()) if not _was_told(one, heard)] == []
    assert _repeated(times[0] for times in told.values()) == []
    announcements = {_notices(report_of(number))[-1].uid for number in done}
    assert announcements <= set(arrivals)
    groups = Counter((p.error_class, p.message, p.where, p.environment) for p in receiver.problems())
    assert set(groups.values()) == {1}
    assert len(groups) == 5


def _was_told(one: Told, heard: Iterable[Told]) -> bool:
    """True if the endpoint heard of it, or of worse, within the day before or at any time after.

    An announcement has no other that could stand for it.
    """
    return bool(one.finding) and any(
        other.finding == one.finding and other.rank <= one.rank and other.at > one.at - timedelta(days=1)
        for other in heard
    )


def _repeated(told: Iterable[Told]) -> list[tuple[Told, Told]]:
    """Returns what was told twice within a day although it had not got worse."""
    by_finding: dict[str, list[Told]] = {}
    for one in told:
        if one.finding:
            by_finding.setdefault(one.finding, []).append(one)
    return [
        (first, second)
        for ones in by_finding.values()
        for first, second in itertools.pairwise(sorted(ones, key=lambda one: one.at))
        if second.at - first.at < _DAY and second.rank >= first.rank
    ]


@pytest.mark.timeout(120)
def test_a_real_process_killed_three_times_delivers_all(tmp_path: Path) -> None:
    clock = FakeClock()
    folder = tmp_path / "conductor-diag-spool"
    found = [judged(subject=Subject(kind="Pod", name=f"p{number}")) for number in range(40)]
    receiver = Receiver(KEY, store=Store(), clock=clock)
    (tmp_path / "key").write_text(KEY)
    with serve(receiver) as url:
        now = Spool(folder, clock=_Now())
        for notice in _notices(report(*found)):
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


def _notices(made: Report) -> list[Notice]:
    return notices(made, Bundle(), Site(environment="e", hostname="h"))


class _Now(FakeClock):
    def now(self) -> datetime:
        return datetime.now(tz=START.tzinfo)


def _until(reached: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not reached():
        assert time.monotonic() < end
        threading.Event().wait(0.005)
