"""Rules on what Conductor stands on: Kubernetes, Helm, Traefik, cert-manager, nodes, its own release.

The prerequisites are those of the vendor's support page, kept in configs/releases/conductor.yaml. They bind
where the cluster is not a Konvoy one; the policy decides that, the rules state what was found.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from collector.analysis.context import Rule, RuleContext
from collector.analysis.workloads import node_ready
from collector.bundle import layout
from collector.core.clock import parse_rfc3339
from collector.findings import (
    Confidence,
    Evidence,
    Finding,
    Impact,
    Outcome,
    Owner,
    Platform,
    Subject,
    VersionFact,
)
from collector.records.access import integer, mapping, sequence, string, strings
from collector.releases import load_conductor

_NUMBERS = re.compile(r"(\d+)\.(\d+)(?:\.(\d+))?")
_RECORD = ("Helm 2 release record ", "Helm 3 release record ")
_OF_HELM = (
    "conductor-diag collect --read-helm-secrets -n NAMESPACE, or the output of: helm list --all-namespaces"
)
_UNFINISHED = ("PENDING_INSTALL", "PENDING_UPGRADE", "PENDING_ROLLBACK")


def kubernetes(context: RuleContext) -> Iterator[Finding]:
    """The server's minor version is outside the range that Conductor asks for."""
    fact = next((v for v in context.facts.versions if v.component == "kubernetes"), None)
    numbers = _numbers(fact.version) if fact else None
    if fact is None or numbers is None:
        return
    named = load_conductor().prerequisites.kubernetes
    lowest, highest = (_exact(minor)[:2] for minor in named)
    if lowest <= numbers[:2] <= highest:
        return
    position = "below" if numbers[:2] < lowest else "above"
    yield context.finding(
        "CND-PRE-001",
        fact.subject,
        f"Kubernetes is {fact.version}; the prerequisites name {named[0]} to {named[1]}",
        outcome=_outcome(context),
        impact=Impact.RISK,
        evidence=fact.evidence,
        facts={"position": position, "version": fact.version},
    )


def helm(context: RuleContext) -> Iterator[Finding]:
    """Conductor's live records are not Helm 2's alone."""
    state = _helm_state(context)
    if not context.facts.conductor_namespaces or state == "2":
        return
    document = mapping(context.view.document(layout.VERSIONS), "helm")
    said = {
        "tillerless": "a record of Helm 2 names Conductor, but no Tiller runs in this cluster",
        "undecodable": "a Helm release record was found that cannot be read",
        "3": "Conductor's objects are managed by Helm 3",
        "both": "records of Helm 2 and objects of Helm 3 both name Conductor",
        "none": "no Helm release record of Conductor was found",
    }[state]
    objects = [
        Evidence(path=string(o, "path"), pointer=string(o, "pointer"))
        for o in sequence(document, "conductor_v3_objects")[:3]
    ]
    yield context.finding(
        "CND-PRE-002",
        Subject(
            kind="Release",
            name="conductor",
            namespace=context.facts.conductor_namespaces[0],
            owner=Owner.CONDUCTOR,
        ),
        said,
        outcome=_outcome(context) if state == "3" else Outcome.UNKNOWN,
        impact=Impact.RISK,
        evidence=objects or [Evidence(path=layout.VERSIONS, pointer="/helm")],
        facts={"helm": state},
        confidence=Confidence.INFERRED if state == "3" else Confidence.UNKNOWN,
        needs="" if state == "3" else _OF_HELM,
    )


def _helm_state(context: RuleContext) -> str:
    found = context.facts.helm or frozenset()
    document = context.view.document(layout.VERSIONS)
    if found == {"2"}:
        running = any(fact.component == "tiller" for fact in context.facts.versions)
        return "2" if running or "deployments.apps" in strings(document, "not_read") else "tillerless"
    if found == {"3"}:
        return "3"
    if found:
        return "both"
    broken = any(string(gap, "subject").startswith(_RECORD) for gap in context.view.documents(layout.GAPS))
    return "undecodable" if broken else "none"


def traefik(context: RuleContext) -> Iterator[Finding]:
    """The Traefik that serves Conductor (or may) is one that breaks it, not 1.7, or of unknown version."""
    needs = load_conductor().prerequisites
    wanted, excluded = _exact(needs.traefik)[:2], [_exact(version) for version in needs.traefik_excluded]
    for fact in context.facts.versions:
        if fact.component != "traefik" or fact.serves_conductor is False:
            continue
        numbers = _numbers(fact.version)
        if numbers is None:
            rule, verdict, said = (
                "CND-PRE-005",
                "undetermined",
                f"{fact.subject.name}: the version is not stated",
            )
        elif numbers in excluded:
            rule, verdict, said = (
                "CND-PRE-003",
                "excluded_patch",
                f"{fact.subject.name}: Traefik {fact.version} breaks Conductor",
            )
        elif numbers[:2] == wanted:
            continue
        else:
            verdict = "major_2" if numbers[0] > wanted[0] else "below"
            rule = "CND-PRE-004"
            said = f"{fact.subject.name}: Traefik {fact.version}, {needs.traefik} is required"
        yield context.finding(
            rule,
            fact.subject,
            f"{said} ({fact.source})",
            outcome=Outcome.UNKNOWN if numbers is None else Outcome.FAIL,
            impact=Impact.RISK,
            evidence=fact.evidence,
            facts={"verdict": verdict, "version": fact.version, "serves_conductor": _serves(fact)},
            needs="the exact version, from its start-up log or image tag" if numbers is None else "",
        )


