"""What a directory offers, in the form in which an API server says it: groups and their resources."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from collector.imports.shelves import Shelf
from collector.kube.discovery import ApiResource
from collector.records import Json
from collector.records.access import sequence, string
from collector.spec import Catalog

_DEFAULT_VERSION = "v1"


@dataclass(frozen=True, kw_only=True)
class Offers:
    """``groups`` is the answer to /apis without its frame, ``documents`` are the answers by group version."""

    groups: Sequence[Json]
    documents: Mapping[str, Json]


def offers_of(
    shelves: Sequence[Shelf], groups: Iterable[Json], documents: Iterable[Json], catalog: Catalog
) -> Offers:
    """Returns the offers of a directory.

    A resource without a file is left out, unless every server has it: then asking for it shows what the
    directory lacks.

    Args:
        shelves: what the directory holds.
        groups: the directory's own APIGroups, none if it holds none.
        documents: its own APIResourceLists, likewise.
        catalog: says which resources every server has.
    """
    held = {(shelf.resource.group, shelf.resource.plural) for shelf in shelves}
    kept = {string(document, "groupVersion"): _with_files(document, held) for document in documents}
    for resource in (*(shelf.resource for shelf in shelves), *_expected(catalog, held)):
        _add(kept, resource)
    kept.pop("", None)
    listed = {string(group, "name"): group for group in groups if string(group, "name")}
    for version in kept:
        name = version.rpartition("/")[0]
        if name and name not in listed:
            listed[name] = _group(name, [other for other in kept if other.rpartition("/")[0] == name])
    return Offers(groups=tuple(listed.values()), documents=kept)


def _with_files(document: Json, held: set[tuple[str, str]]) -> dict[str, Any]:
    version = string(document, "groupVersion")
    group = version.rpartition("/")[0]
    resources = [entry for entry in sequence(document, "resources") if (group, string(entry, "name")) in held]
    return {"groupVersion": version, "resources": resources}


def _expected(catalog: Catalog, held: set[tuple[str, str]]) -> Iterable[ApiResource]:
    for row in catalog.rows:
        if row.expected and not any((group, row.name) in held for group in row.groups):
            yield ApiResource(
                group=row.groups[0],
                version="",
                plural=row.name,
                kind=row.name,
                namespaced=True,
                verbs=frozenset({"list"}),
            )


def _add(documents: dict[str, dict[str, Any]], resource: ApiResource) -> None:
    """Adds a resource to its document, or to any of its group's, unless it stands there already."""
    of_group = [version for version in documents if version.rpartition("/")[0] == resource.group]
    version = resource.version or (of_group[0].rpartition("/")[2] if of_group else _DEFAULT_VERSION)
    name = f"{resource.group}/{version}" if resource.group else version
    document = documents.setdefault(name, {"groupVersion": name, "resources": []})
    if all(string(entry, "name") != resource.plural for entry in document["resources"]):
        document["resources"].append(
            {
                "name": resource.plural,
                "singularName": "",
                "namespaced": resource.namespaced,
                "kind": resource.kind,
                "verbs": ["get", "list"],
            }
        )


def _group(name: str, versions: Sequence[str]) -> Json:
    entries = [{"groupVersion": version, "version": version.rpartition("/")[2]} for version in versions]
    return {"name": name, "versions": entries, "preferredVersion": entries[0]}
