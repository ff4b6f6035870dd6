"""Rules on what the logs of backup runs say: successes that are none, and causes that are findings."""

from __future__ import annotations

from collections.abc import Iterator

from collector.analysis import heard as logs
from collector.analysis import rules_postgres
from collector.analysis.context import Rule, RuleContext
from collector.analysis.heard import Heard
from collector.analysis.marks import Grade
from collector.analysis.rules_backup_schedule import subject_of
from collector.bundle import layout
from collector.core.clock import parse_rfc3339
from collector.core.text import counted
from collector.findings import Confidence, Evidence, Finding, Impact, Outcome
from collector.postgres.loglines import RUN_FAILED
from collector.records import Json
from collector.records.access import sequence, string

_ARCHIVING = frozenset({"CND-PG-016", "CND-PG-017", "CND-PG-018"})


def of_run(context: RuleContext, schedule: Json, run: Json) -> tuple[Heard, ...]:
    """Returns what the log of a run says, in the order in which it came up."""
    return context.view.once(logs.of_runs).get(_key(schedule, run), ())


def is_good(context: RuleContext, schedule: Json, run: Json) -> bool:
    """True if a run reports success and its log does not prove the contrary."""
    return string(run, "result") == "succeeded" and not _contradicted(context, schedule, run)


def _contradicted(context: RuleContext, schedule: Json, run: Json) -> bool:
    return _key(schedule, run) in context.view.once(logs.contradicted)


def _key(schedule: Json, run: Json) -> logs.Key:
    return string(schedule, "namespace"), string(run, "job")


def success_denied(context: RuleContext) -> Iterator[Finding]:
    """The newest run reports success, and its log says that the backup failed."""
    for schedule, newest in _newest(context):
        failing = [one for one in of_run(context, schedule, newest) if one.line.fails]
        if string(newest, "result") != "succeeded" or not failing:
            continue
        denied = 0
        for run in sequence(schedule, "runs"):
            if not _contradicted(context, schedule, run):
                break
            denied += 1
        name = string(schedule, "name")
        of = f"the latest {counted(denied, 'run')} of {name}" if denied > 1 else f"the latest run of {name}"
        yield context.finding(
            RUN_FAILED,
            subject_of(schedule),
            f"{of} reported success, and the log says: {failing[0].means}",
            outcome=Outcome.FAIL if denied else Outcome.WARN,
            impact=Impact.RISK,
            evidence=[failing[0].evidence, _at(newest), *([_at(schedule)] if denied else [])],
            facts={"tool": string(schedule, "tool"), "said": failing[0].line.id},
            confidence=Confidence.PROVEN if denied else Confidence.INFERRED,
            words={"job": string(newest, "job")},
            last_seen=parse_rfc3339(newest.get("point")),
            count=denied,
        )


def shown(context: RuleContext) -> Iterator[Finding]:
    """The newest run's log proves a state of its own: another database, damage, a store out of reach."""
    known = _known(context)
    for schedule, newest in _newest(context):
        # What the database's own record shows is not said twice, nor two lines of one meaning.
        told = {rule for namespace, rule in known if namespace == string(schedule, "namespace")}
        for one in of_run(context, schedule, newest):
            rule = one.line.rule
            if rule == RUN_FAILED or rule in told:
                continue
            told.add(rule)
            outcome, impact = Grade[one.line.grade.upper()].value
            yield context.finding(
                rule,
                subject_of(schedule),
                f"{string(schedule, 'name')}: by the log of its newest run, {one.means}",
                outcome=outcome,
                impact=impact,
                evidence=[one.evidence, _at(newest)],
                facts={"tool": string(schedule, "tool"), "said": one.line.id},
                words={"job": string(newest, "job")},
                last_seen=one.moment or parse_rfc3339(newest.get("point")),
            )


def _known(context: RuleContext) -> set[tuple[str, str]]:
    """Returns namespaces and the rules that their databases' own records answer."""
    found = set()
    for case in rules_postgres.cases(context):
        marks = {mark.rule for mark in rules_postgres.judge(case) if mark.grade is not Grade.INFO}
        # A server that was asked knows better than a log of last night whether it archives.
        asked = _ARCHIVING if case.primary and case.primary.archiver else frozenset()
        found |= {(case.cluster.namespace, rule) for rule in marks | asked}
    return found


def _newest(context: RuleContext) -> Iterator[tuple[Json, Json]]:
    for schedule in sequence(context.view.document(layout.BACKUPS), "schedules"):
        if runs := sequence(schedule, "runs"):
            yield schedule, runs[0]


def _at(value: Json) -> Evidence:
    return Evidence(path=string(value, "path"), pointer=string(value, "pointer"))


RULES: tuple[Rule, ...] = (success_denied, shown)
