"""Backups of volumes: Velero, CSI snapshots, KubeStash and Stash, matched to the databases they cover."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from collector.postgres.decode import moment, name, number
from collector.postgres.model import Backup, BackupState, Cluster, Plan, Repository, Restore
from collector.postgres.operators import Thing, Things
from collector.records.access import integer, mapping, sequence, string, strings

_VELERO_STATES: dict[str, BackupState] = {
    "Completed": "good",
    "PartiallyFailed": "failed",
    "Failed": "failed",
    "FailedValidation": "failed",
    "Deleting": "unknown",
}
_STASH_STATES: dict[str, BackupState] = {"Succeeded": "good", "Failed": "failed", "Skipped": "failed"}
_RESULTS = {
    "Completed": "succeeded",
    "Succeeded": "succeeded",
    "PartiallyFailed": "failed",
    "Failed": "failed",
}
_SCHEDULE_LABEL = "velero.io/schedule-name"
_BACKUP_LABEL = "velero.io/backup-name"
_MOST = 500


@dataclass(frozen=True, kw_only=True)
class Claims:
    """What a database's pods are: their names and the claims that they mount."""

    pods: frozenset[str] = field(default_factory=frozenset)
    claims: frozenset[str] = field(default_factory=frozenset)


def with_volumes(cluster: Cluster, things: Things, claims: Claims) -> Cluster:
    """Returns the cluster with what Velero, snapshots and Stash say of its namespace and claims."""
    backups = (
        *_snapshots(cluster, things, claims),
        *_velero(cluster, things, claims),
        *_stash(cluster, things),
    )
    return replace(
        cluster,
        backups=(*cluster.backups, *backups[:_MOST]),
        plans=(*cluster.plans, *_velero_plans(cluster, things), *_stash_plans(cluster, things)),
        restores=(*cluster.restores, *_restores(cluster, things)),
        repositories=(*cluster.repositories, *_locations(cluster, things)),
    )


def _snapshots(cluster: Cluster, things: Things, claims: Claims) -> Iterator[Backup]:
    for one in things.get("volumesnapshots.snapshot.storage.k8s.io", ()):
        claim = string(mapping(one.spec, "source"), "persistentVolumeClaimName")
        if one.namespace == cluster.namespace and claim in claims.claims:
            failed = bool(mapping(one.status, "error"))
            ready = one.status.get("readyToUse") is True
            yield Backup(
                tool="volumesnapshot",
                id=one.name,
                kind="snapshot",
                state="failed" if failed else "good" if ready else "running",
                repository=claim,
                # The moment of the snapshot, not of the object that asked for it.
                stop=moment(one.status.get("creationTime")),
                source=one.source,
            )


def _covers(spec: Thing | None, namespace: str) -> bool:
    """True if a Velero backup with this spec (or template) takes in the namespace."""
    if spec is None:
        return False
    included, excluded = strings(spec.spec, "includedNamespaces"), strings(spec.spec, "excludedNamespaces")
    return namespace not in excluded and (not included or "*" in included or namespace in included)


def _velero(cluster: Cluster, things: Things, claims: Claims) -> Iterator[Backup]:
    volumes = _volume_copies(things, cluster.namespace, claims)
    for one in things.get("backups.velero.io", ()):
        if not _covers(one, cluster.namespace):
            continue
        state = _VELERO_STATES.get(string(one.status, "phase"), "running")
        taken = integer(one.status, "volumeSnapshotsCompleted") + integer(
            one.status, "csiVolumeSnapshotsCompleted"
        )
        # Completed says that the objects were saved; without a volume the data was not.
        empty = state == "good" and not taken and one.name not in volumes
        yield Backup(
            tool="velero",
            id=one.name,
            kind="snapshot",
            state="unknown" if empty else state,
            error="no_volume" if empty else "",
            start=moment(one.status.get("startTimestamp")),
            stop=moment(one.status.get("completionTimestamp")),
            expires=moment(one.status.get("expiration")),
            source=one.source,
        )


