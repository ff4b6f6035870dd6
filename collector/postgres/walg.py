"""WAL-G: ``backup-list --detail --json`` and ``wal-show --detailed-json``, as its source prints them."""

from __future__ import annotations

from collections.abc import Iterator

from collector.postgres import wal
from collector.postgres.decode import OutputError, decode, moment, name, number
from collector.postgres.model import Archive, Backup, Range, Repository
from collector.records import Json
from collector.records.access import integer, strings

TOOL = "wal-g"
_MAX_BACKUPS = 2000


def read_backups(data: bytes) -> tuple[Repository, tuple[Backup, ...]]:
    """Returns the catalogue, oldest backup first whatever order was printed. Raises OutputError."""
    content = decode(data)
    if not isinstance(content, list):
        raise OutputError("not a list of backups")
    found = sorted(
        (_backup(entry) for entry in content if isinstance(entry, dict)),
        key=lambda backup: backup.point.timestamp() if backup.point else 0.0,
    )
    state = Repository(tool=TOOL, name="storage", state="ok" if found else "empty")
    return state, tuple(found[-_MAX_BACKUPS:])


def _backup(entry: Json) -> Backup:
    id_ = name(entry.get("backup_name"))
    base, delta, parent = id_.partition("_D_")
    system = entry.get("system_identifier")
    return Backup(
        tool=TOOL,
        id=id_,
        kind="incr" if delta else "full",
        state="good",
        repository="storage",
        start=moment(entry.get("start_time")),
        stop=moment(entry.get("finish_time")) or moment(entry.get("time")),
        size=number(entry.get("uncompressed_size")),
        stored=number(entry.get("compressed_size")),
        wal_start=wal.segment(entry.get("wal_file_name")) or wal.segment(base.removeprefix("base_")),
        wal_stop=_stop(entry, base),
        system_id=str(system) if isinstance(system, int) else "",
        parents=(f"base_{parent}",) if delta else (),
    )


def _stop(entry: Json, base: str) -> str:
    """Returns the segment in which the backup ended; LSNs are whole numbers here."""
    start = wal.segment(entry.get("wal_file_name")) or wal.segment(base.removeprefix("base_"))
    finish = number(entry.get("finish_lsn"))
    if not start or not finish:
        return start
    return wal.named(int(start[:8], 16), (finish - 1) // wal.DEFAULT_SEGMENT, wal.DEFAULT_SEGMENT)


def read_wal(data: bytes) -> tuple[Archive, ...]:
    """Returns the archive as ranges; each timeline names the segments it lacks. Raises OutputError."""
    content = decode(data)
    if not isinstance(content, list):
        raise OutputError("not a list of timelines")
    timelines = [entry for entry in content if isinstance(entry, dict)]
    size = _segment_size(timelines)
    found = tuple(part for entry in timelines for part in _ranges(entry, size))
    if not found:
        return (
            Archive(
                tool=TOOL,
                repository="storage",
                listed=True,
                segment_size=size if wal.valid_size(size) else wal.DEFAULT_SEGMENT,
            ),
        )
    return (
        Archive(
            tool=TOOL,
            repository="storage",
            first=found[0].first,
            last=found[-1].last,
            listed=True,
            ranges=found,
            histories=tuple(
                sorted(integer(entry, "id") for entry in timelines if integer(entry, "parent_id"))
            ),
            segment_size=size,
        ),
    )


def _segment_size(timelines: list[Json]) -> int:
    stated = next((integer(entry, "segment_range_size") for entry in timelines), 0)
    return stated if wal.valid_size(stated) else wal.DEFAULT_SEGMENT


def _ranges(entry: Json, size: int) -> Iterator[Range]:
    first, last = wal.segment(entry.get("start_segment")), wal.segment(entry.get("end_segment"))
    if not first or not last:
        return
    timeline, start = wal.place(first, size)
    for missing in sorted(filter(None, map(wal.segment, strings(entry, "missing_segments")))):
        at = wal.place(missing, size)[1]
        if at > start:
            yield Range(first=wal.named(timeline, start, size), last=wal.named(timeline, at - 1, size))
        start = at + 1
    if start <= wal.place(last, size)[1]:
        yield Range(first=wal.named(timeline, start, size), last=last)
