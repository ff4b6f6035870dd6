"""The backup card and the timeline: the two pictures a person looks at first, drawn from the evidence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime

from collector.analysis.context import RuleContext
from collector.analysis.rules_backup import last_good, latest_failed, stale
from collector.analysis.workloads import troubled_pods
from collector.bundle import layout
from collector.core.clock import parse_rfc3339
from collector.findings import BackupCard, Outcome, TimelineMark
from collector.records.access import integer, mapping, sequence, string

_MAX_MARKS = 2000


def backup_card(context: RuleContext) -> BackupCard | None:
    """Returns the card, or None when Postgres backups were not looked at."""
    document = context.view.document(layout.BACKUPS)
    if not document:
        return None
    schedules = sequence(document, "schedules")
    runs = [run for schedule in schedules for run in sequence(schedule, "runs")]
    newest = max(runs, key=lambda run: string(run, "point"), default=None)
    if not schedules:
        state = "none"
    elif any(latest_failed(context)):
        state = "failing"
    elif any(stale(context)):
        state = "stale"
    else:
        state = "ok" if last_good(document) else "unknown"
    return BackupCard(
        state=state,
        jobs=tuple(f"{string(s, 'namespace')}/{string(s, 'name')}" for s in schedules),
        last_good=last_good(document),
        objective_seconds=integer(document, "objective_seconds"),
        last_attempt=parse_rfc3339(newest.get("point")) if newest else None,
        last_attempt_result=string(newest, "result") if newest else "",
        schedule=", ".join(dict.fromkeys(string(s, "schedule") for s in schedules)),
        restore_test=string(document, "restore_test") or "unknown",
    )


def timeline(context: RuleContext) -> Iterator[TimelineMark]:
    """Yields at most 2,000 marks: deploys, backup runs, restarts, warning events, exceptions."""
    marks = [
        *_deploys(context),
        *_backups(context),
        *_restarts(context),
        *_warnings(context),
        *_exceptions(context),
    ]
    yield from sorted(marks, key=lambda mark: (mark.moment, mark.lane, mark.label))[-_MAX_MARKS:]


def _deploys(context: RuleContext) -> Iterator[TimelineMark]:
    for release in sequence(context.view.document(layout.RELEASES), "releases"):
        moment = parse_rfc3339(release.get("last_deployed"))
        if moment:
            status = string(release, "status")
            yield TimelineMark(
                lane="deploys",
                moment=moment,
                label=f"{string(release, 'name')} revision {integer(release, 'revision')}: {status}",
                outcome=Outcome.FAIL if status == "FAILED" else Outcome.PASS,
            )


def _backups(context: RuleContext) -> Iterator[TimelineMark]:
    outcomes = {"succeeded": Outcome.PASS, "failed": Outcome.FAIL}
    for schedule in sequence(context.view.document(layout.BACKUPS), "schedules"):
        for run in sequence(schedule, "runs"):
            moment = parse_rfc3339(run.get("point"))
            if moment:
                result = string(run, "result")
                yield TimelineMark(
                    lane="backups",
                    moment=moment,
                    label=f"{string(run, 'job')}: {result}",
                    outcome=outcomes.get(result, Outcome.UNKNOWN),
                )


def _restarts(context: RuleContext) -> Iterator[TimelineMark]:
    for pod in troubled_pods(context.view):
        for status in sequence(mapping(pod.body, "status"), "containerStatuses"):
            ended = mapping(mapping(status, "lastState"), "terminated")
            moment = parse_rfc3339(ended.get("finishedAt"))
            if moment and integer(status, "restartCount"):
                yield TimelineMark(
                    lane="restarts",
                    moment=moment,
                    label=f"{pod.name}/{string(status, 'name')}: {string(ended, 'reason')}",
                    outcome=Outcome.FAIL,
                )


def _exceptions(context: RuleContext) -> Iterator[TimelineMark]:
    """Marks the first and the last time of each problem that Conductor's Errbit holds."""
    for problem in sequence(context.view.document(layout.ERRBIT), "problems"):
        first, last = (parse_rfc3339(problem.get(key)) for key in ("first", "last"))
        label = f"{string(problem, 'app')} {string(problem, 'where')}: {string(problem, 'message')}"[:200]
        if first:
            yield TimelineMark(lane="exceptions", moment=first, label=f"first {label}", outcome=Outcome.WARN)
        if last and last != first:
            count = max(integer(problem, "in_window") - 1, 1)
            yield TimelineMark(
                lane="exceptions", moment=last, label=f"last {label}", outcome=Outcome.WARN, count=count
            )


def _warnings(context: RuleContext) -> Iterator[TimelineMark]:
    """Groups warning events by reason and ten minutes, so that a storm is one mark."""
    storms: Counter[tuple[datetime, str]] = Counter()
    for event in context.view.objects("events"):
        moment = parse_rfc3339(event.body.get("lastTimestamp")) or parse_rfc3339(event.body.get("eventTime"))
        if moment and string(event.body, "type") == "Warning":
            bin_start = moment.replace(minute=moment.minute - moment.minute % 10, second=0, microsecond=0)
            storms[bin_start, string(event.body, "reason")] += max(integer(event.body, "count"), 1)
    for (moment, reason), count in storms.items():
        yield TimelineMark(lane="warnings", moment=moment, label=reason, outcome=Outcome.WARN, count=count)
