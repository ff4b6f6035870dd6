"""Fingerprints of real servers: equal to themselves, and different by name for every kind of change."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from collector.cli import baseline as cli
from collector.core.clock import SystemClock
from collector.core.deadline import Deadline
from collector.core.errors import UsageError
from collector.kube.commands import Commands
from collector.postgres.fingerprint import Baseline, compare, make_baseline, read_baseline
from collector.postgres.model import Drift
from collector.postgres.psql import MOST_OBJECTS, Answers, read_batch
from collector.postgres.queries import batch, load_queries
from collector.sql import Database, ask
from tests.lib.pgasked import TARGET, asked, product_server
from tests.lib.pgsamples import verdicts
from tests.lib.pgserver import MAJORS, LocalRunner, PgServer

pytestmark = [
    pytest.mark.skipif(not MAJORS, reason="no PostgreSQL on this machine"),
    pytest.mark.timeout(180),
]
SECRET = "hunter2-and-more"
SCHEMA = f"""
create schema app;
create table app.users (id int primary key, name text not null default 'x', email text);
create index users_by_name on app.users (name);
create view app.names as select id, name from app.users;
create function app.twice(n int) returns int language sql immutable as 'select n * 2 -- {SECRET}';
create function app.note() returns trigger language plpgsql as 'begin return new; end';
create trigger noted before insert on app.users for each row execute procedure app.note();
create table app.orders (id int primary key, user_id int references app.users, amount numeric check (amount > 0));
create type app.mood as enum ('good', 'bad');
create sequence app.numbers;
"""  # noqa: E501 - one object a line
CHANGES = {
    "alter table app.users add column phone text": ("added", "column:app.users.phone"),
    "create table app.more (id int)": ("added", "relation:app.more"),
    "create index users_by_email on app.users (email)": ("added", "index:app.users_by_email"),
    "create function app.thrice(n int) returns int language sql as 'select n * 3'": (
        "added",
        "function:app.thrice(n integer)",
    ),
    "create schema theirs": ("added", "schema:theirs"),
    "create view app.ids as select id from app.users": ("added", "view:app.ids"),
    "alter type app.mood add value 'so-so'": ("changed", "type:app.mood"),
    "create or replace function app.twice(n int) returns int language sql immutable as 'select n + n'": (
        "changed",
        "function:app.twice(n integer)",
    ),
    "alter table app.users alter column name type varchar(40)": ("changed", "column:app.users.name"),
    "alter table app.users disable trigger noted": ("changed", "trigger:app.users.noted"),
    "alter table app.orders add check (amount < 100)": (
        "added",
        "constraint:app.orders.orders_amount_check1",
    ),
    "drop index app.users_by_name": ("removed", "index:app.users_by_name"),
    "drop sequence app.numbers": ("removed", "relation:app.numbers"),
}
HARMLESS = (
    "analyze app.users",
    "vacuum full app.users",
    "comment on table app.users is 'x'",
    "grant select on app.users to watcher",
    "alter table app.users set (fillfactor = 70)",
    "insert into app.users (id) values (1)",
    "reindex table app.users",
)


@pytest.fixture(scope="module", params=MAJORS)
def server(request: pytest.FixtureRequest) -> Iterator[PgServer]:
    with product_server(str(request.param)) as started:
        started.sql(SCHEMA, database="conductor")
        yield started


def catalogue(server: PgServer, database: str = "conductor") -> Answers:
    command = Commands().get("psql", database=database)
    ran = LocalRunner(server=server).run(TARGET, command, batch(load_queries("fingerprint.yaml")))
    return read_batch(ran.output, ran.errors, most=MOST_OBJECTS)


def baseline(answers: Answers) -> Baseline:
    return make_baseline(answers, product_version="1.1", database="conductor")


def test_a_fingerprint_is_equal_to_itself_for_every_role_and_over_the_network(
    server: PgServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = baseline(catalogue(server))
    assert len(known.objects) > 20
    for role in ("watcher", "nobody_much"):
        monkeypatch.setitem(server.extra, "POSTGRES_USER", role)
        again = compare(known, catalogue(server))
        assert again == Drift(compared=True, objects=len(known.objects), digest=again.digest)
    database = Database(f"host={server.folder} user=nobody_much dbname=postgres")
    queries = load_queries("fingerprint.yaml")
    over = ask(database, queries, deadline=Deadline(SystemClock(), 20), name="conductor", most=MOST_OBJECTS)
    assert baseline(over.answers) == known


def test_a_run_says_nothing_where_nothing_was_changed_and_names_what_was(server: PgServer) -> None:
    known = baseline(catalogue(server))
    assert verdicts(asked(server, baseline=known)) == {}
    server.sql("create table app.theirs (id int)", database="conductor")
    server.sql("create role theirs")
    try:
        assert verdicts(asked(server, baseline=known)) == {"PG-050": "medium", "PG-052": "medium"}
    finally:
        server.sql("drop table app.theirs", database="conductor")
        server.sql("drop role theirs")
    other = msgspec.structs.replace(known, group="to 9")
    assert verdicts(asked(server, baseline=other)) == {"PG-039": "unknown"}


def test_the_verb_writes_the_same_baseline_over_the_network(server: PgServer, tmp_path: Path) -> None:
    (tmp_path / "dsn").write_text(f"host={server.folder} user=watcher dbname=postgres\n")
    file = tmp_path / "baseline.json"
    flags = ["make", "--postgres-dsn-file", str(tmp_path / "dsn"), "--product-version", "1.1"]
    verb = cli.parser("conductor-diag baseline")
    assert cli.run(verb.parse_args([*flags, "--database", "conductor", str(file)])) == 0
    assert read_baseline(file.read_bytes()) == baseline(catalogue(server))
    with pytest.raises(UsageError) as caught:
        cli.run(verb.parse_args([*flags, "--database", "nothing", str(tmp_path / "other")]))
    assert "no such role or database" in caught.value.why
    assert str(server.folder) not in caught.value.why
    assert not (tmp_path / "other").exists()


@pytest.mark.parametrize("change", CHANGES, ids=lambda text: text[:40])
def test_every_kind_of_change_is_seen_by_name(server: PgServer, change: str) -> None:
    known = baseline(catalogue(server))
    copy = "changing"
    server.sql(f"create database {copy} template conductor")
    try:
        for statement in ("drop view app.names", change) if "type varchar" in change else (change,):
            server.sql(statement, database=copy)
        drift = compare(known, catalogue(server, copy))
    finally:
        server.sql(f"drop database {copy}")
    how, name = CHANGES[change]
    assert drift.compared
    assert name in getattr(drift, how)
    assert drift.extra_databases == (copy,)


@pytest.mark.parametrize("statement", HARMLESS, ids=lambda text: text[:20])
def test_what_is_no_alteration_changes_nothing(server: PgServer, statement: str) -> None:
    known = baseline(catalogue(server))
    server.sql(statement, database="conductor")
    assert baseline(catalogue(server)) == known


def test_only_names_and_digests_leave_the_server(server: PgServer) -> None:
    known = baseline(catalogue(server))
    assert all(re.fullmatch(r"[0-9a-f]{16}", digest) for digest in known.objects.values())
    answers = catalogue(server)
    text = json.dumps([answers.rows, msgspec.to_builtins(known)])
    for word in (SECRET, "select n * 2", "begin return new", "amount > 0", "so-so", "good"):
        assert word not in text


def test_thousands_of_tables_are_read_in_time(server: PgServer) -> None:
    server.sql("create database many")
    try:
        for part in range(4):
            server.sql(
                f"do $$ begin for i in 1..500 loop execute 'create table t_{part}_' || i || "
                "' (id int primary key, a text, b text)'; end loop; end $$",
                database="many",
            )
        began = time.monotonic()
        found = baseline(catalogue(server, "many"))
        assert time.monotonic() - began < 15
        assert sum(name.startswith("relation:public.t_") for name in found.objects) == 2000
        assert {one.name for one in asked(server).servers[0].databases} >= {"many"}
    finally:
        server.sql("drop database many")
