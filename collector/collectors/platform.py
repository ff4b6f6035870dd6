"""The platform's own version, where an object in the cluster states it; everything else is inference.

Konvoy 1 keeps a copy of its cluster.yaml in a KonvoyCluster if somebody pushed it; DKP 2 states its version
in the HelmRelease of Kommander or in the tag of Kommander's licensing webhook.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from collector.collectors.digest import Digest
from collector.records.access import mapping, string
from collector.releases import load_components
from collector.releases.images import parse_image, tag_version

_MAX_COPY = 256 * 1024
_CONFIGURATION = "ClusterConfiguration"
_DOCUMENTS = re.compile(r"^---", re.MULTILINE)
_VERSION_LINE = re.compile(r"^  version: [\"']?v?(\d{1,3}\.\d{1,3})\.\d{1,3}", re.MULTILINE)
_VERSION = re.compile(r"v?(\d{1,3}\.\d{1,3})\.\d{1,3}")
_KOMMANDER = "kommander"


def stated_version(digest: Digest, platform: str) -> tuple[str, str]:
    """Returns MAJOR.MINOR and the proof; two empty strings if nothing states it, or if two things differ."""
    sources = {"konvoy_1": _konvoy, "dkp_2": _dkp}.get(platform)
    found = list(sources(digest)) if sources else []
    versions = {version for version, _ in found}
    return found[0] if len(versions) == 1 else ("", "")


def _konvoy(digest: Digest) -> Iterator[tuple[str, str]]:
    for item in digest.of("KonvoyCluster"):
        copy = string(mapping(item.body, "spec"), "cluster")[:_MAX_COPY]
        for document in _DOCUMENTS.split(copy):
            found = _VERSION_LINE.search(document) if f"kind: {_CONFIGURATION}" in document else None
            if found:
                yield found[1], f"KonvoyCluster {item.namespace}/{item.name}, its copy of cluster.yaml"


def _dkp(digest: Digest) -> Iterator[tuple[str, str]]:
    for item in digest.of("HelmRelease"):
        if item.name == _KOMMANDER:
            chart = mapping(mapping(mapping(item.body, "spec"), "chart"), "spec")
            found = _VERSION.match(string(chart, "version"))
            if found:
                yield found[1], f"HelmRelease {item.namespace}/{item.name}"
    for item in digest.of("Deployment"):
        for container in item.containers:
            image = parse_image(container.image)
            component = load_components().of(image.repository)
            version = tag_version(image.tag) if component and component.name == _KOMMANDER else ""
            if version:
                yield version.rpartition(".")[0], f"image tag {image.tag} of {item.namespace}/{item.name}"
