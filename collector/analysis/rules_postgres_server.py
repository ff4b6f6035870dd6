"""Rules on the server, as far as a restore depends on it: pages, settings, space, clock, ids, changes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from collector.analysis.marks import SKEW_HIGH, SKEW_NOTICED, Case, Check, Grade, Mark
from collector.core.text import counted, human_age, human_bytes
from collector.postgres.model import Step

_XID_NOTICED, _XID_CRITICAL = 1_000_000_000, 1_600_000_000
_EXCLUSIVE = timedelta(days=1)
_FULL = ((0.95, Grade.CRITICAL), (0.90, Grade.HIGH), (0.80, Grade.MEDIUM))
_TARGETS = ("recovery_target", "recovery_target_time", "recovery_target_name", "recovery_target_xid")
_SHOWN = 5


def pages(case: Case) -> Iterator[Mark]:
    """The server saw pages with a wrong checksum, or has no checksums to see them by."""
    primary = case.primary
    if primary is None:
        return
    if primary.checksum_failures:
        yield Mark(
            rule="CND-PG-025",
            grade=Grade.CRITICAL,
            summary=f"the server read {counted(primary.checksum_failures, 'page')} whose checksum is wrong",
            pointer=case.server("/checksum_failures"),
            last_seen=primary.checksum_failed_at,
        )
    if primary.settings.get("data_checksums") == "off":
        yield Mark(
            rule="CND-PG-026",
            grade=Grade.INFO,
            summary="data checksums are off: damaged pages go into backups unnoticed",
            pointer=case.server("/settings/data_checksums"),
        )


def risky_settings(case: Case) -> Iterator[Mark]:
    """Settings that make a restore or the data itself unsafe, often left over from an earlier recovery."""
    primary = case.primary
    if primary is None:
        return
    settings = primary.settings
    if settings.get("fsync") == "off":
        yield Mark(
            rule="CND-PG-036",
            grade=Grade.CRITICAL,
            summary="fsync is off: a crash can damage the database beyond repair",
            pointer=case.server("/settings/fsync"),
        )
    wrong = [name for name in ("full_page_writes",) if settings.get(name) == "off"]
    wrong += [
        name for name in ("zero_damaged_pages", "ignore_checksum_failure") if settings.get(name) == "on"
    ]
    wrong += [name for name in _TARGETS if settings.get(name)]
    if wrong:
        yield Mark(
            rule="CND-PG-036",
            grade=Grade.MEDIUM,
            summary=f"the primary has {', '.join(wrong)} set as no running server should",
            pointer=case.server(f"/settings/{wrong[0]}"),
        )


def space(case: Case) -> Iterator[Mark]:
    """A volume of the database or of its backups is nearly full."""
    for at, one in enumerate(case.cluster.volumes):
        used = 1 - one.available / one.size if one.size else 0.0
        grade = next((grade for limit, grade in _FULL if used > limit), None)
        if grade:
            yield Mark(
                rule="CND-PG-028",
                grade=grade,
                summary=f"{one.mount} is {used:.0%} full, {human_bytes(one.available)} left",
                pointer=f"/volumes/{at}",
            )


def clock(case: Case) -> Iterator[Mark]:
    """The database's clock and ours differ."""
    for at, one in enumerate(case.cluster.servers):
        if one.clock and one.asked_at:
            skew = one.clock - one.asked_at
            if abs(skew) > SKEW_NOTICED:
                ahead = "ahead of" if skew > timedelta(0) else "behind"
                yield Mark(
                    rule="CND-PG-037",
                    grade=Grade.HIGH if abs(skew) > SKEW_HIGH else Grade.MEDIUM,
                    summary=f"the database's clock is {human_age(abs(skew).total_seconds())} "
                    f"{ahead} the collector's",
                    pointer=f"/servers/{at}/clock",
                )


def transaction_ids(case: Case) -> Iterator[Mark]:
    """Transaction ids run out, or an exclusive backup was never ended."""
    primary = case.primary
    if primary is None:
        return
    for at, one in enumerate(primary.databases):
        age = max(one.xid_age, one.mxid_age)
        if age > _XID_NOTICED:
            yield Mark(
                rule="CND-PG-038",
                grade=Grade.CRITICAL if age > _XID_CRITICAL else Grade.MEDIUM,
                summary=f"the oldest transaction id of {one.name} is {age:,} old; writing stops "
                "near 2,100,000,000",
                pointer=case.server(f"/databases/{at}"),
            )
    since = primary.exclusive_backup_since
    if since and case.now - since > _EXCLUSIVE:
        yield Mark(
            rule="CND-PG-038",
            grade=Grade.HIGH,
            summary=f"an exclusive backup was begun {human_age((case.now - since).total_seconds())} ago "
            "and never ended; the server would not start after a crash",
            pointer=case.server("/exclusive_backup_since"),
        )


