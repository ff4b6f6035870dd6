"""Reads the cluster-wide facts that every classification starts from out of the bundle's own documents."""

from __future__ import annotations

import enum
from collections.abc import Iterator
from typing import TypeVar

from collector.analysis.evidence import BundleView
from collector.analysis.hosting import Hosting, hosting
from collector.analysis.nodes import node_versions
from collector.analysis.serving import with_serving
from collector.bundle import layout
from collector.findings import Confidence, Environment, Evidence, Facts, Owner, Platform, Subject, VersionFact
from collector.records import Json
from collector.records.access import integer, mapping, sequence, string, strings
from collector.releases import Basis, load_platforms

E = TypeVar("E", bound=enum.StrEnum)


def read_facts(view: BundleView, basis: Basis) -> Facts:
    """Returns the facts; whatever the bundle does not hold stays unknown. ``basis`` places the platform."""
    document = view.document(layout.VERSIONS)
    platform = mapping(document, "platform")
    table = load_platforms()
    namespaces = tuple(strings(view.document(layout.CONDUCTOR), "namespaces"))
    versions = with_serving((*_versions(document), *node_versions(view, table)), view, namespaces)
    kind = _member(Platform, string(platform, "kind"), Platform.UNKNOWN)
    host = hosting(document, kind, versions, table, basis)
    return Facts(
        platform=kind,
        platform_version=host.version,
        platform_window=host.window,
        window_basis=host.basis,
        environment=_member(
            Environment, string(view.document(layout.SPEC_JSON), "environment"), Environment.UNKNOWN
        ),
        platform_confidence=_member(Confidence, string(platform, "confidence"), Confidence.UNKNOWN),
        platform_evidence=tuple(
            Evidence(path=string(sign, "path"), pointer=string(sign, "pointer"), excerpt=string(sign, "sign"))
            for sign in sequence(platform, "signs")
        ),
        kubernetes=next((v.version for v in versions if v.component == "kubernetes"), ""),
        helm=_helm(mapping(document, "helm")),
        conductor_namespaces=namespaces,
        versions=(*versions, *_platform_version(kind, host, platform)),
    )


def _platform_version(kind: Platform, host: Hosting, platform: Json) -> Iterator[VersionFact]:
    """Yields the platform itself among the versions: stated, narrowed down, or not known."""
    if kind not in (Platform.KONVOY_1, Platform.DKP_2):
        return
    yield VersionFact(
        component="platform",
        version=host.version,
        confidence=host.confidence,
        source=string(platform, "version_source") or _narrowed(host),
        subject=Subject(kind="Cluster", name=kind.value, owner=Owner.PLATFORM),
        evidence=(Evidence(path=layout.VERSIONS, pointer="/platform"),),
    )


def _narrowed(host: Hosting) -> str:
    """Returns how the release is known where no proof of it is named."""
    if host.confidence is Confidence.PROVEN:
        return "stated"
    if len(host.possible) == 1:
        return f"not stated, but no release other than {host.version} fits what runs"
    return f"could be {', '.join(host.possible)} by what runs" if host.possible else "nothing states it"


def _versions(document: Json) -> Iterator[VersionFact]:
    for entry in sequence(document, "components"):
        subject = mapping(entry, "subject")
        serves = entry.get("serves_conductor")
        yield VersionFact(
            component=string(entry, "component"),
            version=string(entry, "version"),
            confidence=_member(Confidence, string(entry, "confidence"), Confidence.UNKNOWN),
            source=string(entry, "source"),
            subject=Subject(
                kind=string(subject, "kind"),
                namespace=string(subject, "namespace"),
                name=string(subject, "name"),
                owner=_member(Owner, string(subject, "owner"), Owner.UNKNOWN),
            ),
            evidence=tuple(
                Evidence(path=string(e, "path"), pointer=string(e, "pointer"))
                for e in sequence(entry, "evidence")
            ),
            serves_conductor=serves if isinstance(serves, bool) else None,
        )


def _helm(helm: Json) -> frozenset[str] | None:
    found = set()
    if integer(helm, "conductor_v2_records"):
        found.add("2")
    if sequence(helm, "conductor_v3_objects") or integer(helm, "conductor_v3_records"):
        found.add("3")
    return frozenset(found) if found or helm.get("readable") is True else None


def _member(kind: type[E], value: str, default: E) -> E:
    return next((member for member in kind if member.value == value), default)
