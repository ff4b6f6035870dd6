"""Postgres and its backups, as far as API objects tell: servers, backup CronJobs, their runs and ages.

A Job that is ``Complete`` proves that a process ended with status 0, not that a restore would work; the
document therefore states what was seen and leaves ``restore_test`` unknown.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec

from collector.bundle import layout
from collector.collectors.base import Collector, Context
from collector.collectors.digest import ObjectDigest
from collector.collectors.postgres_clusters import find_clusters, is_postgres
from collector.collectors.postgres_dsn import with_database
from collector.collectors.postgres_gaps import gaps_of
from collector.collectors.postgres_probe import baseline_of, probed
from collector.core import quantity
from collector.core.clock import parse_rfc3339, rfc3339
from collector.core.deadline import Deadline
from collector.postgres.model import Cluster
from collector.postgres.script import read_script
from collector.records import Document, Json, Record
from collector.records.access import integer, mapping, sequence, string, strings
from collector.releases.images import parse_image, tag_version

SECONDS = 180.0
"""The most that asking databases may take, whatever their number and size."""

_TOOLS = re.compile(r"pg_dumpall|pg_dump|pgdump|pgbackrest|wal-g|wal-e|barman")
_BACKUP_WORDS = re.compile(r"(?:^|[-_/.])(?:backup|pgdump|pg-dump|logical-backup)(?:$|[-_/.:\d])")
_SCHEDULED_ANNOTATION = "batch.kubernetes.io/cronjob-scheduled-timestamp"
_RUN_SUFFIX = re.compile(r"-(\d{8}|\d{10})$")
_MINUTES_DIGITS = 8
_MAX_RUNS = 50


def collect(context: Context) -> Iterator[Record]:
    """Yields what CronJobs tell of backups, and what everything else tells of every database cluster."""
    yield from _schedules(context)
    clusters = _asked(context, context.api.deadline.child(SECONDS))
    yield _clusters(context, clusters)
    for one in clusters:
        yield from gaps_of(one)


def _asked(context: Context, deadline: Deadline) -> tuple[Cluster, ...]:
    asking = context.spec.postgres.exec or context.database is not None
    baseline = baseline_of(context.spec.postgres) if asking else None
    clusters = probed(context, find_clusters(context), deadline, baseline)
    return with_database(context, clusters, deadline, baseline)


def _clusters(context: Context, clusters: tuple[Cluster, ...]) -> Document:
    backups = context.spec.backups
    return Document(
        path=layout.CLUSTERS,
        value={
            "collected_at": rfc3339(context.clock.now()),
            "clock_skew_seconds": context.api.log.clock_skew,
            "objective_seconds": int(quantity.seconds(backups.objective)),
            "archive_objective_seconds": int(quantity.seconds(backups.archive_objective)),
            "minimum_backups": backups.minimum,
            "documented_tools": dict.fromkeys(backups.documented_tools, True),
            "clusters": msgspec.to_builtins(clusters, str_keys=True),
        },
    )


def _schedules(context: Context) -> Iterator[Record]:
    yield Document(
        path=layout.BACKUPS,
        value={
            "objective_seconds": int(quantity.seconds(context.spec.backups.objective)),
            "collected_at": rfc3339(context.clock.now()),
            "looked_at": [name for name in ("cronjobs.batch", "jobs.batch") if name in context.digest.listed],
            "servers": list(_servers(context)),
            "schedules": [_schedule(context, item) for item in _backup_cronjobs(context)],
            "restore_test": "unknown",
        },
    )


def _servers(context: Context) -> Iterator[Json]:
    for item in context.digest.of("StatefulSet", "Deployment"):
        for container in item.containers:
            image = parse_image(container.image)
            if is_postgres(container.image) and not container.init:
                yield {
                    "kind": item.kind,
                    "namespace": item.namespace,
                    "name": item.name,
                    "owner": context.digest.ownership.get(item.key, "unknown"),
                    "image": container.image,
                    "version": tag_version(image.tag, 2),
                    "path": item.path,
                    "pointer": item.pointer,
                }


def _backup_cronjobs(context: Context) -> Iterator[ObjectDigest]:
    return (item for item in context.digest.of("CronJob") if _recognised_by(item))


def _recognised_by(item: ObjectDigest) -> str:
    """Returns what makes a CronJob a backup: a tool it calls, or the word in image, label or name."""
    for container in _pod_containers(item):
        words = [string(container, "image")]
        for key in ("command", "args"):
            words += strings(container, key)
        words += [string(entry, "name").lower() for entry in sequence(container, "env")]
        if found := _TOOLS.search(" ".join(words)):
            return f"it calls {found[0]}"
        if _BACKUP_WORDS.search(parse_image(string(container, "image")).repository):
            return "its image is named backup"
    if _BACKUP_WORDS.search(item.labels.get("component", "")) or _BACKUP_WORDS.search(item.name):
        return "its name or component label says backup"
    return ""


def _pod_containers(item: ObjectDigest) -> list[dict[str, Any]]:
    template = mapping(mapping(mapping(mapping(item.body, "spec"), "jobTemplate"), "spec"), "template")
    return sequence(mapping(template, "spec"), "containers")


def _schedule(context: Context, item: ObjectDigest) -> Json:
    spec, status = mapping(item.body, "spec"), mapping(item.body, "status")
    runs = sorted(_runs(context, item), key=lambda run: run["point"] or "", reverse=True)
    return {
        "kind": item.kind,
        "namespace": item.namespace,
        "name": item.name,
        "owner": context.digest.ownership.get(item.key, "unknown"),
        "recognised_by": _recognised_by(item),
        "tool": _tool(context, item),
        "images": [container.image for container in item.containers],
        "schedule": string(spec, "schedule"),
        "time_zone": string(spec, "timeZone"),
        "suspended": spec.get("suspend") is True,
        "concurrency": string(spec, "concurrencyPolicy") or "Allow",
        "starting_deadline": integer(spec, "startingDeadlineSeconds"),
        "active": len(sequence(status, "active")),
        "keeps_failed": spec.get("failedJobsHistoryLimit") != 0,
        **_script(item),
        "volumes": sorted(_volumes(item)),
        "last_scheduled": string(status, "lastScheduleTime"),
        "last_successful": string(status, "lastSuccessfulTime"),
        "runs": runs[:_MAX_RUNS],
        "path": item.path,
        "pointer": item.pointer,
    }


def _script(item: ObjectDigest) -> Json:
    """Returns what the command gives away; the command itself is not kept here."""
    found = [
        script
        for container in _pod_containers(item)
        if (script := read_script([*strings(container, "command"), *strings(container, "args")])).visible
    ]
    return {
        "command_seen": bool(found),
        "problems": sorted({problem for script in found for problem in script.problems}),
        "schema_only": any(script.schema_only for script in found),
        "leaves_out": any(script.leaves_out for script in found),
        "globals": not found or any(script.globals for script in found),
    }


def _volumes(item: ObjectDigest) -> Iterator[str]:
    """Yields the kinds of volumes that the job mounts, claims by name."""
    template = mapping(mapping(mapping(mapping(item.body, "spec"), "jobTemplate"), "spec"), "template")
    for volume in sequence(mapping(template, "spec"), "volumes"):
        if claim := string(mapping(volume, "persistentVolumeClaim"), "claimName"):
            yield f"claim {claim}"
        else:
            yield from (kind for kind in ("emptyDir", "hostPath", "nfs") if kind in volume)


def _tool(context: Context, item: ObjectDigest) -> str:
    """Returns documented, release, other or unknown: what the policy's backup rows turn on."""
    names = {item.name, *(container.image for container in item.containers)}
    names |= {parse_image(container.image).repository for container in item.containers}
    if names & set(context.spec.backups.documented_tools):
        return "documented"
    if context.digest.ownership.get(item.key) == "conductor":
        return "release"
    return "other" if _recognised_by(item).startswith("it calls") else "unknown"


