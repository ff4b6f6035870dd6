"""Rules on backup CronJobs: do they run when due, would they say when they fail, where do copies go."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from collector.analysis.context import Rule, RuleContext
from collector.bundle import layout
from collector.core.clock import parse_rfc3339, rfc3339
from collector.core.text import counted, human_age
from collector.findings import Confidence, Evidence, Finding, Impact, Outcome, Owner, Subject
from collector.postgres import cron
from collector.records import Json
from collector.records.access import integer, sequence, string, strings

_GRACE = timedelta(minutes=5)
_TOO_OFTEN = timedelta(hours=1)
_BLOCKING = 2
_ENDED_BY = {
    "DeadlineExceeded": "its time was over (activeDeadlineSeconds)",
    "OOMKilled": "it was killed for using more memory than its limit",
}
_LOST_WITH_THE_NODE = ("emptyDir", "hostPath")


def suspended(context: RuleContext) -> Iterator[Finding]:
    """A schedule is switched off."""
    for schedule in _schedules(context):
        if schedule.get("suspended") is True:
            yield _finding(context, "CND-PG-005", schedule, f"{string(schedule, 'name')} is suspended")


def missed(context: RuleContext) -> Iterator[Finding]:
    """A schedule did not start when it was due."""
    for schedule in _schedules(context):
        found = _cron(schedule)
        last = parse_rfc3339(schedule.get("last_scheduled"))
        if found is None or last is None or schedule.get("suspended") is True:
            continue
        due = found.last_before(context.now)
        grace = max(_GRACE, timedelta(seconds=integer(schedule, "starting_deadline")))
        # Controllers of old servers stamp the start, which comes some seconds after the time that was due.
        if due and last < due - _GRACE and context.now - due > grace:
            yield _finding(
                context,
                "CND-PG-006",
                schedule,
                f"{string(schedule, 'name')} was due at {rfc3339(due)} and ran last at {rfc3339(last)}",
            )


def blocked(context: RuleContext) -> Iterator[Finding]:
    """A run that never ends keeps the next ones from starting, or the next one ends it."""
    for schedule in _schedules(context):
        found = _cron(schedule)
        pause = found.interval(context.now) if found else None
        running = [run for run in sequence(schedule, "runs") if string(run, "result") == "running"]
        starts = [moment for moment in (parse_rfc3339(run.get("started")) for run in running) if moment]
        policy = string(schedule, "concurrency")
        if not pause or not starts or policy == "Allow":
            continue
        age = context.now - min(starts)
        if age > _BLOCKING * pause:
            yield _finding(
                context,
                "CND-PG-007",
                schedule,
                f"a run of {string(schedule, 'name')} has been active for {human_age(age.total_seconds())}; "
                f"with concurrencyPolicy {policy} no other starts",
            )


def ended_early(context: RuleContext) -> Iterator[Finding]:
    """The newest run was ended from outside: by its deadline or for its memory."""
    for schedule in _schedules(context):
        run = next(iter(sequence(schedule, "runs")), None)
        if run and string(run, "result") == "failed":
            reasons = [string(run, "reason"), *strings(run, "ended_by")]
            why = next((_ENDED_BY[reason] for reason in reasons if reason in _ENDED_BY), "")
            if why:
                yield _finding(
                    context, "CND-PG-008", schedule, f"{string(run, 'job')} did not fail by itself: {why}"
                )


def invalid(context: RuleContext) -> Iterator[Finding]:
    """A schedule cannot be read, or never comes."""
    for schedule in _schedules(context):
        if not string(schedule, "schedule"):
            continue
        try:
            found = cron.parse(string(schedule, "schedule"), string(schedule, "time_zone"))
        except cron.ScheduleError as error:
            yield _finding(
                context,
                "CND-PG-009",
                schedule,
                f"the schedule of {string(schedule, 'name')} cannot be read: {error}",
                outcome=Outcome.WARN,
            )
            continue
        if found.next_after(context.now) is None:
            yield _finding(
                context,
                "CND-PG-009",
                schedule,
                f"the schedule of {string(schedule, 'name')} names a day that never comes",
                outcome=Outcome.WARN,
            )


def hides_failure(context: RuleContext) -> Iterator[Finding]:
    """The command would report success for a backup that failed."""
    for schedule in _schedules(context):
        problems = strings(schedule, "problems")
        if problems:
            yield _finding(
                context,
                "CND-PG-010",
                schedule,
                f"{string(schedule, 'name')}: {problems[0]}; its successes prove nothing",
                confidence=Confidence.INFERRED,
            )


def leaves_out(context: RuleContext) -> Iterator[Finding]:
    """The command leaves out data or roles."""
    for schedule in _schedules(context):
        left = [
            words
            for key, words in (("schema_only", "all data"), ("leaves_out", "chosen tables or schemas"))
            if schedule.get(key) is True
        ]
        if schedule.get("globals") is False:
            left.append("roles and their passwords (no pg_dumpall --globals-only beside it)")
        if left:
            data = schedule.get("schema_only") is True
            yield _finding(
                context,
                "CND-PG-014",
                schedule,
                f"{string(schedule, 'name')} leaves out {' and '.join(left)}",
                outcome=Outcome.FAIL if data else Outcome.WARN,
                impact=Impact.RISK if data else Impact.INFO,
                confidence=Confidence.INFERRED,
            )


def copy_on_the_node(context: RuleContext) -> Iterator[Finding]:
    """The only place that the job mounts is lost with its pod or its node."""
    for schedule in _schedules(context):
        volumes = strings(schedule, "volumes")
        lost = [kind for kind in volumes if kind in _LOST_WITH_THE_NODE]
        if lost and len(lost) == len(volumes) and schedule.get("command_seen") is True:
            yield _finding(
                context,
                "CND-PG-029",
                schedule,
                f"{string(schedule, 'name')} mounts {counted(len(lost), 'volume')} of kind "
                f"{lost[0]} and no claim: "
                "unless it sends the copy elsewhere, the copy is lost with the node",
                outcome=Outcome.WARN,
                confidence=Confidence.INFERRED,
            )


def _schedules(context: RuleContext) -> list[Json]:
    return sequence(context.view.document(layout.BACKUPS), "schedules")


def _cron(schedule: Json) -> cron.Cron | None:
    try:
        return cron.parse(string(schedule, "schedule"), string(schedule, "time_zone"))
    except cron.ScheduleError:
        return None


def subject_of(schedule: Json) -> Subject:
    """Returns the schedule as the subject of a finding."""
    owner = string(schedule, "owner")
    return Subject(
        kind=string(schedule, "kind"),
        namespace=string(schedule, "namespace"),
        name=string(schedule, "name"),
        owner=Owner(owner) if owner in set(Owner) else Owner.UNKNOWN,
    )


def _finding(
    context: RuleContext,
    rule: str,
    schedule: Json,
    summary: str,
    *,
    outcome: Outcome = Outcome.FAIL,
    impact: Impact = Impact.RISK,
    confidence: Confidence = Confidence.PROVEN,
) -> Finding:
    return context.finding(
        rule,
        subject_of(schedule),
        summary,
        outcome=outcome,
        impact=impact,
        evidence=[Evidence(path=string(schedule, "path"), pointer=string(schedule, "pointer"))],
        facts={"tool": string(schedule, "tool")},
        confidence=confidence,
        words={"job": string(schedule, "name")},
    )


RULES: tuple[Rule, ...] = (
    suspended,
    missed,
    blocked,
    ended_early,
    invalid,
    hides_failure,
    leaves_out,
    copy_on_the_node,
)
