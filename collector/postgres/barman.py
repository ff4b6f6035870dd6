"""Barman and barman-cloud: list-backups, check and backup-list in JSON.

``check`` passes limits that nobody set; those are named, so that green does not read as checked.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime

from collector.postgres import wal
from collector.postgres.decode import OutputError, decode, moment, name, number
from collector.postgres.model import Backup, BackupState, Repository
from collector.records import Json
from collector.records.access import mapping, sequence, string

TOOL = "barman"
CLOUD = "barman-cloud"
_STATES: dict[str, BackupState] = {
    "DONE": "good",
    "FAILED": "failed",
    "STARTED": "running",
    "SYNCING": "running",
    "EMPTY": "running",
    # All files are there, the WAL that makes them consistent is not.
    "WAITING_FOR_WALS": "waiting",
}
_UNSET = re.compile(r"\bno \w+ provided\b")
_CHECK = re.compile(r"[a-z_]{2,60}")
_MAX_BACKUPS = 2000


def read_backups(data: bytes) -> tuple[tuple[Repository, ...], tuple[Backup, ...]]:
    """Returns servers and backups of ``list-backups all``. Raises OutputError."""
    content = decode(data)
    if not isinstance(content, dict) or "_ERROR" in content:
        raise OutputError("an error instead of a list")
    repositories, backups = [], []
    for server, entries in content.items():
        found = [_backup(server, entry) for entry in sequence({"": entries}, "")]
        backups += found
        state = Repository(tool=TOOL, name=name(server), state="ok" if found else "empty")
        repositories.append(state)
    return tuple(repositories), tuple(backups[:_MAX_BACKUPS])


def _backup(server: str, entry: Json) -> Backup:
    return Backup(
        tool=TOOL,
        id=name(entry.get("backup_id")),
        kind={"incremental": "incr", "rsync": "full"}.get(string(entry, "backup_type"), "full"),
        state=_STATES.get(string(entry, "status"), "unknown"),
        repository=name(server),
        # end_time is local time without a zone; only the epoch is used.
        stop=moment(entry.get("end_time_timestamp")),
        size=number(entry.get("size_bytes")),
        stored=number(entry.get("size_bytes")),
    )


def read_checks(data: bytes) -> tuple[Repository, ...]:
    """Returns what ``check`` found wrong and what it could not check. Raises OutputError."""
    content = decode(data)
    if not isinstance(content, dict) or "_ERROR" in content:
        raise OutputError("an error instead of checks")
    found = []
    for server in content:
        checks = {
            key: value
            for key, value in mapping(content, server).items()
            if _CHECK.fullmatch(key) and isinstance(value, dict)
        }
        failed = tuple(sorted(key for key, value in checks.items() if string(value, "status") == "FAILED"))
        unset = tuple(sorted(key for key, value in checks.items() if _UNSET.search(string(value, "hint"))))
        found.append(
            Repository(
                tool=TOOL,
                name=name(server),
                state="broken" if "postgresql" in failed else "ok",
                failed_checks=failed,
                unchecked=unset,
            )
        )
    return tuple(found)


def read_cloud_backups(data: bytes) -> tuple[Repository, tuple[Backup, ...]]:
    """Returns the catalogue of ``barman-cloud-backup-list --format json``. Raises OutputError."""
    content = decode(data)
    if not isinstance(content, dict) or not isinstance(content.get("backups_list"), list):
        raise OutputError("not a list of backups")
    found = tuple(_cloud(entry) for entry in sequence(content, "backups_list"))[:_MAX_BACKUPS]
    return Repository(tool=CLOUD, name="storage", state="ok" if found else "empty"), found


def _cloud(entry: Json) -> Backup:
    return Backup(
        tool=CLOUD,
        id=name(entry.get("backup_id")),
        kind="full",
        state=_STATES.get(string(entry, "status"), "unknown"),
        repository="storage",
        start=moment(entry.get("begin_time_iso")) or _ctime(entry.get("begin_time")),
        stop=moment(entry.get("end_time_iso")) or _ctime(entry.get("end_time")),
        size=number(entry.get("size")),
        wal_start=wal.segment(entry.get("begin_wal")),
        wal_stop=wal.segment(entry.get("end_wal")),
        system_id=name(entry.get("systemid")),
        error="error" if entry.get("error") else "",
    )


def _ctime(value: object) -> datetime | None:
    """Returns the time in C's form, taken as UTC: containers run in it, and older versions state no more."""
    try:
        return (
            datetime.strptime(value, "%a %b %d %H:%M:%S %Y").replace(tzinfo=UTC)
            if isinstance(value, str)
            else None
        )
    except ValueError:
        return None


def merged(listed: tuple[Repository, ...], checked: tuple[Repository, ...]) -> Iterator[Repository]:
    """Yields one record a server out of the list of backups and the checks."""
    by_name = {one.name: one for one in checked}
    for one in listed:
        check = by_name.pop(one.name, None)
        yield (
            one
            if check is None
            else Repository(
                tool=one.tool,
                name=one.name,
                state=one.state if check.state == "ok" else check.state,
                failed_checks=check.failed_checks,
                unchecked=check.unchecked,
            )
        )
    yield from by_name.values()
