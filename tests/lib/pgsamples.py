"""Builds a database cluster's record out of recorded outputs of backup tools, and judges it."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from collector.analysis.marks import Case, Grade
from collector.analysis.rules_postgres import fold, judge
from collector.collectors.postgres_steps import Steps
from collector.collectors.postgres_tools import ask_tools
from collector.core.clock import OffsetClock
from collector.core.deadline import Deadline
from collector.kube.commands import Command, Commands
from collector.kube.exec import Ran, Sink, Target
from collector.postgres import barman, pgbackrest
from collector.postgres.dumpfile import Content
from collector.postgres.dumpfile import judge as judge_dump
from collector.postgres.loglines import read
from collector.postgres.model import Cluster, DumpFile, Server
from collector.postgres.psql import Answers, server_of
from collector.spec import Postgres

DATA = Path(__file__).resolve().parent.parent / "data" / "postgres"
NOW = datetime(2026, 11, 20, 16, tzinfo=UTC)
SYSTEM = "7710269683031746874"
HEALTHY = {"archive_mode": "on", "archive_command": "pgbackrest archive-push %p", "wal_level": "replica"}


@functools.cache
def index() -> Mapping[str, Recorded]:
    """Returns every command whose output was recorded, by name."""
    found = {}
    for line in (DATA / "INDEX.tsv").read_text(encoding="utf-8").splitlines():
        name, *sizes = line.split("\t")
        code, out, err = (int(entry.partition("=")[2]) for entry in sizes)
        found[name] = Recorded(code=code, out=out, err=err)
    return found


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """How a recorded command ended and how many bytes it wrote. What is empty has no file."""

    code: int
    out: int
    err: int


def sample(name: str) -> bytes:
    """Returns a recorded file; of a command that wrote nothing to one of its outputs there is none."""
    path = DATA / name
    other = path.with_suffix({".out": ".err", ".err": ".out"}.get(path.suffix, path.suffix))
    silent = path.suffix in (".out", ".err") and (other.exists() or name.rpartition(".")[0] in index())
    return b"" if silent and not path.exists() else path.read_bytes()


def printed(name: str) -> str:
    """Returns what a recorded command wrote, as it stands in a container's log."""
    return "\n".join(sample(f"{name}.{kind}").decode("utf-8", "replace") for kind in ("out", "err"))


def said(text: str) -> dict[str, dict[str, str]]:
    """Returns the known lines of a log: for each its rule and grade."""
    return {
        one.line.id: {one.line.rule.removeprefix("CND-"): one.line.grade} for one in read(text.splitlines())
    }


def asked_in_pod(answers: Mapping[str, Ran], *, archives_with: str = "", deep: bool = False) -> Cluster:
    """Returns a cluster whose pod, which has pgBackRest, answered commands by their names."""
    clock = OffsetClock(NOW)
    tools = {"tools": Ran(status="ok", code=0, output=b"pgbackrest\n")}
    steps = Steps(_Answers({**tools, **answers}), Commands(), clock, Deadline(clock, 60), deep=deep)
    servers = (server(settings={"archive_command": archives_with}),) if archives_with else ()
    target = Target(namespace="conductor", pod="db-0", container="db")
    found = ask_tools(cluster(servers=servers), target, steps, Postgres())
    return replace(found, steps=steps.taken)


def ran(name: str, *, code: int = 0, truncated: bool = False) -> Ran:
    """Returns a recorded command as it ends in a pod."""
    out, err = sample(f"{name}.out"), sample(f"{name}.err")
    return Ran(status="ok", code=code, output=out, errors=err, truncated=truncated)


class _Answers:
    """A pod that answers some commands and says nothing to the others."""

    def __init__(self, answers: Mapping[str, Ran]) -> None:
        self._answers = answers

    def run(self, target: Target, command: Command, stdin: bytes = b"", sink: Sink | None = None) -> Ran:
        ran = self._answers.get(command.name, Ran(status="ok", code=0))
        if sink is None:
            return ran
        sink(ran.output)
        return replace(ran, output=b"")


