"""Runs the collectors, each in its own thread and time; their records go through a pen into the bundle.

A collector that raises, hangs or is refused costs its own records only: what it had delivered stays, what
is missing becomes a gap. Threads are daemons, so one that never comes back cannot hold up the end.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from collector.bundle.writer import BundleWriter
from collector.collectors import Collector, Context
from collector.core.deadline import Deadline
from collector.core.log import Logger
from collector.core.text import human_bytes
from collector.findings import CollectorRun
from collector.pipeline.pen import Pen
from collector.records import Gap, Lines, Record, Status
from collector.redaction import Redactor

_POLL_SECONDS = 0.2


@dataclass
class Gathered:
    """What the collectors left behind."""

    runs: list[CollectorRun] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)
    withheld: int = 0


@dataclass
class _Work:
    """One collector on its way. ``error`` is the exception that ended it, if one did."""

    collector: Collector
    pen: Pen
    deadline: Deadline
    started: float
    done: threading.Event = field(default_factory=threading.Event)
    error: Exception | None = None


class Gatherer:
    """Schedules collectors: each starts when those it comes after have ended."""

    def __init__(
        self,
        context: Context,
        *,
        redactor: Redactor,
        writer: BundleWriter,
        deadline: Deadline,
        log: Logger,
    ) -> None:
        self._context = context
        self._redactor = redactor
        self._writer = writer
        self._deadline = deadline
        self._log = log
        self._gathered = Gathered()

    def run(self, collectors: Sequence[Collector]) -> Gathered:
        """Returns when every collector has ended or its time is over."""
        waiting = list(collectors)
        active: list[_Work] = []
        ended: set[str] = set()
        planned = {collector.name for collector in collectors}
        while waiting or active:
            ready = [c for c in waiting if set(c.after) & planned <= ended]
            for collector in ready:
                waiting.remove(collector)
                active.append(self._start(collector))
            for work in [w for w in active if w.done.wait(0) or w.deadline.expired]:
                active.remove(work)
                ended.add(work.collector.name)
                self._finish(work)
            if active and not any(work.done.is_set() for work in active):
                active[0].done.wait(_POLL_SECONDS)
        return self._gathered

    def _start(self, collector: Collector) -> _Work:
        name = collector.name
        # What must always be written (the agent's own account) gets time even when the run's is over.
        deadline = self._deadline.child(collector.seconds)
        if collector.always and deadline.expired:
            deadline = Deadline(self._context.clock, collector.seconds)
        pen = Pen(name, redactor=self._redactor, writer=self._writer)
        work = _Work(collector, pen, deadline, time.monotonic())
        self._log.debug("collector started", collector=name)
        threading.Thread(target=self._work, args=(work,), name=f"collector-{name}", daemon=True).start()
        return work

    def _work(self, work: _Work) -> None:
        context = _with_api(self._context, work)
        try:
            records = work.collector.collect(context)
            if work.collector.bulky:
                _spread(records, work.pen, self._context.spec.logs.streams)
            else:
                for record in records:
                    work.pen.take(record)
        except Exception as error:  # noqa: BLE001 - one collector's defect must not cost the others
            work.error = error
        finally:
            work.done.set()

    def _finish(self, work: _Work) -> None:
        name, pen = work.collector.name, work.pen
        late = not work.done.is_set()
        pen.revoke()
        if late:
            pen.note(
                Gap(
                    subject=f"collector {name}",
                    status=Status.TIMEOUT,
                    reason="its time was over; what it had delivered is kept",
                    needs="more time: set limits.run in the spec, or --timeout",
                )
            )
        elif work.error is not None:
            pen.note(
                Gap(
                    subject=f"collector {name}",
                    status=Status.FAILED,
                    reason=f"{type(work.error).__name__}: {work.error}",
                )
            )
        run = CollectorRun(
            name=name,
            status=_status(late=late, failed=work.error is not None, pen=pen),
            seconds=round(time.monotonic() - work.started, 3),
            requests=self._context.api.log.of(name),
            entries=pen.entries,
            size=pen.size,
            note=f"{len(pen.gaps)} gaps" if pen.gaps else "",
        )
        self._gathered.runs.append(run)
        self._gathered.gaps.extend(pen.gaps)
        self._gathered.withheld += pen.withheld
        self._log.info(
            "collected",
            say=_line(run, len(pen.gaps)),
            collector=name,
            status=str(run.status),
            entries=run.entries,
            seconds=run.seconds,
            gaps=len(pen.gaps),
        )


def _line(run: CollectorRun, gaps: int) -> str:
    """Returns one progress line, well below 80 columns."""
    missing = f", {gaps} not had" if gaps else ""
    size = human_bytes(run.size)
    return (
        f"  {run.name:<10} {run.status:<9} {run.entries:>5} entries {size:>9} {run.seconds:>6.1f}s{missing}"
    )


def _with_api(context: Context, work: _Work) -> Context:
    return Context(
        api=context.api.view(work.collector.name, work.deadline),
        clock=context.clock,
        spec=context.spec,
        discovery=context.discovery,
        version=context.version,
        digest=context.digest,
        since=context.since,
    )


def _status(*, late: bool, failed: bool, pen: Pen) -> Status:
    if late:
        return Status.TIMEOUT
    if failed:
        return Status.FAILED
    missing = [gap.status for gap in pen.gaps if gap.status is not Status.ABSENT]
    if not missing:
        return Status.OK
    if not pen.entries and all(status is Status.DENIED for status in missing):
        return Status.DENIED
    return Status.PARTIAL


def _spread(records: Iterator[Record], pen: Pen, width: int) -> None:
    """Reads records whose contents are independent streams, ``width`` at a time."""
    work: queue.Queue[Record | None] = queue.Queue(maxsize=width)
    failures: list[Exception] = []

    def take_all() -> None:
        while (record := work.get()) is not None:
            try:
                pen.take(record)
            except Exception as error:  # noqa: BLE001 - raised again below, in the collector's own thread
                failures.append(error)

    threads = [threading.Thread(target=take_all, name=f"stream-{n}", daemon=True) for n in range(width)]
    for thread in threads:
        thread.start()
    try:
        for record in records:
            if isinstance(record, Lines):
                work.put(record)
            else:
                pen.take(record)
    finally:
        for _ in threads:
            work.put(None)
        for thread in threads:
            thread.join()
    if failures:
        raise failures[0]
