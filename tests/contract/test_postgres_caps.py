"""What asking databases may cost at most, in time and memory, whatever pods and servers do."""

from __future__ import annotations

import time
import tracemalloc
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
from tests.lib.podexec import STDOUT, Session, exec_server
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


def test_silent_pods_cost_no_more_than_the_cap_over_the_wire() -> None:
    def silent(session: Session) -> None:
        time.sleep(20)

    clock = SystemClock()
    with exec_server(silent) as server:
        deadline = Deadline(clock, 2.0)
        link = connection(f"http://127.0.0.1:{server.port}")
        runner = PodRunner(link, clock=clock, deadline=deadline, log=RequestLog())
        began = time.monotonic()
        for at in range(5):
            steps = Steps(runner, COMMANDS, clock, deadline)
            found = probe(Cluster(namespace="c", name=f"db{at}"), targets(3), steps, Postgres(exec=True))
            assert {step.status for step in found.steps} == {"timeout"}
        assert time.monotonic() - began < 3.0


def test_what_came_before_the_time_was_over_is_kept() -> None:
    def answers(session: Session) -> None:
        session.stdin()
        session.send(STDOUT, b'@@identity\n{"version": 150000, "in_recovery": false}\n@@=identity 00000\n')
        time.sleep(5)

    clock = SystemClock()
    with exec_server(answers) as server:
        deadline = Deadline(clock, 1.0)
        link = connection(f"http://127.0.0.1:{server.port}")
        runner = PodRunner(link, clock=clock, deadline=deadline, log=RequestLog())
        steps = Steps(runner, COMMANDS, clock, deadline)
        found = probe(Cluster(namespace="c", name="db"), targets(1), steps, Postgres(exec=True))
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
    clock = SystemClock()
    with exec_server(flood) as server:
        deadline = Deadline(clock, 40.0)
        link = connection(f"http://127.0.0.1:{server.port}")
        runner = PodRunner(link, clock=clock, deadline=deadline, log=RequestLog())
        steps = Steps(runner, COMMANDS, clock, deadline)
        tracemalloc.start()
        try:
            found = probe(Cluster(namespace="c", name="db"), targets(5), steps, Postgres(exec=True))
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

    clock = SystemClock()
    seen = 0

    def sink(data: bytes) -> None:
        nonlocal seen
        seen += len(data)

    with exec_server(answer) as server:
        link = connection(f"http://127.0.0.1:{server.port}")
        runner = PodRunner(link, clock=clock, deadline=Deadline(clock, 30), log=RequestLog())
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
