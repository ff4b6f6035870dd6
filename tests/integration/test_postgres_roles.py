"""Every major that this machine can start, asked as every kind of role, healthy, locked and silent."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from tests.lib.pgasked import asked, product_server
from tests.lib.pgsamples import verdicts
from tests.lib.pgserver import MAJORS, PgServer

BUDGET = 30
"""Seconds that the list of commands gives one session."""

HIDDEN: dict[str, set[str]] = {
    "postgres": set(),
    "watcher": set(),
    "nobody_much": {"ready", "waldir", "clients"},
}

pytestmark = [
    pytest.mark.skipif(not MAJORS, reason="no PostgreSQL on this machine"),
    pytest.mark.timeout(180),
]


@pytest.fixture(scope="module", params=MAJORS)
def server(request: pytest.FixtureRequest) -> Iterator[PgServer]:
    with product_server(str(request.param)) as started:
        yield started


@pytest.fixture(params=list(HIDDEN))
def role(request: pytest.FixtureRequest, server: PgServer, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setitem(server.extra, "POSTGRES_USER", str(request.param))
    return str(request.param)


def hidden(server: PgServer, role: str) -> set[str]:
    # Before 12 no role but a superuser may list the files that wait to be archived.
    old = int(server.sql("show server_version_num")) < 120000
    return HIDDEN[role] | ({"ready"} if old and role != "postgres" else set())


def test_every_question_is_answered_but_what_the_role_may_not_see(server: PgServer, role: str) -> None:
    found = asked(server)
    (one,) = found.servers
    assert set(one.denied) == hidden(server, role)
    assert one.version
    assert one.system_id
    assert one.in_recovery is False
    assert one.superuser == (role == "postgres")
    assert {database.name for database in one.databases} >= {"conductor", "postgres"}
    assert sum(step.seconds for step in found.steps) < BUDGET


def test_a_locked_catalogue_costs_the_answers_that_need_it(server: PgServer, role: str) -> None:
    with server.holding("lock table pg_catalog.pg_extension in access exclusive mode"):
        found = asked(server)
    (one,) = found.servers
    assert one.denied == {**one.denied, "extensions": "55P03"}
    assert set(one.denied) == hidden(server, role) | {"extensions"}
    assert one.system_id


@pytest.mark.parametrize(
    ("catalogue", "error"),
    [
        ("pg_proc", "the server answered none of the first questions (55P03)"),
        ("pg_class", "a lock on the server's catalogue lets nobody in"),
    ],
)
def test_a_locked_catalogue_that_everything_needs_costs_bounded_time_and_is_said(
    server: PgServer, role: str, catalogue: str, error: str
) -> None:
    with server.holding(f"lock table pg_catalog.{catalogue} in access exclusive mode"):
        found = asked(server)
    assert found.servers == ()
    (step,) = (step for step in found.steps if step.name == "psql")
    assert (step.status, step.error) == ("error", error)
    assert step.seconds < BUDGET
    assert verdicts(found) == {"PG-039": "unknown"}


def test_a_server_that_never_answers_costs_bounded_time(
    server: PgServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(5)
        address = {"PGHOST": "127.0.0.1", "PGPORT": str(silent.getsockname()[1])}
        for name, value in address.items():
            monkeypatch.setitem(server.extra, name, value)
        found = asked(server)
    assert found.servers == ()
    (step,) = (step for step in found.steps if step.name == "psql")
    assert (step.status, step.error) == ("error", "the server did not answer in time")
    assert step.seconds < BUDGET
    assert verdicts(found) == {"PG-039": "unknown"}
