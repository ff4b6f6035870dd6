"""What the logs of backup runs and of servers say becomes the cause, the contradiction or the finding."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from collector.analysis.engine import analyse
from collector.analysis.texts import load_rule_texts
from collector.bundle import layout
from collector.core.clock import rfc3339
from collector.findings import Finding, Outcome
from collector.postgres.loglines import Line, Success, known_lines, read
from collector.postgres.model import Cluster
from collector.records import Json
from tests.lib import pgsamples as pg
from tests.lib.evidence import MemoryEvidence
from tests.lib.planted import redacted_lines

NOW = datetime(2026, 11, 20, 16, tzinfo=UTC)
KNOWN = known_lines()
SERVER_LOG = (
    "2026-11-20 15:58:00.1 P00  ERROR: [082]: WAL segment 000000010000000000000006 was not archived "
    "before the 60000ms timeout\n"
    "2026-11-20 15:58:00.2 UTC [28782] LOG:  archive command failed with exit code 82\n"
)


@pytest.mark.parametrize("line", KNOWN.lines, ids=[one.id for one in KNOWN.lines])
def test_a_line_is_known_by_its_example(line: Line) -> None:
    example = f"2026-11-20T15:58:00.123456789Z {line.example}"
    for text in (line.example, redacted_lines([example.encode()]).decode()):
        (found,) = read([text])
        assert found.line.id == line.id
    assert line.rule in load_rule_texts()
    assert line.source


@pytest.mark.parametrize(
    "success", KNOWN.successes, ids=[f"{one.tool} {one.match}" for one in KNOWN.successes]
)
def test_a_success_takes_back_what_its_tool_failed_at(success: Success) -> None:
    failure = next(one for one in KNOWN.lines if one.tool == success.tool and one.fails)
    assert success.tool in KNOWN.success(success.example)
    assert read([failure.example, success.example]) == ()
    assert [one.line for one in read([success.example, failure.example])] == [failure]


def test_damage_stays_although_the_backup_succeeded() -> None:
    warned = next(one for one in KNOWN.lines if one.id == "pgbackrest-pages").example
    assert [one.line.id for one in read([warned, KNOWN.successes[0].example])] == ["pgbackrest-pages"]


def test_a_hostile_log_costs_little() -> None:
    worst = ["pg_dump: " + "pg_dump: error " * 100_000, "certificate " * 100_000, "error: [" * 100_000]
    assert len(read(worst * 3)) <= len(KNOWN.lines)


def schedule(*runs: tuple[str, str], problems: tuple[str, ...] = (), **pod: str) -> dict[str, Json | bytes]:
    """Returns a bundle with a backup's runs, newest first: each its result and the log of its pod."""
    entries = []
    logs: dict[str, Json | bytes] = {}
    for at, (result, log) in enumerate(runs):
        name = f"dump-{at}-x"
        moment = rfc3339(NOW - timedelta(hours=1 + 24 * at))
        phase = pod.get("phase") or {"succeeded": "Succeeded", "failed": "Failed"}.get(result, "Running")
        entries.append(
            {
                "job": f"dump-{at}",
                "result": result,
                "point": moment,
                "scheduled": moment,
                "exit_codes": [1],
                "path": "jobs",
                "pointer": f"/items/{at}",
                "pods": [{"name": name, "phase": phase, "path": "pods", "pointer": f"/items/{at}"}],
            }
        )
        stamped = "".join(f"{moment} {line}\n" for line in log.splitlines())
        logs[layout.log_path("conductor", name, "dump", previous=False)] = stamped.encode()
    one = {
        "kind": "CronJob",
        "namespace": "conductor",
        "name": "dump",
        "owner": "conductor",
        "tool": "release",
        "problems": list(problems),
        "path": "cronjobs",
        "pointer": "/items/0",
        "runs": entries,
    }
    document = {"objective_seconds": 86400, "looked_at": [], "servers": [], "schedules": [one]}
    return {layout.BACKUPS: document, **logs}


def clusters(*found: Cluster) -> dict[str, Json | bytes]:
    document = {
        "objective_seconds": 86400,
        "archive_objective_seconds": 900,
        "minimum_backups": 1,
        "clusters": msgspec.to_builtins(found, str_keys=True),
    }
    return {layout.CLUSTERS: document}


def judged(files: Mapping[str, Json | bytes]) -> dict[str, Finding]:
    found = analyse(MemoryEvidence(files), now=NOW, texts=load_rule_texts()).findings
    ours = [one for one in found if one.rule.startswith("CND-PG")]
    by_rule = {one.rule.removeprefix("CND-"): one for one in ours}
    assert len(by_rule) == len(ours)
    return by_rule


BROKEN = pg.printed("pgdump/12-dump-limited-role")
NOTHING = pg.printed("pgdump/11-pipe-no-pipefail")
FINE = pg.printed("pgbackrest/05-backup-full")
PIPE = ("a pipe without pipefail",)


def test_the_cause_of_a_failed_run_is_in_its_log() -> None:
    found = judged(schedule(("failed", BROKEN), ("succeeded", "")))
    assert set(found) == {"PG-004"}
    assert found["PG-004"].summary.endswith("its log: the role that dumps may not read everything")
    assert found["PG-004"].facts["said"] == "dump-permission"
    line = found["PG-004"].evidence[0]
    assert line.path == "cluster-resources/pods/logs/conductor/dump-0-x/dump.log"
    assert (line.line, line.excerpt.startswith("pg_dump: error: query failed")) == (2, True)


