"""Real servers, real pgBackRest, real dumps, in the states that backups get into: each gives its finding."""

from __future__ import annotations

import gzip
import os
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from collector.core.clock import OffsetClock
from collector.postgres.model import Cluster
from tests.lib import pgsamples
from tests.lib.pgasked import asked, product_server, wait_for
from tests.lib.pgserver import INSTALLED, MAJORS, PGBACKREST, PgServer, room

# Debian 12's pgBackRest knows servers up to 15.
FOR_BACKREST = INSTALLED.get(
    max((version for version in INSTALLED if int(version) <= 15), key=int, default="")
)

pytestmark = [
    pytest.mark.skipif(not INSTALLED, reason="no PostgreSQL on this machine"),
    pytest.mark.timeout(180),
]
needs_backrest = pytest.mark.skipif(
    not (PGBACKREST and FOR_BACKREST), reason="pgBackRest with a server that it knows is not on this machine"
)


def verdicts(found: Cluster, *, now: datetime | None = None, minimum: int = 2) -> dict[str, str]:
    return pgsamples.verdicts(found, now=now or datetime.now(UTC), minimum=minimum)


@pytest.fixture(scope="module")
def template() -> Iterator[PgServer]:
    """A stopped server with segments of 1 MiB, archived by pgBackRest, with two full backups."""
    assert FOR_BACKREST
    with room() as folder:
        server = PgServer(folder=folder / "pg", bin=FOR_BACKREST)
        server.init("--wal-segsize=1")
        server.configure_backups()
        server.start(archive_mode="on", archive_command=server.archive_command, wal_level="replica")
        try:
            server.sql("create database conductor")
            server.sql("create table t as select generate_series(1, 1000) as i", database="conductor")
            server.backrest("stanza-create")
            server.backrest("--type=full", "backup")
            server.switch(2)
            server.backrest("--type=full", "backup")
            server.switch(1)
            server.sql("checkpoint")
        finally:
            server.stop()
        yield server


@pytest.fixture
def backed_up(template: PgServer) -> Iterator[PgServer]:
    with room() as folder:
        server = template.copy(folder / "pg")
        server.configure_backups()
        yield server
        server.stop()


def started(server: PgServer, archive_command: str | None = None) -> PgServer:
    command = server.archive_command if archive_command is None else archive_command
    server.start(archive_mode="on", archive_command=command, wal_level="replica")
    return server


ARCHIVED = (
    "select pg_walfile_name(pg_current_wal_lsn()) <= coalesce(last_archived_wal, '') from pg_stat_archiver"
)
SETTLED = "select count(*) = 0 from pg_ls_archive_statusdir() where name ~ 'ready$'"


@needs_backrest
def test_healthy(backed_up: PgServer) -> None:
    server = started(backed_up)
    server.switch(2)
    wait_for(server, SETTLED)
    found = asked(server, deep=True)
    assert verdicts(found) == {}
    assert found.primary
    assert found.primary.segment_size == 1 << 20
    assert [one.verified for one in found.repositories] == ["ok"]
    assert len(found.backups) == 2
    assert found.archives[0].listed


@needs_backrest
@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("/bin/false", {"PG-018": "critical"}),
        ("/bin/true", {"PG-017": "critical"}),
        ("", {"PG-017": "critical"}),
    ],
    ids=["false", "true", "missing"],
)
def test_archive_command(backed_up: PgServer, command: str, expected: dict[str, str]) -> None:
    server = started(backed_up, command)
    server.switch(4)
    wait_for(
        server,
        "select coalesce(last_failed_wal, last_archived_wal, '') <> '' or archived_count = 0 from "
        "pg_stat_archiver",
    )
    if command == "/bin/false":
        wait_for(server, "select failed_count > 0 from pg_stat_archiver")
    assert verdicts(asked(server)) == expected


@needs_backrest
def test_a_wal_file_removed_from_the_repository(backed_up: PgServer) -> None:
    server = started(backed_up)
    server.switch(6)
    wait_for(server, SETTLED)
    files = sorted((server.folder / "repo" / "archive").rglob("0000000100000000000000*-*"))
    files[-5].unlink()
    found = asked(server)
    assert verdicts(found) == {"PG-021": "critical"}


