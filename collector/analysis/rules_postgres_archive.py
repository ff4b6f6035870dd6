"""Rules on WAL: is it archived, without holes, as far as the backups need, and to where could one restore."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta

from collector.analysis.marks import PHYSICAL, Case, Check, Grade, Mark
from collector.core.text import counted, human_age, human_bytes
from collector.findings import Confidence
from collector.postgres import wal
from collector.postgres.model import Archive, Backup, Server

_FAILING = timedelta(minutes=5)
_MANY_WAITING, _MOST_WAITING = 10, 64
_BEHIND = 2
_IN_FLIGHT = 2
_SLOT_RETAINS = 2 * 1024**3
_SLOT_NOTICED = 256 * 1024**2
_SLOT_SHARE = 0.1
# The names that the manuals of tools give to the slots through which they receive WAL.
_OF_BACKUPS = re.compile(
    r"barman|backup|receive_?wal|(?:^|_)wal_?(?:receiver|archiver|archive|g)(?:_|$)", re.IGNORECASE
)


def backlog(case: Case) -> Iterator[Mark]:
    """Segments wait to be archived."""
    primary = case.primary
    if primary is None or primary.ready is None:
        return
    waited = case.now - primary.oldest_ready if primary.oldest_ready else timedelta(0)
    high = primary.ready > _MOST_WAITING or (primary.ready > 0 and waited > case.archive_objective)
    if high or primary.ready > _MANY_WAITING:
        age = f", the oldest for {human_age(waited.total_seconds())}" if primary.oldest_ready else ""
        yield Mark(
            rule="CND-PG-019",
            grade=Grade.HIGH if high else Grade.MEDIUM,
            summary=f"{counted(primary.ready, 'WAL segment')} wait to be archived{age}",
            pointer=case.server("/ready"),
        )


def behind(case: Case) -> Iterator[Mark]:
    """What the server says it archived is not in the repository, or it stopped archiving silently."""
    primary = case.primary
    if primary is None or primary.archiver is None:
        return
    size = primary.segment_size if wal.valid_size(primary.segment_size) else wal.DEFAULT_SEGMENT
    archived = primary.archiver.last_archived
    for at, one in enumerate(case.cluster.archives):
        if archived and one.last and one.tool in PHYSICAL:
            (line, there), (on, here) = wal.place(one.last, size), wal.place(archived, size)
            if line == on and here - there > _BEHIND:
                yield Mark(
                    rule="CND-PG-020",
                    grade=Grade.HIGH,
                    summary=f"the server archived up to {archived}, the {one.tool} archive ends at "
                    f"{one.last}",
                    pointer=f"/archives/{at}",
                )
                return
    yield from _silent(case, primary, size)


def _silent(case: Case, primary: Server, size: int) -> Iterator[Mark]:
    archiver = primary.archiver
    if archiver is None or archiver.failing or not archiver.last_archived_at or not primary.current_wal:
        return
    pause = timedelta(seconds=int(primary.settings.get("archive_timeout", "0") or 0)) + _FAILING
    here, last = wal.place(primary.current_wal, size), wal.place(archiver.last_archived, size)
    # An idle server archives nothing: only WAL that was written since counts.
    if here[0] == last[0] and here[1] - last[1] > _BEHIND and case.now - archiver.last_archived_at > pause:
        yield Mark(
            rule="CND-PG-020",
            grade=Grade.HIGH,
            summary=f"the server writes {primary.current_wal} and archived {archiver.last_archived} last, "
            f"{human_age((case.now - archiver.last_archived_at).total_seconds())} ago",
            pointer=case.server("/archiver"),
        )


def holes(case: Case) -> Iterator[Mark]:
    """Segments are missing between the oldest backup that is kept and the newest segment."""
    for at, archive in enumerate(case.cluster.archives):
        backups = case.backups_of(archive)
        if not archive.listed or archive.truncated or not backups:
            continue
        size = archive.segment_size
        since: dict[int, int] = {}
        for one in backups:
            line, number = wal.place(one.wal_start, size)
            since[line] = min(number, since.get(line, number))
        found = [
            gap for gap in wal.gaps(archive.ranges, size, since=since) if not _in_flight(case, archive, gap)
        ]
        if not found:
            continue
        newest = max(backups, key=lambda one: one.wal_start)
        after = [gap for gap in found if gap.last >= newest.wal_start]
        gap = (after or found)[-1]
        count = sum(one.count for one in found)
        effect = (
            f"the newest backup reaches {wal.reach(newest.wal_stop, archive.ranges, size)} and no further"
            if after
            else "backups before it cannot be rolled forward past it"
        )
        yield Mark(
            rule="CND-PG-021",
            grade=Grade.CRITICAL if after else Grade.HIGH,
            summary=f"{counted(count, 'WAL segment')} missing in the {archive.tool} archive "
            f"({gap.first} to {gap.last}); {effect}",
            pointer=f"/archives/{at}",
        )


def _in_flight(case: Case, archive: Archive, gap: wal.Gap) -> bool:
    """Asynchronous archiving stores the newest segments in any order."""
    fresh = archive.newest is not None and case.now - archive.newest < _FAILING
    size = archive.segment_size
    return fresh and wal.place(archive.last, size)[1] - wal.place(gap.last, size)[1] <= _IN_FLIGHT


def inconsistent(case: Case) -> Iterator[Mark]:
    """WAL from a backup's start to its stop is not all there: that backup cannot be restored at all."""
    for at, one in enumerate(case.cluster.backups):
        if one not in case.good or not one.wal_start or not one.wal_stop:
            continue
        for archive in case.cluster.archives:
            if archive.tool == one.tool and archive.repository == one.repository:
                missing = _lacks(one, archive)
                if missing:
                    newest = one == case.good[-1]
                    yield Mark(
                        rule="CND-PG-022",
                        grade=Grade.CRITICAL if newest else Grade.HIGH,
                        summary=f"backup {one.id} lacks {counted(missing, 'WAL segment')} of its own "
                        f"({one.wal_start} to {one.wal_stop})",
                        pointer=f"/backups/{at}",
                    )
    for at, one in enumerate(case.cluster.backups):
        if one.state == "waiting":
            yield Mark(
                rule="CND-PG-022",
                grade=Grade.HIGH,
                summary=f"backup {one.id} still waits for WAL and cannot be restored yet",
                pointer=f"/backups/{at}",
            )


