"""Recorded answers of servers and dump files give the verdict that the story of their making asks for."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from collector.analysis.marks import Grade
from collector.analysis.rules_postgres import judge
from collector.postgres import barman, pgbackrest
from collector.postgres.decode import OutputError
from collector.postgres.dumpfile import Content
from collector.postgres.dumpfile import judge as judge_dump
from collector.postgres.model import Backup, Cluster, Restore, Server
from collector.postgres.psql import Answers, server_of
from tests.lib import pgsamples as pg

CRITICAL, HIGH, MEDIUM, UNKNOWN = "critical", "high", "medium", "unknown"
MIXED = ["small-good.sql", "small-trunc.sql"]  # plain SQL, which pg_restore does not read
ONLY_BY_READING = ["small-bitflip.dump"]


def probed(major: str) -> Server:
    """Returns the server of the recorded answers of one major version, whose columns had other names."""
    known = json.loads(pg.sample("sql/probe-rows.json"))

    def rows(name: str, **renamed: str) -> tuple[dict[str, object], ...]:
        return tuple(
            {**row, **{ours: row[theirs] for ours, theirs in renamed.items()}}
            for row in known.get(f"{name}@{major}", [])
        )

    answers = {
        "identity": rows("identity", version="version_num", clock="now_db"),
        "settings": rows("settings"),
        "archiver": rows("archiver"),
        "ready": rows("archive_status", oldest="oldest_ready"),
        "position": rows("position_primary", wal="walfile"),
        "timeline": rows("control_checkpoint", timeline="timeline_id"),
        "slots": rows("slots"),
        "databases": rows("databases", template="datistemplate", size="size_bytes"),
    }
    return server_of(Answers(rows=answers, failed={}, complete=True), instance="db-0", asked_at=None)


def checksums() -> Server:
    rows = pg.rows("pg_stat_database-checksum-failure")
    failures = sum(row["checksum_failures"] for row in rows)
    last = max(row["checksum_last_failure"] or "" for row in rows)
    return pg.server(checksums={"failures": failures, "last": last})


SAMPLES: list[tuple[str, Cluster, dict[str, str]]] = [
    (
        "page checksum error seen by the server",
        pg.asked(pg.info("pgbackrest/08-info-full-diff-incr.out"), checksums()),
        {"PG-025": CRITICAL},
    ),
    (
        "standby asked: its archiver says nothing",
        pg.asked(
            pg.info("pgbackrest/08-info-full-diff-incr.out"),
            pg.archiver(
                "pg_stat_archiver-standby",
                identity={"version": 150020, "in_recovery": True},
            ),
        ),
        {"PG-039": UNKNOWN},
    ),
    (
        "barman's slot in use",
        pg.cluster(servers=(pg.server(slots=pg.rows("pg_replication_slots-barman")),)),
        {},
    ),
    (
        "barman's slot just left",
        pg.cluster(servers=(pg.server(slots=pg.rows("pg_replication_slots-inactive")),)),
        {},
    ),
    (
        "archives again after a hole, which the listing shows and the server does not",
        pg.asked(
            pg.info("pgbackrest/24b-info-archive-gap.out", listing="pgbackrest/24-repo-ls-archive-gap.out"),
            pg.archiver("pg_stat_archiver-after-gap"),
        ),
        {"PG-021": HIGH},
    ),
    *(
        (f"server {major} as it is", pg.cluster(servers=(probed(major),)), {})
        for major in ("10", "15", "17", "18")
    ),
    (
        "slots lost",
        pg.cluster(servers=(pg.server(slots=pg.rows("pg_replication_slots-lost")),)),
        {"PG-027": HIGH},
    ),
    ("good custom dump", pg.dumps("small-good.dump"), {}),
    ("good dump through a pipe", pg.dumps("small-good-pipe.dump"), {}),
    ("good plain dump", pg.dumps("small-good.sql"), {}),
    ("good compressed dump", pg.dumps("small-good.sql.gz"), {}),
    ("good directory dump", pg.dumps("small-dir"), {}),
    ("good tar dump", pg.dumps("small.tar"), {}),
    ("empty dump", pg.dumps("empty.dump"), {"PG-011": CRITICAL}),
    ("a flipped bit, which only a full reading finds", pg.dumps("small-bitflip.dump"), {}),
    ("gzip of nothing", pg.dumps("gzip-of-nothing.sql.gz"), {"PG-011": CRITICAL}),
    ("dump cut in its data", pg.dumps("small-trunc60.dump"), {"PG-012": CRITICAL}),
    ("dump one byte short", pg.dumps("small-minus1.dump"), {"PG-012": CRITICAL}),
    ("dump through a pipe cut", pg.dumps("small-pipe-trunc60.dump"), {"PG-012": CRITICAL}),
    ("dump cut in its contents", pg.dumps("small-trunc-toc.dump"), {"PG-012": CRITICAL}),
    ("plain dump cut", pg.dumps("small-trunc.sql"), {"PG-012": CRITICAL}),
    ("compressed dump cut", pg.dumps("small-trunc.sql.gz"), {"PG-012": CRITICAL}),
    ("directory dump with a file missing", pg.dumps("small-dir-missing"), {"PG-012": CRITICAL}),
    ("dump without data", pg.dumps("small-schema-only.dump"), {"PG-014": HIGH}),
]


@pytest.mark.parametrize(("found", "expected"), [row[1:] for row in SAMPLES], ids=[row[0] for row in SAMPLES])
def test_sample(found: Cluster, expected: dict[str, str]) -> None:
    assert pg.verdicts(found) == expected


def test_the_archiver_says_the_same_in_every_form_it_was_recorded_in() -> None:
    expected = pg.rows("pg_stat_archiver-false")
    row, states, ready = pg.sample("sql/archiver-failing.txt").decode().splitlines()
    assert json.loads(row) == expected
    assert sum(entry["name"].endswith(".ready") for entry in json.loads(states)) == int(ready)
    expanded = pg.sample("sql/pg_stat_archiver-false.x.txt").decode().splitlines()
    lines = dict(line.split("|", 1) for line in expanded if "|" in line)
    assert lines["last_failed_wal"] == expected["last_failed_wal"]


def test_dumps_are_judged_as_a_full_reading_did() -> None:
    for line in pg.sample("dumps/results.tsv").decode().splitlines():
        name, _, read, _ = line.split("\t", 3)
        if name not in MIXED + ONLY_BY_READING:
            verdict = pg.dump(name).verdict
            assert (verdict in ("complete", "schema_only")) == (read == "read_rc=0"), (name, verdict)


def test_dumps_are_judged_as_their_structure_was() -> None:
    words = {"complete": "complete", "complete (schema only)": "schema_only"}
    for line in pg.sample("dumps/pgdmp-verdicts.txt").decode().splitlines():
        name, _, said = line.partition(" ")
        verdict = re.search(r'"verdict": "([^"]*)"', said)
        assert verdict
        expected = "empty" if '"size": 0' in said else words.get(verdict[1], "truncated")
        assert pg.dump(name).verdict == expected, name


@pytest.mark.parametrize("name", ["07-plain", "09-all"])
def test_a_long_plain_dump_is_judged_by_its_two_ends(name: str) -> None:
    head, tail = pg.sample(f"pgdump/{name}-head.txt"), pg.sample(f"pgdump/{name}-tail.txt")
    content = Content(name=name, size=1 << 30, head=head, tail=tail, modified=pg.NOW - timedelta(hours=1))
    assert judge_dump(content, now=pg.NOW).verdict == "complete"
    cut = replace(content, tail=b"1\t2\n" * 200)
    assert judge_dump(cut, now=pg.NOW).verdict == "truncated"


@pytest.mark.parametrize("name", ["barman/17-nonexistent-server.out", "barman-cloud/06-bad-bucket.out"])
def test_an_error_instead_of_a_list_is_no_list(name: str) -> None:
    with pytest.raises(OutputError):
        barman.read_cloud_backups(pg.sample(name))
    with pytest.raises(OutputError):
        barman.read_backups(pg.sample(name))


def test_no_output_is_no_catalogue() -> None:
    with pytest.raises(OutputError):
        pgbackrest.read_info(pg.sample("pgbackrest/18e-info-config-missing.out"))


def test_the_hole_is_named_with_what_the_newest_backup_still_reaches() -> None:
    found = pg.info("pgbackrest/14-info-wal-gap.out", listing="pgbackrest/15-repo-ls-archive.out")
    (mark,) = (mark for mark in judge(pg.case(found)) if mark.rule == "CND-PG-021")
    assert "6 WAL segments missing" in mark.summary
    assert "00000001000000000000000D to 000000010000000000000012" in mark.summary
    assert "reaches 00000001000000000000000C and no further" in mark.summary


def test_barman_names_the_checks_that_check_nothing() -> None:
    (repository,) = barman.read_checks(pg.sample("barman/04-check-ok.out"))
    assert repository.unchecked == ("wal_maximum_age",)
    assert repository.failed_checks == ()


def test_an_old_backup_is_old_and_a_very_old_one_worse() -> None:
    found = pg.info("pgbackrest/08-info-full-diff-incr.out")
    assert pg.verdicts(found, now=datetime(2026, 11, 21, 15, tzinfo=UTC)) == {}
    assert pg.verdicts(found, now=datetime(2026, 11, 22, 0, tzinfo=UTC)) == {"PG-003": HIGH}
    assert pg.verdicts(found, now=datetime(2026, 11, 24, 0, tzinfo=UTC)) == {"PG-003": CRITICAL}


@pytest.mark.parametrize("end", ["|| true", "; true"])
def test_a_command_that_hides_its_failures_is_as_bad_as_one_that_keeps_nothing(end: str) -> None:
    hidden = pg.server(settings={"archive_command": f"pgbackrest archive-push %p {end}"})
    found = pg.info("pgbackrest/08-info-full-diff-incr.out")
    assert pg.verdicts(pg.asked(found, hidden)) == {"PG-017": CRITICAL}


@pytest.mark.parametrize(
    ("name", "status", "grade"),
    [
        ("barman", "lost", CRITICAL),
        ("pg_receivewal_nightly", "lost", CRITICAL),
        ("wal_g", "lost", CRITICAL),
        ("barman", "unreserved", HIGH),
        ("standby1", "lost", HIGH),
        ("walgreen", "lost", HIGH),
    ],
)
def test_a_slot_that_a_backup_tool_lost_is_worse_than_a_standbys(name: str, status: str, grade: str) -> None:
    slot = {"slot_name": name, "slot_type": "physical", "active": False, "wal_status": status}
    assert pg.verdicts(pg.cluster(servers=(pg.server(slots=slot),))) == {"PG-027": grade}


@pytest.mark.parametrize(
    ("tool", "ahead", "expected"),
    [
        ("pgbackrest", timedelta(seconds=20), {}),
        ("pgbackrest", timedelta(minutes=4), {"PG-037": MEDIUM}),
        ("pgbackrest", timedelta(minutes=6), {"PG-037": HIGH}),
        ("barman-cloud", timedelta(hours=2), {"PG-037": MEDIUM}),
    ],
)
def test_a_backup_from_the_future_is_graded_by_how_far(
    tool: str, ahead: timedelta, expected: dict[str, str]
) -> None:
    ends = tuple(
        Backup(tool=tool, id=name, kind="full", state="good", stop=pg.NOW + skew)
        for name, skew in (("a", timedelta(seconds=20)), ("b", ahead))
    )
    assert pg.verdicts(pg.cluster(backups=ends)) == expected


@pytest.mark.parametrize(("days", "grade"), [(None, Grade.INFO), (100, Grade.MEDIUM), (10, None)])
def test_restore_tests_that_stopped_say_more_than_none_seen(days: int | None, grade: Grade | None) -> None:
    found = pg.info("pgbackrest/08-info-full-diff-incr.out")
    if days:
        at = pg.NOW - timedelta(days=days)
        found = replace(found, restores=(Restore(kind="Restore", name="r", result="succeeded", at=at),))
    grades = [mark.grade for mark in judge(pg.case(found)) if mark.rule == "CND-PG-033"]
    assert grades == ([grade] if grade else [])


def test_a_dump_is_judged_alike_by_its_head_and_end() -> None:
    whole = {name: pg.dump(name).verdict for name in ("small-good.dump", "small-minus1.dump", "small.tar")}
    parts = {name: pg.dump(name, head=6000).verdict for name in whole}
    assert (
        parts
        == whole
        == {
            "small-good.dump": "complete",
            "small-minus1.dump": "truncated",
            "small.tar": "complete",
        }
    )


def test_what_only_a_full_reading_could_show_is_not_determined() -> None:
    assert pg.dump("small-good.sql.gz", head=6000).verdict == "unknown"
    assert pg.dump("small-good-pipe.dump", head=6000).verdict == "unknown"
    assert pg.verdicts(pg.cluster(dumps=(pg.dump("small-good.sql.gz", head=6000),))) == {"PG-039": UNKNOWN}


def test_a_file_that_is_being_written_is_not_called_broken() -> None:
    assert pg.dump("small-trunc60.dump", modified=pg.NOW).verdict == "being_written"
    assert pg.dump("small-good.dump", modified=pg.NOW).verdict == "complete"
