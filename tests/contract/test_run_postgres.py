"""Whole runs that ask inside the database's pods: what is found, and what is never kept."""

from __future__ import annotations

import json
import re
import socket
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from collector.bundle import layout
from collector.bundle.reader import BundleReader
from collector.core.clock import rfc3339
from collector.demo.recording import Recording
from collector.pipeline import RunResult
from collector.spec import Postgres, load_spec
from collector.sql import Database
from tests.lib import edits, pgsamples
from tests.lib.faulty import Fault, forbidden, not_found, server_error
from tests.lib.podexec import STDERR, STDOUT, Session, execs, failure
from tests.lib.recordings import recording
from tests.lib.runs import collect, entry, verdicts, whole

SECRET = "postgres://app:Tr0ub4dor-and-3@db.internal/conductor"
ARCHIVE = (
    f"PGPASSWORD=Tr0ub4dor-and-3 pgbackrest --repo1-s3-key=AKIAABCDEFGHIJKLMNOP archive-push %p # {SECRET}"
)


def psql() -> bytes:
    rows: dict[str, Any] = {
        "identity": {"version": 150020, "in_recovery": False, "query": SECRET},
        "system": {"system_id": pgsamples.SYSTEM, "conninfo": SECRET},
        "segment": {"segment_size": 16 << 20},
        "settings": [
            {"name": "archive_mode", "setting": "on"},
            {"name": "archive_command", "setting": ARCHIVE},
            {"name": "data_checksums", "setting": "on"},
        ],
    }
    text = "".join(f"@@{key}\n{json.dumps(row)}\n@@={key} 00000\n" for key, row in rows.items())
    return f"{text}@@end\n".encode()


ANSWERS = {
    "for tool in psql": b"psql\npgbackrest\n",
    "psql -X": psql(),
    "--output=json info": pgsamples.sample("pgbackrest/14-info-wal-gap.out"),
    "repo-ls": pgsamples.sample("pgbackrest/15-repo-ls-archive.out"),
}


def pod(session: Session) -> None:
    words = " ".join(session.command)
    if "psql -X" in words:
        session.stdin()
    session.send(STDERR, f"could not connect with {SECRET}".encode())
    found = next((data for key, data in ANSWERS.items() if key in words), None)
    if found is None:
        session.end(failure(1))
        return
    session.send(STDOUT, found)
    session.end()


def spec(**postgres: Any) -> Any:
    return msgspec.structs.replace(load_spec(), postgres=Postgres(**postgres))


def test_what_the_pods_say_is_judged_and_nothing_of_their_content_is_kept(tmp_path: Path) -> None:
    result = collect(
        recording(),
        tmp_path,
        spec=spec(exec=True),
        faults=lambda api: api.on("/api/v1/namespaces/*/pods/*/exec[?]*", execs(pod)),
    )
    (cluster,) = entry(result.bundle.path, layout.CLUSTERS)["clusters"]
    assert any(key.startswith("CND-PG-021 ") for key in verdicts(result))
    assert cluster["servers"][0]["system_id"] == pgsamples.SYSTEM
    assert cluster["servers"][0]["settings"]["archive_command"] == "pgbackrest"
    ours = [backup for backup in cluster["backups"] if backup["tool"] == "pgbackrest"]
    assert len(ours) == 3
    assert ours[0]["wal_start"] == "000000010000000000000008"
    assert cluster["archives"][0]["ranges"][0]["last"] == "00000001000000000000000C"
    kept = whole(result.bundle.path)
    assert b"Tr0ub4dor" not in kept
    assert b"AKIAABCDEFGHIJKLMNOP" not in kept
    assert b"db.internal" not in kept


def test_a_database_that_cannot_be_reached_is_told_and_its_dsn_is_not(tmp_path: Path) -> None:
    port = closed_port()
    dsn = f"postgresql://watcher:Tr0ub4dor-and-3@127.0.0.1:{port}/customer"
    result = collect(recording(), tmp_path, database=Database(dsn))
    clusters = entry(result.bundle.path, layout.CLUSTERS)["clusters"]
    (cluster,) = (one for one in clusters if one["name"] == "database-of-the-dsn")
    (step,) = cluster["steps"]
    assert (step["status"], step["error"]) == ("error", "the server cannot be reached")
    assert "CND-PG-039 database-of-the-dsn" in verdicts(result)
    kept = whole(result.bundle.path)
    for secret in (b"Tr0ub4dor", b"watcher:", b"/customer", f":{port}".encode()):
        assert secret not in kept


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        return int(closed.getsockname()[1])


def status_of(result: RunResult) -> str:
    return next(str(one.status) for one in result.report.run.collectors if one.name == "postgres")


