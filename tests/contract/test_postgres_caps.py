"""What asking databases may cost at most, in time and memory, whatever pods and servers do."""

from __future__ import annotations

import contextlib
import time
import tracemalloc
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from collector.collectors.postgres import SECONDS
from collector.collectors.postgres_probe import probe
from collector.collectors.postgres_steps import Steps
from collector.core.clock import SystemClock
from collector.core.deadline import Deadline
from collector.kube.commands import Command, Commands
from collector.kube.exec import PodRunner, Ran, Sink, Target
from collector.kube.requestlog import RequestLog
from collector.postgres.model import Cluster
from collector.spec import Postgres
from tests.lib.clusters import connection
from tests.lib.podexec import STDOUT, Behaviour, Session, exec_server
from tests.lib.receivers import FakeClock

MIB = 1 << 20
COMMANDS = Commands()


def targets(count: int) -> tuple[Target, ...]:
    return tuple(Target(namespace="conductor", pod=f"db-{at}", container="postgres") for at in range(count))


@dataclass
class Hanging:
    """A runner in whose pods every command hangs until it is ended, by a clock of its own."""

    clock: FakeClock
    deadline: Deadline
    asked: list[str] = field(default_factory=list)

    def run(self, target: Target, command: Command, stdin: bytes = b"", sink: Sink | None = None) -> Ran:
        self.asked.append(command.name)
        self.clock.sleep(self.deadline.left(cap=command.seconds))
        return Ran(status="timeout", seconds=command.seconds)


@pytest.mark.parametrize("clusters", [1, 40])
def test_where_every_command_hangs_the_section_ends_at_its_cap(clusters: int) -> None:
    clock = FakeClock()
    began = clock.monotonic()
    deadline = Deadline(clock, SECONDS)
    runner = Hanging(clock=clock, deadline=deadline)
    spec = Postgres(exec=True, deep=True)
    for at in range(clusters):
        steps = Steps(runner, COMMANDS, clock, deadline, deep=True)
        found = probe(Cluster(namespace="conductor", name=f"db{at}"), targets(5), steps, spec)
        # Whoever was not asked any more is told as such, not left out.
        assert {step.status for step in found.steps} == {"timeout"}
        assert found.servers == ()
    assert clock.monotonic() - began <= SECONDS
    assert len(runner.asked) < 20


@contextlib.contextmanager
def pods(behaviour: Behaviour, seconds: float) -> Iterator[PodRunner]:
    """Gives a runner for pods that behave so, with so much time for all of them."""
    clock = SystemClock()
    with exec_server(behaviour) as server:
        link = connection(f"http://127.0.0.1:{server.port}")
        yield PodRunner(link, clock=clock, deadline=Deadline(clock, seconds), log=RequestLog())


def asked(runner: PodRunner, seconds: float, count: int) -> Cluster:
    clock = SystemClock()
    steps = Steps(runner, COMMANDS, clock, Deadline(clock, seconds))
    return probe(Cluster(namespace="c", name="db"), targets(count), steps, Postgres(exec=True))


def test_silent_pods_cost_no_more_than_the_cap_over_the_wire() -> None:
    def silent(session: Session) -> None:
        time.sleep(20)

    with pods(silent, 2.0) as runner:
        began = time.monotonic()
        for _ in range(5):
            left = began + 2.0 - time.monotonic()
            assert {step.status for step in asked(runner, left, 3).steps} == {"timeout"}
        assert time.monotonic() - began < 3.0


def test_what_came_before_the_time_was_over_is_kept() -> None:
    def answers(session: Session) -> None:
        session.stdin()
        session.send(STDOUT, b'@@identity\n{"version": 150000, "in_recovery": false}\n@@=identity 00000\n')
        time.sleep(5)

    with pods(answers, 1.0) as runner:
        found = asked(runner, 1.0, 1)
    assert [one.version for one in found.servers] == [150000]
    assert found.steps[0].status == "timeout"


def flood(session: Session) -> None:
    """Answers every command without end, with what its reader takes most of."""
    words = " ".join(session.command)
    if "for tool in" in words:
        session.send(STDOUT, b"psql\npgbackrest\nwal-g\nbarman\n")
        session.end()
        return
    if "psql -X" in words:
        session.stdin()
        session.send(STDOUT, b'@@identity\n{"version": 150000, "in_recovery": false}\n@@databases\n')
        piece = b'{"datname": "x"}\n' * 4000
    elif "find" in words:
        piece = b"1 1 /backups/x\n" * 4000
    else:
        session.send(STDOUT, b"[")
        piece = b'{"name": "x", "backup": [{"label": "x"}]},' * 1500
    for _ in range(400):
        session.send(STDOUT, piece)
    session.end()


def test_floods_from_every_command_are_held_in_bounded_memory() -> None:
    with pods(flood, 40.0) as runner:
        tracemalloc.start()
        try:
            found = asked(runner, 40.0, 5)
            kept, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    # Beside the rest of the run; what a real server says is a small part of a flood.
    assert peak < 64 * MIB
    unread = {step.name for step in found.steps if step.error.startswith("what it printed cannot be read")}
    assert unread == {"pgbackrest-info", "wal-g-backups", "barman-backups"}
    assert kept < 16 * MIB
    assert all(len(one.databases) <= 1000 for one in found.servers)


def test_what_goes_to_a_sink_is_not_held() -> None:
    def answer(session: Session) -> None:
        for _ in range(800):
            session.send(STDOUT, b"x" * 65536)
        session.end()

    seen = 0

    def sink(data: bytes) -> None:
        nonlocal seen
        seen += len(data)

    with pods(answer, 30.0) as runner:
        command = COMMANDS.get("pgbackrest-archive", stanza="main", repo="1")
        tracemalloc.start()
        try:
            ran = runner.run(targets(1)[0], command, sink=sink)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert (ran.status, ran.output, ran.truncated) == ("ok", b"", False)
    assert seen == 800 * 65536
    assert peak < 4 * MIB
