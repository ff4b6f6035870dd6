"""Real servers, real pgBackRest, real dumps, in the states that backups get into: each gives its finding."""

from __future__ import annotations

import gzip
import os
import shutil
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from collector.collectors.postgres_probe import probe
from collector.collectors.postgres_steps import Steps
from collector.core.clock import Clock, OffsetClock, SystemClock
from collector.core.deadline import Deadline
from collector.kube.commands import Commands
from collector.kube.exec import Target
from collector.postgres.model import Cluster
from collector.spec import Postgres
from tests.lib import pgsamples
from tests.lib.pgserver import PGBACKREST, LocalRunner, PgServer, installations, room

INSTALLED = dict(installations())
# Debian 12's pgBackRest knows servers up to 15.
FOR_BACKREST = next((folder for version, folder in INSTALLED.items() if int(version) <= 15), None)
TARGET = Target(namespace="conductor", pod="db-0", container="postgres")

pytestmark = [
    pytest.mark.skipif(not INSTALLED, reason="no PostgreSQL on this machine"),
    pytest.mark.timeout(180),
]
needs_backrest = pytest.mark.skipif(
    not (PGBACKREST and FOR_BACKREST), reason="pgBackRest with a server that it knows is not on this machine"
)


def asked(
    server: PgServer, *, clock: Clock | None = None, deep: bool = False, dumps: Path | None = None
) -> Cluster:
    clock = clock or SystemClock()
    steps = Steps(LocalRunner(server=server), Commands(), clock, Deadline(clock, 120), deep=deep)
    spec = Postgres(exec=True, deep=deep, dump_dirs=(str(dumps),) if dumps else ())
    found = probe(Cluster(namespace="conductor", name="db", owner="conductor"), (TARGET,), steps, spec)
    # The disk of the machine that runs the tests is none of theirs.
    return replace(found, volumes=())


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


def wait_for(server: PgServer, condition: str) -> None:
    server.sql(
        "do $$ begin for i in 1..300 loop perform pg_stat_clear_snapshot(); "
        f"exit when ({condition}); perform pg_sleep(0.1); end loop; end $$"
    )


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


@pytest.fixture(scope="module", params=sorted(INSTALLED))
def plain(request: pytest.FixtureRequest) -> Iterator[PgServer]:
    version = str(request.param)
    with room() as folder:
        server = PgServer(folder=folder / "pg", bin=INSTALLED[version])
        server.init()
        server.start(wal_level="replica")
        server.sql("create database conductor")
        server.sql(
            "create table t as select i, md5(i::text) as words from generate_series(1, 5000) i",
            database="conductor",
        )
        server.sql("create role watcher login; grant pg_monitor to watcher; create role nobody_much login")
        yield server
        server.stop()


def dumped(server: PgServer, name: str, *words: str) -> Path:
    folder = server.folder / name
    folder.mkdir()
    server.own()
    server.call(
        str(server.bin / "pg_dump"), "-U", "postgres", *words, "-f", str(folder / "db.dump"), "conductor"
    )
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


def test_every_question_is_answered_on_every_version(plain: PgServer) -> None:
    (server,) = asked(plain).servers
    assert server.denied == {}
    assert server.version
    assert server.system_id
    assert server.in_recovery is False
    assert {one.name for one in server.databases} >= {"conductor", "postgres"}


@pytest.mark.parametrize(("role", "denied"), [("watcher", set()), ("nobody_much", {"ready", "waldir"})])
def test_lesser_roles_lose_only_what_they_may_not_see(
    plain: PgServer, monkeypatch: pytest.MonkeyPatch, role: str, denied: set[str]
) -> None:
    monkeypatch.setitem(plain.extra, "POSTGRES_USER", role)
    (server,) = asked(plain).servers
    assert set(server.denied) == denied
    assert server.system_id


def test_a_locked_catalogue_costs_one_answer(plain: PgServer) -> None:
    locked = threading.Thread(
        target=plain.sql,
        args=(
            (
                "begin; lock table pg_catalog.pg_extension in access exclusive mode;"
                "select pg_sleep(6); rollback;"
            ),
        ),
    )
    locked.start()
    wait_for(
        plain,
        "select count(*) > 0 from pg_locks where relation = 'pg_extension'::regclass and mode = "
        "'AccessExclusiveLock'",
    )
    (server,) = asked(plain).servers
    locked.join()
    assert server.denied == {"extensions": "55P03"}
    assert server.system_id


def test_a_server_that_never_answers_costs_bounded_time(
    plain: PgServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(5)
        address = {"PGHOST": "127.0.0.1", "PGPORT": str(silent.getsockname()[1])}
        for name, value in address.items():
            monkeypatch.setitem(plain.extra, name, value)
        found = asked(plain)
    assert found.servers == ()
    (step,) = (step for step in found.steps if step.name == "psql")
    assert step.status == "error"
    assert step.seconds < 20
    assert verdicts(found) == {"PG-039": "unknown"}