def test_a_database_that_was_asked_for_and_did_not_answer_is_a_gap(tmp_path: Path) -> None:
    dsn = f"postgresql://watcher@127.0.0.1:{closed_port()}/customer"
    result = collect(recording(), tmp_path, database=Database(dsn))
    (gap,) = (g for g in entry(result.bundle.path, layout.GAPS) if "database-of-the-dsn" in g["subject"])
    assert (gap["status"], gap["reason"]) == ("failed", "the server cannot be reached")
    assert "psql" in gap["needs"]
    assert status_of(result) == "partial"
    assert "CND-RUN-001 psql over the network of database database-of-the-dsn" in verdicts(result)


@pytest.mark.parametrize(
    ("refusal", "status", "reason", "needs"),
    [
        (forbidden(), "denied", "running commands in conductor is not allowed", "pods/exec"),
        (not_found(), "failed", "the pod is not there any more", "kubectl get pods -n conductor"),
        (server_error(), "failed", "the server answered 500 instead of running the command", "kubectl exec"),
    ],
)
def test_commands_that_could_not_run_are_gaps_with_their_reason(
    tmp_path: Path, refusal: Fault, status: str, reason: str, needs: str
) -> None:
    result = collect(
        recording(),
        tmp_path,
        spec=spec(exec=True),
        faults=lambda api: api.on("/api/v1/namespaces/*/pods/*/exec[?]*", refusal),
    )
    (gap,) = (g for g in entry(result.bundle.path, layout.GAPS) if " of database " in g["subject"])
    assert (gap["status"], gap["reason"], gap["namespace"]) == (status, reason, "conductor")
    (finding,) = (f.finding for f in result.report.findings if f.finding.rule == "CND-PG-039")
    assert reason in finding.summary
    assert needs in finding.needs
    assert status_of(result) == "partial"


def test_a_step_that_nobody_allowed_is_no_gap(tmp_path: Path) -> None:
    result = collect(recording(), tmp_path)
    assert not [g for g in entry(result.bundle.path, layout.GAPS) if " of database " in g["subject"]]


def test_without_leave_no_pod_is_asked_and_the_report_says_what_would_settle_it(tmp_path: Path) -> None:
    seen: list[str] = []
    result = collect(recording(), tmp_path, requests=seen)
    assert not [request for request in seen if "/exec" in request]
    (finding,) = (f.finding for f in result.report.findings if f.finding.rule == "CND-PG-039")
    assert "--allow-exec" in finding.needs
    assert "pods/exec" in finding.needs


def logged(known: Recording, pod_prefix: str, text: str) -> Recording:
    """Returns a recording in which every container of the pods with this prefix logged a text."""
    stamp = rfc3339(known.recorded_at - timedelta(minutes=3))
    lines = "".join(f"{stamp} {line}\n" for line in text.splitlines())
    for key in [key for key in known.logs if key.pod.startswith(pod_prefix) and not key.previous]:
        known = edits.with_log(known, key.namespace, key.pod, key.container, lines)
    return known


def test_why_the_backup_failed_is_read_in_the_log_of_its_pod(tmp_path: Path) -> None:
    said = pgsamples.printed("pgdump/14-version-mismatch")
    result = collect(logged(recording(), "conductor-backup-", said), tmp_path)
    found = {judged.finding.rule: judged.finding for judged in result.report.findings}
    # The cluster's other backups fail too, so the rule is there twice.
    summaries = [judged.finding.summary for judged in result.report.findings]
    assert any(s.endswith("its log: pg_dump is older than the server and refuses it") for s in summaries)
    line = next(one for one in found["CND-PG-015"].evidence if one.line)
    assert re.fullmatch(
        r"cluster-resources/pods/logs/conductor/conductor-backup-\d+-\w+/backup\.log", line.path
    )
    assert line.excerpt == "pg_dump: error: aborting because of server version mismatch"
    with BundleReader(result.bundle.path) as reader:
        assert line.excerpt in reader.read(line.path).decode().splitlines()[line.line - 1]


def test_a_server_whose_archiving_fails_is_heard_without_asking_it(tmp_path: Path) -> None:
    known = logged(recording(), "conductor-postgresql-", "LOG:  archive command failed with exit code 1")
    result = collect(known, tmp_path)
    (finding,) = (f.finding for f in result.report.findings if f.finding.rule == "CND-PG-018")
    assert finding.summary == "conductor-postgresql: by the server's log, archive_command fails"
    (cluster,) = entry(result.bundle.path, layout.CLUSTERS)["clusters"]
    assert cluster["pods"] == ["conductor-postgresql-0"]
