"""Rules on what Conductor's Errbit holds: new, frequent and returned exceptions, and strangers among them.

The list of problems says who reported, not what caused it; so beside each stand the deploy and the restarts
of the same hour, as facts and without a verdict on cause.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from collector.analysis.context import Rule, RuleContext
from collector.bundle import layout
from collector.core.clock import parse_rfc3339
from collector.core.text import counted, display
from collector.findings import Confidence, Evidence, Finding, Impact, Outcome, Owner, Subject
from collector.records import Json
from collector.records.access import integer, mapping, sequence, string, strings

_OFTEN = 100
_NEAR = timedelta(hours=1)
_MOST = 20
_OWN_NAME = "conductor"
_SHORT = 120


def exceptions(context: RuleContext) -> Iterator[Finding]:
    """A problem of Conductor's is new, frequent, or came back after a week without."""
    told = 0
    for place, problem in enumerate(sequence(context.view.document(layout.ERRBIT), "problems")):
        rule = _rule(context, problem)
        if not rule or not _own(problem):
            continue
        told += 1
        if told > _MOST:
            return
        yield _exception(context, rule, place, problem)


def failing(context: RuleContext) -> Iterator[Finding]:
    """The Errbit was asked and answered with an error of its own."""
    document = context.view.document(layout.ERRBIT)
    if string(document, "state") != "failing":
        return
    workload = mapping(document, "workload")
    subject = (
        context.view.subject(*(string(workload, key) for key in ("kind", "namespace", "name")))
        if workload
        else Subject(kind="Application", name="Errbit")
    )
    yield context.finding(
        "CND-ERR-004",
        subject,
        f"Errbit does not answer as it should: {display(string(document, 'says'), 200)}",
        impact=Impact.DEGRADED,
        evidence=[Evidence(path=layout.ERRBIT, pointer="/says")],
        facts={"component": "errbit", "cause": "unknown"},
    )


def strangers(context: RuleContext) -> Iterator[Finding]:
    """Applications that do not look like Conductor report to its Errbit."""
    document = context.view.document(layout.ERRBIT)
    if string(mapping(document, "workload"), "owner") != Owner.CONDUCTOR:
        return
    places: dict[str, int] = {}
    for place, problem in enumerate(sequence(document, "problems")):
        if string(problem, "app") and not _own(problem):
            places.setdefault(string(problem, "app"), place)
    for app, place in sorted(places.items())[:_MOST]:
        yield context.finding(
            "CND-ERR-005",
            Subject(kind="Application", name=display(app, _SHORT)),
            f"{display(app, _SHORT)} reports to Conductor's Errbit; its name is not Conductor's",
            outcome=Outcome.WARN,
            impact=Impact.RISK,
            evidence=[Evidence(path=layout.ERRBIT, pointer=f"/problems/{place}/app")],
            facts={"application": "foreign"},
            confidence=Confidence.INFERRED,
        )


def _exception(context: RuleContext, rule: str, place: int, problem: Json) -> Finding:
    count = integer(problem, "in_window")
    first, last = (parse_rfc3339(problem.get(key)) for key in ("first", "last"))
    classes = ", ".join(strings(problem, "classes")) or "an exception"
    near = _near(context, first if rule == "CND-ERR-001" else last)
    summary = (
        f"{display(classes, _SHORT)} at {display(string(problem, 'where'), _SHORT) or 'an unknown place'}: "
        f"{counted(count, 'notice')} in the window{f'; {near}' if near else ''}"
    )
    return context.finding(
        rule,
        Subject(
            kind="Application",
            name=f"{display(string(problem, 'app'), _SHORT)}: {display(string(problem, 'message'), _SHORT)}",
            owner=Owner.CONDUCTOR,
        ),
        summary,
        outcome=Outcome.WARN,
        impact=Impact.DEGRADED if rule == "CND-ERR-002" else Impact.RISK,
        evidence=[
            Evidence(
                path=layout.ERRBIT, pointer=f"/problems/{place}", excerpt=string(problem, "message")[:240]
            )
        ],
        facts={"application": "conductor"},
        confidence=Confidence.INFERRED,
        first_seen=first,
        last_seen=last,
        count=count,
    )


def _rule(context: RuleContext, problem: Json) -> str:
    document = context.view.document(layout.ERRBIT)
    since, first = parse_rfc3339(document.get("since")), parse_rfc3339(problem.get("first"))
    if since is None or first is None:
        return ""
    if integer(problem, "in_window") >= _OFTEN:
        return "CND-ERR-002"
    if first >= since:
        return "CND-ERR-001"
    if integer(problem, "in_window") and not integer(problem, "in_week_before"):
        return "CND-ERR-003"
    return ""


def _own(problem: Json) -> bool:
    """True for an application that carries Conductor's name; Errbit says nothing else of whose it is."""
    return string(problem, "app").lower().startswith(_OWN_NAME)


def _near(context: RuleContext, moment: datetime | None) -> str:
    """Returns the deploy and the restarts within an hour of ``moment``, in words."""
    if moment is None:
        return ""
    words = []
    for release in sequence(context.view.document(layout.RELEASES), "releases"):
        deployed = parse_rfc3339(release.get("last_deployed"))
        if deployed and timedelta(0) <= moment - deployed <= _NEAR:
            named = f"revision {integer(release, 'revision')} of {string(release, 'name')}"
            words.append(f"{named} was deployed within the hour before")
    pods = sum(
        abs(moment - ended) <= _NEAR
        for pod in context.view.objects("pods")
        for status in sequence(mapping(pod.body, "status"), "containerStatuses")
        if (ended := parse_rfc3339(mapping(mapping(status, "lastState"), "terminated").get("finishedAt")))
    )
    words += [f"{counted(pods, 'container')} ended within an hour of it"] if pods else []
    return display(" and ".join(words), 300)


RULES: tuple[Rule, ...] = (exceptions, failing, strangers)
