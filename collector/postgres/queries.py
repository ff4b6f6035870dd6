"""The SQL that is asked, kept as data, and the one psql session it becomes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Literal

import msgspec

from collector.core.errors import SpecError
from collector.core.resources import config_path
from collector.core.yamlfile import YamlFile

MARK = "@@"
OPENING = "opening"
"""The question about the server's version, which every other one depends on."""

_NEWEST = 2**31 - 1
_NAME = re.compile(r"[a-z_]{2,40}")
_VALUE = re.compile(r"[a-z0-9_]{1,40}")
_READS = re.compile(r"(?i)select\b")


class Query(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename={"since": "from"}):
    """One query for the servers from ``since`` until ``until`` (server_version_num, both included)."""

    id: str
    sql: str
    since: int = 0
    until: int = _NEWEST

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.id):
            raise ValueError(f"{self.id!r} is no name of a query")
        if not _READS.match(self.sql) or ";" in self.sql:
            raise ValueError(f"{self.id}: exactly one select")


class _File(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    api_version: Literal["conductor-diag/v1"]
    kind: Literal["PostgresQueries"]
    queries: tuple[Query, ...]
    settings: tuple[str, ...] = ()
    session: dict[str, str] = {}


def load_queries(name: str = "queries.yaml") -> tuple[Query, ...]:
    """Returns the shipped queries of a file in configs/postgres. Raises SpecError if it was damaged."""
    content = YamlFile(config_path("postgres", name), SpecError).decode(_File)
    names = ",".join(name for name in content.settings if _NAME.fullmatch(name))
    return tuple(
        msgspec.structs.replace(query, sql=query.sql.replace("{settings}", f"{{{names}}}"))
        for query in content.queries
    )


def load_session() -> Mapping[str, str]:
    """Returns the settings under which every question is asked. Raises SpecError if the file was damaged."""
    found = YamlFile(config_path("postgres", "queries.yaml"), SpecError).decode(_File).session
    if not found or not all(_NAME.fullmatch(name) and _VALUE.fullmatch(found[name]) for name in found):
        raise SpecError("the settings of a session are not names and plain values")
    return found


def batch(queries: tuple[Query, ...]) -> bytes:
    """Returns the text for psql's standard input.

    Each query stands between marks, so that one that is denied or unknown loses itself only; errors are
    reported by their SQLSTATE, which no query's text can leak through.
    """
    return ("\n".join((*_opening(queries), *_asked(queries), "\\echo @@end", "\\q")) + "\n").encode()


def _opening(queries: tuple[Query, ...]) -> Iterator[str]:
    yield "\\set QUIET on"
    yield "\\set VERBOSITY sqlstate"
    yield "\\pset format unaligned"
    yield "\\pset tuples_only on"
    yield "\\pset pager off"
    # One question for all of them: where even this one waits for a lock, it is waited for once.
    wanted = ", ".join(
        f"asked between {query.since} and {query.until} as u{at}" for at, query in enumerate(queries)
    )
    yield f"\\echo {MARK}{OPENING}"
    # Numbers of our own configuration, as the SQL below.
    yield (
        f"select {wanted} from (select current_setting('server_version_num')::int as asked) as known \\gset"  # noqa: S608
    )
    yield f"\\echo {MARK}={OPENING} :SQLSTATE"


def _asked(queries: tuple[Query, ...]) -> Iterator[str]:
    for at, query in enumerate(queries):
        yield f"\\if :u{at}"
        yield f"\\echo {MARK}{query.id}"
        # The SQL is shipped data, checked when it was loaded; nothing from outside is put into it.
        yield f"select row_to_json(answer) from ({query.sql}) answer;"  # noqa: S608
        yield f"\\echo {MARK}={query.id} :SQLSTATE"
        yield "\\endif"
