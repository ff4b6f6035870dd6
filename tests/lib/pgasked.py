"""Asks a real server on this machine what a run asks inside a pod."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from collector.collectors.postgres_probe import probe
from collector.collectors.postgres_steps import Steps
from collector.core.clock import Clock, SystemClock
from collector.core.deadline import Deadline
from collector.kube.commands import Commands
from collector.kube.exec import Target
from collector.postgres.fingerprint import Baseline
from collector.postgres.model import Cluster
from collector.spec import Postgres
from tests.lib.pgserver import INSTALLED, LocalRunner, PgServer, room

TARGET = Target(namespace="conductor", pod="db-0", container="postgres")


def asked(
    server: PgServer,
    *,
    clock: Clock | None = None,
    deep: bool = False,
    dumps: Path | None = None,
    baseline: Baseline | None = None,
) -> Cluster:
    clock = clock or SystemClock()
    steps = Steps(LocalRunner(server=server), Commands(), clock, Deadline(clock, 120), deep=deep)
    spec = Postgres(exec=True, deep=deep, dump_dirs=(str(dumps),) if dumps else ())
    cluster = Cluster(namespace="conductor", name="db", owner="conductor")
    found = probe(cluster, (TARGET,), steps, spec, baseline)
    # The disk of the machine that runs the tests is none of theirs.
    return replace(found, volumes=())


@contextlib.contextmanager
def product_server(version: str, *, port: int = 5432, **options: str) -> Iterator[PgServer]:
    """Gives a running server with the product's database, a watching role and one without any right."""
    with room() as folder:
        server = PgServer(folder=folder / "pg", bin=INSTALLED[version], port=port)
        server.init()
        server.start(wal_level="replica", **options)
        try:
            server.sql("create database conductor")
            server.sql(
                "create table t as select i, md5(i::text) as words from generate_series(1, 5000) i",
                database="conductor",
            )
            server.sql(
                "create role watcher login; grant pg_monitor to watcher; create role nobody_much login"
            )
            yield server
        finally:
            server.stop()


def wait_for(server: PgServer, condition: str) -> None:
    server.sql(
        "do $$ begin for i in 1..300 loop perform pg_stat_clear_snapshot(); "
        f"exit when ({condition}); perform pg_sleep(0.1); end loop; end $$"
    )