def _volume_copies(things: Things, namespace: str, claims: Claims) -> set[str]:
    """Returns the Velero backups that hold a copy of a volume of one of the database's pods."""
    found = set()
    for one in things.get("podvolumebackups.velero.io", ()):
        pod = mapping(one.spec, "pod")
        ours = string(pod, "namespace") == namespace and string(pod, "name") in claims.pods
        if ours and string(one.status, "phase") == "Completed":
            found.add(one.labels.get(_BACKUP_LABEL, ""))
    return found


def _velero_plans(cluster: Cluster, things: Things) -> Iterator[Plan]:
    for one in things.get("schedules.velero.io", ()):
        template = replace(one, spec=mapping(one.spec, "template"))
        if _covers(template, cluster.namespace):
            yield Plan(
                kind="Schedule",
                namespace=one.namespace,
                name=one.name,
                schedule=name(one.spec.get("schedule")),
                suspended=one.spec.get("paused") is True,
                # lastBackup is the last attempt, not the last success.
                last_scheduled=moment(one.status.get("lastBackup")),
                error="validation" if string(one.status, "phase") == "FailedValidation" else "",
                source=one.source,
            )


def _locations(cluster: Cluster, things: Things) -> Iterator[Repository]:
    used = any(_covers(one, cluster.namespace) for one in things.get("backups.velero.io", ()))
    for one in things.get("backupstoragelocations.velero.io", ()) if used else ():
        if string(one.status, "phase") == "Unavailable":
            yield Repository(
                tool="velero", name=one.name, state="broken", error="Unavailable", source=one.source
            )


def _restores(cluster: Cluster, things: Things) -> Iterator[Restore]:
    for one in things.get("restores.velero.io", ()):
        included = strings(one.spec, "includedNamespaces")
        if not included or cluster.namespace in included or "*" in included:
            yield _restore("Restore", one, string(one.status, "completionTimestamp"))
    for one in things.get("backupverificationsessions.core.kubestash.com", ()):
        if one.namespace == cluster.namespace:
            yield _restore("BackupVerificationSession", one, string(one.status, "completionTime"))


def _restore(kind: str, one: Thing, at: str) -> Restore:
    result = _RESULTS.get(string(one.status, "phase"), "running")
    return Restore(kind=kind, name=one.name, result=result, at=moment(at), source=one.source)


def _configurations(cluster: Cluster, things: Things) -> Iterator[Thing]:
    """Yields the KubeStash and Stash configurations whose target is the database."""
    for one in things.get("backupconfigurations.core.kubestash.com", ()):
        target = mapping(one.spec, "target")
        if (string(target, "namespace") or one.namespace, string(target, "name")) == (
            cluster.namespace,
            cluster.name,
        ):
            yield one
    for one in things.get("backupconfigurations.stash.appscode.com", ()):
        target = mapping(mapping(one.spec, "target"), "ref")
        if (one.namespace, string(target, "name")) == (cluster.namespace, cluster.name):
            yield one


def _stash_plans(cluster: Cluster, things: Things) -> Iterator[Plan]:
    for one in _configurations(cluster, things):
        sessions = [mapping(session, "scheduler") for session in sequence(one.spec, "sessions")]
        for schedule in filter(None, (string(entry, "schedule") for entry in (one.spec, *sessions))):
            yield Plan(
                kind="BackupConfiguration",
                namespace=one.namespace,
                name=one.name,
                schedule=name(schedule),
                suspended=one.spec.get("paused") is True,
                source=one.source,
            )


def _stash(cluster: Cluster, things: Things) -> Iterator[Backup]:
    names = {(one.namespace, one.name) for one in _configurations(cluster, things)}
    for resource in ("backupsessions.core.kubestash.com", "backupsessions.stash.appscode.com"):
        for one in things.get(resource, ()):
            if (one.namespace, string(mapping(one.spec, "invoker"), "name")) in names:
                yield Backup(
                    tool="stash",
                    id=one.name,
                    kind="logical",
                    state=_STASH_STATES.get(string(one.status, "phase"), "running"),
                    start=moment(one.status.get("startTime")),
                    size=number(one.status.get("size")),
                    source=one.source,
                )
