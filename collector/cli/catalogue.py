"""Reads a database's catalogue for ``baseline make``, in its pod or over the network."""

from __future__ import annotations

from dataclasses import dataclass

from collector.collectors.postgres_steps import meaning
from collector.core.clock import SystemClock
from collector.core.deadline import Deadline
from collector.core.errors import UsageError
from collector.kube.commands import Commands
from collector.kube.config import ConnectionOptions, connect
from collector.kube.exec import GONE, PodRunner, Ran, Target
from collector.kube.guard import RefusedRequestError
from collector.kube.requestlog import RequestLog
from collector.postgres.psql import MOST_OBJECTS, Answers, read_batch
from collector.postgres.queries import batch, load_queries
from collector.sql import Database, ask

_SECONDS = 120.0
_QUERIES = "fingerprint.yaml"
_HINT_POD = "try: kubectl auth can-i create pods/exec -n NAMESPACE, and check --container and --database"


@dataclass(frozen=True, kw_only=True)
class Read:
    """A catalogue, where it was read, and what to type if it is not enough.

    ``reason`` says why it was not read to its end, and is empty if it was.
    """

    answers: Answers
    source: str
    reason: str
    hint: str


def in_pod(options: ConnectionOptions, pod: str, container: str, *, database: str) -> Read:
    """Returns what psql says in a pod, named as namespace/name. Raises UsageError."""
    namespace, slash, name = pod.partition("/")
    if not (namespace and slash and name):
        raise UsageError(
            f"--pod {pod!r} names no pod",
            hint="try: conductor-diag baseline make --pod NAMESPACE/NAME --database NAME FILE",
        )
    try:
        command = Commands().get("psql", database=database)
    except RefusedRequestError as error:
        raise UsageError(str(error), hint="try: --database NAME, of letters, digits and _ . -") from error
    clock = SystemClock()
    deadline = Deadline(clock, _SECONDS)
    runner = PodRunner(connect(options), clock=clock, deadline=deadline, log=RequestLog())
    target = Target(namespace=namespace, pod=name, container=container)
    ran = runner.run(target, command, batch(load_queries(_QUERIES)))
    return Read(
        answers=read_batch(ran.output, ran.errors, most=MOST_OBJECTS),
        source=pod,
        reason=_reason(ran),
        hint=f"try: kubectl get pods -n {namespace}" if ran.reason == GONE else _HINT_POD,
    )


def over_network(named: Database, database: str) -> Read:
    """Returns what the server of a DSN says of one of its databases."""
    deadline = Deadline(SystemClock(), _SECONDS)
    asked = ask(named, load_queries(_QUERIES), deadline=deadline, name=database, most=MOST_OBJECTS)
    return Read(
        answers=asked.answers,
        source="the database of the DSN",
        reason="" if asked.status == "ok" else meaning(asked.error) or f"it ended with: {asked.status}",
        hint="try: psql \"$(cat FILE)\" -c 'select 1', and check --database",
    )


def _reason(ran: Ran) -> str:
    if ran.status == "missing":
        return "psql is not in that container"
    if ran.status != "ok" or ran.code in (0, None):
        return ran.reason
    return meaning(ran.errors.decode("utf-8", "replace")) or f"psql ended with status {ran.code}"
