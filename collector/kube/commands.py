"""The only commands that can be run in a pod: shipped as data, filled with values that were checked."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

import msgspec

from collector.core.errors import SpecError
from collector.core.resources import config_path
from collector.core.yamlfile import YamlFile
from collector.kube.guard import RefusedRequestError

_HOLE = re.compile(r"<([a-z]+)>")
# No value can begin with a dash, leave its folder or carry a character that a shell or a terminal minds.
_VALUES = {
    "stanza": re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}"),
    "database": re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,62}"),
    "repo": re.compile(r"[1-9]\d{0,2}"),
    "folder": re.compile(r"/[A-Za-z0-9._/@:+-]{1,250}"),
    "file": re.compile(r"/[A-Za-z0-9._/@:+ -]{1,1000}"),
}


class _Row(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: str
    argv: tuple[str, ...]
    seconds: int
    limit: int
    as_owner: bool = False
    deep: bool = False


class _File(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename={"api_version": "apiVersion"},
):
    api_version: Literal["conductor-diag/v1"]
    kind: Literal["PodCommands"]
    owner: str
    commands: tuple[_Row, ...]


@dataclass(frozen=True, kw_only=True)
class Command:
    """One command, ready to be sent. ``seconds`` is its time, ``limit`` the bytes of output that are read."""

    name: str
    argv: tuple[str, ...]
    seconds: float
    limit: int
    deep: bool = False


class Commands:
    """The list of a file in configs/postgres."""

    def __init__(self, name: str = "commands.yaml") -> None:
        content = YamlFile(config_path("postgres", name), SpecError).decode(_File)
        self._rows = {row.name: row for row in content.commands}
        self._owner = content.owner

    @property
    def names(self) -> tuple[str, ...]:
        """Every command's name."""
        return tuple(self._rows)

    def get(self, name: str, **values: str) -> Command:
        """Returns a command filled with values.

        Raises:
            RefusedRequestError: there is no such command, or a value is not one that it may take.
        """
        row = self._rows.get(name)
        if row is None:
            raise RefusedRequestError(f"no command {name}")
        argv = tuple(_filled(word, values) for word in row.argv)
        if row.as_owner:
            argv = ("sh", "-c", self._owner, "sh", *argv)
        return Command(name=name, argv=argv, seconds=row.seconds, limit=row.limit, deep=row.deep)


def _filled(word: str, values: dict[str, str]) -> str:
    def value(found: re.Match[str]) -> str:
        given = values.get(found[1], "")
        pattern = _VALUES.get(found[1])
        if pattern is None or not pattern.fullmatch(given) or ".." in given:
            raise RefusedRequestError(f"{found[1]} {given[:60]!r} is not a value that a command may take")
        return given

    return _HOLE.sub(value, word)
