"""The backup card: the state of all backups in one glance, out of CronJobs, catalogues and the servers."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from collector.analysis import rules_postgres
from collector.analysis.context import RuleContext
from collector.analysis.marks import Case, Grade, median
from collector.analysis.rules_backup import last_good, latest_failed, stale
from collector.analysis.rules_backup_log import is_good, success_denied
from collector.bundle import layout
from collector.core.clock import parse_rfc3339
from collector.core.text import human_bytes
from collector.findings import BackupCard, Outcome
from collector.postgres import cron, wal
from collector.records import Json
from collector.records.access import integer, sequence, string, strings

_STALE = frozenset({"CND-PG-003", "CND-PG-005", "CND-PG-006"})
_FORMER = 5
# What a server answers tells of its WAL, and of no backup.
_SERVER_ONLY = "psql"


def backup_card(context: RuleContext) -> BackupCard | None:
    """Returns the card, or None when Postgres backups were not looked at."""
    document = context.view.document(layout.BACKUPS)
    if not document:
        return None
    schedules = sequence(document, "schedules")
    cases = list(rules_postgres.cases(context))
    attempt, result, error = _newest_run(context, schedules)
    for case in cases:
        for one in case.cluster.backups:
            moment = one.start or one.stop
            if moment and (attempt is None or moment > attempt):
                attempt, result, error = moment, one.state, one.error
    good = _latest([last_good(context), *(case.last_good for case in cases)])
    window = _window(cases)
    return BackupCard(
        state=_state(context, document, cases, good),
        jobs=(
            *(f"{string(s, 'namespace')}/{string(s, 'name')}" for s in schedules),
            *(f"{plan.namespace}/{plan.name}" for case in cases for plan in case.cluster.plans),
        ),
        last_good=good,
        objective_seconds=integer(document, "objective_seconds"),
        last_attempt=attempt,
        last_attempt_result={"good": "succeeded"}.get(result, result),
        last_attempt_error=error,
        schedule=", ".join(dict.fromkeys(_expressions(schedules, cases))),
        restore_test=_restore_test(document, cases),
        window_from=window[0],
        window_to=window[1],
        gaps=_gaps(cases),
        archive_lag_seconds=_lag(cases),
        size_trend=_trend(cases),
        next_run=_next(context.now, schedules, cases),
    )


def _newest_run(context: RuleContext, schedules: list[Json]) -> tuple[datetime | None, str, str]:
    """Returns when the newest run of any schedule was, its result and Kubernetes' reason."""
    runs = [(schedule, run) for schedule in schedules for run in sequence(schedule, "runs")]
    newest = max(runs, key=lambda entry: string(entry[1], "point"), default=None)
    if newest is None:
        return None, "", ""
    schedule, run = newest
    result = string(run, "result")
    if result == "succeeded" and not is_good(context, schedule, run):
        result = "failed"
    return parse_rfc3339(run.get("point")), result, string(run, "reason")


def _state(context: RuleContext, document: Json, cases: list[Case], good: datetime | None) -> str:
    schedules = sequence(document, "schedules")
    marks = {
        mark.rule: mark.grade
        for case in cases
        for mark, _, _ in rules_postgres.fold(rules_postgres.judge(case))
        if mark.grade in (Grade.CRITICAL, Grade.HIGH)
    }
    known = any(
        c.cluster.backups or c.cluster.repositories or c.cluster.plans or c.cluster.dumps for c in cases
    )
    if not schedules and not known:
        return "none" if _looked(document, cases) else "undetermined"
    denied = any(one.outcome is Outcome.FAIL for one in success_denied(context))
    if any(latest_failed(context)) or denied or marks.keys() - _STALE:
        return "failing"
    if any(stale(context)) or marks:
        return "stale"
    return "ok" if good else "unknown"


