"""Rules on archiving now: is it on, does its command keep anything, does it fail, what does the log say."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from collector.analysis.marks import Case, Check, Grade, Mark
from collector.core.text import counted
from collector.findings import Confidence
from collector.postgres.archiving import EMPTY, NOOP, SWALLOWS

_FAILING = timedelta(minutes=5)
_SOME_WAITING = 3
# Barman can receive WAL as a standby does, without any archive_command.
_STREAMING = frozenset({"barman"})


def off(case: Case) -> Iterator[Mark]:
    """Archiving is off although a tool for physical backups is in use."""
    primary = case.primary
    needing = [one for one in case.physical if one.tool not in _STREAMING]
    if primary is None or not needing:
        return
    settings = primary.settings
    if settings.get("archive_mode") == "off" or settings.get("wal_level") == "minimal":
        yield Mark(
            rule="CND-PG-016",
            grade=Grade.HIGH,
            summary=f"archive_mode is {settings.get('archive_mode', 'not known')} and wal_level "
            f"{settings.get('wal_level', 'not known')}, so no {needing[0].tool} backup can be rolled forward",
            pointer=case.server("/settings"),
        )


def does_nothing(case: Case) -> Iterator[Mark]:
    """The archive command reports success and keeps nothing, is missing, or hides its own failures."""
    said = case.cluster.conditions
    if said.get("wal_discarded") == "yes":
        yield Mark(
            rule="CND-PG-017",
            grade=Grade.CRITICAL if case.cluster.backups else Grade.HIGH,
            summary="the operator discards WAL and reports continuous archiving as working, as no "
            "backup is configured",
            pointer="/conditions",
        )
    primary = case.primary
    if primary is None or primary.settings.get("archive_mode", "off") == "off":
        return
    if primary.settings.get("archive_library"):
        return
    kind = primary.settings.get("archive_command", "")
    words = {
        NOOP: "archive_command only reports success: every WAL segment is lost once it is recycled",
        EMPTY: "archive_mode is on without an archive_command: WAL piles up and is archived nowhere",
        SWALLOWS: "archive_command hides its failures: a segment that could not be stored counts as archived",
    }
    if kind in words:
        claimed = bool(case.physical) or kind == EMPTY
        yield Mark(
            rule="CND-PG-017",
            grade=Grade.CRITICAL if claimed else Grade.INFO,
            summary=words[kind],
            pointer=case.server("/settings/archive_command"),
        )


def failing(case: Case) -> Iterator[Mark]:
    """The archiver has been failing for minutes, or segments wait behind the one that fails."""
    condition = case.cluster.conditions.get("ContinuousArchiving", "")
    if condition.startswith("False"):
        yield _fails(
            case,
            "the operator reports that continuous archiving fails",
            pointer="/conditions/ContinuousArchiving",
        )
    primary = case.primary
    if primary is None or primary.archiver is None or not primary.archiver.failing:
        return
    archiver = primary.archiver
    since = archiver.last_archived_at or primary.started
    lasted = archiver.last_failed_at - since if archiver.last_failed_at and since else timedelta(0)
    always = primary.settings.get("archive_command") == "always_fails"
    if always or lasted > _FAILING or (primary.ready or 0) >= _SOME_WAITING:
        waiting = f", {counted(primary.ready, 'segment')} waiting" if primary.ready else ""
        yield _fails(
            case,
            f"archiving fails at {archiver.last_failed or 'a segment'}{waiting}",
            pointer=case.server("/archiver"),
            last_seen=archiver.last_failed_at,
        )


def _fails(case: Case, summary: str, *, pointer: str, last_seen: datetime | None = None) -> Mark:
    """Returns the mark with what the server's log adds: the reason, and the line that gives it."""
    log = case.archiver_log
    return Mark(
        rule="CND-PG-018",
        grade=Grade.CRITICAL,
        summary=f"{summary}; the server's log: {log.means}" if log else summary,
        pointer=pointer,
        more=(log.evidence,) if log else (),
        facts={"said": log.reason} if log else {},
        last_seen=last_seen,
    )


def failing_by_log(case: Case) -> Iterator[Mark]:
    """Where the server was not asked its log tells: it tries again every minute and says so each time."""
    log = case.archiver_log
    asked = case.primary is not None and case.primary.archiver is not None
    if asked or log is None or log.moment is None or case.now - log.moment > case.archive_objective:
        return
    yield Mark(
        rule="CND-PG-018",
        grade=Grade.HIGH,
        summary=f"by the server's log, {log.means}",
        more=(log.evidence,),
        facts={"said": log.reason},
        confidence=Confidence.INFERRED,
        last_seen=log.moment,
    )


CHECKS: tuple[Check, ...] = (off, does_nothing, failing, failing_by_log)