def _lacks(one: Backup, archive: Archive) -> int:
    if archive.listed:
        if archive.truncated:
            return 0
        return wal.missing_between(one.wal_start, one.wal_stop, archive.ranges, archive.segment_size)
    if not archive.last or archive.last[:8] != one.wal_stop[:8]:
        return 0
    size = archive.segment_size or wal.DEFAULT_SEGMENT
    return max(wal.place(one.wal_stop, size)[1] - wal.place(archive.last, size)[1], 0)


def new_timeline(case: Case) -> Iterator[Mark]:
    """The server was promoted since the newest backup."""
    primary = case.primary
    if primary is None or not primary.timeline:
        return
    latest = [one for one in case.good if one.wal_stop]
    if not latest or int(latest[-1].wal_stop[:8], 16) >= primary.timeline:
        return
    lists = [one for one in case.cluster.archives if one.listed]
    without = [one for one in lists if primary.timeline not in one.histories]
    yield Mark(
        rule="CND-PG-023",
        grade=Grade.HIGH if without else Grade.MEDIUM,
        summary=f"the server is on timeline {primary.timeline}, the newest backup on "
        f"{int(latest[-1].wal_stop[:8], 16)}"
        + (", and the new timeline's history file is not in the archive" if without else ""),
        pointer=case.server("/timeline"),
        confidence=Confidence.PROVEN if lists else Confidence.INFERRED,
    )


def slots(case: Case) -> Iterator[Mark]:
    """A replication slot keeps WAL that nobody fetches, or lost what it was to keep."""
    primary = case.primary
    if primary is None:
        return
    smallest = min((one.size for one in case.cluster.volumes), default=0)
    for at, one in enumerate(primary.slots):
        if one.wal_status in ("lost", "unreserved"):
            # A standby is made anew from the server; what a backup tool has lost is a hole in its archive.
            hole = one.wal_status == "lost" and bool(_OF_BACKUPS.search(one.name))
            told = "; by its name it fetched WAL for backups" if hole else ""
            yield Mark(
                rule="CND-PG-027",
                grade=Grade.CRITICAL if hole else Grade.HIGH,
                summary=f"the replication slot {one.name} is {one.wal_status}: its consumer "
                f"cannot go on{told}",
                pointer=case.server(f"/slots/{at}"),
                confidence=Confidence.INFERRED if hole else Confidence.PROVEN,
            )
        elif not one.active and one.retained and one.retained > _SLOT_NOTICED:
            share = bool(smallest) and one.retained > _SLOT_SHARE * smallest
            yield Mark(
                rule="CND-PG-027",
                grade=Grade.HIGH if one.retained > _SLOT_RETAINS or share else Grade.MEDIUM,
                summary=f"the unused replication slot {one.name} keeps {human_bytes(one.retained)} of WAL",
                pointer=case.server(f"/slots/{at}"),
            )


CHECKS: tuple[Check, ...] = (
    backlog,
    behind,
    holes,
    inconsistent,
    new_timeline,
    slots,
)