def _runs(context: Context, item: ObjectDigest) -> Iterator[dict[str, Any]]:
    pods = context.digest.of("Pod")
    for job in context.digest.of("Job"):
        if job.namespace == item.namespace and job.owner == ("CronJob", item.name):
            own = [pod for pod in pods if pod.namespace == job.namespace and pod.owner == ("Job", job.name)]
            yield _run(job, own)


def _run(job: ObjectDigest, pods: list[ObjectDigest]) -> dict[str, Any]:
    status = mapping(job.body, "status")
    started = parse_rfc3339(status.get("startTime"))
    scheduled = _scheduled(job)
    # What a dump can contain ends when it began; a start long after the schedule is stated, not believed,
    # because controllers that restore old Jobs stamp them anew.
    point = min((moment for moment in (scheduled, started) if moment), default=None)
    ends = [end for pod in pods for end in _ends(pod)]
    result, reason = _result(job, pods)
    return {
        "job": job.name,
        "result": result,
        "reason": reason,
        "point": rfc3339(point) if point else None,
        "scheduled": rfc3339(scheduled) if scheduled else None,
        "started": rfc3339(started) if started else None,
        "completed": string(status, "completionTime") or None,
        "failed_pods": sum(pod.phase == "Failed" for pod in pods),
        "exit_codes": sorted({end["exitCode"] for end in ends if isinstance(end.get("exitCode"), int)}),
        "ended_by": sorted({string(end, "reason") for end in ends} - {"", "Completed", "Error"}),
        "path": job.path,
        "pointer": job.pointer,
        "pods": [
            {"name": pod.name, "phase": pod.phase, "path": pod.path, "pointer": pod.pointer}
            for pod in pods[:10]
        ],
    }


def _ends(pod: ObjectDigest) -> Iterator[Json]:
    return (container.terminated for container in pod.containers if container.terminated)


def _scheduled(job: ObjectDigest) -> datetime | None:
    """Returns when the run was due: from an annotation on new servers, from the Job's name on old ones."""
    annotations = mapping(mapping(job.body, "metadata"), "annotations")
    if moment := parse_rfc3339(annotations.get(_SCHEDULED_ANNOTATION)):
        return moment
    found = _RUN_SUFFIX.search(job.name)
    if not found:
        return None
    count = int(found[1])
    return datetime.fromtimestamp(count * 60 if len(found[1]) == _MINUTES_DIGITS else count, UTC)


def _result(job: ObjectDigest, pods: list[ObjectDigest]) -> tuple[str, str]:
    """Returns (succeeded, failed, running or unknown; the reason in Kubernetes' words)."""
    status, spec = mapping(job.body, "status"), mapping(job.body, "spec")
    for condition in sequence(status, "conditions"):
        if condition.get("status") == "True":
            if condition.get("type") == "Complete":
                return "succeeded", ""
            if condition.get("type") == "Failed":
                return "failed", string(condition, "reason")
    limit = spec.get("backoffLimit")
    failed = sum(pod.phase == "Failed" for pod in pods)
    alive = any(pod.phase in ("Pending", "Running") for pod in pods)
    if failed and not alive and failed > (limit if isinstance(limit, int) else 6):
        return "failed", "every attempt that backoffLimit allows has failed"
    if alive:
        return "running", f"{failed} failed attempts so far" if failed else ""
    return ("failed", "its pods failed") if failed else ("unknown", "the Job states no result")


POSTGRES = Collector(name="postgres", collect=collect, after=("workloads", "conductor"))
