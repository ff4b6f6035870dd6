"""The pipeline on one screen."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from collector.bundle.writer import BundleWriter, Sealed
from collector.collectors import COLLECTORS, Collector
from collector.core import quantity
from collector.core.clock import Clock
from collector.core.errors import UnreachableError
from collector.core.heap import give_back
from collector.core.log import Logger, LogSink
from collector.findings import Report
from collector.kube.config import Connection, CredentialsError
from collector.pipeline.budget import Budget
from collector.pipeline.gather import Gathered, Gatherer
from collector.pipeline.interrupt import Interrupt
from collector.pipeline.options import RunOptions
from collector.pipeline.plan import Plan, make_plan
from collector.pipeline.progress import Progress
from collector.pipeline.proof import COLLECTOR as PROOF
from collector.pipeline.proof import Proof, agent_secrets
from collector.pipeline.selection import not_run
from collector.pipeline.ticket import file_info, temporary_files, write_ticket
from collector.redaction import Ledger, Redactor

if TYPE_CHECKING:
    from collector.delivery.deliver import Delivery


@dataclass(frozen=True, kw_only=True)
class RunResult:
    """What a run left behind.

    ``ticket`` is None when its text could not be written, ``delivery`` when nothing was to be delivered,
    ``unreachable`` when the cluster could be read; otherwise the bundle holds what this machine can tell.
    """

    report: Report
    bundle: Sealed
    ticket: Path | None
    delivery: Delivery | None
    unreachable: UnreachableError | None = None


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
    interrupt: Interrupt | None = None,
    no_login: CredentialsError | None = None,
) -> RunResult:
    """Does the whole work once: plan, collect, redact, write, judge, report, seal, deliver.

    Args:
        options: the operator's wishes.
        connection: the cluster.
        clock: the time of the run.
        log: takes progress and warnings.
        sink: what ``log`` writes to; its lines go into the bundle.
        redactor: what every byte passes.
        bundle_id: the run's name.
        collectors: what can be collected.
        interrupt: the signals that the caller listens to.
        no_login: why there are no credentials; the cluster is then not asked.

    Raises:
        OutputError: the bundle cannot be written; no partial file is left.
        WithheldError: redaction could not be trusted; nothing is published.
        AbortedError: a second signal, or one before anything was collected; no partial file is left.
    """
    interrupt = interrupt or Interrupt()
    plan: Plan = make_plan(
        options,
        connection,
        clock=clock,
        log=log,
        redactor=redactor,
        bundle_id=bundle_id,
        collectors=collectors,
        stop=interrupt.stop,
        no_login=no_login,
    )
    with (
        interrupt.keeping(plan.path, *temporary_files(plan.path)),
        BundleWriter(plan.path, mtime=plan.started) as writer,
    ):
        proof = Proof(agent_secrets(connection, options))
        ledger = Ledger(apart=PROOF)
        gathered = _collect(plan, writer, ledger, proof, log, sink)
        gathered.runs += not_run(options.spec, collectors)
        report, sealed = _conclude(plan, gathered, writer, ledger, proof, sink)
        # Imported when their turn comes: the first request need not wait for templates and rules.
        from collector.pipeline.deliver import prune_bundles, send
        from collector.report.summary import summary_md

        ticket = write_ticket(summary_md(report, file_info(sealed)), sealed, log)
        delivery = send(plan, report, sealed, log)
        if not plan.unreachable:
            prune_bundles(options, clock)
    return RunResult(
        report=report, bundle=sealed, ticket=ticket, delivery=delivery, unreachable=plan.unreachable
    )


def _collect(
    plan: Plan, writer: BundleWriter, ledger: Ledger, proof: Proof, log: Logger, sink: LogSink
) -> Gathered:
    """Reads the cluster into the bundle, redacted, within the budget and the time for it."""
    budget = Budget(quantity.size(plan.options.spec.limits.bundle))
    proof.plant(plan.redactor, writer, ledger, budget)
    gatherer = Gatherer(
        plan.context,
        redactor=plan.redactor,
        writer=writer,
        ledger=ledger,
        budget=budget,
        deadline=plan.collecting,
        log=log,
        progress=Progress(sink, log),
    )
    gathered = gatherer.run(plan.collectors)
    plan.context.digest.forget()
    give_back()  # the peak comes later, when the bundle is proven
    if plan.options.offline:
        gathered.gaps = [replace(gap, needs="") for gap in gathered.gaps]
    return gathered


def _conclude(
    plan: Plan, gathered: Gathered, writer: BundleWriter, ledger: Ledger, proof: Proof, sink: LogSink
) -> tuple[Report, Sealed]:
    """Judges what was gathered, adds the reports and seals the bundle."""
    from collector.pipeline.judge import judge
    from collector.pipeline.pack import REPORTS, Packer, seal

    packer = Packer(plan, writer, ledger)
    packer.account(gathered)
    run_info = plan.run_info(gathered, writer, to_come=len(REPORTS))
    report = judge(writer.reader(), run_info, plan.policy)
    packer.reports(report, sink)
    return report, seal(plan, report, writer, proof)
