"""Rules on catalogues of backups: is there a good one, how old, of this database, whole, kept long enough."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from collector.analysis.marks import SKEW_HIGH, SKEW_NOTICED, Case, Check, Grade, Mark, median
from collector.core.clock import rfc3339
from collector.core.text import counted, human_age, human_bytes
from collector.findings import Confidence
from collector.postgres import barman, cron
from collector.postgres.model import Backup

_COLLAPSE, _SHRUNK = 0.5, 0.8
_FORMER = 5
_COMPARABLE = frozenset({"full", "base", "logical", "snapshot"})
_SMALL = 1024 * 1024
_STUCK_INTERVALS = 2
_DAMAGE = {"page_checksum": "holds pages whose checksum is wrong", "verify": "did not pass verification"}
# Older releases of this tool state when a backup ended without a zone: hours may be nothing but the zone.
_ZONELESS = frozenset({barman.CLOUD})
_TESTED = timedelta(days=90)
_NEW = timedelta(days=1)
_LATE = timedelta(minutes=5)
_FIELDS = 5


def unreadable(case: Case) -> Iterator[Mark]:
    """A catalogue cannot be read: credentials, endpoint, rights or a damaged index."""
    for at, one in enumerate(case.cluster.repositories):
        if one.state == "broken":
            what = f" ({one.error})" if one.error else ""
            yield Mark(
                rule="CND-PG-030",
                grade=Grade.CRITICAL,
                summary=f"the {one.tool} repository {_place(one.name, one.key)} cannot be used{what}",
                pointer=f"/repositories/{at}",
            )


def none_good(case: Case) -> Iterator[Mark]:
    """Backups are configured and there is no good one, in one repository or in all."""
    cluster = case.cluster
    for at, one in enumerate(cluster.repositories):
        own = [b for b in case.good if b.tool == one.tool and _same_place(b.repository, one.name, one.key)]
        if one.state in ("empty", "missing") or (one.state == "ok" and not own and cluster.backups):
            said = {"missing": "was never set up for this database", "empty": "holds no backup"}
            elsewhere = case.last_good is not None
            yield Mark(
                rule="CND-PG-002",
                grade=Grade.HIGH if elsewhere else Grade.CRITICAL,
                summary=f"the {one.tool} repository {_place(one.name, one.key)} "
                f"{said.get(one.state, 'holds no good backup')}",
                pointer=f"/repositories/{at}",
            )
    if not cluster.repositories and cluster.backups and case.last_good is None:
        tried = counted(len(cluster.backups), "attempt")
        yield Mark(
            rule="CND-PG-002",
            grade=Grade.CRITICAL,
            summary=f"none of {tried} at a backup succeeded",
            pointer="/backups",
        )


def _same_place(repository: str, name: str, key: str) -> bool:
    return repository in (name, f"{name}/{key}")


def _place(name: str, key: str) -> str:
    return f"{name} ({key})" if key and name else name or "(no stanza)"


def too_old(case: Case) -> Iterator[Mark]:
    """The newest good backup is older than the objective and the schedule's own pause allow."""
    last = case.last_good
    if last is None:
        return
    age = case.now - last
    if age <= case.allowed or (case.running and age <= 2 * case.allowed):
        return
    newest = max(
        range(len(case.cluster.backups)), key=lambda at: case.cluster.backups[at].point or last, default=None
    )
    yield Mark(
        rule="CND-PG-003",
        grade=Grade.CRITICAL if age > 2 * case.allowed else Grade.HIGH,
        summary=f"the newest good backup is {human_age(age.total_seconds())} old, "
        f"objective {human_age(case.objective.total_seconds())}",
        pointer="/backups" if newest is None else f"/backups/{newest}",
        last_seen=last,
        words={"objective": human_age(case.objective.total_seconds())},
    )


def last_failed(case: Case) -> Iterator[Mark]:
    """The newest attempt failed although an older one is good."""
    known = [(one.start or one.stop, at) for at, one in enumerate(case.cluster.backups)]
    newest = max(((moment, at) for moment, at in known if moment), default=None)
    if newest is None or case.last_good is None:
        return
    one = case.cluster.backups[newest[1]]
    if one.state == "failed" and newest[0] > case.last_good:
        yield Mark(
            rule="CND-PG-004",
            grade=Grade.HIGH,
            summary=f"the newest {one.tool} backup failed{_why(one)}; last good {rfc3339(case.last_good)}",
            pointer=f"/backups/{newest[1]}",
            last_seen=newest[0],
            words={"job": one.id},
        )


def _why(one: Backup) -> str:
    return f" ({one.error})" if one.error else ""


