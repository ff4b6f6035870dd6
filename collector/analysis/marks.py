"""What the rules on database backups are given and what they return, before consequences are folded."""

from __future__ import annotations

import enum
import statistics
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from collector.analysis.heard import Heard
from collector.findings import Confidence, Evidence, Impact, Outcome
from collector.postgres.model import Archive, Backup, Cluster, Repository, Server, Source

PHYSICAL = frozenset(
    {"pgbackrest", "wal-g", "wal-e", "barman", "barman-cloud", "cnpg", "stackgres", "percona"}
)
TOLERANCE = 1.25
SKEW_NOTICED, SKEW_HIGH = timedelta(seconds=30), timedelta(minutes=5)
"""From which differences on clocks are told to differ."""


class Grade(enum.Enum):
    """How bad it is, as outcome and impact."""

    CRITICAL = (Outcome.FAIL, Impact.DEGRADED)
    HIGH = (Outcome.FAIL, Impact.RISK)
    MEDIUM = (Outcome.WARN, Impact.RISK)
    INFO = (Outcome.WARN, Impact.INFO)
    UNKNOWN = (Outcome.UNKNOWN, Impact.INFO)

    @property
    def rank(self) -> int:
        """0 is worst."""
        return list(Grade).index(self)


@dataclass(frozen=True, kw_only=True)
class Mark:
    """One observation. ``pointer`` is below the cluster's record; ``at`` is elsewhere in the bundle."""

    rule: str
    grade: Grade
    summary: str
    pointer: str = ""
    at: Source = field(default_factory=Source)
    more: tuple[Evidence, ...] = ()
    confidence: Confidence = Confidence.PROVEN
    needs: str = ""
    last_seen: datetime | None = None
    words: Mapping[str, str] = field(default_factory=dict)
    facts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Case:
    """One cluster and what it is held against. ``now`` is by the database's own clock where that is known.

    ``minimum`` is how many full backups have to be kept; durations are the operator's objectives.
    ``archiver_log`` is the newest line by which a server says that archiving fails.
    """

    cluster: Cluster
    now: datetime
    objective: timedelta
    archive_objective: timedelta
    minimum: int
    interval: timedelta = timedelta(0)
    archiver_log: Heard | None = None

    @property
    def primary(self) -> Server | None:
        """The server that answers for the cluster."""
        return self.cluster.primary

    def server(self, rest: str) -> str:
        """Returns the pointer to ``rest`` in the primary's record, below the cluster's."""
        at = next((at for at, one in enumerate(self.cluster.servers) if one is self.primary), 0)
        return f"/servers/{at}{rest}"

    @property
    def good(self) -> list[Backup]:
        """Backups that count, oldest first: whole, of the current database, with everything they build on."""
        known = {(one.tool, one.repository, one.id) for one in self.cluster.backups if one.state == "good"}
        found = [
            one
            for one in self.cluster.backups
            if one.state == "good"
            and one.current_database
            and all((one.tool, one.repository, parent) in known for parent in one.parents)
        ]
        return sorted(found, key=lambda one: one.point or datetime.min.replace(tzinfo=self.now.tzinfo))

    @property
    def last_good(self) -> datetime | None:
        """When the newest good backup or dump was made."""
        dumps = [one.modified for one in self.cluster.dumps if one.verdict == "complete" and one.modified]
        return max([*(one.point for one in self.good if one.point), *dumps], default=None)

    @property
    def physical(self) -> list[Repository]:
        """Catalogues of tools that need WAL."""
        return [one for one in self.cluster.repositories if one.tool in PHYSICAL]

    @property
    def running(self) -> bool:
        """True while a backup is being made."""
        return any(one.running for one in self.cluster.repositories) or any(
            one.state == "running" for one in self.cluster.backups
        )

    @property
    def allowed(self) -> timedelta:
        """The age that a backup may have."""
        return TOLERANCE * max(self.objective, self.interval)

    def backups_of(self, archive: Archive) -> list[Backup]:
        """Returns the good backups that build on an archive."""
        return [
            one
            for one in self.good
            if one.tool == archive.tool
            and one.repository == archive.repository
            and one.wal_start
            and one.wal_stop
        ]


Check = Callable[[Case], Iterable[Mark]]


def worst_of_each(marks: Iterable[Mark]) -> Iterator[tuple[Mark, int]]:
    """Yields, for each rule, its worst mark and how many there were."""
    by_rule: dict[str, list[Mark]] = {}
    for mark in marks:
        by_rule.setdefault(mark.rule, []).append(mark)
    for found in by_rule.values():
        yield min(found, key=lambda mark: mark.grade.rank), len(found)


def median(sizes: Iterable[int]) -> float:
    """Returns the median, 0 of nothing."""
    known = list(sizes)
    return statistics.median(known) if known else 0.0
