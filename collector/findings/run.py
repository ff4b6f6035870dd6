"""Everything the reports, the notices and the terminal say about one run, in one value.

The same value comes out of a live run and out of ``analyze BUNDLE``, which is why it holds no clock.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from collector.core.clock import as_shown, differs
from collector.core.text import human_age
from collector.findings.model import Facts, JudgedFinding, Outcome, Scope
from collector.records.model import Gap, Status


@dataclass(frozen=True, kw_only=True)
class CollectorRun:
    """How one collector did. ``seconds`` is wall time, ``size`` the redacted bytes it wrote."""

    name: str
    status: Status
    seconds: float
    requests: int
    entries: int
    size: int
    note: str = ""

    @classmethod
    def skipped(cls, name: str, why: str) -> CollectorRun:
        """Returns that of a collector that read nothing because nobody wanted it to."""
        return cls(name=name, status=Status.SKIPPED, seconds=0.0, requests=0, entries=0, size=0, note=why)


@dataclass(frozen=True, kw_only=True)
class PolicyInfo:
    """Which policy judged: ``id`` names the file, ``sha256`` its content."""

    id: str
    version: str
    sha256: str


@dataclass(frozen=True, kw_only=True)
class RunInfo:
    """Identity and completeness of a run. Times are UTC; ``window_seconds`` is how far back logs reach."""

    bundle_id: str
    agent_version: str
    started: datetime
    finished: datetime
    context: str
    server: str
    label: str
    case: str
    window_seconds: int
    tls_verified: bool
    clock_skew_seconds: float | None
    spec_sha256: str
    policy: PolicyInfo
    collectors: tuple[CollectorRun, ...]
    gaps: tuple[Gap, ...]
    redactions: Mapping[str, int] = field(default_factory=dict)
    withheld: int = 0
    entries: int = 0
    demo: bool = False

    def by_cluster_clock(self, moment: datetime) -> datetime:
        """Returns one of our moments by the clock that dates the cluster's objects."""
        return as_shown(moment, self.clock_skew_seconds)

    @property
    def clock_words(self) -> str:
        """Says whose clock is ahead and what was done about it; empty where the difference is too small."""
        skew = self.clock_skew_seconds
        if skew is None or not differs(skew):
            return ""
        way = "ahead of" if skew > 0 else "behind"
        return f"the cluster's clock is {human_age(abs(skew))} {way} this machine's; logs and ages go by it"

    @property
    def complete(self) -> bool:
        """True when every collector that ran got all it asked for."""
        return not self.gaps and all(run.status in (Status.OK, Status.SKIPPED) for run in self.collectors)

    @property
    def redaction_count(self) -> int:
        """How many values were replaced."""
        return sum(self.redactions.values())


@dataclass(frozen=True, kw_only=True)
class BackupCard:
    """The state of Postgres backups in one glance.

    ``state`` is ok, stale, failing, none (looked for and not found), undetermined (nothing could be looked
    at) or unknown (there are some, and how good they are is not known).

    ``objective_seconds`` is the recovery point objective the ages are held against. ``restore_test`` is
    ``unknown`` unless evidence of a restore was seen: a backup nobody restored is not proven.

    ``window_from`` and ``window_to`` bound the moments that can be restored; equal where only the backup
    itself can. ``gaps`` counts WAL segments that are missing. ``archive_lag_seconds`` is how long the oldest
    segment has been waiting. ``size_trend`` is the newest size against those before it, in words.
    """

    state: str
    jobs: tuple[str, ...]
    last_good: datetime | None
    objective_seconds: int
    last_attempt: datetime | None
    last_attempt_result: str
    schedule: str
    restore_test: str = "unknown"
    window_from: datetime | None = None
    window_to: datetime | None = None
    gaps: int | None = None
    archive_lag_seconds: int | None = None
    size_trend: str = ""
    last_attempt_error: str = ""
    next_run: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class TimelineMark:
    """One moment worth showing: ``lane`` is deploys, backups, restarts or warnings."""

    lane: str
    moment: datetime
    label: str
    outcome: Outcome
    count: int = 1


@dataclass(frozen=True, kw_only=True)
class Report:
    """The whole result of a run; ``findings`` come most important first."""

    run: RunInfo
    facts: Facts
    findings: tuple[JudgedFinding, ...]
    backup: BackupCard | None = None
    timeline: tuple[TimelineMark, ...] = ()

    def matrix(self) -> dict[Scope, dict[Outcome, int]]:
        """Returns how many findings there are for each scope and outcome, zeros included."""
        counts = {scope: dict.fromkeys(Outcome, 0) for scope in Scope}
        for judged in self.findings:
            counts[judged.classification.scope][judged.finding.outcome] += 1
        return counts
