"""The applications that the platform ships, by who installed them; a name alone proves nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from collector.analysis.context import RuleContext
from collector.analysis.evidence import Item
from collector.bundle import layout
from collector.findings import Evidence, Owner, Subject
from collector.records.access import mapping, sequence, string
from collector.releases import load_applications

_ADDONS = (("addons", "kubeaddons.mesosphere.io"), ("clusteraddons", "kubeaddons.mesosphere.io"))
_FAILED = ("InstallFailed", "UpgradeFailed", "ReconciliationFailed", "RetriesExceeded")
_CONDUCTOR = "conductor"


@dataclass(frozen=True, kw_only=True)
class Shipped:
    """A workload that an Addon or AppDeployment accounts for. ``kind`` is empty where no list names it."""

    name: str
    kind: str
    subject: Subject
    evidence: Evidence


@dataclass(frozen=True, kw_only=True)
class FailedRelease:
    """An Addon or HelmRelease that did not come up. ``operation`` is install or upgrade."""

    subject: Subject
    operation: str
    reason: str
    evidence: Evidence


def shipped_applications(context: RuleContext) -> Iterator[Shipped]:
    """Yields the workloads of the platform's applications with what the vendor's lists call them."""
    table = load_applications()
    for entry in sequence(context.view.document(layout.CONDUCTOR), "objects"):
        if string(entry, "owner") != Owner.PLATFORM_APPLICATION:
            continue
        name = string(entry, "release")
        known = table.find(name) or table.find(name.removesuffix("-kubeaddons"))
        yield Shipped(
            name=name,
            kind=(known.kind(context.facts.platform_version) if known else "") or "",
            subject=context.view.subject(
                string(entry, "kind"), string(entry, "namespace"), string(entry, "name")
            ),
            evidence=Evidence(path=string(entry, "path"), pointer=string(entry, "pointer")),
        )


def failed_releases(context: RuleContext) -> Iterator[FailedRelease]:
    """Yields what the platform's own installers report as failed."""
    for plural, group in _ADDONS:
        for item in context.view.objects(plural, group):
            status = mapping(item.body, "status")
            if string(status, "stage").lower() in ("failed", "error") and item.name != _CONDUCTOR:
                yield _failed(item, "Addon", "install", f"stage {string(status, 'stage')}", "/status")
    applications = {item.name for item in context.view.objects("appdeployments", "apps.kommander.d2iq.io")}
    for item in context.view.objects("helmreleases", "helm.toolkit.fluxcd.io"):
        for at, condition in enumerate(sequence(mapping(item.body, "status"), "conditions")):
            reason = string(condition, "reason")
            broken = string(condition, "type") == "Ready" and string(condition, "status") == "False"
            if item.name in applications and broken and reason in _FAILED:
                operation = "install" if reason == "InstallFailed" else "upgrade"
                yield _failed(item, "HelmRelease", operation, reason, f"/status/conditions/{at}")


def _failed(item: Item, kind: str, operation: str, reason: str, pointer: str) -> FailedRelease:
    return FailedRelease(
        subject=Subject(
            kind=kind, namespace=item.namespace, name=item.name, owner=Owner.PLATFORM_APPLICATION
        ),
        operation=operation,
        reason=reason,
        evidence=item.at(pointer),
    )