@needs_backrest
def test_a_backup_whose_files_are_damaged(backed_up: PgServer) -> None:
    server = started(backed_up)
    wait_for(server, SETTLED)
    newest = max((server.folder / "repo" / "backup" / "main").glob("*F"))
    target = max((newest / "pg_data" / "base").rglob("*.gz"), key=lambda path: path.stat().st_size)
    data = bytearray(target.read_bytes())
    data[len(data) // 2] ^= 0xFF
    target.write_bytes(bytes(data))
    assert verdicts(asked(server)) == {}
    assert verdicts(asked(server, deep=True)) == {"PG-025": "critical"}


@needs_backrest
def test_another_cluster_under_the_same_stanza(backed_up: PgServer) -> None:
    shutil.rmtree(backed_up.data)
    backed_up.init("--wal-segsize=1")
    server = started(backed_up)
    server.switch(4)
    wait_for(server, "select failed_count > 0 from pg_stat_archiver")
    assert verdicts(asked(server)) == {"PG-024": "critical"}


@needs_backrest
def test_a_retention_that_keeps_one(backed_up: PgServer) -> None:
    backed_up.configure_backups(repo1_retention_full="1")
    server = started(backed_up)
    wait_for(server, SETTLED)
    assert verdicts(asked(server)) == {"PG-031": "medium"}


@needs_backrest
def test_a_standby_asked_instead_of_the_primary(backed_up: PgServer) -> None:
    (backed_up.data / "standby.signal").touch()
    server = started(backed_up)
    found = asked(server)
    assert [one.in_recovery for one in found.servers] == [True]
    assert verdicts(found) == {"PG-039": "unknown"}


@needs_backrest
def test_a_stopped_tool(backed_up: PgServer) -> None:
    backed_up.backrest("stop")
    server = started(backed_up)
    server.switch(4)
    wait_for(server, "select failed_count > 0 from pg_stat_archiver")
    assert verdicts(asked(server)) == {"PG-035": "high", "PG-018": "critical"}


@needs_backrest
def test_clocks_that_differ(backed_up: PgServer) -> None:
    server = started(backed_up)
    wait_for(server, SETTLED)
    behind = OffsetClock(datetime.now(UTC) - timedelta(minutes=10))
    assert verdicts(asked(server, clock=behind)) == {"PG-037": "high"}


# ---- servers without a tool: dumps, slots, versions --------------------------------------------------------


@pytest.fixture(scope="module", params=MAJORS)
def plain(request: pytest.FixtureRequest) -> Iterator[PgServer]:
    with product_server(str(request.param)) as server:
        yield server


def dumped(server: PgServer, name: str, *words: str) -> Path:
    folder = server.folder / name
    folder.mkdir()
    server.own()
    server.call("pg_dump", "-U", "postgres", *words, "-f", str(folder / "db.dump"), "conductor")
    return folder


def old(folder: Path) -> Path:
    """Makes the files an hour old, as what was written just now may still grow."""
    an_hour_ago = datetime.now(UTC).timestamp() - 3600
    for path in folder.rglob("*"):
        os.utime(path, (an_hour_ago, an_hour_ago))
    return folder


def test_a_good_dump(plain: PgServer, request: pytest.FixtureRequest) -> None:
    for form in ("custom", "plain", "tar", "directory"):
        found = asked(plain, dumps=old(dumped(plain, f"good-{form}", f"--format={form}")))
        assert verdicts(found) == {}
        assert [one.verdict for one in found.dumps] == ["complete"]


def test_a_dump_cut_at_ten_points(plain: PgServer) -> None:
    folder = dumped(plain, "cut", "--format=custom")
    whole = (folder / "db.dump").read_bytes()
    for tenth in range(10):
        (folder / "db.dump").write_bytes(whole[: len(whole) * tenth // 10 or 1])
        assert verdicts(asked(plain, dumps=old(folder))) in ({"PG-012": "critical"}, {}), tenth
        (found,) = asked(plain, dumps=folder).dumps
        assert found.verdict in ("truncated", "unknown" if tenth == 0 else "truncated"), tenth


def test_the_dump_of_an_empty_pipe(plain: PgServer) -> None:
    folder = plain.folder / "pipe"
    folder.mkdir()
    (folder / "db.sql.gz").write_bytes(gzip.compress(b""))
    plain.own()
    assert verdicts(asked(plain, dumps=old(folder))) == {"PG-011": "critical"}


def test_dumps_of_the_wrong_scope(plain: PgServer) -> None:
    assert verdicts(asked(plain, dumps=old(dumped(plain, "schema", "--format=custom", "--schema-only")))) == {
        "PG-014": "high"
    }
    plain.sql("create database other")
    try:
        found = asked(plain, dumps=old(dumped(plain, "one", "--format=custom")))
        assert verdicts(found) == {"PG-014": "high"}
    finally:
        plain.sql("drop database other")


def test_a_slot_that_keeps_wal(plain: PgServer) -> None:
    plain.sql("select pg_create_physical_replication_slot('left_behind', true)")
    try:
        plain.switch(18)
        assert verdicts(asked(plain)) == {"PG-027": "medium"}
    finally:
        plain.sql("select pg_drop_replication_slot('left_behind')")
