"""What lines in the logs of backup jobs and of servers mean: a list that is data, and its bounded reading."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import msgspec

from collector.core.errors import SpecError
from collector.core.resources import config_path
from collector.core.yamlfile import YamlFile

RUN_FAILED = "CND-PG-004"
"""The rule of every line that proves nothing but that the run failed."""

_LONGEST = 2000
_NAME = re.compile(r"[a-z][a-z-]{2,40}")
_RULE = re.compile(r"CND-PG-\d{3}")
# No known line is without one of these; most lines of a log are, and cost one search instead of fifty.
_TELLING = re.compile(
    r"error|fail|warn|fatal|invalid|denied|expired|refused|terminated|complete|success|mismatch|pushed|"
    r"connect|unexpected|no space|no ?such|not ?match|skewed",
    re.IGNORECASE,
)


class Line(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One known line; the file says what the fields mean."""

    id: str
    tool: str
    match: str
    means: str
    example: str
    source: str
    rule: str = RUN_FAILED
    grade: Literal["critical", "high", "medium"] = "high"
    fails: bool = True

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.id) or not _RULE.fullmatch(self.rule):
            raise ValueError(f"{self.id!r}: a name of small letters and a rule such as {RUN_FAILED}")
        _compiled(self.match)


class Success(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A line by which a tool says that it succeeded after all."""

    tool: str
    match: str
    example: str
    source: str

    def __post_init__(self) -> None:
        _compiled(self.match)


class Known(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """The file."""

    api_version: Literal["conductor-diag/v1"]
    kind: Literal["PostgresLogLines"]
    lines: tuple[Line, ...]
    successes: tuple[Success, ...]

    def line(self, text: str) -> Line | None:
        """Returns what a line of a log is, None if it is not known."""
        cut = text[:_LONGEST]
        return next((one for one in self.lines if _compiled(one.match).search(cut)), None)

    def success(self, text: str) -> frozenset[str]:
        """Returns the tools whose failures are over by what a line says."""
        cut = text[:_LONGEST]
        return frozenset(one.tool for one in self.successes if _compiled(one.match).search(cut))


@dataclass(frozen=True, kw_only=True)
class Said:
    """A known line that was found. ``at`` counts from 0; of several alike it is the last."""

    line: Line
    at: int


@functools.cache
def _compiled(pattern: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern)
    except re.error as error:
        raise ValueError(f"{pattern!r} is no pattern: {error}") from error


@functools.cache
def known_lines() -> Known:
    """Returns the shipped list. Raises SpecError if it was damaged."""
    return YamlFile(config_path("postgres", "log-lines.yaml"), SpecError).decode(Known)


def read(lines: Iterable[str]) -> tuple[Said, ...]:
    """Returns the known lines in a log, one of each kind, in the order in which the kinds came up first.

    A success takes back what the same tool failed at before: it was tried again and went well.
    """
    known = known_lines()
    found: dict[str, Said] = {}
    for at, text in enumerate(lines):
        if not _TELLING.search(text, 0, _LONGEST):
            continue
        if line := known.line(text):
            found[line.id] = Said(line=line, at=at)
        elif over := known.success(text):
            found = {
                key: one for key, one in found.items() if one.line.tool not in over or not one.line.fails
            }
    return tuple(found.values())