def cert_manager(context: RuleContext) -> Iterator[Finding]:
    """cert-manager is newer than 0.10.0, missing, or there twice."""
    document = context.view.document(layout.VERSIONS)
    found = [v for v in context.facts.versions if v.component == "cert-manager"]
    groups = strings(document, "cert_manager_api_groups")
    not_read = strings(document, "not_read")
    needs = load_conductor().prerequisites
    last, doubtful = needs.cert_manager_last, needs.cert_manager_doubtful
    konvoy = context.facts.platform is Platform.KONVOY_1
    if len(found) > 1 or len(groups) > 1:
        yield _cert_manager(context, found[0] if found else None, "both", "two cert-managers or API groups")
    elif not found and document and "deployments.apps" not in not_read:
        yield _cert_manager(context, None, "absent", "no cert-manager controller is running")
    elif found and (numbers := _numbers(found[0].version)):
        version = ".".join(map(str, numbers))
        said = f"cert-manager is {found[0].version}; {last} or earlier is required"
        if version in doubtful:
            if not konvoy:
                yield _cert_manager(context, found[0], version, said)
        elif numbers > _exact(last):
            yield _cert_manager(context, found[0], "newer", said)
    elif found:
        yield _cert_manager(context, found[0], "undetermined", "cert-manager's exact version is not stated")


def _cert_manager(context: RuleContext, fact: VersionFact | None, verdict: str, said: str) -> Finding:
    unknown = verdict == "undetermined"
    decided = verdict in ("newer", "absent")
    return context.finding(
        "CND-PRE-006",
        fact.subject if fact else Subject(kind="Component", name="cert-manager"),
        said,
        outcome=Outcome.UNKNOWN if unknown else _outcome(context) if decided else Outcome.WARN,
        impact=Impact.RISK,
        evidence=fact.evidence if fact else [Evidence(path=layout.VERSIONS, pointer="/components")],
        facts={"verdict": verdict, "version": fact.version if fact else ""},
        needs="the exact version, from its image tag or start-up log" if unknown else "",
    )


def nodes(context: RuleContext) -> Iterator[Finding]:
    """A node's Ready condition is not True."""
    for item in context.view.objects("nodes"):
        if node_ready(item):
            continue
        conditions = sequence(mapping(item.body, "status"), "conditions")
        at = next((i for i, c in enumerate(conditions) if string(c, "type") == "Ready"), None)
        ready = conditions[at] if at is not None else {}
        yield context.finding(
            "CND-NODE-001",
            Subject(kind="Node", name=item.name, owner=Owner.PLATFORM),
            f"{item.name}: node not ready, {string(ready, 'reason') or 'no Ready condition'}",
            evidence=[item.at(f"/status/conditions/{at}" if at is not None else "/status")],
            facts={"reason": string(ready, "reason")},
            last_seen=parse_rfc3339(ready.get("lastTransitionTime")),
        )


def release(context: RuleContext) -> Iterator[Finding]:
    """The newest revision of Conductor's release failed or never finished."""
    releases = sequence(context.view.document(layout.RELEASES), "releases")
    own = [(at, r) for at, r in enumerate(releases) if string(r, "chart") == "conductor"]
    if not own:
        return
    at, newest = max(own, key=lambda entry: integer(entry[1], "revision"))
    status, revision = string(newest, "status"), integer(newest, "revision")
    if status != "FAILED" and status not in _UNFINISHED:
        return
    yield context.finding(
        "CND-REL-001",
        Subject(
            kind="Release",
            name=string(newest, "name"),
            namespace=string(newest, "namespace"),
            owner=Owner.CONDUCTOR,
        ),
        f"{string(newest, 'name')}: revision {revision} (chart {string(newest, 'chart_version')}) {status}: "
        f"{string(newest, 'description')}",
        evidence=[Evidence(path=layout.RELEASES, pointer=f"/releases/{at}")],
        facts={"operation": "upgrade" if revision > 1 else "install", "status": status},
        last_seen=parse_rfc3339(newest.get("last_deployed")),
    )


RULES: tuple[Rule, ...] = (kubernetes, helm, traefik, cert_manager, nodes, release)


def _numbers(version: str) -> tuple[int, int, int] | None:
    found = _NUMBERS.match(version.removeprefix("v"))
    return (int(found[1]), int(found[2]), int(found[3] or 0)) if found else None


def _exact(version: str) -> tuple[int, int, int]:
    """Returns the numbers of a version out of our own tables."""
    return _numbers(version) or (0, 0, 0)


def _serves(fact: VersionFact) -> str:
    return {True: "yes", False: "no", None: "unknown"}[fact.serves_conductor]


def _outcome(context: RuleContext) -> Outcome:
    """An unmet prerequisite fails where the list binds, and warns where it may not."""
    return Outcome.FAIL if context.facts.platform is Platform.NONE else Outcome.WARN
