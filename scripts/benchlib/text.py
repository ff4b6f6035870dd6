"""Log lines as clusters write them: six formats, ordinary words that look suspicious, and planted secrets."""

from __future__ import annotations

import base64
import itertools
import json
import random
import re
import string
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta

SHARES = {"klog": 16, "zap": 31, "nginx": 19, "logfmt": 11, "java": 16, "postgres": 8}
"""Percent of the text in each format, as in design measurements of mixed clusters."""

_DECOY_SHARE = 0.08  # of messages; not every line has one
_SECRET_EVERY = 1500
_KEY_BLOCK_EVERY = 30_000
_TRACE_EVERY = 12
_STEP = timedelta(milliseconds=3)

_DECOYS = (
    "token refreshed for the session",
    "secret store is healthy",
    "password policy check passed",
    "api key rotation is due in 12 days",
    "authorization cache hit",
    "credentials file unchanged",
    "cookie jar is empty",
    "private key file permissions are fine",
)
_VERBS = (
    "reconciled",
    "updated",
    "synced",
    "skipped",
    "requeued",
    "observed",
    "deleted",
    "created",
    "patched",
)
_THINGS = (
    "deployment",
    "replicaset",
    "endpoint slice",
    "workflow",
    "task queue",
    "schedule",
    "lease",
    "volume",
)
_REASONS = (
    "desired state reached",
    "the object was changed meanwhile, trying again",
    "2 of 3 replicas are available",
    "no change",
    "context deadline exceeded",
    "connection reset by peer",
)
_PATHS = (
    "/api/workflow/",
    "/api/tasks/poll/",
    "/healthz",
    "/metrics",
    "/static/js/main.",
    "/api/metadata/taskdefs",
)
_AGENTS = (
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/129.0.0.0 Safari/537.36",
    "kube-probe/1.31",
    "Go-http-client/1.1",
    "Prometheus/2.54.1",
)
_CLASSES = (
    "WorkflowSweeper",
    "TaskQueueDao",
    "ExecutionService",
    "IndexDao",
    "HealthMonitor",
    "EventProcessor",
)


