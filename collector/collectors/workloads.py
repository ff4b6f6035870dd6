"""What runs: pods, their controllers, services and claims, events, and the objects of the known add-ons.

Ordered by value, so that a run cut short still holds what a diagnosis needs first.
"""

from __future__ import annotations

from collections.abc import Iterator

from collector.collectors.base import Collector, Context, Need, listing
from collector.collectors.objects import grant, read_resource
from collector.kube.discovery import ApiResource
from collector.records import Gap, Record, Status

# Plural, the groups that may serve it (first match wins), and whether its absence is worth a gap.
_RESOURCES: tuple[tuple[str, tuple[str, ...], bool], ...] = (
    ("pods", ("",), True),
    ("events", ("",), True),
    ("deployments", ("apps", "extensions"), True),
    ("replicasets", ("apps", "extensions"), True),
    ("statefulsets", ("apps",), True),
    ("daemonsets", ("apps", "extensions"), True),
    ("cronjobs", ("batch",), True),
    ("jobs", ("batch",), True),
    ("addons", ("kubeaddons.mesosphere.io",), False),
    ("clusteraddons", ("kubeaddons.mesosphere.io",), False),
    ("appdeployments", ("apps.kommander.d2iq.io",), False),
    ("services", ("",), True),
    ("endpoints", ("",), True),
    ("ingresses", ("networking.k8s.io", "extensions"), True),
    ("persistentvolumeclaims", ("",), True),
    ("configmaps", ("",), True),
    ("horizontalpodautoscalers", ("autoscaling",), False),
    ("poddisruptionbudgets", ("policy",), False),
    ("networkpolicies", ("networking.k8s.io", "extensions"), False),
    ("resourcequotas", ("",), False),
    ("limitranges", ("",), False),
    ("backups", ("velero.io",), False),
    ("schedules", ("velero.io",), False),
    ("backupstoragelocations", ("velero.io",), False),
    ("certificates", ("cert-manager.io", "certmanager.k8s.io"), False),
    ("clusterissuers", ("cert-manager.io", "certmanager.k8s.io"), False),
    ("issuers", ("cert-manager.io", "certmanager.k8s.io"), False),
    ("orders", ("acme.cert-manager.io", "certmanager.k8s.io"), False),
    ("challenges", ("acme.cert-manager.io", "certmanager.k8s.io"), False),
)


def collect(context: Context) -> Iterator[Record]:
    """Yields the lists, most telling first."""
    for plural, groups, expected in _RESOURCES:
        resource = context.discovery.find(plural, *groups)
        if resource:
            yield from read_resource(context, resource)
        elif expected:
            yield _absent(plural, groups)


def _absent(plural: str, groups: tuple[str, ...]) -> Gap:
    missing = ApiResource(
        group=groups[0], version="", plural=plural, kind="", namespaced=True, verbs=frozenset()
    )
    return Gap(
        subject=f"list {missing.full_name}",
        status=Status.ABSENT,
        reason="the server does not offer this resource, or its API group could not be read",
        needs=grant(missing),
    )


def _needs() -> tuple[Need, ...]:
    return tuple(
        need for plural, groups, _ in _RESOURCES for group in groups for need in listing(group, plural)
    )


WORKLOADS = Collector(name="workloads", collect=collect, needs=_needs(), seconds=180.0)