def not_determined(case: Case) -> Iterator[Mark]:
    """What could not be asked, and what would settle it."""
    cluster = case.cluster
    if cluster.servers and case.primary is None and any(one.in_recovery for one in cluster.servers):
        yield Mark(
            rule="CND-PG-039",
            grade=Grade.UNKNOWN,
            summary="only a standby answered: whether WAL is archived is not determined, as only "
            "the primary knows",
            pointer="/servers/0/in_recovery",
            needs="reach the primary: kubectl get pods -n NAMESPACE --show-labels names its role",
        )
    missed = [
        step
        for step in cluster.steps
        if step.status in ("denied", "timeout", "error", "skipped")
        or (step.status == "missing" and step.name == "psql" and not cluster.servers)
    ]
    if missed:
        said = "; ".join(f"{' and '.join(names)} {why}" for why, names in _reasons(missed)[:_SHOWN])
        yield Mark(
            rule="CND-PG-039",
            grade=Grade.UNKNOWN,
            summary=f"not determined: {said}",
            pointer=f"/steps/{cluster.steps.index(missed[0])}",
            needs=_needs(missed),
        )
    drift = cluster.drift
    if drift and not drift.compared:
        yield Mark(
            rule="CND-PG-039",
            grade=Grade.UNKNOWN,
            summary=f"the database was not compared with the baseline: {drift.reason or 'no reason given'}",
            pointer="/drift",
            needs="a baseline of this database: conductor-diag baseline make",
        )
    denied = sorted(case.primary.denied) if case.primary else []
    if denied:
        yield Mark(
            rule="CND-PG-039",
            grade=Grade.UNKNOWN,
            summary=f"the database role may not ask for: {', '.join(denied[:_SHOWN])}",
            pointer=case.server("/denied"),
            needs="grant pg_monitor to the role that is asked with",
        )


def _reasons(missed: list[Step]) -> list[tuple[str, list[str]]]:
    """Returns each reason with the names of the steps that it kept from being taken."""
    found: dict[str, list[str]] = {}
    for step in missed:
        names = found.setdefault(f"{step.status} ({step.error})" if step.error else step.status, [])
        if step.name not in names:
            names.append(step.name)
    return list(found.items())


def _needs(missed: list[Step]) -> str:
    return "; ".join(dict.fromkeys(step.needs for step in missed if step.needs))


def unprotected(case: Case) -> Iterator[Mark]:
    """A server was asked over a network, and nothing proved that it was this one."""
    said = {
        "clear": "without encryption",
        "unverified": "encrypted, without checking the server's certificate and name",
    }
    for at, one in enumerate(case.cluster.servers):
        if one.protection in said:
            yield Mark(
                rule="CND-PG-053",
                grade=Grade.INFO,
                summary=f"the database was asked over the network {said[one.protection]}",
                pointer=f"/servers/{at}/protection",
            )


_HELD = {"baseline": "known"}


def altered(case: Case) -> Iterator[Mark]:
    """The catalogue differs from the baseline that the operator gave."""
    drift = case.cluster.drift
    if drift is None or not drift.compared:
        return
    objects = (*drift.added, *drift.removed, *drift.changed)
    if objects:
        yield Mark(
            rule="CND-PG-050",
            grade=Grade.MEDIUM,
            summary=f"{len(drift.added)} objects added, {len(drift.removed)} removed and "
            f"{len(drift.changed)} changed "
            f"against the baseline, such as {objects[0]}",
            pointer="/drift",
            facts=_HELD,
        )
    if drift.extra_databases:
        yield Mark(
            rule="CND-PG-051",
            grade=Grade.MEDIUM,
            summary=f"databases that the baseline does not have: {', '.join(drift.extra_databases[:_SHOWN])}",
            pointer="/drift/extra_databases",
            facts=_HELD,
        )
    extra = (*drift.extra_roles, *drift.extra_extensions)
    if extra:
        yield Mark(
            rule="CND-PG-052",
            grade=Grade.MEDIUM,
            summary=f"roles or extensions that the baseline does not have: {', '.join(extra[:_SHOWN])}",
            pointer="/drift",
            facts=_HELD,
        )


CHECKS: tuple[Check, ...] = (
    pages,
    risky_settings,
    space,
    clock,
    transaction_ids,
    not_determined,
    unprotected,
    altered,
)
