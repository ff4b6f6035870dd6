"""pgBackRest: ``info --output=json`` and ``repo-ls archive/STANZA --recurse --output=json``.

``info`` exits with 0 and says ok in almost every broken state, so only its content counts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from collector.postgres import wal
from collector.postgres.decode import OutputError, decode, moment, name, number
from collector.postgres.listing import ArchiveListing
from collector.postgres.model import Archive, Backup, Range, Repository, RepositoryState
from collector.records import Json
from collector.records.access import integer, mapping, sequence, string, strings

TOOL = "pgbackrest"
_ERROR = re.compile(r"\[(\w{3,40})\]")
_STATES: Mapping[int, RepositoryState] = {0: "ok", 1: "missing", 2: "empty", 3: "missing"}
_MAX_BACKUPS = 2000
_MAX_RANGES = 5000
_VERIFIED = re.compile(
    r"archiveId: ([\w.-]{1,40}), wal start: ([0-9A-F]{24}), wal stop: ([0-9A-F]{24})(?![0-9A-F])"
)


@dataclass(frozen=True, kw_only=True)
class Info:
    """What ``info`` said."""

    repositories: tuple[Repository, ...] = ()
    backups: tuple[Backup, ...] = ()
    archives: tuple[Archive, ...] = ()

    @property
    def stanzas(self) -> tuple[str, ...]:
        """Names of the stanzas that could be read."""
        return tuple(dict.fromkeys(one.name for one in self.repositories if one.name != "[invalid]"))


def read_info(data: bytes) -> Info:
    """Returns the catalogue. Raises OutputError when this is no answer of ``info``."""
    content = decode(data)
    if not isinstance(content, list):
        raise OutputError("not a list of stanzas")
    stanzas = [entry for entry in content if isinstance(entry, dict)]
    if not stanzas:
        return Info(repositories=(Repository(tool=TOOL, name="", state="missing"),))
    return Info(
        repositories=tuple(repo for stanza in stanzas for repo in _repositories(stanza)),
        backups=tuple(backup for stanza in stanzas for backup in _backups(stanza))[-_MAX_BACKUPS:],
        archives=tuple(archive for stanza in stanzas for archive in _archives(stanza)),
    )


def _repositories(stanza: Json) -> Iterator[Repository]:
    current = _current(stanza)
    running = mapping(mapping(mapping(stanza, "status"), "lock"), "backup").get("held") is True
    # Before 2.32 there is one repository and its status is the stanza's own.
    for repo in sequence(stanza, "repo") or [{"key": 1, "status": mapping(stanza, "status")}]:
        key = integer(repo, "key")
        status = mapping(repo, "status")
        found = _ERROR.match(string(status, "message"))
        system = current.get(key, (0, ""))[1]
        yield Repository(
            tool=TOOL,
            name=name(stanza.get("name")),
            key=str(key),
            state=_STATES.get(integer(status, "code"), "broken"),
            error=found[1] if found else "",
            system_id=system,
            running=running,
        )


def _current(stanza: Json) -> dict[int, tuple[int, str]]:
    """Returns, by repository, the newest database's id and system id; older ones are history."""
    found: dict[int, tuple[int, str]] = {}
    for entry in sequence(stanza, "db"):
        key, id_ = integer(entry, "repo-key") or 1, integer(entry, "id")
        if id_ >= found.get(key, (0, ""))[0]:
            found[key] = id_, str(integer(entry, "system-id"))
    return found


def _backups(stanza: Json) -> Iterator[Backup]:
    current = _current(stanza)
    systems = {
        (integer(db, "repo-key") or 1, integer(db, "id")): str(integer(db, "system-id"))
        for db in sequence(stanza, "db")
    }
    for entry in sequence(stanza, "backup"):
        database, info = mapping(entry, "database"), mapping(entry, "info")
        key, id_ = integer(database, "repo-key") or 1, integer(database, "id")
        times, repository = mapping(entry, "timestamp"), mapping(info, "repository")
        stored = number(repository.get("size"))
        yield Backup(
            tool=TOOL,
            id=name(entry.get("label")),
            kind=name(entry.get("type")),
            # error: pages whose checksum was wrong when they were copied. The backup is "ok" to pgBackRest.
            state="damaged" if entry.get("error") is True else "good",
            error="page_checksum" if entry.get("error") is True else "",
            repository=f"{name(stanza.get('name'))}/{key}",
            start=moment(times.get("start")),
            stop=moment(times.get("stop")),
            size=number(info.get("size")),
            # Block incremental backups state no size of the set.
            stored=stored if stored is not None else number(repository.get("delta")),
            wal_start=wal.segment(mapping(entry, "archive").get("start")),
            wal_stop=wal.segment(mapping(entry, "archive").get("stop")),
            system_id=systems.get((key, id_), ""),
            current_database=id_ == current.get(key, (id_, ""))[0],
            parents=tuple(map(name, strings(entry, "reference"))),
        )