def cluster(**parts: Any) -> Cluster:
    return Cluster(namespace="conductor", name="db", owner="conductor", **parts)


def info(name: str, *, listing: str = "", verify: str = "", segment_size: int = 16 << 20) -> Cluster:
    """Returns what ``info`` said, with the WAL listing and the verification that belong to it."""
    found = pgbackrest.read_info(sample(name))
    if verify:
        found = pgbackrest.with_verify(found, sample(verify).decode())
    archives = found.archives
    if listing:
        archives = (
            pgbackrest.read_archive_listing(
                sample(listing), repository="conductor/1", segment_size=segment_size
            ),
        )
    return cluster(repositories=found.repositories, backups=found.backups, archives=archives)


def server(**rows: Any) -> Server:
    """Returns a healthy primary of the recorded cluster, with some rows replaced."""
    settings = {**HEALTHY, **rows.pop("settings", {})}
    found: dict[str, tuple[Any, ...]] = {
        "identity": ({"version": 150020, "in_recovery": False, "started": "2026-11-20T15:00:00Z"},),
        "system": ({"system_id": SYSTEM},),
        "segment": ({"segment_size": 16 << 20},),
        "settings": tuple({"name": key, "setting": value} for key, value in settings.items()),
    }
    found |= {key: value if isinstance(value, tuple) else (value,) for key, value in rows.items()}
    return server_of(Answers(rows=found, failed={}, complete=True), instance="db-0", asked_at=None)


def rows(name: str) -> Any:
    found = json.loads(sample(f"sql/{name}.json"))
    return tuple(found) if isinstance(found, list) else found


def archiver(name: str, **more: Any) -> Server:
    row = rows(name)
    last, failed = row["last_archived_time"], row["last_failed_time"]
    return server(archiver={**row, "failing": bool(failed) and (not last or failed > last)}, **more)


def barman_server(*, backups: str, checks: str = "") -> Cluster:
    repositories, found = barman.read_backups(sample(backups))
    if checks:
        repositories = tuple(barman.merged(repositories, barman.read_checks(sample(checks))))
    return cluster(repositories=repositories, backups=found)


def barman_cloud(name: str) -> Cluster:
    repository, found = barman.read_cloud_backups(sample(name))
    return cluster(repositories=(repository,), backups=found)


def dump(name: str, *, head: int = 0, modified: datetime = NOW - timedelta(hours=1)) -> DumpFile:
    """Returns the verdict on a file or a directory, of which ``head`` bytes were read; 0 for all."""
    path = DATA / "dumps" / name
    if path.is_dir():
        members = {entry.name: entry.stat().st_size for entry in path.iterdir()}
        toc = (path / "toc.dat").read_bytes()
        content = Content(name=name, size=len(toc), head=toc, members=members, modified=modified)
    else:
        data = path.read_bytes()
        tail = data[-2000:] if head else b""
        content = Content(name=name, size=len(data), head=data[: head or None], tail=tail, modified=modified)
    return judge_dump(content, now=NOW)


def dumps(*names: str) -> Cluster:
    return cluster(dumps=tuple(dump(name) for name in names))


def asked(found: Cluster, *servers: Server) -> Cluster:
    return replace(found, servers=servers)


def case(found: Cluster, *, now: datetime = NOW, minimum: int = 1) -> Case:
    return Case(
        cluster=found,
        now=now,
        objective=timedelta(hours=24),
        archive_objective=timedelta(minutes=15),
        minimum=minimum,
    )


def verdicts(found: Cluster, **options: Any) -> dict[str, str]:
    """Returns the grade of each finding that is more than information, by the end of its rule's name."""
    return {
        mark.rule.removeprefix("CND-"): mark.grade.name.lower()
        for mark, _, _ in fold(judge(case(found, **options)))
        if mark.grade is not Grade.INFO
    }