@pytest.mark.parametrize("line", KNOWN.lines, ids=[one.id for one in KNOWN.lines])
def test_every_known_line_becomes_the_finding_that_it_names(line: Line) -> None:
    found = judged(schedule(("failed", line.example)))
    assert found["PG-004"].facts["said"] == line.id
    assert set(found) == {"PG-004", "PG-003", line.rule.removeprefix("CND-")}


def test_a_cause_that_is_a_state_of_its_own_is_a_finding_of_its_own() -> None:
    found = judged(schedule(("failed", pg.printed("pgbackrest/25-mismatch-backup")), ("succeeded", FINE)))
    assert set(found) == {"PG-004", "PG-024"}
    assert found["PG-024"].subject.name == "dump"
    assert found["PG-024"].summary.startswith("dump: by the log of its newest run, the repository belongs")


def test_what_the_database_shows_itself_is_not_said_again_by_a_log() -> None:
    seen = pg.info("pgbackrest/18f-info-s3-unreachable.out")
    run = schedule(("failed", pg.printed("barman-cloud/07-unreachable")), ("succeeded", ""))
    assert judged(run)["PG-030"].subject.kind == "CronJob"
    assert judged({**run, **clusters(seen)})["PG-030"].subject.kind == "Database"


def test_a_server_that_archives_again_is_believed_more_than_the_log_of_the_last_run() -> None:
    run = schedule(("failed", pg.printed("pgbackrest/12b-backup-archive-broken")), ("succeeded", ""))
    assert set(judged(run)) == {"PG-004", "PG-018"}
    archives = pg.cluster(servers=(pg.archiver("pg_stat_archiver-after-gap"),))
    assert set(judged({**run, **clusters(archives)})) == {"PG-004"}


def test_a_success_that_its_log_denies_is_a_failure_where_the_command_hides_failures() -> None:
    files = schedule(("succeeded", NOTHING), ("succeeded", NOTHING), problems=PIPE)
    found = judged(files)
    assert found["PG-004"].outcome is Outcome.FAIL
    assert found["PG-004"].count == 2
    assert "the database that it names does not exist" in found["PG-004"].summary
    assert "is not known" in found["PG-003"].summary
    card = analyse(MemoryEvidence(files), now=NOW, texts=load_rule_texts()).backup
    assert card is not None
    assert (card.state, card.last_good, card.last_attempt_result) == ("failing", None, "failed")


def test_a_success_beside_an_error_is_only_doubted_where_the_command_hides_nothing() -> None:
    found = judged(schedule(("succeeded", NOTHING)))
    assert set(found) == {"PG-004"}
    assert found["PG-004"].outcome is Outcome.WARN


@pytest.mark.parametrize(
    "files",
    [
        schedule(("succeeded", FINE)),
        schedule(("succeeded", pg.printed("pgbackrest/11-check-archive-broken") + FINE)),
        schedule(("succeeded", NOTHING), phase="Failed"),
        schedule(("running", NOTHING), ("succeeded", "")),
    ],
    ids=["a good log", "tried again", "the pod of an attempt before", "while it runs"],
)
def test_a_good_run_stays_good(files: dict[str, Json | bytes]) -> None:
    assert judged(files) == {}


def test_damage_that_a_successful_run_saw_is_told() -> None:
    found = judged(schedule(("succeeded", pg.printed("pgbackrest/21-backup-page-checksum-error"))))
    assert set(found) == {"PG-025"}


def server_log(text: str, *, hours: float = 0, found: Cluster | None = None) -> dict[str, Json | bytes]:
    stamp = rfc3339(NOW - timedelta(hours=hours, minutes=2))
    path = layout.log_path("conductor", "db-0", "postgres", previous=False)
    log = "".join(f"{stamp} {line}\n" for line in text.splitlines()).encode()
    return {**clusters(replace(found or pg.cluster(), pods=("db-0",))), path: log}


def test_a_server_that_was_not_asked_is_heard() -> None:
    found = judged(server_log(SERVER_LOG))
    assert found["PG-018"].summary == (
        "db: by the server's log, archive_command fails: "
        "a WAL segment that the backup needs did not reach the repository in time"
    )
    assert found["PG-018"].facts["said"] == "pgbackrest-archive-timeout"
    assert [(one.line, one.excerpt[-12:]) for one in found["PG-018"].evidence if one.line] == [
        (2, "exit code 82")
    ]


@pytest.mark.parametrize(
    "files",
    [
        server_log(SERVER_LOG, hours=1),
        server_log(SERVER_LOG + "P00   INFO: pushed WAL file '000000010000000000000006' to the archive\n"),
        server_log(SERVER_LOG.splitlines()[0]),
        server_log(SERVER_LOG, found=pg.cluster(servers=(pg.archiver("pg_stat_archiver-after-gap"),))),
    ],
    ids=["an hour ago", "pushed since", "no word of the server", "the server says that it archives"],
)
def test_what_a_server_failed_at_once_is_no_failure_now(files: dict[str, Json | bytes]) -> None:
    assert judged(files) == {}


def test_the_servers_log_gives_the_reason_beside_its_own_statistics() -> None:
    failing = pg.cluster(servers=(pg.archiver("pg_stat_archiver-false", ready={"ready": 5, "oldest": None}),))
    found = judged(server_log(SERVER_LOG, hours=1, found=failing))
    assert "archiving fails at 00000001000000000000000D, 5 segments waiting; the server's log" in (
        found["PG-018"].summary
    )
