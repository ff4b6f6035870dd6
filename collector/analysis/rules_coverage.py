"""Rules on what is missing: each gap becomes an unknown finding: what it blinds, and what would fill it."""

from __future__ import annotations

from collections.abc import Iterator

from collector.analysis.context import Rule, RuleContext
from collector.bundle import layout
from collector.findings import Confidence, Evidence, Finding, Impact, Outcome, Subject
from collector.records import Json
from collector.records.access import string

_LOG_WORDS = ("log of ", "previous log of ")
_QUIET = "absent"
_COLLECTOR = "collector "
_NOT_BEGUN = "skipped"
_LOOKING = "collector conductor"
_POINTERS = 50
_NAMES = 20
_GRANTS = 3


def gaps(context: RuleContext) -> Iterator[Finding]:
    """Everything that was denied, broke or timed out; logs of a namespace and lists of a group are one."""
    grouped: dict[tuple[str, str, str], list[tuple[int, Json]]] = {}
    for at, gap in enumerate(context.view.documents(layout.GAPS)):
        subject, status = string(gap, "subject"), string(gap, "status")
        if subject.startswith(_LOG_WORDS) and status == _QUIET:
            continue  # a container that has not started has no log; that is no gap in our knowledge
        kind = "collectors" if _not_begun(subject, status) else _class(subject)
        grouped.setdefault((kind, status, string(gap, "namespace")), []).append((at, gap))
    for (what, status, namespace), members in grouped.items():
        yield _finding(context, what, status, namespace, members)


def _not_begun(subject: str, status: str) -> bool:
    return subject.startswith(_COLLECTOR) and status == _NOT_BEGUN


def _class(subject: str) -> str:
    """Returns what gaps of one kind have in common: the logs, the lists of one API group."""
    if subject.startswith(_LOG_WORDS):
        return "container logs"
    verb, _, resource = subject.partition(" ")
    _, dot, group = resource.partition(".")
    return f"list {group}" if verb == "list" and dot else subject


def _finding(
    context: RuleContext, what: str, status: str, namespace: str, members: list[tuple[int, Json]]
) -> Finding:
    first = members[0][1]
    resources = [string(gap, "subject").removeprefix("list ") for _, gap in members]
    blinded = _blinded(context, resources)
    place = f" in {namespace}" if namespace else ""
    number = f" ({len(members)} of them)" if len(members) > 1 and what == "container logs" else ""
    effect = f"; cannot judge: {', '.join(blinded)}" if blinded else ""
    return context.finding(
        "CND-RUN-001",
        Subject(kind="Evidence", name=what, namespace=namespace),
        f"{_named(what, resources)}{place}{number}: {status} ({string(first, 'reason')}){effect}",
        outcome=Outcome.UNKNOWN,
        impact=Impact.RISK if blinded else Impact.INFO,
        evidence=[Evidence(path=layout.GAPS, pointer=f"/{at}") for at, _ in members[:_POINTERS]],
        facts={"status": status, "blinds": " ".join(blinded)},
        confidence=Confidence.UNKNOWN,
        needs=_needs([string(gap, "needs") for _, gap in members]),
        count=len(members),
    )


def _needs(told: list[str]) -> str:
    """Returns what would fill all the gaps: grants that differ in the resource alone as one sentence."""
    grants: dict[str, list[str]] = {}
    for text in dict.fromkeys(filter(None, told)):
        head, _, resource = text.rpartition(" ")
        grants.setdefault(head, []).append(resource)
    return "; ".join(f"{head} {_some(resources)}".strip() for head, resources in [*grants.items()][:_GRANTS])


def _some(names: list[str]) -> str:
    more = f" and {len(names) - _NAMES} more" if len(names) > _NAMES else ""
    return f"{', '.join(names[:_NAMES])}{more}"


def _named(what: str, resources: list[str]) -> str:
    if what == "collectors":
        return f"collectors {', '.join(name.removeprefix(_COLLECTOR) for name in resources)}"
    return f"list {', '.join(resources)}" if what.startswith("list ") else what


def _blinded(context: RuleContext, resources: list[str]) -> list[str]:
    """Returns the rules that need what is missing."""
    return sorted(text.id for text in context.texts.values() if set(text.reads) & set(resources))


def conductor_missing(context: RuleContext) -> Iterator[Finding]:
    """No release record, label or Addon names Conductor, or nobody was to look for one."""
    if context.facts.conductor_namespaces or _could_not_look(context):
        return
    looked = bool(context.view.document(layout.CONDUCTOR))
    yield context.finding(
        "CND-CON-001",
        Subject(kind="Cluster", name="conductor"),
        "no Helm release of the chart conductor, no Addon and no chart label was found"
        if looked
        else "Conductor was not looked for: the collector conductor was left out",
        outcome=Outcome.UNKNOWN,
        impact=Impact.RISK,
        evidence=[Evidence(path=layout.RELEASES), Evidence(path=layout.CONDUCTOR)] if looked else [],
        confidence=Confidence.UNKNOWN,
        needs="the namespace of Conductor: conductor-diag collect -n NAMESPACE"
        if looked
        else "a run with that collector: conductor-diag collect, without --only and --skip",
    )


def _could_not_look(context: RuleContext) -> bool:
    """True where its absence says nothing, and a gap says why."""
    missing = {string(gap, "subject") for gap in context.view.documents(layout.GAPS)}
    return _LOOKING in missing or bool(context.view.document(layout.LOCAL_REACH))


RULES: tuple[Rule, ...] = (conductor_missing, gaps)
