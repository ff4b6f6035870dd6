"""What the delivery's tests share: a clock that only sleeps, small reports, a receiver on loopback."""

from __future__ import annotations

import contextlib
import json
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from collector.core.deadline import Deadline
from collector.delivery import ErrbitSettings, Secret
from collector.delivery.deliver import Delivery, deliver
from collector.findings import (
    Classification,
    Clause,
    Evidence,
    Facts,
    Finding,
    Impact,
    JudgedFinding,
    Outcome,
    PolicyInfo,
    Report,
    RunInfo,
    Scope,
    Subject,
)
from collector.receiver import Receiver, Store, serve

KEY = "3f2c9d0ab75e4d1f8c6e90b1a2d4c7ff"
START = datetime(2026, 11, 20, 22, 0, 41, tzinfo=UTC)


class FakeClock:
    """Time passes only by sleeping; every sleep is written down."""

    def __init__(self) -> None:
        self.sleeps: list[float] = []

    def now(self) -> datetime:
        return START + timedelta(seconds=self.monotonic())

    def monotonic(self) -> float:
        return sum(self.sleeps)

    def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)

    @property
    def backoffs(self) -> list[float]:
        """The sleeps between tries, without the short pauses between notices."""
        return [seconds for seconds in self.sleeps if seconds > 0.2]


class LogLines:
    """A logger that keeps what it is told."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def info(self, event: str, **details: object) -> None:
        self.lines.append(f"info {event} {details}")

    def warning(self, event: str, **details: object) -> None:
        self.lines.append(f"warning {event} {details}")


@dataclass(frozen=True)
class Bundle:
    path: Path = Path("/var/lib/conductor-diag/conductor-20261120.tar.zst")
    sha256: str = "ab" * 32
    size: int = 6_500_000


CLAUSE = Clause(id="C3a", document="Conductor Support", words="Failure assistance for a running installation")


def finding(**changes: Any) -> Finding:
    values: dict[str, Any] = {
        "rule": "CND-APP-001",
        "topic": "app.crash_loop",
        "title": "A container is in a crash loop",
        "summary": "conductor-api restarted 14 times within 2 h",
        "outcome": Outcome.FAIL,
        "impact": Impact.OUTAGE,
        "subject": Subject(kind="Deployment", name="conductor-api", namespace="conductor"),
        "evidence": (Evidence(path="cluster-resources/pods/conductor.json", pointer="/items/3/status"),),
        "facts": {"restarts": "14"},
        "remedy": "Read its last words",
    }
    return Finding(**{**values, **changes})


def judged(
    *, scope: Scope = Scope.SUPPORTED, clauses: tuple[Clause, ...] = (CLAUSE,), **changes: Any
) -> JudgedFinding:
    classification = Classification(
        scope=scope,
        clauses=clauses,
        severities=(1, 2),
        severities_stated=True,
        row="row-7",
        why="The subject belongs to Conductor",
    )
    return JudgedFinding(finding=finding(**changes), classification=classification)


def run_info(**changes: Any) -> RunInfo:
    values: dict[str, Any] = {
        "bundle_id": "cnd20261120t220041z0a1b2c3d",
        "agent_version": "0.3.1.dev4+g0a1b2c3",
        "started": START,
        "finished": START + timedelta(seconds=90),
        "context": "admin@prod",
        "server": "https://k8s.example.com:6443",
        "label": "prod-eu",
        "case": "00123456",
        "window_seconds": 172800,
        "tls_verified": True,
        "clock_skew_seconds": 0.2,
        "spec_sha256": "cd" * 32,
        "policy": PolicyInfo(id="conductor-1.1", version="1", sha256="ef" * 32),
        "collectors": (),
        "gaps": (),
        "entries": 412,
    }
    return RunInfo(**{**values, **changes})


def report(*findings: JudgedFinding, **changes: Any) -> Report:
    return Report(run=run_info(**changes), facts=Facts(), findings=findings or (judged(),))


def settings(url: str, spool: Path | None = None, **changes: Any) -> ErrbitSettings:
    values: dict[str, Any] = {"url": url, "key": Secret(KEY), "hostname": "prod-eu", "spool_dir": spool}
    return ErrbitSettings(**{**values, **changes})


def deadline(clock: FakeClock, seconds: float = 600) -> Deadline:
    return Deadline(clock, seconds)


@contextlib.contextmanager
def running(**changes: Any) -> Iterator[tuple[Receiver, str]]:
    """A receiver that knows ``KEY`` and its address."""
    store = changes.pop("store", None) or Store()
    max_body = changes.pop("max_body", 16 * 1024 * 1024)
    receiver = Receiver(changes.pop("key", KEY), store=store, clock=FakeClock(), **changes)
    with serve(receiver, max_body=max_body) as url:
        yield receiver, url


def endpoint() -> Iterator[tuple[Receiver, str]]:
    """For a fixture: a running receiver."""
    with running() as started:
        yield started


def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """For a fixture: what this machine's environment says of proxies is not heard."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


def new_clock() -> FakeClock:
    """For a fixture."""
    return FakeClock()


def spool_path(tmp_path: Path) -> Path:
    """For a fixture: where a spool may be made."""
    return tmp_path / "spool"


def many(count: int) -> Report:
    """A report with ``count`` findings of one rule, so one more notice."""
    return report(*(judged(subject=Subject(kind="Pod", name=f"p{number}")) for number in range(count)))


def send(url: str, clock: FakeClock, spool: Path | None = None, findings: int = 1) -> Delivery:
    """Delivers ``many(findings)``."""
    return deliver(many(findings), Bundle(), settings(url, spool), clock=clock, deadline=deadline(clock))


def kept(spool: Path) -> list[str]:
    """The types of the notices in a spool."""
    return sorted(json.loads(path.read_text())["name"] for path in spool.glob("*.json"))


def closed_port() -> str:
    """An address where nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}"
