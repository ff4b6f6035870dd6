"""Rules on releases: the platform's, its nodes', its applications', and Conductor's own.

They hold what runs against the vendor's tables in configs/releases; what follows from it is the policy's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from collector.analysis.applications import failed_releases, shipped_applications
from collector.analysis.context import Rule, RuleContext
from collector.findings import (
    Confidence,
    Finding,
    Impact,
    Outcome,
    Owner,
    Platform,
    Subject,
    VersionFact,
    Window,
)
from collector.records.access import mapping, sequence, string
from collector.releases import listed_system, load_conductor, load_platforms

_ON = (Platform.KONVOY_1, Platform.DKP_2)
_NAMES = {Platform.KONVOY_1: "Konvoy", Platform.DKP_2: "DKP"}
_MINOR = re.compile(r"v?(\d{1,4})\.(\d{1,4})")
_OLDEST_KUBELET = 2
_SPECIAL = ("experimental", "technical_preview")
_PRESSURES = ("DiskPressure", "MemoryPressure", "PIDPressure")


def platform_release(context: RuleContext) -> Iterator[Finding]:
    """The platform's release has left the N-2 window, is disputed, or is not known."""
    facts = context.facts
    fact = _fact(context, "platform")
    if facts.platform not in _ON or fact is None or facts.platform_window is Window.INSIDE:
        return
    name = f"{_NAMES[facts.platform]} {facts.platform_version}".strip()
    outcomes = {Window.OUTSIDE: Outcome.FAIL, Window.DISPUTED: Outcome.WARN}
    said = {
        Window.OUTSIDE: "is outside the N-2 window",
        Window.DISPUTED: "is inside the N-2 window by count and outside by the vendor's example",
    }.get(facts.platform_window, "cannot be placed in the N-2 window")
    unknown = facts.platform_window is Window.UNKNOWN
    yield context.finding(
        "CND-PLT-001",
        fact.subject,
        f"{name} {said} ({facts.window_basis}; {fact.source})",
        outcome=outcomes.get(facts.platform_window, Outcome.UNKNOWN),
        impact=Impact.RISK,
        evidence=fact.evidence,
        confidence=fact.confidence,
        needs="the platform's version: konvoy --version, or dkp version" if unknown else "",
    )


def platform_kubernetes(context: RuleContext) -> Iterator[Finding]:
    """The platform's release notes do not list this Kubernetes."""
    fact, found = _fact(context, "kubernetes"), _minor(context.facts.kubernetes)
    release = load_platforms().release(context.facts.platform_version)
    stated = _fact(context, "platform")
    if fact is None or found is None or release is None or release.kubernetes is None:
        return
    if stated is None or stated.confidence is not Confidence.PROVEN:
        return  # an inferred release was chosen to fit this very Kubernetes
    lowest, highest = (_minor(minor) or (0, 0) for minor in release.kubernetes)
    if not lowest <= found <= highest:
        span = " to ".join(dict.fromkeys(release.kubernetes))
        yield context.finding(
            "CND-PLT-002",
            fact.subject,
            f"Kubernetes is {fact.version}; {_NAMES[release.platform]} {release.version} lists {span}",
            impact=Impact.RISK,
            evidence=fact.evidence,
            facts={"listed": "no", "version": fact.version},
        )


def platform_systems(context: RuleContext) -> Iterator[Finding]:
    """The platform's release does not list a node's operating system, or its minor version is not visible."""
    version = context.facts.platform_version
    for fact in context.facts.versions:
        name = fact.component.removeprefix("os ")
        if context.facts.platform not in _ON or not version or name == fact.component:
            continue
        listed = listed_system(load_platforms(), version, name, fact.version)
        if listed == "yes":
            continue
        yield context.finding(
            "CND-PLT-003",
            Subject(kind="Nodes", name=f"{name} {fact.version}".strip(), owner=Owner.PLATFORM),
            f"nodes run {name} {fact.version or 'of unknown version'}; "
            + (
                f"{version} does not list it"
                if listed == "no"
                else f"whether {version} lists it is not known"
            ),
            outcome=Outcome.WARN if listed == "no" else Outcome.UNKNOWN,
            impact=Impact.RISK,
            evidence=fact.evidence,
            facts={"listed": listed, "system": name, "version": fact.version},
            needs="cat /etc/os-release and uname -r on those nodes" if listed == "unknown" else "",
        )


