"""Database operators' objects: what CloudNativePG, Crunchy, Percona, Zalando, StackGres and KubeDB state.

Every reader takes the objects of a cluster of machines by resource name (``backups.postgresql.cnpg.io``) and
yields one record for each database cluster. Error texts of the objects are not kept: they hold paths and
endpoints.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from collector.postgres import wal
from collector.postgres.decode import moment, name, number
from collector.postgres.model import (
    Backup,
    BackupState,
    Cluster,
    Plan,
    Repository,
    Restore,
    Source,
)
from collector.records import Json
from collector.records.access import mapping, sequence, string

RESOURCES = frozenset(
    {
        "clusters.postgresql.cnpg.io",
        "backups.postgresql.cnpg.io",
        "scheduledbackups.postgresql.cnpg.io",
        "objectstores.barmancloud.cnpg.io",
        "postgresclusters.postgres-operator.crunchydata.com",
        "pgclusters.crunchydata.com",
        "perconapgclusters.pgv2.percona.com",
        "perconapgbackups.pgv2.percona.com",
        "perconapgrestores.pgv2.percona.com",
        "postgresqls.acid.zalan.do",
        "sgclusters.stackgres.io",
        "sgbackups.stackgres.io",
        "backupconfigurations.core.kubestash.com",
        "backupsessions.core.kubestash.com",
        "backupverificationsessions.core.kubestash.com",
        "backupconfigurations.stash.appscode.com",
        "backupsessions.stash.appscode.com",
        "backups.velero.io",
        "schedules.velero.io",
        "restores.velero.io",
        "podvolumebackups.velero.io",
        "backupstoragelocations.velero.io",
        "volumesnapshots.snapshot.storage.k8s.io",
    }
)


@dataclass(frozen=True, kw_only=True)
class Thing:
    """One object and where the bundle holds it."""

    namespace: str
    name: str
    source: Source = field(default_factory=Source)
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, Any] = field(default_factory=dict)
    spec: Mapping[str, Any] = field(default_factory=dict)
    status: Mapping[str, Any] = field(default_factory=dict)


Things = Mapping[str, Sequence[Thing]]


def read_clusters(things: Things) -> tuple[Cluster, ...]:
    """Returns the database clusters that operators' objects describe."""
    readers = (cnpg, crunchy, percona, zalando, stackgres)
    return tuple(cluster for reader in readers for cluster in reader(things))


def _of(things: Things, resource: str, namespace: str = "") -> Iterator[Thing]:
    return (one for one in things.get(resource, ()) if namespace in ("", one.namespace))


def _conditions(status: Json, wanted: Iterable[str]) -> dict[str, str]:
    """Returns ``status:reason`` of the conditions that are wanted."""
    return {
        string(one, "type"): f"{name(one.get('status'))}:{name(one.get('reason'))}"
        for one in sequence(status, "conditions")
        if string(one, "type") in set(wanted)
    }


# ---- CloudNativePG ----------------------------------------------------------------------------------------

_CNPG_STATES: dict[str, BackupState] = {
    "completed": "good",
    "failed": "failed",
    "walArchivingFailing": "failed",
    "invalid backup definition": "failed",
    "pending": "running",
    "started": "running",
    "running": "running",
    "finalizing": "running",
}


def cnpg(things: Things) -> Iterator[Cluster]:
    """Yields CloudNativePG's clusters.

    The cluster's own lastSuccessfulBackup is deprecated and empty with plugins, so Backup objects and object
    stores count. Without any backup configured the operator drops WAL and still reports archiving as working.
    """
    for one in _of(things, "clusters.postgresql.cnpg.io"):
        plans = tuple(_cnpg_plans(things, one))
        plugins = [entry for entry in sequence(one.spec, "plugins") if entry.get("enabled") is not False]
        configured = bool(mapping(one.spec, "backup").get("barmanObjectStore")) or any(
            entry.get("isWALArchiver") is True for entry in plugins
        )
        skipped = one.annotations.get("cnpg.io/skipWalArchiving") == "enabled"
        conditions = _conditions(one.status, ("ContinuousArchiving", "LastBackupSucceeded"))
        if skipped or not configured:
            conditions["wal_discarded"] = "yes"
        yield Cluster(
            namespace=one.namespace,
            name=one.name,
            kind="Cluster",
            manager="cloudnative-pg",
            source=one.source,
            backups=(*_cnpg_backups(things, one), *_cnpg_store(things, one)),
            plans=plans,
            conditions=conditions,
        )