def damaged(case: Case) -> Iterator[Mark]:
    """A backup copied pages whose checksum was wrong, or the tool's own verification found errors."""
    backups = case.cluster.backups
    for at, one in enumerate(backups):
        if one.state == "damaged":
            newer = any(b.point and one.point and b.point > one.point for b in case.good if not b.parents)
            yield Mark(
                rule="CND-PG-025",
                grade=Grade.HIGH if newer else Grade.CRITICAL,
                summary=f"backup {one.id} {_DAMAGE.get(one.error, 'is damaged')}"
                + ("; a newer full backup is clean" if newer else ", and no newer full backup is clean"),
                pointer=f"/backups/{at}",
                last_seen=one.point,
            )
    for at, repository in enumerate(case.cluster.repositories):
        if repository.verified == "error":
            yield Mark(
                rule="CND-PG-025",
                grade=Grade.HIGH if case.good else Grade.CRITICAL,
                summary=f"verifying the {repository.tool} repository {repository.name} found "
                "damaged or missing files",
                pointer=f"/repositories/{at}",
            )


def wrong_database(case: Case) -> Iterator[Mark]:
    """The catalogue belongs to another database than the one that runs."""
    primary = case.primary
    if primary is None or not primary.system_id:
        return
    for at, one in enumerate(case.cluster.repositories):
        if one.system_id and one.system_id not in ("0", primary.system_id):
            yield Mark(
                rule="CND-PG-024",
                grade=Grade.CRITICAL,
                summary=f"the {one.tool} repository {one.name} holds backups of another database "
                "than the one that runs (its system identifier differs)",
                pointer=f"/repositories/{at}",
            )
    foreign = [b for b in case.cluster.backups if b.system_id and b.system_id != primary.system_id]
    if foreign and len(foreign) == len(case.cluster.backups) and not case.cluster.repositories:
        yield Mark(
            rule="CND-PG-024",
            grade=Grade.CRITICAL,
            summary="every backup is of another database than the one that runs (their system "
            "identifier differs)",
            pointer="/backups",
        )


def collapsed(case: Case) -> Iterator[Mark]:
    """The newest backup is much smaller than those before it."""
    series: dict[tuple[str, str, str], list[tuple[int, Backup]]] = {}
    for at, one in enumerate(case.cluster.backups):
        if one.kind in _COMPARABLE and one.state == "good" and one.point:
            series.setdefault((one.tool, one.repository, one.kind), []).append((at, one))
    for found in series.values():
        ordered = sorted(found, key=lambda entry: entry[1].point or case.now)
        sizes = [one.stored or one.size for _, one in ordered]
        former = [size for size in sizes[:-1][-_FORMER:] if size]
        usual, last = median(former), sizes[-1]
        if len(former) < 2 or last is None or usual < _SMALL or last >= _SHRUNK * usual:  # noqa: PLR2004 - one is no series
            continue
        yield Mark(
            rule="CND-PG-013",
            grade=Grade.HIGH if last < _COLLAPSE * usual else Grade.MEDIUM,
            summary=f"backup {ordered[-1][1].id} takes {human_bytes(last)}, those before it "
            f"{human_bytes(int(usual))}",
            pointer=f"/backups/{ordered[-1][0]}",
            confidence=Confidence.INFERRED,
        )


def retention(case: Case) -> Iterator[Mark]:
    """Too few full backups are kept, nothing is ever removed, or a backup's parents are gone."""
    ids = {(one.tool, one.repository, one.id) for one in case.cluster.backups}
    for at, one in enumerate(case.cluster.backups):
        gone = [parent for parent in one.parents if (one.tool, one.repository, parent) not in ids]
        if gone:
            yield Mark(
                rule="CND-PG-031",
                grade=Grade.HIGH,
                summary=f"backup {one.id} builds on {gone[0]}, which is not in the catalogue",
                pointer=f"/backups/{at}",
            )
    for at, repository in enumerate(case.cluster.repositories):
        if "minimum_redundancy_requirements" in repository.failed_checks:
            yield Mark(
                rule="CND-PG-031",
                grade=Grade.MEDIUM,
                summary=f"{repository.tool} keeps fewer backups of {repository.name} than its own "
                "configuration asks for",
                pointer=f"/repositories/{at}",
            )
        if repository.keeps is not None and 0 < repository.keeps < case.minimum:
            yield Mark(
                rule="CND-PG-031",
                grade=Grade.MEDIUM,
                summary=f"the retention of {repository.name} keeps "
                f"{counted(repository.keeps, 'full backup')}, "
                f"at least {case.minimum} are asked for",
                pointer=f"/repositories/{at}",
            )
        if repository.keeps == 0 and repository.state == "ok":
            yield Mark(
                rule="CND-PG-032",
                grade=Grade.INFO,
                summary=f"no retention is set for {repository.name}; nothing is ever removed",
                pointer=f"/repositories/{at}",
            )


def stuck(case: Case) -> Iterator[Mark]:
    """A backup has been running for longer than two of its intervals."""
    limit = _STUCK_INTERVALS * max(case.interval, _NEW)
    for at, one in enumerate(case.cluster.backups):
        if one.state == "running" and one.start and case.now - one.start > limit:
            yield Mark(
                rule="CND-PG-034",
                grade=Grade.HIGH,
                summary=f"backup {one.id} has been running for "
                f"{human_age((case.now - one.start).total_seconds())}",
                pointer=f"/backups/{at}",
            )


