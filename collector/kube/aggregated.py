"""Turns discovery in its aggregated form into the plain form, which is what readers of a bundle know.

Servers since 1.26 answer ``/api`` and ``/apis`` with everything at once when asked for it
(``APIGroupDiscoveryList``); older ones ignore the wish and give the plain form.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from collector.records import Json
from collector.records.access import mapping, sequence, string, strings

_KIND = "APIGroupDiscoveryList"
ACCEPT = ",".join(
    (
        *(f"application/json;g=apidiscovery.k8s.io;v={v};as={_KIND}" for v in ("v2", "v2beta1")),
        "application/json",
    )
)
"""Accept header: the aggregated form in either version, else the plain one."""


@dataclass(frozen=True, kw_only=True)
class Unfolded:
    """The plain form: APIGroup objects, and one APIResourceList for each group version that is current.

    ``stale`` names the group versions whose backend did not answer the server that aggregates them.
    """

    groups: tuple[Json, ...]
    documents: dict[str, Json]
    stale: tuple[str, ...]


def is_aggregated(answer: Json) -> bool:
    """True for the aggregated form."""
    return string(answer, "kind") == _KIND


def unfold(answer: Json) -> Unfolded:
    """Returns the plain form of an aggregated answer; what is not of the expected shape is left out."""
    groups: list[Json] = []
    documents: dict[str, Json] = {}
    stale: list[str] = []
    for entry in sequence(answer, "items"):
        name = string(mapping(entry, "metadata"), "name")
        served = [version for version in sequence(entry, "versions") if string(version, "version")]
        versions = [
            {"groupVersion": _joined(name, string(version, "version")), "version": string(version, "version")}
            for version in served
        ]
        if name and versions:
            groups.append({"name": name, "versions": versions, "preferredVersion": versions[0]})
        for stated, version in zip(versions, served, strict=True):
            if string(version, "freshness") == "Stale":
                stale.append(stated["groupVersion"])
            else:
                resources = list(_resources(version, name))
                documents[stated["groupVersion"]] = {
                    "groupVersion": stated["groupVersion"],
                    "resources": resources,
                }
    return Unfolded(groups=tuple(groups), documents=documents, stale=tuple(stale))


def _joined(group: str, version: str) -> str:
    return f"{group}/{version}" if group else version


def _resources(version: Json, group: str) -> Iterator[Json]:
    """Yields entries as an APIResourceList has them: each resource, then its subresources."""
    own = group, string(version, "version")
    for resource in sequence(version, "resources"):
        name, namespaced = string(resource, "resource"), string(resource, "scope") == "Namespaced"
        if string(mapping(resource, "responseKind"), "kind"):
            singular = string(resource, "singularResource")
            yield _entry(name, resource, own, namespaced=namespaced, singular=singular)
        for part in sequence(resource, "subresources"):
            whole = f"{name}/{string(part, 'subresource')}"
            yield _entry(whole, part, own, namespaced=namespaced, singular="")


def _entry(name: str, described: Json, own: tuple[str, str], *, namespaced: bool, singular: str) -> Json:
    kind = mapping(described, "responseKind")
    served = string(kind, "group"), string(kind, "version")
    entry = {
        "name": name,
        "singularName": singular,
        "namespaced": namespaced,
        "kind": string(kind, "kind"),
        "verbs": strings(described, "verbs"),
    }
    entry |= {key: listed for key in ("shortNames", "categories") if (listed := strings(described, key))}
    # The plain form names group and version only of what answers in another one, such as a Scale.
    if served not in (own, ("", "")):
        entry |= {"group": served[0], "version": served[1]}
    return entry
