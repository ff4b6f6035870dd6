"""A database named by a DSN: what is refused, what never shows, and which cluster its answers belong to."""

from __future__ import annotations

import pickle
import sys
from argparse import Namespace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from collector.analysis.marks import Grade
from collector.analysis.rules_postgres import judge
from collector.cli.whereto import database
from collector.collectors.postgres_dsn import joined
from collector.core.errors import UsageError
from collector.kube.commands import Commands
from collector.kube.config import ConnectionOptions
from collector.pipeline.options import RunOptions
from collector.pipeline.proof import agent_secrets
from collector.postgres.model import Cluster, Drift, Protection, Server, Step
from collector.postgres.queries import load_session
from collector.redaction.scanner import Scanner
from collector.spec import Postgres, Spec
from collector.sql import Database
from collector.sql.session import _Session
from tests.lib import pgsamples
from tests.lib.clusters import connection

PASSWORD = "Tr0ub4dor-and-3"
DSN = f"postgresql://watcher:{PASSWORD}@db.example.com:5432/conductor"
STARTED = datetime(2026, 11, 20, 15, tzinfo=UTC)


@pytest.mark.parametrize(
    ("dsn", "message"),
    [
        (f"postgresql://u:{PASSWORD}@[/x=8=", "the database's DSN cannot be understood"),
        (f"host=db passwrd={PASSWORD}", "the database's DSN cannot be understood"),
        (f"{DSN}?sslmode=disable", "the database's DSN turns encryption off"),
        (f"{DSN}?sslmode=allow", "the database's DSN turns encryption off"),
        (f"{DSN}?service=x&sslmode=disable&host=127.0.0.1", "the database's DSN turns encryption off"),
        (
            f"host=localhost hostaddr=192.0.2.1 sslmode=disable password={PASSWORD}",
            "the database's DSN turns",
        ),
        (f"host=db\npassword={PASSWORD}", "the database's DSN is not usable"),
        (f"host={'x' * 5000}", "the database's DSN is not usable"),
    ],
)
def test_a_dsn_that_cannot_be_used_is_refused_without_showing_it(dsn: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        Database(dsn)
    error = caught.value
    assert error.message.startswith(message)
    assert error.hint
    shown = f"{error!r} {error.why} {error.hint} {error.__cause__!r} {error.__context__!r}"
    assert PASSWORD not in shown
    assert "192.0.2.1" not in shown


@pytest.mark.parametrize("place", ["host=/run/postgresql", "host=127.0.0.1", "host=localhost", "user=v"])
def test_on_this_machine_encryption_may_be_off(place: str) -> None:
    assert Database(f"{place} user=u sslmode=disable").local


def test_a_dsn_of_two_lines_is_told_what_a_dsn_looks_like() -> None:
    with pytest.raises(UsageError) as caught:
        Database("host=db\nuser=u")
    assert caught.value.hint.startswith("write the DSN alone on one line, such as: host=NAME")


def test_a_database_shows_nothing_of_itself() -> None:
    named = Database(DSN)
    assert f"{named} {named!r} {named.dsn}" == "Database(***) Database(***) Secret(***)"
    with pytest.raises(TypeError):
        pickle.dumps(named)


@pytest.mark.parametrize("trace", [DSN, PASSWORD, f'{{"x":"{PASSWORD}"}}'])
def test_the_second_opinion_looks_for_the_dsn_and_its_password(trace: str) -> None:
    assert Scanner(Database(DSN).secrets).scan("entry", [f"a {trace} b".encode()])


def test_a_run_has_the_dsn_looked_for_in_its_bundle(tmp_path: Path) -> None:
    options = RunOptions(
        connection=ConnectionOptions(), spec=Spec(), dest_dir=tmp_path, database=Database(DSN)
    )
    assert {DSN, PASSWORD} <= set(agent_secrets(connection("http://127.0.0.1:1"), options).values())


@pytest.mark.parametrize("word", ["postgres", "conductor", "x1", "12345678"])
def test_a_password_that_is_a_plain_word_withholds_no_bundle(word: str) -> None:
    named = Database(f"postgresql://u:{word}@db.example.com/x")
    assert not Scanner(named.secrets).scan("entry", [f"image: {word}:15".encode()])


def test_without_the_library_one_sentence_says_what_to_type(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(UsageError) as caught:
        Database(DSN)
    assert caught.value.hint == "try: pip install 'conductor-diag[postgres]'"


@pytest.mark.parametrize(
    ("flag", "variable", "named", "expected"),
    [
        ("flag", "", "", ("flag.example.com",)),
        ("", "host=variable.example.com", "", ("variable.example.com",)),
        ("", "", "spec", ("spec.example.com",)),
        ("flag", "host=variable.example.com", "spec", ("flag.example.com",)),
        ("", "host=variable.example.com", "spec", ("variable.example.com",)),
        ("", "", "", None),
    ],
)
def test_where_the_dsn_comes_from(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    flag: str,
    variable: str,
    named: str,
    expected: tuple[str, ...] | None,
) -> None:
    for name in ("flag", "spec"):
        (tmp_path / name).write_text(f"host={name}.example.com\n")
    monkeypatch.setenv("CONDUCTOR_DIAG_POSTGRES_DSN", variable)
    arguments = Namespace(postgres_dsn_file=str(tmp_path / flag) if flag else "")
    found = database(arguments, str(tmp_path / named) if named else "")
    assert (found.hosts if found else None) == expected


@pytest.mark.parametrize("literal", [DSN, "host=db password=x"])
def test_a_dsn_does_not_stand_in_a_spec(literal: str) -> None:
    with pytest.raises(ValueError, match="a DSN does not stand in a spec"):
        Postgres(dsn_file=literal)


def test_psql_in_the_pod_is_given_the_same_settings() -> None:
    words = " ".join(Commands().get("psql", database="postgres").argv)
    for name, value in load_session().items():
        assert f"-c {name}={value}" in words
    assert words.count("-c ") - words.count("sh -c ") == len(load_session())


@pytest.mark.parametrize(
    ("more", "encrypted", "expected"),
    [
        ("?sslmode=verify-full", True, "verified"),
        ("?sslmode=verify-ca", True, "unverified"),
        ("", True, "unverified"),
        ("", False, "clear"),
        ("?hostaddr=127.0.0.1", True, "local"),
        ("?hostaddr=127.0.0.1", False, "local"),
    ],
)
def test_what_kept_the_session_from_others(more: str, encrypted: bool, expected: str) -> None:
    session = _Session(Database(DSN + more), (), "", 1.0, 1)
    link: Any = SimpleNamespace(pgconn=SimpleNamespace(ssl_in_use=encrypted))
    assert session._protection(link) == expected


@pytest.mark.parametrize(
    ("protection", "said"),
    [("", []), ("local", []), ("verified", []), ("unverified", ["CND-PG-053"]), ("clear", ["CND-PG-053"])],
)
def test_a_connection_that_nobody_verified_is_said(protection: Protection, said: list[str]) -> None:
    cluster = Cluster(namespace="", name="x", servers=(Server(protection=protection),))
    marks = judge(pgsamples.case(cluster))
    assert [mark.rule for mark in marks if mark.grade is Grade.INFO] == said


def answered(system_id: str = "7") -> Cluster:
    return Cluster(
        namespace="",
        name="database-of-the-dsn",
        servers=(Server(instance="dsn", system_id=system_id, started=STARTED),),
        steps=(Step(name="psql over the network", status="ok"),),
        drift=Drift(compared=True),
    )


def cluster(*servers: Server) -> Cluster:
    return Cluster(namespace="conductor", name="db", servers=servers)


@pytest.mark.parametrize(
    "host", ["db.conductor", "db-rw.conductor.svc", "db.conductor.svc.cluster.local", "db-0.conductor"]
)
def test_a_service_of_the_cluster_is_the_cluster(host: str) -> None:
    (one,) = joined((cluster(),), answered(), ("elsewhere", host))
    assert [server.instance for server in one.servers] == ["dsn"]
    assert [step.name for step in one.steps] == ["psql over the network"]
    assert one.drift == Drift(compared=True)


@pytest.mark.parametrize(
    "host", ["db.example.com", "db", "dbx.conductor", "db.other", "db.conductor.example.com", "10.0.0.1"]
)
def test_any_other_host_is_a_database_of_its_own(host: str) -> None:
    assert joined((cluster(),), answered(), (host,)) == (cluster(), answered())


def test_the_same_system_is_the_same_cluster_and_the_same_server_counts_once() -> None:
    inside = Server(instance="db-0", system_id="7", started=STARTED)
    (one,) = joined((cluster(inside),), answered(), ("10.0.0.1",))
    assert one.servers == (inside,)
    standby = Server(instance="db-1", system_id="7", in_recovery=True)
    (one,) = joined((cluster(standby),), answered(), ("10.0.0.1",))
    assert [server.instance for server in one.servers] == ["db-1", "dsn"]
    unknown = Server(instance="db-0")
    assert len(joined((cluster(unknown),), answered(system_id=""), ())) == 2
