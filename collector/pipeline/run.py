"""The pipeline on one screen."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from collector.bundle.writer import BundleWriter, Sealed
from collector.collectors import COLLECTORS, Collector
from collector.core.clock import Clock
from collector.core.deadline import Deadline
from collector.core.log import Logger, LogSink
from collector.delivery import Delivery
from collector.findings import Report
from collector.kube.config import Connection
from collector.pipeline.deliver import send
from collector.pipeline.gather import Gatherer
from collector.pipeline.judge import judge
from collector.pipeline.options import RunOptions
from collector.pipeline.pack import pack_account, pack_reports, seal
from collector.pipeline.plan import Plan, make_plan
from collector.pipeline.retention import prune
from collector.redaction import Redactor


@dataclass(frozen=True, kw_only=True)
class RunResult:
    """What a run left behind. ``delivery`` is None when nothing was to be delivered."""

    report: Report
    bundle: Sealed
    ticket: Path
    delivery: Delivery | None


def run(
    options: RunOptions,
    connection: Connection,
    *,
    clock: Clock,
    log: Logger,
    sink: LogSink,
    redactor: Redactor,
    bundle_id: str,
    collectors: tuple[Collector, ...] = COLLECTORS,
) -> RunResult:
    """Does the whole work once: plan, collect, redact, write, judge, report, seal, deliver.

    Raises:
        UnreachableError: the API server does not answer or does not know us; nothing is written.
        OutputError: the bundle cannot be written; no partial file is left.
        WithheldError: redaction could not be trusted; nothing is published.
    """
    plan: Plan = make_plan(
        options,
        connection,
        clock=clock,
        log=log,
        redactor=redactor,
        bundle_id=bundle_id,
        collectors=collectors,
    )
    with BundleWriter(plan.path, mtime=plan.started) as writer:
        gatherer = Gatherer(
            plan.context, redactor=plan.redactor, writer=writer, deadline=plan.collecting, log=log
        )
        gathered = gatherer.run(plan.collectors)
        pack_account(plan, gathered, writer)
        report = judge(writer.reader(), plan.run_info(gathered, writer), plan.policy)
        pack_reports(plan, report, writer, sink)
        sealed = seal(plan, report, writer)
    ticket = plan.write_ticket(report, sealed)
    if options.keep_last:
        prune(options.dest_dir, options.label, options.keep_last)
    delivery = send(
        report, sealed, options.errbit, clock=clock, deadline=_delivery_time(plan, clock), log=log
    )
    return RunResult(report=report, bundle=sealed, ticket=ticket, delivery=delivery)


_DELIVERY_SECONDS = 60.0


def _delivery_time(plan: Plan, clock: Clock) -> Deadline:
    """Delivery gets what the run has left, but never less than a minute: the bundle is already safe."""
    return Deadline(clock, max(plan.deadline.left(), _DELIVERY_SECONDS))
