"""Takes steps inside a pod one after another: each bounded, each remembered, a failed one being data too."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import replace

from collector.core.clock import Clock
from collector.core.deadline import Deadline
from collector.kube.commands import Commands
from collector.kube.exec import GONE, Ran, Runner, Sink, Target
from collector.kube.guard import RefusedRequestError
from collector.postgres.model import Step, StepStatus
from collector.postgres.pgbackrest import error_class

_LOCKED = "a lock on the server's catalogue lets nobody in"
_SLOW = "the server did not answer in time"
_BUSY = "the server is starting, stopping or full"
# What a tool wrote on stderr is not kept: it names hosts, users and paths. Its meaning is.
_MEANINGS = (
    (
        "the password was not accepted or none was given",
        re.compile(r"password authentication failed|no password supplied"),
    ),
    (
        "the server's rules let nobody in this way",
        re.compile(r"no pg_hba\.conf entry|[Pp]eer authentication failed"),
    ),
    (
        "the server does not speak TLS, which the DSN asks for",
        re.compile(r"server does not support SSL"),
    ),
    (
        "the server's certificate was not accepted",
        re.compile(r"certificate verify failed|root certificate file|server certificate for"),
    ),
    ("no such role or database", re.compile(r"(?:role|database) \S+ does not exist")),
    (
        "the server cannot be reached",
        re.compile(
            r"[Cc]onnection refused|No such file or directory|could not connect|failed to resolve host"
            r"|could not translate host name|No route to host"
        ),
    ),
    (_BUSY, re.compile(r"the database system is|too many (?:clients|connections)")),
    (_LOCKED, re.compile(r"due to lock timeout")),
    (_SLOW, re.compile(r"timeout expired")),
    ("permission denied", re.compile(r"[Pp]ermission denied")),
)
_NEEDS = {
    "denied": "in the database's namespace a Role: verb create on pods/exec",
    "timeout": "more time: --timeout, and a look at why the command hangs",
}
_NEEDS_LOGIN = "let the database's own user in over the local socket (peer or trust in pg_hba.conf)"
_NEEDS_TIME = "another run when the server is not overloaded, or locked by a maintenance job"
_NEEDS_PSQL = "psql in the server's container, or its DSN: conductor-diag collect --postgres-dsn-file FILE"
_OF_LOAD = frozenset({_LOCKED, _SLOW, _BUSY})
_KILLED = 124


class Steps:
    """Runs commands by name and remembers how each ended."""

    def __init__(
        self, runner: Runner, commands: Commands, clock: Clock, deadline: Deadline, *, deep: bool = False
    ) -> None:
        self.clock = clock
        self.deep = deep
        self._runner = runner
        self._commands = commands
        self._deadline = deadline
        self._taken: list[Step] = []
        self._denied: set[str] = set()
        self._by_hand = ""

    @property
    def taken(self) -> tuple[Step, ...]:
        """Every step in order."""
        return tuple(self._taken)

    def run(
        self,
        target: Target,
        name: str,
        *,
        stdin: bytes = b"",
        sink: Sink | None = None,
        quiet: bool = False,
        unset: Collection[int] = (),
        **values: str,
    ) -> Ran:
        """Runs one command of the list; what could not be run comes back with its status.

        ``quiet``: that the command itself says no (a folder that is not there) is an answer. ``unset``: exit
        statuses which say that the tool is installed and was never set up. ``sink`` takes the output as it
        comes.
        """
        if target.namespace in self._denied:
            return Ran(status="denied")
        try:
            command = self._commands.get(name, **values)
        except RefusedRequestError as error:
            return self._note(target, name, Ran(status="error", reason=str(error)))
        if command.deep and not self.deep:
            return Ran(status="missing")
        if self._deadline.expired:
            return self._note(target, name, Ran(status="timeout", reason="no time was left"))
        ran = self._runner.run(target, command, stdin, sink)
        if ran.status == "denied":
            self._denied.add(target.namespace)
        if ran.status == "ok" and ran.code in unset:
            ran = replace(ran, status="missing")
        return self._note(target, name, ran, quiet=quiet)

    def doubt(self, error: str) -> None:
        """Makes a failure of the last step: it ran to its end, and what it printed is no answer."""
        last = self._taken[-1]
        if last.status == "ok":
            self._taken[-1] = replace(last, status="error", error=error, needs=self._by_hand)

    def _note(self, target: Target, name: str, ran: Ran, *, quiet: bool = False) -> Ran:
        status: StepStatus = ran.status
        error = ran.reason
        self._by_hand = _by_hand(target)
        if ran.status == "ok" and ran.code not in (0, None) and not quiet:
            status = "timeout" if ran.code == _KILLED else "error"
            error = meaning(ran.errors.decode("utf-8", "replace"), ran.output) or f"exit status {ran.code}"
        self._taken.append(
            Step(
                name=name,
                status=status,
                seconds=round(ran.seconds, 2),
                code=ran.code,
                error=error,
                needs=_needs(target, name, status, error),
            )
        )
        return ran


def _needs(target: Target, name: str, status: StepStatus, error: str) -> str:
    """Returns what would settle that a step was not taken, or ended badly; empty where nothing has to."""
    if status in _NEEDS:
        return _NEEDS[status]
    if status == "missing":
        return _NEEDS_PSQL if name == "psql" else ""
    if status != "error":
        return ""
    if error == GONE:
        return f"another run, once the pods stay: kubectl get pods -n {target.namespace}"
    if name == "psql":
        return needs_of(error)
    return _by_hand(target)


def _by_hand(target: Target) -> str:
    return (
        f"the same by hand: kubectl exec -it -n {target.namespace} {target.pod} -c {target.container} -- sh"
    )


def needs_of(error: str, login: str = _NEEDS_LOGIN) -> str:
    """Returns what would settle that a server did not answer; ``login`` if it is up to the login."""
    return _NEEDS_TIME if error in _OF_LOAD else login


def meaning(text: str, output: bytes = b"") -> str:
    """Returns in our words what a tool's errors mean, empty if that is not known."""
    found = next((words for words, pattern in _MEANINGS if pattern.search(text)), "")
    return found or error_class(text) or error_class(output[:4096].decode("utf-8", "replace"))
