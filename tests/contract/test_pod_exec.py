"""Commands in pods over a real WebSocket: the fixed list alone, bounded output, hostile answers harmless."""

from __future__ import annotations

import json
import os
import time
import tracemalloc
from dataclasses import replace
from typing import Any

import pytest

from collector.collectors.postgres_probe import probe
from collector.collectors.postgres_steps import Steps
from collector.core.clock import SystemClock
from collector.core.deadline import Deadline
from collector.kube.commands import Command, Commands
from collector.kube.exec import PodRunner, Target
from collector.kube.guard import RefusedRequestError
from collector.kube.requestlog import RequestLog
from collector.postgres.model import Cluster
from collector.spec import Postgres
from tests.lib import pgsamples
from tests.lib.clusters import connection
from tests.lib.podexec import STDERR, STDOUT, Behaviour, Session, exec_server, failure, frame

TARGET = Target(namespace="conductor", pod="db-0", container="postgres")
COMMANDS = Commands()
TOOLS = COMMANDS.get("tools")


def ran(behaviour: Behaviour, command: Command = TOOLS, *, status: int = 101, stdin: bytes = b"") -> Any:
    with exec_server(behaviour, status=status) as server:
        return runner(server.port).run(TARGET, command, stdin)


def runner(port: int, seconds: float = 20.0) -> PodRunner:
    clock = SystemClock()
    link = connection(f"http://127.0.0.1:{port}")
    return PodRunner(link, clock=clock, deadline=Deadline(clock, seconds), log=RequestLog())


def test_a_command_runs_with_its_words_in_the_container_named() -> None:
    def answer(session: Session) -> None:
        assert session.container == "postgres"
        session.send(STDOUT, b"psql\n")
        session.send(STDERR, b"note\n")
        session.end()

    with exec_server(answer) as server:
        found = runner(server.port).run(TARGET, TOOLS)
        assert server.commands == [list(TOOLS.argv)]
        assert server.targets == ["/api/v1/namespaces/conductor/pods/db-0/exec"]
    assert (found.status, found.code, found.output, found.errors) == ("ok", 0, b"psql\n", b"note\n")


def test_what_is_sent_arrives_and_fragments_are_joined() -> None:
    sent = b"select 1;\n" * 9000 + b"\\q\n"

    def answer(session: Session) -> None:
        data = session.stdin()
        session.link.sendall(frame(STDOUT + data[:10], final=False) + frame(b"", 9) + frame(data[10:], 0))
        session.end()

    assert ran(answer, replace(TOOLS, limit=1 << 20), stdin=sent).output == sent


def test_an_exit_status_is_told() -> None:
    assert ran(lambda session: session.end(failure(3))).code == 3


@pytest.mark.parametrize("code", [126, 127])
def test_a_program_that_is_not_there_is_missing(code: int) -> None:
    assert ran(lambda session: session.end(failure(code))).status == "missing"


@pytest.mark.parametrize(
    ("status", "expected"), [(401, "denied"), (403, "denied"), (404, "error"), (500, "error")]
)
def test_a_refusal_is_told_by_its_kind(status: int, expected: str) -> None:
    assert ran(lambda session: None, status=status).status == expected


def test_endless_output_is_cut_and_costs_no_memory() -> None:
    def answer(session: Session) -> None:
        # Announces ten gigabytes in one frame and goes on sending.
        session.link.sendall(b"\x82\x7f" + (10 * 1024**3).to_bytes(8, "big") + STDOUT)
        while True:
            session.link.sendall(b"x" * 65536)

    tracemalloc.start()
    found = ran(answer, replace(TOOLS, limit=256 * 1024))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found.status == "ok"
    assert found.truncated
    assert len(found.output) == 256 * 1024
    assert peak < 8 * 1024 * 1024


def test_endless_errors_are_cut_too() -> None:
    def answer(session: Session) -> None:
        while True:
            session.send(STDERR, b"x" * 65536)

    found = ran(answer)
    assert found.truncated
    assert len(found.errors) <= 4096


def test_the_whole_of_what_is_read_out_of_pods_is_bounded() -> None:
    def answer(session: Session) -> None:
        for _ in range(64):
            session.send(STDOUT, b"x" * 1024 * 1024)
        session.end()

    with exec_server(answer) as server:
        asked_often = runner(server.port)
        many = [asked_often.run(TARGET, replace(TOOLS, limit=64 << 20, seconds=20)) for _ in range(3)]
    assert [found.status for found in many] == ["ok", "ok", "error"]


def test_silence_ends_in_time() -> None:
    began = time.monotonic()
    found = ran(lambda session: time.sleep(3), replace(TOOLS, seconds=0.5))
    assert found.status == "timeout"
    assert time.monotonic() - began < 2.5


