"""Versions that nodes state of themselves: kubelet, operating system, container runtime."""

from __future__ import annotations

from collections.abc import Iterator

from collector.analysis.evidence import BundleView, Item
from collector.findings import Confidence, Evidence, Owner, Subject, VersionFact
from collector.records.access import mapping, string
from collector.releases import Platforms, system_of

_MAX_EVIDENCE = 5


def node_versions(view: BundleView, table: Platforms) -> Iterator[VersionFact]:
    """Yields one fact for each component and version, however many nodes state it."""
    groups: dict[tuple[str, str, str], list[Evidence]] = {}
    for item in view.objects("nodes"):
        for component, version, key in _stated(item, table):
            evidence = groups.setdefault((component, version, key), [])
            if len(evidence) < _MAX_EVIDENCE:
                evidence.append(item.at(f"/status/nodeInfo/{key}"))
    for (component, version, key), evidence in sorted(groups.items()):
        yield VersionFact(
            component=component,
            version=version,
            confidence=Confidence.PROVEN if version else Confidence.UNKNOWN,
            source=f"what nodes state as {key}",
            subject=Subject(kind="Nodes", name=component, owner=Owner.PLATFORM),
            evidence=tuple(evidence),
        )


def _stated(item: Item, table: Platforms) -> Iterator[tuple[str, str, str]]:
    info = mapping(mapping(item.body, "status"), "nodeInfo")
    if not info:
        return
    yield "kubelet", string(info, "kubeletVersion").removeprefix("v"), "kubeletVersion"
    runtime, _, version = string(info, "containerRuntimeVersion").partition("://")
    yield f"runtime {runtime}".strip(), version, "containerRuntimeVersion"
    name, system = system_of(table, string(info, "osImage"), string(info, "kernelVersion"))
    yield f"os {name}".strip(), system, "osImage"
