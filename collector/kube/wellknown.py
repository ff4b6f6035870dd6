"""Resources to ask for when a server cannot say what it offers; data in configs/collection."""

from __future__ import annotations

from typing import Literal

import msgspec

from collector.core.errors import SpecError
from collector.core.resources import config_path
from collector.core.yamlfile import YamlFile
from collector.kube.discovery import ApiResource


class _Row(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    group: str
    version: str
    name: str
    kind: str
    namespaced: bool


class _File(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    api_version: Literal["conductor-diag/v1"]
    kind: Literal["WellKnownResources"]
    resources: tuple[_Row, ...]


def well_known() -> tuple[ApiResource, ...]:
    """Returns the shipped rows in order of value. Raises SpecError if the file was damaged."""
    content = YamlFile(config_path("collection", "well-known.yaml"), SpecError).decode(_File)
    return tuple(
        ApiResource(
            group=row.group,
            version=row.version,
            plural=row.name,
            kind=row.kind,
            namespaced=row.namespaced,
            verbs=frozenset({"get", "list"}),
        )
        for row in content.resources
    )