def test_a_drip_ends_in_time() -> None:
    def answer(session: Session) -> None:
        for byte in frame(STDOUT + b"x" * 100):
            session.link.sendall(bytes([byte]))
            time.sleep(0.1)

    assert ran(answer, replace(TOOLS, seconds=0.5)).status == "timeout"


def test_a_connection_that_breaks_is_an_error() -> None:
    assert ran(lambda session: session.send(STDOUT, b"half")).status == "error"


@pytest.mark.parametrize("noise", [b"\x81", b"\xff" * 40, b"\x88\xfe" + b"\x00" * 200, os.urandom(2000)])
def test_noise_is_an_error_or_an_end(noise: bytes) -> None:
    found = ran(lambda session: session.link.sendall(noise), replace(TOOLS, seconds=2))
    assert found.status in ("error", "ok", "timeout")


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("rm", {}),
        ("pgbackrest-archive", {"stanza": "--help", "repo": "1"}),
        ("pgbackrest-archive", {"stanza": "a/../b", "repo": "1"}),
        ("pgbackrest-archive", {"stanza": "a", "repo": "1;id"}),
        ("dump-list", {"folder": "relative"}),
        ("dump-head", {"file": "/etc/../etc/passwd"}),
        ("dump-head", {"file": "/x\ny"}),
        ("psql", {}),
    ],
)
def test_only_the_list_can_be_run(name: str, values: dict[str, str]) -> None:
    with pytest.raises(RefusedRequestError):
        COMMANDS.get(name, **values)


def test_nothing_on_the_list_changes_anything() -> None:
    given = {
        "stanza": "main",
        "repo": "1",
        "folder": "/backups",
        "file": "/backups/a",
        "database": "postgres",
    }
    forbidden = {"backup", "expire", "stop", "start", "restore", "cron", "switch-wal", "receive-wal"}
    for name in COMMANDS.names:
        argv = COMMANDS.get(name, **given).argv
        assert not forbidden & set(argv), name
        assert not ("check" in argv and "pgbackrest" in argv), name
        assert not any(word.startswith("stanza-") for word in argv)


# ---- the whole probe over the wire ------------------------------------------------------------------------


def pod(answers: dict[str, bytes]) -> Behaviour:
    """Answers like a pod: by a word of the command."""

    def answer(session: Session) -> None:
        words = " ".join(session.command)
        if "psql -X" in words:
            session.stdin()
        found = next((data for key, data in answers.items() if key in words), None)
        if found is None:
            session.end(failure(1))
            return
        for at in range(0, len(found), 32768):
            session.send(STDOUT, found[at : at + 32768])
        session.end()

    return answer


def asked(answers: dict[str, bytes], seconds: float = 20.0) -> Cluster:
    with exec_server(pod(answers)) as server:
        clock = SystemClock()
        deadline = Deadline(clock, seconds)
        steps = Steps(runner(server.port, seconds), COMMANDS, clock, deadline)
        return probe(Cluster(namespace="conductor", name="db"), (TARGET,), steps, Postgres(exec=True))


INFO = pgsamples.sample("pgbackrest/14-info-wal-gap.out")
LISTING = pgsamples.sample("pgbackrest/15-repo-ls-archive.out")
PSQL = b'@@identity\n{"version":150020,"in_recovery":false}\n@@=identity 00000\n@@end\n'


def test_a_pod_is_asked_and_judged_over_the_wire() -> None:
    found = asked(
        {
            "for tool in psql": b"psql\npgbackrest\n",
            "psql -X": PSQL,
            "--output=json info": INFO,
            "repo-ls": LISTING,
        }
    )
    assert pgsamples.verdicts(found) == {"PG-021": "critical"}
    assert len(found.backups) == 3


def test_hostile_answers_are_bounded_and_say_nothing() -> None:
    forged = json.dumps(
        [{"name": "\x1b[31mmain\u202e", "backup": "no", "db": [1], "repo": {"key": "x"}}]
    ).encode()
    found = asked(
        {
            "for tool in psql": b"psql\npgbackrest\nwal-g\nbarman\n",
            "psql -X": b"\xff\xfe@@identity\n{" + b"[" * 100_000 + b"\n@@identity\n\x1b[2J{}\n",
            "--output=json info": forged,
            "wal-g": b'[{"backup_name": {"a": 1}, "start_segment": "x"}]',
            "list-backups": b"[" * 50_000,
            "df -Pk": b"/dev/sda 99999999999999999999999 0 0 1% /data\n" * 1000,
            "find": b"99999999 99999999 /backups/\x1b[31m\n",
        }
    )
    assert found.servers == ()
    assert "\x1b" not in repr(found)
    assert "\u202e" not in repr(found)
    assert all(len(repr(part)) < 100_000 for part in (found.backups, found.repositories, found.volumes))
    pgsamples.verdicts(found)
