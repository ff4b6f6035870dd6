"""Real servers asked over their own protocol: what psql in a pod answers, and every way of being refused."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import trustme

from collector.bundle import layout
from collector.collectors.postgres_dsn import ask_database
from collector.core.clock import SystemClock
from collector.core.deadline import Deadline
from collector.postgres.model import Cluster, Server
from collector.postgres.queries import Query, load_session
from collector.sql import Database, ask
from tests.lib.pgasked import asked, product_server, wait_for
from tests.lib.pgsamples import verdicts
from tests.lib.pgserver import MAJORS, PgServer
from tests.lib.recordings import recording
from tests.lib.runs import collect, entry, whole
from tests.lib.runs import verdicts as findings

pytest.importorskip("psycopg")
pytestmark = [
    pytest.mark.skipif(not MAJORS, reason="no PostgreSQL on this machine"),
    pytest.mark.timeout(120),
]
PASSWORD = "Tr0ub4dor-and-3"
ROLES = ("postgres", "watcher", "nobody_much")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


@pytest.fixture(scope="module", params=MAJORS)
def server(request: pytest.FixtureRequest) -> Iterator[PgServer]:
    with product_server(str(request.param), listen_addresses="127.0.0.1", port=free_port()) as started:
        for role in ROLES:
            started.sql(f"alter role {role} password '{PASSWORD}'")
        rules = "local all all trust\nhost all all 127.0.0.1/32 md5\n"
        (started.data / "pg_hba.conf").write_text(rules)
        started.sql("select pg_reload_conf()")
        yield started


def dsn(server: PgServer, role: str = "watcher", password: str = PASSWORD, more: str = "") -> str:
    return f"postgresql://{role}:{password}@127.0.0.1:{server.port}/postgres{more}"


@contextlib.contextmanager
def stalled(port: int, after: int = 2500) -> Iterator[int]:
    """Gives a port that leads to the server's, and says nothing more after so many bytes of its words."""
    over = threading.Event()

    def pass_on(source: socket.socket, target: socket.socket, most: int) -> None:
        with contextlib.suppress(OSError):
            while most > 0 and (data := source.recv(min(most, 65536))):
                target.sendall(data)
                most -= len(data)
            over.wait(30)

    with (
        socket.create_server(("127.0.0.1", 0)) as listening,
        socket.create_connection(("127.0.0.1", port)) as behind,
    ):

        def serve() -> None:
            front, _ = listening.accept()
            with front:
                threading.Thread(target=pass_on, args=(front, behind, 1 << 30), daemon=True).start()
                pass_on(behind, front, after)

        threading.Thread(target=serve, daemon=True).start()
        yield int(listening.getsockname()[1])
        over.set()


def found(text: str, seconds: float = 30.0) -> Cluster:
    clock = SystemClock()
    return ask_database(Database(text), clock, Deadline(clock, seconds))


def steady(server: Server) -> Server:
    """Returns what does not change from one session to the next."""
    return replace(
        server,
        instance="",
        clock=None,
        asked_at=None,
        protection="",
        settings={},
        current_wal="",
        wal_bytes=None,
        databases=(),
        slots=(),
        clients=(),
    )