class Vocabulary:
    """Seeded words that repeat the way names repeat in a cluster."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)  # noqa: S311 - invented text, nothing is protected by it
        self._uniform = self.random.random
        self.pods = self._many(
            400, lambda: f"{self.pick(_THINGS).replace(' ', '-')}-{self.hex(10)}-{self.hex(5)}"
        )
        self.addresses = self._many(300, lambda: ".".join(["10", *(str(self.number(255)) for _ in range(3))]))
        self.users = self._many(200, lambda: f"{self.hex(6)}@example.com")
        self.namespaces = self._many(40, lambda: f"team-{self.hex(4)}")

    def pick(self, words: Sequence[str]) -> str:
        """Returns one of the words."""
        return words[int(self._uniform() * len(words))]

    def number(self, below: int) -> int:
        """Returns a whole number from 0 to ``below`` - 1."""
        return int(self._uniform() * below)

    def hex(self, digits: int) -> str:
        """Returns random lower-case hexadecimal digits."""
        return f"{self.random.getrandbits(4 * digits):0{digits}x}"

    def opaque(self, size: int) -> str:
        """Returns ``size`` random letters and digits, which is what secrets look like."""
        return "".join(self.random.choices(string.ascii_letters + string.digits, k=size))

    def sexagesimal(self) -> str:
        """Returns minutes and seconds."""
        return f"{self.number(60):02d}:{self.number(60):02d}"

    def message(self) -> str:
        """Returns a sentence; about 8 % hold a word that a careless rule takes for a secret."""
        if self._uniform() < _DECOY_SHARE:
            return f"{self.pick(_DECOYS)} of {self.pick(self.pods)}"
        return (
            f"{self.pick(_VERBS)} {self.pick(_THINGS)} {self.pick(self.namespaces)}/{self.pick(self.pods)}"
            f" in {self.number(900)}ms: {self.pick(_REASONS)}"
        )

    def secret(self) -> str:
        """Returns a message that holds a secret. No quotation marks, so that it fits into any format."""
        key = self.opaque(40)
        return self.pick(
            (
                f"login with password={self.opaque(14)} refused for {self.pick(self.users)}",
                f"upstream asked with Authorization: Bearer {self.opaque(20)}.{self.opaque(80)}.{key}",
                f"using AWS_SECRET_ACCESS_KEY={key} from the environment",
                f"connecting to postgres://app:{self.opaque(16)}@db.conductor.svc:5432/conductor",
                f"retrying with api_key={self.opaque(32)} after 3 failures",
                f"found ghp_{self.opaque(36)} in the build arguments",
            )
        )

    def _many(self, count: int, make: Callable[[], str]) -> tuple[str, ...]:
        return tuple(make() for _ in range(count))


_TELLING = re.compile("[=_]|//|Bearer")  # only messages with a secret have these

Form = Callable[[Vocabulary, str], str]


def lines(kind: str, seed: int, start: datetime) -> Iterator[str]:
    """Yields endless lines of one format, each after the time stamp that ``timestamps=true`` asks for."""
    words = Vocabulary(seed)
    form = _FORMS[kind]
    ordinary = itertools.chain.from_iterable(_blocks(kind, form, words))
    for number, moment in enumerate(_moments(words, start), 1):
        secret = number % _SECRET_EVERY == 0
        yield f"{moment} {form(words, words.secret()) if secret else next(ordinary)}\n"


def _moments(vocabulary: Vocabulary, start: datetime) -> Iterator[str]:
    for second in itertools.count():
        prefix = (start + timedelta(seconds=second)).strftime("%Y-%m-%dT%H:%M:%S.")
        for slot in range(int(1 / _STEP.total_seconds())):
            yield f"{prefix}{slot * 3:03d}{vocabulary.number(1_000_000):06d}Z"


def _blocks(kind: str, form: Form, words: Vocabulary) -> Iterator[Iterable[str]]:
    """Yields what stands together: a line, a stack trace, a key."""
    for number in itertools.count(1):
        yield (form(words, words.message()),)
        if kind == "java" and number % _TRACE_EVERY == 0:
            yield _trace(words)
        if kind != "zap" and number % _KEY_BLOCK_EVERY == 0:
            yield _key_block(words)


def _trace(vocabulary: Vocabulary) -> Iterator[str]:
    yield f"java.lang.IllegalStateException: {vocabulary.message()}"
    for _ in range(6 + vocabulary.number(12)):
        name = vocabulary.pick(_CLASSES)
        yield (
            f"\tat com.netflix.conductor.core.execution.{name}.lambda$handle${vocabulary.number(20)}"
            f"({name}.java:{vocabulary.number(900)}) ~[core-3.{vocabulary.number(20)}.jar!/:3.15]"
        )


def _key_block(vocabulary: Vocabulary) -> Iterator[str]:
    label = "RSA PRIVATE KEY"
    yield f"-----BEGIN {label}-----"
    body = base64.b64encode(vocabulary.random.randbytes(24 * 48)).decode()
    yield from (body[at : at + 64] for at in range(0, len(body), 64))
    yield f"-----END {label}-----"


def _klog(words: Vocabulary, message: str) -> str:
    return (
        f"I1120 10:{words.sexagesimal()}.{words.number(1000000):06d}       1 "
        f'controller.go:{words.number(900)}] "{message}" podUID={words.hex(8)}-{words.hex(4)}-{words.hex(12)}'
        f' node="ip-{words.number(255)}.compute.internal" pod="{words.pick(words.pods)}"'
    )


def _zap(words: Vocabulary, message: str) -> str:
    return json.dumps(
        {
            "level": "info",
            "ts": 1_795_000_000 + words.number(1_000_000) / 1000,
            "caller": f"workflow/reconciler.go:{words.number(900)}",
            "msg": message,
            "namespace": words.pick(words.namespaces),
            "name": words.pick(words.pods),
            "reconcileID": f"{words.hex(8)}-{words.hex(12)}",
            "attempt": words.number(9),
        },
        separators=(",", ":"),
    )


def _nginx(words: Vocabulary, message: str) -> str:
    path = f"{words.pick(_PATHS)}{words.hex(8)}"
    note = f' "{message}"' if words.number(8) == 0 or _TELLING.search(message) else ""
    return (
        f"{words.pick(words.addresses)} - - [20/Nov/2026:10:{words.sexagesimal()} +0000] "
        f'"GET {path} HTTP/1.1" 200 {words.number(90000)} "https://conductor.example.com/" '
        f'"{words.pick(_AGENTS)}" {words.number(900)} 0.{words.number(999):03d} '
        f"[conductor-web-80] [] {words.pick(words.addresses)}:8080 200 {words.hex(32)}{note}"
    )


def _logfmt(words: Vocabulary, message: str) -> str:
    return (
        f"level=info ts=2026-11-20T10:00:00Z caller=compact.go:{words.number(900)} component=tsdb"
        f' msg="{message}" user={words.pick(words.users)} duration={words.number(900)}ms'
        f" instance={words.pick(words.addresses)}:9090"
        f" traceID={words.hex(32)}"
    )


def _java(words: Vocabulary, message: str) -> str:
    return (
        f"{words.number(10_000_000)} [sweeper-thread-{words.number(16)}] INFO  "
        f"com.netflix.conductor.core.{words.pick(_CLASSES)} [] - {message} workflowId={words.hex(32)}"
    )


def _postgres(words: Vocabulary, message: str) -> str:
    return (
        f"2026-11-20 10:{words.sexagesimal()}.{words.number(1000):03d} UTC "
        f"[{words.number(32768)}] {words.pick(words.addresses)} app@conductor LOG:  duration: "
        f"{words.number(90)}.{words.number(1000):03d} ms  execute S_1: COMMIT of workflow_execution "
        f"with correlation_id '{words.hex(24)}', 50 rows: {message}"
    )


_FORMS: dict[str, Form] = {
    "klog": _klog,
    "zap": _zap,
    "nginx": _nginx,
    "logfmt": _logfmt,
    "java": _java,
    "postgres": _postgres,
}
