"""The timeline: deploys, backups, restarts and warnings in one picture, drawn from the evidence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime

from collector.analysis.context import RuleContext
from collector.analysis.workloads import troubled_pods
from collector.bundle import layout
from collector.core.clock import parse_rfc3339
from collector.findings import Outcome, TimelineMark
from collector.records.access import integer, mapping, sequence, string

_MAX_MARKS = 2000


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
