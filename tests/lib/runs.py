"""Whole runs of the pipeline against recorded clusters, in a folder of the test's."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from collector.bundle.reader import BundleReader
from collector.collectors import COLLECTORS, Collector
from collector.core.clock import Clock, OffsetClock
from collector.core.ids import new_bundle_id
from collector.core.log import LogSink, make_logger
from collector.delivery import ErrbitSettings
from collector.demo.apiserver import RecordedApi, Rule, serve
from collector.demo.recording import Recording
from collector.kube.config import Connection, ConnectionOptions, CredentialsError
from collector.pipeline import RunOptions, RunResult, run
from collector.pipeline.interrupt import Interrupt
from collector.redaction import Redactor, load_rules
from collector.spec import Spec, load_spec
from collector.sql import Database
from collector.web.errbit import ErrbitSource
from tests.lib.clusters import connection
from tests.lib.faulty import FaultyApi

Faults = Callable[[FaultyApi], object]


class HastyClock(OffsetClock):
    """Runs at the time of the recording; waiting between retries passes at once."""

    def __init__(self, start: datetime) -> None:
        super().__init__(start)
        self._skipped = 0.0

    def monotonic(self) -> float:
        return super().monotonic() + self._skipped

    def sleep(self, seconds: float) -> None:
        self._skipped += seconds


def collect(
    recording: Recording,
    folder: Path,
    *,
    faults: Faults = lambda api: None,
    deny: Collection[Rule] = (),
    collectors: tuple[Collector, ...] = COLLECTORS,
    spec: Spec | None = None,
    errbit: ErrbitSettings | None = None,
    errbit_source: ErrbitSource | None = None,
    database: Database | None = None,
    request_timeout: float = 3.0,
    headers: dict[str, str] | None = None,
    requests: list[str] | None = None,
    interrupt: Interrupt | None = None,
    no_login: CredentialsError | None = None,
    change: Callable[[Connection], Connection] = lambda link: link,
    offset: float = 0.0,
) -> RunResult:
    """Runs the pipeline once.

    ``requests`` receives the request lines that the server saw; ``change`` makes another connection of the
    one to it; ``offset`` is by how many seconds our clock is ahead of the server's.
    """
    clock: Clock = HastyClock(recording.recorded_at + timedelta(seconds=offset))
    faulty = FaultyApi(RecordedApi(recording, OffsetClock(recording.recorded_at), deny=deny))
    faults(faulty)
    bundle_id = new_bundle_id(clock.now())
    redactor = Redactor(load_rules())
    sink = LogSink(None)
    log = make_logger(sink, clock=clock, run_id=bundle_id, json_lines=True, processors=(redactor.processor,))
    options = RunOptions(
        connection=ConnectionOptions(),
        spec=spec or load_spec(),
        dest_dir=folder,
        errbit=errbit,
        errbit_source=errbit_source,
        database=database,
        demo=True,
    )
    with serve(faulty) as url:
        link = connection(url, request_timeout=request_timeout)
        link = change(replace(link, headers=lambda: headers) if headers else link)
        try:
            return run(
                options,
                link,
                clock=clock,
                log=log,
                sink=sink,
                redactor=redactor,
                bundle_id=bundle_id,
                collectors=collectors,
                interrupt=interrupt,
                no_login=no_login,
            )
        finally:
            link.pool.clear()
            if requests is not None:
                requests.extend(f"{request.method} {request.path}" for request in faulty.requests)


def verdicts(result: RunResult) -> dict[str, tuple[str, str, str]]:
    """Returns outcome, scope and clauses by ``rule subject-name``."""
    return {
        f"{judged.finding.rule} {judged.finding.subject.name}": (
            str(judged.finding.outcome),
            str(judged.classification.scope),
            " ".join(clause.id for clause in judged.classification.clauses),
        )
        for judged in result.report.findings
    }


def whole(path: Path) -> bytes:
    """Returns everything a bundle holds, names included, in one piece."""
    with BundleReader(path) as reader:
        return b"\n".join(name.encode() + b"\n" + reader.read(name) for name in reader.names())


def entry(path: Path, name: str) -> Any:
    """Returns one JSON entry."""
    with BundleReader(path) as reader:
        return json.loads(reader.read(name))


def problems(path: Path) -> tuple[str, ...]:
    """Returns what verify finds wrong."""
    with BundleReader(path) as reader:
        return reader.verify().problems
