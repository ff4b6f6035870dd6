"""Rules on what was changed in Conductor's installation, and on who else uses what it installed.

The collector has compared the live objects with the release's manifests; these rules say what it means. An
alteration is stated as a fact about the altered object. Whether it caused anything is never concluded here.
"""

from __future__ import annotations

from collections.abc import Iterator

from collector.analysis.clients import Sessions, foreign_sessions
from collector.analysis.compared import compared, evidence, subject
from collector.analysis.context import Rule, RuleContext
from collector.analysis.foreign import foreign_users, foreign_workloads, key_of
from collector.bundle import layout
from collector.core.text import counted
from collector.findings import Confidence, Evidence, Finding, Impact, Outcome, Owner, Subject
from collector.records.access import mapping, string, strings

_MAX_NAMED = 5
_RECORD_NEEDS = (
    "conductor-diag collect --read-helm-secrets -n NAMESPACE (configs/kubernetes/helm-secrets.yaml)"
)
_WORDS = {
    "code": ("CND-ALT-002", "mounts something over the application's code that its release does not"),
    "command": ("CND-ALT-003", "has another environment, command or arguments than its release states"),
    "resources": ("CND-ALT-005", "has other resources than its release states"),
    "placement": ("CND-ALT-005", "has other replicas or placement than its release states"),
    "mount": ("CND-ALT-011", "has other mounts than its release states, none known to be over code"),
    "container": ("CND-ALT-012", "has containers added to or taken from those of its release"),
    "known": ("CND-ALT-013", "has what clusters add to any workload"),
}
_ADDITIONS = ("mount", "container", "known")


def nothing_to_compare(context: RuleContext) -> Iterator[Finding]:
    """Conductor runs, and no record with a manifest of its release could be read."""
    document = context.view.document(layout.ALTERATIONS)
    if not document or mapping(document, "release") or not context.facts.conductor_namespaces:
        return
    third = "3" in (context.facts.helm or ())
    yield context.finding(
        "CND-ALT-010",
        Subject(
            kind="Release",
            name="conductor",
            namespace=context.facts.conductor_namespaces[0],
            owner=Owner.CONDUCTOR,
        ),
        "Conductor's workloads, images and values were held against nothing: "
        + ("Helm 3 keeps its release in a Secret" if third else "no record of its release could be read"),
        outcome=Outcome.UNKNOWN,
        impact=Impact.INFO,
        evidence=[Evidence(path=layout.ALTERATIONS)],
        confidence=Confidence.UNKNOWN,
        needs=_RECORD_NEEDS,
    )


def other_fields(context: RuleContext) -> Iterator[Finding]:
    """Mounts, containers, environment, command, resources or placement are not those of the manifest."""
    for area, (rule, words) in _WORDS.items():
        for entry, changes in compared(context, area):
            fields = [string(change, "field") for change in changes]
            more = f" and {len(fields) - _MAX_NAMED} more" if len(fields) > _MAX_NAMED else ""
            yield context.finding(
                rule,
                subject(entry),
                f"{string(entry, 'name')} {words}: {', '.join(fields[:_MAX_NAMED])}{more}",
                outcome=Outcome.WARN,
                impact=Impact.INFO,
                evidence=evidence(entry),
                facts={"fields": str(len(fields))} | ({"addition": area} if area in _ADDITIONS else {}),
                count=len(fields),
            )


def values(context: RuleContext) -> Iterator[Finding]:
    """Values of the release differ from the chart's own."""
    document = context.view.document(layout.ALTERATIONS)
    found = mapping(document, "values")
    changed, undocumented = strings(found, "changed"), strings(found, "undocumented")
    if not changed:
        return
    release = mapping(document, "release")
    more = f" and {len(changed) - _MAX_NAMED} more" if len(changed) > _MAX_NAMED else ""
    yield context.finding(
        "CND-ALT-004",
        Subject(
            kind="Release",
            name=string(release, "name"),
            namespace=string(release, "namespace"),
            owner=Owner.CONDUCTOR,
        ),
        f"values other than the chart's own: {', '.join((undocumented or changed)[:_MAX_NAMED])}{more}",
        outcome=Outcome.WARN,
        impact=Impact.INFO,
        evidence=[Evidence(path=layout.ALTERATIONS, pointer="/values")],
        facts={"documented": "no" if undocumented else "yes"},
        count=len(changed),
    )


def foreign(context: RuleContext) -> Iterator[Finding]:
    """A workload that is not Conductor's uses its database or its Errbit."""
    seen = set()
    for sessions in foreign_sessions(context):
        seen.add(key_of(sessions.subject))
        yield _of_sessions(context, sessions)
    for use in foreign_users(context):
        if use.component == "postgres" and key_of(use.subject) in seen:
            continue  # its sessions prove what its environment only suggests
        rule, what = ("CND-ALT-006", "database") if use.component == "postgres" else ("CND-ALT-007", "Errbit")
        yield context.finding(
            rule,
            use.subject,
            f"{use.subject} names Conductor's {what} ({use.host})",
            outcome=Outcome.WARN,
            impact=Impact.RISK,
            evidence=[use.evidence],
            facts={"user": "customer" if use.subject.owner is Owner.CUSTOMER else "unknown"},
            confidence=Confidence.INFERRED,
        )


def _of_sessions(context: RuleContext, one: Sessions) -> Finding:
    number = counted(one.count, "session")
    if one.accounted:
        summary = f"{one.subject} has {number} in Conductor's database ({one.words})"
    else:
        summary = (
            f"{number} in Conductor's database ({one.words}): no pod that was listed has the address "
            f"{', '.join(list(one.addresses)[:_MAX_NAMED])}"
        )
    return context.finding(
        "CND-ALT-006",
        one.subject,
        summary,
        outcome=Outcome.WARN if one.accounted else Outcome.UNKNOWN,
        impact=Impact.RISK if one.accounted else Impact.INFO,
        evidence=[one.evidence],
        facts={"user": "customer" if one.subject.owner is Owner.CUSTOMER else "unknown"},
        confidence=Confidence.PROVEN if one.accounted else Confidence.UNKNOWN,
        needs="" if one.accounted else "whose address it is: kubectl get pods,nodes -A -o wide",
        count=one.count,
    )


def neighbours(context: RuleContext) -> Iterator[Finding]:
    """A workload that is not Conductor's runs in its namespace."""
    for workload in foreign_workloads(context):
        yield context.finding(
            "CND-ALT-008",
            workload.subject,
            f"{workload.subject} is not part of Conductor's release: {workload.why}",
            outcome=Outcome.WARN,
            impact=Impact.INFO,
            evidence=[workload.evidence],
            confidence=Confidence.INFERRED,
        )


RULES: tuple[Rule, ...] = (nothing_to_compare, other_fields, values, foreign, neighbours)
