"""Which sessions in a database are there for its own sake: monitoring, backups, operators, this tool."""

from __future__ import annotations

import functools
from typing import Literal

import msgspec

from collector.core.errors import SpecError
from collector.core.resources import config_path
from collector.core.yamlfile import YamlFile


class _Row(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    why: str
    applications: tuple[str, ...] = ()
    images: tuple[str, ...] = ()


class Tolerated(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """The file configs/postgres/clients.yaml."""

    api_version: Literal["conductor-diag/v1"]
    kind: Literal["PostgresClients"]
    tolerated: tuple[_Row, ...]

    def application(self, name: str) -> bool:
        """True if a session that calls itself so is tolerated."""
        small = name.lower()
        return any(small.startswith(one) for row in self.tolerated for one in row.applications)

    def image(self, reference: str) -> bool:
        """True if sessions from a container of this image are tolerated."""
        small = reference.lower().rpartition("/")[2]
        return any(one in small for row in self.tolerated for one in row.images)


@functools.cache
def load_tolerated() -> Tolerated:
    """Returns the shipped list. Raises SpecError if it was damaged."""
    return YamlFile(config_path("postgres", "clients.yaml"), SpecError).decode(Tolerated)
