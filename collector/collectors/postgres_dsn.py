"""Asks the database that a DSN names, and says which of the clusters it is, or that it is none of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from collector.collectors.base import Context
from collector.collectors.postgres_steps import meaning, needs_of
from collector.core.clock import Clock
from collector.core.deadline import Deadline
from collector.postgres.fingerprint import Baseline, compare
from collector.postgres.model import Cluster, Drift, Server, Step
from collector.postgres.psql import MOST_OBJECTS, server_of
from collector.postgres.queries import load_queries
from collector.sql import Asked, Database, ask

NAME = "dsn"
_STEP = "psql over the network"
_NEEDS_LOGIN = "a DSN that lets psql in: psql \"$(cat FILE)\" -c 'select 1'"


def with_database(
    context: Context, clusters: Iterable[Cluster], deadline: Deadline, baseline: Baseline | None
) -> tuple[Cluster, ...]:
    """Returns the clusters, with what the database of the DSN answered where there is one."""
    if context.database is None:
        return tuple(clusters)
    # Before the pods, which may take all of the time.
    answered = ask_database(context.database, context.clock, deadline, baseline)
    return joined(tuple(clusters), answered, context.database.hosts)


def ask_database(
    database: Database, clock: Clock, deadline: Deadline, baseline: Baseline | None = None
) -> Cluster:
    """Returns a cluster that is nothing but this database."""
    before = clock.now()
    asked = ask(database, load_queries(), deadline=deadline)
    asked_at = before + (clock.now() - before) / 2
    server = replace(server_of(asked.answers, instance=NAME, asked_at=asked_at), protection=asked.protection)
    answered = server.in_recovery is not None
    drift = None
    if baseline and server.in_recovery is False:
        drift = _drift(database, baseline, deadline)
    return Cluster(
        namespace="",
        name="database-of-the-dsn",
        kind="Database",
        servers=(server,) if answered else (),
        steps=(_step(asked, answered=answered),),
        drift=drift,
    )


def _drift(database: Database, baseline: Baseline, deadline: Deadline) -> Drift:
    queries = load_queries("fingerprint.yaml")
    asked = ask(database, queries, deadline=deadline, name=baseline.database, most=MOST_OBJECTS)
    return compare(baseline, asked.answers)


def _step(asked: Asked, *, answered: bool) -> Step:
    """Returns how it went in our words: the library's name hosts and users."""
    error, status = "", asked.status
    if asked.status == "error":
        error = meaning(asked.error) or "the connection failed"
    elif asked.status == "timeout":
        error = "no answer in time"
    elif not answered:
        states = ", ".join(sorted(set(asked.answers.failed.values())))
        error, status = f"the server answered none of the first questions ({states})", "error"
    return Step(
        name=_STEP,
        status=status,
        seconds=round(asked.seconds, 2),
        error=error,
        needs=needs_of(error, _NEEDS_LOGIN) if error else "",
    )


def joined(clusters: Sequence[Cluster], answered: Cluster, hosts: Sequence[str]) -> tuple[Cluster, ...]:
    """Returns the clusters with the database's answers in the one that it belongs to, else beside them.

    It belongs where the same system id was seen, or where its host is the name of a Service beside the
    cluster. What the pod itself said stays as it is.
    """
    for at, one in enumerate(clusters):
        if _same(one, answered.servers) or any(_is_service_of(one, host) for host in hosts):
            known = {(server.system_id, server.started) for server in one.servers}
            new = tuple(s for s in answered.servers if (s.system_id, s.started) not in known)
            merged = replace(
                one,
                servers=(*one.servers, *new),
                steps=(*one.steps, *answered.steps),
                drift=one.drift or answered.drift,
            )
            return (*clusters[:at], merged, *clusters[at + 1 :])
    return (*clusters, answered)


def _same(one: Cluster, servers: Sequence[Server]) -> bool:
    known = {server.system_id for server in one.servers} - {""}
    return any(server.system_id in known for server in servers)


def _is_service_of(one: Cluster, host: str) -> bool:
    """True for ``<cluster>[-suffix].<namespace>[.svc...]``: charts and operators name Services like that."""
    name, _, rest = host.partition(".")
    namespace, _, rest = rest.partition(".")
    in_cluster = rest == "" or rest.partition(".")[0] == "svc"
    return in_cluster and namespace == one.namespace and f"{name}-".startswith(f"{one.name}-")
