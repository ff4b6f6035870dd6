"""Runs the collectors, each in its own thread and time; their records go through a pen into the bundle.

A collector that raises, hangs or is refused costs its own records only: what it had delivered stays, what
is missing becomes a gap. Threads are daemons, so one that never comes back cannot hold up the end.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from collector.bundle.writer import BundleWriter
from collector.collectors import Collector, Context
from collector.core.deadline import Deadline
from collector.core.log import Logger
from collector.findings import CollectorRun
from collector.pipeline.budget import Budget
from collector.pipeline.pen import Pen
from collector.pipeline.progress import Active, Progress, line
from collector.pipeline.spread import spread
from collector.records import Gap, Status
from collector.redaction import Ledger, Redactor

_POLL_SECONDS = 0.2
_MORE_TIME = "more time: set limits.run in the spec, or --timeout"
_ALWAYS_SECONDS = 30.0
_GRACE_SECONDS = 3.0
"""After its deadline a collector's requests end by themselves; so long it may close what it has open."""


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
    over_since: float | None = None

    @property
    def overdue(self) -> bool:
        """True once it has not ended some time after its deadline."""
        if not self.deadline.expired:
            return False
        self.over_since = self.over_since or time.monotonic()
        return time.monotonic() - self.over_since >= _GRACE_SECONDS


class Gatherer:
    """Schedules collectors: each starts when those it comes after have ended."""

    def __init__(
        self,
        context: Context,
        *,
        redactor: Redactor,
        writer: BundleWriter,
        ledger: Ledger,
        budget: Budget,
        deadline: Deadline,
        log: Logger,
        progress: Progress,
    ) -> None:
        self._context = context
        self._redactor = redactor
        self._writer = writer
        self._ledger = ledger
        self._budget = budget
        self._deadline = deadline
        self._seconds = deadline.left()
        self._log = log
        self._progress = progress
        self._gathered = Gathered()
        self._told = False

    def run(self, collectors: Sequence[Collector]) -> Gathered:
        """Returns when every collector has ended or its time is over."""
        waiting = list(collectors)
        active: list[_Work] = []
        ended: set[str] = set()
        planned = {collector.name for collector in collectors}
        while (waiting or active) and not self._writer.failure:
            if self._deadline.stopped:
                self._let_go(waiting, ended)
            ready = [c for c in waiting if set(c.after) & planned <= ended]
            for collector in ready:
                waiting.remove(collector)
                active.append(self._start(collector))
            for work in [w for w in active if w.done.is_set() or w.overdue]:
                active.remove(work)
                ended.add(work.collector.name)
                self._show(active)
                self._finish(work)
            if active and not any(work.done.is_set() for work in active):
                self._show(active)
                active[0].done.wait(_POLL_SECONDS)
        self._progress.close()
        return self._gathered

    def _let_go(self, waiting: list[Collector], ended: set[str]) -> None:
        """Who has not begun when the run is asked to stop does not begin."""
        if not self._told:
            self._told = True
            why = self._deadline.stopped
            self._log.warning(
                "stopping", say=f"{why}; keeping what was collected (once more: give up)", reason=why
            )
        for collector in [c for c in waiting if not c.always]:
            waiting.remove(collector)
            ended.add(collector.name)
            self._gathered.runs.append(CollectorRun.skipped(collector.name, "not begun"))
            self._gathered.gaps.append(
                Gap(
                    subject=f"collector {collector.name}",
                    status=Status.SKIPPED,
                    reason=f"{self._deadline.stopped} before it began",
                )
            )

    def _show(self, active: Sequence[_Work]) -> None:
        self._progress.show([_active(work) for work in active])

    def _start(self, collector: Collector) -> _Work:
        name = collector.name
        # What must always be written (the agent's own account) gets time even when the run's is over.
        seconds = min(collector.seconds, collector.part * self._seconds)
        deadline = self._deadline.child(seconds)
        if collector.always and deadline.expired:
            deadline = Deadline(self._context.clock, min(collector.seconds, _ALWAYS_SECONDS))
        pen = Pen(
            name,
            redactor=self._redactor,
            writer=self._writer,
            ledger=self._ledger,
            budget=self._budget,
            vital=collector.vital,
        )
        work = _Work(collector, pen, deadline, time.monotonic())
        self._log.debug("collector started", collector=name)
        threading.Thread(target=self._work, args=(work,), name=f"collector-{name}", daemon=True).start()
        return work

    def _work(self, work: _Work) -> None:
        collector = work.collector
        context = replace(self._context, api=self._context.api.view(collector.name, work.deadline))
        try:
            spread(collector.collect(context), work.pen.take, collector.width(context.spec))
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
                    reason=f"{work.deadline.stopped or 'its time was over'}; what it had delivered is kept",
                    needs="" if work.deadline.stopped else _MORE_TIME,
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
            note=f"{len(pen.gaps)} not collected" if pen.gaps else "",
        )
        if run.status is Status.OK and not run.entries and (why := self._unwanted(name)):
            run = CollectorRun.skipped(name, why)
        self._gathered.runs.append(run)
        # Batches end in any order; what is missing reads the same in every run.
        self._gathered.gaps.extend(sorted(pen.gaps, key=lambda gap: (gap.subject, gap.namespace)))
        self._gathered.withheld += pen.withheld
        self._log.info(
            "collected",
            say=line(name, str(run.status), run.entries, run.size, run.seconds, missing=len(pen.gaps)),
            collector=name,
            status=str(run.status),
            entries=run.entries,
            seconds=run.seconds,
            gaps=len(pen.gaps),
        )

    def _unwanted(self, name: str) -> str:
        """Returns why none of a collector's lists was to be read; empty if one was, or it has none."""
        reasons = [choice.skipped for choice in self._context.choices if choice.collector == name]
        return reasons[0] if reasons and all(reasons) else ""


def _active(work: _Work) -> Active:
    return Active(
        name=work.collector.name,
        entries=work.pen.entries,
        size=work.pen.reading,
        seconds=time.monotonic() - work.started,
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
    if all(status is Status.TRUNCATED for status in missing):
        return Status.TRUNCATED
    return Status.PARTIAL
