"""Rules on Postgres backups, as far as API objects tell: none, the latest failed, the newest good is old."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from collector.analysis import rules_postgres
from collector.analysis.context import Rule, RuleContext
from collector.analysis.marks import Case
from collector.analysis.rules_backup_log import is_good, of_run
from collector.analysis.rules_backup_schedule import subject_of
from collector.bundle import layout
from collector.core.clock import parse_rfc3339, rfc3339
from collector.core.text import counted, human_age
from collector.findings import Confidence, Evidence, Finding, Impact, Outcome, Owner
from collector.records import Json
from collector.records.access import integer, integers, sequence, string, strings

_TOLERANCE = 1.25


def none_found(context: RuleContext) -> Iterator[Finding]:
    """Conductor has a Postgres server and nothing that backs one up is in sight."""
    document = context.view.document(layout.BACKUPS)
    servers = [s for s in sequence(document, "servers") if string(s, "owner") == Owner.CONDUCTOR]
    if (
        not servers
        or sequence(document, "schedules")
        or "cronjobs.batch" not in strings(document, "looked_at")
        or any(_backed_up(case) for case in rules_postgres.cases(context))
    ):
        return
    server = servers[0]
    subject = context.view.subject(
        string(server, "kind"), string(server, "namespace"), string(server, "name")
    )
    yield context.finding(
        "CND-PG-001",
        subject,
        "no backup of Postgres was found; looked at CronJobs, operators' objects, snapshots and Velero, "
        "not outside the cluster",
        outcome=Outcome.WARN,
        impact=Impact.RISK,
        evidence=[Evidence(path=string(server, "path"), pointer=string(server, "pointer"))],
        confidence=Confidence.UNKNOWN,
    )


def latest_failed(context: RuleContext) -> Iterator[Finding]:
    """The newest run of a backup schedule failed."""
    for schedule in sequence(context.view.document(layout.BACKUPS), "schedules"):
        runs = sequence(schedule, "runs")
        if not runs or string(runs[0], "result") != "failed":
            continue
        failures = 0
        for run in runs:
            if string(run, "result") != "failed":
                break
            failures += 1
        newest = runs[0]
        codes = ", ".join(map(str, integers(newest, "exit_codes"))) or "not known"
        said = of_run(context, schedule, newest)
        yield context.finding(
            "CND-PG-004",
            subject_of(schedule),
            f"{string(schedule, 'name')}: the latest {counted(failures, 'run')} failed, exit status {codes}; "
            f"last good {_point(_last_good(context, schedule)) or 'not known'}"
            + (f"; its log: {said[0].means}" if said else ""),
            impact=Impact.RISK,
            evidence=[*(one.evidence for one in said[:1]), *_run_evidence(newest)],
            facts={"tool": string(schedule, "tool"), **({"said": said[0].line.id} if said else {})},
            words={"job": string(newest, "job")},
            last_seen=parse_rfc3339(newest.get("point")),
            count=failures,
        )


def stale(context: RuleContext) -> Iterator[Finding]:
    """The newest good backup of a schedule is older than the objective and its own interval allow."""
    document = context.view.document(layout.BACKUPS)
    objective = integer(document, "objective_seconds")
    for schedule in sequence(document, "schedules"):
        runs = sequence(schedule, "runs")
        good = _last_good(context, schedule)
        moment = parse_rfc3339(good.get("point")) if good else None
        if moment is None and not runs:
            continue  # a schedule that never ran yet; its first failure will show
        allowed = _TOLERANCE * max(objective, _interval(runs))
        age = (context.now - moment).total_seconds() if moment else None
        if age is not None and age <= allowed:
            continue
        said = f"is {human_age(age)} old" if age is not None else "is not known"
        yield context.finding(
            "CND-PG-003",
            subject_of(schedule),
            f"{string(schedule, 'name')}: the newest good backup {said}, objective {human_age(objective)}",
            impact=Impact.RISK,
            evidence=_run_evidence(good) if good else [_at(schedule)],
            facts={"tool": string(schedule, "tool"), "objective": human_age(objective)},
            confidence=Confidence.PROVEN if moment else Confidence.INFERRED,
            last_seen=moment,
        )


RULES: tuple[Rule, ...] = (none_found, latest_failed, stale)


def _backed_up(case: Case) -> bool:
    """True if anything but a CronJob backs the cluster up, however badly: other rules judge that."""
    cluster = case.cluster
    return bool(cluster.backups or cluster.repositories or cluster.plans or cluster.dumps)


def _last_good(context: RuleContext, schedule: Json) -> Json | None:
    return next((run for run in sequence(schedule, "runs") if is_good(context, schedule, run)), None)


def _point(run: Json | None) -> str:
    moment = parse_rfc3339(run.get("point")) if run else None
    return rfc3339(moment) if moment else ""


def _interval(runs: list[Json]) -> float:
    """Returns the seconds between the two newest scheduled runs, 0 if that is not known."""
    points = [m for m in (parse_rfc3339(run.get("scheduled")) for run in runs) if m]
    return (points[0] - points[1]).total_seconds() if len(points) > 1 else 0.0


def _at(value: Json) -> Evidence:
    return Evidence(path=string(value, "path"), pointer=string(value, "pointer"))


def _run_evidence(run: Json) -> list[Evidence]:
    return [_at(run), *(_at(pod) for pod in sequence(run, "pods")[:3])]


def last_good(context: RuleContext) -> datetime | None:
    """Returns the moment of the newest good backup over all schedules."""
    schedules = sequence(context.view.document(layout.BACKUPS), "schedules")
    found = [_last_good(context, schedule) for schedule in schedules]
    moments = [parse_rfc3339(run.get("point")) for run in found if run]
    return max((moment for moment in moments if moment), default=None)