def _archives(stanza: Json) -> Iterator[Archive]:
    current = _current(stanza)
    for entry in sequence(stanza, "archive"):
        database = mapping(entry, "database")
        key = integer(database, "repo-key") or 1
        if integer(database, "id") == current.get(key, (integer(database, "id"), ""))[0]:
            yield Archive(
                tool=TOOL,
                repository=f"{name(stanza.get('name'))}/{key}",
                id=name(entry.get("id")),
                first=wal.segment(entry.get("min")),
                last=wal.segment(entry.get("max")),
            )


def read_archive_listing(
    data: bytes, *, repository: str, segment_size: int, archive_id: str = "", complete: bool = True
) -> Archive:
    """Returns the archive in a listing that is held as a whole; see ``ArchiveListing``."""
    listing = ArchiveListing(archive_id)
    listing.feed(data)
    return listing.archive(tool=TOOL, repository=repository, segment_size=segment_size, complete=complete)


def read_verify(text: str) -> tuple[Literal["", "ok", "error"], frozenset[str]]:
    """Returns what ``verify --output=text`` says, and the labels of the backups that it found invalid.

    Its exit status is 0 whatever it finds, and an empty text says nothing at all.
    """
    found = re.findall(r"^\s*status: (ok|error)", text, re.MULTILINE)
    invalid = re.findall(r"\bbackup: ([\w-]{1,80}), status: invalid", text)
    return ("error" if "error" in found else "ok") if found else "", frozenset(invalid)


def _verified_ranges(text: str) -> Mapping[str, tuple[Range, ...]]:
    """Returns, by archive id, the ranges of WAL that ``verify`` names at the log level detail.

    A hole shows as two ranges and nothing else: the status stays ok.
    """
    found: dict[str, set[tuple[str, str]]] = {}
    for id_, first, last in _VERIFIED.findall(text):
        found.setdefault(id_, set()).add((first, last))
    return {
        id_: tuple(Range(first=first, last=last) for first, last in sorted(ends))[-_MAX_RANGES:]
        for id_, ends in found.items()
    }


def _with_ranges(archive: Archive, ranges: tuple[Range, ...], segment_size: int) -> Archive:
    names = tuple(name for one in ranges for name in (one.first, one.last))
    size = segment_size if wal.valid_size(segment_size) else wal.likely_size(names)
    return replace(archive, listed=True, ranges=ranges, segment_size=size)


def with_verify(info: Info, text: str, *, segment_size: int = 0) -> Info:
    """Returns the catalogue with what a verification found: invalid backups no longer count as good.

    ``segment_size`` is bytes, 0 if not known. WAL is taken over where there is one repository only, as the
    text does not tell of which it speaks.
    """
    verdict, invalid = read_verify(text)
    ranges = _verified_ranges(text) if len(info.repositories) == 1 else {}
    return replace(
        info,
        archives=tuple(
            _with_ranges(one, ranges[one.id], segment_size) if one.id in ranges else one
            for one in info.archives
        ),
        repositories=tuple(replace(one, verified=verdict) for one in info.repositories),
        backups=tuple(
            replace(one, state="damaged", error="verify") if one.id in invalid else one
            for one in info.backups
        ),
    )


def error_class(text: str) -> str:
    """Returns ``P00 ERROR: [028]`` in a message as ``error 028``, empty if there is none."""
    found = re.search(r"ERROR:\s*\[(\d{3})\]", text)
    return f"error {found[1]}" if found else ""
