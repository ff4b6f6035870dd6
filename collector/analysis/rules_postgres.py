"""Judges every database cluster's record, and folds what follows from a root cause under it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import msgspec

from collector.analysis import (
    heard,
    rules_postgres_archive,
    rules_postgres_archiver,
    rules_postgres_backups,
    rules_postgres_dumps,
    rules_postgres_server,
)
from collector.analysis.context import Rule, RuleContext
from collector.analysis.marks import Case, Grade, Mark, worst_of_each
from collector.bundle import layout
from collector.findings import Evidence, Finding, Impact, Outcome, Owner, Subject
from collector.postgres import cron
from collector.postgres.model import Cluster
from collector.records import Json
from collector.records.access import integer, mapping, sequence, string

CHECKS = (
    *rules_postgres_backups.CHECKS,
    *rules_postgres_archiver.CHECKS,
    *rules_postgres_archive.CHECKS,
    *rules_postgres_dumps.CHECKS,
    *rules_postgres_server.CHECKS,
)
_DEFAULT_ARCHIVE_SECONDS = 15 * 60
# What a root cause accounts for, in the order in which roots are taken.
EXPLAINS = {
    "CND-PG-001": "CND-PG-002 CND-PG-003 CND-PG-017",
    "CND-PG-005": "CND-PG-003 CND-PG-006",
    "CND-PG-030": "CND-PG-002 CND-PG-003 CND-PG-004 CND-PG-018 CND-PG-019 CND-PG-020",
    "CND-PG-024": "CND-PG-002 CND-PG-003 CND-PG-018 CND-PG-019 CND-PG-020 CND-PG-022 CND-PG-023",
    "CND-PG-016": "CND-PG-017 CND-PG-018 CND-PG-019 CND-PG-020 CND-PG-021 CND-PG-022",
    "CND-PG-035": "CND-PG-003 CND-PG-018 CND-PG-019 CND-PG-020 CND-PG-027",
    "CND-PG-017": "CND-PG-018 CND-PG-019 CND-PG-020",
    "CND-PG-018": "CND-PG-019 CND-PG-020",
    "CND-PG-022": "CND-PG-021",
    "CND-PG-002": "CND-PG-003 CND-PG-031",
    "CND-PG-011": "CND-PG-013",
    "CND-PG-012": "CND-PG-013",
}


def clusters(context: RuleContext) -> Iterator[Finding]:
    """Yields the findings on each cluster."""
    document = context.view.document(layout.CLUSTERS)
    for at, entry in enumerate(sequence(document, "clusters")):
        root = f"/clusters/{at}"
        case = read_case(context, document, entry)
        if case is None:
            yield _unreadable(context, entry, root)
            continue
        subject = _subject(case.cluster)
        for mark, count, explained in fold(judge(case)):
            yield _finding(context, case, subject, root, mark, count, explained)


def read_case(context: RuleContext, document: Json, entry: Json) -> Case | None:
    """Returns the cluster with its objectives, None if the record cannot be read."""
    try:
        cluster = msgspec.convert(entry, Cluster)
    except msgspec.ValidationError:
        return None
    # The database's own clock dates its backups; without it the cluster's does, which is ``context.now``.
    skew = document.get("clock_skew_seconds")
    ahead = timedelta(seconds=skew) if isinstance(skew, int | float) else timedelta(0)
    now, primary = context.now, cluster.primary
    if primary and primary.clock and primary.asked_at:
        now = context.now - ahead + (primary.clock - primary.asked_at)
    return Case(
        cluster=cluster,
        now=now,
        objective=timedelta(seconds=integer(document, "objective_seconds")),
        archive_objective=timedelta(
            seconds=integer(document, "archive_objective_seconds") or _DEFAULT_ARCHIVE_SECONDS
        ),
        minimum=integer(document, "minimum_backups"),
        interval=_interval(cluster, now),
        archiver_log=context.view.once(heard.of_servers).get((cluster.namespace, cluster.name)),
    )


def _interval(cluster: Cluster, now: datetime) -> timedelta:
    """Returns the longest pause of the busiest schedule, zero if none is known."""
    pauses = []
    for plan in cluster.plans:
        try:
            found = cron.parse(plan.schedule, plan.time_zone, seconds_first=plan.seconds_first)
        except cron.ScheduleError:
            continue
        pauses.append(found.interval(now))
    return min((pause for pause in pauses if pause), default=timedelta(0))


def judge(case: Case) -> list[Mark]:
    """Returns every mark on a case, consequences included."""
    return [mark for check in CHECKS for mark in check(case)]


def fold(marks: list[Mark]) -> Iterator[tuple[Mark, int, tuple[str, ...]]]:
    """Yields one mark a rule, how many there were, and the rules that it accounts for.

    Only a root cause that is at least as bad hides what follows from it.
    """
    found = {mark.rule: (mark, count) for mark, count in worst_of_each(marks)}
    hidden: dict[str, str] = {}
    for root, consequences in EXPLAINS.items():
        if root not in found or root in hidden or found[root][0].grade is Grade.INFO:
            continue
        for rule in sorted(set(consequences.split()) & found.keys() - hidden.keys()):
            if found[rule][0].grade.rank >= found[root][0].grade.rank:
                hidden[rule] = root
    for rule, (mark, count) in found.items():
        if rule not in hidden:
            yield mark, count, tuple(sorted(one for one, root in hidden.items() if root == rule))


def _finding(
    context: RuleContext,
    case: Case,
    subject: Subject,
    root: str,
    mark: Mark,
    count: int,
    explained: tuple[str, ...],
) -> Finding:
    outcome, impact = mark.grade.value
    cluster = case.cluster
    first = (
        Evidence(path=mark.at.path, pointer=mark.at.pointer)
        if mark.at.path
        else Evidence(path=layout.CLUSTERS, pointer=root + mark.pointer)
    )
    known = (
        [Evidence(path=cluster.source.path, pointer=cluster.source.pointer)] if cluster.source.path else []
    )
    summary = f"{cluster.name}: {mark.summary}"
    if count > 1:
        summary += f" (and {count - 1} more)"
    if explained:
        titles = ", ".join(
            context.texts[rule].title[0].lower() + context.texts[rule].title[1:] for rule in explained
        )
        summary += f"; this explains: {titles}"
    return context.finding(
        mark.rule,
        subject,
        summary,
        outcome=outcome,
        impact=impact,
        evidence=[first, *mark.more, *known],
        facts={
            "tool": tool_of(context, case),
            **({"explains": " ".join(explained)} if explained else {}),
            **mark.facts,
        },
        confidence=mark.confidence,
        needs=mark.needs,
        words={"job": cluster.name, **mark.words},
        last_seen=mark.last_seen,
        count=count if count > 1 else 0,
    )


def tool_of(context: RuleContext, case: Case) -> str:
    """Returns documented, release, other or unknown: what the policy's rows on backups turn on."""
    documented = mapping(context.view.document(layout.CLUSTERS), "documented_tools")
    used = {one.tool for one in case.cluster.repositories} | {one.tool for one in case.cluster.backups}
    used |= {"pg_dump"} if case.cluster.dumps else set()
    if used & documented.keys():
        return "documented"
    if case.cluster.owner == Owner.CONDUCTOR:
        return "release"
    return "other" if used else "unknown"


def _subject(cluster: Cluster) -> Subject:
    return Subject(
        kind=cluster.kind or "Database",
        namespace=cluster.namespace,
        name=cluster.name,
        owner=Owner(cluster.owner) if cluster.owner in set(Owner) else Owner.UNKNOWN,
    )


def _unreadable(context: RuleContext, entry: Json, root: str) -> Finding:
    name = string(entry, "name") or "a cluster"
    return context.finding(
        "CND-PG-039",
        Subject(kind="Database", namespace=string(entry, "namespace"), name=name),
        f"{name}: its record cannot be read",
        outcome=Outcome.UNKNOWN,
        impact=Impact.INFO,
        evidence=[Evidence(path=layout.CLUSTERS, pointer=root)],
        needs="collect again; the record in this bundle is damaged",
    )


def cases(context: RuleContext) -> Iterator[Case]:
    """Yields every cluster that can be read, for the card."""
    document = context.view.document(layout.CLUSTERS)
    for entry in sequence(document, "clusters"):
        if case := read_case(context, document, entry):
            yield case


RULES: tuple[Rule, ...] = (clusters,)
