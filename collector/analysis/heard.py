"""What logs in the bundle say of backups: those of backup runs, and those of servers that archive.

Each log is read from its end, once for a bundle, and only so many of them.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from collector.analysis.evidence import BundleView
from collector.bundle import layout
from collector.core.clock import parse_rfc3339
from collector.core.text import display
from collector.findings import Evidence
from collector.postgres.loglines import Line, Said, read
from collector.records import Json
from collector.records.access import sequence, string, strings

_LINES = 2000
_EXCERPT = 240
_MOST_RUNS, _MOST_PODS, _MOST_SERVERS = 4, 3, 5
_MOST_LOGS = 60
_BEFORE = 20
_ARCHIVER = "server"

Key = tuple[str, str]
"""A namespace and a name."""


@dataclass(frozen=True, kw_only=True)
class Heard:
    """A known line in a log. ``moment`` is when it was written, None if the log does not say.

    ``because`` is the line beside it that says why, of a server whose archiving fails.
    """

    line: Line
    evidence: Evidence
    moment: datetime | None
    because: Line | None = None

    @property
    def means(self) -> str:
        """What it says, with its reason."""
        return f"{self.line.means}: {self.because.means}" if self.because else self.line.means

    @property
    def reason(self) -> str:
        """The known line's name, of the one that says why if there is one."""
        return (self.because or self.line).id


@dataclass(frozen=True, kw_only=True)
class _Written:
    """One line of a log and where it stands; numbers count from 1."""

    path: str
    number: int
    text: str


def of_runs(view: BundleView) -> dict[Key, tuple[Heard, ...]]:
    """Returns what the logs of the newest runs of each schedule say, by namespace and Job; for ``once``."""
    found: dict[Key, tuple[Heard, ...]] = {}
    room = iter(range(_MOST_LOGS))
    for schedule in sequence(view.document(layout.BACKUPS), "schedules"):
        namespace = string(schedule, "namespace")
        for run in sequence(schedule, "runs")[:_MOST_RUNS]:
            pods = [string(pod, "name") for pod in _telling(run)][:_MOST_PODS]
            both = string(run, "result") != "succeeded"
            written = list(_written(view, namespace, pods, room, previous=both))
            said = read(one.text for one in written)
            found[namespace, string(run, "job")] = tuple(_heard(one, written) for one in said)
    return found


def _telling(run: Json) -> list[Json]:
    """Returns the pods whose logs speak for a run: of one that succeeded only those that did."""
    pods = sequence(run, "pods")
    result = string(run, "result")
    if result == "failed":
        return pods
    return [pod for pod in pods if string(pod, "phase") == "Succeeded"] if result == "succeeded" else []


def contradicted(view: BundleView) -> frozenset[Key]:
    """Returns the Jobs that report success although their log says that they failed; for ``once``.

    Only where the command is seen to hide failures: elsewhere the line may be of an attempt that was made
    again.
    """
    heard = view.once(of_runs)
    return frozenset(
        (string(schedule, "namespace"), string(run, "job"))
        for schedule in sequence(view.document(layout.BACKUPS), "schedules")
        for run in sequence(schedule, "runs")
        if string(run, "result") == "succeeded"
        and strings(schedule, "problems")
        and any(one.line.fails for one in heard.get((string(schedule, "namespace"), string(run, "job")), ()))
    )


def of_servers(view: BundleView) -> dict[Key, Heard]:
    """Returns the newest line by which a cluster's servers say that archiving fails; for ``once``."""
    found: dict[Key, Heard] = {}
    room = iter(range(_MOST_LOGS))
    for entry in sequence(view.document(layout.CLUSTERS), "clusters"):
        namespace = string(entry, "namespace")
        heard: list[Heard] = []
        for pod in strings(entry, "pods")[:_MOST_SERVERS]:
            written = list(_written(view, namespace, [pod], room, previous=False))
            heard += _archiving(read(one.text for one in written), written)
        newest = max(heard, key=lambda one: one.moment.timestamp() if one.moment else 0.0, default=None)
        if newest:
            found[namespace, string(entry, "name")] = newest
    return found


def _archiving(said: tuple[Said, ...], written: list[_Written]) -> Iterator[Heard]:
    last = max((one for one in said if one.line.tool == _ARCHIVER), key=lambda one: one.at, default=None)
    if last is None:
        return
    # What the command itself said stands right above the server's line.
    why = [one for one in said if one.line.tool != _ARCHIVER and 0 <= last.at - one.at <= _BEFORE]
    yield _heard(last, written, because=why[-1].line if why else None)


def _written(
    view: BundleView, namespace: str, pods: Iterable[str], room: Iterator[int], *, previous: bool
) -> Iterator[_Written]:
    """Yields the lines of the pods' logs, of each container's former run first; ``room`` ends it."""
    logs = (
        (pod, container, earlier)
        for pod in pods
        for container, earlier in view.logs_of(namespace, pod)
        if previous or not earlier
    )
    for (pod, container, earlier), _ in zip(logs, room, strict=False):
        path, first, lines = view.log_tail(namespace, pod, container, previous=earlier, lines=_LINES)
        for number, text in zip(itertools.count(first), lines, strict=False):
            yield _Written(path=path, number=number, text=text)


def _heard(said: Said, written: list[_Written], because: Line | None = None) -> Heard:
    where = written[said.at]
    stamp, _, rest = where.text.partition(" ")
    moment = parse_rfc3339(stamp)
    return Heard(
        line=said.line,
        evidence=Evidence(
            path=where.path, line=where.number, excerpt=display(rest if moment else where.text, _EXCERPT)
        ),
        moment=moment,
        because=because,
    )