def mixed_platform(context: RuleContext) -> Iterator[Finding]:
    """Konvoy and Kommander are of releases that do not belong together."""
    release = load_platforms().release(context.facts.platform_version)
    fact = _fact(context, "kommander")
    found = _minor(fact.version) if fact else None
    stated = _fact(context, "platform")
    if fact is None or found is None or release is None or not release.kommander or stated is None:
        return
    if stated.confidence is Confidence.PROVEN and found != _minor(release.kommander):
        yield context.finding(
            "CND-PLT-004",
            fact.subject,
            f"Kommander is {fact.version}; {release.version} goes with Kommander {release.kommander}",
            impact=Impact.RISK,
            evidence=[*fact.evidence, *stated.evidence],
        )


def kubelet_skew(context: RuleContext) -> Iterator[Finding]:
    """A kubelet is newer than the API server, or more than two minor versions older."""
    server = _minor(context.facts.kubernetes)
    for fact in context.facts.versions:
        found = _minor(fact.version)
        if fact.component != "kubelet" or found is None or server is None:
            continue
        behind = server[1] - found[1]
        if found[0] == server[0] and 0 <= behind <= _OLDEST_KUBELET:
            continue
        yield context.finding(
            "CND-PLT-005",
            Subject(kind="Nodes", name=f"kubelet {fact.version}", owner=Owner.PLATFORM),
            f"kubelets are {fact.version}, the API server is {context.facts.kubernetes}",
            outcome=Outcome.WARN,
            impact=Impact.RISK,
            evidence=fact.evidence,
            facts={"version": fact.version},
        )


def node_pressure(context: RuleContext) -> Iterator[Finding]:
    """A node is short of disk, memory or process ids."""
    for item in context.view.objects("nodes"):
        for at, condition in enumerate(sequence(mapping(item.body, "status"), "conditions")):
            kind = string(condition, "type")
            if kind in _PRESSURES and string(condition, "status") == "True":
                yield context.finding(
                    "CND-NODE-002",
                    Subject(kind="Node", name=item.name, owner=Owner.PLATFORM),
                    f"{item.name}: {kind}, {string(condition, 'reason') or 'no reason stated'}",
                    outcome=Outcome.WARN,
                    evidence=[item.at(f"/status/conditions/{at}")],
                    facts={"condition": kind},
                )


def special_applications(context: RuleContext) -> Iterator[Finding]:
    """An application of the platform's runs that is experimental or a technical preview in this release."""
    for application in shipped_applications(context):
        if application.kind in _SPECIAL:
            called = application.kind.replace("_", " ")
            yield context.finding(
                "CND-PLT-006",
                application.subject,
                f"{application.name} is {called} in {context.facts.platform_version}",
                outcome=Outcome.WARN,
                impact=Impact.INFO,
                evidence=[application.evidence],
                facts={"application": application.kind},
            )


def application_releases(context: RuleContext) -> Iterator[Finding]:
    """Installing or upgrading an application of the platform's failed."""
    for failed in failed_releases(context):
        yield context.finding(
            "CND-PLT-007",
            failed.subject,
            f"{failed.subject.name}: {failed.reason}",
            evidence=[failed.evidence],
            facts={"operation": failed.operation},
        )


def conductor_version(context: RuleContext) -> Iterator[Finding]:
    """Conductor is of a version that the support page does not speak of."""
    fact = _fact(context, "conductor")
    found = _minor(fact.version) if fact else None
    if fact and found and f"{found[0]}.{found[1]}" in load_conductor().before_support_page:
        yield context.finding(
            "CND-CON-002",
            fact.subject,
            f"Conductor is {fact.version}; the support page is written for 1.1",
            outcome=Outcome.WARN,
            impact=Impact.INFO,
            evidence=fact.evidence,
            facts={"version": fact.version},
        )


RULES: tuple[Rule, ...] = (
    platform_release,
    platform_kubernetes,
    platform_systems,
    mixed_platform,
    kubelet_skew,
    node_pressure,
    special_applications,
    application_releases,
    conductor_version,
)


def _fact(context: RuleContext, component: str) -> VersionFact | None:
    return next((fact for fact in context.facts.versions if fact.component == component), None)


def _minor(version: str) -> tuple[int, int] | None:
    found = _MINOR.match(version)
    return (int(found[1]), int(found[2])) if found else None
