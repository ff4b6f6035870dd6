"""A connection to a recorded (or misbehaving) API server, for tests that need no kubeconfig."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import urllib3

from collector.core.clock import Clock, OffsetClock, SystemClock
from collector.core.deadline import Deadline
from collector.demo.apiserver import RecordedApi, serve
from collector.demo.recording import Recording
from collector.kube.api import Api
from collector.kube.config import Connection
from collector.kube.requestlog import RequestLog
from collector.kube.wire import bounded
from tests.lib.faulty import FaultyApi


class PatientClock(SystemClock):
    """Notes what it was asked to sleep and passes the time at once."""

    def __init__(self) -> None:
        self.slept: list[float] = []

    def monotonic(self) -> float:
        return super().monotonic() + sum(self.slept)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)


def connection(url: str, *, request_timeout: float = 5.0) -> Connection:
    return Connection(
        server=url,
        context="test",
        user="tester",
        namespace="conductor",
        tls_verified=True,
        request_timeout=request_timeout,
        pool=bounded(urllib3.PoolManager(maxsize=32)),
        headers=dict,
    )


@contextlib.contextmanager
def served(
    recording: Recording, *, clock: Clock | None = None, seconds: float = 20.0, request_timeout: float = 5.0
) -> Iterator[tuple[FaultyApi, Api]]:
    """Serves a recording with faults at hand; gives the server and an API on it."""
    faulty = FaultyApi(RecordedApi(recording, OffsetClock(recording.recorded_at)))
    clock = clock or PatientClock()
    with serve(faulty) as url:
        link = connection(url, request_timeout=request_timeout)
        yield (
            faulty,
            Api(link, clock=clock, deadline=Deadline(clock, seconds), log=RequestLog(), bundle_id="cndtest"),
        )
        link.pool.clear()
