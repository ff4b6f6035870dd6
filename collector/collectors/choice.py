"""Decides for every resource that a server lists whether it is read, by which collector, or why not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase

from collector.kube.discovery import ApiResource, Discovery
from collector.spec import Catalog, CatalogRow, Spec

_REST = "resources"
_NO_SECRETS = "Secrets are not read (their names and labels: secretObjects: metadata in the spec)"
_HELMS_ALONE = "of Secrets only Helm 3's own, with Conductor's releases, are read (readHelmSecrets)"


@dataclass(frozen=True, kw_only=True)
class Choice:
    """One listable resource. ``skipped`` says why it is not read; empty when it is."""

    resource: ApiResource
    collector: str
    skipped: str = ""
    metadata_only: bool = False


def choose(discovery: Discovery, catalog: Catalog, spec: Spec) -> tuple[Choice, ...]:
    """Returns one choice for each listable resource, in the order in which they are read."""
    order = {key: at for at, key in enumerate(_keys(catalog.rows))}
    known = sorted(
        discovery.resources,
        key=lambda r: (order.get((r.group, r.plural), len(order)), r.group, r.plural),
    )
    rows = {(group, row.name): row for row in catalog.rows for group in row.groups}
    return tuple(_choice(resource, discovery, rows, catalog, spec) for resource in known)


def missing(discovery: Discovery, catalog: Catalog, collector: str) -> Iterator[CatalogRow]:
    """Yields the rows of a collector that every supported server has and this one does not."""
    for row in catalog.of(collector):
        if row.expected and discovery.find(row.name, *row.groups) is None:
            yield row


def _keys(rows: tuple[CatalogRow, ...]) -> Iterator[tuple[str, str]]:
    for row in rows:
        for group in row.groups:
            yield group, row.name


def _choice(
    resource: ApiResource,
    discovery: Discovery,
    rows: dict[tuple[str, str], CatalogRow],
    catalog: Catalog,
    spec: Spec,
) -> Choice:
    key = resource.group, resource.plural
    row = rows.get(key)
    collector = row.collector if row else _REST
    if _holds_secrets(resource, catalog):
        named = spec.secret_objects == "metadata"
        unread = _HELMS_ALONE if spec.read_helm_secrets else _NO_SECRETS
        why = (_not_run(_REST, spec) or _excluded(resource, spec)) if named else unread
        return Choice(resource=resource, collector=_REST, skipped=why, metadata_only=named)
    if row:
        first = discovery.find(row.name, *row.groups)
        if first is not None and first.group != resource.group:
            return Choice(
                resource=resource,
                collector=collector,
                skipped=f"the same objects are read as {first.full_name}",
            )
    why = _not_run(collector, spec) or _left_out(resource, row, spec)
    return Choice(resource=resource, collector=collector, skipped=why)


def _holds_secrets(resource: ApiResource, catalog: Catalog) -> bool:
    """True also for another group's resource of that name: what it holds can be guessed."""
    return any(resource.plural == name for _, name in catalog.secrets)


def _not_run(collector: str, spec: Spec) -> str:
    if collector in spec.skip or (spec.only and collector not in spec.only):
        return f"the collector {collector} is not run (only, skip)"
    return ""


def _excluded(resource: ApiResource, spec: Spec) -> str:
    if any(fnmatchcase(resource.full_name, pattern) for pattern in spec.resources.exclude):
        return "the spec excludes it (resources.exclude)"
    return ""


def _left_out(resource: ApiResource, row: CatalogRow | None, spec: Spec) -> str:
    excluded = _excluded(resource, spec)
    if excluded:
        return excluded
    if any(fnmatchcase(resource.full_name, pattern) for pattern in spec.resources.include):
        return ""
    if spec.resources.include:
        return "the spec does not include it (resources.include)"
    if spec.profile == "minimal" and not (row and row.minimal):
        return "not part of the profile minimal"
    return ""