def _cnpg_plans(things: Things, cluster: Thing) -> Iterator[Plan]:
    for one in _of(things, "scheduledbackups.postgresql.cnpg.io", cluster.namespace):
        if string(mapping(one.spec, "cluster"), "name") == cluster.name:
            yield Plan(
                kind="ScheduledBackup",
                namespace=one.namespace,
                name=one.name,
                schedule=name(one.spec.get("schedule")),
                suspended=one.spec.get("suspend") is True,
                seconds_first=True,
                last_scheduled=moment(one.status.get("lastScheduleTime")),
                source=one.source,
            )


def _cnpg_backups(things: Things, cluster: Thing) -> Iterator[Backup]:
    for one in _of(things, "backups.postgresql.cnpg.io", cluster.namespace):
        if string(mapping(one.spec, "cluster"), "name") == cluster.name:
            status = one.status
            yield Backup(
                tool="cnpg",
                id=one.name,
                kind="snapshot" if string(status, "method") == "volumeSnapshot" else "full",
                state=_CNPG_STATES.get(string(status, "phase"), "unknown"),
                start=moment(status.get("startedAt")),
                stop=moment(status.get("stoppedAt")),
                wal_start=wal.segment(status.get("beginWal")),
                wal_stop=wal.segment(status.get("endWal")),
                error="error" if status.get("error") else "",
                source=one.source,
            )


def _cnpg_store(things: Things, cluster: Thing) -> Iterator[Backup]:
    """Yields the newest good backup that an object store knows of this cluster."""
    for one in _of(things, "objectstores.barmancloud.cnpg.io", cluster.namespace):
        window = mapping(mapping(one.status, "serverRecoveryWindow"), cluster.name)
        if last := moment(window.get("lastSuccessfulBackupTime")):
            yield Backup(
                tool="cnpg",
                id=f"{one.name}/{cluster.name}",
                kind="full",
                state="good",
                stop=last,
                source=one.source,
            )


# ---- Crunchy and Percona ----------------------------------------------------------------------------------


def crunchy(things: Things) -> Iterator[Cluster]:
    """Yields Crunchy's clusters. The replica's own first backup is no sign of a schedule."""
    for one in _of(things, "postgresclusters.postgres-operator.crunchydata.com"):
        pgbackrest = mapping(mapping(one.spec, "backups"), "pgbackrest")
        yield Cluster(
            namespace=one.namespace,
            name=one.name,
            kind="PostgresCluster",
            manager="crunchy",
            source=one.source,
            backups=tuple(_crunchy_runs(one)),
            plans=tuple(_repo_plans(one, pgbackrest)),
            repositories=tuple(_crunchy_repositories(one, pgbackrest)),
            restores=tuple(_crunchy_restore(one)),
            conditions=_conditions(one.status, ("PGBackRestRepoHostReady", "PGBackRestReplicaRepoReady")),
        )
    for one in _of(things, "pgclusters.crunchydata.com"):
        yield Cluster(
            namespace=one.namespace, name=one.name, kind="Pgcluster", manager="crunchy-4", source=one.source
        )


def _repo_plans(one: Thing, pgbackrest: Json) -> Iterator[Plan]:
    for repo in sequence(pgbackrest, "repos"):
        for kind, schedule in sorted(mapping(repo, "schedules").items()):
            yield Plan(
                kind="Schedule",
                namespace=one.namespace,
                name=f"{one.name}-{name(repo.get('name'))}-{name(kind)}",
                schedule=name(schedule),
                suspended=one.spec.get("shutdown") is True,
                source=one.source,
            )


def _crunchy_repositories(one: Thing, pgbackrest: Json) -> Iterator[Repository]:
    states = {string(repo, "name"): repo for repo in sequence(mapping(one.status, "pgbackrest"), "repos")}
    for repo in sequence(pgbackrest, "repos"):
        key = string(repo, "name")
        created = mapping(states, key).get("stanzaCreated") is True
        keeps = mapping(pgbackrest, "global").get(f"{key}-retention-full")
        yield Repository(
            tool="pgbackrest",
            name=one.name,
            key=name(key),
            state="unknown" if created else "missing",
            keeps=int(keeps) if isinstance(keeps, str) and keeps.isascii() and keeps.isdecimal() else None,
            source=one.source,
        )


def _crunchy_runs(one: Thing) -> Iterator[Backup]:
    for run in sequence(mapping(one.status, "pgbackrest"), "scheduledBackups"):
        start, done = moment(run.get("startTime")), moment(run.get("completionTime"))
        state: BackupState = "good" if done else "failed" if run.get("failed") else "running"
        yield Backup(
            tool="pgbackrest",
            id=name(run.get("cronJobName")),
            kind=name(run.get("type")),
            state=state,
            start=start,
            stop=done,
            source=one.source,
        )


