"""The catalogue of resources: which are read, by which collector, in which order. Its data is in configs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import msgspec

from collector.core.errors import SpecError
from collector.core.resources import config_path
from collector.core.yamlfile import YamlFile


class CatalogRow(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One resource.

    Attributes:
        name: plural, as discovery names it.
        groups: API groups that serve the same objects, the one to ask first; "" is the core group.
        collector: whose work it is.
        minimal: the profile ``minimal`` reads it too.
        expected: every supported server has it.
    """

    name: str
    groups: tuple[str, ...]
    collector: Literal["cluster", "workloads", "resources"]
    minimal: bool = False
    expected: bool = False


class SecretRow(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A resource whose objects carry credentials: never read with its content."""

    name: str
    groups: tuple[str, ...]


class CatalogFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """The file: rows in order of value, and what is never read with its content."""

    api_version: Literal["conductor-diag/v1"]
    kind: Literal["ResourceCatalog"]
    resources: tuple[CatalogRow, ...]
    secrets: tuple[SecretRow, ...]


@dataclass(frozen=True, kw_only=True)
class Catalog:
    """The rows in order of value."""

    rows: tuple[CatalogRow, ...]
    secrets: frozenset[tuple[str, str]]

    def of(self, collector: str) -> tuple[CatalogRow, ...]:
        """Returns the rows of one collector."""
        return tuple(row for row in self.rows if row.collector == collector)


def load_catalog() -> Catalog:
    """Returns the shipped catalogue. Raises SpecError if the file was damaged."""
    source = YamlFile(config_path("collection", "resources.yaml"), SpecError)
    content = source.decode(CatalogFile)
    named = [(group, row.name) for row in content.resources for group in row.groups]
    twice = sorted({name for name in named if named.count(name) > 1})
    if twice:
        raise SpecError(f"{source.path} is not valid", why=f"{twice[0]} stands twice")
    return Catalog(
        rows=content.resources,
        secrets=frozenset((group, row.name) for row in content.secrets for group in row.groups),
    )
