"""Operators' objects, Velero, snapshots and Stash: what each states becomes the same model."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from collector.postgres.model import Cluster
from collector.postgres.operators import Thing, read_clusters
from collector.postgres.volumes import Claims, with_volumes
from tests.lib import pgsamples

EARLY, LATE = "2026-11-20T02:00:00Z", "2026-11-20T02:10:00Z"
RESTORED = {
    "restores.velero.io": [{"name": "r", "status": {"phase": "Completed", "completionTimestamp": LATE}}]
}


def things(found: dict[str, list[dict[str, Any]]]) -> dict[str, list[Thing]]:
    return {
        resource: [Thing(namespace="conductor", **({"name": "db"} | one)) for one in entries]
        for resource, entries in found.items()
    }


def verdicts(found: dict[str, list[dict[str, Any]]]) -> dict[str, str]:
    known = things(found)
    (cluster,) = read_clusters(known)
    return pgsamples.verdicts(with_volumes(replace(cluster, owner="conductor"), known, Claims()))


CNPG = "clusters.postgresql.cnpg.io"
STORE = {"backup": {"barmanObjectStore": {"destinationPath": "s3://bucket"}}}
SCHEDULED: dict[str, Any] = {
    "spec": {"cluster": {"name": "db"}, "schedule": "0 0 2 * * *"},
    "status": {"lastScheduleTime": EARLY},
}
DONE = {
    "name": "b1",
    "spec": {"cluster": {"name": "db"}},
    "status": {"phase": "completed", "startedAt": EARLY, "stoppedAt": LATE},
}
FAILED = {
    "name": "b2",
    "spec": {"cluster": {"name": "db"}},
    "status": {"phase": "failed", "startedAt": "2026-11-20T03:00:00Z", "error": "s3://bucket: AccessDenied"},
}


def cnpg(**more: Any) -> dict[str, list[dict[str, Any]]]:
    return {
        CNPG: [{"spec": STORE}],
        "scheduledbackups.postgresql.cnpg.io": [SCHEDULED],
        "backups.postgresql.cnpg.io": [DONE],
        **more,
    }


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (cnpg(), {}),
        (cnpg(**{"backups.postgresql.cnpg.io": [DONE, FAILED]}), {"PG-004": "high"}),
        (cnpg(**{"backups.postgresql.cnpg.io": [FAILED]}), {"PG-002": "critical"}),
        (
            cnpg(
                **{
                    "scheduledbackups.postgresql.cnpg.io": [
                        {"spec": {**SCHEDULED["spec"], "schedule": "0 2 * * *"}}
                    ]
                }
            ),
            {"PG-009": "medium"},
        ),
        (
            cnpg(
                **{"scheduledbackups.postgresql.cnpg.io": [{"spec": {**SCHEDULED["spec"], "suspend": True}}]}
            ),
            {"PG-005": "high"},
        ),
        # No backup configured: the operator drops WAL and calls archiving a success.
        (
            {
                CNPG: [
                    {
                        "status": {
                            "conditions": [
                                {
                                    "type": "ContinuousArchiving",
                                    "status": "True",
                                    "reason": "ContinuousArchivingSuccess",
                                }
                            ]
                        }
                    }
                ]
            },
            {"PG-001": "high"},
        ),
        (
            cnpg(
                **{
                    CNPG: [
                        {
                            "spec": STORE,
                            "status": {
                                "conditions": [
                                    {"type": "ContinuousArchiving", "status": "False", "reason": "X"}
                                ]
                            },
                        }
                    ]
                }
            ),
            {"PG-018": "critical"},
        ),
    ],
    ids=[
        "healthy",
        "newest failed",
        "none good",
        "five fields",
        "suspended",
        "nothing configured",
        "archiving fails",
    ],
)
def test_cloudnative_pg(found: dict[str, list[dict[str, Any]]], expected: dict[str, str]) -> None:
    assert verdicts(found) == expected


def test_an_error_text_is_not_kept() -> None:
    (cluster,) = read_clusters(things(cnpg(**{"backups.postgresql.cnpg.io": [FAILED]})))
    assert "AccessDenied" not in repr(cluster)
    assert "bucket" not in repr(cluster)


def test_crunchy_without_a_schedule_is_not_saved_by_the_replicas_own_first_backup() -> None:
    found = {
        "postgresclusters.postgres-operator.crunchydata.com": [
            {
                "spec": {"backups": {"pgbackrest": {"repos": [{"name": "repo1"}]}}},
                "status": {"pgbackrest": {"repos": [{"name": "repo1", "stanzaCreated": True}]}},
            }
        ]
    }
    assert verdicts(found) == {"PG-001": "high"}


def test_percona_and_stackgres_say_when_they_failed() -> None:
    percona: dict[str, list[dict[str, Any]]] = {
        "perconapgclusters.pgv2.percona.com": [
            {
                "spec": {
                    "backups": {
                        "pgbackrest": {"repos": [{"name": "repo1", "schedules": {"full": "0 2 * * *"}}]}
                    }
                }
            }
        ],
        "perconapgbackups.pgv2.percona.com": [
            {"name": "p", "spec": {"pgCluster": "db"}, "status": {"state": "Failed", "completed": EARLY}}
        ],
    }
    assert verdicts(percona) == {"PG-002": "critical"}
    stackgres: dict[str, list[dict[str, Any]]] = {
        "sgclusters.stackgres.io": [
            {"spec": {"configurations": {"backups": [{"cronSchedule": "0 2 * * *"}]}}}
        ],
        "sgbackups.stackgres.io": [
            {
                "name": "s",
                "spec": {"sgCluster": "db"},
                "status": {"process": {"status": "Completed", "timing": {"start": EARLY, "stored": LATE}}},
            }
        ],
    }
    assert verdicts(stackgres) == {}


SERVER = Cluster(namespace="conductor", name="db", owner="conductor")
CLAIMS = Claims(pods=frozenset({"db-0"}), claims=frozenset({"data-db-0"}))


def with_things(found: dict[str, list[dict[str, Any]]]) -> Cluster:
    return with_volumes(SERVER, things(found), CLAIMS)


def velero(**status: Any) -> dict[str, list[dict[str, Any]]]:
    return {
        "backups.velero.io": [
            {
                "name": "nightly-1",
                "spec": {"includedNamespaces": ["conductor"]},
                "status": {"startTimestamp": EARLY, "completionTimestamp": LATE, **status},
            }
        ]
    }


def test_velero_that_completed_without_a_volume_saved_no_data() -> None:
    (backup,) = with_things(velero(phase="Completed")).backups
    assert (backup.state, backup.error) == ("unknown", "no_volume")
    assert with_things(velero(phase="Completed", volumeSnapshotsCompleted=1)).backups[0].state == "good"


def test_velero_counts_a_copy_of_the_pods_volume() -> None:
    copy = {
        "name": "c",
        "labels": {"velero.io/backup-name": "nightly-1"},
        "spec": {"pod": {"namespace": "conductor", "name": "db-0"}},
        "status": {"phase": "Completed"},
    }
    found = with_things(velero(phase="Completed") | {"podvolumebackups.velero.io": [copy]})
    assert found.backups[0].state == "good"


def test_velero_of_other_namespaces_is_none_of_ours() -> None:
    found = velero(phase="Completed", volumeSnapshotsCompleted=1)
    found["backups.velero.io"][0]["spec"] = {"excludedNamespaces": ["conductor"]}
    assert with_things(found).backups == ()


def test_an_unavailable_location_is_the_root_of_what_follows() -> None:
    found = velero(phase="Failed") | {
        "backupstoragelocations.velero.io": [{"name": "default", "status": {"phase": "Unavailable"}}]
    }
    assert pgsamples.verdicts(with_things(found)) == {"PG-030": "critical"}


def test_a_snapshot_counts_for_its_own_claim_from_when_it_was_taken() -> None:
    def snapshot(claim: str, **status: Any) -> dict[str, Any]:
        return {"name": claim, "spec": {"source": {"persistentVolumeClaimName": claim}}, "status": status}

    found = with_things(
        {
            "volumesnapshots.snapshot.storage.k8s.io": [
                snapshot("data-db-0", readyToUse=True, creationTime=LATE),
                snapshot("data-other-0", readyToUse=True, creationTime=LATE),
            ]
        }
    )
    (backup,) = found.backups
    assert (backup.state, backup.repository) == ("good", "data-db-0")


def test_stash_sessions_of_the_databases_own_configuration() -> None:
    found = with_things(
        {
            "backupconfigurations.stash.appscode.com": [
                {
                    "name": "conf",
                    "spec": {"target": {"ref": {"name": "db"}}, "schedule": "0 2 * * *", "paused": True},
                }
            ],
            "backupsessions.stash.appscode.com": [
                {
                    "name": "s1",
                    "spec": {"invoker": {"name": "conf"}},
                    "status": {"phase": "Failed", "startTime": EARLY},
                }
            ],
        }
    )
    assert [plan.suspended for plan in found.plans] == [True]
    assert [backup.state for backup in found.backups] == ["failed"]


def test_a_failed_restore_is_told() -> None:
    failed = {
        "restores.velero.io": [{"name": "r", "status": {"phase": "Failed", "completionTimestamp": LATE}}]
    }
    assert pgsamples.verdicts(with_things(failed)) == {"PG-041": "high"}
    assert pgsamples.verdicts(with_things(RESTORED)) == {}
