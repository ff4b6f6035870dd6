"""Every recorded output of a backup tool gives the verdict that the story of its making asks for."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from collector.analysis.rules_postgres import judge
from collector.postgres import barman, pgbackrest
from collector.postgres.decode import OutputError
from collector.postgres.model import Cluster
from tests.lib import pgsamples as pg

CRITICAL, HIGH, MEDIUM, UNKNOWN = "critical", "high", "medium", "unknown"
BROKEN = {"PG-030": CRITICAL}
NONE = {"PG-002": CRITICAL}

SAMPLES: list[tuple[str, Cluster, dict[str, str]]] = [
    ("no stanza anywhere", pg.info("pgbackrest/01-info-repo-empty-no-stanza-arg.out"), NONE),
    ("stanza never created", pg.info("pgbackrest/02-info-stanza-missing.out"), NONE),
    ("stanza without backups", pg.info("pgbackrest/04-info-no-backup.out"), NONE),
    ("full, diff and incr", pg.info("pgbackrest/08-info-full-diff-incr.out"), {}),
    ("verified", pg.info("pgbackrest/08-info-full-diff-incr.out", verify="pgbackrest/10-verify-ok.out"), {}),
    (
        "archive_command fails, info says ok",
        pg.asked(
            pg.info("pgbackrest/12-info-archive-broken.out"),
            pg.archiver("pg_stat_archiver-false", ready={"ready": 5, "oldest": "2026-11-20T15:07:20Z"}),
        ),
        {"PG-018": CRITICAL},
    ),
    (
        "archive_command true, info says ok",
        pg.asked(
            pg.info("pgbackrest/13b-info-archive-bintrue.out"),
            pg.archiver("pg_stat_archiver-bintrue", settings={"archive_command": "/bin/true"}),
        ),
        {"PG-017": CRITICAL},
    ),
    (
        "segments missing, info says ok",
        pg.info("pgbackrest/14-info-wal-gap.out", listing="pgbackrest/15-repo-ls-archive.out"),
        {"PG-021": CRITICAL},
    ),
    (
        "segments missing, listed without a stanza",
        pg.info("pgbackrest/14-info-wal-gap.out", listing="pgbackrest/15b-repo-ls-archive-nostanza.out"),
        {"PG-021": CRITICAL},
    ),
    (
        "segments missing before the newest full backup",
        pg.info("pgbackrest/24b-info-archive-gap.out", listing="pgbackrest/24-repo-ls-archive-gap.out"),
        {"PG-021": HIGH},
    ),
    ("while a backup runs", pg.info("pgbackrest/16-info-lock-held.out"), {}),
    ("files damaged and gone, info says ok", pg.info("pgbackrest/17-info-corrupted.out"), {}),
    (
        "files damaged and gone, verified",
        pg.info("pgbackrest/17-info-corrupted.out", verify="pgbackrest/17b-verify-corrupted.out"),
        {"PG-025": HIGH},
    ),
    ("index tampered with", pg.info("pgbackrest/18-info-backupinfo-tampered.out"), BROKEN),
    ("index missing", pg.info("pgbackrest/18b-info-backupinfo-missing.out"), NONE),
    ("repository not readable", pg.info("pgbackrest/18c-info-repo-noperm.out"), BROKEN),
    ("repository path missing", pg.info("pgbackrest/18d-info-repo-path-missing.out"), NONE),
    ("object store unreachable", pg.info("pgbackrest/18f-info-s3-unreachable.out"), BROKEN),
    ("one of two repositories is empty", pg.info("pgbackrest/19-info-two-repos-mixed.out"), {"PG-002": HIGH}),
    ("encrypted and empty", pg.info("pgbackrest/20-info-encrypted-empty.out"), NONE),
    ("wrong passphrase", pg.info("pgbackrest/20b-info-encrypted-wrong-key.out"), BROKEN),
    ("page checksum error", pg.info("pgbackrest/21b-info-page-checksum-error.out"), {"PG-025": CRITICAL}),
    (
        "page checksum error seen by the server",
        pg.asked(
            pg.info("pgbackrest/08-info-full-diff-incr.out"),
            pg.server(checksums={"failures": 1, "last": "2026-11-20T15:12:27Z"}),
        ),
        {"PG-025": CRITICAL},
    ),
    (
        "restored and promoted, a damaged backup left",
        pg.info(
            "pgbackrest/22b-info-after-timeline-switch.out",
            listing="pgbackrest/22c-repo-ls-archive-timeline.out",
        ),
        {"PG-025": HIGH},
    ),
    (
        "stopped tool, seen by the archiver",
        pg.asked(
            pg.info("pgbackrest/23-info-stopped.out"),
            pg.archiver("pg_stat_archiver-pgbackrest-stopped", ready={"ready": 4, "oldest": None}),
        ),
        {"PG-018": CRITICAL, "PG-025": HIGH},
    ),
    (
        "another cluster under the stanza",
        pg.asked(
            pg.info("pgbackrest/25-mismatch-info.out"),
            pg.archiver("pg_stat_archiver-system-id-mismatch", system={"system_id": "7710275000000000000"}),
        ),
        {"PG-024": CRITICAL, "PG-025": HIGH},
    ),
    ("2.59: an old damaged backup left", pg.info("pgbackrest259/01-info.out"), {"PG-025": HIGH}),
    ("2.59: nothing", pg.info("pgbackrest259/05-info-empty.out"), NONE),
    ("2.59: stanza missing", pg.info("pgbackrest259/05b-info-missing-stanza.out"), NONE),
    (
        "2.59: two repositories",
        pg.info("pgbackrest259/07-two-repo-mixed.out"),
        {"PG-002": HIGH, "PG-025": HIGH},
    ),
    ("2.59: not readable", pg.info("pgbackrest259/08-noperm.out"), BROKEN),
    ("2.59: while a backup runs", pg.info("pgbackrest259/10-info-lock-held.out"), {}),
    ("2.59: block incremental", pg.info("pgbackrest259/11-info-block.out"), {}),
    ("barman without backups", pg.barman_server(backups="barman/01b-list-backups-empty.out"), NONE),
    (
        "barman healthy",
        pg.barman_server(backups="barman/05-list-backups.out", checks="barman/04-check-ok.out"),
        {},
    ),
    (
        "barman's receiver stopped",
        pg.barman_server(backups="barman/05-list-backups.out", checks="barman/13-check-receive-stopped.out"),
        {"PG-035": HIGH},
    ),
    (
        "barman keeps too few",
        pg.barman_server(backups="barman/05-list-backups.out", checks="barman/15-check-min-redundancy.out"),
        {"PG-031": MEDIUM, "PG-035": HIGH},
    ),
    (
        "barman cannot connect",
        pg.barman_server(
            backups="barman/16c-list-backups-with-failed.out", checks="barman/16-check-conn-failed.out"
        ),
        {"PG-030": CRITICAL, "PG-031": MEDIUM},
    ),
    ("barman-cloud empty", pg.barman_cloud("barman-cloud/01-list-empty.out"), NONE),
    ("barman-cloud one backup", pg.barman_cloud("barman-cloud/03-list.out"), {}),
    ("barman-cloud 3.19", pg.barman_cloud("barman-cloud/03d-list-barman-3.19.out"), {}),
    ("barman-cloud two backups", pg.barman_cloud("barman-cloud/05-list-two-backups.out"), {}),
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