def _looked(document: Json, cases: list[Case]) -> bool:
    """True if backups would have been seen: as CronJobs, or by a command that looked for tools and dumps."""
    steps = (step for case in cases for step in case.cluster.steps if not step.name.startswith(_SERVER_ONLY))
    return "cronjobs.batch" in strings(document, "looked_at") or any(step.status == "ok" for step in steps)


def _latest(moments: Iterable[datetime | None]) -> datetime | None:
    return max((moment for moment in moments if moment), default=None)


def _expressions(schedules: list[Json], cases: list[Case]) -> list[str]:
    return [
        *filter(None, (string(one, "schedule") for one in schedules)),
        *(plan.schedule for case in cases for plan in case.cluster.plans if plan.schedule),
    ]


def _restore_test(document: Json, cases: list[Case]) -> str:
    done = [one for case in cases for one in case.cluster.restores]
    newest = max(done, key=lambda one: one.at.timestamp() if one.at else 0.0, default=None)
    return newest.result if newest else string(document, "restore_test") or "unknown"


def _window(cases: list[Case]) -> tuple[datetime | None, datetime | None]:
    """Returns from when to when a restore can go, as far as catalogues and archives prove it."""
    points = [one.point for case in cases for one in case.good if one.point]
    points += [
        d.modified for case in cases for d in case.cluster.dumps if d.verdict == "complete" and d.modified
    ]
    if not points:
        return None, None
    ends = [max(points)]
    for case in cases:
        for archive in case.cluster.archives:
            backups = case.backups_of(archive)
            if archive.listed and archive.newest and backups:
                newest = max(backups, key=lambda one: one.wal_stop)
                if wal.reach(newest.wal_stop, archive.ranges, archive.segment_size) == archive.last:
                    ends.append(archive.newest)
    return min(points), max(ends)


def _gaps(cases: list[Case]) -> int | None:
    """Returns how many segments are missing after the oldest backup; None where nothing was listed."""
    found = []
    for case in cases:
        for archive in case.cluster.archives:
            backups = case.backups_of(archive)
            if archive.listed and not archive.truncated and backups:
                size = archive.segment_size
                since: dict[int, int] = {}
                for one in backups:
                    line, number = wal.place(one.wal_start, size)
                    since[line] = min(number, since.get(line, number))
                found.append(sum(gap.count for gap in wal.gaps(archive.ranges, size, since=since)))
    return sum(found) if found else None


def _lag(cases: list[Case]) -> int | None:
    waited = [
        (case.now - primary.oldest_ready if primary.oldest_ready else timedelta(0))
        for case in cases
        if (primary := case.primary) is not None and primary.ready is not None
    ]
    return int(max(waited).total_seconds()) if waited else None


def _trend(cases: list[Case]) -> str:
    for case in cases:
        full = [one.stored or one.size for one in case.good if one.kind in ("full", "snapshot", "logical")]
        sizes = [size for size in full if size]
        sizes = sizes or [
            one.size
            for one in sorted(case.cluster.dumps, key=lambda d: d.modified.timestamp() if d.modified else 0.0)
            if one.verdict == "complete"
        ]
        if len(sizes) > 1:
            return f"{human_bytes(sizes[-1])}, before it {human_bytes(int(median(sizes[:-1][-_FORMER:])))}"
        if sizes:
            return human_bytes(sizes[0])
    return ""


def _next(now: datetime, schedules: list[Json], cases: list[Case]) -> datetime | None:
    known = [
        (string(one, "schedule"), string(one, "time_zone"), False)
        for one in schedules
        if one.get("suspended") is not True
    ]
    known += [
        (plan.schedule, plan.time_zone, plan.seconds_first)
        for case in cases
        for plan in case.cluster.plans
        if not plan.suspended
    ]
    found = []
    for expression, zone, seconds_first in known:
        try:
            found.append(cron.parse(expression, zone, seconds_first=seconds_first).next_after(now))
        except cron.ScheduleError:
            continue
    return min((moment for moment in found if moment), default=None)
