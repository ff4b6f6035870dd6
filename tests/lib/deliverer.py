"""A process that delivers run after run and may be killed at any moment; started again, it goes on.

python -m tests.lib.deliverer FOLDER URL
"""

from __future__ import annotations

import json
import mmap
import os
import random
import signal
import struct
import sys
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from collector.core.deadline import Deadline
from collector.delivery import private
from collector.delivery.deliver import deliver
from collector.delivery.spool import Spool
from collector.findings import Impact, JudgedFinding, Outcome, Report, Subject
from collector.web.http import HttpClient
from tests.lib.receivers import START, Bundle, judged, report, settings

RUNS = 1000
_SEED = 20261121
_DEATHS = 0.0005
"""How likely it is to die before, and after, each step that touches the disk or the network."""


class SharedClock:
    """Waiting passes at once. All processes see the same time, and a killed one leaves it as it was."""

    def __init__(self, path: Path) -> None:
        if not path.exists():
            path.write_bytes(struct.pack("@d", 0.0))
        with path.open("r+b") as stream:
            self._memory = mmap.mmap(stream.fileno(), 8)

    def now(self) -> datetime:
        return START + timedelta(seconds=self.monotonic())

    def monotonic(self) -> float:
        (seconds,) = struct.unpack("@d", self._memory)
        return float(seconds)

    def sleep(self, seconds: float) -> None:
        struct.pack_into("@d", self._memory, 0, self.monotonic() + seconds)


class Journal:
    """What was begun and what was done; a line is written at once."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def note(self, word: str, number: int, at: datetime) -> None:
        line = json.dumps([word, number, at.isoformat()]) + "\n"
        handle = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            os.write(handle, line.encode())
        finally:
            os.close(handle)

    @property
    def lines(self) -> int:
        """How many lines there are; cheap enough to ask all the time."""
        return self._path.read_bytes().count(b"\n") if self._path.exists() else 0

    def of(self, word: str) -> dict[int, datetime]:
        """Returns the runs with this word, and when it was written."""
        lines = self._path.read_text().splitlines() if self._path.exists() else []
        rows = map(json.loads, lines)
        return {number: datetime.fromisoformat(at) for noted, number, at in rows if noted == word}


def report_of(number: int) -> Report:
    """Returns the report of a run: always the same for a number."""
    return report(*_found(random.Random(f"{_SEED}-{number}")), bundle_id=f"cnd{number}")


def _found(chance: random.Random) -> Iterator[JudgedFinding]:
    for number in chance.sample(range(40), chance.randint(1, 3)):
        yield judged(
            rule=f"CND-APP-00{number % 4}",
            subject=Subject(kind="Pod", name=f"p{number}"),
            outcome=chance.choice((Outcome.FAIL, Outcome.WARN)),
            impact=chance.choice((Impact.OUTAGE, Impact.RISK)),
        )


def _mortal() -> None:
    """Has the process kill itself at the seams now and then, where a kill from outside seldom strikes."""
    chance = random.Random()

    def wrap(owner: Any, name: str) -> None:
        original: Callable[..., Any] = getattr(owner, name)

        def mortal(*arguments: Any, **named: Any) -> Any:
            _perhaps_die(chance)
            result = original(*arguments, **named)
            _perhaps_die(chance)
            return result

        setattr(owner, name, mortal)

    for owner, name in ((private, "append"), (Spool, "put"), (Spool, "remove"), (HttpClient, "request")):
        wrap(owner, name)


def _perhaps_die(chance: random.Random) -> None:
    if chance.random() < _DEATHS:
        os.kill(os.getpid(), signal.SIGKILL)


def main(folder: Path, url: str) -> None:
    """Delivers what is left of the runs."""
    clock, journal = SharedClock(folder / "clock"), Journal(folder / "journal")
    _mortal()
    for number in range(max(journal.of("begun"), default=-1) + 1, RUNS):
        chance = random.Random(f"{_SEED}-time-{number}")
        clock.sleep(chance.uniform(60, 3 * 3600))
        journal.note("begun", number, clock.now())
        time = Deadline(clock, chance.choice((2, 60, 600)))
        deliver(report_of(number), Bundle(), settings(url, folder / "spool"), clock=clock, deadline=time)
        journal.note("done", number, clock.now())


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