@pytest.mark.parametrize("role", ROLES)
def test_the_answers_are_those_of_psql_in_the_pod(
    server: PgServer, role: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(server.extra, "POSTGRES_USER", role)
    inside = asked(server)
    outside = found(dsn(server, role))
    assert [step.status for step in outside.steps] == ["ok"]
    assert steady(outside.servers[0]) == steady(inside.servers[0])
    assert outside.servers[0].settings == inside.servers[0].settings
    assert [one.name for one in outside.servers[0].databases] == [
        one.name for one in inside.servers[0].databases
    ]
    assert verdicts(outside) == verdicts(inside)


def test_a_whole_run_judges_what_it_answered_and_keeps_nothing_of_the_dsn(
    server: PgServer, tmp_path: Path
) -> None:
    result = collect(recording(), tmp_path, database=Database(dsn(server, "postgres")))
    clusters = entry(result.bundle.path, layout.CLUSTERS)["clusters"]
    (cluster,) = (one for one in clusters if one["name"] == "database-of-the-dsn")
    assert cluster["servers"][0]["system_id"]
    assert cluster["servers"][0]["protection"] == "local"
    # The recorded cluster is older than the server, so its clock is the one thing to be noticed.
    found = {key for key in findings(result) if key.endswith(" database-of-the-dsn")}
    assert found == {"CND-PG-037 database-of-the-dsn"}
    assert PASSWORD.encode() not in whole(result.bundle.path)


def test_every_question_is_asked_in_a_transaction_that_only_reads_and_never_waits_long(
    server: PgServer,
) -> None:
    names = ("transaction_read_only", "application_name", *load_session())
    queries = tuple(
        Query(id=name, sql=f"select setting, unit from pg_settings where name = '{name}'") for name in names
    )
    answered = ask(Database(dsn(server)), queries, deadline=Deadline(SystemClock(), 20)).answers
    said = {name: answered.one(name)["setting"] for name in names}
    assert said == {
        **load_session(),
        "transaction_read_only": "on",
        "application_name": "conductor-diag",
    }


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"password": "wrong-password-1"}, "the password was not accepted or none was given"),
        ({"role": "nobody_at_all"}, "the password was not accepted or none was given"),
        ({"more": "?sslmode=require"}, "the server does not speak TLS, which the DSN asks for"),
    ],
    ids=["password", "role", "tls"],
)
def test_a_refusal_is_told_in_our_words(server: PgServer, change: dict[str, str], error: str) -> None:
    cluster = found(dsn(server, **change))
    assert cluster.servers == ()
    (step,) = cluster.steps
    assert (step.status, step.error) == ("error", error)
    assert "psql" in step.needs
    assert verdicts(cluster) == {"PG-039": "unknown"}


@pytest.mark.parametrize("version", MAJORS)
def test_a_certificate_is_checked_as_far_as_the_dsn_asks(tmp_path: Path, version: str) -> None:
    ours, theirs = trustme.CA(), trustme.CA()
    for name, authority in (("ours", ours), ("theirs", theirs)):
        authority.cert_pem.write_to_path(str(tmp_path / f"{name}.pem"))
    with product_server(version, listen_addresses="127.0.0.1", port=free_port()) as server:
        if not server.sql("select 1 from pg_settings where name = 'ssl_library' and setting <> ''"):
            pytest.skip("this server was built without TLS")
        issued = ours.issue_cert("127.0.0.1")
        issued.cert_chain_pems[0].write_to_path(str(server.data / "server.crt"))
        issued.private_key_pem.write_to_path(str(server.data / "server.key"))
        (server.data / "server.key").chmod(0o600)
        server.own()
        server.sql("alter system set ssl = on")
        server.sql("select pg_reload_conf()")
        strict = dsn(server, more=f"?sslmode=verify-full&sslrootcert={tmp_path}")
        wait_for(server, "select setting = 'on' from pg_settings where name = 'ssl'")
        assert found(f"{strict}/ours.pem").servers[0].protection == "verified"
        (step,) = found(f"{strict}/theirs.pem").steps
        assert (step.status, step.error) == ("error", "the server's certificate was not accepted")


def test_a_locked_catalogue_costs_the_answers_that_need_it(server: PgServer) -> None:
    with server.holding("lock table pg_catalog.pg_extension in access exclusive mode"):
        (one,) = found(dsn(server)).servers
    assert one.denied["extensions"] == "55P03"
    assert one.system_id
    with server.holding("lock table pg_catalog.pg_proc in access exclusive mode"):
        began = time.monotonic()
        cluster = found(dsn(server), seconds=4.0)
    assert time.monotonic() - began < 6
    assert [step.status for step in cluster.steps] == ["timeout"]
    assert cluster.servers == ()


def test_a_server_that_never_answers_costs_bounded_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        for seconds, status in ((1.0, "timeout"), (20.0, "error")):
            began = time.monotonic()
            (step,) = found(f"postgresql://u:{PASSWORD}@127.0.0.1:{port}/x", seconds).steps
            assert step.status == status
            assert time.monotonic() - began < 8


def test_a_server_that_falls_silent_in_the_middle_costs_bounded_time(server: PgServer) -> None:
    with stalled(server.port) as port:
        began = time.monotonic()
        cluster = found(f"postgresql://watcher:{PASSWORD}@127.0.0.1:{port}/postgres", 3.0)
    assert time.monotonic() - began < 5
    assert [step.status for step in cluster.steps] == ["timeout"]
    # What it said before is kept.
    assert cluster.servers[0].version
