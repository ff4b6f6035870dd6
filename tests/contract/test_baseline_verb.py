"""``baseline make``: where no catalogue came, it says what happened, and nothing of what would follow."""

from __future__ import annotations

from pathlib import Path

import pytest

from collector.cli import baseline, catalogue
from collector.core.errors import UsageError
from tests.lib.clusters import connection
from tests.lib.podexec import STDERR, STDOUT, Behaviour, Session, exec_server, failure

REFUSED = b'psql: error: FATAL:  database "conductor" does not exist'
BROKEN_OFF = b'@@version\n{"name": "150020"}\n@@=version 00000\n'


def refused(session: Session) -> None:
    session.send(STDERR, REFUSED)
    session.end(failure(2))


def broken_off(session: Session) -> None:
    session.send(STDOUT, BROKEN_OFF)
    session.end()


@pytest.mark.parametrize(
    ("behaviour", "status", "why", "hint"),
    [
        (refused, 404, "the pod is not there any more", "kubectl get pods -n conductor"),
        (refused, 403, "running commands in conductor is not allowed", "can-i create pods/exec"),
        (refused, 101, "no such role or database", "--database"),
        (lambda session: session.end(failure(127)), 101, "psql is not in that container", "--container"),
        (
            broken_off,
            101,
            "the catalogue was not read in full: it is too large, or the session broke off",
            "--database",
        ),
    ],
    ids=["gone", "denied", "refused", "no psql", "broken off"],
)
def test_a_catalogue_that_did_not_come_says_why(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, behaviour: Behaviour, status: int, why: str, hint: str
) -> None:
    file = tmp_path / "baseline"
    words = ["make", "--pod", "conductor/postgres-0", "--database", "conductor", str(file)]
    with exec_server(behaviour, status=status) as server:
        monkeypatch.setattr(catalogue, "connect", lambda _: connection(f"http://127.0.0.1:{server.port}"))
        with pytest.raises(UsageError) as caught:
            baseline.run(baseline.parser("baseline").parse_args(words))
    assert caught.value.why == why
    assert hint in (caught.value.hint or "")
    assert not file.exists()