def stopped(case: Case) -> Iterator[Mark]:
    """The tool was told to stop, or its receiver does not run."""
    for at, one in enumerate(case.cluster.repositories):
        if one.stopped:
            yield Mark(
                rule="CND-PG-035",
                grade=Grade.HIGH,
                summary=f"{one.tool} was stopped for {one.name}: it neither backs up nor archives",
                pointer=f"/repositories/{at}",
            )
        elif "receive_wal_running" in one.failed_checks and "postgresql" not in one.failed_checks:
            yield Mark(
                rule="CND-PG-035",
                grade=Grade.HIGH,
                summary=f"{one.tool} does not receive WAL of {one.name}: its receiver is not running",
                pointer=f"/repositories/{at}",
            )


def restore_tests(case: Case) -> Iterator[Mark]:
    """Nobody is known to have restored a backup, or a restore failed."""
    failed = [(at, one) for at, one in enumerate(case.cluster.restores) if one.result == "failed"]
    done = [one for one in case.cluster.restores if one.result == "succeeded"]
    latest = max((one.at for one in done if one.at), default=None)
    for at, one in failed:
        if latest is None or (one.at and one.at > latest):
            yield Mark(
                rule="CND-PG-041",
                grade=Grade.HIGH,
                summary=f"the restore {one.kind} {one.name} failed",
                pointer=f"/restores/{at}",
                last_seen=one.at,
                facts={"cause": "unknown"},
            )
    if case.last_good and not failed and (not done or (latest and case.now - latest > _TESTED)):
        since = f" since {rfc3339(latest)}" if latest else ""
        yield Mark(
            rule="CND-PG-033",
            # Restores are tested elsewhere as a rule and leave nothing here, so that none is seen says
            # little; a test that was seen and is long past says that testing has stopped.
            grade=Grade.MEDIUM if latest else Grade.INFO,
            summary=f"no restore test is known{since}: no backup here is proven to restore",
            confidence=Confidence.UNKNOWN,
            pointer="/restores",
        )


def from_the_future(case: Case) -> Iterator[Mark]:
    """A backup ends later than the database's clock says it is."""
    ahead = [
        (one.stop - case.now, one.tool not in _ZONELESS, at)
        for at, one in enumerate(case.cluster.backups)
        if one.stop
    ]
    for zoned in (True, False):
        skew, _, at = max((one for one in ahead if one[1] is zoned), default=(timedelta(0), zoned, 0))
        if skew > SKEW_NOTICED:
            yield Mark(
                rule="CND-PG-037",
                grade=Grade.HIGH if zoned and skew > SKEW_HIGH else Grade.MEDIUM,
                summary=f"backup {case.cluster.backups[at].id} ends {human_age(skew.total_seconds())} "
                "in the future" + ("" if zoned else ", if the time it states is UTC"),
                pointer=f"/backups/{at}",
            )
            return


def schedules(case: Case) -> Iterator[Mark]:
    """A schedule of an operator or of Velero is suspended, invalid or late; CronJobs have their own rules."""
    for at, plan in enumerate(case.cluster.plans):
        if plan.kind == "CronJob" or not plan.schedule:
            continue
        pointer = f"/plans/{at}"
        if plan.suspended:
            yield Mark(
                rule="CND-PG-005",
                grade=Grade.HIGH,
                summary=f"the {plan.kind} {plan.name} is suspended",
                pointer=pointer,
            )
            continue
        try:
            found = cron.parse(plan.schedule, plan.time_zone, seconds_first=plan.seconds_first)
        except cron.ScheduleError as error:
            yield Mark(
                rule="CND-PG-009",
                grade=Grade.MEDIUM,
                summary=f"the schedule of {plan.name} cannot be read: {error}",
                pointer=pointer,
            )
            continue
        due = found.last_before(case.now)
        if plan.seconds_first and len(plan.schedule.split()) == _FIELDS:
            yield Mark(
                rule="CND-PG-009",
                grade=Grade.MEDIUM,
                summary=f"the schedule of {plan.name} has five fields where the first is seconds: "
                "it runs every hour",
                pointer=pointer,
            )
        elif due and plan.last_scheduled and plan.last_scheduled < due - _LATE and case.now - due > _LATE:
            yield Mark(
                rule="CND-PG-006",
                grade=Grade.HIGH,
                summary=f"{plan.name} was due at {rfc3339(due)} and ran last at "
                f"{rfc3339(plan.last_scheduled)}",
                pointer=pointer,
            )


def none_configured(case: Case) -> Iterator[Mark]:
    """An operator runs the database and was given nothing that backs it up."""
    cluster = case.cluster
    silent = cluster.manager in ("cloudnative-pg", "crunchy", "percona", "stackgres")
    if silent and not cluster.plans and not any(one.kind != "replica-create" for one in cluster.backups):
        yield Mark(
            rule="CND-PG-001",
            grade=Grade.HIGH,
            summary=f"the operator ({cluster.manager}) was given no schedule and made no backup",
            confidence=Confidence.INFERRED,
            at=cluster.source,
        )


CHECKS: tuple[Check, ...] = (
    none_configured,
    schedules,
    unreadable,
    none_good,
    too_old,
    last_failed,
    damaged,
    wrong_database,
    collapsed,
    retention,
    stuck,
    stopped,
    restore_tests,
    from_the_future,
)