def _crunchy_restore(one: Thing) -> Iterator[Restore]:
    restore = mapping(mapping(one.status, "pgbackrest"), "restore")
    if restore.get("finished") is True:
        yield Restore(
            kind="PostgresCluster",
            name=name(restore.get("id")),
            result="succeeded" if restore.get("succeeded") else "failed",
            at=moment(restore.get("completionTime")),
            source=one.source,
        )


_PERCONA_STATES: dict[str, BackupState] = {
    "Succeeded": "good",
    "Failed": "failed",
    "Starting": "running",
    "Running": "running",
    "": "running",
}


def percona(things: Things) -> Iterator[Cluster]:
    """Yields Percona's clusters with their backup and restore objects."""
    for one in _of(things, "perconapgclusters.pgv2.percona.com"):
        pgbackrest = mapping(mapping(one.spec, "backups"), "pgbackrest")
        yield Cluster(
            namespace=one.namespace,
            name=one.name,
            kind="PerconaPGCluster",
            manager="percona",
            source=one.source,
            plans=tuple(_repo_plans(one, pgbackrest)),
            backups=tuple(
                Backup(
                    tool="percona",
                    id=backup.name,
                    kind=name(backup.status.get("backupType")) or "full",
                    state=_PERCONA_STATES.get(string(backup.status, "state"), "unknown"),
                    stop=moment(backup.status.get("completed")),
                    error="error" if backup.status.get("error") else "",
                    source=backup.source,
                )
                for backup in _of(things, "perconapgbackups.pgv2.percona.com", one.namespace)
                if string(backup.spec, "pgCluster") == one.name
            ),
            restores=tuple(
                Restore(
                    kind="PerconaPGRestore",
                    name=restore.name,
                    result=_result(string(restore.status, "state")),
                    at=moment(restore.status.get("completed")),
                    source=restore.source,
                )
                for restore in _of(things, "perconapgrestores.pgv2.percona.com", one.namespace)
                if string(restore.spec, "pgCluster") == one.name
            ),
        )


def _result(word: str) -> str:
    if word in ("Succeeded", "Completed"):
        return "succeeded"
    return "failed" if word in ("Failed", "PartiallyFailed", "FailedValidation") else "running"


# ---- Zalando and StackGres --------------------------------------------------------------------------------


def zalando(things: Things) -> Iterator[Cluster]:
    """Yields Zalando's clusters; their objects state nothing about backups but a schedule of dumps."""
    for one in _of(things, "postgresqls.acid.zalan.do"):
        plans = []
        if one.spec.get("enableLogicalBackup") is True:
            schedule = name(one.spec.get("logicalBackupSchedule"))
            plans.append(
                Plan(
                    kind="CronJob",
                    namespace=one.namespace,
                    name=f"logical-backup-{one.name}",
                    schedule=schedule,
                    source=one.source,
                )
            )
        yield Cluster(
            namespace=one.namespace,
            name=one.name,
            kind="postgresql",
            manager="zalando",
            source=one.source,
            plans=tuple(plans),
        )


_STACKGRES_STATES: dict[str, BackupState] = {
    "Completed": "good",
    "Failed": "failed",
    "Running": "running",
    "Pending": "running",
}


def stackgres(things: Things) -> Iterator[Cluster]:
    """Yields StackGres' clusters; a backup's age counts from when it was stored."""
    for one in _of(things, "sgclusters.stackgres.io"):
        yield Cluster(
            namespace=one.namespace,
            name=one.name,
            kind="SGCluster",
            manager="stackgres",
            source=one.source,
            plans=tuple(
                Plan(
                    kind="SGCluster",
                    namespace=one.namespace,
                    name=one.name,
                    schedule=name(entry.get("cronSchedule")),
                    source=one.source,
                )
                for entry in sequence(mapping(one.spec, "configurations"), "backups")
            ),
            backups=tuple(
                _stackgres_backup(backup)
                for backup in _of(things, "sgbackups.stackgres.io", one.namespace)
                if string(backup.spec, "sgCluster") == one.name
            ),
        )


def _stackgres_backup(one: Thing) -> Backup:
    process, about = mapping(one.status, "process"), mapping(one.status, "backupInformation")
    timing, size = mapping(process, "timing"), mapping(about, "size")
    return Backup(
        tool="stackgres",
        id=one.name,
        kind="full",
        state=_STACKGRES_STATES.get(string(process, "status"), "unknown"),
        start=moment(timing.get("start")),
        stop=moment(timing.get("stored")) or moment(timing.get("end")),
        size=number(size.get("uncompressed")),
        stored=number(size.get("compressed")),
        wal_start=wal.segment(about.get("startWalFile")),
        system_id=name(about.get("systemIdentifier")),
        error="error" if process.get("failure") else "",
        source=one.source,
    )
